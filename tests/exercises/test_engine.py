"""What a learner meets around an exercise: misuse, prints, hints, progress, a stopped check."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from utils import progress
from utils.diagnosis import fault, pattern, plain
from utils.exercises import check, client, hint, judged, warm_up
from utils.exercises import progress as show_progress

ROOT = Path(__file__).resolve().parents[2]
NAME = "perceptron-and-mlp.softmax"
LINES = 400


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture()
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A progress file of this test's own, which is not there yet."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "deep" / "progress.json"))
    return tmp_path / "deep" / "progress.json"


def test_the_engine_is_small() -> None:
    """Lines of code in utils/exercises, without docstrings, comments and blank lines."""
    count = 0
    for path in (ROOT / "utils" / "exercises").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        documents: set[int] = set()
        for node in ast.walk(ast.parse(source)):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and ast.get_docstring(node) if isinstance(
                node, (ast.Module, ast.ClassDef, ast.FunctionDef)
            ) else False:  # fmt: skip
                documents |= set(range(body[0].lineno, body[0].end_lineno + 1))
        for number, line in enumerate(source.splitlines(), start=1):
            count += bool(line.strip()) and line.strip()[0] != "#" and number not in documents
    assert count < LINES, f"{count} lines of code"


# ---- Verdicts ------------------------------------------------------------------------------------


def test_right_answers_that_look_unlike_the_solution() -> None:
    import math

    def loops(z):
        out = np.zeros(z.shape, dtype=np.float32)
        for i, row in enumerate(z):
            total = sum(math.exp(x - max(row)) for x in row)
            out[i] = [math.exp(x - max(row)) / total for x in row]
        return out

    def torch_only(z):
        return torch.softmax(z, dim=1)

    def by_logarithms(z):
        return np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])

    class Callable:
        def __call__(self, scores):
            return softmax(scores)

    def by_autograd(z):  # the gradient of log-sum-exp
        return torch.func.grad(lambda z: torch.logsumexp(z, dim=1).sum())(z)

    def by_pullback(z):
        return torch.func.vjp(lambda z: torch.logsumexp(z, dim=1), z)[1](z.new_ones(len(z)))[0]

    answers = (loops, torch_only, by_logarithms, Callable(), lambda z: torch_only(z).float())
    for answer in (*answers, by_autograd, by_pullback):
        assert judged(NAME, answer).status == "correct", answer


def test_fast_enough() -> None:
    """A check answers in under 2 s once the judge is there; here ten of them do, by far."""
    judged(NAME, softmax)
    start = time.monotonic()
    for _ in range(10):
        judged(NAME, softmax)
    assert time.monotonic() - start < 20


def test_global_that_the_answer_uses_comes_along() -> None:
    shift = 2.0

    def helper(z):
        return softmax(z + shift)

    assert judged(NAME, lambda z: helper(z)).status == "correct"


def test_lines_of_the_learner(tmp_path: Path) -> None:
    """A notebook's own line is shown, not one of a library or of the engine."""
    script = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("import sys; sys.path.insert(0, {root!r})").raise_error()
        shell.run_cell("import numpy as np\\nfrom utils.exercises import check").raise_error()
        shell.run_cell('''def softmax(z):
            wide = np.exp(z)
            return np.concatenate([wide, wide[:, 0]])

        check("perceptron-and-mlp.softmax", softmax)''').raise_error()
    """
    text = textwrap.dedent(script).format(root=str(ROOT)).replace("\n        ", "\n")
    env = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env)
    assert "✗ stable_softmax: not yet. It raised ValueError: all the input array" in done.stdout
    assert "Line 3 of softmax: return np.concatenate([wide, wide[:, 0]])" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr, done.stderr


def test_what_it_prints_is_shown_as_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(z):
        print("✓ softmax: correct.")
        return z

    check(NAME, talks)
    said = capsys.readouterr().out
    assert said.startswith("✗ stable_softmax: not yet.") and "It printed: ✓ softmax" in said


def test_library_replaced_in_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge has libraries of its own: one that was replaced here neither passes nor breaks."""
    monkeypatch.setattr(np, "isclose", lambda *a, **k: np.array(True))
    monkeypatch.setattr(torch, "softmax", lambda *a, **k: torch.zeros(1))
    assert judged(NAME, lambda z: z).status == "not yet"
    assert judged(NAME, softmax).status == "correct"


def test_answer_that_remembers() -> None:
    seen = []

    def remembers(z):
        again = any(np.array_equal(z, old) for old in seen)
        seen.append(z.copy())
        return softmax(z) + again

    assert "Called again with the same input" in judged(NAME, remembers).text


def test_answer_that_cannot_be_copied() -> None:
    lock = threading.Lock()
    verdict = judged(NAME, lambda z: lock and z)
    assert verdict.status == "not yet" and "cannot be copied" in verdict.text


@pytest.mark.parametrize("blank", [None, ..., lambda z: None, lambda z: ...])
def test_blank(blank: object) -> None:
    assert judged(NAME, blank).status == "not attempted"


def test_not_implemented_is_blank() -> None:
    def stub(z):
        raise NotImplementedError

    assert judged(NAME, stub).status == "not attempted"


def test_wrong_thing_given() -> None:
    """A value in place of the function, or a function of other arguments."""
    verdict = judged(NAME, softmax(np.ones((2, 2))))
    assert f'check("{NAME}", stable_softmax), without parentheses' in verdict.text
    verdict = judged(NAME, lambda: 1)
    assert "TypeError" in verdict.text and "0 positional arguments but 1" in verdict.text


@pytest.mark.parametrize("call", [check, judged, hint])
def test_misspelt_id(call: object) -> None:
    with pytest.raises(
        ValueError, match=r"no exercise .*Did you mean 'perceptron-and-mlp\.softmax'"
    ):
        call("perceptron-and-mlp.sofmax", *([softmax] if call is not hint else []))


@pytest.mark.usefixtures("ctrl_c")
def test_stop_button() -> None:
    """An interrupted check ends all its processes; the next one works."""
    judged(NAME, softmax)
    judge = psutil.Process(client._judge.pid)
    while not (family := judge.children(recursive=True)):  # the next runner is being made
        time.sleep(0.01)

    def endless(z):
        while True:
            pass

    def stop_once_it_runs():
        (runner,) = family
        begun = runner.cpu_times().user
        while runner.cpu_times().user < begun + 0.2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop_once_it_runs).start()
    with pytest.raises(KeyboardInterrupt):
        judged(NAME, endless, seconds=30)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert judged(NAME, softmax).status == "correct"


def test_no_process_is_left() -> None:
    """The judge and its runner end with the process that started them, even by force."""
    code = "import time; from utils.exercises import client; client.warm_up(); "
    code += "print(client._judge.pid, flush=True); time.sleep(180)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    judge = psutil.Process(int(parent.stdout.readline()))
    until = time.monotonic() + 120
    while not (family := judge.children()) and time.monotonic() < until:
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs([judge, *family], timeout=20)
    assert family and not alive


def test_warm_up_does_not_wait() -> None:
    start = time.monotonic()
    warm_up()
    assert time.monotonic() - start < 1


# ---- Words ---------------------------------------------------------------------------------------

A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("want", "got", "says"),
    [
        (A, A.T, "expected shape (N, K) = (2, 3), got (K, N) = (3, 2): transposed"),
        (A, A[:, :1], "was an axis summed away"),
        (A, 1.0, "expected shape (N, K) = (2, 3), got a single number"),
        (A, A.ravel(), "got (6,)."),
        (np.ones((1, 1, 3)), np.ones((1, 3, 1)), "got (1, 3, 1)."),
        ((A,), A, "Expected 1 value (p (N, K)), got"),
        (A, A[..., None], "an axis of length 1 is left"),
        (A, A.astype(int), "expected floating-point numbers, got int64"),
        (A, A.tolist(), "expected an array of shape (2, 3), got a list of 2"),
        (A, A + np.eye(2, 3) / 100, "values differ at [0, 0]: 0 expected, 0.01 given"),
        (A, A + np.nan, "is nan at [0, 0], expected 0: something overflows"),
        (3, 3.0, "expected whole numbers, got float64"),
        (3, 4, "the value differs: 3 expected, 4 given"),
        (1.5, "1.5", "expected a number, got the text '1.5'"),
        ((A, 1.0), A, "Expected 2 values"),
        (True, 1, "expected truth values"),
        (plain(torch.ones(2)), np.ones(2), "expected a torch.Tensor"),
    ],
)
def test_faults(want: object, got: object, says: str) -> None:
    text = fault(want, got, ("p (N, K)",), 1e-6)
    assert text is not None and says in text, text
    assert fault(want, want, ("p (N, K)",), 1e-6) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: -a, "sign is reversed"),
        (lambda a: a * len(a), "a sum where the mean is wanted"),
        (lambda a: a / len(a), "a mean where the sum is wanted"),
        (lambda a: a[::-1], "wrong places"),
        (lambda a: a + 1, None),
    ],
)
def test_patterns(change: object, says: str | None) -> None:
    want = [A + 1, np.arange(12.0).reshape(3, 4) + 1]
    text = pattern(want, [change(a) for a in want], ("p (N, K)",), 1e-6)
    assert text is None if says is None else says in text, text


def test_pattern_names_the_part() -> None:
    want = [(A + 1, A + 2), (A + 3, A + 4)]
    got = [(w, -v) for w, v in want]
    assert pattern(want, got, ("dW (M, D)", "db (M,)"), 1e-6) == "db: The sign is reversed."


# ---- Hints and progress --------------------------------------------------------------------------


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    client._hints.clear()
    for _ in range(4):
        hint(NAME)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines[:3]] == [f"Hint {n} of 3" for n in (1, 2, 3)]
    assert "last hint" in lines[3]


def test_progress_is_noted_and_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(NAME, lambda z: None)
    check(NAME, lambda z: z)
    check(NAME, softmax, solution=True)
    assert not file.exists(), "only what the learner solved is noted"
    check(NAME, softmax)
    content = json.loads(file.read_text(encoding="utf-8"))
    assert list(content["solved"]) == [NAME] and content["version"] == 1
    capsys.readouterr()
    show_progress()
    said = capsys.readouterr().out
    assert "01-foundations: 1 of " in said and "✓ softmax" in said and str(file) in said


def test_two_notebooks_at_once(file: Path) -> None:
    """Twenty processes note an exercise each, at the same time, and none is lost."""
    code = "import sys; from utils import progress; print(progress.note(sys.argv[1], 'correct'))"
    many = [
        subprocess.Popen([sys.executable, "-c", code, f"a.{i}"], cwd=ROOT, stdout=subprocess.PIPE)
        for i in range(20)
    ]
    assert {process.communicate()[0].strip() for process in many} == {b""}
    assert set(progress.solved()[0]) == {f"a.{i}" for i in range(20)}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', "\x00\x00", '{"solved": {}}'])
def test_damaged_file_is_set_aside(
    damage: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.parent.mkdir()
    file.write_text(damage, encoding="utf-8")
    show_progress()
    assert "cannot be read" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == damage, "showing changes nothing"
    check(NAME, softmax)
    said = capsys.readouterr().out
    aside = [path for path in file.parent.glob("*unreadable*")]
    assert len(aside) == 1 and str(aside[0]) in said
    assert aside[0].read_text(encoding="utf-8") == damage
    assert NAME in json.loads(file.read_text(encoding="utf-8"))["solved"]


def test_not_text_at_all(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\x00garbage")
    assert "now" in progress.note(NAME, "correct")
    assert NAME in progress.solved()[0]


def test_newer_file_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    newer = '{"version": 2, "solved": {"x.y": "2030-01-01"}, "more": 1}'
    file.write_text(newer, encoding="utf-8")
    assert "newer version" in progress.note(NAME, "correct")
    assert file.read_text(encoding="utf-8") == newer


def test_fields_of_others_are_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"version": 1, "solved": {"x.y": "2030-01-01"}, "mine": 1}', encoding="utf-8")
    progress.note(NAME, "correct")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["mine"] == 1 and set(content["solved"]) == {"x.y", NAME}


def test_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict comes all the same, and a sentence says what could not be noted."""
    (tmp_path / "occupied").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "occupied" / "progress.json"))
    check(NAME, softmax)
    said = capsys.readouterr().out
    assert said.startswith("✓ stable_softmax: correct") and "could not be noted" in said
