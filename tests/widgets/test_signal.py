"""The signal figure: the page's numbers are Python's, and Python's are those of real networks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from utils.widgets import Signal
from utils.widgets.signal import ACTIVATIONS, WEIGHTS, normal, uniform, unit_weights

TWINS = {
    "linear": lambda z: 1 * z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky": lambda z: F.leaky_relu(z, 0.1),
    "elu": F.elu,
    "swish": F.silu,
    "gelu": lambda z: F.gelu(z, approximate="tanh"),
}
# For each activation a gain with which rounding errors do not grow from layer to layer.
CASES = [(name, "normal", 1.2 if name == "relu" else 1.0) for name in ACTIVATIONS]
CASES += [("relu", "uniform", 3**-0.5), ("tanh", "orthogonal", 1.0), ("linear", "orthogonal", 1.0)]


def shown(mounted: Any, of: str) -> list[float]:
    """The exact numbers in the lines below the two charts: signal, gradient."""
    texts = mounted.page.evaluate(
        """of => [...document.querySelectorAll(`data[data-of="${of}"]`)].map((d) => d.value)""", of
    )
    return [float(text) for text in texts]


def fates(mounted: Any) -> list[str]:
    return mounted.page.locator(".sg-fate").all_inner_texts()


def settled(mounted: Any) -> None:
    """Wait for the drawing, which comes with the next frame of the screen."""
    mounted.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_torchs(name: str) -> None:
    z = torch.linspace(-30, 30, 241, dtype=torch.float64).requires_grad_()
    value = TWINS[name](z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    at, phi = z.detach().numpy(), ACTIVATIONS[name]
    assert np.allclose(phi.value(at), value.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert np.allclose(phi.slope(at), slope.numpy(), rtol=1e-12, atol=1e-14)


def test_chance_looks_like_chance() -> None:
    u, g = uniform(3, 0, 100_000), normal(3, 0, 100_000)
    assert abs(u.mean() - 0.5) < 0.005 and abs(u.var() - 1 / 12) < 0.001
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.02
    assert abs(g.mean()) < 0.02 and abs(g.var() - 1) < 0.02 and abs((g**4).mean() - 3) < 0.15
    assert not np.allclose(normal(0, 0, 9), normal(1, 0, 9))
    assert not np.allclose(normal(0, 1, 9), normal(0, 2, 9))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights(weights: str) -> None:
    w = unit_weights(weights, 32, 0)
    assert abs(32 * w.var() - 1) < 0.02
    product = w @ w.transpose(0, 2, 1)
    assert np.allclose(product, np.eye(32)) == (weights == "orthogonal")
    if weights == "uniform":
        assert np.abs(w).max() <= math.sqrt(3 / 32)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
def test_gradient_is_autograds(name: str) -> None:
    figure = Signal(activation=name, width=16, depth=6, gain=1.3, seed=0)
    matrices = figure.gain * torch.tensor(unit_weights("normal", 16, 0)[:6])
    a, zs = torch.tensor(normal(0, 1, 256).reshape(16, 16)), []
    for w in matrices:
        zs.append((a @ w.T).requires_grad_())
        a = TWINS[name](zs[-1])
    given = torch.tensor(normal(0, 2, 256).reshape(16, 16))
    slopes = torch.autograd.grad((a * given).sum(), zs)
    found = figure.run()
    assert np.allclose(found["gradient"], [s.square().mean().item() for s in slopes])
    assert np.allclose(found["signal"], [z.square().mean().item() for z in zs])


def test_prediction() -> None:
    he = Signal(gain=2**0.5).predicted()
    assert np.allclose(he["signal"], 2) and np.allclose(he["gradient"], 0.5)
    default = Signal(gain=3**-0.5).predicted()["signal"]
    assert np.allclose(default[1:] / default[:-1], 1 / 6)
    kept = Signal(activation="linear", weights="orthogonal", gain=1.0)
    assert np.allclose(kept.predicted()["signal"], 1) and np.allclose(
        kept.run()["signal"], kept.run()["signal"][0]
    )


def test_page_agrees_with_python(mount: Any) -> None:
    mounted = mount(Signal(depth=30, width=32))
    for name, weights, gain in CASES:
        figure = Signal(activation=name, weights=weights, gain=gain, depth=30, width=32, seed=4)
        for trait in ("activation", "weights", "gain", "seed"):
            mounted.set(trait, getattr(figure, trait))
        settled(mounted)
        found = [figure.end("signal"), figure.end("gradient")]
        assert shown(mounted, "measured") == pytest.approx(found, rel=1e-6), (name, weights)
        theory = figure.predicted()
        ends = [theory["signal"][-1], theory["gradient"][0]]
        assert shown(mounted, "predicted") == pytest.approx(ends, rel=1e-9), (name, weights)
        spreads = mounted.page.locator(".sg-hist data").evaluate_all(
            "all => all.map((d) => +d.value)"
        )
        layers = [figure.run()["activations"][layer - 1].std() for layer in figure.shown_layers()]
        assert spreads == pytest.approx(layers, rel=1e-5, abs=1e-12), (name, weights)


def test_what_the_reader_does(mount: Any) -> None:
    """Raise the gain by keyboard, press He, take PyTorch's default, and another network."""
    mounted = mount(Signal())
    assert fates(mounted) == ["dies", "dies"]
    mounted.page.get_by_label("Gain").focus()
    mounted.page.keyboard.press("ArrowRight")
    assert mounted.get("gain") == 1.01
    mounted.page.get_by_role("button", name="He √2").click()
    settled(mounted)
    assert mounted.get("gain") == math.sqrt(2) and fates(mounted) == ["lives", "lives"]
    assert mounted.page.get_by_role("button", name="He √2").get_attribute("aria-pressed") == "true"
    before = shown(mounted, "measured")
    mounted.page.get_by_role("button", name="New network").click()
    settled(mounted)
    assert mounted.get("seed") == 12 and shown(mounted, "measured") != before
    mounted.page.get_by_label("Layers").focus()
    mounted.page.keyboard.press("Home")
    settled(mounted)
    assert mounted.get("depth") == 5 and fates(mounted) == ["lives", "lives"]
    mounted.page.get_by_label("Activation").select_option(label="sigmoid")
    mounted.page.get_by_label("Weights").select_option(label="orthogonal")
    mounted.page.get_by_label("Units in a layer").select_option(label="16")
    settled(mounted)
    assert (mounted.get("activation"), mounted.get("weights"), mounted.get("width")) == (
        *("sigmoid", "orthogonal", 16),
    )
    assert fates(mounted) == ["lives", "dies"]


def test_explosion_is_shown(mount: Any) -> None:
    mounted = mount(Signal(gain=3.0, activation="linear"))
    assert fates(mounted) == ["explodes", "explodes"]
    assert "Too large" in mounted.page.locator(".fig-note").inner_text()


def test_it_answers_at_once(mount: Any) -> None:
    """A drag of the gain takes one computation, in its largest network."""
    mounted = mount(Signal(width=64, depth=50))
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
    mounted = mount(Signal(), screen=(width + 40, 900), width=width)
    found = set()
    for name in ("relu", "sigmoid", "gelu", "tanh"):
        for gain in (0.3, 1.0, 1.5, 3.0):
            mounted.set("activation", name)
            mounted.set("gain", gain)
            settled(mounted)
            found.add(mounted.root.evaluate("el => el.offsetHeight"))
    assert len(found) == 1 and found.pop() <= Signal.heights[width == 358]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert mounted.page.evaluate(overflow) == 0


def test_traits_refuse_nonsense() -> None:
    for wrong in ({"activation": "step"}, {"width": 50}, {"depth": 51}, {"weights": "zero"}):
        with pytest.raises(Exception, match=r"trait|value"):
            Signal(**wrong)
