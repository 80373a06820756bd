"""Mechanical mistakes: every small change of a solution that changes what it does is rejected.

`make test` mutates the solutions of the exercises that changed since main, `make mutation` all of
them. A mutant that passes must stand in survivors.yml, with the reason why it is no wrong answer;
what stands there and does not survive any more must go.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from in_labs import checked, printed, split

from tools.mutation import mutants
from utils.exercises import judged
from utils.exercises.spec import chapters, find

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = yaml.safe_load((Path(__file__).parent / "survivors.yml").read_text("utf-8")) or {}
ENGINE = ("utils/exercises", "utils/diagnosis.py", "tools/mutation.py")
ALWAYS = ["perceptron-and-mlp.softmax"]  # so that this test is itself tried at every run
SECONDS = 1.0  # of computing for one mutant
TRAINED = 6  # mutants of a solution that trains a network, where not all are asked for


def git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def base() -> str | None:
    """The commit at which this work left main; None where git cannot tell."""
    for main in ("origin/main", "main"):
        if found := git("merge-base", "HEAD", main):
            return found.strip()
    return None


@cache
def solutions(since: str, lab: str) -> dict[str, str]:
    """The solutions of a lab as it was then, by exercise."""
    text = git("show", f"{since}:{lab}")
    cells = nbformat.reads(text, as_version=4).cells if text else []
    found = [c.source for c in cells if "solution" in c.metadata.get("tags", [])]
    return {checked(source): source for source in found}


def changed() -> list[str]:
    """The exercises whose solution or check is not what it was on main."""
    since = base()
    if since is None or git("diff", "--name-only", since, "--", *ENGINE):
        return list(printed())
    found = [name for name in ALWAYS if name in printed()]
    for chapter, exercises in chapters().items():
        for name in set(exercises) & set(printed()):
            topic = name.split(".")[0].replace("-", "_")  # a module of its own, or its chapter's
            checks = list((ROOT / "utils/checks").glob(f"*/{topic}.py"))
            checks = checks or [ROOT / f"utils/checks/ch{chapter.replace('-', '_')}.py"]
            edited = bool(git("diff", "--name-only", since, "--", *map(str, checks)))
            shown = printed()[name]
            lab = shown.lab.relative_to(ROOT).as_posix()
            if edited or solutions(since, lab).get(name) != shown.solution:
                found.append(name)
    return list(dict.fromkeys(found))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutated" in metafunc.fixturenames:
        everything = metafunc.config.getoption("mutate") == "all"
        names = list(printed()) if everything else changed()
        places = {name: f"{printed()[name].lab.parent.name}/{name}" for name in names}
        metafunc.parametrize("mutated", names, ids=places.get)


def test_mutants_are_rejected(mutated: str, request: pytest.FixtureRequest) -> None:
    shown = printed()[mutated]
    listed = SURVIVORS.get(mutated, {})
    body, _ = split(shown.solution)
    found = mutants(body)
    survivors = {}
    measured = find(mutated).takes == "model"
    assert len(found) >= 5, "hardly anything could be mutated"
    if measured and request.config.getoption("mutate") != "all":
        found = found[:: len(found) // TRAINED]
    for mutant in found:
        try:
            answer: Any = shown.answer(mutant.source + shown.solution.removeprefix(body))
        except Exception:  # a mistake that shows before anything is checked
            continue
        seeds, kind = range(4) if measured else [0], find(mutated).kinds[0]
        verdicts = [
            judged(mutated, answer, seed=seed, kind=kind, seconds=SECONDS).status for seed in seeds
        ]
        if measured and len(set(verdicts)) == 1:
            continue  # another network that keeps to the budget and reaches the mark is right
        if verdicts[0] == "correct":
            survivors[mutant.change] = mutant.source
    unlisted = [change for change in survivors if change not in listed]
    assert not unlisted, f"{len(unlisted)} of {len(found)} mutants pass:\n" + "\n".join(unlisted)
    if measured:
        return
    gone = [change for change in listed if change not in survivors]
    assert not gone, "no longer survivors, to be deleted from survivors.yml:\n" + "\n".join(gone)


def test_survivors_are_explained() -> None:
    for name, listed in SURVIVORS.items():
        assert name in printed(), f"survivors.yml names {name}, which is no exercise"
        for change, reason in listed.items():
            assert " → " in change and len(reason) > 20, f"{name}: {change}: why is it right?"


def test_what_a_mutant_is() -> None:
    """Operators, constants, comparisons, terms, keywords, neighbors, calls, order of arguments."""
    source = "def f(x, y):\n    if x < 3:\n        return np.sum(x, axis=1) - g(x, y)\n    x += 2\n"
    changes = "\n".join(mutant.change for mutant in mutants(source))
    for expected in (
        "if x <= 3:", "if x > 3:", "if x < 4:", "if x < 2:", "np.mean(x, axis=1)", "axis=2",
        "axis=0", "np.sum(x, ) -", "np.sum(x, axis=1) + g", "→ return np.sum(x, axis=1)\n",
        "→ return g(x, y)", "g(y, x)", "x - g(x, y)", "x -= 2", "x = 2", "x += 3",
    ):  # fmt: skip
        assert expected in changes, expected
