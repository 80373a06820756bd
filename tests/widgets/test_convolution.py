"""The convolution explorer: what the page shows is what NumPy and PyTorch compute."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from site_tools import said

from utils.widgets import ConvolutionExplorer
from utils.widgets.convolution import KERNELS

PIXELS = np.random.default_rng(0).random((9, 11)).round(2)


def torch_output(figure: ConvolutionExplorer) -> np.ndarray:
    import torch
    import torch.nn.functional as F

    x, w = (torch.tensor(a, dtype=torch.float64)[None, None] for a in (figure.image, figure.kernel))
    z = F.conv2d(x, w, None, figure.stride, figure.padding, figure.dilation)
    return z[0, 0].numpy()


# Walk over the map as Python would, and note what the page says at each place.
WALK = """([rows, columns]) => {
    const model = document.querySelector(".live-figure").figureModel;
    const [sum, handle] = [".conv-z", ".conv-output [role=slider]"].map(
        (name) => document.querySelector(`.live-stage ${name}`));
    const found = [];
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
        model.set("position", [i, j]);
        found.push([sum.textContent, handle.getAttribute("aria-valuetext")]);
    }
    return found;
}"""


def shown_map(page: Any) -> np.ndarray:
    """The map that the page computes, number by number."""
    title = page.root.locator(".conv-output .fig-title span").inner_text()
    shape = tuple(int(n) for n in title.split(" × "))
    found = page.page.evaluate(WALK, list(shape))
    for (i, j), (_, spoken) in zip(np.ndindex(shape), found):
        assert spoken.startswith(f"row {i}, column {j}: ")
    return np.array([number(text) for text, _ in found]).reshape(shape)


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_python_computes_what_pytorch_computes() -> None:
    settings = product(KERNELS, (1, 2, 3), (0, 1, 2, 3), (1, 2, 3))
    for kernel, stride, padding, dilation in settings:
        figure = ConvolutionExplorer(
            image=PIXELS, kernel=kernel, stride=stride, padding=padding, dilation=dilation
        )
        expected = torch_output(figure)
        assert figure.output_size == expected.shape
        np.testing.assert_allclose(figure.output, expected, atol=1e-12)
        for position in ([0, 0], [n - 1 for n in figure.output_size]):
            figure.position = position
            assert figure.products.sum() == pytest.approx(expected[tuple(position)], abs=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 0, 2), (1, 3, 3), (2, 2, 2)]
)
def test_page_computes_what_python_computes(
    mount: Any, stride: int, padding: int, dilation: int
) -> None:
    kernel = np.random.default_rng(stride).normal(size=(3, 3))
    figure = ConvolutionExplorer(
        image=PIXELS, kernel=kernel, stride=stride, padding=padding, dilation=dilation
    )
    page = mount(figure)
    np.testing.assert_allclose(shown_map(page), figure.output, atol=6e-5)  # shown to four digits
    size = page.root.locator("output.conv-size").inner_text()
    assert int(size) == figure.output_size[0]
    written = page.root.locator(".conv-math p").last.inner_text()
    assert f"⌊(9 + 2·{padding} − {dilation}·(3 − 1) − 1) / {stride}⌋ + 1 = {size}" in written


def test_sliders_set_the_layer(mount: Any) -> None:
    figure = ConvolutionExplorer(image=PIXELS)
    page = mount(figure)
    for label, value in (("Padding", 2), ("Dilation", 3), ("Stride", 2)):
        page.page.get_by_label(label).fill(str(value))
    for name in ("stride", "padding", "dilation"):
        setattr(figure, name, page.get(name))
    assert (figure.stride, figure.padding, figure.dilation) == (2, 2, 3)
    np.testing.assert_allclose(shown_map(page), torch_output(figure), atol=6e-5)


def test_kernel_is_chosen_and_edited(mount: Any) -> None:
    figure = ConvolutionExplorer()
    page = mount(figure)
    page.page.get_by_label("Preset").select_option(label="Sharpen")
    assert page.get("kernel") == KERNELS["Sharpen"]
    page.page.get_by_label("Weight in row 1, column 1").fill("-2.5")
    assert page.get("kernel")[1][1] == -2.5
    assert page.page.get_by_label("Preset").locator("option:checked").inner_text() == "Your own"
    page.page.get_by_label("Weight in row 0, column 0").fill("")  # half typed: nothing happens
    figure.kernel = page.get("kernel")
    np.testing.assert_allclose(shown_map(page), torch_output(figure), atol=6e-5)


def test_arrow_keys_walk_over_the_output(mount: Any) -> None:
    page = mount(ConvolutionExplorer(image=PIXELS, position=[1, 1]))
    page.root.get_by_role("slider", name="Position in the output").focus()
    for key, position in (
        ("ArrowRight", [1, 2]), ("ArrowDown", [2, 2]), ("ArrowLeft", [2, 1]), ("ArrowUp", [1, 1]),
        ("Shift+ArrowDown", [6, 1]), ("ArrowDown", [6, 1]),
    ):  # fmt: skip
        page.page.keyboard.press(key)
        assert page.get("position") == position


def cell(page: Any, panel: str, row: int, column: int) -> tuple[float, float]:
    """Where the middle of a cell of one of the two maps is on the screen."""
    box = page.root.locator(f".conv-{panel} svg").bounding_box()
    rows, columns = (
        int(n)
        for n in page.root.locator(f".conv-{panel} svg").get_attribute("viewBox").split()[:1:-1]
    )
    side = min(box["width"] / columns, box["height"] / rows)
    left = box["x"] + (box["width"] - side * columns) / 2
    top = box["y"] + (box["height"] - side * rows) / 2
    return left + (column + 0.5) * side, top + (row + 0.5) * side


def test_pointer_draws_and_chooses(mount: Any) -> None:
    figure = ConvolutionExplorer(image=np.zeros((9, 11)), padding=1)
    page = mount(figure)
    page.page.mouse.move(*cell(page, "input", 3, 2))  # the frame of zeros is one cell
    page.page.mouse.down()
    page.page.mouse.move(*cell(page, "input", 3, 8))  # at once, so that pixels are skipped
    page.page.mouse.up()
    expected = np.zeros((9, 11))
    expected[2, 1:8] = 1
    assert page.get("image") == expected.tolist()
    page.page.mouse.move(*cell(page, "output", 4, 5))
    assert page.get("position") == [4, 5]
    figure.image, figure.position = page.get("image"), [4, 5]
    z = number(page.root.locator("output.conv-z").inner_text())
    assert z == pytest.approx(torch_output(figure)[4, 5])
    page.page.get_by_role("button", name="Clear").click()
    assert not np.any(page.get("image"))
    page.page.mouse.click(*cell(page, "input", 0, 0))  # a zero of the frame cannot be drawn on
    assert not np.any(page.get("image"))


def test_finger_draws_on_a_phone(mount: Any) -> None:
    page = mount(
        ConvolutionExplorer(image=np.zeros((9, 9))),
        screen=(390, 844),
        has_touch=True,
        is_mobile=True,
    )
    page.page.touchscreen.tap(*cell(page, "input", 4, 3))
    assert page.get("image")[4][3] == 1
    page.page.touchscreen.tap(*cell(page, "input", 4, 3))
    assert page.get("image")[4][3] == 0
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_keyboard_draws(mount: Any) -> None:
    page = mount(ConvolutionExplorer(image=np.zeros((5, 5))))
    page.root.get_by_role("application").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", " "):
        page.page.keyboard.press(key)
    assert page.get("image")[2][1] == 1 and np.sum(page.get("image")) == 1
    assert "Row 2, column 1: 1" in said(page.root)


def test_python_moves_the_page(mount: Any) -> None:
    page = mount(ConvolutionExplorer(image=PIXELS))
    page.set("stride", 3)
    assert page.page.get_by_label("Stride").input_value() == "3"
    page.set("position", [2, 2])
    assert "z[2, 2]" in page.root.inner_text()
    page.set("dilation", 3)  # the output is now 1 x 2: the position follows
    assert page.get("position") == [0, 1]


def test_slide_shows_the_map_growing(mount: Any) -> None:
    page = mount(ConvolutionExplorer(image=np.eye(5)))
    page.page.get_by_role("button", name="Slide").click()
    page.page.wait_for_function(
        "() => document.querySelector('.live-figure').figureModel.get('position').join() === '2,2'"
    )
    page.page.get_by_role("button", name="Slide").wait_for()  # it stops by itself
    hidden = page.root.locator(".conv-output .conv-cell").evaluate_all(
        "all => all.filter(e => e.style.fillOpacity === '0' && e.style.fill === '').length"
    )
    assert hidden == 0


def test_what_does_not_fit_is_said(mount: Any) -> None:
    figure = ConvolutionExplorer(image=np.ones((5, 5)), dilation=3)
    assert figure.output_size == (0, 0) and figure.output.shape == (0, 0)
    assert figure.png().startswith(b"\x89PNG")
    page = mount(figure)
    assert "does not fit" in page.root.inner_text()
    page.set("padding", 1)
    assert "does not fit" not in page.root.inner_text()


def test_wrong_values_are_named() -> None:
    with pytest.raises(ValueError, match="no kernel 'Sharp'"):
        ConvolutionExplorer(kernel="Sharp")
    with pytest.raises(ValueError, match="3 to 28 pixels"):
        ConvolutionExplorer(image=np.zeros((2, 5)))
    with pytest.raises(ValueError, match="3×3"):
        ConvolutionExplorer(kernel=np.zeros((5, 5)))
    with pytest.raises(TypeError, match="no 'strides'; it has"):
        ConvolutionExplorer(strides=2)


@pytest.mark.parametrize("width", [358, 580, 680, 720])
def test_it_keeps_its_room(mount: Any, width: int) -> None:
    """Whatever is set, the figure is as high as at first."""
    figure = ConvolutionExplorer()
    page = mount(figure, width=width)
    first = page.root.bounding_box()["height"]
    assert first <= figure.heights[width < 560]
    page.set("image", np.full((14, 14), 0.53).tolist())
    page.set("kernel", [[-0.12, 0.12, -0.12]] * 3)
    page.set("padding", 3)
    assert page.root.bounding_box()["height"] == first
