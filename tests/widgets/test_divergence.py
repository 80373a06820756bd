"""The divergence figure: page, Python and PyTorch agree, and the buttons find the minima."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from utils.widgets import Divergence
from utils.widgets.divergence import BACKWARD, FORWARD, STEP, WIDTH

SETTINGS = [
    {},
    {"mean": -2.0, "width": 0.7},
    {"mean": 4.9, "width": 0.6, "distance": 6.0},
    {"mean": -5.0, "width": 3.5, "distance": 0.0, "unit": "nats"},
    {"mean": 1.37, "width": 2.04, "distance": 3.3, "unit": "nats"},
]


def shown(page: Any) -> dict[str, str]:
    """The four values as the page writes them, by name."""
    rows = page.root.locator(".div-value").all()
    return {row.locator("span").inner_text(): row.locator("output").inner_text() for row in rows}


def number(text: str) -> float:
    return float(text.split()[0].replace("−", "-"))


@pytest.mark.parametrize("setting", SETTINGS)
def test_python_computes_what_pytorch_computes(setting: dict[str, Any]) -> None:
    import torch
    import torch.nn.functional as F

    figure = Divergence(**setting)
    log_p, log_q = torch.tensor(figure.log_p), torch.tensor(figure.log_q)
    assert figure.p.sum() == pytest.approx(1) and figure.q.sum() == pytest.approx(1)
    found = figure.measures()
    forward = F.kl_div(log_q, log_p, reduction="sum", log_target=True).item()
    backward = F.kl_div(log_p, log_q, reduction="sum", log_target=True).item()
    assert found[FORWARD] == pytest.approx(forward)
    assert found[BACKWARD] == pytest.approx(backward)
    entropy = torch.distributions.Categorical(logits=log_p).entropy().item()
    assert found["H(p)"] == pytest.approx(entropy)
    assert found["H(p, q)"] == pytest.approx(entropy + forward)
    bits = figure.measures("bits")
    assert all(bits[name] == pytest.approx(found[name] / math.log(2)) for name in found)


@pytest.mark.parametrize("setting", SETTINGS)
def test_page_computes_what_python_computes(mount: Any, setting: dict[str, Any]) -> None:
    figure = Divergence(**setting)
    page = mount(figure)
    values = figure.measures(figure.unit)
    for name, text in shown(page).items():
        (key,) = [known for known in values if name.endswith(known)]
        assert number(text) == pytest.approx(values[key], abs=6e-4 if values[key] < 100 else 0.06)
        assert text.endswith(figure.unit)


def test_bars_are_the_contributions(mount: Any) -> None:
    """Heights of the two lower rows, up from the line, are the contributions on one scale."""
    figure = Divergence(mean=1.5, width=1.0)
    page = mount(figure)
    parts = figure.contributions("bits")
    heights = {}
    for kind, name in (("div-forward", FORWARD), ("div-backward", BACKWARD)):
        boxes = page.root.locator(f"rect.{kind}").evaluate_all(
            "all => all.map(e => [Number(e.getAttribute('y')), Number(e.getAttribute('height'))])"
        )
        base = max(y for y, _ in boxes)
        heights[name] = np.array([base - y if y < base - 0.01 else -height for y, height in boxes])
    factor = heights[FORWARD].max() / parts[FORWARD].max()
    for name, part in parts.items():
        np.testing.assert_allclose(heights[name], part * factor, atol=0.05)


def test_forward_minimum_has_the_moments_of_p() -> None:
    figure = Divergence()
    figure.minimize(FORWARD)
    places = np.linspace(-6, 6, len(figure.p))
    for weights in (1, 2):
        ours, theirs = (d @ places**weights for d in (figure.q, figure.p))
        assert ours == pytest.approx(theirs, abs=0.2)


@pytest.mark.parametrize(("start", "hump"), [(-1.5, -2.0), (1.5, 2.0)])
def test_backward_minimum_is_one_hump(start: float, hump: float) -> None:
    figure = Divergence(mean=start, width=0.8)
    figure.minimize(BACKWARD)
    assert figure.mean == pytest.approx(hump, abs=0.1)
    assert figure.width == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
def test_no_neighbor_of_a_minimum_is_lower(direction: str) -> None:
    figure = Divergence(mean=1.03, width=0.87)
    before = figure.measures()[direction]
    figure.minimize(direction)
    least = figure.measures()[direction]
    assert least < before
    mean, width = figure.mean, figure.width
    for a, b in ((STEP, 0), (-STEP, 0), (0, STEP), (0, -STEP)):
        other = Divergence(mean=mean + a, width=max(width + b, WIDTH[0]))
        assert other.measures()[direction] >= least - 1e-12


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
@pytest.mark.parametrize("start", [-1.5, 1.37])
def test_button_goes_where_python_goes(mount: Any, direction: str, start: float) -> None:
    figure = Divergence(mean=start, width=0.8)
    page = mount(figure)
    page.page.get_by_role("button", name=f"Minimize {direction}").click()
    figure.minimize(direction)
    assert page.get("mean") == pytest.approx(figure.mean)
    assert page.get("width") == pytest.approx(figure.width)
    assert direction in page.root.locator(".fig-live").inner_text()


def test_it_moves_step_by_step_for_those_who_like_motion(mount: Any) -> None:
    page = mount(Divergence(), reduced_motion="no-preference")
    page.page.get_by_role("button", name=f"Minimize {FORWARD}").click()
    assert page.root.locator(".fig-live").count() == 0
    page.root.locator(".fig-live").wait_for(state="attached")
    figure = Divergence()
    figure.minimize(FORWARD)
    assert (page.get("mean"), page.get("width")) == (figure.mean, figure.width)


def test_top_is_dragged(mount: Any) -> None:
    page = mount(Divergence())
    grip = page.root.locator(".div-grip").bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x - 60, y - 30, steps=4)
    page.page.mouse.up()
    assert page.get("mean") < 0 and page.get("width") < 1.0
    after = page.root.locator(".div-grip").bounding_box()
    assert after["x"] == pytest.approx(grip["x"] - 60, abs=3)
    assert after["y"] == pytest.approx(grip["y"] - 30, abs=3)


def test_arrow_keys_move_the_top(mount: Any) -> None:
    page = mount(Divergence())
    page.root.locator(".div-grip").focus()
    mean, width = page.get("mean"), page.get("width")
    page.page.keyboard.press("ArrowRight")
    assert page.get("mean") > mean and page.get("width") == pytest.approx(width, abs=0.02)
    page.page.keyboard.press("ArrowUp")
    assert page.get("width") < width
    page.page.keyboard.press("Shift+ArrowDown")
    assert page.get("width") == WIDTH[1]
    for _ in range(3):  # not stuck at either end
        page.page.keyboard.press("Shift+ArrowUp")
    assert page.get("width") == WIDTH[0]
    page.page.keyboard.press("ArrowDown")
    assert page.get("width") > WIDTH[0]


def test_sliders_and_unit(mount: Any) -> None:
    figure = Divergence()
    page = mount(figure)
    labels = {"Mean of q": "mean", "Width of q": "width", "Distance of p's humps": "distance"}
    for (label, name), value in zip(labels.items(), (-1.5, 2.25, 5.0)):
        page.page.get_by_label(label).fill(str(value))
        assert page.get(name) == value
        setattr(figure, name, value)
    page.page.get_by_label("Unit").select_option(label="nats")
    values = figure.measures("nats")
    assert shown(page)["Entropy H(p)"] == f"{values['H(p)']:.3f} nats"
    assert shown(page)[BACKWARD] == f"{values[BACKWARD]:.3f} nats"


def test_python_moves_the_page(mount: Any) -> None:
    page = mount(Divergence())
    page.set("mean", 2.0)
    figure = Divergence(mean=2.0)
    assert shown(page)[FORWARD] == f"{figure.measures('bits')[FORWARD]:.3f} bits"


@pytest.mark.parametrize(("width", "height"), [(720, 0), (600, 0), (358, 1)])
def test_it_fills_no_more_than_its_room(mount: Any, width: int, height: int) -> None:
    page = mount(Divergence(), width=width)
    box = page.root.bounding_box()
    assert box["height"] <= Divergence.heights[height] + 0.5


def test_limits_are_kept() -> None:
    from traitlets import TraitError

    for bad in ({"width": 0.1}, {"mean": 9.0}, {"unit": "bytes"}):
        with pytest.raises(TraitError):
            Divergence(**bad)
