"""The fitting figure: its lines are the best ones, and the page shows what Python computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from utils.widgets import Fitting
from utils.widgets.fitting import POINTS


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def shown(page: Any) -> np.ndarray:
    """The table on the page: slope, intercept, residual, loss and pull for each loss."""
    texts = page.root.locator(".fit-table output").all_inner_texts()
    return np.array([number(text) for text in texts]).reshape(3, 5)


def computed(page: Any) -> np.ndarray:
    """What Python says of the state in which the page is."""
    names = ("points", "delta", "chosen")
    return np.array(list(Fitting(**{name: page.get(name) for name in names}).rows().values()))


def agree(page: Any) -> None:
    np.testing.assert_allclose(shown(page), computed(page), atol=0.0051)


def some_points(seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 21))
    return np.column_stack([rng.uniform(0, 10, n), rng.uniform(-4, 16, n)]).round(2).tolist()


def total(figure: Fitting, name: str, slope: float, intercept: float) -> float:
    x, y = np.array(figure.points).T
    return float(figure.losses()[name][0](slope * x + intercept - y).sum())


@pytest.mark.parametrize("delta", [0.1, 0.7, 2.0, 10.0])
def test_no_line_is_better(delta: float) -> None:
    """The losses are convex: a line that is better anywhere would be better close by."""
    rng = np.random.default_rng(1)
    for seed in range(12):
        figure = Fitting(points=some_points(seed), delta=delta)
        for name, best in figure.fits().items():
            least = total(figure, name, *best)
            for size in (1e-3, 0.1, 1.0):
                for step in size * rng.normal(size=(20, 2)):
                    assert total(figure, name, *(best + step)) >= least - 1e-6


def test_squared_and_huber_against_libraries() -> None:
    from scipy.optimize import minimize

    for seed in range(6):
        figure = Fitting(points=some_points(seed), delta=1.3)
        x, y = np.array(figure.points).T
        np.testing.assert_allclose(figure.fits()["squared"], np.polyfit(x, y, 1), atol=1e-9)
        best = minimize(lambda v, f=figure: total(f, "Huber", *v), figure.fits()["Huber"])
        assert total(figure, "Huber", *figure.fits()["Huber"]) <= best.fun + 1e-7
        wide = Fitting(points=figure.points, delta=10.0)
        if np.abs(np.polyval(wide.fits()["squared"], x) - y).max() <= 10:
            np.testing.assert_allclose(wide.fits()["Huber"], wide.fits()["squared"], atol=1e-9)


def test_derivatives_are_those_of_the_losses() -> None:
    r = np.linspace(-11.93, 11.97, 500)  # no kink among them
    for loss, pull in Fitting(delta=1.5).losses().values():
        np.testing.assert_allclose((loss(r + 1e-6) - loss(r - 1e-6)) / 2e-6, pull(r), atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_page_computes_what_python_computes(mount: Any, seed: int) -> None:
    page = mount(
        Fitting(points=some_points(seed), delta=[0.1, 0.5, 1.0, 3.0, 10.0][seed], chosen=1)
    )
    agree(page)
    page.set("chosen", 2)
    agree(page)


def test_all_points_above_one_another(mount: Any) -> None:
    figure = Fitting(points=[[4, 1], [4, 2], [4, 9]], chosen=0)
    assert figure.fits()["squared"] == (0.0, 4.0) and figure.fits()["absolute"] == (0.0, 2.0)
    agree(mount(figure))


def test_dragging_makes_an_outlier(mount: Any) -> None:
    page = mount(Fitting())
    before = shown(page)
    handle = page.root.get_by_role("slider", name="Point 12", exact=True)
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x, y + 60)
    page.page.mouse.up()
    assert page.get("chosen") == 11
    assert page.get("points")[11][1] < POINTS[11][1] - 2
    assert page.get("points")[:11] == [list(point) for point in POINTS[:11]]
    agree(page)
    after = shown(page)
    assert abs(after[0, 0] - before[0, 0]) > abs(after[2, 0] - before[2, 0])
    page.page.mouse.move(x, y + 60)
    page.page.mouse.down()
    page.page.mouse.move(x + 500, y + 900)  # far outside: the point stays in the plane
    page.page.mouse.up()
    assert page.get("points")[11] == [10, -4]
    page.page.get_by_role("button", name="Back in line").click()
    assert abs(shown(page)[1, 2]) < 0.02 and page.get("points")[11][0] == 10
    page.page.get_by_role("button", name="Reset").click()
    assert page.get("points") == [list(point) for point in POINTS]
    np.testing.assert_array_equal(shown(page), before)


def test_keyboard_moves_points_and_delta(mount: Any) -> None:
    page = mount(Fitting())
    page.root.get_by_role("slider", name="Point 3", exact=True).focus()
    assert page.get("chosen") == 2
    for key in ("ArrowUp", "ArrowUp", "ArrowRight", "Shift+ArrowUp"):
        page.page.keyboard.press(key)
    x, y = page.get("points")[2]
    assert x > POINTS[2][0] and y > POINTS[2][1] + 2
    agree(page)
    page.page.get_by_label("Huber’s δ").focus()
    page.page.keyboard.press("ArrowRight")
    assert page.get("delta") == pytest.approx(2.1)
    agree(page)
    page.page.keyboard.press("Home")
    assert page.get("delta") == pytest.approx(0.1)
    agree(page)


def test_python_moves_the_page(mount: Any) -> None:
    page = mount(Fitting())
    page.set("points", some_points(3))
    page.set("chosen", 0)
    page.set("delta", 4.2)
    agree(page)
    assert page.page.get_by_label("Huber’s δ").input_value() == "4.2"
    count = page.root.get_by_role("slider").count()
    assert count == len(some_points(3)) + 1


def test_wrong_values_are_named() -> None:
    with pytest.raises(Exception, match="3 to 20 pairs"):
        Fitting(points=[[1, 2]])
    with pytest.raises(Exception, match="between -4 and 16"):
        Fitting(points=[[1, 2], [2, 3], [3, 99]])
    with pytest.raises(Exception, match=r"between 0\.1 and 10"):
        Fitting(delta=0)
    with pytest.raises(Exception, match="12 points"):
        Fitting(chosen=12)


@pytest.mark.parametrize("width", [358, 580, 680, 720])
def test_it_keeps_its_room(mount: Any, width: int) -> None:
    figure = Fitting()
    page = mount(figure, width=width)
    first = page.root.bounding_box()["height"]
    assert first <= figure.heights[width < 560]
    page.set("points", [[0, -4], [0, 16], [10, -4], [10, 16]])
    page.set("delta", 10)
    assert page.root.bounding_box()["height"] == first
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1280
