"""Every lab and every theory page keeps to the standard; and the standard finds what is broken.

nbval compares outputs, but passes a lab that was never executed, holds too few compared cells or
lacks its proof: that is what stands here. The checks themselves are in lab_standard.py.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import lab_standard as standard
import nbformat
import pytest
from lab_standard import ROOT, Lab
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import run
from utils.lab import same

LABS = run.labs()
BOOK = ROOT / "book"
PAGES = sorted(
    p for p in BOOK.glob("[0-9]*/*.md") if p.name != "index.md" and not p.name.startswith("_")
)


def topic_id(path: Path) -> str:
    """``02-cv/cnn-basics``, so that ``--chapter`` finds it."""
    return f"{path.parent.name}/{path.name.split('.')[0].removesuffix('-lab')}"


def page_of(lab: Path) -> Path:
    return lab.with_name(lab.name.removesuffix("-lab.ipynb") + ".md")


# ---------------------------------------------------------------- the book


def test_the_book_has_labs() -> None:
    """Tests over no lab at all would pass."""
    assert len(LABS) >= 3 and len(PAGES) >= 3


@pytest.mark.parametrize("check", standard.LAB_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", LABS, ids=topic_id)
def test_lab(path: Path, check) -> None:
    faults = list(check(Lab.read(path)))
    assert not faults, f"{path.relative_to(ROOT)}\n  " + "\n  ".join(faults)


@pytest.mark.parametrize("path", PAGES, ids=topic_id)
def test_page(path: Path) -> None:
    """A theory page has the sections of the standard and the terms of the curriculum."""
    page = path.read_text(encoding="utf-8")
    glossary = (BOOK / "glossary.md").read_text(encoding="utf-8")
    faults = [
        *standard.page_faults(page),
        *standard.covered(path.parent.name, path.stem, page, glossary),
    ]
    assert not faults, f"{path.relative_to(ROOT)}\n  " + "\n  ".join(faults)


@pytest.mark.parametrize("path", sorted({*LABS, *PAGES}), ids=lambda p: f"{topic_id(p)}{p.suffix}")
def test_topic_is_whole(path: Path) -> None:
    """A topic is a page and a lab with one title, both in the table of contents."""
    entry = standard.CURRICULUM.get(path.parent.name, {}).get(topic_id(path).split("/")[1]) or {}
    where = path.relative_to(ROOT)
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    document = where.with_suffix("").as_posix()
    assert re.search(rf"file: *{re.escape(document)}(\.\w+)?\s*$", toc, re.M), (
        f"{where} is not in _toc.yml"
    )
    if path.suffix == ".ipynb" and path.name != "project.ipynb":
        page = page_of(path)
        assert page.exists(), f"{where} has no theory page {page.name}"
        title = page.read_text(encoding="utf-8").lstrip().splitlines()[0]
        titles = [
            re.sub(r"(?m)^\(.*\)=\s*", "", title),
            Lab.read(path).nb.cells[0].source.split("\n")[0],
        ]
        if titles[0].startswith("# "):
            assert titles[1] == f"{titles[0]}: lab", f"{where}: the page is {titles[0]!r}"
        assert path.name in page.read_text(encoding="utf-8"), (
            f"{page.name} does not link {path.name}"
        )
    elif path.suffix == ".md":
        lab = path.with_name(f"{path.stem}-lab.ipynb")
        assert lab.exists() or entry.get("lab") in ("none", "optional"), (
            f"{where} has no {lab.name}"
        )


# ---------------------------------------------------------------- broken labs are found

PNG = (  # one gray pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


def exercise(number: int) -> list:
    """The four cells of an exercise."""
    stub, solution = (
        new_code_cell(
            f"{title}def f{number}{name}(x):\n    return {value}\n\n\n"
            f'check("cnn-basics.f{number}", f{number}{name}{last})',
            outputs=[new_output("stream", name="stdout", text=f"{mark} f{number}: {said}.\n")],
            metadata=metadata,
        )
        for title, name, value, last, mark, said, metadata in (
            ("", "", None, "", "○", "not attempted yet", {"tags": ["exercise"]}),
            (
                "# @title Solution\n", "_solution", "x", ", solution=True", "✓", "correct. So",
                {"tags": ["solution"], "jupyter": {"source_hidden": True}, "cellView": "form"},
            ),
        )
    )  # fmt: skip
    hints = "<details><summary>Hint 1</summary>\n\nReturn x.\n\n</details>"
    statement = new_markdown_cell(f"### Identity {number}\n\nWrite `f{number}(x)`.")
    return [statement, stub, new_markdown_cell(hints), solution]


def good_lab() -> Lab:
    """The smallest lab that keeps to the standard; every test below breaks it in one way."""
    text = new_markdown_cell
    address = "https://example.org/course.git"
    begin = run.BOOTSTRAP.format(address=address, folder="book/02-cv") + run.PATH_LINE
    code = {
        "setup": new_code_cell(
            f"{begin}\n\nfrom utils.lab import claim, same, start\n\nlab = start(seed=0)",
            outputs=[new_output("stream", name="stdout", text="Ready: profile quick, seed 0.\n")],
            metadata={"tags": ["setup"]},
        ),
        "build": new_code_cell(
            "print(output.shape)",
            outputs=[new_output("stream", name="stdout", text="(2, 3)\n")],
        ),
        "prove": new_code_cell(
            'same("output", ours, theirs)\nclaim("it holds", True)',
            outputs=[
                new_output(
                    "stream", name="stdout", text="output: same as the library's ✓\nit holds ✓\n"
                )
            ],
        ),
        "fit": new_code_cell(
            "history = fit(model)",
            outputs=[new_output("display_data", data={"text/plain": "epoch 1 loss 0.12345678"})],
            metadata={"tags": ["nbval-ignore-output"]},
        ),
        "figure": new_code_cell(
            "plt.show()",
            outputs=[new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure>"})],
            metadata={
                "mystnb": {
                    "image": {"alt": "the loss falls from 2.3 to 0.1"},
                    "figure": {"caption": "The loss.", "name": "fig-cnn-basics-loss"},
                }
            },
        ),
        "claim": new_code_cell(
            'claim("accuracy ≥ 0.9", accuracy >= 0.9)',
            outputs=[new_output("stream", name="stdout", text="accuracy ≥ 0.9 ✓\n")],
        ),
        "play": new_code_cell("Explorer()"),
    }
    turns = [cell for number in range(standard.EXERCISES) for cell in exercise(number)]
    code |= {f"turn {n}": cell for n, cell in enumerate(turns) if cell.cell_type == "code"}
    cells = [
        text("# CNN basics: lab\n\n## Goal\n\nTwo sentences."),
        text("## Set-up\n\n| | quick | full |\n|---|---|---|\n| epochs | 2 | 10 |"),
        code["setup"],
        text("## Build it\n\nA layer."),
        code["build"],
        text("## Prove it\n\nThe same as the library's."),
        code["prove"],
        text("## Use it\n\nTrain it."),
        code["fit"],
        text("Its loss."),
        code["figure"],
        text("## Break it\n\nWithout it."),
        code["claim"],
        text("## Play\n\nMove it."),
        code["play"],
        text("## Your turn\n\nEdit, run, read."),
        *turns,
        text("## Recap\n\nThree lines."),
    ]
    for number, cell in enumerate(code.values(), start=1):
        cell.execution_count = number
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nb = new_notebook(cells=cells, metadata={"course": {"seconds": 5, "memory_mb": 500}})
    run.normalize(nb)
    return Lab(BOOK / "02-cv" / "cnn-basics-lab.ipynb", nb)


def test_good_lab_has_no_fault() -> None:
    assert standard.lab_faults(good_lab()) == []


def _cell(nb, start: str):
    """The cell whose source begins so; in markdown, after its heading's marks."""
    return next(cell for cell in nb.cells if cell.source.lstrip("# ").startswith(start))


def _drop_text(nb) -> None:
    nb.cells.remove(_cell(nb, "Its loss."))


def _bump(nb) -> None:
    _cell(nb, "print").execution_count = 7


def _error(nb) -> None:
    _cell(nb, "print").outputs = [
        new_output("error", ename="NameError", evalue="no output", traceback=["…"])
    ]


def _tag(nb, *starts: str) -> None:
    for start in starts:
        _cell(nb, start).metadata["tags"] = ["nbval-ignore-output"]


def _print(nb, text: str) -> None:
    _cell(nb, "print").outputs[0].text = text


def _swap(nb) -> None:
    first, second = _cell(nb, "Use it"), _cell(nb, "Break it")
    first.source, second.source = second.source, first.source


BROKEN = {
    "never executed": (
        lambda nb: _cell(nb, "print").update(execution_count=None),
        "never executed",
    ),
    "executed out of order": (_bump, r"out of order, it should be In \[2\]"),
    "an error in an output": (_error, "cell 5.*holds an error: NameError: no output"),
    "too slow": (lambda nb: nb.metadata.course.update(seconds=90), "90 of at most 60 .seconds"),
    "too much memory": (
        lambda nb: nb.metadata.course.update(memory_mb=4000),
        "4000 of at most 2048",
    ),
    "time not noted": (lambda nb: nb.metadata.pop("course"), "lack course.seconds"),
    "an output too large": (lambda nb: _print(nb, "x" * 160_000), "cell 5.*output of 160 kB"),
    "file too large": (
        lambda nb: nb.cells[0].update(source=nb.cells[0].source + "x" * 395_000),
        "the lab is 40[0-9] kB",
    ),
    "no title": (
        lambda nb: nb.cells[0].update(source="## Goal"),
        "cell 1: the lab begins with its",
    ),
    "a part missing": (
        lambda nb: _cell(nb, "Break it").update(source="Without it."),
        "`## Break it` is missing",
    ),
    "parts in another order": (_swap, "the order is Goal, Set-up"),
    "a part of one's own": (
        lambda nb: _cell(nb, "Its loss.").update(source="## Extra\n\nIts loss."),
        "`## Extra` is no part",
    ),
    "no text before a cell": (_drop_text, "cell 10.*no text before it"),
    "a long cell": (
        lambda nb: _cell(nb, "print").update(source="x = 1\n" * 40 + "print(x)"),
        "cell 5.*41 lines",
    ),
    "no alt text": (
        lambda nb: _cell(nb, "plt").metadata.mystnb.pop("image"),
        r"cell 11, In \[5\] `plt.show\(\)`.*alt text",
    ),
    "alt text that says nothing": (
        lambda nb: _cell(nb, "plt").metadata.mystnb.image.update(alt="a plot"),
        "cell 11.*alt text",
    ),
    "no caption": (
        lambda nb: _cell(nb, "plt").metadata.mystnb.figure.update(caption=""),
        "cell 11.*caption",
    ),
    "two figures in a cell": (
        lambda nb: _cell(nb, "plt").outputs.append(_cell(nb, "plt").outputs[0]),
        "cell 11.*2 figures",
    ),
    "too few compared cells": (
        lambda nb: _tag(nb, "print", "claim", "same"),
        "only 1 of 6 cells with output are compared.*cell 5",
    ),
    "a device name": (
        lambda nb: _print(nb, "tensor(1., device='cuda:0')\n"),
        "cell 5.*device name",
    ),
    "too many digits": (lambda nb: _print(nb, "loss 0.69314718\n"), "cell 5.*0.69314718"),
    "another bootstrap": (
        lambda nb: _cell(nb, "import sys").update(
            source=_cell(nb, "import sys").source.replace("--depth 1 ", "")
        ),
        "cell 3.*bootstrap is not the one",
    ),
    "no bootstrap": (
        lambda nb: _cell(nb, "import sys").update(source="lab = start(0)"),
        "has no bootstrap",
    ),
    "no set-up tag": (
        lambda nb: _cell(nb, "import sys").metadata.pop("tags"),
        "0 cells have the tag",
    ),
    "no table of profiles": (
        lambda nb: _cell(nb, "Set-up").update(source="## Set-up\n\nRun it."),
        "no table of the quick and the full",
    ),
    "nothing proven": (
        lambda nb: _cell(nb, "same").update(source="same = 1\nclaim('it holds', True)"),
        "no call of same",
    ),
    "nothing claimed": (
        lambda nb: _cell(nb, "same").update(source="same('output', ours, theirs)"),
        "no call of claim",
    ),
    "too few exercises": (
        lambda nb: _cell(nb, "def f0(x)").metadata.pop("tags"),
        "2 exercises under `## Your turn`, at least 3",
    ),
    "an exercise without hints": (
        lambda nb: _cell(nb, "<details>").update(source="Think."),
        "holds no folded hints",
    ),
    "a solution that is no solution": (
        lambda nb: _cell(nb, "@title").metadata.pop("tags"),
        "def f0.x.*around it must stand",
    ),
    "a solution in plain sight": (
        lambda nb: _cell(nb, "@title").metadata.pop("cellView"),
        "a solution is folded by",
    ),
    "a stub that is answered": (
        lambda nb: _cell(nb, "def f0(x)").outputs[0].update(text="✓ f0: correct. So.\n"),
        "the stub must read",
    ),
    "an exercise without its check": (
        lambda nb: _cell(nb, "def f0(x)").update(source="def f0(x):\n    return None"),
        "does not end with check",
    ),
    "an address in an output": (
        lambda nb: _print(nb, "<Net object at 0x7f00deadbeef>\n"),
        "cell 5.*not as `make run` writes it",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_lab_is_found(name: str) -> None:
    """Each break is reported, and where it is in a cell, with that cell's number."""
    breaking, message = BROKEN[name]
    lab = good_lab()
    breaking(lab.nb)
    faults = standard.lab_faults(Lab(lab.path, copy.deepcopy(lab.nb)))
    assert re.search(message, "\n".join(faults)), faults


def test_digits_that_may_stand() -> None:
    """Six digits, long integers and versions are no floats of chance; `exact` allows more."""
    for text in (
        "0.123456",
        "3.14159 and 1e-07",
        "torch 2.15.0.1234567",
        "size 123456789",
        "0.000125",
    ):
        lab = good_lab()
        _print(lab.nb, text)
        assert list(standard.compared(lab)) == []
    _print(lab.nb, "0.1234567")
    _cell(lab.nb, "print").metadata["tags"] = ["exact"]
    assert list(standard.compared(lab)) == []


GOOD_PAGE = (
    """# CNN basics

A problem.

:::{at-a-glance}
**You will be able to** see.
:::

## The idea
An {index}`kernel` and a {index}`stride length <single: stride>`.
## By hand
## In practice
## Check yourself
"""
    + """
:::{question} Why?
- [x] So.

  Because.
- [ ] Not so.

  Because not.
:::
"""
    * 3
    + """
## History and further reading
{cite:t}`lecun1998gradient` began it.
"""
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## By hand", "## Examples", "`## By hand` is missing"),
        (":::{at-a-glance}", ":::{note}", "at-a-glance"),
        ("- [x] So.", "- [ ] So.", "question 1 has no right choice"),
        (":::{question} Why?\n- [x]", ":::{note} Why?\n- [x]", "0 questions"),
        ("{cite:t}`lecun1998gradient`", "LeCun", "cites nothing"),
        ("## In practice\n## Check yourself", "## Check yourself\n## In practice", "in the order"),
    ],
)
def test_broken_page_is_found(old: str, new: str, message: str) -> None:
    assert list(standard.page_faults(GOOD_PAGE)) == []
    faults = list(standard.page_faults(GOOD_PAGE.replace(old, new)))
    assert message in "\n".join(faults)


def test_missing_terms_are_found() -> None:
    """The curriculum's terms must be in the page's index and in the glossary, in any case."""
    glossary = ":::{glossary}\nStride\nstep\n: How far it moves.\nkernel\n  Weights.\n:::\n"
    faults = "\n".join(standard.covered("02-cv", "cnn-basics", GOOD_PAGE, glossary))
    assert "'stride'" not in faults and "'kernel'" not in faults
    assert (
        "'padding' has no index entry" in faults and "'padding' is not in book/glossary" in faults
    )
    assert "no topic of the curriculum" in "".join(standard.covered("02-cv", "cnn", "", ""))


def test_report_of_nbval(tmp_path: Path) -> None:
    """A cell whose output changed fails with what was stored and what came; the others pass."""
    lab = nbformat.v4.new_notebook(
        cells=[
            new_code_cell("x = 2", execution_count=1),
            new_code_cell(
                "print(x + x)",
                execution_count=2,
                outputs=[new_output("stream", name="stdout", text="five\n")],
            ),
            new_code_cell(
                "print(object())  # an address, which the sanitizing file replaces",
                execution_count=3,
                outputs=[new_output("stream", name="stdout", text="<object object at 0x…>\n")],
            ),
        ]
    )
    for name in (
        "book/small-lab.ipynb",
        "book/.ipynb_checkpoints/small-lab-checkpoint.ipynb",
        "book/old.ipynb",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(lab, tmp_path / name)
    (tmp_path / "tests").mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"]
    command += [f"--rootdir={tmp_path}", "-c", str(ROOT / "pyproject.toml"), "--color=no"]
    command += ["--nbval", f"--nbval-sanitize-with={ROOT / 'tests/nbval_sanitize.cfg'}"]
    done = subprocess.run(
        [*command, str(tmp_path / "book")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        cwd=tmp_path,
    )
    report = done.stdout
    assert done.returncode == 1, report + done.stderr
    assert "1 failed, 2 passed, 3 deselected" in report.splitlines()[-1], report
    assert "FAILED" in report and "small-lab.ipynb::Cell 1" in report
    assert "five" in report and "4" in report and "print(x + x)" in report
    assert "checkpoint" not in report


def test_a_proof_to_twelve_digits_is_one_for_small_numbers_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The default allowance would let through whatever is smaller than itself."""
    with pytest.raises(AssertionError, match="not equal"):
        same("gradient", [1e-9, 0.0], [2e-9, 0.0], rtol=1e-12)
    same("gradient", [1e-9, 0.0], [1e-9, 1e-14], rtol=1e-12)
    assert capsys.readouterr().out == "gradient: same as the library's ✓\n"
