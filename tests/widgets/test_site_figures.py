"""Every figure on every built page, over http and from disk: what a reader may count on.

The figures are found on the pages, not listed here. A figure stands there as a picture before any
script has run; the script takes over without moving anything; it is moved by keyboard and by
pointer; it prints as its picture; and where something is missing, a sentence says what.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
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


FIGURES = [(page, n) for page in toc_pages() for n in range(len(states(page)))]
figures = pytest.mark.parametrize(
    ("page", "number"), FIGURES, ids=[f"{Path(page).stem}-{n}" for page, n in FIGURES]
)
Visit = Callable[..., Watched]


@pytest.fixture
def visit(browser: Any, site: Path, address: str) -> Iterator[Visit]:
    """Open a page in a context of its own, over http or from disk; refuses all other requests."""
    contexts = []

    def go(
        page: str,
        way: str = "http",
        *,
        screen: tuple[int, int] = (1280, 900),
        before: Callable[[Watched], None] | None = None,
        **options: Any,
    ) -> Watched:
        options = {"reduced_motion": "reduce", **options}
        context = browser.new_context(viewport={"width": screen[0], "height": screen[1]}, **options)
        contexts.append(context)
        watched = Watched(context, address if way == "http" else site.as_uri() + "/")
        watched.page.set_default_timeout(15_000)
        if before:
            before(watched)
        watched.open(page)
        return watched

    yield go
    for context in contexts:
        context.close()


def live(watched: Watched, number: int) -> Any:
    """The number-th figure of the page, once its script has taken over, scrolled into view."""
    figure = watched.page.locator(".live-figure").nth(number)
    handle = figure.element_handle()
    watched.page.wait_for_function("el => el.dataset.live", arg=handle)
    assert figure.get_attribute("data-live") == "on", figure.locator(".live-note").inner_text()
    figure.scroll_into_view_if_needed()
    watched.settle()
    return figure


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


@figures
def test_picture_without_a_script(page: str, number: int, browser: Any, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((site / page).as_uri())
    figure = tab.locator(".live-figure").nth(number)
    picture = figure.locator(".live-box > img")
    picture.scroll_into_view_if_needed()
    assert picture.is_visible() and len(picture.get_attribute("alt")) >= 20
    assert "picture shows how it begins" in figure.locator(".live-note").inner_text()
    context.close()


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


@figures
@pytest.mark.parametrize("screen", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("way", ["http", "disk"])
def test_nothing_jumps(
    page: str, number: int, way: str, screen: tuple[int, int], visit: Visit
) -> None:
    """The script takes over, and no heading, paragraph or picture of the page moves."""
    files = "**/live.js*"
    watched = visit(
        page, way, screen=screen, before=lambda w: w.page.route(files, lambda r: r.fulfill(body=""))
    )
    figure = watched.page.locator(".live-figure").nth(number)
    assert figure.get_attribute("data-live") is None
    assert figure.locator(".live-box > img").is_visible()
    before = settled(watched.page)
    watched.page.unroute(files)
    watched.page.add_script_tag(url=f"{watched.base}_static/live.js")
    live(watched, number)
    assert settled(watched.page) == before
    assert not watched.problems, "\n".join(watched.problems)


@figures
@pytest.mark.parametrize("width", [360, 480, 700, 1024, 1600])
def test_room_is_kept_at_every_width(page: str, number: int, width: int, visit: Visit) -> None:
    """The figure fills no more than the room that `heights` reserves, and is no wider than it."""
    figure = live(visit(page, "disk", screen=(width, 900)), number)
    box, stage = (figure.locator(part).bounding_box() for part in (".live-box", ".live-stage"))
    reserved = figure.locator(".live-box").evaluate(
        "el => parseFloat(getComputedStyle(el).minHeight)"
    )
    assert stage["height"] <= reserved + 0.5, f"{stage['height']:.0f} px in {reserved:.0f}"
    assert box["height"] == pytest.approx(reserved, abs=0.5)
    right = figure.evaluate(
        """el => Math.max(...[...el.querySelectorAll(".live-stage *:not(.fig-hidden)")].map(
            e => e.getBoundingClientRect().right))"""
    )
    assert right <= box["x"] + box["width"] + 4
    assert reserved - stage["height"] < 0.35 * reserved, "much of the room stays empty"


@figures
@pytest.mark.parametrize("way", ["http", "disk"])
def test_keyboard_moves_it(page: str, number: int, way: str, visit: Visit) -> None:
    """Some control that Tab reaches answers to the arrow keys, and what the figure says changes."""
    watched = visit(page, way)
    figure = live(watched, number)
    first = said(figure)
    watched.page.evaluate("el => el.focus()", _before(figure))
    for _ in range(60):
        watched.page.keyboard.press("Tab")
        inside = figure.evaluate("el => el.contains(document.activeElement)")
        if not inside:
            continue
        watched.page.keyboard.press("ArrowRight")
        watched.page.keyboard.press("ArrowDown")
        watched.settle()
        if said(figure) != first:
            break
    assert said(figure) != first, "no control moves anything with the arrow keys"
    assert not watched.problems, "\n".join(watched.problems)


def _before(figure: Any) -> Any:
    """A place just before the figure, from which Tab leads into it."""
    return figure.evaluate_handle(
        "el => (el.before(document.createElement('span')), el.previousSibling.tabIndex = -1, "
        "el.previousSibling)"
    )


@figures
@pytest.mark.parametrize("screen", [(1280, 900), (390, 844)])
def test_pointer_moves_it(page: str, number: int, screen: tuple[int, int], visit: Visit) -> None:
    """A drag or a click on some part of it changes what the figure says."""
    watched = visit(page, screen=screen, has_touch=screen[0] == 390)
    figure = live(watched, number)
    first = said(figure)
    parts = figure.locator(".fig-handle, input[type=range], svg, canvas, button")
    mouse = watched.page.mouse
    for part in parts.all():
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        if not box or not part.is_visible():
            continue
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + 25, y + 5, steps=3)
        mouse.up()
        watched.settle()
        if said(figure) != first:
            break
    assert said(figure) != first, "nothing moves with the pointer"
    assert not watched.problems, "\n".join(watched.problems)


@figures
@pytest.mark.parametrize("screen", [(1280, 900), (390, 844)])
def test_accessible_in_light_and_dark(
    page: str, number: int, screen: tuple[int, int], visit: Visit, axe_script: str
) -> None:
    watched = visit(page, screen=screen)
    figure = live(watched, number)
    watched.page.evaluate(axe_script)
    for theme in ("light", "dark"):
        watched.set_theme(theme)
        watched.settle()
        found = figure.evaluate("el => axe.run(el, { resultTypes: ['violations'] })")["violations"]
        problems = [f"{f['id']}: {n['html'][:200]}" for f in found for n in f["nodes"]]
        assert not problems, theme + "\n" + "\n".join(problems)
    if screen[0] == 390:
        small = figure.evaluate(
            """el => [...el.querySelectorAll("button, select, input")]
                .map(e => [e, (e.closest("label") ?? e).getBoundingClientRect()])
                .filter(([e, r]) => r.width && Math.min(r.width, r.height) < 24)
                .map(([e]) => e.outerHTML.slice(0, 100))"""
        )
        assert not small, f"too small for a finger: {small}"


@figures
def test_it_is_quiet_for_those_who_ask(page: str, number: int, visit: Visit) -> None:
    watched = visit(page)
    figure = live(watched, number)
    first = said(figure)
    watched.page.wait_for_timeout(700)
    assert said(figure) == first, "it moves by itself, although the reader wants little motion"


@figures
def test_it_prints_as_its_picture(page: str, number: int, visit: Visit) -> None:
    watched = visit(page)
    figure = live(watched, number)
    picture = figure.locator(".live-box > img")
    assert not picture.is_visible()
    watched.page.emulate_media(media="print")
    assert picture.is_visible() and not figure.locator(".live-stage").is_visible()
    watched.page.wait_for_function("el => el.naturalWidth > 0", arg=picture.element_handle())
    box = picture.bounding_box()
    assert box["width"] > 300 and box["height"] > 100


@figures
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
    page: str, number: int, break_it: str | None, reason: str, visit: Visit
) -> None:
    """The picture stays, a sentence below says why, and the rest of the page works."""

    def prepare(watched: Watched) -> None:
        if break_it:
            watched.page.add_init_script(break_it)
        else:
            watched.page.route("**/live.js*", lambda route: route.abort())

    watched = visit(page, before=prepare)
    figure = watched.page.locator(".live-figure").nth(number)
    note = figure.locator(".live-note").last
    note.wait_for()
    assert "stays a picture" in note.inner_text() and reason in note.inner_text()
    assert figure.locator(".live-box > img").is_visible()
    assert not any("error in script" in problem for problem in watched.problems)


@figures
def test_it_answers_at_once(page: str, number: int, visit: Visit) -> None:
    """The median time from an event of a slider or a handle to the finished layout."""
    watched = visit(page)
    times = response_times(live(watched, number))
    if not times:
        pytest.skip("neither slider nor handle; its own test measures it")
    assert sorted(times)[len(times) // 2] <= RESPONSE * 1000, times


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
