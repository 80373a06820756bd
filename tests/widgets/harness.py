"""Figures in a browser: on a bare page straight from the Python object, without building the site.

The bare page is made by the code that makes the site's pages (extensions/course/widgets.py) and is
opened from disk with every other request refused, so a test of a figure takes a second.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from site_tools import ROOT, Watched

sys.path.insert(0, str(ROOT / "extensions"))
from course import widgets

ASSETS = ROOT / "extensions" / "course" / "assets"


@functools.cache
def site_style() -> str:
    """The rules of the site, which a figure must stand beside: the theme's, and the book's own."""
    import pydata_sphinx_theme
    import sphinx_book_theme

    sheets = [
        Path(pydata_sphinx_theme.__file__).parent
        / "theme/pydata_sphinx_theme/static/styles/pydata-sphinx-theme.css",
        Path(sphinx_book_theme.__file__).parent
        / "theme/sphinx_book_theme/static/styles/sphinx-book-theme.css",
        ROOT / "book" / "_static" / "course.css",
        ASSETS / "live.css",
    ]
    text = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    text = re.sub(r"@font-face\s*\{.*?\}", "", text, flags=re.S)  # files that are not there
    return re.sub(r"url\((?!.?data:)[^)]*\)", "none", text)


PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Figure</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{sheet}
  main {{ width: {width}px; max-width: calc(100vw - 32px); margin: 16px auto }}</style></head>
<body><main class="bd-article"><h1>A page with a figure</h1>
{before}<img src="data:image/png;base64,{png}" alt="The figure in its first state">{after}
</main><script>{runtime}</script></body></html>"""


def stored_model(figure: Any) -> dict[str, Any]:
    """The figure's state as a notebook stores it."""
    from ipywidgets.embed import embed_data

    state = embed_data(views=[figure], drop_defaults=False)["manager_state"]["state"]
    return json.loads(json.dumps(state[figure.model_id]))


_pictures: dict[str, str] = {}


def picture(figure: Any) -> str:
    """What stands in the figure's place until it lives. Drawing it takes longer than all else, so
    figures of a kind share one. (That a picture shows its figure's state, tests ask elsewhere.)"""
    kind = type(figure).__qualname__  # its class is made anew for each figure
    if kind not in _pictures:
        _pictures[kind] = base64.b64encode(figure.png()).decode()
    return _pictures[kind]


def markup(figure: Any, theme: str = "light", width: int = 720) -> str:
    """A whole page that shows one figure."""
    model = stored_model(figure)
    return PAGE.format(
        theme=theme,
        width=width,
        sheet=site_style(),
        runtime=(ASSETS / "live.js").read_text("utf-8"),
        before=widgets.opening(model),
        png=picture(figure),
        after=widgets.closing(model),
    )


MEASURED = """async states => {
    const measure = MEASURE, found = [];
    const model = document.querySelector(".live-figure").figureModel;
    for (const state of states) {
        for (const [name, value] of Object.entries(state)) model.set(name, value);
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        found.push(measure(document.querySelector(".live-stage")));
    }
    return found;
}"""


class Mounted:
    """A figure on its page. `page` is Playwright's page, `root` the figure's own element."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.page = watched.page
        self.page.set_default_timeout(10_000)
        self.page.wait_for_selector(".live-figure[data-live]", state="attached")
        if (note := self.page.locator(".live-note")).count():
            pytest.fail(note.inner_text())
        self.root = self.page.locator(".live-stage")

    def get(self, name: str) -> Any:
        """The value of a trait as the page has it."""
        return self.page.evaluate(
            "name => document.querySelector('.live-figure').figureModel.get(name)", name
        )

    def set(self, name: str, value: Any) -> None:
        """Change a trait as Python would from a kernel."""
        self.page.evaluate(
            "pair => document.querySelector('.live-figure').figureModel.set(...pair)", [name, value]
        )
        self.watched.settle()

    def measured(
        self, states: list[dict[str, Any]], measure: str = "el => el.offsetHeight"
    ) -> list[Any]:
        """What `measure` gives of the figure in each of these states, once that is drawn."""
        return self.page.evaluate(MEASURED.replace("MEASURE", measure), states)

    def theme(self, name: str) -> None:
        self.watched.set_theme(name)
        self.watched.settle()

    @property
    def problems(self) -> list[str]:
        """Everything that the console, the network or a script complained about."""
        return self.watched.problems
