"""What an exercise is made of, and how it is found by its id."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from utils import checks
from utils.lab import nearest


@dataclass(frozen=True)
class Mistake:
    """A mistake that learners make, and how to recognize it by what the answer does.

    Attributes:
        message: what to tell the learner, as a whole sentence.
        like: an answer with this mistake; it is recognized where the learner's gives the same.
        when: or a function of (arguments, the answer's result, the right result) that says so.
    """

    message: str
    like: Callable[..., Any] | None = None
    when: Callable[[tuple, Any, Any], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise: everything that its check needs.

    Attributes:
        id: ``TOPIC.name``.
        level: 1 (warm-up) to 3 (open-ended).
        call: how the answer is called, ``"softmax(z)"``; messages use these names.
        returns: a name and a shape for each result: ``("dW (M, D)", "db (M,)")``, ``("loss",)``.
        example: the arguments of the example that the statement shows; it is the first case.
        inputs: gives the other cases, edge cases first; each is a tuple of arguments.
        oracle: the right answer, from a library where there is one.
        verify: where several answers are right: a function of (arguments, result, a right result)
            that returns None, or what is wrong. The result has the type and shape of ``oracle``'s.
        mistakes: the mistakes with a message of their own; the most telling first.
        hints: each stronger than the one before.
        notice: one sentence to learn from, printed with *correct*.
        kinds: what arrays the statement allows: "numpy", "torch" or both. ``oracle`` and
            ``Mistake.like`` get the first.
        takes: "function", or what else the answer is: "model" (a ``torch.nn.Module``), "class".
        run: how the answer is used, where it is not just called with the arguments.
        rtol: the difference allowed, relative to the largest magnitude in the right result.
        seconds: computing time for all cases together.
        in_place: whether the statement asks to change an argument.
    """

    id: str
    level: int
    call: str
    returns: tuple[str, ...]
    example: tuple
    inputs: Callable[[np.random.Generator], Iterable[tuple]]
    oracle: Callable[..., Any]
    hints: tuple[str, ...]
    notice: str
    mistakes: tuple[Mistake, ...] = ()
    verify: Callable[[tuple, Any, Any], str | None] | None = None
    kinds: tuple[str, ...] = ("numpy",)
    takes: str = "function"
    run: Callable[..., Any] | None = None
    rtol: float = 1e-6
    seconds: float = 1.5
    in_place: bool = False

    @property
    def name(self) -> str:
        """The answer's own name: ``softmax`` of ``"softmax(z)"``."""
        return self.call.split("(")[0]


@dataclass(frozen=True)
class Verdict:
    """How a check ended; ``status`` is "not attempted", "correct" or "not yet"."""

    status: str
    text: str
    line: tuple[str, int, str] | None = None  # file, line, function: where the answer raised


@cache
def chapters() -> dict[str, dict[str, Exercise]]:
    """All exercises by id, for each chapter: ``{"01-foundations": {…}}``."""
    found = {}
    for module in pkgutil.iter_modules(checks.__path__):
        if module.name.startswith("ch"):
            chapter = module.name[2:].replace("_", "-")
            exercises = import_module(f"utils.checks.{module.name}").EXERCISES
            found[chapter] = {exercise.id: exercise for exercise in exercises}
    return found


def find(name: str) -> Exercise:
    """The exercise with this id.

    Raises:
        ValueError: there is none; the message names the nearest.
    """
    known = {i: exercise for chapter in chapters().values() for i, exercise in chapter.items()}
    if name not in known:
        raise ValueError(f"no exercise {name!r}. {nearest(name, list(known))}")
    return known[name]
