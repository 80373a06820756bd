"""Wrong answers: functions with the mistake in the name, and what the check must say of each.

    @wrong("perceptron-and-mlp.softmax", says="overflows")
    def softmax_without_subtracting_the_maximum(z): ...

They stand in this folder in one module a topic, ``wrong_TOPIC.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cloudpickle

T = TypeVar("T")


class Wrong(NamedTuple):
    exercise: str
    answer: Any
    says: str  # a part of the message that no other mistake of this exercise gets

    @property
    def name(self) -> str:
        return getattr(self.answer, "__name__", type(self.answer).__name__)


ANSWERS: list[Wrong] = []


def wrong(exercise: str, *, says: str) -> Callable[[T], T]:
    """Register a wrong answer. Where a model is asked for, the function makes the model."""

    def register(answer: T) -> T:
        ANSWERS.append(Wrong(exercise, answer, says))
        return answer

    return register


def all_wrong() -> dict[str, list[Wrong]]:
    """The wrong answers by exercise; those of a notebook, too, are copied whole to the judge."""
    for path in sorted(Path(__file__).parent.glob("wrong_*.py")):
        cloudpickle.register_pickle_by_value(import_module(path.stem))
    found: dict[str, list[Wrong]] = {}
    for answer in ANSWERS:
        found.setdefault(answer.exercise, []).append(answer)
    return found
