"""Three losses fit a line to the same points: what one outlier does to each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

X_ENDS, Y_ENDS = (0.0, 10.0), (-4.0, 16.0)  # of the plane in which the points lie
R_END, LOSS_END, PULL_END = 12.0, 20.0, 6.0  # of the axes beside it
POINTS = (
    (0.6, 1.9), (1.4, 1.3), (2.1, 2.6), (2.9, 2.2), (3.6, 3.7), (4.4, 3.1),
    (5.2, 4.6), (6.1, 4.2), (7.0, 5.7), (7.8, 13.0), (8.6, 5.9), (9.4, 7.1),
)  # fmt: skip
COLORS = {"squared": "orange", "absolute": "green", "Huber": "blue"}


def line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of weighted least squares; slope 0 where all points share one x."""
    total = weights.sum()
    middle = (weights @ x) / total, (weights @ y) / total
    spread = weights @ (x - middle[0]) ** 2
    slope = (weights @ ((x - middle[0]) * (y - middle[1]))) / spread if spread > 1e-12 else 0.0
    return float(slope), float(middle[1] - slope * middle[0])


def least_absolute(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """A best line for the absolute loss: there is one through two of the points."""
    best, least = (0.0, float(np.median(y))), math.inf
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if abs(x[j] - x[i]) < 1e-9:
                continue
            slope = (y[j] - y[i]) / (x[j] - x[i])
            total = np.abs(slope * (x - x[i]) + y[i] - y).sum()
            if total < least - 1e-9:
                best, least = (float(slope), float(y[i] - slope * x[i])), total
    return best


def least_huber(x: np.ndarray, y: np.ndarray, delta: float) -> tuple[float, float]:
    """The best line for the Huber loss: far points get less weight, until nothing changes."""
    found = line(x, y, np.ones(len(x)))
    for _ in range(2000):
        residuals = np.abs(found[0] * x + found[1] - y)
        again = line(x, y, delta / np.maximum(residuals, delta))
        moved = max(abs(again[0] - found[0]), abs(again[1] - found[1]))
        found = again
        if moved < 1e-8:
            break
    return found


class Fitting(Figure):
    """Drag points; the lines of squared, absolute and Huber loss follow.

    >>> Fitting(points=[(0, 0), (1, 1), (2, 2), (3, 9)]).fits()["absolute"]
    (1.0, 0.0)
    """

    heights = (604, 733)

    points = traitlets.List(
        help="the points, [x, y] each: 3 to 20 of them, x from 0 to 10, y from -4 to 16"
    ).tag(sync=True)
    delta = traitlets.Float(2.0, help="δ of the Huber loss, from 0.1 to 10").tag(sync=True)
    chosen = traitlets.Int(9, help="the point that is explained, counted from 0").tag(sync=True)

    def fits(self) -> dict[str, tuple[float, float]]:
        """Slope and intercept of the best line for each loss."""
        x, y = np.array(self.points, dtype=float).T
        return {
            "squared": line(x, y, np.ones(len(x))),
            "absolute": least_absolute(x, y),
            "Huber": least_huber(x, y, self.delta),
        }

    def losses(self) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
        """Each loss and its derivative, as functions of the residual r = prediction - target."""
        delta = self.delta

        def huber(r: Any) -> Any:
            size = np.abs(r)
            return np.where(size <= delta, r * r / 2, delta * (size - delta / 2))

        return {
            "squared": (lambda r: r * r, lambda r: 2 * r),
            "absolute": (np.abs, np.sign),
            "Huber": (huber, lambda r: np.clip(r, -delta, delta)),
        }

    def rows(self) -> dict[str, tuple[float, float, float, float, float]]:
        """What the table shows: slope, intercept, and the chosen point's residual, loss, pull."""
        x, y = self.points[self.chosen]
        found = {}
        for name, (slope, intercept) in self.fits().items():
            r = slope * x + intercept - y
            r = 0.0 if abs(r) < 1e-9 else r  # the absolute loss goes through two of its points
            loss, pull = self.losses()[name]
            found[name] = (slope, intercept, r, float(loss(r)), float(pull(r)))
        return found

    def picture(self, figure: Drawing) -> None:
        from utils.plots import COLORS as INKS
        from utils.plots import INK

        grid = figure.add_gridspec(2, 2, width_ratios=(1.2, 1))
        plane = figure.add_subplot(grid[:, 0], xlabel="x", ylabel="y", title="Points and lines")
        loss = figure.add_subplot(grid[0, 1], ylabel="loss", title="Loss over the residual")
        pull = figure.add_subplot(grid[1, 1], xlabel="residual r", ylabel="derivative")
        pull.set_title("Its derivative, the pull")
        r = np.linspace(-R_END, R_END, 481)
        rows = self.rows()
        for name, (value, slope) in self.losses().items():
            color = INKS[COLORS[name]]
            style = {"color": color, "ls": "--" if name == "absolute" else "-", "lw": 1.8}
            m, b = rows[name][:2]
            ends = np.array(X_ENDS)
            plane.plot(ends, m * ends + b, label=name, **style)
            loss.plot(r, value(r), **style)
            pull.plot(r, slope(r), **style)
            loss.plot(rows[name][2], min(rows[name][3], LOSS_END), "o", color=color)
            pull.plot(rows[name][2], np.clip(rows[name][4], -PULL_END, PULL_END), "o", color=color)
        x, y = np.array(self.points, dtype=float).T
        plane.plot(x, y, "o", color=INK, ms=6)
        plane.plot(*self.points[self.chosen], "o", mfc="none", mec=INK, ms=13)
        plane.set(xlim=X_ENDS, ylim=Y_ENDS)
        loss.set(xlim=(-R_END, R_END), ylim=(0, LOSS_END))
        pull.set(xlim=(-R_END, R_END), ylim=(-PULL_END, PULL_END))
        plane.legend(loc="upper left")

    @traitlets.default("points")
    def _first_points(self) -> list[list[float]]:
        return [list(point) for point in POINTS]

    @traitlets.validate("points")
    def _in_the_plane(self, proposal: Any) -> list[list[float]]:
        points = np.asarray(proposal.value, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2 or not 3 <= len(points) <= 20:
            raise traitlets.TraitError(
                f"points are 3 to 20 pairs (x, y); given an array of shape {points.shape}"
            )
        low, high = np.array([X_ENDS, Y_ENDS]).T
        if not np.all((points >= low) & (points <= high)):
            raise traitlets.TraitError("x must lie between 0 and 10, and y between -4 and 16")
        return points.tolist()

    @traitlets.validate("delta")
    def _positive(self, proposal: Any) -> float:
        if not 0.1 <= proposal.value <= 10:
            raise traitlets.TraitError(f"delta must lie between 0.1 and 10, not {proposal.value}")
        return proposal.value

    @traitlets.validate("chosen")
    def _there(self, proposal: Any) -> int:
        if not 0 <= proposal.value < len(self.points):
            raise traitlets.TraitError(f"there are {len(self.points)} points, counted from 0")
        return proposal.value
