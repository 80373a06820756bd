"""A curve of bumps that overfits, and four cures: L2, L1, dropout and early stopping."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

BUMPS, WIDTH, RATE = 20, 0.06, 0.5
CENTERS = np.arange(BUMPS) / (BUMPS - 1)
STEPS = tuple(sorted({round(10 ** (k / 20)) for k in range(61)}))  # 1 to 1000, measured at these
Y_END, HEIGHT_END = 2.0, 2.5  # of the axes for points and for heights
ERROR_ENDS = (0.02, 2.0)
POINTS = (
    (0.04, 0.62), (0.11, 0.33), (0.17, 1.12), (0.25, 0.69), (0.36, 1.09), (0.44, -0.04),
    (0.52, 0.21), (0.6, -0.93), (0.68, -0.59), (0.77, -1.34), (0.86, -0.45), (0.95, -0.62),
)  # fmt: skip
VALIDATION = (
    (0.02, -0.06), (0.06, 0.48), (0.09, 0.79), (0.14, 0.58), (0.2, 1.21), (0.23, 0.86),
    (0.28, 1.07), (0.31, 0.72), (0.34, 0.75), (0.39, 0.44), (0.42, 0.66), (0.47, 0.3),
    (0.5, -0.16), (0.55, -0.21), (0.58, -0.62), (0.63, -0.5), (0.66, -1.01), (0.72, -1.1),
    (0.75, -0.77), (0.8, -1.02), (0.83, -1.12), (0.89, -0.72), (0.92, -0.3), (0.98, -0.21),
)  # fmt: skip


def bumps(x: np.ndarray) -> np.ndarray:
    """The bumps at some places: x (N,) gives (N, 20)."""
    return np.exp(-((np.asarray(x, float)[:, None] - CENTERS) ** 2) / (2 * WIDTH**2))


class Random:
    """Numbers from 0 to 1, the same here and in the script (the generator mulberry32)."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def __call__(self) -> float:
        self.state = (self.state + 0x6D2B79F5) & 0xFFFFFFFF
        t = self.state
        t = ((t ^ (t >> 15)) * (t | 1)) & 0xFFFFFFFF
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 2**32


class Overfit(Figure):
    """Drag training points; L2, L1, dropout and the step decide how much the curve believes them.

    >>> Overfit(l2=0.1).rows()["validation"] < Overfit().rows()["validation"]
    True
    """

    heights = (574, 1056)

    points = traitlets.List(help="training points, [x, y] each: 3 to 20 of them").tag(sync=True)
    validation = traitlets.List(help="validation points, [x, y] each").tag(sync=True)
    l2 = traitlets.Float(0.0, help="λ of the L2 penalty, from 0 to 1").tag(sync=True)
    l1 = traitlets.Float(0.0, help="λ of the L1 penalty, from 0 to 1").tag(sync=True)
    dropout = traitlets.Float(0.0, help="share of bumps dropped in a step, 0 to 0.6").tag(sync=True)
    step = traitlets.Int(1000, help="the step that is shown, one of STEPS").tag(sync=True)

    def run(self) -> np.ndarray:
        """The heights of the bumps after each of STEPS, (len(STEPS), 20)."""
        x, y = np.array(self.points, dtype=float).T
        features, w, random, kept = bumps(x), np.zeros(BUMPS), Random(1), []
        share = 1 - self.dropout
        eta = RATE * share
        for step in range(1, STEPS[-1] + 1):
            mask = np.ones(BUMPS)
            if self.dropout > 0:
                mask = np.array([random() >= self.dropout for _ in range(BUMPS)]) / share
            thinned = features * mask
            w = w - eta * (thinned.T @ (thinned @ w - y) / len(y) + self.l2 * w)
            w = np.sign(w) * np.maximum(np.abs(w) - eta * self.l1, 0)
            if step in STEPS:
                kept.append(w)
        return np.array(kept)

    def errors(self, heights: np.ndarray) -> np.ndarray:
        """Root mean squared error, training and validation, for each row of heights: (S, 2)."""
        found = []
        for part in (self.points, self.validation):
            x, y = np.array(part, dtype=float).T
            found.append(np.sqrt(((heights @ bumps(x).T - y) ** 2).mean(axis=1)))
        return np.stack(found, axis=1)

    def rows(self) -> dict[str, float]:
        """What the page says: both errors at the step shown, the best step, bumps in use."""
        heights = self.run()
        errors, at = self.errors(heights), STEPS.index(self.step)
        best = int(errors[:, 1].argmin())
        return {
            "training": float(errors[at, 0]),
            "validation": float(errors[at, 1]),
            "best step": STEPS[best],
            "lowest": float(errors[best, 1]),
            "in use": int((heights[at] != 0).sum()),
        }

    def picture(self, figure: Drawing) -> None:
        from utils.plots import COLORS, INK

        grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1), height_ratios=(2.3, 1))
        plane = figure.add_subplot(grid[0, 0], title="Points and curve", ylabel="y")
        bars = figure.add_subplot(grid[1, 0], xlabel="x", ylabel="height", title="Bumps")
        chart = figure.add_subplot(grid[:, 1], xlabel="step", title="Error by step")
        heights = self.run()
        errors, at = self.errors(heights), STEPS.index(self.step)
        line = np.linspace(0, 1, 201)
        plane.plot(line, bumps(line) @ heights[at], color=COLORS["blue"])
        plane.plot(*np.array(self.points).T, "o", color=INK, ms=6)
        plane.plot(*np.array(self.validation).T, "o", mfc="none", color=COLORS["orange"], ms=5)
        plane.set(xlim=(0, 1), ylim=(-Y_END, Y_END))
        bars.bar(CENTERS, heights[at], width=0.03, color=COLORS["blue"])
        bars.set(xlim=(0, 1), ylim=(-HEIGHT_END, HEIGHT_END))
        chart.loglog(STEPS, errors[:, 0], color=INK, label="training")
        chart.loglog(STEPS, errors[:, 1], color=COLORS["orange"], label="validation")
        chart.axvline(self.step, color=COLORS["blue"], lw=1)
        chart.set_ylim(*ERROR_ENDS)
        chart.legend()

    @traitlets.default("points")
    def _first_points(self) -> list[list[float]]:
        return [list(point) for point in POINTS]

    @traitlets.default("validation")
    def _first_validation(self) -> list[list[float]]:
        return [list(point) for point in VALIDATION]

    @traitlets.validate("points", "validation")
    def _in_the_plane(self, proposal: Any) -> list[list[float]]:
        points = np.asarray(proposal.value, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise traitlets.TraitError(f"at least 3 pairs (x, y); given shape {points.shape}")
        if not np.all((points >= (0, -Y_END)) & (points <= (1, Y_END))):
            raise traitlets.TraitError("x must lie between 0 and 1, and y between -2 and 2")
        return points.tolist()

    @traitlets.validate("l2", "l1", "dropout")
    def _in_range(self, proposal: Any) -> float:
        name, most = proposal.trait.name, 0.6 if proposal.trait.name == "dropout" else 1.0
        if not (math.isfinite(proposal.value) and 0 <= proposal.value <= most):
            raise traitlets.TraitError(f"{name} must lie between 0 and {most}")
        return proposal.value

    @traitlets.validate("step")
    def _measured(self, proposal: Any) -> int:
        if proposal.value not in STEPS:
            raise traitlets.TraitError(f"step must be one of {STEPS}")
        return proposal.value
