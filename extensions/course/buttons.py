"""The buttons at the top of a page: download, Colab, source, issue. None of them is ever dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from . import notebooks
from .address import repository


def find_repository(app: Sphinx) -> None:
    """Look for the address once per build."""
    app.env.course_repository = repository(Path(app.srcdir))


def add(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the template the buttons of this page: dictionaries of url, icon, text, kind."""
    context["course_buttons"] = buttons = []
    if doctree is None or pagename not in app.env.found_docs:
        return
    path = Path(app.env.doc2path(pagename))
    relative = path.relative_to(app.srcdir).as_posix()
    where = app.env.course_repository
    is_lab = path.suffix == ".ipynb"

    if is_lab:
        link = where and notebooks.colab_ready(notebooks.read(path)) and where.colab(relative)
        if link:
            buttons.append(
                {"kind": "colab", "url": link, "icon": "fa-solid fa-play", "text": "Open in Colab"}
            )
        buttons.append(
            {
                "kind": "download",
                "url": context["pathto"]("_sources/" + context["sourcename"], 1),
                "icon": "fa-solid fa-download",
                "text": "Download",
                "title": "Download this notebook",
            }
        )
    if where is None:
        return
    if source := where.file(relative):
        buttons.append(
            {"kind": "source", "url": source, "icon": "fa-solid fa-code", "text": "Source"}
        )
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else pagename
    if issue := where.issue(f"{title} ({relative})"):
        buttons.append(
            {
                "kind": "issue",
                "url": issue,
                "icon": "fa-solid fa-circle-exclamation",
                "text": "Report",
                "title": "Report a problem on this page",
            }
        )


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", find_repository)
    app.connect("html-page-context", add, priority=600)
