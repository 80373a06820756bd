"""An exercise on the website: hints and solution open by click and keyboard, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from in_labs import printed
from site_tools import Watched

from utils.exercises.spec import find

PAGES = sorted({f"book/{e.lab.parent.name}/{e.lab.stem}.html" for e in printed().values()})


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    yield found
    found.close()


@pytest.fixture()
def page(context: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A lab's page as a browser without JavaScript shows it."""
    visitor = Watched(context, address)
    visitor.page.goto(address + request.param)
    yield visitor.page
    # Scripts that the page preloads are dropped where scripts are off: no fault of the page.
    foreign = [text for text in visitor.problems if text.startswith("request to another host")]
    assert not foreign, foreign
    visitor.page.close()


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_hints_and_solution_are_folded(page: Any) -> None:
    names = [e.id for e in printed().values() if page.url.endswith(f"{e.lab.stem}.html")]
    stubs = page.locator(".cell.tag_exercise")
    assert stubs.count() == len(names)
    assert stubs.filter(has_text="not attempted yet").count() == len(names)
    hints = page.locator("details:not([class])", has_text="Hint")
    assert hints.count() == sum(len(find(name).hints) for name in names)
    solutions = page.locator(".cell.tag_solution > details")
    assert solutions.count() == len(names)
    for folded in (hints.first, solutions.first):
        inside = folded.locator(":scope > :not(summary)").first
        assert not inside.is_visible()
        folded.locator("summary").focus()
        page.keyboard.press("Enter")
        assert inside.is_visible()
        folded.locator("summary").click()
        assert not inside.is_visible()
