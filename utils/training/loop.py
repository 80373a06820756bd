"""`fit`: the training loop of the course.

The data are tensors in memory. An epoch draws a permutation of the rows and cuts it into batches;
a step gathers its rows, computes the loss and its gradient, and moves the weights. All else stands
around this loop and costs next to nothing: the losses stay on the device and are looked at now and
then.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from utils.training import checkpoint as checkpoints
from utils.training import checks, prepare
from utils.training.evaluation import Loss, Metric, measure, outputs_for
from utils.training.history import History, monitored
from utils.training.progress import Progress, make_progress
from utils.training.team import Team

STEPS_BETWEEN_LOOKS = 64
SECONDS_BETWEEN_LOOKS = 0.5


def fit(
    model: nn.Module,
    train: Any,
    val: Any = None,
    *,
    loss: Loss = F.cross_entropy,
    epochs: int = 10,
    batch_size: int = 64,
    optimizer: Callable[..., Optimizer] | Optimizer = torch.optim.AdamW,
    lr: float | None = 1e-3,
    scheduler: Callable[..., LRScheduler] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
    patience: int | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    amp: bool = False,
    channels_last: bool | Literal["auto"] = "auto",
    augment: Callable[[Tensor], Tensor] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place and return the history of the run.

    The same seed, data and starting weights give the same weights on the CPU. All randomness
    within (row order, dropout, augmentation) comes from `seed`: torch's global generators are
    seeded at the start and put back at the end, so a call of `fit` neither depends on them nor
    changes them.

    Ctrl-C ends the run: the best weights so far are put back and the history so far is returned,
    with `history.stopped == "interrupted"`.

    Started by `torchrun`, every process calls `fit` in the same way and takes its share of each
    batch; the weights are those of a single process up to rounding (batch norm and dropout
    excepted, which work on the share). The first process alone prints and writes checkpoints.

    Args:
        model: takes a batch (B, ...) and returns a tensor (B, ...). It is moved to `device`, and
            left in eval mode.
        train: a dataset part such as `ds.train`, or a pair (x, y) of arrays or tensors with N rows.
            Floating x and y are cast to the model's dtype, whole-number y to int64.
        val: the same for validation rows; None for none.
        loss: takes (outputs, targets) and returns their mean loss over the rows.
        epochs: passes over the training rows.
        batch_size: rows of an optimizer step, over all processes and pieces.
        optimizer: a class (called with the parameters that need a gradient and `lr`), any other
            callable that takes the parameters (given `lr` too if it takes one that is not set), or
            an optimizer of this model that is there already (`lr` is then not used).
        lr: learning rate; None for the optimizer's own default.
        scheduler: makes a scheduler. With one argument, `lambda opt: StepLR(opt, 10)`, it is
            stepped after every epoch (ReduceLROnPlateau with the monitored loss). With two,
            `lambda opt, steps: OneCycleLR(opt, max_lr=0.1, total_steps=steps)`, it is given the
            number of steps of the whole run, and stepped after every step.
        metrics: functions of (outputs, targets) of all validation rows, by name.
        device: where to train; None means where the model is.
        seed: of row order, dropout and augmentation.
        patience: stop when the monitored loss (`val_loss`, or `train_loss` without validation) has
            not fallen for so many epochs, and put the weights of the best epoch back. Without it,
            the model keeps its last weights.
        clip: largest norm of the gradient, all parameters together; a longer one is scaled down.
        accumulate: compute each batch in so many pieces, one after the other, and add their
            gradients: the same step, up to rounding, in less memory.
        amp: mixed precision on CUDA, bfloat16 or else float16 with loss scaling. Elsewhere it does
            nothing, and `history.notes` says so.
        channels_last: keep images as (N, H, W, C) in memory, which makes convolutions faster;
            "auto" does so for 4-d x and a model with 2-d convolutions that runs that way. The
            weights have their usual layout again afterwards.
        augment: called with each training batch x (B, ...) on the device, returns the batch to
            train on. It draws from torch's global generator.
        checkpoint: a file that is written after every epoch. If it is there already, the run goes
            on after its last epoch, and ends with the same weights as an uninterrupted one (on the
            CPU bit for bit). A run that was complete is not repeated.
        progress: whether to show the run.

    Raises:
        TrainingError: the loss is NaN or infinite. The message has the step, the last finite loss
            and likely causes, the error has the history; the model has its best weights so far.
        ValueError, TypeError: something does not fit; the message says what was expected and given.
        CheckpointError: the checkpoint belongs to another run or cannot be read.
        torch.OutOfMemoryError: the GPU is full; the message says which setting to lower.
    """
    checks.check_settings(epochs, batch_size, accumulate, patience, lr, clip, channels_last)
    pair = checks.as_pair(train, "train")
    held_out = None if val is None else checks.as_pair(val, "val")
    if device is None:
        device = next((p.device for p in model.parameters()), "cpu")
    team, seed = Team(torch.device(device)), int(seed)
    run = _Run(model, pair, held_out, loss, int(batch_size), seed, team)
    run.epochs, run.accumulate, run.patience = int(epochs), int(accumulate), patience
    run.metrics, run.clip, run.augment = metrics, clip, augment
    with team, _own_randomness(seed + team.rank, team.device):
        try:
            run.prepare(channels_last, amp)
            run.make_optimizer(optimizer, lr, scheduler)
            if checkpoint is not None:
                run.resume(Path(checkpoint))
            return run.train(progress and team.rank == 0)
        except torch.OutOfMemoryError as error:
            run.restore_best()
            message = checks.out_of_memory(batch_size, accumulate)
            raise torch.OutOfMemoryError(message) from error
        finally:
            model.eval()
            if run.channels_last:
                model.to(memory_format=torch.contiguous_format)


class _Run:
    """One call of `fit`: its data, its state and its steps."""

    epochs: int
    accumulate: int
    patience: int | None
    clip: float | None
    metrics: Mapping[str, Metric] | None
    augment: Callable[[Tensor], Tensor] | None

    def __init__(
        self,
        model: nn.Module,
        train: tuple[Tensor, Tensor],
        val: tuple[Tensor, Tensor] | None,
        loss: Loss,
        batch_size: int,
        seed: int,
        team: Team,
    ) -> None:
        self.model, self.loss, self.team, self.seed = model, loss, team, seed
        (self.x, self.y), self.val = train, val
        self.batch_size, self.steps = batch_size, -(-len(self.x) // batch_size)
        self.order = torch.Generator().manual_seed(seed)
        self.history = History()
        self.best: dict[str, Tensor] | None = None  # the weights after history.best_epoch
        self.channels_last = False  # if so, x is stored as (N, H, W, C)
        self.file: Path | None = None

    # Before the first step

    def prepare(self, channels_last: bool | str, amp: bool) -> None:
        """Bring model and data to the device and the right form, and try a forward pass."""
        self.model.to(self.team.device)
        self.x, self.y = prepare.placed(self.model, self.x, self.y, self.team.device)
        checks.check_first_batch(self.model, self.loss, self.x, self.y, "train")
        if self.val is not None:
            self.val = prepare.placed(self.model, *self.val, self.team.device)
            checks.check_first_batch(self.model, self.loss, *self.val, "val")
        self.channels_last = prepare.to_channels_last(self.model, self.x, channels_last)
        if self.channels_last:
            self.x = self.x.permute(0, 2, 3, 1).contiguous()
        self.autocast, self.scaler, note = prepare.mixed_precision(amp, self.team.device)
        self.history.notes += note

    def make_optimizer(
        self,
        optimizer: Callable[..., Optimizer] | Optimizer,
        lr: float | None,
        scheduler: Callable[..., LRScheduler] | None,
    ) -> None:
        """Make the optimizer and the scheduler, and wrap the model for the team."""
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = prepare.make_optimizer(optimizer, self.model, lr)
        # L-BFGS and its like evaluate the loss several times within a step.
        self.takes_closure = prepare.required(self.optimizer.step) == 1
        if self.takes_closure and self.scaler is not None:
            raise ValueError(f"{type(self.optimizer).__name__} does not work with amp=True")
        self.scheduler, self.every_step = prepare.make_scheduler(
            scheduler, self.optimizer, self.epochs * self.steps
        )
        self.wrapped = self.team.wrap(self.model)

    # Training

    def train(self, show: bool) -> History:
        """Run the remaining epochs."""
        history = self.history
        display = make_progress(show, self.epochs, self.steps)
        if self.best is None:
            self.best = self._weights()
        try:
            while history.epochs < self.epochs and not self._out_of_patience():
                self._end_of_epoch(*self._epoch(display))
                display.epoch_done(history)
            history.stopped = "early" if self._out_of_patience() else "finished"
            if self.patience is not None:
                self.restore_best()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            if history.epochs:
                self.restore_best()
        except checks.TrainingError:
            history.stopped = "failed"
            self.restore_best()
            raise
        except ValueError as error:
            checks.explain_batch_norm(error, len(self.x), self.batch_size)
            raise
        finally:
            display.close(history)
        return history

    def _epoch(self, display: Progress) -> tuple[list[float], list[int]]:
        """One pass over the training rows; returns the loss and the number of rows of each step."""
        self.wrapped.train()
        order = torch.randperm(len(self.x), generator=self.order).to(self.x.device)
        batches = order.split(self.batch_size)
        losses: list[float] = []
        pending: list[Tensor] = []
        alone = self.team.size == 1
        due = time.monotonic() + SECONDS_BETWEEN_LOOKS
        for rows in batches:
            pending.append(self._step(rows))
            # Where processes look together, only the count of steps may decide when.
            if len(pending) == STEPS_BETWEEN_LOOKS or (alone and time.monotonic() > due):
                self._look(losses, pending)
                display.update(self.history.epochs + 1, len(losses), losses[-1], self.history)
                due = time.monotonic() + SECONDS_BETWEEN_LOOKS
        self._look(losses, pending)
        return losses, [len(rows) for rows in batches]

    def _step(self, rows: Tensor) -> Tensor:
        """One optimizer step on the given rows; returns their mean loss, (), on the device."""
        self.lr = float(self.optimizer.param_groups[0]["lr"])
        if self.takes_closure:
            value = self.optimizer.step(lambda: self._gradient(rows)).detach()
        else:
            value = self._gradient(rows)
            if self.scaler is None:
                self.optimizer.step()
            else:
                self.scaler.step(self.optimizer)
                self.scaler.update()
        if self.every_step:
            self.scheduler.step()
        return value

    def _gradient(self, rows: Tensor) -> Tensor:
        """Put the gradient of the rows' mean loss into the parameters; returns that loss."""
        self.optimizer.zero_grad()
        if self.accumulate == 1:
            value = self._backward(rows, 1.0)
        else:
            pieces = [piece for piece in rows.tensor_split(self.accumulate) if len(piece)]
            value = sum(self._backward(piece, len(piece) / len(rows)) for piece in pieces)
        if self.clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        return value

    def _backward(self, rows: Tensor, share: float) -> Tensor:
        """Add the gradient of `share` times the mean loss of the rows; returns that loss."""
        rows, factor = self.team.share(rows)
        x, y = self.x.index_select(0, rows), self.y.index_select(0, rows)
        if x.device != self.team.device:
            x, y = x.to(self.team.device), y.to(self.team.device)
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)  # (B, C, H, W) in name; in memory C comes last
        if self.augment is not None:
            x = self.augment(x)
        with self.autocast:
            value = self.loss(self.wrapped(x), y)
        if share * factor != 1.0:
            value = value * (share * factor)
        (value if self.scaler is None else self.scaler.scale(value)).backward()
        return value.detach()

    def _look(self, losses: list[float], pending: list[Tensor]) -> None:
        """Move the pending losses to the host; stop if one is not finite or on an interrupt."""
        if not pending:
            return
        values = torch.stack([*pending, pending[0].new_tensor(self.team.interrupted)])
        pending.clear()
        *values, interrupted = self.team.mean(values).tolist()
        if interrupted:
            raise KeyboardInterrupt
        for value in values:
            if not math.isfinite(value):
                self._fail(value, losses)
            losses.append(value)

    def _fail(self, value: float, losses: list[float]) -> None:
        step = self.history.epochs * self.steps + len(losses) + 1
        last = losses[-1] if losses else self.history.last.get("train_loss")
        message = checks.non_finite(value, step, last, self.x, self.y, self.lr)
        raise checks.TrainingError(message, self.history, step, last)

    def _end_of_epoch(self, losses: list[float], sizes: list[int]) -> None:
        """Validate, add one value to each column of the history, and save."""
        weighted = (value * size for value, size in zip(losses, sizes, strict=True))
        record = {"train_loss": math.fsum(weighted) / sum(sizes)}
        self.team.align_buffers(self.model)
        if self.val is not None:
            x, y = self.val
            outputs = outputs_for(self.model, x, self._rows_without_gradient(), self.team.device)
            values = measure(outputs, y.to(outputs.device), self.loss, self.metrics)
            record |= {f"val_{name}": value for name, value in values.items()}
            if not math.isfinite(record["val_loss"]):
                self._fail(record["val_loss"], losses)
        record = self.team.same(record | {"lr": self.lr})
        if self.history.improves(record):
            self.best = self._weights()
        self.history.append(record)
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(monitored(record))
        elif self.scheduler is not None and not self.every_step:
            self.scheduler.step()
        if self.file is not None:
            self._save(self.file)

    def _rows_without_gradient(self) -> int:
        """Rows of a forward pass: more than in training, which keeps every activation."""
        return 4 * -(-self.batch_size // self.accumulate)

    def _out_of_patience(self) -> bool:
        best = self.history.best_epoch
        if self.patience is None or best is None:
            return False
        return self.history.epochs - best >= self.patience

    # The best weights so far, and checkpoints

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def restore_best(self) -> None:
        """Put the weights of the best epoch back (the first ones, before the first epoch)."""
        if self.best is not None:
            self.model.load_state_dict(self.best)

    def _settings(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        groups = [
            {name: repr(value) for name, value in group.items() if name != "params"}
            for group in self.optimizer.param_groups
        ]
        weights = self.model.state_dict().items()
        return {
            "model": [f"{name} {tuple(value.shape)} {value.dtype}" for name, value in weights],
            "optimizer": f"{type(self.optimizer).__name__} {groups}",
            "scheduler": type(self.scheduler).__name__,
            "epochs": self.epochs if self.every_step else "any number",
            "loss": checks.name_of(self.loss),
            "metrics": sorted(self.metrics or {}),
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "clip": self.clip,
            "seed": self.seed,
            "mixed precision": self.scaler is not None,
            "channels_last": self.channels_last,
            "rows of train": len(self.x),
            "rows of val": None if self.val is None else len(self.val[0]),
            "processes": self.team.size,
        }

    def _save(self, file: Path) -> None:
        randomness = self.team.gather(_random_state(self.team.device))
        if self.team.rank != 0:
            return
        parts = {"optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}
        state = {name: part and part.state_dict() for name, part in parts.items()}
        state |= {"settings": self.settings, "model": self.model.state_dict(), "best": self.best}
        state |= {"order": self.order.get_state(), "randomness": randomness}
        checkpoints.save(file, state | {"history": dict(self.history)})

    def resume(self, file: Path) -> None:
        """Write checkpoints to this file from now on, and go on from it if it is there."""
        self.file, self.settings = file, self._settings()
        state = checkpoints.load(file)
        if state is None:
            return
        checkpoints.check_same_run(file, state["settings"], self.settings)
        self.model.load_state_dict(state["model"])
        self.best = {name: v.to(self.team.device) for name, v in state["best"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])
        self.order.set_state(state["order"])
        _set_random_state(state["randomness"][self.team.rank], self.team.device)
        notes, self.history = self.history.notes, History(state["history"])
        self.history.notes = notes


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators of CPU and device, and put their states back at the end."""
    before = _random_state(device)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        _set_random_state(before, device)


def _random_state(device: torch.device) -> list[Tensor]:
    """The states of the CPU's generator and, if there is one, of the device's."""
    states = [torch.get_rng_state()]
    if device.type in ("cuda", "mps"):
        states.append(getattr(torch, device.type).get_rng_state())
    return states


def _set_random_state(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).set_rng_state(states[1])
