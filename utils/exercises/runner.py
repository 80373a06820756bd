"""The process in which an answer runs: it knows the arguments, and nothing of what is right."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from utils.diagnosis import convert, plain

OURS = (str(Path(__file__).parents[1]), *(sysconfig.get_path(n) for n in ("stdlib", "purelib")))


@dataclass(frozen=True)
class Outcome:
    """What one call did: its result and what became of the arguments, or why there is none."""

    value: Any = None
    after: Any = None
    error: str = ""
    line: tuple[str, int, str] | None = None  # file, line, function
    printed: str = ""


def serve(pipe: Connection) -> None:
    """Receive (path, folder, answer, run, kind), then arguments; send an outcome for each.

    The first outcome, an empty one, says that the answer and what it imports are loaded.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the notebook's stop button is the judge's affair
    sys.stdin = open(os.devnull)  # an answer that asks for input must not wait
    path, folder, packed, run, kind = pipe.recv()
    sys.path[:] = path
    with contextlib.suppress(OSError):
        os.chdir(folder)
    try:
        answer = pickle.loads(packed)
        failed = None
    except BaseException as error:
        failed = Outcome(error=f"it could not be copied to the checking process: {_words(error)}")
    pipe.send(failed or Outcome())
    while not failed:
        args = pickle.loads(pipe.recv_bytes())
        pipe.send(call(answer, run, convert(args, kind)))


def call(answer: Any, run: Callable[..., Any] | None, args: tuple) -> Outcome:
    """Call an answer; what it prints and what it raises is part of the outcome."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            value = run(answer, *args) if run else answer(*args)
        return Outcome(plain(value), plain(args), printed=printed.getvalue()[:2000])
    except BaseException as error:
        line = _line(error.__traceback__)
        said = printed.getvalue()[:2000]
        return Outcome(error=f"it raised {_words(error)}", line=line, printed=said)


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _line(trace: TracebackType | None) -> tuple[str, int, str] | None:
    """The last line that is neither ours nor a library's."""
    found = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(OURS):
            found = (code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next
    return found
