"""The depth figure: the page's numbers are Python's, and Python's are those of real networks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from utils.widgets import Depth
from utils.widgets.depth import BATCH, LAYERS, WIDTH, likeness, normal, unit_weights

CASES = [
    {"kind": "plain", "gain": 1.41, "depth": 50},
    {"kind": "plain", "gain": 1.0, "depth": 7},
    {"kind": "residual", "scale": 1.0, "gain": 1.41, "depth": 50},
    {"kind": "residual", "scale": 0.14, "gain": 1.41, "depth": 60, "cut": [3, 40]},
    {"kind": "residual", "scale": 0.0, "gain": 2.0, "depth": 2},
    {"kind": "highway", "bias": -2.0, "gain": 1.41, "depth": 50},
    {"kind": "highway", "bias": -4.0, "gain": 1.2, "depth": 30, "cut": [30]},
]


def shown(mounted: Any, of: str) -> list[float]:
    """The exact numbers in the figure's lines: signal and gradient, or the cosine."""
    texts = mounted.page.evaluate(
        """of => [...document.querySelectorAll(`data[data-of="${of}"]`)].map((d) => d.value)""", of
    )
    return [float(text) for text in texts]


def fates(mounted: Any) -> list[str]:
    return mounted.page.locator(".dp-fate").all_inner_texts()


def settled(mounted: Any) -> None:
    """Wait for the drawing, which comes with the next frame of the screen."""
    mounted.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_autograds(case: dict[str, Any]) -> None:
    figure = Depth(**case)
    kept, branch = figure.factors()
    h = torch.tensor(normal(figure.seed, 1, BATCH * WIDTH).reshape(BATCH, WIDTH))
    stream = [h.requires_grad_()]
    for skip, w in zip(kept, unit_weights(figure.seed)):
        f = figure.gain * torch.relu(stream[-1]) @ torch.tensor(w).T
        stream.append(skip * stream[-1] + branch * f)
    given = torch.tensor(normal(figure.seed, 2, BATCH * WIDTH).reshape(BATCH, WIDTH))
    slopes = torch.autograd.grad((stream[-1] * given).sum(), stream)
    found = figure.run()
    assert np.allclose(found["signal"], [h.square().mean().sqrt().item() for h in stream])
    assert np.allclose(found["gradient"], [s.square().mean().sqrt().item() for s in slopes])


def test_prediction() -> None:
    assert np.allclose(Depth(kind="plain", gain=2**0.5).predicted()["signal"], 1)
    doubled = Depth(kind="residual", scale=1.0, gain=2**0.5, depth=10).predicted()
    assert np.allclose(doubled["signal"], 2 ** (np.arange(11) / 2))
    assert np.allclose(doubled["gradient"], doubled["signal"][::-1])
    cut = Depth(kind="residual", scale=0.5, gain=2**0.5, depth=3, cut=[2]).predicted()
    assert np.allclose(cut["signal"] ** 2, np.cumprod([1, 1.25, 0.25, 1.25]))
    shut = Depth(kind="highway", bias=-8.0, gain=2**0.5, depth=10).predicted()
    assert abs(shut["signal"][-1] - (1 - 1 / (1 + math.exp(8))) ** 10) < 1e-6


def test_likeness() -> None:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(5, 7))
    rows = h / np.linalg.norm(h, axis=1)[:, None]
    pairs = [rows[i] @ rows[j] for i in range(5) for j in range(5) if i != j]
    assert abs(likeness(h) - np.mean(pairs)) < 1e-12
    assert abs(likeness(np.tile(h[0], (4, 1))) - 1) < 1e-12


def test_plain_forgets_what_a_residual_keeps() -> None:
    plain = Depth(kind="plain", gain=1.41, depth=50).run()["cosine"]
    residual = Depth(kind="residual", gain=1.41, scale=0.14, depth=50).run()["cosine"]
    assert plain[0] < 0.1 and plain[-1] > 0.9 and residual[-1] < 0.5


def test_page_agrees_with_python(mount: Any) -> None:
    mounted = mount(Depth())
    for case in CASES:
        figure = Depth(**{"seed": 5, "cut": [], **case})
        for trait in ("kind", "depth", "gain", "scale", "bias", "cut", "seed"):
            mounted.set(trait, getattr(figure, trait))
        settled(mounted)
        found, theory = figure.run(), figure.predicted()
        ends = [found["signal"][-1], found["gradient"][0]]
        assert shown(mounted, "measured") == pytest.approx(ends, rel=1e-6), case
        ends = [theory["signal"][-1], theory["gradient"][0]]
        assert shown(mounted, "predicted") == pytest.approx(ends, rel=1e-9), case
        assert shown(mounted, "cosine") == pytest.approx([found["cosine"][-1]], abs=1e-9), case


def test_what_the_reader_does(mount: Any) -> None:
    """Choose the residual network, press 1/√L, cut skips by mouse and keyboard, mend them."""
    mounted = mount(Depth())
    page = mounted.page
    assert page.locator(".dp-layer:visible").count() == 50
    assert page.locator(".dp-layer").first.is_disabled()
    page.get_by_label("Network").select_option(label="residual")
    settled(mounted)
    assert fates(mounted) == ["grows", "grows"]
    page.get_by_role("button", name="1/√L").click()
    settled(mounted)
    assert mounted.get("scale") == 0.14 and fates(mounted) == ["holds", "holds"]
    page.get_by_role("button", name="Layer 20, skip in place").click()
    settled(mounted)
    assert mounted.get("cut") == [20] and fates(mounted) == ["shrinks", "shrinks"]
    assert "1 skip cut" in page.locator(".dp-quiet").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(mounted)
    assert mounted.get("cut") == [20, 21]
    page.get_by_role("button", name="Layer 20, skip cut").click()
    settled(mounted)
    assert mounted.get("cut") == [21]
    page.get_by_role("button", name="Mend all").click()
    settled(mounted)
    assert mounted.get("cut") == [] and fates(mounted) == ["holds", "holds"]
    page.get_by_label("Network").select_option(label="highway")
    page.get_by_role("button", name="−log L").click()
    settled(mounted)
    assert mounted.get("bias") == -3.91
    page.get_by_label("Layers L").focus()
    page.keyboard.press("Home")
    settled(mounted)
    assert mounted.get("depth") == 2 and page.locator(".dp-layer:visible").count() == 2
    before = shown(mounted, "measured")
    page.get_by_role("button", name="New network").click()
    settled(mounted)
    assert mounted.get("seed") == 4 and shown(mounted, "measured") != before


def test_it_answers_at_once(mount: Any) -> None:
    """A drag of the gain takes one computation, in the deepest network."""
    mounted = mount(Depth(depth=LAYERS, kind="residual"))
    took = mounted.page.evaluate(
        """async () => {
            const model = document.querySelector(".live-figure").figureModel;
            const frame = () =>
                new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const times = [];
            for (let i = 0; i < 12; i++) {
                model.set("gain", 1 + i / 100);
                const start = performance.now();
                await frame();
                times.push(performance.now() - start);
            }
            return times.sort((a, b) => a - b)[3];
        }"""
    )
    assert took < 250, f"{took:.0f} ms on this machine; 50 on a usual one"


@pytest.mark.parametrize("width", [680, 600, 358])
def test_nothing_jumps(mount: Any, width: int) -> None:
    """Whatever is chosen, the figure keeps within its room."""
    mounted = mount(Depth(), screen=(width + 40, 900), width=width)
    states = [
        {"kind": kind, "depth": depth, "gain": gain, "cut": cut}
        for kind in ("plain", "residual", "highway")
        for depth, cut in ((2, []), (50, [3, 4]), (60, list(range(1, 61))))
        for gain in (0.5, 1.41, 2.5)
    ]
    found = set(mounted.measured(states))
    assert len(found) == 1 and found.pop() <= Depth.heights[width == 358]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert mounted.page.evaluate(overflow) == 0


def test_traits_refuse_nonsense() -> None:
    for wrong in ({"kind": "dense"}, {"depth": 61}, {"depth": 1}, {"seed": -1}, {"cut": ["a"]}):
        with pytest.raises(Exception, match=r"trait|value"):
            Depth(**wrong)
