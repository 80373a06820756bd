"""A deep random network: how large its signal and its gradient are in every layer.

Weights, inputs and the gradient that enters at the end are hashed from their places, so Python and
the script build the same network, and find the same numbers. Beside what the network does stands
what the theory of wide layers predicts: an integral for each layer, with no network at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from traitlets import Enum, Float, Int

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Array = np.ndarray
BATCH, LAYERS = 16, 50  # inputs that run through the network; layers that are drawn, at most
DECADES = 12  # of the logarithmic axes, up and down from 1
WEIGHTS = {"normal": "Normal", "uniform": "Uniform", "orthogonal": "Orthogonal"}
GRID = np.linspace(-8, 8, 320)  # even: the kink of ReLU lies between two points
MASS = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


class Activation(NamedTuple):
    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(z / 2))


def _inner(z: Array) -> Array:
    """The tanh inside GELU's tanh form."""
    return np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))


def _gelu_slope(z: Array) -> Array:
    t, rate = _inner(z), math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
    return 0.5 * (1 + t) + 0.5 * z * (1 - t**2) * rate


def _swish_slope(z: Array) -> Array:
    s = _sigmoid(z)
    return s + z * s * (1 - s)


ACTIVATIONS = {
    "linear": Activation("none (linear)", lambda z: z, np.ones_like),
    "sigmoid": Activation("sigmoid", _sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": Activation("ReLU", lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky": Activation(
        "Leaky ReLU (0.1)",
        lambda z: np.where(z > 0, z, 0.1 * z),
        lambda z: np.where(z > 0, 1, 0.1),
    ),
    "elu": Activation(
        "ELU",
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.exp(np.minimum(z, 0)),
    ),
    "swish": Activation("Swish", lambda z: z * _sigmoid(z), _swish_slope),
    "gelu": Activation("GELU (tanh form)", lambda z: 0.5 * z * (1 + _inner(z)), _gelu_slope),
}


# ---- Chance: a number for every place, the same in the script ------------------------------------


def _mix(x: Array) -> Array:
    """Turn whole numbers into well mixed ones: shifts and products of 32 bits."""
    x = np.asarray(x, dtype=np.uint32)
    with np.errstate(over="ignore"):
        for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
            x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return x ^ (x >> np.uint32(15))


def uniform(seed: int, stream: int, count: int) -> Array:
    """``count`` numbers between 0 and 1."""
    key = _mix(np.array([16 * seed + stream]))
    return (_mix(np.arange(count, dtype=np.uint32) + key) + 0.5) / 2**32


def normal(seed: int, stream: int, count: int) -> Array:
    """``count`` standard normal numbers, each from two uniform ones (Box and Muller)."""
    u = uniform(seed, stream, 2 * count)
    return np.sqrt(-2 * np.log(u[::2])) * np.cos(2 * math.pi * u[1::2])


def unit_weights(weights: str, width: int, seed: int) -> Array:
    """The matrices of all layers with gain 1, (LAYERS, width, width)."""
    shape, count = (LAYERS, width, width), LAYERS * width**2
    if weights == "uniform":
        return math.sqrt(3 / width) * (2 * uniform(seed, 0, count) - 1).reshape(shape)
    g = normal(seed, 0, count).reshape(shape)
    if weights == "normal":
        return g / math.sqrt(width)
    q, r = np.linalg.qr(g.transpose(0, 2, 1))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    return (q * signs[:, None, :]).transpose(0, 2, 1)  # rows made orthonormal, one by one


class Signal(Figure):
    """A random network of up to 50 layers, its signal going forward and its gradient going back.

    >>> Signal(activation="relu", gain=2**0.5).predicted()["signal"][-1].round(6)
    np.float64(2.0)
    """

    heights = (620, 1190)

    activation = Enum(list(ACTIVATIONS), "relu", help="one of " + ", ".join(ACTIVATIONS)).tag(
        sync=True
    )
    weights = Enum(list(WEIGHTS), "normal", help="the weights' distribution").tag(sync=True)
    gain = Float(1.0, help="standard deviation of a weight times √fan-in, 0.3 to 3").tag(sync=True)
    width = Enum((16, 32, 64), 64, help="units in every layer").tag(sync=True)
    depth = Int(50, min=5, max=LAYERS, help="layers, 5 to 50").tag(sync=True)
    seed = Int(11, min=0, help="which random network; narrow ones differ a lot").tag(sync=True)

    def run(self) -> dict[str, Array]:
        """Mean squares by layer, ``signal`` and ``gradient``, and all ``activations``."""
        phi, width = ACTIVATIONS[self.activation], self.width
        matrices = self.gain * unit_weights(self.weights, width, self.seed)[: self.depth]
        a = normal(self.seed, 1, BATCH * width).reshape(BATCH, width)
        z, outputs = [], []
        with np.errstate(all="ignore"):
            for w in matrices:
                z.append(a @ w.T)
                a = phi.value(z[-1])
                outputs.append(a)
            delta = normal(self.seed, 2, BATCH * width).reshape(BATCH, width)
            delta = delta * phi.slope(z[-1])
            gradient = [(delta**2).mean()]
            for w, before in zip(matrices[:0:-1], z[-2::-1]):
                delta = (delta @ w) * phi.slope(before)
                gradient.append((delta**2).mean())
        signal = np.array([(one**2).mean() for one in z])
        return {
            "signal": signal,
            "gradient": np.array(gradient[::-1]),
            "activations": np.array(outputs),
        }

    def predicted(self) -> dict[str, Array]:
        """The same mean squares as a network of infinite width has them."""
        phi, scale = ACTIVATIONS[self.activation], self.gain**2
        q = [scale]
        while len(q) < self.depth:
            q.append(scale * float(MASS @ phi.value(math.sqrt(q[-1]) * GRID) ** 2))
        slopes = [float(MASS @ phi.slope(math.sqrt(one) * GRID) ** 2) for one in q]
        p = [slopes[-1]]
        for slope in slopes[-2::-1]:
            p.append(scale * slope * p[-1])
        return {"signal": np.array(q), "gradient": np.array(p[::-1])}

    def shown_layers(self) -> list[int]:
        """The six layers whose activations are drawn, counted from 1."""
        return [math.floor(1 + i * (self.depth - 1) / 5 + 0.5) for i in range(6)]

    def picture(self, figure: Drawing) -> None:
        from utils.plots import COLORS

        found, theory = self.run(), self.predicted()
        layers = np.arange(1, self.depth + 1)
        top, strip = figure.subfigures(2, 1, height_ratios=(3, 1.3))
        name = ACTIVATIONS[self.activation].name
        kind = WEIGHTS[self.weights].lower()
        top.suptitle(
            f"{name}, {kind} weights, gain {self.gain:.2f}, {self.depth} layers of {self.width}",
            x=0.01,
            ha="left",
            size="medium",
        )
        words = {"signal": ("Signal: mean of z²", "blue")}
        words["gradient"] = ("Gradient: mean of (∂L/∂z)²", "orange")
        for ax, (key, (title, color)) in zip(top.subplots(1, 2, sharey=True), words.items()):
            ax.axhspan(0.1, 10, color=COLORS["green"], alpha=0.15, lw=0)
            ax.plot(layers, theory[key], color=COLORS["gray"], lw=1.5)
            ax.scatter(layers, found[key], s=9, color=COLORS[color], zorder=3)
            ax.set(xlabel="layer", title=title, yscale="log")
            ax.set(ylim=(10.0**-DECADES, 10.0**DECADES))
        for ax, layer in zip(strip.subplots(1, 6), self.shown_layers()):
            values = np.clip(found["activations"][layer - 1], -3, 3)
            ax.hist(values.ravel(), bins=24, range=(-3, 3), color=COLORS["blue"])
            ax.set(yticks=[], xticks=[-3, 0, 3], title=f"layer {layer}")
            ax.grid(False)

    def end(self, key: str) -> float:
        """The number that decides: the signal in the last layer, the gradient in the first."""
        values: Any = self.run()[key]
        return float(values[-1 if key == "signal" else 0])
