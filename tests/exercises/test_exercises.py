"""Every exercise is proven from both sides, with no exception list.

The stub reads *not attempted*; the solution passes; wrong answers, the named ones and those that
anybody might hand in, are rejected; and what an answer does besides changes nothing.
"""

from __future__ import annotations

import copy
import os
import random
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
from in_labs import printed
from wrong import all_wrong

from utils.diagnosis import convert, plain
from utils.exercises import Exercise, Verdict, judge, judged
from utils.exercises.judge import result
from utils.exercises.runner import Outcome, call
from utils.exercises.spec import chapters

# Answers travel as those of a notebook do, whole: the runner need not import this file for them.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

EXERCISES = {i: exercise for chapter in chapters().values() for i, exercise in chapter.items()}
# As `make test CH=02-cv` chooses them: 02-cv/cnn-basics.name
IDS = {i: f"{chapter}/{i}" for chapter, exercises in chapters().items() for i in exercises}
PRINTED = printed()
WRONG = all_wrong()
NAMED = [
    pytest.param(w, id=f"{IDS.get(w.exercise, '')}-{w.name}") for ws in WRONG.values() for w in ws
]
every = pytest.mark.parametrize("name", EXERCISES, ids=IDS.get)
SHORT = 0.15  # seconds of computing for an answer that never ends


def kinds(exercise: Exercise) -> list[str]:
    gpu = ["cuda"] if "torch" in exercise.kinds and torch.cuda.is_available() else []
    return [*exercise.kinds, *gpu]


class Here:
    """Stands for a runner and calls an answer in this process, which takes a tenth of the time.

    For answers of this folder's that are harmless and end by themselves.
    """

    def outcomes(self, setting: tuple, cases: list[tuple], seconds: float) -> list[Outcome]:
        *_, answer, run, kind = setting
        found: list[Outcome] = []
        until = time.process_time() + seconds
        with warnings.catch_warnings(action="ignore"):
            for case in cases:
                if time.process_time() > until:
                    found.append(Outcome(error="it was stopped, for time ran out"))
                else:
                    found.append(call(answer, run, convert(copy.deepcopy(case), kind)))
                if found[-1].error:
                    break
        return found


def judged_here(name: str, answer: Any, kind: str = "", seed: int | None = None) -> Verdict:
    """What the judge says, without its processes."""
    options = {"kind": kind, "seed": seed, "seconds": None}
    return judge.judge(Here(), name, ("", "", answer), options)


# ---- As printed ----------------------------------------------------------------------------------


def test_labs_and_checks_hold_the_same_exercises() -> None:
    assert set(PRINTED) == set(EXERCISES), "the exercises of labs and utils/checks differ"
    for topic in {name.split(".")[0] for name in EXERCISES}:
        shown, held = (
            [n for n in names if n.split(".")[0] == topic] for names in (PRINTED, EXERCISES)
        )
        assert shown == held, "a lab and utils/checks have them in another order"
    for chapter, exercises in chapters().items():
        for name in exercises:
            lab = PRINTED[name].lab
            assert lab.parent.name == chapter and lab.name.startswith(name.split(".")[0])


@every
def test_statement_and_hints(name: str) -> None:
    """The statement names id, difficulty, signature and an example; the hints are the check's."""
    exercise, shown = EXERCISES[name], PRINTED[name]
    assert f"`{name}`" in shown.statement
    assert "★" * exercise.level + "☆" * (3 - exercise.level) in shown.statement
    assert f"`{exercise.call}`" in shown.statement
    assert "**Example" in shown.statement
    folded = re.findall(r"<summary>Hint (\d)</summary>\n\n(.+?)\n\n</details>", shown.hints, re.S)
    assert [int(number) for number, _ in folded] == list(range(1, len(exercise.hints) + 1))
    assert 2 <= len(exercise.hints) <= 3
    words = [re.sub(r"[`*$]", "", text).split() for _, text in folded]
    assert words == [re.sub(r"[`*$]", "", text).split() for text in exercise.hints]
    assert exercise.notice.count(". ") == 0, "what to notice is one sentence"


@every
def test_stub(name: str) -> None:
    shown = PRINTED[name]
    verdict = judged(name, shown.answer(shown.stub))
    assert verdict.status == "not attempted", verdict


@every
def test_solution(name: str) -> None:
    """It passes with every kind of array, on inputs from several seeds; the first time it goes the
    reader's way, within 2 seconds."""
    shown, exercise = PRINTED[name], EXERCISES[name]
    assert "solution=True" in shown.solution.splitlines()[-1]
    answer = shown.answer(shown.solution)
    for kind in ("", *kinds(exercise)):
        for seed in range(3):
            check = judged_here if kind or seed else judged
            start = time.monotonic()
            verdict = check(name, answer, kind=kind, seed=seed)
            assert verdict.status == "correct", f"{kind}, seed {seed}: {verdict.text}"
            seconds = time.monotonic() - start
            assert seconds < 20, "a check takes 2 s; this one took ten times that"


# ---- Wrong answers -------------------------------------------------------------------------------


def handed_in(exercise: Exercise, answer: Any) -> Any:
    """A model is made by the function that stands for it."""
    return answer if exercise.takes == "function" else answer()


@every
def test_there_are_three_wrong_answers(name: str) -> None:
    answers = WRONG.get(name, [])
    assert len(answers) >= 3, f"{len(answers)} wrong answers; at least 3 are needed"
    says = [answer.says for answer in answers]
    assert len(set(says)) == len(says), f"different mistakes get different messages: {says}"


@pytest.mark.parametrize("wrong", NAMED)
def test_named_wrong_answer(wrong: Any, pytestconfig: pytest.Config) -> None:
    """Rejected with the message that fits it, whatever the random cases.

    The first of each exercise goes the reader's way, and so does any that does not end by itself.
    """
    answer = handed_in(EXERCISES[wrong.exercise], wrong.answer)
    is_first = wrong.name == WRONG[wrong.exercise][0].name
    is_stopped = any(text in wrong.says for text in ("never end", "memory", "ended"))
    for seed in range(5 if pytestconfig.getoption("thorough") else 1):
        check = judged if is_stopped or (is_first and not seed) else judged_here
        verdict = check(wrong.exercise, answer, seed=seed)
        assert verdict.status == "not yet"
        assert wrong.says in verdict.text, verdict.text


def test_wrong_answers_are_of_exercises() -> None:
    assert set(WRONG) <= set(EXERCISES)


def changed(value: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """A result with every array and number of it changed."""
    if isinstance(value, (list, tuple)):
        return type(value)(changed(item, change) for item in value)
    return change(np.asarray(value)) if isinstance(value, (int, float, np.ndarray)) else value


def generic(exercise: Exercise) -> dict[str, Callable[..., Any]]:
    """Answers that are wrong for any exercise. Each gets the same arguments as a right one."""

    def right(*args: Any) -> Any:
        return result(exercise, exercise.oracle, args)

    def as_numpy(args: tuple) -> tuple:
        return tuple(np.asarray(plain(a)) if isinstance(a, torch.Tensor) else a for a in args)

    def made(change: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
        return lambda *args: changed(right(*as_numpy(args)), change)

    def hard_coded(*args: Any) -> Any:
        same = all(
            np.array_equal(a, b)
            for a, b in zip(as_numpy(args), exercise.example)
            if isinstance(b, (np.ndarray, int, float, str))
        )
        value = right(*exercise.example)
        return value if same else changed(value, lambda a: a * 0 + 1)

    calls: list[int] = []

    def none_later(*args: Any) -> Any:
        calls.append(1)
        return right(*as_numpy(args)) if len(calls) == 1 else None

    rng = np.random.default_rng(0)
    return {
        "text": lambda *args: "correct",
        "an empty list": lambda *args: [],
        "True": lambda *args: True,
        "the function itself": lambda *args: right,
        "zeros": made(lambda a: a * 0),
        "ones": made(lambda a: a * 0 + 1),
        "not a number": made(lambda a: a * np.nan),
        "random values": made(lambda a: rng.normal(size=a.shape)),
        "another shape": made(lambda a: a[..., None]),
        "objects": made(lambda a: a.astype(object) if a.ndim else str(a)),
        "complex numbers": made(lambda a: a.astype(complex)),
        "half precision": made(lambda a: a.astype(np.float16) if a.dtype.kind == "f" else a + 0.5),
        "the first argument": lambda *args: args[0],
        "the example only": hard_coded,
        "None after the first time": none_later,
    }


@every
def test_generic_wrong_answers(name: str) -> None:
    exercise = EXERCISES[name]
    answers = generic(exercise) if exercise.takes == "function" else wrong_models()
    passed = {}
    for what, answer in answers.items():
        verdict = judged_here(name, answer)
        if verdict.status != "not yet":
            passed[what] = verdict
    assert not passed


def wrong_models() -> dict[str, Any]:
    """Models that are wrong wherever one is asked for."""
    layer = torch.nn.Linear(1, 1)

    class Says(torch.nn.Module):
        def __init__(self, value: Any) -> None:
            super().__init__()
            self.value = value

        def forward(self, x: torch.Tensor) -> Any:
            return self.value(x) if callable(self.value) else self.value

    return {
        "the library's class": torch.nn.Linear,
        "a function": lambda x: x,
        "a number": 3,
        "a layer of another shape": layer,
        "a model that gives text": Says("correct"),
        "a model that gives its input": Says(lambda x: x),
        "a model that gives zeros": Says(lambda x: torch.zeros(len(x), 10)),
        "a model that gives nan": Says(lambda x: torch.full((len(x), 10), torch.nan)),
        "a model that guesses": Says(lambda x: torch.rand(len(x), 10)),
    }


# ---- What an answer does besides -----------------------------------------------------------------


def raises(*args: Any) -> None:
    raise ZeroDivisionError("on purpose")


def never_ends(*args: Any) -> None:
    while True:
        pass


def waits(*args: Any) -> None:
    time.sleep(3600)


def eats_memory(*args: Any) -> None:
    kept = []
    while True:
        kept.append(np.ones(10**8))


def leaves(*args: Any) -> None:
    os._exit(0)


def exits(*args: Any) -> None:
    sys.exit("correct")


def asks(*args: Any) -> str:
    return input("what is it? ")


def pretends(*args: Any) -> float:
    """Print a verdict, change every global state, replace what a check might use."""
    print("✓ correct.")
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    torch.manual_seed(0)
    np.seterr(all="raise")
    torch.set_default_dtype(torch.float64)
    np.isclose = np.allclose = np.array_equal = lambda *a, **k: True
    torch.allclose = torch.equal = lambda *a, **k: True
    torch.softmax = torch.nn.functional.conv2d = lambda *a, **k: torch.zeros(1)
    from utils import diagnosis

    diagnosis.fault = lambda *a, **k: None
    return 0.123


HAZARDS = {
    raises: "It raised ZeroDivisionError: on purpose",
    never_ends: "does a loop never end?",
    waits: "does a loop never end?",
    eats_memory: "memory",
    leaves: "ended the Python process",
    exits: "It raised SystemExit: correct",
    asks: "EOFError",
    pretends: "",
}


def state() -> list[Any]:
    """The global state that an answer might change."""
    found = [random.getstate(), torch.initial_seed(), torch.get_default_dtype(), np.geterr()]
    found += [np.isclose, torch.softmax, torch.nn.functional.conv2d, os.getcwd(), list(sys.path)]
    return [*found, np.random.get_state()[1].tolist()]  # noqa: NPY002


class Hazard(torch.nn.Module):
    """A model whose forward pass does something else."""

    def __init__(self, hazard: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = hazard


@every
def test_hazards(name: str, capfd: pytest.CaptureFixture[str], pytestconfig: pytest.Config) -> None:
    """Each is stopped and reported in words; the notebook's process and its state are untouched.

    How an answer is run and stopped does not depend on the exercise: every exercise meets an answer
    that raises and, in turn, one of the others, and with ``--thorough`` all.
    """
    others = [hazard for hazard in HAZARDS if hazard is not raises]
    mine = others[list(EXERCISES).index(name) % len(others)]
    for hazard, says in HAZARDS.items():
        if hazard not in (raises, mine) and not pytestconfig.getoption("thorough"):
            continue
        answer = hazard if EXERCISES[name].takes == "function" else Hazard(hazard)
        limit = 10 if hazard is eats_memory else SHORT  # filling memory is slow on some machines
        before = state()
        verdict = judged(name, answer, seconds=limit)
        assert verdict.status == "not yet", (hazard, verdict)
        assert says in verdict.text, verdict.text
        assert state() == before, hazard
        if hazard is raises:
            assert verdict.line is not None and verdict.line[2] == "raises", verdict
            assert Path(verdict.line[0]).name == Path(__file__).name
    assert "✓" not in capfd.readouterr().out


@every
def test_changing_the_input(name: str) -> None:
    """The right result does not excuse an input that was changed."""
    exercise, shown = EXERCISES[name], PRINTED[name]
    arrays = [a for a in exercise.example if isinstance(a, np.ndarray) and a.size]
    if not arrays or exercise.in_place or exercise.takes != "function":
        return  # there is nothing to change
    solution = shown.answer(shown.solution)

    def changes_its_input(*args: Any) -> Any:
        value = copy.deepcopy(solution(*args))  # it may be an argument itself
        for array in args:
            if isinstance(array, (np.ndarray, torch.Tensor)):
                array *= 0
        return value

    verdict = judged(name, changes_its_input)
    assert verdict.status == "not yet" and "in place" in verdict.text, verdict
