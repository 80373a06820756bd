"""What a notebook calls: ``check`` and ``hint``."""

from __future__ import annotations

import io
import linecache
import os
import pickle
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import psutil

from utils import progress

from .spec import Exercise, Verdict, find

ROOT = Path(__file__).parents[2]
MARKS = {"not attempted": "○", "correct": "✓", "not yet": "✗"}
_lock = threading.Lock()
_judge: subprocess.Popen | None = None
_hints: dict[str, int] = {}


class _Packer(cloudpickle.Pickler):
    """Names modules of every type. cloudpickle knows plain ones only, and torch.classes is none: an
    answer with an attribute `classes` makes it come upon that."""

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, ModuleType) and type(item) is not ModuleType:
            return import_module, (item.__name__,)
        return super().reducer_override(item)


def check(name: str, answer: Any, *, solution: bool = False) -> None:
    """Check an answer and say how it went: not attempted yet, correct, or what is wrong first.

    Args:
        name: the exercise's id, as it stands in the lab.
        answer: the function itself, without parentheses (or the model, where one is asked for).
        solution: this is the solution printed in the lab; it does not count as solved by you.

    Raises:
        ValueError: there is no exercise of this name.
    """
    found = judged(name, answer)
    exercise = find(name)
    print(f"{MARKS[found.status]} {exercise.name}: {_sentence(found, exercise)}")
    if not solution and (note := progress.note(name, found.status)):
        print(note)


def hint(name: str) -> None:
    """Print the next hint of an exercise; each says more than the one before."""
    hints, given = find(name).hints, _hints.get(name, 0)
    if given < len(hints):
        print(f"Hint {given + 1} of {len(hints)}: {hints[given]}")
        _hints[name] = given + 1
    else:
        print("That was the last hint. The solution is folded below the exercise in the lab.")
        _hints[name] = 0


def judged(name: str, answer: Any, **options: Any) -> Verdict:
    """The verdict on an answer, for tests and tools.

    Args:
        name, answer: as for :func:`check`.
        options: ``kind``, "numpy", "torch" or "cuda": otherwise all that the exercise allows are
            tried; ``seed`` of the random cases, fresh ones otherwise; ``seconds`` of computing, in
            place of the exercise's own limit.
    """
    exercise = find(name)
    if answer is None or answer is ...:
        return Verdict("not attempted", "")
    if problem := _misused(exercise, answer):
        return Verdict("not yet", problem)
    packed = io.BytesIO()
    try:
        _Packer(packed).dump(answer)
    except Exception as error:
        text = f"It uses something that cannot be copied to the checking process: {error}"
        return Verdict("not yet", text)
    options = {"kind": "", "seed": None, "seconds": None} | options
    found = _ask((name, (sys.path, os.getcwd(), packed.getvalue()), options))
    if isinstance(found, str):
        raise RuntimeError(f"the check of {name} is broken:\n{found}")
    return found


def warm_up() -> None:
    """Start the judge, which takes some seconds to import its libraries, without waiting for it."""
    global _judge
    if _judge is None or _judge.poll() is not None:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        single["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for a GPU must not forbid to fork
        _judge = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "utils.exercises.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )


def _ask(request: tuple) -> Any:
    """Send a request to the judge and wait; end the judge where the wait is interrupted."""
    global _judge
    with _lock:
        warm_up()
        try:
            pickle.dump(request, _judge.stdin)
            _judge.stdin.flush()
            return pickle.load(_judge.stdout)
        except BaseException as error:
            for process in (*psutil.Process(_judge.pid).children(recursive=True), _judge):
                process.kill()
            _judge.wait()
            _judge = None
            if isinstance(error, (EOFError, OSError)):
                raise RuntimeError("the checking process ended; run the cell again.") from error
            raise


def _misused(exercise: Exercise, answer: Any) -> str | None:
    """Where the wrong thing is given: how to call the check."""
    if exercise.takes == "model":
        if not hasattr(answer, "state_dict") or isinstance(answer, type):
            return f'Give the model itself: check("{exercise.id}", {exercise.name}).'
    elif not callable(answer):
        return (
            f"The check takes the {exercise.takes} itself, and was given a {type(answer).__name__}:"
            f' check("{exercise.id}", {exercise.name}), without parentheses after {exercise.name}.'
        )
    return None


def _sentence(found: Verdict, exercise: Exercise) -> str:
    if found.status == "not attempted":
        return "not attempted yet."
    text = f"{found.status}. {found.text}"
    if found.line:
        file, number, function = found.line
        source = linecache.getline(file, number).strip()
        text += (
            f"\n  Line {number} of {'the cell' if function == '<module>' else function}: {source}"
        )
    return text
