"""Every built page: what a reader may count on, its figures included.

Pages and figures are found in the site, not listed here. A figure stands there as a picture before
any script has run; the script takes over without moving anything; it is moved by keyboard and by
pointer, and prints as its picture. The tests of a visit follow one another, in the order in which
they stand; those of the wide screen come first. A figure that stands on several pages is asked on
the first of them, and with ``--thorough`` on all.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from site_tools import ROOT, Anatomy, Watched, broken_links, overflow, said
from visits import NARROW, ONE_OF_EACH_KIND, PAGES, WIDE, Visit, live, settled, shown_first

sys.path.insert(0, str(ROOT / "extensions"))
from course import notebooks

FIRST_LOAD = 500_000  # bytes, compressed
# All characters that MathJax draws, the pieces of tall brackets among them.
DRAWN = """() => [...new Set([...document.querySelectorAll("mjx-c")].map(
    part => getComputedStyle(part, "::before").content.slice(1, -1)))].join("")"""


@pytest.fixture(scope="module")
def opened(
    browser: Any, site: Path, address: str, pytestconfig: pytest.Config
) -> Callable[..., Visit]:
    """`opened(page, screen, way)`: load a page whose figures come to life before our eyes.

    At first their script is missing: the pictures stay, and a sentence below them says why.
    The last wide visit over http is kept, to become the narrow one. The browser's contexts are
    kept, too: with what they have cached, later pages load faster.
    """

    everything, first = pytestconfig.getoption("thorough"), shown_first()

    @functools.cache
    def context(screen: tuple[int, int]) -> Any:
        return browser.new_context(
            viewport={"width": screen[0], "height": screen[1]},
            has_touch=screen == NARROW,
            color_scheme="light" if screen == WIDE else "dark",
            reduced_motion="reduce",
        )

    def load(page: str, screen: tuple[int, int], way: str) -> Visit:
        watched = Watched(context(screen), address if way == "http" else site.as_uri() + "/")
        tab = watched.page
        tab.set_default_timeout(60_000)
        network = context(screen).new_cdp_session(tab)
        network.send("Network.enable")
        without_script = {"urls": ["*/live.js*"]}  # the figures' script, at first
        network.send("Network.setBlockedURLs", without_script)
        watched.open(page)
        weight = watched.weight() if way == "http" else {}
        watched.problems[:] = [text for text in watched.problems if "live.js" not in text]
        found = tab.locator(".live-figure").all()
        for figure in found:
            assert figure.get_attribute("data-live") is None
            picture, note = figure.locator(".live-box > img"), figure.locator(".live-note").last
            note.wait_for()
            assert "stays a picture" in note.inner_text() and "live.js" in note.inner_text()
            assert picture.is_visible() and len(picture.get_attribute("alt")) >= 20
        before = settled(tab)
        network.send("Network.setBlockedURLs", {"urls": []})
        if found:
            tab.add_script_tag(url=f"{watched.base}_static/live.js")
        for number in range(len(found)):
            live(watched, number)
        if way == "http" and not everything:
            found = [found[number] for number in first.get(page, [])]
        words, now = [said(figure) for figure in found], time.monotonic()
        return Visit(page, way, watched, screen, weight, found, words, now, before)

    kept: list[Visit] = []

    def visit(page: str, screen: tuple[int, int], way: str) -> Visit:
        if way != "resized":
            now = load(page, screen, way)
        else:
            now = kept.pop() if kept and kept[0].page == page else load(page, WIDE, "http")
            now.becomes_narrow()
        for old in kept:
            old.watched.page.close()
        kept[:] = [now]
        return now

    return visit


@pytest.fixture(scope="module")
def visit(request: pytest.FixtureRequest, opened: Any) -> Visit:
    return opened(*request.param)


def once(test: Callable[..., None]) -> Callable[..., None]:
    """For what is the same on every screen: it is asked on the wide one."""
    test.asked = lambda way, screen: screen == WIDE
    return test


def loaded(test: Callable[..., None]) -> Callable[..., None]:
    """For what is settled when the page is loaded, whatever becomes of the window later."""
    test.asked = lambda way, screen: way != "resized"
    return test


def narrow(test: Callable[..., None]) -> Callable[..., None]:
    """For what is hardest on the narrow screen."""
    test.asked = lambda way, screen: screen == NARROW
    return test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every page on a wide screen; then made narrow and dark, or loaded so from disk: one page of
    each kind, and with ``--thorough`` all."""
    if "visit" not in metafunc.fixturenames:
        return
    assert set(ONE_OF_EACH_KIND) <= set(PAGES)
    everything = metafunc.config.getoption("thorough")
    visits = []
    for page in PAGES:
        way = "disk" if everything or page in ONE_OF_EACH_KIND else "resized"
        visits += [(page, WIDE, "http"), (page, NARROW, way)]
    asked = getattr(metafunc.function, "asked", lambda way, screen: True)
    visits = [(page, screen, way) for page, screen, way in visits if asked(way, screen)]
    names = [f"{page}-{way}-{screen[0]}" for page, screen, way in visits]
    metafunc.parametrize("visit", visits, ids=names, indirect=True, scope="module")


@functools.cache
def math_characters() -> set[str]:
    """What the mathematics fonts of the site can draw, and the space."""
    from fontTools.ttLib import TTFont

    fonts = (ROOT / "extensions/course/assets/vendor/mathjax").rglob("*.woff")
    return {" ", "\\"}.union(*(map(chr, TTFont(font).getBestCmap()) for font in fonts))


# ---- The page ------------------------------------------------------------------------------------


def test_nothing_is_missing(visit: Visit) -> None:
    """No complaint, no other host."""
    assert not visit.watched.problems, "\n".join(visit.watched.problems)


@once
def test_weight_and_links(visit: Visit, anatomies: dict[str, Anatomy]) -> None:
    weight = visit.weight
    heavy = sorted(weight.items(), key=lambda entry: -entry[1])[:12]
    assert sum(weight.values()) <= FIRST_LOAD, heavy
    has_mathematics = 'class="math' in visit.html
    assert any("mathjax" in name for name in weight) == has_mathematics
    problems = [f"link: {link}" for link in broken_links(visit.page, anatomies)]
    problems += [f"image without alt: {name}" for name in anatomies[visit.page].without_alt]
    assert not problems, "\n".join(problems)


@loaded
def test_mathematics_is_drawn(visit: Visit) -> None:
    tab = visit.watched.page
    if 'class="math' in visit.html:
        assert tab.locator("mjx-container").count() > 0, "no mathematics was rendered"
        wrong = tab.locator("mjx-merror").all_text_contents()
        assert not wrong, f"mathematics that cannot be rendered: {wrong}"
        missing = set(tab.evaluate(DRAWN)) - math_characters()
        assert not missing, f"not in our mathematics fonts (tools/vendor.py): {sorted(missing)}"
    unresolved = tab.locator(".system-message, .problematic, .xref.myst").all_text_contents()
    assert not unresolved, f"unresolved: {unresolved}"


def test_page_is_no_wider_than_the_screen(visit: Visit) -> None:
    """In the theme that the reader's system has: light on the wide screen, dark on the narrow."""
    tab = visit.watched.page
    theme = "light" if visit.screen == WIDE else "dark"
    assert tab.evaluate("() => document.documentElement.dataset.theme") == theme
    assert (over := overflow(tab)) <= 0, f"{over} px wider than the screen"


# ---- Accessible ----------------------------------------------------------------------------------

# Contrast takes most of axe's time, and all words of one color, size, weight and ground have the
# same: only the first of each kind is measured. Where no word of a block of code is, its words may
# as well be one text. Of drawn formulas, which are hidden from screen readers, the text for these
# readers is left. All is put back afterwards.
PREPARE = """() => {
    const seen = new Set(), looked = new Set();
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const ground = el => {
        for (; el; el = el.parentElement) {
            const color = getComputedStyle(el).backgroundColor;
            if (color !== "rgba(0, 0, 0, 0)") return color;
        }
    };
    document.querySelectorAll("[data-sample]").forEach(el => delete el.dataset.sample);
    while (words.nextNode()) {
        const el = words.currentNode.parentElement;
        if (looked.has(el) || !words.currentNode.data.trim()) continue;
        looked.add(el);
        const { color, fontSize, fontWeight, opacity } = getComputedStyle(el);
        const place = el.closest(".live-figure") ? "figure" : "";
        const kind = [place, color, fontSize, fontWeight, opacity, ground(el)].join();
        if (!seen.has(kind) && el.checkVisibility()) {
            seen.add(kind);
            el.dataset.sample = "";
        }
    }
    window.takenOut = [];
    const takeOut = (el, text) => {
        window.takenOut.push([el, [...el.childNodes]]);
        el.replaceChildren(text);
    };
    for (const code of document.querySelectorAll(".highlight pre"))
        if (!code.querySelector("[data-sample]")) takeOut(code, code.textContent);
    for (const drawn of document.querySelectorAll("mjx-math[aria-hidden=true]")) takeOut(drawn, "");
    axe.configure({ rules: [{ id: "color-contrast", selector: "[data-sample]" }] });
    return seen.size;
}"""
PUT_BACK = "() => window.takenOut.forEach(([el, nodes]) => el.replaceChildren(...nodes))"
# Without preload: axe would fetch the style sheets again, which a page from disk must not.
# The rule on names is off unless asked for, and worth asking for.
AXE = {
    "resultTypes": ["violations"],
    "preload": False,
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}
# Serious and critical findings; of the figures, which are ours alone, all.
FINDINGS = """async options => {
    const { violations } = await axe.run(document, options);
    return violations.flatMap(({ id, impact, nodes }) => nodes
        .filter(node => ["serious", "critical"].includes(impact)
            || document.querySelector(node.target[0])?.closest(".live-figure"))
        .slice(0, 4)
        .map(node => `${id}: ${node.html.slice(0, 200)} (${node.failureSummary.slice(0, 200)})`));
}"""


def test_accessible(visit: Visit, axe_script: str) -> None:
    """Every rule on the wide screen, in light; the contrast on the narrow one, in the dark.

    The text of pages of one kind has the same colors: in the dark, one of each kind is measured,
    and every figure.
    """
    if visit.way == "resized" and not visit.figures:
        return
    tab, options = visit.watched.page, AXE
    if visit.screen == NARROW:
        options = {**AXE, "runOnly": ["color-contrast"]}
    if not tab.evaluate("() => 'axe' in window"):
        tab.evaluate(axe_script)
    assert tab.evaluate(PREPARE) >= 5
    problems = tab.evaluate(FINDINGS, options)
    tab.evaluate(PUT_BACK)
    assert not problems, "\n".join(problems)


# ---- Its figures ---------------------------------------------------------------------------------


@loaded
def test_nothing_has_jumped(visit: Visit) -> None:
    """The figures took over and no heading, paragraph or picture has moved, then or since."""
    assert settled(visit.watched.page, visit.before) == visit.before


@loaded
def test_it_is_quiet_for_those_who_ask(visit: Visit) -> None:
    if visit.figures:
        passed = time.monotonic() - visit.since
        visit.watched.page.wait_for_timeout(max(0, 700 - 1000 * passed))
        moved = [n for n, figure in enumerate(visit.figures) if said(figure) != visit.said[n]]
        assert not moved, "it moves by itself, although the reader wants little motion"


@narrow
def test_controls_are_large_enough_for_a_finger(visit: Visit) -> None:
    for figure in visit.figures:
        small = figure.evaluate(
            """el => [...el.querySelectorAll("button, select, input")]
                .map(e => [e, (e.closest("label") ?? e).getBoundingClientRect()])
                .filter(([e, r]) => r.width && Math.min(r.width, r.height) < 24)
                .map(([e]) => e.outerHTML.slice(0, 100))"""
        )
        assert not small, f"too small for a finger: {small}"


@once
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


@narrow
def test_pointer_moves_it(visit: Visit) -> None:
    """A drag or a click on some part of it changes what the figure says."""
    mouse = visit.watched.page.mouse
    for number, figure in enumerate(visit.figures):
        visit.look(figure)
        first = said(figure)
        kinds = (".fig-handle, input[type=range]", "svg, canvas, button:enabled")
        for part in (part for kind in kinds for part in figure.locator(kind).all()):
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


# A page without all that is no figure: at another width it is laid out anew in no time.
ONLY_FIGURES = ".bd-article section > :not(:has(.live-figure), .live-figure) { display: none }"
ROOM = """el => {
    const box = el.querySelector(".live-box"), stage = el.querySelector(".live-stage");
    const parts = [...stage.querySelectorAll("*:not(.fig-hidden, svg *)")];  // an svg is clipped
    return {
        reserved: parseFloat(getComputedStyle(box).minHeight),
        box: box.getBoundingClientRect().height,
        stage: stage.getBoundingClientRect().height,
        over: Math.max(...parts.map(part => part.getBoundingClientRect().right))
            - box.getBoundingClientRect().right,
    };
}"""


def test_room_is_kept_at_every_width(visit: Visit) -> None:
    """The figures fill no more than the room that `heights` reserves, and are no wider than it."""
    if not visit.figures:
        return
    tab = visit.watched.page
    style = tab.add_style_tag(content=ONLY_FIGURES)
    for width in (360, 480, 700, 1024, 1600) if visit.screen == NARROW else (WIDE[0],):
        tab.set_viewport_size({"width": width, "height": 900})
        for number, figure in enumerate(visit.figures):
            where = f"figure {number} at {width} px"
            visit.look(figure)
            room = figure.evaluate(ROOM)
            assert room["stage"] <= room["reserved"] + 0.5, f"{where}: {room}"
            assert room["box"] == pytest.approx(room["reserved"], abs=0.5), f"{where}: {room}"
            assert room["over"] <= 4, f"{where}: {room['over']} px too wide"
            assert room["reserved"] - room["stage"] < 0.35 * room["reserved"], f"{where}: empty"
    style.evaluate("el => el.remove()")


@once
def test_it_prints_as_its_picture(visit: Visit) -> None:
    if not visit.figures:
        return
    style = visit.watched.page.add_style_tag(content=ONLY_FIGURES)
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
    for figure in visit.figures:
        assert not figure.locator(".live-box > img").is_visible()
    style.evaluate("el => el.remove()")


# ---- What else stands on it ----------------------------------------------------------------------


@once
def test_questions_open_by_keyboard(visit: Visit) -> None:
    """Folded at first, with a verdict for each choice; the first is opened as a reader does."""
    questions = visit.watched.page.locator(".question")
    if visit.page.replace(".html", "-lab.html") in PAGES:
        assert 3 <= questions.count() <= 6, f"{questions.count()} questions; the standard is 3 to 5"
    if not questions.count():
        return
    choices = visit.watched.page.locator(".question details.choice")
    assert choices.count() >= 2 * questions.count()
    assert not visit.watched.page.locator(".question details.choice[open]").count()
    titles = choices.locator(".verdict-title").all_text_contents()
    assert len(titles) == choices.count() and set(titles) == {"Right.", "Not quite."}
    assert not choices.first.locator(".verdict").is_visible()
    choices.first.locator("summary").focus()
    visit.watched.page.keyboard.press("Enter")
    assert choices.first.locator(".verdict").is_visible()


@once
def test_lab_offers_its_notebook(visit: Visit, site: Path) -> None:
    """The download is the notebook itself; the line on its cost is there when it is known."""
    source = ROOT / visit.page.replace(".html", ".ipynb")
    if not source.is_file():
        return
    link = visit.watched.page.locator("a.course-button-download")
    file = (site / visit.page).parent / str(link.get_attribute("href"))
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(source.read_text("utf-8"))
    cost = notebooks.cost(notebooks.read(source))
    assert cost == (visit.watched.page.locator(".run-cost").inner_text() if cost else "")
