"""A slope to take hold of: a curve with tangent and secant, or a surface with its gradients.

On the curve, the derivative and a difference quotient stand side by side for any step, also for
steps so small that 64-bit numbers fail. On the surface, the slope in a direction is compared with
the gradient. Zooming in about the point turns the curve into a line, and the contours into
parallel lines: that is what a derivative is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from traitlets import Bool, Enum, Float, Int, List, TraitError, validate

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

WIDTH, HEIGHT = 420, 330  # of the drawing, in its own units
REACH = {"curve": 3.0, "surface": WIDTH / HEIGHT * 2}  # half of what is seen at zoom 1, sideways
ZOOMS = 10  # doublings at most
STEPS = (-16.0, 0.25)  # of the exponent of h
Number = float | np.ndarray


@dataclass(frozen=True)
class Curve:
    """A function of one number; ``kink`` is where it has no derivative."""

    title: str
    value: Callable[[float], float]
    slope: Callable[[float], float]
    kink: float | None = None


@dataclass(frozen=True)
class Surface:
    """A function of two numbers. ``spacing`` is between contours, ``arrow`` scales gradients."""

    title: str
    value: Callable
    gradient: Callable
    spacing: float
    arrow: float


CURVES = {
    "cubic": Curve("x³/6 − x", lambda x: x * x * x / 6 - x, lambda x: x * x / 2 - 1),
    "parabola": Curve("x²/2 − 2", lambda x: x * x / 2 - 2, lambda x: x),
    "sine": Curve("1.5 sin x", lambda x: 1.5 * math.sin(x), lambda x: 1.5 * math.cos(x)),
    "ripples": Curve(
        "0.4x + 0.1 sin 15x",
        lambda x: 0.4 * x + 0.1 * math.sin(15 * x),
        lambda x: 0.4 + 1.5 * math.cos(15 * x),
    ),
    "corner": Curve("|x| − 1", lambda x: abs(x) - 1, lambda x: math.copysign(1, x), kink=0.0),
}


def _hill(x: Number, y: Number) -> Number:
    return np.exp(-((x - 0.9) ** 2 + (y - 0.5) ** 2))


def _dip(x: Number, y: Number) -> Number:
    return np.exp(-((x + 1.0) ** 2 + (y + 0.4) ** 2))


SURFACES = {
    "bowl": Surface("x²/2 + y²", lambda x, y: x * x / 2 + y * y, lambda x, y: (x, 2 * y), 0.5, 22),
    "saddle": Surface(
        "x² − y²", lambda x, y: x * x - y * y, lambda x, y: (2 * x, -2 * y), 0.75, 20
    ),
    "hill": Surface(
        "a hill and a dip",
        lambda x, y: 2 * _hill(x, y) - 1.5 * _dip(x, y),
        lambda x, y: (
            -4 * (x - 0.9) * _hill(x, y) + 3 * (x + 1.0) * _dip(x, y),
            -4 * (y - 0.5) * _hill(x, y) + 3 * (y + 0.4) * _dip(x, y),
        ),
        0.25,
        50,
    ),
    "plane": Surface(
        "x + y/2", lambda x, y: x + y / 2, lambda x, y: (1.0 + 0 * x, 0.5 + 0 * x), 0.5, 70
    ),
}


class Slope(Figure):
    """``Slope(mode="curve", curve="sine", x=1, exponent=-2)``: everything is a trait.

    Also ``Slope(mode="surface", surface="bowl", point=[1, 1], angle=30)``.
    """

    heights = (400, 782)

    mode = Enum(("curve", "surface"), "curve", help="what is drawn").tag(sync=True)
    curve = Enum(tuple(CURVES), "cubic", help="the function of one number").tag(sync=True)
    surface = Enum(tuple(SURFACES), "bowl", help="the function of two numbers").tag(sync=True)
    zoom = Int(0, min=0, max=ZOOMS, help="doublings about the point").tag(sync=True)
    x = Float(1.0, min=-3, max=3, help="the point on the curve").tag(sync=True)
    exponent = Float(0.0, min=STEPS[0], max=STEPS[1], help="the step is h = 10^exponent").tag(
        sync=True
    )
    central = Bool(False, help="steps to both sides instead of one").tag(sync=True)
    point = List(
        Float(), [1.2, 1.0], minlen=2, maxlen=2, help="x and y of the point on the surface"
    ).tag(sync=True)
    angle = Int(0, min=-180, max=180, help="degrees from the x axis to the direction v").tag(
        sync=True
    )
    field = Bool(True, help="whether gradients are drawn all over the surface").tag(sync=True)
    _curves = List(List(), [[name, one.title] for name, one in CURVES.items()]).tag(sync=True)
    _surfaces = List(
        List(), [[name, one.title, one.spacing, one.arrow] for name, one in SURFACES.items()]
    ).tag(sync=True)

    @validate("point")
    def _inside(self, proposal: dict) -> list[float]:
        x, y = proposal["value"]
        if not (abs(x) <= REACH["surface"] and abs(y) <= 2):
            raise TraitError(f"the point must lie in ±{REACH['surface']:.2f} × ±2, not {x}, {y}")
        return proposal["value"]

    @property
    def h(self) -> float:
        """The step."""
        return 10.0**self.exponent

    @property
    def derivative(self) -> float:
        """The slope of the curve at x; NaN at a kink."""
        chosen = CURVES[self.curve]
        return math.nan if self.x == chosen.kink else chosen.slope(self.x)

    @property
    def quotient(self) -> float:
        """The difference quotient with step h, rounded as 64-bit numbers are."""
        f, x, h = CURVES[self.curve].value, self.x, self.h
        return (f(x + h) - f(x - h)) / (2 * h) if self.central else (f(x + h) - f(x)) / h

    @property
    def gradient(self) -> tuple[float, float]:
        """Of the surface, at the point."""
        gx, gy = SURFACES[self.surface].gradient(*self.point)
        return float(gx), float(gy)

    @property
    def directional(self) -> float:
        """The slope of the surface along the direction v: the gradient times v."""
        turn = math.radians(self.angle)
        return self.gradient[0] * math.cos(turn) + self.gradient[1] * math.sin(turn)

    # ---- The picture that stands in for it ---------------------------------------------------

    def picture(self, figure: Drawing) -> None:
        figure.set_layout_engine("none")
        ax = figure.add_axes((0.07, 0.13, 0.52, 0.85))
        if self.mode == "curve":
            f = CURVES[self.curve]
            facts = self._draw_curve(ax)
            facts = [("function", f.title), ("x", f"{self.x:.2f}"), *facts]
        else:
            facts = [("function", SURFACES[self.surface].title), *self._draw_surface(ax)]
        for row, (name, value) in enumerate(facts):
            place = 0.9 - 0.085 * row
            figure.text(0.63, place, name, size=10)
            figure.text(0.99, place, value.replace("-", "−"), size=10, weight="bold", ha="right")

    def _draw_curve(self, ax: Axes) -> list[tuple[str, str]]:
        from utils.plots import COLORS

        f, scale = CURVES[self.curve].value, 0.5**self.zoom
        cx, cy = self.x * (1 - scale), f(self.x) * (1 - scale)
        reach = REACH["curve"] * scale
        tall = reach * HEIGHT / WIDTH
        ax.set(xlim=(cx - reach, cx + reach), ylim=(cy - tall, cy + tall), xlabel="x")
        grid = np.linspace(cx - reach, cx + reach, 400)
        ax.plot(grid, [f(v) for v in grid], color=COLORS["blue"])
        if not math.isnan(self.derivative):
            ax.axline((self.x, f(self.x)), slope=self.derivative, color=COLORS["orange"])
        ends = (self.x - self.h, self.x + self.h) if self.central else (self.x, self.x + self.h)
        foot = (ends[0], f(ends[0])) if self.central else (self.x, f(self.x))
        ax.axline(foot, slope=self.quotient, color=COLORS["purple"], lw=1.6, ls="--")
        ax.plot(ends, [f(v) for v in ends], "o", color=COLORS["purple"])
        ax.plot(self.x, f(self.x), "o", color=COLORS["orange"], ms=9)
        return [
            ("step h", f"{self.h:.3g}"),
            ("derivative (orange)", f"{self.derivative:.4f}"),
            ("quotient (purple)", f"{self.quotient:.4f}"),
        ]

    def _draw_surface(self, ax: Axes) -> list[tuple[str, str]]:
        from utils.plots import COLORS, INK

        chosen, scale = SURFACES[self.surface], 0.5**self.zoom
        (px, py), (gx, gy) = self.point, self.gradient
        reach, tall = REACH["surface"] * scale, 2 * scale
        cx, cy = px * (1 - scale), py * (1 - scale)
        u, v = np.linspace(cx - reach, cx + reach, 80), np.linspace(cy - tall, cy + tall, 64)
        z = chosen.value(*np.meshgrid(u, v))
        gap = chosen.spacing * scale
        levels = gap * np.arange(math.floor(z.min() / gap), math.ceil(z.max() / gap) + 1)
        ax.contour(u, v, z, levels, colors=INK, linewidths=0.8, linestyles="solid", alpha=0.7)
        unit = chosen.arrow / (WIDTH / 2) * reach
        ax.annotate(
            "",
            (px + unit * gx, py + unit * gy),
            (px, py),
            arrowprops={"arrowstyle": "-|>", "color": COLORS["orange"], "lw": 2.5},
        )
        ax.plot(px, py, "o", color=COLORS["orange"], ms=9)
        ax.set(xlabel="x", ylabel="y", aspect="equal")
        return [
            ("point", f"({px:.2f}, {py:.2f})"),
            ("gradient (orange)", f"({gx:.3f}, {gy:.3f})"),
            ("its length", f"{math.hypot(gx, gy):.3f}"),
            ("slope along v", f"{self.directional:.3f}"),
        ]
