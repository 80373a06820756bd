"""The process that judges: it makes the cases, knows what is right, and never runs an answer.

Each answer gets a fresh runner, which is ended afterwards. One is always kept ready, because a new
process takes seconds to import its libraries where it cannot be forked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
import traceback
from typing import Any

import cloudpickle
import numpy as np
import psutil
import torch

from utils import diagnosis
from utils.diagnosis import convert, plain, situation
from utils.exercises.runner import Outcome, serve
from utils.exercises.spec import Exercise, Mistake, Verdict, chapters, find

MEGABYTES = 700  # that an answer may take
WALL = 10  # seconds more that it may take on a machine that is busy with other things
LOADING = 10  # seconds for importing what it needs
LATE = "it was stopped, for time ran out: does a loop never end?"
PROCESSES = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
# What an answer raises that was written for arrays of the other kind, or for a GPU.
OTHER_KIND = (
    "It raised TypeError",
    "It raised AttributeError",
    "It raised RuntimeError: Expected all",
    "It raised RuntimeError: jvp(",  # as torch.func words it
    "It raised ValueError: Thing passed to transform API",
)


class Runner:
    """A process that will run one answer."""

    def __init__(self) -> None:
        self.pipe, end = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=serve, args=(end,), daemon=True)
        self.process.start()
        end.close()

    def outcomes(self, setting: tuple, cases: list[tuple], seconds: float) -> list[Outcome]:
        """What the answer does with each case, up to the first that raises or does not end."""
        found: list[Outcome] = []
        try:
            watched = psutil.Process(self.process.pid)
            memory = watched.memory_info().rss + MEGABYTES * 1e6
            self.pipe.send(setting)
            loaded, _ = self._receive(watched, LOADING, memory)
            if loaded.error:
                return [loaded]
            for case in cases:
                self.pipe.send_bytes(cloudpickle.dumps(case))
                outcome, used = self._receive(watched, seconds, memory)
                found.append(outcome)
                seconds -= used
                if outcome.error:
                    break
        except (EOFError, OSError, psutil.Error, pickle.UnpicklingError):
            found.append(Outcome(error="it ended the Python process: an exit, or a crash?"))
        finally:
            self.process.kill()
            self.process.join()
        return found

    def _receive(
        self, watched: psutil.Process, seconds: float, memory: float
    ) -> tuple[Outcome, float]:
        """The next outcome, and the seconds that it took: of computing, or of waiting for nothing.

        Time in which the process is ready to run and the machine runs others does not count.
        """
        start, before, idle, used = time.monotonic(), sum(watched.cpu_times()[:2]), 0.0, 0.0
        while not self.pipe.poll(0.01):
            idle += 0.01 * (watched.status() == psutil.STATUS_SLEEPING)
            used = sum(watched.cpu_times()[:2]) - before + idle
            if used > seconds or time.monotonic() - start > seconds + WALL:
                return Outcome(error=LATE), used
            if watched.memory_info().rss > memory:
                text = f"it was stopped: it took more than {MEGABYTES} MB of memory."
                return Outcome(error=text), used
        return self.pipe.recv(), used


def verdict(exercise: Exercise, cases: list[tuple], outcomes: list[Outcome], kind: str) -> Verdict:
    """Say the first thing that is wrong with what an answer did, or that all is right."""
    if outcomes[0].error.startswith("it raised NotImplementedError") or all(
        (outcome.value is None or outcome.value is ...) and not outcome.error
        for outcome in outcomes
    ):
        return Verdict("not attempted", "")
    failing = []  # (what is wrong, arguments, right result, outcome)
    for args, outcome in zip(cases, outcomes):
        if outcome.error:
            text = outcome.error[0].upper() + outcome.error[1:]
            failing.append((text, args, None, outcome))
            break
        want = result(exercise, exercise.oracle, args)
        if text := wrong(exercise, args, want, outcome.value):
            failing.append((text, args, want, outcome))
    if not failing:
        return _changed(exercise, cases, outcomes, kind) or Verdict("correct", exercise.notice)
    text, args, _, outcome = failing[0]
    text += situation(exercise.call, args)
    if not outcome.error:
        rows = [(args, want, o.value) for _, args, want, o in failing if not o.error]
        text = recognized(exercise, rows) or text
        if len(failing) == 1 and len(outcomes) == len(cases) and outcome is outcomes[-1]:
            text = "Called again with the same input it gives another result: what does it keep?"
    printed = outcome.printed.strip()
    text += f"\n  It printed: {printed[:200]}" if printed else ""
    return Verdict("not yet", text, outcome.line)


def result(exercise: Exercise, answer: Any, args: tuple) -> Any:
    """What one of our own answers gives."""
    given = convert(args, exercise.kinds[0])
    return plain(exercise.run(answer, *given) if exercise.run else answer(*given))


def wrong(exercise: Exercise, args: tuple, want: Any, got: Any) -> str | None:
    """What is wrong with a result, by comparison or by the exercise's own ``verify``."""
    if exercise.verify is None:
        return diagnosis.fault(want, got, exercise.returns, exercise.rtol)
    problem = diagnosis.fault(want, got, exercise.returns, None)
    return problem or exercise.verify(args, got, want)


def recognized(exercise: Exercise, failing: list[tuple]) -> str | None:
    """The message of the mistake that explains most of the wrong results, and at least half."""
    best, most = None, (len(failing) - 1) // 2
    for mistake in exercise.mistakes:
        count = sum(_shows(exercise, mistake, *row) for row in failing)
        if count > most:
            best, most = mistake.message, count
    if best or exercise.verify or diagnosis.fault(*failing[0][1:], exercise.returns, None):
        return best
    wants, values = [row[1] for row in failing], [row[2] for row in failing]
    return diagnosis.pattern(wants, values, exercise.returns, exercise.rtol)


def _shows(exercise: Exercise, mistake: Mistake, args: tuple, want: Any, got: Any) -> bool:
    """Whether one wrong result is what this mistake makes of the same arguments."""
    try:  # a result of a wrong type may break `when`, an awkward case `like`: it is not this one
        if mistake.when is not None:
            return bool(mistake.when(args, got, want))
        with np.errstate(all="ignore"):
            like = result(exercise, mistake.like, args)
    except Exception:
        return False
    same = diagnosis.fault(like, got, exercise.returns, exercise.rtol) is None
    return same and diagnosis.fault(want, like, exercise.returns, exercise.rtol) is not None


def _changed(
    exercise: Exercise, cases: list[tuple], outcomes: list[Outcome], kind: str
) -> Verdict | None:
    names = exercise.call.partition("(")[2].rstrip(")").split(", ")
    for args, outcome in zip(cases, outcomes):
        for name, before, after in zip(names, plain(convert(args, kind)), outcome.after):
            if not exercise.in_place and not diagnosis.unchanged(before, after):
                text = f"It changes its input {name} in place: work on a copy."
                return Verdict("not yet", text)
    return None


def judge(runner: Runner, name: str, place: tuple, options: dict[str, Any]) -> Verdict:
    """Try the kinds of arrays that the exercise allows, until the answer is not of another kind.

    ``options`` are those of :func:`utils.exercises.judged`.
    """
    exercise, found = find(name), []
    seconds = options["seconds"] or exercise.seconds
    kinds = [options["kind"]] if options["kind"] else list(exercise.kinds)
    if "torch" in kinds and not options["kind"] and torch.cuda.device_count():
        kinds.append("cuda")
    for kind in kinds:
        cases = [exercise.example, *exercise.inputs(np.random.default_rng(options["seed"]))]
        cases.append(cases[-1])  # the same once more: an answer must not remember
        setting = (*place, exercise.run, kind)
        outcomes = (type(runner)() if found else runner).outcomes(setting, cases, seconds)
        if outcomes[-1].error == LATE and "torch._dynamo" not in sys.modules:
            # Optimizers and torch.func import it at their first use, for seconds: no fault of its.
            torch.func.grad(torch.sin)(torch.tensor(1.0))
            outcomes = type(runner)().outcomes(setting, cases, seconds)
        found.append(verdict(exercise, cases, outcomes, kind))
        if not found[-1].text.startswith(OTHER_KIND):
            return found[-1]
    return found[0]


def main() -> None:
    """Answer requests on standard input until it is closed."""
    # The stop button reaches all processes of a kernel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever prints must not get among the answers
    torch.set_num_threads(1)  # a process with threads cannot be forked safely
    chapters()
    with contextlib.suppress(EOFError):
        while True:
            runner = Runner()
            request = pickle.load(requests)
            try:
                answer: Any = judge(runner, *request)
            except Exception:
                answer = traceback.format_exc()
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    main()
