"""The race: Python runs as torch.optim does, and the page as Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from site_tools import said
from traitlets import TraitError

from utils.widgets import Race
from utils.widgets.race import OPTIMIZERS, STEPS, SURFACES, noise

ALL = list(OPTIMIZERS)


def torch_path(figure: Race, name: str, steps: int = 50) -> np.ndarray:
    """The same run with an optimizer of PyTorch; for LAMB, with Adam's direction from there."""
    import torch

    kinds = {
        "gd": (torch.optim.SGD, {}),
        "momentum": (torch.optim.SGD, {"momentum": 0.9}),
        "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        "adagrad": (torch.optim.Adagrad, {}),
        "adadelta": (torch.optim.Adadelta, {}),
        "rmsprop": (torch.optim.RMSprop, {}),
        "adam": (torch.optim.Adam, {}),
        "lamb": (torch.optim.Adam, {"eps": 1e-6}),
    }
    kind, options = kinds[name]
    w = torch.tensor(figure.start, dtype=torch.float64, requires_grad=True)
    optimizer = kind([w], lr=1.0 if name == "lamb" else figure.rates[name], **options)
    here, path = SURFACES[figure.surface], [w.tolist()]
    for t in range(steps):
        optimizer.zero_grad()
        here.loss(w[0], w[1], figure.condition).backward()
        w.grad += here.noise * torch.tensor(noise(figure.seed)[t], dtype=torch.float64)
        before = w.detach().clone()
        optimizer.step()
        if name == "lamb":  # from a step of rate 1 to one of LAMB's length
            direction = before - w.detach()
            length = figure.rates["lamb"] * before.norm() / direction.norm()
            w.data = before - length * direction
        path.append(w.tolist())
    return np.array(path)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", ALL)
def test_python_runs_as_torch_does(surface: str, name: str) -> None:
    rates = {"gd": 0.02, "momentum": 0.001, "nesterov": 0.001}  # none diverges
    figure = Race(surface=surface, condition=10.0, rates=rates, seed=3)
    path = figure.path(name)[:51]
    np.testing.assert_allclose(path, torch_path(figure, name), rtol=1e-9, atol=1e-12)
    for w in SURFACES[surface].lowest:
        assert np.allclose(SURFACES[surface].slopes(*w, 7.0), 0)
        assert figure.loss(w) == 0


# The losses behind the texts of all rows, for each of the first steps.
SHOWN = """steps => Array.from({ length: steps }, (_, n) => {
    document.querySelector(".live-figure").figureModel.set("step", n);
    return [...document.querySelectorAll(".race-row output")].map(e => e.dataset.loss ?? "");
})"""


@pytest.mark.parametrize("surface", SURFACES)
def test_page_runs_as_python_does(mount: Any, surface: str) -> None:
    """All optimizers, step by step, for 50 steps: the full numbers behind the text."""
    figure = Race(surface=surface, chosen=ALL, condition=20.0, step=0, seed=5)
    runs = [figure.losses(name) for name in ALL]
    for step, row in enumerate(mount(figure).page.evaluate(SHOWN, 51)):
        found = [float(value) if value else None for value in row]
        expected = [each[step] if step < len(each) else None for each in runs]
        assert [value is None for value in found] == [value is None for value in expected]
        for mine, theirs in zip(found, expected):
            assert mine is None or mine == pytest.approx(theirs, rel=1e-7, abs=1e-12)


def test_losses_are_said_as_text(mount: Any) -> None:
    figure = Race(chosen=["gd", "lamb"], step=20)
    page = mount(figure)
    texts = page.root.locator(".race-row output").all_inner_texts()
    assert float(texts[0]) == pytest.approx(figure.losses("gd")[20], rel=1e-3)
    assert float(texts[7]) == pytest.approx(figure.losses("lamb")[20], rel=1e-3)
    assert texts[1:7] == ["–"] * 6
    assert "After 20 steps" in page.root.inner_text()


def test_divergence_is_said(mount: Any) -> None:
    """A rate above 2/L: the run ends early, in Python and on the page."""
    figure = Race(condition=50.0, rates={"gd": 0.05}, chosen=["gd"])
    assert len(figure.path("gd")) < STEPS
    page = mount(figure)
    assert page.root.locator(".race-row output").first.inner_text() == "diverged"
    assert "All have diverged" in page.root.inner_text()
    page.page.get_by_label("Learning rate of Gradient descent").select_option("0.02")
    assert page.get("rates")["gd"] == 0.02
    assert page.root.locator(".race-row output").first.inner_text() != "diverged"


def test_controls_set_the_traits(mount: Any) -> None:
    page = mount(Race())
    page.page.get_by_role("button", name="Adam", exact=True).click()
    page.page.get_by_role("button", name="RMSprop").click()
    assert page.get("chosen") == ["gd", "momentum", "rmsprop"]
    page.page.get_by_label("Surface").select_option(label="Saddle")
    assert page.get("surface") == "saddle" and page.get("start") == [-1.6, 0.01]
    assert page.page.get_by_label("Condition number").is_disabled()
    page.page.get_by_label("Surface").select_option(label="Ravine, turned by 30°")
    page.page.get_by_label("Condition number").fill("1")
    assert page.get("condition") == 10
    page.page.get_by_label("Steps made").fill("30")
    page.page.get_by_role("button", name="Step", exact=True).click()
    assert page.get("step") == 31


def test_noise_belongs_to_the_noisy_bowl(mount: Any) -> None:
    page = mount(Race(chosen=["gd"]))
    dice = page.page.get_by_role("button", name="New noise")
    assert dice.is_disabled()
    page.page.get_by_label("Surface").select_option(label="Noisy bowl")
    shown = page.root.locator(".race-row output").first
    first = shown.inner_text()
    dice.click()
    assert page.get("seed") == 1 and shown.inner_text() != first


def test_the_start_is_dragged_and_moved_by_keys(mount: Any) -> None:
    page = mount(Race(chosen=["gd"], step=10))
    before = said(page.root)
    ring = page.root.locator(".race-start")
    box = ring.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 60, y + 40, steps=4)
    page.page.mouse.up()
    side = page.root.locator(".race-plane").bounding_box()["width"]
    assert page.get("start") == pytest.approx([-1.8 + 60 * 4 / side, 1 - 40 * 4 / side], abs=0.02)
    assert said(page.root) != before
    start = page.get("start")
    ring.focus()
    page.page.keyboard.press("ArrowRight")
    assert page.get("start")[0] == pytest.approx(start[0] + 0.05, abs=2e-3)
    for _ in range(9):
        page.page.keyboard.press("Shift+ArrowLeft")  # the plane ends at -2
    assert page.get("start")[0] == -2


def test_python_moves_the_page(mount: Any) -> None:
    page = mount(Race())
    page.set("rates", {**page.get("rates"), "momentum": 0.0123})
    assert page.page.get_by_label("Learning rate of Momentum").input_value() == "0.0123"
    page.set("condition", 4.0)
    assert page.page.get_by_label("Condition number").input_value() == "0.6"
    page.set("chosen", [])
    assert "Choose who runs" in page.root.inner_text()


def test_it_plays_to_the_end(mount: Any) -> None:
    page = mount(Race(step=190))
    page.page.get_by_role("button", name="Play").click()
    page.page.get_by_role("button", name="Pause").wait_for()
    page.page.wait_for_function(
        f"document.querySelector('.live-figure').figureModel.get('step') === {STEPS}"
    )
    page.page.get_by_role("button", name="Play").wait_for()


def test_on_the_saddle_line_gradient_descent_stays() -> None:
    figure = Race(surface="saddle", start=[-1.0, 0.0])
    for name in ALL:
        assert np.all(figure.path(name)[:, 1] == 0)
    assert math.hypot(*figure.path("gd")[-1]) < 0.05


def test_wrong_values_are_named() -> None:
    for wrong in ({"surface": "hill"}, {"chosen": ["sgd"]}, {"rates": {"sgd": 1.0}}):
        with pytest.raises(TraitError, match="there are: "):
            Race(**wrong)


def test_picture_is_drawn() -> None:
    for surface in SURFACES:
        assert Race(surface=surface, chosen=ALL).png().startswith(b"\x89PNG")
    assert Race(chosen=[]).png().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [358, 480, 580, 680, 720])
def test_it_keeps_its_room(mount: Any, width: int) -> None:
    """Whatever is set, the figure is no higher than its room."""
    figure = Race()
    page = mount(figure, width=width)
    for surface in SURFACES:
        page.set("surface", surface)
        page.set("chosen", ALL)
        page.set("step", 37)
        height = page.root.bounding_box()["height"]
        assert height <= figure.heights[width < 560], f"{surface}: {height}"
