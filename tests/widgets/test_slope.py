"""The slope figure: the page's numbers are Python's and PyTorch's, and both modes can be moved."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from traitlets import TraitError

from utils.widgets import Slope
from utils.widgets.slope import CURVES, SURFACES

# What the functions are, written once more.
HILL = (0.9, 0.5), (-1.0, -0.4)
TWINS = {
    "cubic": lambda x: x**3 / 6 - x,
    "parabola": lambda x: x**2 / 2 - 2,
    "sine": lambda x: 1.5 * torch.sin(x),
    "ripples": lambda x: 0.4 * x + 0.1 * torch.sin(15 * x),
    "corner": lambda x: x.abs() - 1,
    "bowl": lambda x, y: x**2 / 2 + y**2,
    "saddle": lambda x, y: x**2 - y**2,
    "hill": lambda x, y: sum(
        size * torch.exp(-((x - a) ** 2) - (y - b) ** 2) for size, (a, b) in zip((2, -1.5), HILL)
    ),
    "plane": lambda x, y: x + y / 2,
}


def exact(mounted: Any) -> list[list[float]]:
    """The full numbers behind the four lines of text."""
    found = mounted.root.locator(".slope-facts output").evaluate_all(
        "all => all.map(one => one.dataset.exact)"
    )
    return [[float(number.replace("NaN", "nan")) for number in text.split()] for text in found]


def slider(mounted: Any, name: str) -> Any:
    return mounted.page.get_by_role("slider", name=name, exact=True)


def press(mounted: Any, name: str) -> None:
    mounted.page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("name", [*CURVES, *SURFACES])
@pytest.mark.parametrize("at", [(-1.7, 0.3), (0.4, -1.2)])
def test_python_agrees_with_autograd(name: str, at: tuple[float, float]) -> None:
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in at]
    leaves = leaves[: 1 if name in CURVES else 2]
    value = TWINS[name](*leaves)
    want = [float(g) for g in torch.autograd.grad(value, leaves)]
    if name in CURVES:
        figure = Slope(curve=name, x=at[0], exponent=-5, central=True)
        assert CURVES[name].value(at[0]) == pytest.approx(value.item())
        assert [figure.derivative] == pytest.approx(want, rel=1e-12)
        assert figure.quotient == pytest.approx(want[0], abs=1e-6)
    else:
        figure = Slope(mode="surface", surface=name, point=list(at), angle=-60)
        assert float(SURFACES[name].value(*at)) == pytest.approx(value.item())
        assert list(figure.gradient) == pytest.approx(want, rel=1e-12)
        along = want[0] * math.cos(math.pi / 3) - want[1] * math.sin(math.pi / 3)
        assert figure.directional == pytest.approx(along)


def test_page_agrees_with_python(mount: Any) -> None:
    mounted = mount(Slope())
    for name in CURVES:
        for x, exponent, central in ((1.0, 0.0, False), (-0.6, -1.5, True), (2.3, -5.0, False)):
            figure = Slope(curve=name, x=x, exponent=exponent, central=central)
            for trait in ("curve", "x", "exponent", "central"):
                mounted.set(trait, getattr(figure, trait))
            error = abs(figure.quotient - figure.derivative)
            want = [[CURVES[name].value(x)], [figure.derivative], [figure.quotient], [error]]
            for got, one in zip(exact(mounted), want):
                assert got == pytest.approx(one, rel=1e-9, abs=1e-9)
    mounted.set("mode", "surface")
    for name in SURFACES:
        for point, angle in (([1.2, 1.0], 0), ([-0.7, 0.31], 135)):
            figure = Slope(mode="surface", surface=name, point=point, angle=angle)
            for trait in ("surface", "point", "angle"):
                mounted.set(trait, getattr(figure, trait))
            value, gradient, length, along = exact(mounted)
            assert value == pytest.approx([SURFACES[name].value(*point)])
            assert gradient == pytest.approx(figure.gradient)
            assert length == pytest.approx([math.hypot(*figure.gradient)])
            assert along == pytest.approx([figure.directional], abs=1e-12)


def test_tiny_steps_round_on_the_page_as_in_python(mount: Any) -> None:
    """Only + - * / are used by the parabola: every bit is the same on both sides."""
    mounted = mount(Slope(curve="parabola", x=1.3))
    for exponent in (-8.0, -11.0, -14.0, -15.5):
        figure = Slope(curve="parabola", x=1.3, exponent=exponent)
        mounted.set("exponent", exponent)
        assert exact(mounted)[2] == pytest.approx([figure.quotient], rel=1e-6)
    assert "rounding counts" in mounted.root.locator(".fig-note").inner_text()
    mounted.set("exponent", -16.0)
    assert exact(mounted)[2] == [0] and Slope(curve="parabola", x=1.3, exponent=-16).quotient == 0
    assert "x + h is x itself" in mounted.root.locator(".fig-note").inner_text()


def test_corner_has_no_derivative(mount: Any) -> None:
    figure = Slope(curve="corner", x=0.0, exponent=-1)
    mounted = mount(figure)
    assert math.isnan(figure.derivative) and figure.quotient == pytest.approx(1)
    texts = mounted.root.locator(".slope-facts output").all_inner_texts()
    assert texts[1] == "none" and texts[2] == "1.0000"
    assert "no derivative" in mounted.root.locator(".fig-note").inner_text()
    press(mounted, "Step to both sides")
    assert exact(mounted)[2] == [0] and mounted.get("central") is True


def test_pointer_moves_the_point(mount: Any) -> None:
    mounted = mount(Slope())
    mouse = mounted.page.mouse
    for mode in ("curve", "surface"):
        mounted.set("mode", mode)
        grip = slider(mounted, "The point")
        box = grip.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse.move(x, y)
        mouse.down()
        mouse.move(x - 80, y + 30, steps=4)
        mouse.up()
    unit = mounted.root.locator("svg").bounding_box()["width"] / 6
    assert mounted.get("x") == pytest.approx(1 - 80 / unit, abs=0.03)
    unit = mounted.root.locator("svg").bounding_box()["height"] / 4
    assert mounted.get("point") == pytest.approx([1.2 - 80 / unit, 1 - 30 / unit], abs=0.03)


def test_keyboard(mount: Any) -> None:
    mounted = mount(Slope())
    slider(mounted, "The point").focus()
    mounted.page.keyboard.press("ArrowRight")
    assert mounted.get("x") == 1.05
    mounted.page.keyboard.press("Shift+ArrowLeft")
    assert mounted.get("x") == 0.55
    for name, trait, value in (("Zoom about the point", "zoom", 1), ("Step h", "exponent", -0.25)):
        slider(mounted, name).focus()
        mounted.page.keyboard.press("ArrowRight")
        assert mounted.get(trait) == value
    press(mounted, "A surface")
    slider(mounted, "Direction v").focus()
    mounted.page.keyboard.press("ArrowRight")
    assert mounted.get("angle") == 5
    slider(mounted, "The point").focus()
    mounted.page.keyboard.press("ArrowUp")
    x, y = mounted.get("point")
    assert x == 1.2 and y > 1


def test_zoom_keeps_the_point_and_makes_a_line(mount: Any) -> None:
    mounted = mount(Slope(exponent=-3))
    place = mounted.page.locator(".slope-handle").bounding_box()
    mounted.set("zoom", 10)
    assert mounted.page.locator(".slope-handle").bounding_box() == place
    lines = mounted.page.evaluate(
        """() => {
            const graph = document.querySelector(".slope-graph").getAttribute("d");
            return graph.slice(1).split("L").map((pair) => pair.split(" ").map(Number));
        }"""
    )
    (x0, y0), (x1, y1) = lines[0], lines[-1]
    assert max(abs(y0 + (y1 - y0) * (x - x0) / (x1 - x0) - y) for x, y in lines) < 0.5
    assert (y0 - y1) / (x1 - x0) == pytest.approx(-0.5, abs=0.01)


def test_uphill_is_steepest(mount: Any) -> None:
    mounted = mount(Slope(mode="surface", surface="hill"))
    press(mounted, "Turn v uphill")
    _, _, length, along = exact(mounted)
    assert along == pytest.approx(length, rel=1e-3)
    assert "No direction is steeper" in mounted.root.locator(".fig-note").inner_text()
    steepest = along[0]
    for angle in range(-180, 181, 15):
        mounted.set("angle", angle)
        assert exact(mounted)[3][0] <= steepest + 1e-3


def test_traits_refuse_nonsense() -> None:
    figure = Slope()
    for trait, value in (("mode", "volume"), ("zoom", 11), ("x", 9.0), ("point", [0.0, 2.5])):
        with pytest.raises(TraitError):
            setattr(figure, trait, value)
    assert Slope().png() != Slope(mode="surface").png() != Slope(curve="sine", central=True).png()


@pytest.mark.parametrize("width", [720, 566, 358, 320])
def test_nothing_jumps(mount: Any, width: int) -> None:
    """No mode, function or step changes the height, and the page keeps that much room."""
    mounted = mount(Slope(), screen=(width + 40, 900), width=width)
    settings: list[dict[str, Any]] = [
        {"x": 0}, {"curve": "corner"}, {"exponent": -16}, {"exponent": -12}, {"curve": "ripples"},
        {"x": -2.87, "exponent": -16}, {"zoom": 10, "exponent": 0}, {"mode": "surface"},
        {"point": [-2.5, -1.95], "zoom": 0}, {"angle": 180}, {"point": [0, 0]},
        {"surface": "saddle"}, {"surface": "hill", "point": [-1.23, -1.95]},
    ]  # fmt: skip
    found = mounted.measured(settings)
    assert len(set(found)) == 1 and found[0] <= Slope.heights[width < 560]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert mounted.page.evaluate(overflow) == 0


def test_both_themes_and_modes_are_accessible(mount: Any, axe_script: str) -> None:
    mounted = mount(Slope())
    mounted.page.evaluate(axe_script)
    for theme in ("light", "dark"):
        mounted.theme(theme)
        for mode in ("curve", "surface"):
            mounted.set("mode", mode)
            found = mounted.page.evaluate("axe.run('.live-stage')")["violations"]
            assert not found, [(one["id"], one["nodes"][0]["html"]) for one in found]
