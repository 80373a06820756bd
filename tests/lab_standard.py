"""The standard of a topic as plain functions: each takes a lab (or a page) and yields its faults.

A fault is one sentence that names the cell, so that an author knows where to look. test_labs.py
runs them over the book, and shows on small broken labs that each finds what it is for.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from tools import run

ROOT = Path(__file__).resolve().parents[1]
CURRICULUM = yaml.safe_load((Path(__file__).parent / "curriculum.yml").read_text(encoding="utf-8"))

PARTS = (
    "Goal", "Set-up", "Build it", "Prove it", "Use it", "Break it", "Play", "Your turn", "Recap",
)  # fmt: skip
EXERCISES = 3  # at least, in a lab
SECONDS, MEGABYTES = 60, 2048  # of the quick profile, on one core
LAB_KB, OUTPUT_KB = 400, 150
CELL_LINES = 28  # "about 25"
COMPARED = 0.6  # of the cells that have output
DIGITS = 6  # a float printed with more is not the same on another processor
ALT_LENGTH = 20

IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
NOT_COMPARED = {"nbval-ignore-output", "nbval-skip"}
DEVICE_NAME = re.compile(r"\b(cuda|mps|NVIDIA|Tesla|cpu)\b|device\(type=")
FLOAT = re.compile(r"(?<![\w.])-?(\d+)\.(\d+)(?:e[+-]?\d+)?(?![\w.]*\.\d)")


@dataclass(frozen=True)
class Lab:
    """A lab as it stands on disk."""

    path: Path
    nb: NotebookNode

    @classmethod
    def read(cls, path: Path) -> Lab:
        return cls(path, nbformat.read(path, as_version=4))

    @property
    def topic(self) -> str:
        return self.path.name.removesuffix(".ipynb").removesuffix("-lab")

    @cached_property
    def code(self) -> list[Cell]:
        """The code cells that hold code."""
        return [c for c in self.cells if c.node.cell_type == "code" and c.node.source.strip()]

    @cached_property
    def cells(self) -> list[Cell]:
        return [Cell(number, node) for number, node in enumerate(self.nb.cells, start=1)]

    def part(self, title: str) -> list[Cell]:
        """The cells under the heading ``## title``."""
        inside, found = False, []
        for cell in self.cells:
            if cell.node.cell_type == "markdown" and (
                heads := re.findall(r"(?m)^## (.+)$", cell.node.source)
            ):
                inside = heads[-1].strip() == title
            if inside:
                found.append(cell)
        return found


@dataclass(frozen=True)
class Cell:
    """One cell with its place in the notebook, counted from 1."""

    number: int
    node: NotebookNode

    def __str__(self) -> str:
        """``cell 7, In [3] `first line` ``: as an author finds it in the file and on the screen."""
        if self.node.cell_type != "code":
            return f"cell {self.number}"
        lines = [line for line in self.node.source.splitlines() if line.strip()]
        count = self.node.execution_count
        first = lines[0] if lines else ""
        return f"cell {self.number}, In [{' ' if count is None else count}] `{first}`"

    @property
    def tags(self) -> set[str]:
        return set(self.node.metadata.get("tags", []))

    @property
    def has_image(self) -> bool:
        return any(
            kind in output.get("data", {}) for output in self.node.outputs for kind in IMAGES
        )

    @property
    def is_compared(self) -> bool:
        """Whether nbval compares something of it: it never looks at pictures."""
        return not self.tags & NOT_COMPARED and bool(self.text.strip())

    @property
    def text(self) -> str:
        """Everything in its outputs that a reader can read, pictures aside."""
        parts = []
        for output in self.node.outputs:
            if "text" in output:
                parts.append(output.text)
            data = output.get("data", {})
            if not any(kind in data for kind in IMAGES):
                parts.append(data.get("text/plain", ""))
        return "\n".join(parts)


def executed(lab: Lab) -> Iterator[str]:
    """Run from top to bottom on a clean kernel: counts 1, 2, 3, …; nbval passes a lab never run."""
    for expected, cell in enumerate(lab.code, start=1):
        if cell.node.execution_count is None:
            yield f"{cell}: was never executed"
        elif cell.node.execution_count != expected:
            yield f"{cell}: executed out of order, it should be In [{expected}] of a clean run"


def free_of_errors(lab: Lab) -> Iterator[str]:
    """No cell shows a traceback."""
    for cell in lab.code:
        for output in cell.node.outputs:
            if output.output_type == "error":
                yield f"{cell}: holds an error: {output.ename}: {output.evalue}"


def within_budget(lab: Lab) -> Iterator[str]:
    """Time, memory and size: a page that loads, and a lab that ends while one waits for it."""
    course = lab.nb.metadata.get("course", {})
    for key, limit in (("seconds", SECONDS), ("memory_mb", MEGABYTES)):
        if not isinstance(course.get(key), int):
            yield f"the notebook's metadata lack course.{key}: run `make run` on it"
        elif course[key] > limit:
            yield f"over budget: {course[key]} of at most {limit} ({key})"
    size = len(nbformat.writes(lab.nb).encode()) / 1000
    if size > LAB_KB:
        yield f"over budget: the lab is {size:.0f} kB, of at most {LAB_KB}"
    for cell in lab.code:
        for output in cell.node.outputs:
            if (size := len(json.dumps(output).encode()) / 1000) > OUTPUT_KB:
                yield f"{cell}: over budget: an output of {size:.0f} kB, of at most {OUTPUT_KB}"


def has_parts(lab: Lab) -> Iterator[str]:
    """The parts of the standard, in order, under these very headings, each with something in it."""
    text = "\n".join(c.node.source for c in lab.cells if c.node.cell_type == "markdown")
    if not re.match(r"# .+: lab\s*$", text.split("\n", 1)[0]):
        yield "cell 1: the lab begins with its title, `# Topic title: lab`"
    headings = [h.strip() for h in re.findall(r"(?m)^## (.+)$", text)]
    for title in PARTS:
        if title not in headings:
            yield f"the part `## {title}` is missing"
    for title in headings:
        if title not in PARTS:
            yield f"`## {title}` is no part of the standard; use `###` inside a part"
    known = [h for h in headings if h in PARTS]
    if known != sorted(known, key=PARTS.index) or len(set(known)) != len(known):
        yield f"the parts stand as {', '.join(known)}; the order is {', '.join(PARTS)}"
    for title in PARTS[2:-1]:
        if title in headings and not any(c.node.cell_type == "code" for c in lab.part(title)):
            yield f"the part `## {title}` has no code"


def readable_cells(lab: Lab) -> Iterator[str]:
    """Text before every code cell, and cells that fit on a screen."""
    before = None
    for cell in lab.cells:
        if cell.node.cell_type == "code":
            if (
                before is None
                or before.node.cell_type != "markdown"
                or not before.node.source.strip()
            ):
                yield f"{cell}: no text before it"
            lines = cell.node.source.split(run.PATH_LINE)[-1].strip().count("\n") + 1
            if lines > CELL_LINES:
                yield f"{cell}: {lines} lines, of at most {CELL_LINES}"
            if not cell.node.source.strip():
                yield f"{cell}: is empty"
        before = cell


def described_figures(lab: Lab) -> Iterator[str]:
    """Every picture says what it shows, to those who cannot see it too, and can be referred to."""
    names = []
    for cell in lab.code:
        pictures = sum(any(k in o.get("data", {}) for k in IMAGES) for o in cell.node.outputs)
        if not pictures:
            continue
        mystnb = cell.node.metadata.get("mystnb", {})
        alt = mystnb.get("image", {}).get("alt", "")
        if len(alt.strip()) < ALT_LENGTH:
            yield f"{cell}: a figure without alt text of at least {ALT_LENGTH} characters"
        if not mystnb.get("figure", {}).get("caption", "").strip():
            yield f"{cell}: a figure without a caption"
        name = mystnb.get("figure", {}).get("name", "")
        if not name.startswith("fig-"):
            yield f"{cell}: a figure without a name `fig-…`"
        if name in names:
            yield f"{cell}: a second figure with the name {name}"
        if pictures > 1:
            yield f"{cell}: {pictures} figures in one cell share one alt text; one figure a cell"
        names.append(name)


def compared(lab: Lab) -> Iterator[str]:
    """Most outputs are compared strictly, and what is compared is the same on every machine."""
    strict = [cell for cell in lab.code if cell.node.outputs and cell.is_compared]
    shown = [c for c in lab.code if c.node.outputs and not c.tags & {"exercise", "solution"}]
    held = [cell for cell in shown if cell.is_compared]  # verdicts of exercises do not count here
    if len(held) < COMPARED * len(shown):
        loose = "; ".join(str(cell) for cell in shown if not cell.is_compared)
        yield (
            f"only {len(held)} of {len(shown)} cells with output are compared, at least "
            f"{COMPARED:.0%} must be; not compared: {loose}"
        )
    for cell in strict:
        if found := DEVICE_NAME.search(cell.text):
            yield f"{cell}: prints a device name ({found[0]}), which differs between machines"
        if "exact" in cell.tags:
            continue
        for whole, fraction in FLOAT.findall(cell.text):
            if len((whole + fraction).lstrip("0")) > DIGITS:
                yield (
                    f"{cell}: prints {whole}.{fraction}, more than {DIGITS} digits; round it, or "
                    "tag the cell `exact` where mathematics determines every digit"
                )


def set_up(lab: Lab) -> Iterator[str]:
    """One cell tagged ``setup``, the first: the bootstrap of tools/run.py, then the lab."""
    cells = [cell for cell in lab.code if "setup" in cell.tags]
    if len(cells) != 1:
        yield f"{len(cells)} cells have the tag `setup`; the set-up cell, and only it, must"
        return
    cell, source = cells[0], cells[0].node.source
    if cell is not lab.code[0]:
        yield f"{cell}: the set-up cell is not the first code cell"
    if address := re.search(r'(?m)^    COURSE = "(.*)"$', source):
        folder = f"book/{lab.path.parent.name}"
        begin = run.BOOTSTRAP.format(address=address[1], folder=folder) + run.PATH_LINE + "\n"
        if not source.startswith(begin):
            yield f"{cell}: its bootstrap is not the one that `make run` writes"
    else:
        yield f"{cell}: has no bootstrap: run `make run` on it"
    if "start" not in _calls([cell]):
        yield f"{cell}: does not call start()"
    around = "\n".join(c.node.source for c in lab.part("Set-up") if c.node.cell_type == "markdown")
    if not re.search(r"(?i)\|[^\n]*quick[^\n]*\|[^\n]*full[^\n]*\|", around):
        yield f"{cell}: no table of the quick and the full profile beside it"


def proven(lab: Lab) -> Iterator[str]:
    """What was built is shown equal to the library's twin, and claimed with a check."""
    calls = _calls(lab.part("Prove it"))
    if "same" not in calls:
        yield "the part `## Prove it` compares nothing with the library: no call of same()"
    if "claim" not in calls:
        yield "the part `## Prove it` states no result: no call of claim()"


def answerable(lab: Lab) -> Iterator[str]:
    """Exercises of four cells each: statement, stub with its check, hints, folded solution."""
    cells = lab.part("Your turn")
    stubs = [place for place, cell in enumerate(cells) if "exercise" in cell.tags]
    if len(stubs) < EXERCISES:
        yield f"{len(stubs)} exercises under `## Your turn`, at least {EXERCISES} are needed"
    for place in stubs:
        kinds = [cell.node.cell_type for cell in cells[place - 1 : place + 3]]
        after = cells[place + 2] if len(kinds) == 4 else cells[place]
        if kinds != ["markdown", "code", "markdown", "code"] or "solution" not in after.tags:
            yield f"{cells[place]}: around it must stand statement, this stub, hints, solution"
            continue
        if "<summary>Hint 1</summary>" not in cells[place + 1].node.source:
            yield f"{cells[place + 1]}: holds no folded hints"
        folded = after.node.metadata.get("jupyter", {}).get("source_hidden")
        if not folded or after.node.metadata.get("cellView") != "form":
            yield f"{after}: a solution is folded by `jupyter: source_hidden` and `cellView: form`"
        for cell in (cells[place], after):
            if "check" not in _calls([cell]):
                yield f"{cell}: does not end with check()"
        if "not attempted yet" not in cells[place].text or ": correct." not in after.text:
            yield f"{cells[place]}: the stub must read `not attempted yet`, the solution `correct`"


def normalized(lab: Lab) -> Iterator[str]:
    """As tools/run.py writes it: normalizing it once more changes nothing."""
    again = nbformat.reads(nbformat.writes(lab.nb), as_version=4)
    run.normalize(again)
    if nbformat.writes(again) != nbformat.writes(lab.nb):
        for cell, other in zip(lab.cells, again.cells):
            if cell.node != other:
                yield f"{cell}: is not as `make run` writes it"
        if again.metadata != lab.nb.metadata:
            yield "the notebook's metadata are not as `make run` writes them"


LAB_CHECKS: tuple[Callable[[Lab], Iterator[str]], ...] = (
    executed,
    free_of_errors,
    within_budget,
    has_parts,
    readable_cells,
    described_figures,
    compared,
    set_up,
    proven,
    answerable,
    normalized,
)


def lab_faults(lab: Lab) -> list[str]:
    """Every fault of a lab, in the order of the checks."""
    return [fault for check in LAB_CHECKS for fault in check(lab)]


def _calls(cells: list[Cell]) -> set[str]:
    """The names of the functions that these cells call."""
    names = set()
    for cell in cells:
        if cell.node.cell_type != "code":
            continue
        # Lines for the shell are not Python: put a statement in their place, at the same indent.
        source = re.sub(r"(?m)^(\s*)[!%].*$", r"\1pass", cell.node.source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                names.add(getattr(node.func, "id", getattr(node.func, "attr", "")))
    return names


# ---------------------------------------------------------------- theory pages

SECTIONS = ("By hand", "In practice", "Check yourself", "History and further reading")


def page_faults(text: str) -> Iterator[str]:
    """What a theory page lacks of the standard."""
    headings = [h.strip() for h in re.findall(r"(?m)^#{2,3} (.+)$", text)]
    first = text.find("\n## ")
    if "{at-a-glance}" not in text[: first if first >= 0 else None]:
        yield "no {at-a-glance} box before the first section"
    places = []
    for section in SECTIONS:
        found = [i for i, heading in enumerate(headings) if re.match(rf"{section}\b", heading)]
        if not found:
            yield f"the section `## {section}` is missing"
        places += found[:1]
    if places != sorted(places):
        yield f"the sections do not stand in the order {', '.join(SECTIONS)}"
    questions = re.split(r"(?m)^:::+\s*\{question\}", text)[1:]
    if len(questions) < 3:
        yield f"{len(questions)} questions under `Check yourself`; 3 to 5 are needed"
    for number, question in enumerate(questions, start=1):
        body = re.split(r"(?m)^:::+\s*$", question)[0]
        if not re.search(r"(?m)^- \[x\]", body):
            yield f"question {number} has no right choice, `- [x]`"
        if not re.search(r"(?m)^- \[ \]", body):
            yield f"question {number} has no wrong choice, `- [ ]`"
    further = text.split("History and further reading", 1)[-1]
    if not re.search(r"\{cite(:\w+)?\}`", further):
        yield "`History and further reading` cites nothing"


def index_entries(text: str) -> set[str]:
    """The texts of all index entries on a page, in lower case."""
    found = set()
    for content in re.findall(r"\{index\}`([^`]+)`", text):
        target = re.search(r"<([^>]+)>\s*$", content)
        found.add(target[1] if target else content)
    for content in re.findall(r"(?m)^(?:`{3,}|:{3,})\{index\} *(.+)$", text):
        found.add(content)
    entries = set()
    for entry in found:
        entry = re.sub(r"^\s*!?\s*(single|pair|see|seealso|triple):\s*", "", entry)
        entries |= {part.strip().lstrip("!").casefold() for part in [entry, *entry.split(";")]}
    return entries


def glossary_terms(text: str) -> set[str]:
    """The terms that a glossary page defines, in lower case: lines followed by an indented text."""
    terms, waiting = set(), []
    for line in text.splitlines():
        if waiting and re.match(r"(:\s|\s+\S)", line):
            terms |= {re.sub(r"\s+:\s.*$", "", term).strip().casefold() for term in waiting}
            waiting = []
        elif line.strip() and not line[0].isspace() and not re.match(r"[:`#]", line):
            waiting.append(line)
        else:
            waiting = []
    return terms


def covered(chapter: str, topic: str, page: str, glossary: str) -> Iterator[str]:
    """Every term that the curriculum asks of a topic is in its index and in the glossary."""
    entry = CURRICULUM.get(chapter, {}).get(topic)
    if entry is None:
        yield f"{chapter}/{topic} is no topic of the curriculum (tests/curriculum.yml)"
        return
    entries, terms = index_entries(page), glossary_terms(glossary)
    for term in entry.get("covers", []):
        if term.casefold() not in entries:
            yield f"the term {term!r} has no index entry on the theory page"
        if term.casefold() not in terms:
            yield f"the term {term!r} is not in book/glossary.md"
