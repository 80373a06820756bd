"""The example of utils/widgets/README.md, taken from the page, works as the page says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from site_tools import ROOT

README = (ROOT / "utils" / "widgets" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|javascript)\n(.*?)```", README, re.DOTALL)


def example() -> dict[str, Any]:
    """The names that the example's class module defines, its script put in by hand."""
    (_, module), (_, script) = BLOCKS[:2]
    put_in = f"    script = {script!r}\n\n    weight = Float("
    names: dict[str, Any] = {"__name__": "example"}
    exec(module.replace("    weight = Float(", put_in, 1), names)
    return names


def test_example_is_short() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "javascript", "python"]
    assert sum(text.count("\n") for _, text in BLOCKS[:2]) < 100


def test_example_works(mount: Any) -> None:
    names = example()
    exec(BLOCKS[2][1], names)
    names["test_it_answers_as_python_does"](mount)


@pytest.mark.parametrize("width", [720, 358])
def test_example_keeps_its_room(mount: Any, width: int) -> None:
    figure = example()["Sigmoid"]()
    page = mount(figure, width=width)
    assert page.root.bounding_box()["height"] <= figure.heights[width == 358]
