"""The schedule figure: Python computes what torch and plain formulas do, the page as Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

from utils.widgets import Schedule
from utils.widgets.schedule import CURVATURES, KINDS, STEPS, WARMUP

SETTINGS: list[dict[str, Any]] = [
    {},
    {"kind": "constant", "peak": 0.05, "warmup": 0},
    {"kind": "step", "peak": 0.12, "warmup": 7, "last": 0.01, "noise": 2.0},
    {"kind": "exponential", "peak": 0.25, "warmup": 0, "last": 0.02, "seed": 5},
    {"kind": "linear", "peak": 0.1, "warmup": 150, "last": 0.3, "sharp": True},
    {"kind": "restarts", "peak": 0.15, "warmup": 6, "last": 0.05, "noise": 0.0},
    {"kind": "cosine", "peak": 0.25, "warmup": 0, "sharp": True},
]


def shown(page: Any) -> dict[str, float | None]:
    """The full numbers behind the text."""
    texts = page.root.locator(".sched-numbers output").evaluate_all(
        "all => all.map(e => [e.dataset.name, e.dataset.value])"
    )
    return {name: float(value) if value else None for name, value in texts}


def computed(page: Any) -> dict[str, float | None]:
    names = ("kind", "peak", "warmup", "last", "noise", "sharp", "seed")
    figure = Schedule(**{name: page.get(name) for name in names})
    parts = figure.parts()
    begin, brought = parts[-1] if len(parts) > STEPS else (None, None)
    total = None if begin is None else begin + brought
    return {
        "total": total, "begin": begin, "brought": brought, "sum": float(figure.rates().sum()),
    }  # fmt: skip


def agree(page: Any) -> None:
    found = shown(page)
    for name, value in computed(page).items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-9)), name


def ends(page: Any, line: str) -> tuple[float, float]:
    """The first and the last y of a line in the second chart."""
    d = page.root.locator(f".sched-stage > div:nth-child(2) g > .{line}").get_attribute("d")
    points = [part.split() for part in d.replace("M", "L").split("L")[1:]]
    return float(points[0][1]), float(points[-1][1])


def test_cosine_is_that_of_torch() -> None:
    import torch

    figure = Schedule(peak=0.2, warmup=0, last=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=0.2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS - 1, eta_min=0.02)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(figure.rates(), rates, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_begins_at_the_peak_and_ends_at_the_last_rate(kind: str) -> None:
    rates = Schedule(kind=kind, peak=0.2, warmup=40, last=0.05).rates()
    assert rates[40] == pytest.approx(0.2) and rates.max() == pytest.approx(0.2)
    np.testing.assert_allclose(np.diff(rates[:41]), 0.2 / 41, rtol=1e-9)
    assert rates[-1] == pytest.approx(0.2 if kind == "constant" else 0.01)


def test_expected_loss_is_the_mean_of_many_runs() -> None:
    figure = Schedule(kind="step", peak=0.12, warmup=10, last=0.05, noise=1.5)
    rng, e = np.random.default_rng(0), np.sqrt(10 / np.array(CURVATURES))
    walkers = np.tile(e, (4000, 1))
    for rate in figure.rates():
        walkers -= rate * (walkers * CURVATURES + 1.5 * rng.normal(size=walkers.shape))
    mean = (walkers**2 @ np.array(CURVATURES)).mean() / 2
    assert figure.parts()[-1].sum() == pytest.approx(mean, rel=0.06)
    runs = [Schedule(**{**SETTINGS[2], "seed": seed}).run()[150:].mean() for seed in range(60)]
    assert np.mean(runs) == pytest.approx(
        Schedule(**SETTINGS[2]).parts()[150:].sum(1).mean(), rel=0.1
    )


def test_a_constant_rate_rests_on_its_floor() -> None:
    figure = Schedule(kind="constant", peak=0.2, warmup=0)  # the limit of the steepest: no floor
    assert np.isinf(figure.floor()).all()
    figure = Schedule(kind="constant", peak=0.19, warmup=0)
    assert figure.parts()[-1].sum() == pytest.approx(figure.floor()[0], rel=0.02)


@pytest.mark.parametrize("setting", SETTINGS)
def test_page_computes_what_python_computes(mount: Any, setting: dict[str, Any]) -> None:
    figure = Schedule(**setting)
    page = mount(figure)
    agree(page)
    for line, values in (("sched-main", figure.parts().sum(axis=1)), ("sched-run", figure.run())):
        for y, value in zip(ends(page, line), (values[0], values[-1])):
            part = np.clip((np.log10(max(value, 1e-9)) + 3) / 5, -0.1, 1.1)
            assert y == pytest.approx(216 - part * 202, abs=0.06)


def test_the_handles_are_dragged_and_moved_by_keys(mount: Any) -> None:
    page = mount(Schedule())
    ring = page.root.get_by_role("slider", name="Peak and length of the warmup")
    box = ring.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 40, y + 30, steps=4)
    page.page.mouse.up()
    assert 50 < page.get("warmup") < 70 and page.get("peak") < 0.13
    agree(page)
    page.page.mouse.move(x + 40, y + 30)
    page.page.mouse.down()
    page.page.mouse.move(x + 900, y - 900)
    page.page.mouse.up()
    assert (page.get("warmup"), page.get("peak")) == (WARMUP, 0.25)
    ring.focus()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("ArrowDown")
    assert page.get("warmup") < WARMUP and page.get("peak") < 0.25
    square = page.root.get_by_role("slider", name="Rate at the end")
    square.focus()
    page.page.keyboard.press("Shift+ArrowUp")
    assert 0.1 < page.get("last") < 0.5
    agree(page)


def test_keep_to_compare(mount: Any) -> None:
    page = mount(Schedule(kind="constant", peak=0.1, warmup=0))
    page.page.get_by_role("button", name="Keep to compare").click()
    assert page.get("kept") == ["constant", 0.1, 0, 0]
    first = shown(page)["total"]
    page.page.get_by_label("Decay").select_option(label="Linear decay")
    page.set("peak", 0.19)
    now = shown(page)
    assert now["kept"] == first and now["total"] < first
    agree(page)


def test_controls(mount: Any) -> None:
    page = mount(Schedule(peak=0.25, warmup=0))
    page.page.get_by_role("button", name="Sharp start").click()
    assert page.get("sharp") is True and "blows up" in page.root.inner_text()
    page.set("warmup", 120)
    page.set("peak", 0.1)
    assert "blows up" not in page.root.inner_text()
    page.page.get_by_role("button", name="New noise").click()
    assert page.get("seed") == 1
    page.page.get_by_label("Noise σ").fill("0")
    assert page.get("noise") == 0 and shown(page)["brought"] == 0
    page.page.get_by_label("Decay").select_option(label="Constant")
    assert page.root.locator(".sched-knob").first.get_attribute("visibility") == "hidden"


def test_wrong_values_are_named() -> None:
    for wrong in ({"kind": "ramp"}, {"peak": 0.0}, {"warmup": 300}, {"last": 2.0}, {"noise": -1.0}):
        with pytest.raises(TraitError, match=r"there are: |must lie between"):
            Schedule(**wrong)


def test_picture_is_drawn() -> None:
    for setting in SETTINGS:
        assert Schedule(**setting).png().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [340, 358, 480, 559, 640, 679, 680, 720, 760])
def test_it_keeps_its_room(mount: Any, width: int) -> None:
    """No higher than its room, and of one height whatever is set."""
    figure = Schedule()
    page = mount(figure, width=width)
    first = page.root.bounding_box()["height"]
    assert first <= figure.heights[width < 560], first
    for kind in KINDS:
        page.set("kind", kind)
        assert page.root.bounding_box()["height"] == first
    page.set("sharp", True)
    page.set("peak", 0.25)
    page.set("warmup", 0)
    assert page.root.bounding_box()["height"] == first
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1280
