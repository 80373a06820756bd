"""A deep random network with and without skips: signal and gradient by layer, and skips to cut.

Every layer computes F(h) = W relu(h). A plain network passes on F(h), a residual one h + s F(h), a
highway one t F(h) + (1 - t) h with the gate t that its bias alone gives. Weights, inputs and the
gradient that enters at the end are hashed from their places, as in the figure ``Signal``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from traitlets import Enum, Float, Int, List

from utils.widgets.figure import Figure
from utils.widgets.signal import normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Array = np.ndarray
BATCH, WIDTH, LAYERS = 16, 32, 60  # inputs, units in every layer, layers at most
DECADES = 8  # of the logarithmic axes, up and down from 1
KINDS = {"plain": "plain", "residual": "residual", "highway": "highway"}


def unit_weights(seed: int) -> Array:
    """The matrices of all layers with gain 1, (LAYERS, WIDTH, WIDTH)."""
    count = LAYERS * WIDTH**2
    return normal(seed, 0, count).reshape(LAYERS, WIDTH, WIDTH) / math.sqrt(WIDTH)


def size(values: Array) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.square(values).mean()))


class Depth(Figure):
    """A random network of up to 60 layers: plain, residual or highway, with skips to cut.

    >>> Depth(kind="residual", depth=50, scale=0.0).run()["signal"].std().round(6)
    np.float64(0.0)
    """

    heights = (640, 1290)

    kind = Enum(list(KINDS), "plain", help="plain, residual or highway").tag(sync=True)
    depth = Int(50, min=2, max=LAYERS, help="layers, 2 to 60").tag(sync=True)
    gain = Float(1.41, help="standard deviation of a weight times √width, 0.5 to 2.5").tag(
        sync=True
    )
    scale = Float(1.0, help="s: what a branch is multiplied by, 0 to 1.2").tag(sync=True)
    bias = Float(-2.0, help="of the gate, -8 to 2; t is its sigmoid").tag(sync=True)
    cut = List(Int(), help="the layers, from 1, whose skip is cut").tag(sync=True)
    seed = Int(3, min=0, help="which random network").tag(sync=True)

    def factors(self) -> tuple[Array, float]:
        """What every layer multiplies its skip by, (depth,), and its branch."""
        gate = 1 / (1 + math.exp(-self.bias))
        skip, branch = {
            "plain": (0.0, 1.0),
            "residual": (1.0, self.scale),
            "highway": (1 - gate, gate),
        }[self.kind]
        kept = np.full(self.depth, skip)
        kept[[layer - 1 for layer in self.cut if layer <= self.depth]] = 0
        return kept, branch

    def run(self) -> dict[str, Array]:
        """Sizes of ``signal`` and ``gradient`` at h(0) to h(L), and the mean ``cosine`` between
        two inputs there."""
        kept, branch = self.factors()
        matrices = branch * self.gain * unit_weights(self.seed)[: self.depth]
        hs = [normal(self.seed, 1, BATCH * WIDTH).reshape(BATCH, WIDTH)]
        for skip, w in zip(kept, matrices):
            hs.append(skip * hs[-1] + np.maximum(hs[-1], 0) @ w.T)
        g = normal(self.seed, 2, BATCH * WIDTH).reshape(BATCH, WIDTH)
        gradient = [size(g)]
        for skip, w, h in zip(kept[::-1], matrices[::-1], hs[-2::-1]):
            g = skip * g + (g @ w) * (h > 0)
            gradient.append(size(g))
        return {
            "signal": np.array([size(h) for h in hs]),
            "gradient": np.array(gradient[::-1]),
            "cosine": np.array([likeness(h) for h in hs]),
        }

    def predicted(self) -> dict[str, Array]:
        """The same sizes as wide networks have them on average: a factor for every layer."""
        kept, branch = self.factors()
        factor = np.sqrt(kept**2 + (branch * self.gain) ** 2 / 2)
        return {
            "signal": np.cumprod(np.append(1.0, factor)),
            "gradient": np.cumprod(np.append(1.0, factor[::-1]))[::-1],
        }

    def picture(self, figure: Drawing) -> None:
        from utils.plots import COLORS

        found, theory = self.run(), self.predicted()
        layers = np.arange(self.depth + 1)
        figure.suptitle(
            f"{KINDS[self.kind]} network, {self.depth} layers, gain {self.gain:.2f}",
            x=0.01,
            ha="left",
            size="medium",
        )
        words = {"signal": ("Signal: size of h", "blue")}
        words["gradient"] = ("Gradient: size of ∂L/∂h", "orange")
        for ax, (key, (title, color)) in zip(figure.subplots(1, 2, sharey=True), words.items()):
            ax.axhspan(10**-0.5, 10**0.5, color=COLORS["green"], alpha=0.15, lw=0)
            ax.plot(layers, theory[key], color=COLORS["gray"], lw=1.5)
            ax.scatter(layers, found[key], s=9, color=COLORS[color], zorder=3)
            ax.set(xlabel="layer", title=title, yscale="log")
            ax.set(ylim=(10.0**-DECADES, 10.0**DECADES))


def likeness(h: Array) -> float:
    """The mean cosine between two different rows."""
    rows = h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-300)
    total = float(np.square(rows.sum(axis=0)).sum())
    return (total - len(h)) / (len(h) * (len(h) - 1))
