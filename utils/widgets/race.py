"""A race of optimizers on a loss surface: paths over contour lines, and the loss over the steps.

The figure is a function of its traits. From surface, start and rates follow the paths; `step` says
how far they are drawn. Python computes them for the picture, for tests and for whoever calls
``path()``; the script computes the same numbers in the browser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Dict, Float, Int, List, TraitError, Unicode, validate

from utils.widgets.figure import Figure
from utils.widgets.playground import chance, normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

STEPS = 200  # of a whole race
SPAN = 2.0  # the plane reaches from -SPAN to SPAN on both axes
FAR = 1e6  # an optimizer that gets farther has diverged
COS, SIN = math.sqrt(3) / 2, 0.5  # of the 30 degrees by which one ravine is turned

# name -> (title, color of the book, is the line dashed, first learning rate)
OPTIMIZERS: dict[str, tuple[str, str, bool, float]] = {
    "gd": ("Gradient descent", "gray", False, 0.03),
    "momentum": ("Momentum", "blue", False, 0.02),
    "nesterov": ("Nesterov", "purple", True, 0.02),
    "adagrad": ("AdaGrad", "orange", False, 0.5),
    "adadelta": ("Adadelta", "gray", True, 2.0),
    "rmsprop": ("RMSprop", "pink", False, 0.02),
    "adam": ("Adam", "green", False, 0.1),
    "lamb": ("LAMB", "teal", True, 0.05),
}


@dataclass(frozen=True)
class Surface:
    """A loss of two parameters, and its gradient, with the condition number as third argument."""

    title: str
    start: tuple[float, float]
    loss: Callable[[float, float, float], float]
    slopes: Callable[[float, float, float], tuple[float, float]]
    lowest: tuple[tuple[float, float], ...]  # where its minima are
    noise: float = 0.0  # standard deviation of what is added to each slope


def _turned(x: float, y: float) -> tuple[float, float]:
    return COS * x + SIN * y, COS * y - SIN * x


def _turned_slopes(x: float, y: float, k: float) -> tuple[float, float]:
    a, b = _turned(x, y)
    return COS * a - SIN * k * b, SIN * a + COS * k * b


SURFACES: dict[str, Surface] = {
    "ravine": Surface(
        "Ravine",
        (-1.8, 1.0),
        lambda x, y, k: 0.5 * (x * x + k * y * y),
        lambda x, y, k: (x, k * y),
        ((0.0, 0.0),),
    ),
    "turned": Surface(
        "Ravine, turned by 30°",
        (-1.8, 0.2),
        lambda x, y, k: 0.5 * (_turned(x, y)[0] ** 2 + k * _turned(x, y)[1] ** 2),
        _turned_slopes,
        ((0.0, 0.0),),
    ),
    "rosenbrock": Surface(
        "Rosenbrock's valley",
        (-1.5, 1.6),
        lambda x, y, k: (1 - x) ** 2 + 10 * (y - x * x) ** 2,
        lambda x, y, k: (-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)),
        ((1.0, 1.0),),
    ),
    "saddle": Surface(
        "Saddle",
        (-1.6, 0.01),
        lambda x, y, k: 0.5 * x * x + 0.25 * (y * y - 1) ** 2,
        lambda x, y, k: (x, y * (y * y - 1)),
        ((0.0, 1.0), (0.0, -1.0)),
    ),
    "noisy": Surface(
        "Noisy bowl",
        (-1.7, 1.4),
        lambda x, y, k: 0.5 * (x * x + 4 * y * y),
        lambda x, y, k: (x, 4 * y),
        ((0.0, 0.0),),
        noise=1.0,
    ),
}


def noise(seed: int) -> list[tuple[float, float]]:
    """Two normal numbers for each step, the same as in the script."""
    draw = chance(seed)
    return [(normal(draw), normal(draw)) for _ in range(STEPS)]


def _direction(name: str, g: float, s: dict[str, float], t: int) -> float:
    """Where an optimizer walks along one axis; it keeps m, u and v in ``s``. t counts from 1."""
    m, u, v = s.get("m", 0.0), s.get("u", 0.0), s.get("v", 0.0)
    if name in ("momentum", "nesterov"):
        s["m"] = 0.9 * m + g
        return s["m"] if name == "momentum" else g + 0.9 * s["m"]
    if name == "adagrad":
        s["v"] = v + g * g
        return g / (math.sqrt(s["v"]) + 1e-10)
    if name == "rmsprop":
        s["v"] = 0.99 * v + 0.01 * g * g
        return g / (math.sqrt(s["v"]) + 1e-8)
    if name == "adadelta":
        s["v"] = 0.9 * v + 0.1 * g * g
        d = g * math.sqrt((u + 1e-6) / (s["v"] + 1e-6))
        s["u"] = 0.9 * u + 0.1 * d * d
        return d
    if name in ("adam", "lamb"):
        s["m"], s["v"] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        root = math.sqrt(s["v"] / (1 - 0.999**t))
        return s["m"] / (1 - 0.9**t) / (root + (1e-8 if name == "adam" else 1e-6))
    return g


class Race(Figure):
    """Optimizers on a surface. ``Race(surface="saddle", chosen=["gd", "adam"], step=50)``."""

    heights = (656, 1186)

    surface = Unicode("ravine", help=f"one of {', '.join(SURFACES)}").tag(sync=True)
    condition = Float(50.0, min=1, max=100, help="condition number of the ravines").tag(sync=True)
    start = List(Float(), [-1.8, 1.0], minlen=2, maxlen=2, help="from where they run").tag(
        sync=True
    )
    chosen = List(
        Unicode(), ["gd", "momentum", "adam"], help=f"those that run: {', '.join(OPTIMIZERS)}"
    ).tag(sync=True)
    rates = Dict(
        value_trait=Float(),
        default_value={name: facts[3] for name, facts in OPTIMIZERS.items()},
        help="learning rate by optimizer",
    ).tag(sync=True)
    step = Int(STEPS, min=0, max=STEPS, help="how many steps are shown").tag(sync=True)
    seed = Int(0, min=0, help="of the noise on the noisy bowl").tag(sync=True)

    def __init__(self, **values: Any) -> None:
        if values.get("surface") in SURFACES and "start" not in values:
            values["start"] = list(SURFACES[values["surface"]].start)
        if "rates" in values:
            values["rates"] = {n: f[3] for n, f in OPTIMIZERS.items()} | values["rates"]
        super().__init__(**values)

    @validate("surface", "chosen", "rates")
    def _known(self, proposal: Any) -> Any:
        valid = SURFACES if proposal["trait"].name == "surface" else OPTIMIZERS
        value = proposal["value"]
        for name in [value] if isinstance(value, str) else value:
            if name not in valid:
                raise TraitError(f"no {name!r}; there are: {', '.join(valid)}")
        return value

    def loss(self, w: Any) -> float:
        """The loss at a point (x, y)."""
        return SURFACES[self.surface].loss(*map(float, w), self.condition)

    def path(self, name: str) -> np.ndarray:
        """All points of an optimizer, shape (steps + 1, 2); it is shorter if it diverges."""
        here, points = SURFACES[self.surface], [tuple(self.start)]
        shake, memory = noise(self.seed), ({}, {})
        for t in range(1, STEPS + 1):
            w = points[-1]
            slopes = here.slopes(*w, self.condition)
            g = [slope + here.noise * z for slope, z in zip(slopes, shake[t - 1])]
            d = [_direction(name, slope, s, t) for slope, s in zip(g, memory)]
            rate = self.rates[name]
            if name == "lamb" and math.hypot(*w) > 0 and math.hypot(*d) > 0:
                rate *= math.hypot(*w) / math.hypot(*d)
            w = (w[0] - rate * d[0], w[1] - rate * d[1])
            if not max(abs(w[0]), abs(w[1])) < FAR:
                break
            points.append(w)
        return np.array(points)

    def losses(self, name: str) -> np.ndarray:
        """The loss at each point of ``path``."""
        return np.array([self.loss(w) for w in self.path(name)])

    def picture(self, figure: Drawing) -> None:
        """The surface with the paths, and beside it the losses."""
        from utils.plots import COLORS, INK

        figure.set_layout_engine("none")
        figure.set_figheight(4.4)
        plane = figure.add_axes((0.07, 0.1, 0.46, 0.8), aspect="equal")
        chart = figure.add_axes((0.61, 0.1, 0.36, 0.8))
        side = np.linspace(-SPAN, SPAN, 81)
        z = np.array([[self.loss((x, y)) for x in side] for y in side])
        plane.contour(side, side, z, levels(z, self.surface), colors=INK, linewidths=0.6, alpha=0.6)
        for name in self.chosen:
            title, color, dashed, _ = OPTIMIZERS[name]
            style = {"color": COLORS[color], "lw": 1.8, "ls": "--" if dashed else "-"}
            path, losses = (a[: self.step + 1] for a in (self.path(name), self.losses(name)))
            plane.plot(*path.T, **style)
            plane.plot(*path[-1], "o", color=COLORS[color], ms=6)
            label = f"{title}, η = {self.rates[name]:g}"
            chart.semilogy(np.maximum(losses, 1e-12), **style, label=label)
        for point in SURFACES[self.surface].lowest:
            plane.plot(*point, "+", color=INK, ms=9)
        plane.plot(*self.start, "o", mfc="none", mec=INK, ms=10, mew=2)
        plane.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), title=SURFACES[self.surface].title)
        plane.grid(False)
        chart.set(xlim=(0, STEPS), xlabel="step", title="Loss")
        if self.chosen:
            chart.legend(fontsize=8)


def levels(z: np.ndarray, surface: str) -> np.ndarray:
    """The heights of the contour lines: denser where the surface is low."""
    power = 4 if surface == "rosenbrock" else 2
    return z.max() * (np.arange(1, 13) / 13) ** power
