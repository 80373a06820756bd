"""The exercises as they stand in the labs: statement, stub, hints, solution.

An exercise is four cells under ``## Your turn``, in this order: its statement, the code cell with
the tag ``exercise`` that holds the stub and ends with its check, the hints, and the code cell with
the tag ``solution`` that ends with the same check of the solution.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat

from tools import run


@dataclass(frozen=True)
class Printed:
    """One exercise as a lab prints it."""

    id: str
    lab: Path
    statement: str
    stub: str  # the source of its cell
    hints: str
    solution: str
    before: str  # imports and definitions of the cells above

    def answer(self, source: str) -> Any:
        """Run a stub's or solution's cell without its check; what it would have checked."""
        space = self._above()
        body, name = split(source)
        _execute(body, f"<{self.id}>", space)
        return space[name]

    def definitions(self) -> SimpleNamespace:
        """The functions and classes of the cells above, by name."""
        return SimpleNamespace(**self._above())

    def _above(self) -> dict[str, Any]:
        space: dict[str, Any] = {"__name__": "__main__"}
        _execute(self.before, f"<{self.id}, cells above>", space, tolerant=True)
        return space


def split(source: str) -> tuple[str, str]:
    """A cell without its last statement, the check, and the name of what is checked."""
    last = ast.parse(source).body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "check":
        raise ValueError(f"the cell does not end with check(…):\n{source}")
    return "\n".join(source.splitlines()[: last.lineno - 1]), call.args[1].id


def checked(source: str) -> str:
    """The id in a cell's last statement, ``check("id", …)``."""
    return ast.parse(source).body[-1].value.args[0].value


@cache
def printed() -> dict[str, Printed]:
    """Every exercise of every lab, by id."""
    return {exercise.id: exercise for lab in run.labs() for exercise in _of(lab)}


def _of(lab: Path) -> Iterator[Printed]:
    cells = nbformat.read(lab, as_version=4).cells
    before: list[str] = []
    for number, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if "exercise" in cell.metadata.get("tags", []):
            statement, stub, hints, solution = (c.source for c in cells[number - 1 : number + 3])
            name = checked(stub)
            yield Printed(name, lab, statement, stub, hints, solution, "\n".join(before))
        elif "solution" not in cell.metadata.get("tags", []):
            before.append(_definitions(cell.source))


def _definitions(source: str) -> str:
    """The imports, functions and classes of a cell, and constants that are written out."""
    source = re.sub(r"(?m)^(\s*)[!%].*$", r"\1pass", source)
    kept = []
    for node in ast.parse(source).body:
        literal = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        if literal or isinstance(node, kinds):
            kept.append(ast.unparse(node))
    return "\n".join(kept)


def _execute(source: str, name: str, space: dict[str, Any], tolerant: bool = False) -> None:
    """Run source so that its lines can be shown where they raise."""
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)
    if not tolerant:
        exec(compile(source, name, "exec"), space)
        return
    for node in ast.parse(source).body:  # a decorator or default may need what a lab computed
        try:
            exec(compile(ast.Module([node], []), name, "exec"), space)
        except NameError:
            continue
