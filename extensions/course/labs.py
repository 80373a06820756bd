"""What a lab's page has beyond its cells: what a run costs, and cells that are folded.

Folded are the code of the set-up cell, and an exercise's solution with its output.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from . import notebooks


class folded(nodes.General, nodes.Element):
    """A part of the page that a reader opens; `summary` says what is in it."""


def on_read(app: Sphinx, doctree: nodes.document) -> None:
    """Add the line on time and memory under the title; fold set-up code and solutions."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    line = notebooks.cost(notebooks.read(path))
    section = next(doctree.findall(nodes.section), None)
    if line and section is not None:
        position = section.first_child_matching_class(nodes.title) or 0
        section.insert(position + 1, nodes.paragraph("", line, classes=["run-cost"]))
    for cell in list(doctree.findall(nodes.container)):
        if "tag_setup" in cell["classes"]:
            cell[0] = folded("", cell[0], summary="Set-up code: imports, seed, profile")
        if "tag_solution" in cell["classes"]:
            cell.children = [folded("", *cell.children, summary="Solution")]


def visit_folded(self: Any, node: folded) -> None:
    self.body.append(f'<details class="folded"><summary>{escape(node["summary"])}</summary>\n')


def depart_folded(self: Any, node: folded) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    app.add_node(folded, html=(visit_folded, depart_folded))
    app.connect("doctree-read", on_read)
