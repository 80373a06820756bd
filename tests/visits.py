"""A visit: a built page open in a browser, its figures live, for many questions in a row.

Opening a page costs most of the time, for its mathematics is set in the browser. So a page is
opened on a wide screen over http, everything that can be asked of it is asked there, and then the
screen becomes narrow and dark. Some are opened once more, as a phone opens them, from disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from site_tools import SITE, Watched, toc_pages

WIDE, NARROW = (1280, 900), (390, 844)
STATE = re.compile(r'<script type="application/json" class="live-state">(.*?)</script>', re.DOTALL)


def states(page: str) -> list[str]:
    """The stored state of each figure of a built page, as JSON text."""
    path = SITE / page
    return STATE.findall(path.read_text(encoding="utf-8")) if path.is_file() else []


PAGES = [*toc_pages(), "search.html"]
ONE_OF_EACH_KIND = (
    "book/index.html",
    "book/01-foundations/index.html",
    "book/01-foundations/perceptron-and-mlp.html",
    "book/01-foundations/project.html",
    "book/02-cv/cnn-basics-lab.html",
    "book/glossary.html",
    "search.html",
)
WITH_FIGURES = [page for page in PAGES if states(page)]
FIGURES = [(page, n) for page in WITH_FIGURES for n in range(len(states(page)))]


def shown_first() -> dict[str, list[int]]:
    """Of each page, the figures that stand on no page before it: a lab has those of its theory."""
    seen: set[str] = set()
    found: dict[str, list[int]] = {}
    for page in WITH_FIGURES:
        found[page] = [n for n, state in enumerate(states(page)) if state not in seen]
        seen.update(states(page))
    return found


@dataclass
class Visit:
    """An opened page, its figures live."""

    page: str
    way: str  # "http", "disk", or "resized": it was opened on a wide screen
    watched: Watched
    screen: tuple[int, int]
    weight: dict[str, int]  # compressed bytes of each file of the first load, over http
    figures: list[Any]  # those that are asked something
    said: list[str]  # what each of them said when all were live
    since: float  # the time at which they were
    before: list[int]  # where everything stood before

    @property
    def html(self) -> str:
        return (SITE / self.page).read_text(encoding="utf-8")

    def becomes_narrow(self) -> None:
        """As if the window shrank, the system turned dark, and a finger took the mouse's place."""
        tab = self.watched.page
        touch = tab.context.new_cdp_session(tab)
        touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        tab.emulate_media(color_scheme="dark")
        tab.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        self.watched.settle()
        self.way, self.screen, self.before = "resized", NARROW, []

    def look(self, figure: Any) -> None:
        figure.scroll_into_view_if_needed()
        self.watched.settle()


# Where every heading, paragraph and picture of the article begins, and how long the page is.
PLACES = """() => [document.body.scrollHeight, ...[...document.querySelectorAll(
    ".bd-article :is(h1, h2, h3, p, figure, figcaption):not(.live-stage *)")].map(
    el => Math.round(el.getBoundingClientRect().top + scrollY))]"""


def settled(tab: Any, expected: list[int] | None = None) -> list[int]:
    """The places, once they are as expected, or fonts and mathematics that come late on a busy
    machine have moved them."""
    seen, now = expected, tab.evaluate(PLACES)
    while seen != now:
        tab.wait_for_timeout(300)
        seen, now = now, tab.evaluate(PLACES)
    return now


def live(watched: Watched, number: int) -> Any:
    """The number-th figure of the page, once its script has taken over, scrolled into view."""
    figure = watched.page.locator(".live-figure").nth(number)
    watched.page.wait_for_function("el => el.dataset.live", arg=figure.element_handle())
    assert figure.get_attribute("data-live") == "on", figure.locator(".live-note").inner_text()
    figure.scroll_into_view_if_needed()
    watched.settle()
    return figure


def response_times(figure: Any) -> list[float]:
    """Milliseconds that the figure takes for each of some moves of its first slider or handle."""
    return figure.evaluate(
        """async el => {
            const part = el.querySelector("input[type=range], .fig-handle");
            if (!part) return [];
            const times = [];
            for (let n = 0; n < 21; n++) {
                const start = performance.now();
                if (part.matches("input")) {
                    const [low, high] = [Number(part.min), Number(part.max)];
                    part.value = low + (high - low) * ((n % 5) / 4);
                    part.dispatchEvent(new Event("input", { bubbles: true }));
                } else {
                    const key = ["ArrowRight", "ArrowLeft"][n % 2];
                    part.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
                }
                el.getBoundingClientRect();
                times.push(performance.now() - start);
                await new Promise(requestAnimationFrame);
            }
            return times;
        }"""
    )
