"""Every figure on every built page, over http and from disk: what a reader may count on.

The figures are found on the pages, not listed here. A figure stands there as a picture before any
script has run; the script takes over without moving anything; it is moved by keyboard and by
pointer; it prints as its picture; and where something is missing, a sentence says what.

Opening a page costs most of the time. So each is opened twice, on a wide screen over http and on a
narrow one from disk, and the tests of a visit follow one another, in the order in which they stand.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from harness import said
from site_tools import SITE, Watched, toc_pages

from tools import run

SCRIPT_LIMIT = 100_000  # bytes of a figure's script, compressed, beyond the shared runtime
RESPONSE = 0.050  # seconds from a slider's or a handle's event to the new picture
STATE = re.compile(r'<script type="application/json" class="live-state">(.*?)</script>', re.DOTALL)


def states(page: str) -> list[str]:
    """The stored state of each figure of a built page, as JSON text."""
    path = SITE / page
    return STATE.findall(path.read_text(encoding="utf-8")) if path.is_file() else []


WIDE, NARROW = (1280, 900), (390, 844)
PAGES = [page for page in toc_pages() if states(page)]
FIGURES = [(page, n) for page in PAGES for n in range(len(states(page)))]
figures = pytest.mark.parametrize(
    ("page", "number"), FIGURES, ids=[f"{Path(page).stem}-{n}" for page, n in FIGURES]
)


@dataclass
class Visit:
    """An opened page: its figures, live, and where everything stood before and after they were."""

    watched: Watched
    screen: tuple[int, int]
    figures: list[Any]
    before: list[int]
    after: list[int]

    def look(self, figure: Any) -> None:
        figure.scroll_into_view_if_needed()
        self.watched.settle()


# Where every heading, paragraph and picture of the article begins, and how long the page is.
PLACES = """() => [document.body.scrollHeight, ...[...document.querySelectorAll(
    ".bd-article :is(h1, h2, h3, p, figure, figcaption):not(.live-stage *)")].map(
    el => Math.round(el.getBoundingClientRect().top + scrollY))]"""


def settled(tab: Any) -> list[int]:
    """The places, once fonts and mathematics that come late on a busy machine have moved them."""
    seen, now = [], tab.evaluate(PLACES)
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


@pytest.fixture(
    scope="module",
    params=[(page, *how) for page in PAGES for how in (("http", WIDE), ("disk", NARROW))],
    ids=lambda visit: f"{Path(visit[0]).stem}-{visit[1]}-{visit[2][0]}",
)
def visit(
    request: pytest.FixtureRequest, browser: Any, site: Path, address: str
) -> Iterator[Visit]:
    """A page whose figures have come to life before our eyes; all other hosts are refused."""
    page, way, (width, height) = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=width == NARROW[0],
        reduced_motion="reduce",
    )
    watched = Watched(context, address if way == "http" else site.as_uri() + "/")
    tab, runtime = watched.page, "**/live.js*"
    tab.set_default_timeout(60_000)
    tab.route(runtime, lambda route: route.fulfill(body=""))
    watched.open(page)
    found = tab.locator(".live-figure").all()
    for figure in found:
        assert figure.get_attribute("data-live") is None
        assert figure.locator(".live-box > img").is_visible()
    before = settled(tab)
    tab.unroute(runtime)
    tab.add_script_tag(url=f"{watched.base}_static/live.js")
    for number in range(len(found)):
        live(watched, number)
    yield Visit(watched, (width, height), found, before, settled(tab))
    context.close()


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


# ---- In a visit ----------------------------------------------------------------------------------


def test_nothing_jumps(visit: Visit) -> None:
    """The scripts took over, and no heading, paragraph or picture of the page moved."""
    assert visit.after == visit.before
    assert not visit.watched.problems, "\n".join(visit.watched.problems)


def test_it_is_quiet_for_those_who_ask(visit: Visit) -> None:
    first = [said(figure) for figure in visit.figures]
    visit.watched.page.wait_for_timeout(700)
    moved = [n for n, figure in enumerate(visit.figures) if said(figure) != first[n]]
    assert not moved, "it moves by itself, although the reader wants little motion"


def test_accessible(visit: Visit, axe_script: str) -> None:
    """Dark on the wide screen, light on the narrow: test_site.py has the whole page the other way.

    Without preload: axe would fetch the style sheets again, which a page from disk must not.
    """
    visit.watched.set_theme("dark" if visit.screen == WIDE else "light")
    visit.watched.settle()
    visit.watched.page.evaluate(axe_script)
    found = visit.watched.page.evaluate(
        "axe.run('.live-figure', { resultTypes: ['violations'], preload: false })"
    )
    problems = [f"{f['id']}: {n['html'][:200]}" for f in found["violations"] for n in f["nodes"]]
    assert not problems, "\n".join(problems)


def test_controls_are_large_enough_for_a_finger(visit: Visit) -> None:
    for figure in visit.figures if visit.screen == NARROW else []:
        small = figure.evaluate(
            """el => [...el.querySelectorAll("button, select, input")]
                .map(e => [e, (e.closest("label") ?? e).getBoundingClientRect()])
                .filter(([e, r]) => r.width && Math.min(r.width, r.height) < 24)
                .map(([e]) => e.outerHTML.slice(0, 100))"""
        )
        assert not small, f"too small for a finger: {small}"


def test_keyboard_moves_it(visit: Visit) -> None:
    """Some control that Tab reaches answers to the arrow keys, and what the figure says changes."""
    keyboard = visit.watched.page.keyboard
    for number, figure in enumerate(visit.figures):
        visit.look(figure)
        first = said(figure)
        visit.watched.page.evaluate("el => el.focus()", _before(figure))
        for _ in range(60):
            keyboard.press("Tab")
            if not figure.evaluate("el => el.contains(document.activeElement)"):
                continue
            keyboard.press("ArrowRight")
            keyboard.press("ArrowDown")
            visit.watched.settle()
            if said(figure) != first:
                break
        assert said(figure) != first, f"figure {number}: no control moves it with the arrow keys"
    assert not visit.watched.problems, "\n".join(visit.watched.problems)


def _before(figure: Any) -> Any:
    """A place just before the figure, from which Tab leads into it."""
    return figure.evaluate_handle(
        "el => (el.before(document.createElement('span')), el.previousSibling.tabIndex = -1, "
        "el.previousSibling)"
    )


def test_pointer_moves_it(visit: Visit) -> None:
    """A drag or a click on some part of it changes what the figure says."""
    mouse = visit.watched.page.mouse
    for number, figure in enumerate(visit.figures):
        visit.look(figure)
        first = said(figure)
        parts = figure.locator(".fig-handle, input[type=range], svg, canvas, button")
        for part in parts.all():
            if not part.is_visible():
                continue
            part.scroll_into_view_if_needed()
            box = part.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            mouse.move(x, y)
            mouse.down()
            mouse.move(x + 25, y + 5, steps=3)
            mouse.up()
            visit.watched.settle()
            if said(figure) != first:
                break
        assert said(figure) != first, f"figure {number}: nothing moves with the pointer"
    assert not visit.watched.problems, "\n".join(visit.watched.problems)


def test_it_answers_at_once(visit: Visit) -> None:
    """The median time from an event of a slider or a handle to the finished layout.

    A figure that has neither is measured in its own test.
    """
    for number, figure in enumerate(visit.figures):
        visit.look(figure)
        times = response_times(figure)
        slow = times and sorted(times)[len(times) // 2] > RESPONSE * 1000
        assert not slow, f"figure {number}: {times}"


def test_room_is_kept_at_every_width(visit: Visit) -> None:
    """The figures fill no more than the room that `heights` reserves, and are no wider than it."""
    tab = visit.watched.page
    for width in (360, 480, 700, 1024, 1600) if visit.screen == NARROW else (WIDE[0],):
        tab.set_viewport_size({"width": width, "height": 900})
        for number, figure in enumerate(visit.figures):
            where = f"figure {number} at {width} px"
            visit.look(figure)
            box, stage = (figure.locator(p).bounding_box() for p in (".live-box", ".live-stage"))
            reserved = figure.locator(".live-box").evaluate(
                "el => parseFloat(getComputedStyle(el).minHeight)"
            )
            assert stage["height"] <= reserved + 0.5, f"{where}: {stage['height']} px in {reserved}"
            assert box["height"] == pytest.approx(reserved, abs=0.5), where
            right = figure.evaluate(
                """el => Math.max(...[...el.querySelectorAll(
                    ".live-stage *:not(.fig-hidden)")].map(
                    e => e.getBoundingClientRect().right))"""
            )
            assert right <= box["x"] + box["width"] + 4, where
            assert reserved - stage["height"] < 0.35 * reserved, f"{where}: much stays empty"


def test_it_prints_as_its_picture(visit: Visit) -> None:
    visit.watched.page.emulate_media(media="print")
    for figure in visit.figures:
        picture = figure.locator(".live-box > img")
        assert picture.is_visible() and not figure.locator(".live-stage").is_visible()
        visit.watched.page.wait_for_function(
            "el => el.naturalWidth > 0", arg=picture.element_handle()
        )
        box = picture.bounding_box()
        assert box["width"] > 300 and box["height"] > 100
    visit.watched.page.emulate_media(media="screen")
    assert not visit.figures[0].locator(".live-box > img").is_visible()


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


# ---- Where something is missing ------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: Path(page).stem)
def test_picture_without_a_script(page: str, browser: Any, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((site / page).as_uri())
    for figure in tab.locator(".live-figure").all():
        picture = figure.locator(".live-box > img")
        picture.scroll_into_view_if_needed()
        assert picture.is_visible() and len(picture.get_attribute("alt")) >= 20
        assert "picture shows how it begins" in figure.locator(".live-note").inner_text()
    context.close()


# The topics' own pages: what a lab shows besides fails in the same lines of live.js.
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if not page.endswith("-lab.html")],
    ids=lambda page: Path(page).stem,
)
@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        ("URL.createObjectURL = () => { throw new Error('no modules here'); }", "no modules here"),
        ("Object.fromEntries = JSON.parse = () => { throw new Error('broken'); }", "broken"),
        (None, "live.js"),
    ],
    ids=["modules", "state", "file"],
)
def test_failure_is_said(
    page: str, break_it: str | None, reason: str, browser: Any, address: str
) -> None:
    """The pictures stay, a sentence below says why, and the rest of the page works."""
    context = browser.new_context(reduced_motion="reduce")
    watched = Watched(context, address)
    if break_it:
        watched.page.add_init_script(break_it)
    else:
        watched.page.route("**/live.js*", lambda route: route.abort())
    watched.open(page)
    for figure in watched.page.locator(".live-figure").all():
        note = figure.locator(".live-note").last
        note.wait_for()
        assert "stays a picture" in note.inner_text() and reason in note.inner_text()
        assert figure.locator(".live-box > img").is_visible()
    assert not any("error in script" in problem for problem in watched.problems)
    context.close()
