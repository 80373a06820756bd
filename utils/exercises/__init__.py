"""Exercises that answer at once: ``check``, ``hint`` and ``progress``.

A check never runs an answer in the notebook's own process. The answer is copied to a second one,
the judge, which has it called in a third, the runner, and compares what comes back. So an answer
that loops, crashes, prints or changes a library harms neither the notebook nor the comparison.
``utils.checks`` holds the exercises themselves, one module a chapter.

==========  ===========================================================
``spec``    what an exercise is made of, and how it is found by its id
``runner``  calls the answer, in a process of its own
``judge``   decides, in another
``client``  what a notebook calls
==========  ===========================================================
"""

from __future__ import annotations

from utils.progress import report as progress

from .client import check, hint, judged, warm_up
from .spec import Exercise, Mistake, Verdict

__all__ = ["Exercise", "Mistake", "Verdict", "check", "hint", "judged", "progress", "warm_up"]
