"""`utils.training` as a user meets it: what `fit` promises, and what it does about faults."""

from __future__ import annotations

import copy
import io
import os
import runpy
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR

from utils.data import load
from utils.training import TrainingError, accuracy, evaluate, fit, predict
from utils.training.checkpoint import CheckpointError

ROOT = Path(__file__).resolve().parents[1]
quiet = partial(fit, progress=False)
few = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def one_thread_that_ctrl_c_interrupts(ctrl_c):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def rows(n: int = 120, seed: int = 0, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and whether their first two coordinates have the same sign."""
    x = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] * x[:, 1] > 0).long()


def mlp(dropout: float = 0.0, width: int = 5, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def cnn() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)
    )


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(v, w)
        for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return max((v - w).abs().max().item() for v, w in pairs)


class At:
    """An `augment` that does something at the given step, counted from 1."""

    def __init__(self, step, action):
        self.step, self.action, self.count = step, action, 0

    def __call__(self, x):
        self.count += 1
        if self.count == self.step:
            x = self.action(x)
        return x


def interrupt(x):
    os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
    time.sleep(0.01)
    return x


# What fit does


def test_learns_real_digits_from_a_dataset():
    digits = load("digits")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    history = quiet(
        model, digits.train, val=digits.val, epochs=15, lr=1e-2, metrics={"accuracy": accuracy}
    )
    assert list(history) == ["train_loss", "val_loss", "val_accuracy", "lr"]
    assert all(len(values) == 15 for values in history.values())
    assert history.stopped == "finished" and 1 <= history.best_epoch <= 15
    measured = evaluate(model, digits.test, metrics={"accuracy": accuracy})
    assert measured["accuracy"] > 0.92 and measured["loss"] < 0.4
    outputs = predict(model, digits.test.x, batch_size=7)
    assert outputs.shape == (len(digits.test.y), 10) and outputs.device.type == "cpu"
    assert accuracy(outputs, torch.from_numpy(digits.test.y)) == measured["accuracy"]


def test_regression_with_numpy_double_and_several_outputs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ rng.normal(size=(3, 2))
    model = nn.Linear(3, 2)
    history = quiet(model, (x, y), loss=F.mse_loss, epochs=60, lr=0.05)
    assert history["train_loss"][-1] < 1e-3
    assert evaluate(model, (x, y), loss=F.mse_loss)["loss"] < 1e-3


def test_outputs_of_any_shape():
    x = torch.rand(40, 1, 6, 6)
    y = (x[:, 0] > 0.5).long()  # a class for every pixel
    model = nn.Conv2d(1, 2, 1)
    quiet(model, (x, y), val=(x, y), epochs=40, lr=0.1, metrics={"accuracy": accuracy})
    assert evaluate(model, (x, y), metrics={"accuracy": accuracy})["accuracy"] > 0.95


def test_same_seed_same_weights_whatever_else_draws_random_numbers():
    results = []
    for noise in (1, 2):
        model = mlp(dropout=0.5)
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        quiet(model, rows(), epochs=2, seed=7)
        assert torch.equal(torch.get_rng_state(), before), "fit left its mark on the global state"
        results.append(model)
    assert same_weights(*results)
    other = mlp(dropout=0.5)
    quiet(other, rows(), epochs=2, seed=8)
    assert not same_weights(results[0], other)


@few
@given(pieces=st.integers(2, 9), batch=st.integers(9, 40), n=st.integers(9, 60))
def test_accumulation_changes_nothing_but_rounding(pieces, batch, n):
    whole, cut = mlp().double(), mlp().double()
    kwargs = dict(epochs=2, batch_size=batch, optimizer=torch.optim.SGD, lr=0.1, clip=1.0)
    a = quiet(whole, rows(n), **kwargs)
    b = quiet(cut, rows(n), accumulate=pieces, **kwargs)
    assert largest_difference(whole, cut) < 1e-12
    assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-12)


@few
@given(clip=st.floats(0.01, 10))
def test_clip_bounds_the_step(clip):
    model = mlp().double()
    before = copy.deepcopy(model)
    quiet(model, rows(30), epochs=1, batch_size=30, optimizer=torch.optim.SGD, lr=1.0, clip=clip)
    moved = [p - q for p, q in zip(model.parameters(), before.parameters(), strict=True)]
    assert torch.cat([d.flatten() for d in moved]).norm().item() <= clip * (1 + 1e-9)


def test_equals_a_loop_written_by_hand():
    (x, y), ours, theirs = rows(100), mlp(), mlp()
    quiet(ours, (x, y), epochs=3, batch_size=32, lr=1e-2, seed=3)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-2)
    order = torch.Generator().manual_seed(3)
    for _ in range(3):
        for batch in torch.randperm(100, generator=order).split(32):
            optimizer.zero_grad()
            F.cross_entropy(theirs(x[batch]), y[batch]).backward()
            optimizer.step()
    assert largest_difference(ours, theirs) < 1e-5


def test_early_stopping_puts_the_best_weights_back():
    x, y = rows(40)
    model = mlp()
    history = quiet(model, (x, y), val=rows(40, seed=1), epochs=300, lr=0.05, patience=4)
    assert history.stopped == "early" and len(history["lr"]) < 300
    best = history.best_epoch
    assert len(history["val_loss"]) == best + 4
    assert evaluate(model, rows(40, seed=1))["loss"] == pytest.approx(min(history["val_loss"]))


def test_only_trainable_parameters_move():
    model = mlp()
    model[0].requires_grad_(False)
    before = copy.deepcopy(model)
    quiet(model, rows(), epochs=2)
    assert same_weights(model[0], before[0]) and not same_weights(model[3], before[3])


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        torch.optim.RMSprop,
        torch.optim.LBFGS,
        partial(torch.optim.SGD, momentum=0.9),
        lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        "instance",
    ],
)
def test_any_optimizer(optimizer):
    model = mlp()
    if optimizer == "instance":
        optimizer = torch.optim.SGD([{"params": model[0].parameters()}], lr=0.1)
    history = quiet(model, rows(), epochs=8, batch_size=120, lr=0.01, optimizer=optimizer)
    assert history["train_loss"][-1] < history["train_loss"][0]


def test_schedulers_step_as_documented():
    sgd = dict(optimizer=torch.optim.SGD, lr=0.1, epochs=4, batch_size=30)
    history = quiet(mlp(), rows(), scheduler=partial(StepLR, step_size=2, gamma=0.1), **sgd)
    assert history["lr"] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    given_steps = []

    def one_cycle(optimizer, steps):
        given_steps.append(steps)
        return OneCycleLR(optimizer, 0.5, total_steps=steps)

    history = quiet(mlp(), rows(), scheduler=one_cycle, **sgd)
    assert given_steps == [16] and history["lr"][-1] < 1e-4 < 0.3 < max(history["lr"])
    frozen = mlp().requires_grad_(False)
    frozen[3].bias.requires_grad_(True)
    plateau = partial(ReduceLROnPlateau, patience=0, threshold=10.0, threshold_mode="abs")
    history = quiet(frozen, rows(), scheduler=plateau, **sgd)
    assert history["lr"] == pytest.approx([0.1, 0.1, 0.01, 0.001])


def test_augmentation_sees_training_batches_only():
    seen = []
    quiet(
        mlp(),
        rows(50),
        val=rows(20),
        epochs=2,
        batch_size=20,
        augment=lambda x: (seen.append(len(x)), x)[1],
    )
    assert seen == [20, 20, 10] * 2


def test_channels_last_is_invisible_to_the_user():
    x, y = torch.rand(50, 3, 8, 8), torch.arange(50) % 2
    plain, auto = cnn(), cnn()
    a = quiet(plain, (x, y), epochs=2, channels_last=False)
    b = quiet(auto, (x, y), epochs=2)
    assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-4)
    assert all(p.is_contiguous() for p in auto.parameters())

    class Viewing(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x).view(len(x), -1))

    torch.manual_seed(0)
    quiet(Viewing(nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 2)), (x, y), epochs=1)


def test_the_model_is_left_ready_to_use_and_evaluation_leaves_its_mode():
    model = mlp(dropout=0.5)
    quiet(model, rows(), epochs=1)
    assert not model.training
    model.train()
    assert torch.equal(predict(model, rows()[0]), predict(model, rows()[0])) and model.training


def test_mixed_precision_elsewhere_says_that_it_did_nothing():
    history = quiet(mlp(), rows(), epochs=1, amp=True)
    assert "needs CUDA" in repr(history)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_with_mixed_precision():
    model = cnn()
    x, y = torch.rand(200, 3, 8, 8), torch.arange(200) % 2
    x[y == 1] += 0.5
    history = quiet(model, (x, y), val=(x, y), epochs=10, device="cuda", amp=True, lr=1e-2)
    assert history["val_loss"][-1] < 0.3 and next(model.parameters()).is_cuda


# What is shown


def test_a_log_gets_few_whole_lines(capsys):
    fit(mlp(), rows(), val=rows(), epochs=100)
    out = capsys.readouterr().out
    assert "\r" not in out and "\x1b" not in out
    assert len(out.splitlines()) <= 12 and "epoch 20/100" in out and "100 epochs" in out
    fit(mlp(), rows(), epochs=2, progress=False)
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_one_live_line_and_then_the_table(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr("utils.training.progress.SECONDS_BETWEEN_UPDATES", 0.0)
    fit(mlp(), rows(300), epochs=3, batch_size=2)
    text = screen.getvalue()
    assert "epoch 1/3 [" in text and "s left" in text
    live, table = text.rsplit("\r\x1b[K", 1)
    assert "\n" not in live and table.splitlines()[-1] == "Finished after 3 epochs."


def test_history_reads_well_and_names_what_there_is():
    history = quiet(mlp(), rows(), val=rows(20, seed=1), epochs=30, metrics={"accuracy": accuracy})
    text = repr(history)
    assert len(text.splitlines()) <= 16 and text.count("best") == 1 and " s" not in text
    with pytest.raises(KeyError, match="val_accuracy"):
        history["accuracy"]


NOTEBOOK = """
import sys
sys.path.insert(0, {root!r})
import torch
from torch import nn
from utils.training import fit
x = torch.randn(64, 5); y = (x[:, 0] > 0).long()
"""


def test_a_notebook_gets_one_display_and_survives_an_interrupt():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--log-level=50"])
    try:

        def run(code, interrupt_at=None):
            """The message types and the plain text of the displays."""
            client.execute(code)
            kinds, texts = [], []
            while True:
                message = client.get_iopub_msg(timeout=60)
                kind, content = message["msg_type"], message["content"]
                if kind == "status" and content["execution_state"] == "idle":
                    return kinds, texts
                if kind in ("display_data", "update_display_data", "execute_result"):
                    texts.append(content["data"]["text/plain"])
                elif kind == "stream":
                    texts.append(content["text"])
                if kind not in ("status", "execute_input"):
                    kinds.append(kind)
                if interrupt_at is not None and texts and interrupt_at in texts[-1]:
                    manager.interrupt_kernel()
                    interrupt_at = None

        assert run(NOTEBOOK.format(root=str(ROOT))) == ([], [])
        kinds, texts = run("history = fit(nn.Linear(5, 2), (x, y), epochs=3)")
        assert kinds[0] == "display_data" and set(kinds[1:]) == {"update_display_data"}
        assert texts[-1].endswith("Finished after 3 epochs.") and "s left" not in texts[-1]
        kinds, texts = run("history = fit(nn.Linear(5, 2), (x, y), epochs=10**6)", " s left")
        assert "error" not in kinds and "Interrupted after" in texts[-1]
        assert run("print(history.stopped, len(history['lr']) > 0)")[1] == ["interrupted True\n"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


# Faults


def test_interrupt_returns_what_was_learned():
    x, y = rows(40)
    val = rows(40, seed=1)
    model = mlp()
    stop = At(150, interrupt)  # two steps an epoch: within the 75th, long after the best
    history = quiet(model, (x, y), val=val, epochs=300, batch_size=20, lr=0.05, augment=stop)
    assert history.stopped == "interrupted" and len(history["train_loss"]) == 74
    assert evaluate(model, val)["loss"] == pytest.approx(min(history["val_loss"]))
    assert history.best_epoch < 74 and not model.training


def test_interrupt_before_the_first_epoch_keeps_the_weights_of_the_moment():
    model, start = mlp(), mlp()
    history = quiet(model, rows(), batch_size=10, augment=At(5, interrupt))
    assert history.stopped == "interrupted" and len(history) == 0 and history.best_epoch is None
    assert not same_weights(model, start) and "Interrupted" in repr(history)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_and_causes(bad):
    model, reference = mlp(), mlp()
    kwargs = dict(batch_size=20, val=rows(30, seed=1))
    quiet(reference, rows(120), epochs=2, **kwargs)
    with pytest.raises(FloatingPointError) as caught:
        quiet(model, rows(120), epochs=9, augment=At(15, lambda x: x * bad), **kwargs)
    error = caught.value
    assert isinstance(error, TrainingError) and error.step == 15
    assert f"step 15; the one before {error.last_finite:.4g}" in str(error)
    assert "learning rate" in str(error) and "clip" in str(error)
    assert len(error.history["val_loss"]) == 2 and error.history.stopped == "failed"
    assert same_weights(model, reference), "the best weights so far should be back"


def test_a_loss_that_is_not_finite_names_faulty_data():
    x, y = rows()
    x[17, 2] = float("nan")
    model, start = mlp(), mlp()
    with pytest.raises(
        TrainingError, match=r"train x itself holds NaN or infinity.*row 17"
    ) as error:
        quiet(model, (x, y))
    assert "learning rate" not in str(error.value) and same_weights(model, start)


def test_too_large_a_learning_rate_is_said_to_be_one():
    x = torch.randn(100, 3) * 1e3
    with pytest.raises(TrainingError, match=r"inputs are large(.|\n)*learning rate, 1e\+05"):
        quiet(nn.Linear(3, 1), (x, x[:, :1]), loss=F.mse_loss, optimizer=torch.optim.SGD, lr=1e5)


X, Y = rows()
IMAGES = torch.rand(20, 3, 8, 8)


@pytest.mark.parametrize(
    ("model", "data", "kwargs", "message"),
    [
        (mlp(), (X, Y.float()), {}, r"cross_entropy expects class numbers.*float32"),
        (mlp(), (X[:, :4], Y), {}, r"Layer '0'.*expects 5 values.*given shape \(8, 4\)"),
        (mlp(), (X, Y[:100]), {}, "120 rows and y has 100"),
        (mlp(), (X, Y + 1), {}, "from 1 to 2.*2 outputs.*from 0 to 1"),
        (mlp(), (X, Y - 1), {}, "from -1 to 0"),
        (mlp(), (X, Y + 1), {"loss": lambda o, y: F.cross_entropy(o, y)}, "out of bounds"),
        (mlp(), (X[:0], Y[:0]), {}, r"empty.*\(0, 5\)"),
        (mlp(), X, {}, r"pair \(x, y\)"),
        (mlp(), (X.numpy().astype(object), Y), {}, "dtype object"),
        (mlp(), ([[1.0], [1.0, 2.0]], [0, 1]), {}, "different lengths"),
        (mlp(), (X, np.array(["a"] * 120)), {}, "expected numbers"),
        (mlp(), (X, Y), {"val": (X[:, :3], Y)}, "val x.*expects 5 values"),
        (mlp(), (X, Y), {"val": (X, Y + 9)}, "val targets run from 9 to 10"),
        (mlp(), ((X * 9).byte(), Y), {}, "Layer '0'.*expects float32; given uint8"),
        (cnn(), (IMAGES[:, 0], Y[:20]), {}, r"expects \(batch, 3, height, width\)"),
        (nn.Embedding(5, 2), (torch.tensor([1, 7]), Y[:2]), {}, "from 0 to 4; given int64.*7"),
        (nn.Linear(5, 1), (X, X[:, 0]), {"loss": F.mse_loss}, r"broadcast.*y\[:, None\]"),
        (mlp(), (X, Y), {"loss": nn.CrossEntropyLoss(reduction="none")}, "one number, the mean"),
        (nn.Flatten(0), (X, Y), {}, r"expected 8 rows"),
        (nn.GRU(5, 2), (X, Y), {}, "returns a tuple"),
        (nn.Flatten(), (X, Y), {"loss": lambda o, y: o.mean()}, "no parameters"),
        (mlp(), (X, Y), {"batch_size": 0}, "batch_size must be at least 1; given 0"),
        (mlp(), (X, Y), {"batch_size": 1.5}, "whole number; given 1.5"),
        (mlp(), (X, Y), {"epochs": 0}, "epochs must be at least 1"),
        (mlp(), (X, Y), {"accumulate": 65}, "no more pieces than rows"),
        (mlp(), (X, Y), {"lr": -1}, "lr must be positive"),
        (mlp(), (X, Y), {"channels_last": "yes"}, "'auto'; given 'yes'"),
        (mlp(), (X, Y), {"channels_last": True}, r"\(N, C, H, W\); given \(120, 5\)"),
        (mlp(), (X, Y), {"optimizer": "adam"}, "optimizer must be a class.*'adam'"),
        (mlp(), (X, Y), {"optimizer": torch.optim.SGD(cnn().parameters())}, "no parameter of this"),
        (mlp(), (X, Y), {"scheduler": OneCycleLR}, "OneCycleLR needs settings"),
        (mlp(), torch.utils.data.DataLoader([1]), {}, r"pair \(x, y\).*DataLoader"),
        (
            nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2)),
            (X[:41], Y[:41]),
            {"batch_size": 20},
            "at least 2 rows.*41 rows in batches of 20 leave 1",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_the_callers_words(model, data, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        quiet(model, data, **kwargs)


def test_evaluate_and_predict_say_what_does_not_fit_too():
    with pytest.raises(ValueError, match="expects 5 values in the last dimension"):
        predict(mlp(), X[:, :2])
    with pytest.raises(TypeError, match=r"expects class numbers.*F\.mse_loss"):
        evaluate(mlp(), (X, Y.float()))
    with pytest.raises(ValueError, match="x is empty"):
        predict(mlp(), X[:0])
    with pytest.raises(ValueError, match=r"accuracy expects .* given \(120, 5\) and \(9,\)"):
        accuracy(X, Y[:9])


def test_a_full_gpu_says_which_setting_to_lower():
    def full(x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with pytest.raises(torch.OutOfMemoryError, match=r"batch_size=48 and accumulate=1. Raise") as e:
        quiet(mlp(), rows(), batch_size=48, augment=full)
    assert "accumulate=2" in str(e.value) and "try 24" in str(e.value)


# Checkpoints

RUN = dict(
    epochs=6,
    batch_size=32,
    lr=0.01,
    patience=50,
    optimizer=partial(torch.optim.SGD, momentum=0.9),
    scheduler=lambda optimizer, steps: OneCycleLR(optimizer, 0.05, total_steps=steps),
    metrics={"accuracy": accuracy},
)


def noisy(x):
    """Draws from the global generator, as augmentations do."""
    return x + 0.1 * torch.randn_like(x)


def noisy_until(step, action=interrupt):
    stop = At(step, action)
    return lambda x: noisy(stop(x))


def train(file=None, augment=noisy, model=None, **changes):
    model = mlp(dropout=0.3) if model is None else model
    settings = RUN | {"val": rows(30, seed=1), "augment": augment, "checkpoint": file} | changes
    return model, quiet(model, rows(100), **settings)


@few
@given(step=st.integers(1, 24), adam=st.booleans(), per_epoch=st.booleans())
def test_resuming_from_any_step_equals_an_uninterrupted_run(
    tmp_path_factory, step, adam, per_epoch
):
    file = tmp_path_factory.mktemp("run") / "run.ckpt"
    changes = {"optimizer": torch.optim.AdamW} if adam else {}
    if per_epoch:
        changes["scheduler"] = lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(
            optimizer, [2, 4]
        )
    whole, expected = train(**changes)
    _, before = train(file, augment=noisy_until(step), **changes)
    assert before.stopped == "interrupted"
    torch.manual_seed(step)
    resumed, history = train(file, **changes)
    assert same_weights(whole, resumed)
    assert dict(history) == dict(expected) and history.stopped == expected.stopped


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r}), sys.path.insert(0, {root!r})
import torch
from test_training import noisy_until, train
torch.set_num_threads(1)
train({file!r}, augment=noisy_until({step}, lambda x: os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_a_killed_process_resumes_bit_for_bit(tmp_path):
    file = tmp_path / "run.ckpt"
    script = KILLED.format(tests=str(ROOT / "tests"), root=str(ROOT), step=15, file=str(file))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    resumed, history = train(file)
    whole, expected = train()
    assert same_weights(whole, resumed) and dict(history) == dict(expected)


def test_a_complete_run_is_not_repeated_and_can_be_prolonged(tmp_path):
    file = tmp_path / "deep" / "run.ckpt"
    first, history = train(file, scheduler=None)

    def refuse(x):
        raise AssertionError("trained again")

    second, again = train(file, augment=refuse, scheduler=None)
    assert same_weights(first, second) and dict(history) == dict(again)
    longer, more = train(file, scheduler=None, epochs=8)
    whole, expected = train(scheduler=None, epochs=8)
    assert same_weights(longer, whole) and dict(more) == dict(expected)


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_checkpoint_cut_short_is_recognized_and_the_one_before_used(tmp_path, keep):
    file = tmp_path / "run.ckpt"
    train(file, augment=At(15, interrupt))
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.warns(UserWarning, match=r"run.ckpt is damaged or cut short; resuming from"):
        _, history = train(file, augment=None)
    assert len(history["lr"]) == 6
    file.write_bytes(b"x")
    (tmp_path / "run.ckpt.previous").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no complete checkpoint"):
        train(file)


def test_a_flipped_bit_and_a_missing_newest_file_fall_back_too(tmp_path):
    file = tmp_path / "run.ckpt"
    whole, _ = train()
    for damage in ("flip", "gone"):
        train(file, augment=noisy_until(15))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.unlink() if damage == "gone" else file.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            resumed, _ = train(file)
        assert same_weights(whole, resumed)
        for left in tmp_path.iterdir():
            left.unlink()


def test_a_full_disk_leaves_the_files_before_untouched(tmp_path, monkeypatch):
    file = tmp_path / "run.ckpt"
    train(file, augment=At(10, interrupt))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train(file)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    file = tmp_path / "run.ckpt"
    train(file)
    wide = nn.Sequential(nn.Linear(5, 17), nn.ReLU(), nn.Linear(17, 2))
    with pytest.raises(CheckpointError, match=r"(?s)another run.*model: .*\(16, 5\).*\(17, 5\)"):
        train(file, model=wide)
    with pytest.raises(CheckpointError, match=r"batch_size: in the file 32, here 16"):
        train(file, batch_size=16)
    with pytest.raises(CheckpointError, match=r"(?s)epochs: in the file 6, here 7"):
        train(file, epochs=7)


def test_a_checkpoint_cannot_run_code(tmp_path):
    import hashlib

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    buffer = io.BytesIO()
    torch.save({"settings": Evil()}, buffer)
    content = buffer.getvalue()
    file = tmp_path / "run.ckpt"
    digest = hashlib.sha256(content).hexdigest().encode()
    file.write_bytes(b"utils.training checkpoint 1\n" + digest + b"\n" + content)
    with pytest.raises(CheckpointError, match="more than tensors"):
        train(file)
    assert not (tmp_path / "owned").exists()


# torchrun


def test_torchrun_trains_the_same_weights_and_ends_together_on_an_interrupt(tmp_path, monkeypatch):
    script, pair, alone = ROOT / "tests" / "ddp_lab.py", tmp_path / "pair", tmp_path / "alone"
    pair.mkdir(), alone.mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*command, str(script), str(pair), "--then-endless"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    monkeypatch.setattr(sys, "argv", [str(script), str(alone)])
    runpy.run_path(str(script))
    deadline = time.monotonic() + 100
    while not (pair / "endless.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert printed.count("Finished after 3 epochs.") == 1, printed  # only the first process prints

    def result(path):
        return torch.load(path, weights_only=True)

    single, first, second = (
        result(path) for path in (alone / "alone.pt", pair / "0.pt", pair / "1.pt")
    )
    assert first["history"] == second["history"]
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name])
        torch.testing.assert_close(weight, single["weights"][name], rtol=1e-4, atol=1e-5)
    for name, values in single["history"].items():
        assert first["history"][name] == pytest.approx(values, rel=1e-4, abs=1e-6)

    first, second = result(pair / "endless-0.pt"), result(pair / "endless-1.pt")
    assert first["history"] == second["history"] and first["stopped"] == "interrupted"
    assert all(torch.equal(w, second["weights"][name]) for name, w in first["weights"].items())
