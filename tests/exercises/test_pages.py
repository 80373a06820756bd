"""An exercise on the website: hints and solution open by click and keyboard, without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from in_labs import printed
from site_tools import Watched

from utils.exercises.spec import find

PAGES = sorted({f"book/{e.lab.parent.name}/{e.lab.stem}.html" for e in printed().values()})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All pages are read; one of each chapter, and with ``--thorough`` all, opened in a browser."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES)
    elif "opened" in metafunc.fixturenames:
        of_chapters = list({page.split("/")[1]: page for page in PAGES}.values())
        everything = metafunc.config.getoption("thorough")
        metafunc.parametrize("opened", PAGES if everything else of_chapters)


def test_every_exercise_has_its_cells(page: str, site: Path) -> None:
    """The stub, which is not attempted, the hints and the solution, both in elements that fold."""
    html = (site / page).read_text(encoding="utf-8")
    names = [e.id for e in printed().values() if Path(page).stem == e.lab.stem]
    cells = html.split('<div class="cell ')[1:]
    stubs = [cell for cell in cells if "tag_exercise" in cell.split(">")[0]]
    assert len(stubs) == len(names) and all("not attempted yet" in stub for stub in stubs)
    folded = re.findall(r'<div class="cell [^>]*tag_solution[^>]*>\s*<details', html)
    assert len(folded) == len(names)
    hints = re.findall(r"<details>\s*<summary>Hint \d", html)
    assert len(hints) == sum(len(find(name).hints) for name in names)


def test_hints_and_solution_are_folded(opened: str, browser: Any, address: str) -> None:
    """As a browser without JavaScript shows them."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    visitor = Watched(context, address)
    visitor.page.goto(address + opened)
    hints = visitor.page.locator("details:not([class])", has_text="Hint")
    solutions = visitor.page.locator(".cell.tag_solution > details")
    for folded in (hints.first, solutions.first):
        inside = folded.locator(":scope > :not(summary)").first
        assert not inside.is_visible()
        folded.locator("summary").focus()
        visitor.page.keyboard.press("Enter")
        assert inside.is_visible()
        folded.locator("summary").click()
        assert not inside.is_visible()
    # Scripts that the page preloads are dropped where scripts are off: no fault of the page.
    foreign = [text for text in visitor.problems if text.startswith("request to another host")]
    assert not foreign, foreign
    context.close()
