"""The overfitting figure: descent does what the theory says, and the page does what Python does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from utils.widgets import Overfit
from utils.widgets.overfit import BUMPS, POINTS, RATE, STEPS, Random, bumps

NAMES = ("points", "validation", "l2", "l1", "dropout", "step")


def agree(page: Any) -> None:
    """The table on the page says what Python computes for the state in which the page is."""
    rows = Overfit(**{name: page.get(name) for name in NAMES}).rows()
    texts = page.root.locator(".ovf-table output").all_inner_texts()
    assert abs(float(texts[0]) - rows["training"]) < 0.00051
    assert abs(float(texts[1]) - rows["validation"]) < 0.00051
    lowest, step = texts[2].split(", ")
    assert abs(float(lowest) - rows["lowest"]) < 0.00051
    assert int(step) == rows["best step"]
    assert texts[3] == f"{rows['in use']} of {BUMPS}"


def test_stopping_has_the_factors_of_the_page() -> None:
    x, y = np.array(POINTS).T
    h, Q = np.linalg.eigh(bumps(x).T @ bumps(x) / len(y))
    along = Q.T @ bumps(x).T @ y / len(y)
    heights = Overfit().run()
    for step in (1, 10, 100, 1000):
        sums = np.array([RATE * ((1 - RATE * v) ** np.arange(step)).sum() for v in h])
        np.testing.assert_allclose(heights[STEPS.index(step)], Q @ (sums * along), atol=1e-9)


def test_penalties_end_where_libraries_do() -> None:
    from sklearn.linear_model import Lasso, Ridge

    x, y = np.array(POINTS).T
    ridge = Ridge(alpha=len(y) * 0.1, fit_intercept=False).fit(bumps(x), y).coef_
    np.testing.assert_allclose(Overfit(l2=0.1).run()[-1], ridge, atol=1e-6)
    lasso = Lasso(alpha=0.1, fit_intercept=False, tol=1e-10, max_iter=10**6).fit(bumps(x), y).coef_
    ours = Overfit(l1=0.1).run()[-1]
    np.testing.assert_allclose(ours, lasso, atol=1e-3)
    assert np.array_equal(ours == 0, lasso == 0)


def test_each_cure_lowers_the_validation_error() -> None:
    bare = Overfit().rows()
    assert bare["training"] < 0.5 * bare["validation"]
    assert bare["lowest"] < 0.9 * bare["validation"] and bare["best step"] < 500
    for cure in ({"l2": 0.03}, {"l1": 0.03}, {"step": bare["best step"]}):
        assert Overfit(**cure).rows()["validation"] < bare["validation"]


def test_random_numbers_are_even() -> None:
    random = Random(1)
    values = np.array([random() for _ in range(20_000)])
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01 and abs(values.std() - 12**-0.5) < 0.01


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"l2": 0.03, "step": 50},
        {"l1": 0.06},
        {"dropout": 0.3},
        {"l2": 0.01, "l1": 0.01, "dropout": 0.5, "step": 200},
    ],
)
def test_page_computes_what_python_computes(mount: Any, state: dict[str, float]) -> None:
    agree(mount(Overfit(**state)))


def test_controls_and_buttons(mount: Any) -> None:
    page = mount(Overfit())
    for label, name, value in (
        ("L2: λ", "l2", 0.0003),
        ("L1: λ", "l1", 0.0003),
        ("Dropout: p", "dropout", 0.05),
    ):
        page.page.get_by_label(label).focus()
        page.page.keyboard.press("ArrowRight")
        assert page.get(name) == pytest.approx(value)
        agree(page)
    page.page.get_by_label("Stop at step").focus()
    page.page.keyboard.press("ArrowLeft")
    assert page.get("step") == STEPS[-2]
    page.page.get_by_role("button", name="No cure").click()
    assert [page.get(name) for name in NAMES[2:]] == [0, 0, 0, 1000]
    page.page.get_by_role("button", name="Best step").click()
    assert page.get("step") == Overfit().rows()["best step"]
    agree(page)
    page.page.get_by_role("button", name="Reset").click()
    assert page.get("step") == 1000


def test_dragging_a_point(mount: Any) -> None:
    page = mount(Overfit())
    handle = page.root.get_by_role("slider", name="Training point 5", exact=True)
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 5, y + 60)
    page.page.mouse.up()
    assert page.get("points")[4][1] < POINTS[4][1] - 0.5
    agree(page)
    page.page.keyboard.press("ArrowUp")
    agree(page)


def test_python_moves_the_page(mount: Any) -> None:
    page = mount(Overfit())
    page.set("points", [[0.2, 1.5], [0.5, -1.0], [0.8, 0.5]])
    page.set("l2", 0.1)
    page.set("step", STEPS[20])
    agree(page)
    assert page.root.locator(".ovf-point").count() == 3


def test_wrong_values_are_named() -> None:
    with pytest.raises(Exception, match="at least 3 pairs"):
        Overfit(points=[[0.1, 1]])
    with pytest.raises(Exception, match="between -2 and 2"):
        Overfit(points=[[0.1, 1], [0.2, 9], [0.3, 0]])
    with pytest.raises(Exception, match=r"dropout must lie between 0 and 0\.6"):
        Overfit(dropout=0.9)
    with pytest.raises(Exception, match="one of"):
        Overfit(step=17)


@pytest.mark.parametrize("width", [340, 358, 559, 580, 680, 720, 760])
def test_it_keeps_its_room(mount: Any, width: int) -> None:
    figure = Overfit()
    page = mount(figure, width=width)
    first = page.root.bounding_box()["height"]
    assert first <= figure.heights[width < 560], (width, first)
    page.set("l1", 1.0)
    page.set("dropout", 0.6)
    page.set("points", [[0, -2], [0.5, 2], [1, -2]])
    assert page.root.bounding_box()["height"] == first
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1280
