"""The axes of normalizations: the figure's sets and outputs are those of torch's layers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from traitlets import TraitError

from utils.widgets import NormAxes
from utils.widgets.axes import EPS, NORMS

CASES = [*product(NORMS, (2,), (1, 2, 3, 4), (1, 2)), *product(["group"], (1, 4), (1, 4), (1, 2))]


def made(case: tuple) -> NormAxes:
    norm, groups, batch, side = case
    return NormAxes(norm=norm, groups=groups, batch=batch, side=side, cell=[1, 2, 3])


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def said(page: Any, name: str) -> str:
    return page.root.locator(f"output.nx-{name}").inner_text()


def press(page: Any, label: str, key: str, times: int = 1) -> None:
    page.page.get_by_label(label).focus()
    for _ in range(times):
        page.page.keyboard.press(key)


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_torchs(case: tuple) -> None:
    figure = made(case)
    x = torch.tensor(figure.array())
    shape = x.shape[1:]
    if figure.norm == "batch":
        theirs = (
            F.batch_norm(x, None, None, training=True, eps=EPS) if x[:, 0].numel() > 1 else 0 * x
        )
    elif figure.norm == "rms":
        theirs = F.rms_norm(x, shape, eps=EPS)
    elif figure.norm == "layer":
        theirs = F.layer_norm(x, shape, eps=EPS)
    elif figure.norm == "group" and x.shape[2] * 4 // figure.groups > 1:
        grouped = x.reshape(len(x), figure.groups, -1)
        theirs = F.layer_norm(grouped, grouped.shape[2:], eps=EPS).reshape(x.shape)
    else:
        theirs = F.layer_norm(x, shape[1:], eps=EPS)
    assert np.allclose(figure.normalized(), theirs.numpy(), atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_the_set_is_what_the_output_depends_on(case: tuple) -> None:
    """Nudge a number: exactly the set's outputs hear of it."""
    figure = made(case)
    before, members, at = figure.normalized(), figure.members(), figure.at()
    flat = (at[0] * 4 + at[1]) * 4 + at[2]
    values = list(figure.values)
    values[flat] += 0.37
    figure.values = values
    moved = np.abs(figure.normalized() - before) > 1e-9
    if figure.norm == "rms":
        members &= figure.array() != 0  # a zero stays one
    if members.sum() > 2 or figure.norm == "rms":
        assert (moved == members).all()
    else:  # one or two numbers: always 0, or 1 and -1
        assert not (np.abs(figure.normalized() - before) > 1e-4).any()


def test_sizes_of_the_sets() -> None:
    sizes = {norm: int(NormAxes(norm=norm).members().sum()) for norm in NORMS}
    assert sizes == {"batch": 16, "layer": 16, "instance": 4, "group": 8, "rms": 16}
    assert NormAxes(batch=1, side=1).members().sum() == 1


def test_page_agrees_with_python(mount: Any) -> None:
    page = mount(NormAxes())
    for case in CASES:
        figure = made(case)
        for trait in ("norm", "groups", "batch", "side", "cell"):
            page.set(trait, getattr(figure, trait))
        out = page.root.locator(".nx-out:not([hidden])").all_inner_texts()
        shown = np.array([number(text) for text in out if text])
        want = figure.normalized().ravel()
        assert shown == pytest.approx(want, abs=0.0051), case
        lit = page.root.locator('button.nx-cell[data-in="true"]:not([hidden])').count()
        assert lit == figure.members().sum(), case
        mean, square = figure.statistics()
        if figure.norm != "rms":
            assert number(said(page, "mean")) == pytest.approx(mean, abs=0.0051)
        assert number(said(page, "square")) == pytest.approx(square, abs=0.0051)
        result = number(said(page, "result").split("becomes")[1])
        assert result == pytest.approx(figure.normalized()[figure.at()], abs=0.0051)
        size = int(figure.members().sum())
        assert said(page, "what").endswith(f"{size} number{'s' * (size > 1)}")


def test_what_the_reader_does(mount: Any) -> None:
    """Touch a cell, change it, walk by arrow keys, and empty the batch down to one example."""
    page = mount(NormAxes())
    page.page.get_by_label("example 3, channel 4, position 1").click()
    assert page.get("cell") == [2, 3, 0]
    assert said(page, "what") == "channel 4 of all 4 examples, 16 numbers"
    press(page, "Value of the touched cell", "ArrowRight", 2)
    assert page.get("values")[(2 * 4 + 3) * 4] == 2.0
    assert "16 of 64" in said(page, "changed")
    press(page, "Value of the touched cell", "ArrowLeft", 2)
    assert " 0 of 64" in said(page, "changed")
    page.root.locator("button.nx-cell[aria-pressed=true]").focus()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    assert page.get("cell") == [2, 3, 3]
    press(page, "Examples in the batch", "Home")
    assert page.get("batch") == 1
    assert said(page, "what") == "channel 4 of the only example, 4 numbers"
    page.page.get_by_label("Image").select_option(label="1 position (an MLP)")
    assert said(page, "what").endswith("1 number")
    assert said(page, "result").endswith("becomes 0.00")
    assert "Nothing of the input is left" in page.root.locator(".fig-note").inner_text()


@pytest.mark.parametrize(
    ("norm", "example", "channel"),
    [("batch", 64, 0), ("layer", 0, 64), ("instance", 0, 0), ("rms", 16, 60)],
)
def test_who_forgets_a_shift(mount: Any, norm: str, example: int, channel: int) -> None:
    page = mount(NormAxes(norm=norm))
    page.page.get_by_role("button", name="Shift its example by 5").click()
    assert said(page, "changed").endswith(f"move: {example} of 64 outputs")
    page.page.get_by_role("button", name="Reset").click()
    assert page.get("values") == NormAxes().values
    page.page.get_by_role("button", name="Shift its channel by 5").click()
    assert said(page, "changed").endswith(f"move: {channel} of 64 outputs")


@pytest.mark.parametrize("width", [720, 600, 358])
def test_nothing_jumps(mount: Any, width: int) -> None:
    """Whatever is chosen, the figure keeps within its room."""
    page = mount(NormAxes(), screen=(width + 40, 900), width=width)
    names = ("norm", "groups", "batch", "side")
    found = set(page.measured([dict(zip(names, case)) for case in CASES]))
    assert len(found) == 1 and found.pop() <= NormAxes.heights[width == 358]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.page.evaluate(overflow) == 0


def test_traits_refuse_nonsense() -> None:
    for wrong in ({"norm": "none"}, {"batch": 0}, {"side": 3}, {"groups": 3}, {"values": [1.0]}):
        with pytest.raises(TraitError):
            NormAxes(**wrong)
