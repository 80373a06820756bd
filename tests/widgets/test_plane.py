"""The plane under a matrix: what the page shows is what Python and NumPy compute."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from site_tools import said
from traitlets import TraitError

from utils.widgets import Plane
from utils.widgets.plane import EXAMPLES

RANDOM = np.random.default_rng(0).uniform(-3, 3, size=(12, 2, 2)).round(1).tolist()
MATRICES = [*EXAMPLES.values(), *RANDOM, [[0, 0], [0, 0]], [[1.5, -1], [1, -0.5]]]


def number(text: str) -> float:
    return float(text.replace("−", "-").split(",")[0])


def numbers(page: Any, name: str) -> list[float]:
    words = page.root.locator(f"output.plane-{name}").inner_text().replace(", twice", "")
    return [number(part) for part in words.split(" and ")]


@pytest.mark.parametrize("matrix", MATRICES)
def test_python_agrees_with_numpy(matrix: list[list[float]]) -> None:
    plane = Plane(matrix=matrix)
    A = np.array(matrix, dtype=float)
    assert plane.determinant == pytest.approx(np.linalg.det(A), abs=1e-12)
    assert plane.singular_values == pytest.approx(np.linalg.svd(A)[1], abs=1e-12)
    values = np.linalg.eigvals(A)
    real = sorted(values.real, reverse=True) if np.abs(values.imag).max() < 1e-6 else []
    assert plane.eigenvalues == pytest.approx(real, abs=1e-6)
    for v in plane.eigenvectors:
        assert np.linalg.norm(v) == pytest.approx(1)
        assert min(np.abs(A @ v - value * np.array(v)).max() for value in real) < 1e-9
    (v1, v2), (w1, w2) = plane.singular_vectors, (A @ v for v in plane.singular_vectors)
    assert np.dot(v1, v2) == pytest.approx(0, abs=1e-12)
    assert w1 @ w2 == pytest.approx(0, abs=1e-12)


def test_how_many_directions_stay() -> None:
    stay = {name: len(Plane(matrix=matrix).eigenvectors) for name, matrix in EXAMPLES.items()}
    assert stay["Rotation"] == 0 and stay["Shear"] == 1 and stay["Symmetric"] == 2
    v, w = Plane(matrix=EXAMPLES["Symmetric"]).eigenvectors
    assert np.dot(v, w) == pytest.approx(0, abs=1e-12)


def test_eigenvectors_stay_on_the_way() -> None:
    for t, matrix in product((0.2, 0.7), (EXAMPLES["Two stretches"], EXAMPLES["Reflection"])):
        plane = Plane(matrix=matrix, morph=t)
        for v in plane.eigenvectors:
            moved = plane.now @ v
            assert v[0] * moved[1] - v[1] * moved[0] == pytest.approx(0, abs=1e-12)


def test_page_agrees_with_python(mount: Any) -> None:
    page = mount(Plane())
    for matrix in MATRICES:
        plane = Plane(matrix=matrix)
        page.set("matrix", matrix)
        assert numbers(page, "det") == pytest.approx([plane.determinant], abs=6e-3)
        assert numbers(page, "singular") == pytest.approx(plane.singular_values, abs=6e-3)
        text = page.root.locator("output.plane-eigen").inner_text()
        if plane.eigenvalues:
            values = numbers(page, "eigen")
            assert values == pytest.approx(plane.eigenvalues[: len(values)], abs=6e-3)
            assert text.endswith("twice") == (plane.eigenvalues[0] == plane.eigenvalues[1])
        else:
            assert text == plane._eigen_text()
        drawn = page.root.locator(".plane-line").evaluate_all(
            "lines => lines.filter(line => line.getAttribute('d')).length"
        )
        assert drawn == len(plane.eigenvectors)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Rotation", "No direction stays"),
        ("Shear", "Only one direction stays"),
        ("Symmetric", "They are perpendicular"),
        ("Half a turn", "Every direction stays: each vector is turned around"),
        ("Projection, rank 1", "on the other it shrinks to 0"),
    ],
)
def test_examples_say_what_one_sees(mount: Any, name: str, words: str) -> None:
    page = mount(Plane())
    page.page.get_by_label("Example").select_option(label=name)
    assert page.get("matrix") == EXAMPLES[name]
    assert words in page.root.locator(".fig-note output").inner_text()


def test_columns_are_dragged_and_moved_by_keys(mount: Any) -> None:
    page = mount(Plane(matrix=[[1, 0], [0, 1]]))
    handle = page.root.get_by_role("slider", name="Second column")
    box = page.root.locator(".plane-drawing").bounding_box()
    unit = box["width"] / 6.4
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = page.page.mouse
    mouse.move(middle[0], middle[1] - unit)
    mouse.down()
    mouse.move(middle[0] + 1.52 * unit, middle[1] + 0.48 * unit, steps=4)
    mouse.up()
    assert page.get("matrix") == [[1, 1.5], [0, -0.5]]
    assert handle.get_attribute("aria-valuetext") == "1.5, −0.5"
    handle.focus()
    for key in ("ArrowUp", "ArrowLeft", "Shift+ArrowRight"):
        page.page.keyboard.press(key)
    assert page.get("matrix") == [[1, 2.4], [0, -0.4]]
    page.page.keyboard.press("Shift+ArrowRight")
    assert page.get("matrix") == [[1, 3], [0, -0.4]]  # the edge
    assert ", mirrored" in said(page.root)


def test_entries_are_typed(mount: Any) -> None:
    page = mount(Plane())
    page.page.get_by_label("Row 2, column 1").fill("-1.25")
    assert page.get("matrix") == [[1.6, 0.6], [-1.25, 1.2]]
    page.page.get_by_label("Row 1, column 1").fill("")  # half typed, or too large: nothing happens
    page.page.get_by_label("Row 1, column 1").fill("30")
    assert page.get("matrix") == [[1.6, 0.6], [-1.25, 1.2]]
    page.page.get_by_label("Row 1, column 2").focus()
    assert page.page.get_by_label("Row 1, column 1").input_value() == "1.6"


def test_morph_and_play(mount: Any) -> None:
    page = mount(Plane(matrix=[[0, -1], [1, 0]]), reduced_motion="no-preference")
    page.page.get_by_label("Morph").fill("0")
    assert page.get("morph") == 0
    place = page.root.locator(".plane-dot").first
    assert place.get_attribute("transform") == "translate(262.5 200)"
    page.page.get_by_role("button", name="Play").click()
    page.page.wait_for_function(
        "() => document.querySelector('.live-figure').figureModel.get('morph') === 1"
    )
    assert place.get_attribute("transform") == "translate(200 137.5)"


def test_singular_vectors_are_named(mount: Any) -> None:
    page = mount(Plane())
    page.page.get_by_label("Show").select_option(label="Singular vectors")
    assert page.get("show") == "singular vectors"
    assert page.root.locator(".plane-name:visible").all_text_contents() == ["v₁", "v₂"]
    assert "becomes an ellipse" in page.root.locator(".fig-note output").inner_text()


def test_wrong_values_are_refused() -> None:
    for matrix in ([[1, 2]], [[1, 2], [3]], [[1, 9], [0, 1]], [[1, float("nan")], [0, 1]]):
        with pytest.raises(TraitError):
            Plane(matrix=matrix)
    assert Plane(matrix=np.eye(2)).matrix == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("width", [358, 680, 720])
def test_it_never_outgrows_its_room(mount: Any, width: int) -> None:
    page = mount(Plane(), screen=(width + 32, 900), width=width)
    room = Plane.heights[0 if width >= 560 else 1]
    kinds = ("eigenvectors", "singular vectors", "neither")
    states = [{"matrix": matrix, "show": show} for matrix, show in product(MATRICES, kinds)]
    assert max(page.measured(states)) <= room
