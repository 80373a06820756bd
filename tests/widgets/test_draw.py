"""Draw a character: the page's network against PyTorch, its pen against Python's, and the hand."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import ROOT
from torch import nn

from utils.data import load
from utils.widgets import DrawCharacter, pen

LAB = ROOT / "book" / "02-cv" / "cnn-basics-lab.ipynb"
FAST = 100  # milliseconds from the pen's move to the answer, on the page
SET = """(pictures) => pictures.map((data) => {
    const model = document.querySelector(".live-figure").figureModel;
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    model.set("drawing", new DataView(bytes.buffer));
    return model.get("probabilities");
})"""
GET = """() => {
    const data = document.querySelector(".live-figure").figureModel.get("drawing");
    return Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}"""
SEVEN = [[(0.2, 0.2), (0.75, 0.2), (0.4, 0.9)]]


def network() -> nn.Sequential:
    conv = [nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 24, 3, padding=1)]
    block = [part for layer in conv for part in (layer, nn.ReLU(), nn.MaxPool2d(2))]
    return nn.Sequential(*block, nn.Flatten(), nn.Linear(1176, 10))


@cache
def stored() -> dict[str, Any]:
    """The state of the lab's own figure, as the committed notebook has it."""
    widgets = json.loads(LAB.read_text("utf-8"))["metadata"].get("widgets", {})
    for kind in widgets.values():
        for model in kind["state"].values():
            buffers = {b["path"][0]: base64.b64decode(b["data"]) for b in model.get("buffers", [])}
            if "_weights" in buffers:
                return {**model["state"], **buffers}
    pytest.fail("the lab has no figure DrawCharacter")


@cache
def trained() -> nn.Sequential:
    """The network of the lab's figure as a PyTorch model, from the weights that the page loads."""
    model, weights = network(), stored()["_weights"]
    count = sum(p.numel() for p in model.parameters())
    numbers = torch.tensor(np.frombuffer(weights, "<f2" if len(weights) == 2 * count else "<f4"))
    nn.utils.vector_to_parameters(numbers.float(), model.parameters())
    return model.eval()


@cache
def glyphs() -> np.ndarray:
    """100 glyphs that no network of the lab was trained on, in gray levels."""
    x = load("glyphs", n=100, splits=(1, 0, 0), seed=9_999, jitter=2.0, noise=0.2).train.x
    return np.floor(x * 255 + 0.5).astype(np.uint8)


def figure(**options: Any) -> DrawCharacter:
    options = {"examples": glyphs()[:3] / 255, "about": stored()["about"], **options}
    shape = DrawCharacter(trained(), "0123456789", **options)
    shape.png = picture  # drawn once for all tests
    return shape


@cache
def picture() -> bytes:
    return DrawCharacter(trained(), "0123456789", examples=glyphs()[:1] / 255).png()


def torch_answers(pictures: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return trained()(torch.tensor(pictures / 255, dtype=torch.float32)).softmax(1).numpy()


def shown(page: Any) -> list[float]:
    """The probabilities in the page's table."""
    cells = page.root.locator(".draw-bars output").all()
    return [float(cell.get_attribute("title")) for cell in cells]


def draw(page: Any, lines: list[list[tuple[float, float]]]) -> None:
    box, mouse = page.root.locator(".draw-sheet").bounding_box(), page.page.mouse
    for line in lines:
        for n, (x, y) in enumerate(line):
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if n == 0:
                mouse.down()
        mouse.up()
    page.watched.settle()


def answer(page: Any) -> str:
    return page.root.locator(".draw-answer").inner_text()


@pytest.mark.parametrize("whose", ["the lab's", "one of 32 bits"])
def test_the_network_in_the_page_is_pytorchs(mount, whose):
    shape, pictures, expected = figure(), glyphs(), torch_answers(glyphs())
    if whose != "the lab's":
        torch.manual_seed(1)
        model, pictures = network(), glyphs()[:10]
        shape = DrawCharacter(model, "0123456789")
        shape.png = picture
        expected = model(torch.tensor(pictures / 255, dtype=torch.float32)).softmax(1).detach()
    page = mount(shape)
    data = [base64.b64encode(one.tobytes()).decode() for one in pictures]
    ours = np.array(page.page.evaluate(SET, data))
    assert np.abs(ours - np.asarray(expected)).max() < 1e-4
    assert np.abs(shape.answer(pictures / 255) - ours).max() < 1e-5
    assert np.abs(np.array(shown(page)) - ours[-1]).max() < 1e-5


def test_what_the_mouse_draws_is_what_python_draws(mount):
    page = mount(figure())
    for center in (True, False):
        if not center:
            page.root.get_by_label("Center and scale").click()
            assert page.get("center") is False
        page.root.get_by_role("button", name="Clear").click()
        draw(page, [[(0.2, 0.2), (0.75, 0.2)], [(0.75, 0.2), (0.4, 0.7)]])
        lines = [np.array([(0.2, 0.2), (0.75, 0.2)]), np.array([(0.75, 0.2), (0.4, 0.7)])]
        wanted = pen.ink(lines, center=center) * 255
        found = np.array(page.page.evaluate(GET)).reshape(28, 28)
        # The mouse stands on whole pixels of the screen, so the edge may lie a little elsewhere.
        assert np.abs(found - wanted).max() < 12
        expected = torch_answers(found[None, None])[0]
        assert np.abs(np.array(page.get("probabilities")) - expected).max() < 1e-4


def test_digits_drawn_with_the_mouse_are_read(mount):
    page = mount(figure())
    for digit in "0123456789":
        page.root.get_by_role("button", name="Clear").click()
        lines = pen.points(pen.FORMS[digit][0])
        draw(page, [[tuple(0.2 + 0.5 * np.array(point)) for point in line] for line in lines])
        assert answer(page) == digit


def test_a_new_line_begins_on_a_clean_sheet_and_can_be_taken_back(mount):
    page = mount(figure())
    before = page.page.evaluate(GET)
    draw(page, SEVEN)
    assert answer(page) == "7"
    assert page.page.evaluate(GET) != before
    page.root.get_by_role("button", name="Undo").click()
    page.watched.settle()
    assert answer(page) == "–" and not any(page.page.evaluate(GET))
    assert len(shown(page)) == 10
    page.root.get_by_role("button", name="Example 2").click()
    page.watched.settle()
    assert page.page.evaluate(GET) == glyphs()[1].ravel().tolist()


def test_it_is_drawn_by_keyboard(mount):
    page = mount(figure())
    sheet, keys = page.root.locator(".draw-sheet"), page.page.keyboard
    page.root.get_by_role("button", name="Clear").click()
    sheet.focus()
    for _ in range(6):
        keys.press("ArrowLeft")
    keys.press("Space")
    for key in ["ArrowRight"] * 11 + ["ArrowDown", "ArrowDown", "ArrowLeft"] * 7:
        keys.press(key)
    keys.press("Space")
    page.watched.settle()
    page.watched.settle()
    assert answer(page) == "7"
    assert page.root.locator(".fig-live").inner_text().startswith("Read as 7, ")
    drawn = page.page.evaluate(GET)
    keys.press("ArrowRight")
    page.watched.settle()
    assert page.page.evaluate(GET) == drawn, "the pen is up"
    keys.press("Delete")
    page.watched.settle()
    assert not any(page.page.evaluate(GET))


def test_a_finger_draws_at_390_pixels_and_nothing_overflows(mount):
    page = mount(figure(), screen=(390, 844), width=390, has_touch=True)
    box = page.root.locator(".draw-sheet").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN[0]]
    client = page.page.context.new_cdp_session(page.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", points[0])
    for a, b in pairwise(points):
        for t in np.linspace(0, 1, 6)[1:]:
            touch("touchMove", tuple(np.array(a) + t * (np.array(b) - a)))
    touch("touchEnd")
    page.watched.settle()
    page.watched.settle()
    assert answer(page) == "7"
    assert page.page.evaluate("() => scrollY === 0 && document.body.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width, limit", [(390, 1), (680, 0), (752, 0)])
def test_it_stays_in_the_room_that_the_page_keeps(mount, width, limit):
    page = mount(figure(), width=width)
    draw(page, SEVEN)
    assert page.root.bounding_box()["height"] <= DrawCharacter.heights[limit]


def test_it_answers_fast_and_says_how_fast(mount):
    page = mount(figure())
    times = []
    for _ in range(8):
        draw(page, SEVEN)
        cost = page.root.locator(".draw-cost").inner_text()
        times.append(float(re.search(r", (\d+) ms after your move", cost)[1]))
    assert "13,602 parameters" in cost
    # On a busy machine some answers wait for their turn, whatever the page does.
    print("answers after", times, "ms")
    assert min(times) < FAST, times


def test_evidence_adds_up_to_the_score(mount):
    shape = figure()
    page = mount(shape)
    page.root.get_by_label("Class whose evidence is shown").select_option("4")
    assert page.root.locator(".draw-asked th").inner_text() == "4"
    page.root.locator(".draw-bars tr", has_text="7").first.click()
    assert page.root.locator(".draw-asked th").inner_text() == "7"


def test_it_is_accessible_light_and_dark(mount, axe_script):
    page = mount(figure())
    for theme in ("light", "dark"):
        page.theme(theme)
        page.page.evaluate(axe_script)
        found = page.page.evaluate("() => axe.run({resultTypes: ['violations']})")
        assert [
            v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")
        ] == []


@pytest.mark.parametrize("weights", [b"", bytes(100), b"\xff" * 27_204])
def test_without_its_weights_it_says_so(mount, weights):
    shape = figure()
    shape._weights = weights
    page = mount(shape)
    assert "weights are missing" in page.root.locator("[role=alert]").inner_text()


def test_python_follows_and_leads():
    shape = figure()
    assert shape.image.shape == (28, 28)
    assert np.allclose(shape.probabilities, torch_answers(glyphs()[:1])[0], atol=1e-4)
    shape.show(glyphs()[7] / 255)
    assert np.allclose(shape.probabilities, torch_answers(glyphs()[7:8])[0], atol=1e-4)
    sent = [0.1] * 10  # what a page sends comes with its own answer; a wrong one is put right
    shape.set_state({"drawing": memoryview(glyphs()[8].tobytes()), "probabilities": sent})
    assert np.allclose(shape.probabilities, torch_answers(glyphs()[8:9])[0], atol=1e-4)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="Conv2d"):
        DrawCharacter(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "0123456789")
    with pytest.raises(ValueError, match="28×28"):
        figure().show(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="names"):
        figure(names=["one"])


def test_the_pen_centers_and_scales():
    line = np.array([(0.1, 0.1), (0.1, 0.3)])
    picture = pen.ink([line])
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    assert abs(rows.mean() - 13.5) < 0.5 and abs(columns.mean() - 13.5) < 0.5
    assert abs(picture.sum(0).max() - pen.TALL) < 1.5
    assert np.allclose(pen.ink([line * 2 + 0.2]), picture)
    assert not pen.ink([]).any()
    assert 3 < pen.ink([np.array([[0.5, 0.5]])]).sum() < 8, "a dot stays a dot"
    x, y = pen.write(20, np.random.default_rng(0))
    assert x.shape == (20, 1, 28, 28) and y.tolist() == list(range(10)) * 2
