"""The figures in the built pages' files, and what they say where something is missing.

What a reader may count on where all is there, tests/test_every_page.py asks of every figure.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from site_tools import Watched, toc_pages
from visits import FIGURES, ONE_OF_EACH_KIND, WITH_FIGURES, states

from tools import run

SCRIPT_LIMIT = 100_000  # bytes of a figure's script, compressed, beyond the shared runtime
figures = pytest.mark.parametrize(
    ("page", "number"), FIGURES, ids=[f"{Path(page).stem}-{n}" for page, n in FIGURES]
)


# ---- In the files --------------------------------------------------------------------------------


def test_labs_figures_are_on_their_pages(site: Path) -> None:
    """Each figure that a lab shows is live on the lab's page, and its topic's page shows one."""
    from course import notebooks, widgets
    from lab_standard import ROOT

    shown = dict.fromkeys(toc_pages(), 0)
    for page in shown:
        notebook = ROOT / page.replace(".html", ".ipynb")
        if notebook.is_file():
            known = notebooks.figures(notebooks.read(notebook))
            here = sum(widgets.is_figure(figure.model) for figure in known)
            assert here == len(states(page)), f"{page}: {here} figures in the lab"
            theory = page.replace("-lab.html", ".html")
            assert not here or states(theory), f"{theory} shows none of its lab's figures"
    assert FIGURES, "no page has a figure"


@pytest.mark.parametrize("lab", run.labs(), ids=lambda path: path.stem)
def test_lab_holds_the_present_scripts(lab: Path) -> None:
    """What a lab has stored of its figures is what utils/widgets has now."""
    nb = nbformat.read(lab, as_version=4)
    assert not run.renew_scripts(nb), "run `python tools/run.py --scripts`"


def test_runtime_only_where_it_is_needed(site: Path) -> None:
    for page in toc_pages():
        html = (site / page).read_text(encoding="utf-8")
        assert ("live.js" in html) == bool(states(page)), page
        assert "require.js" not in html and "embed-amd" not in html


@figures
def test_script_is_small(page: str, number: int) -> None:
    size = len(gzip.compress(states(page)[number].encode()))
    assert size <= SCRIPT_LIMIT, f"{size} bytes"


# ---- Where something is missing ------------------------------------------------------------------

SOME = [page for page in ONE_OF_EACH_KIND if page in WITH_FIGURES]


@pytest.fixture(scope="module")
def scriptless(browser: Any) -> Iterator[Any]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", SOME)
def test_picture_without_any_script(page: str, scriptless: Any, site: Path) -> None:
    scriptless.goto((site / page).as_uri())
    for figure in scriptless.locator(".live-figure").all():
        picture = figure.locator(".live-box > img")
        picture.scroll_into_view_if_needed()
        assert picture.is_visible()
        assert "picture shows how it begins" in figure.locator(".live-note").inner_text()


# Ways to break a page, and what it says then. (That the script's own file is missing is tried on
# every page, in test_every_page.py.)
MODULES = "URL.createObjectURL = () => { throw new Error('no modules here'); }"
STATE = "Object.fromEntries = JSON.parse = () => { throw new Error('broken'); }"
FAILURES = [
    (page, how) for page in SOME for how in ((MODULES, "no modules here"), (STATE, "broken"))
]


@pytest.fixture(scope="module")
def visitor(browser: Any) -> Iterator[Any]:
    context = browser.new_context(reduced_motion="reduce")
    yield context
    context.close()


@pytest.mark.parametrize(("page", "how"), FAILURES)
def test_failure_is_said(page: str, how: tuple[str, str], visitor: Any, address: str) -> None:
    """The pictures stay, a sentence below says why, and the rest of the page works."""
    watched = Watched(visitor, address)
    watched.page.route("**/mathjax/**", lambda route: route.fulfill(body=""))  # takes seconds
    break_it, reason = how
    watched.page.add_init_script(break_it)
    watched.open(page)
    for figure in watched.page.locator(".live-figure").all():
        note = figure.locator(".live-note").last
        note.wait_for()
        assert "stays a picture" in note.inner_text() and reason in note.inner_text()
        assert figure.locator(".live-box > img").is_visible()
    assert not any("error in script" in problem for problem in watched.problems)
    watched.page.close()
