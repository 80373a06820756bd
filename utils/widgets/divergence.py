"""Two distributions and the price of taking one for the other, in both directions.

``p`` has two humps and stays; ``q``, a Gaussian cut into the same bars, is moved. Everything is
computed from logarithms, so that bars of q that are nearly 0 are as exact as the others.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from traitlets import Enum, Float, Unicode

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

BARS, REACH = 41, 6.0  # places of the bars, from -REACH to REACH
HUMP, LEFT = 0.7, 0.6  # width of each hump of p, and the weight of the left one
MEAN, WIDTH, STEP = (-5.0, 5.0), (0.6, 3.5), 0.05  # where q may be, and a step of the descent
PLACES = np.linspace(-REACH, REACH, BARS)
FORWARD, BACKWARD = "KL(p‖q)", "KL(q‖p)"


class Divergence(Figure):
    """Entropy, cross-entropy and both divergences of p and q, and where each is paid."""

    heights = (628, 900)

    mean = Float(-1.2, min=MEAN[0], max=MEAN[1], help="the middle of q").tag(sync=True)
    width = Float(1.2, min=WIDTH[0], max=WIDTH[1], help="the standard deviation of q").tag(
        sync=True
    )
    distance = Float(4.0, min=0.0, max=6.0, help="from hump to hump of p").tag(sync=True)
    unit = Enum(("bits", "nats"), "bits", help="of all values shown").tag(sync=True)
    _note = Unicode(
        "Drag the top of q, or use the sliders. Tall bars below show where a divergence is paid: "
        "KL(p‖q) where p is and q is not, KL(q‖p) where q is and p is not."
    ).tag(sync=True)

    @property
    def log_p(self) -> np.ndarray:
        """Natural logarithms of the bars of p, shape (41,)."""
        humps = [_log_bars(side * self.distance / 2, HUMP) for side in (-1, 1)]
        return np.logaddexp(math.log(LEFT) + humps[0], math.log(1 - LEFT) + humps[1])

    @property
    def log_q(self) -> np.ndarray:
        """Natural logarithms of the bars of q, shape (41,)."""
        return _log_bars(self.mean, self.width)

    @property
    def p(self) -> np.ndarray:
        """The bars of p; they sum to 1."""
        return np.exp(self.log_p)

    @property
    def q(self) -> np.ndarray:
        """The bars of q; they sum to 1."""
        return np.exp(self.log_q)

    def contributions(self, unit: str = "nats") -> dict[str, np.ndarray]:
        """What each bar adds to the divergence in either direction."""
        size = 1 if unit == "nats" else math.log(2)
        ratio = (self.log_p - self.log_q) / size
        return {FORWARD: self.p * ratio, BACKWARD: -self.q * ratio}

    def measures(self, unit: str = "nats") -> dict[str, float]:
        """Entropy of p, cross-entropy, and the divergence in both directions."""
        size = 1 if unit == "nats" else math.log(2)
        return {
            "H(p)": float(-(self.p * self.log_p).sum() / size),
            "H(p, q)": float(-(self.p * self.log_q).sum() / size),
            **{name: float(part.sum()) for name, part in self.contributions(unit).items()},
        }

    def minimize(self, direction: str) -> None:
        """Move q downhill, step by step, until no neighboring place is better.

        Args:
            direction: ``"KL(p‖q)"`` or ``"KL(q‖p)"``.
        """
        here = (round(self.mean / STEP), round(self.width / STEP))
        best = self._price(direction, here)
        while True:
            around = [(here[0] + a, here[1] + b) for a, b in product((-1, 0, 1), repeat=2)]
            price, place = min((self._price(direction, at), at) for at in around)
            if price >= best:
                break
            best, here = price, place
        self.mean, self.width = (round(n * STEP, 2) for n in here)

    def _price(self, direction: str, at: tuple[int, int]) -> float:
        """The divergence for a q of this mean and width, in steps; infinite out of bounds."""
        mean, width = (round(n * STEP, 2) for n in at)
        if not (MEAN[0] <= mean <= MEAN[1] and WIDTH[0] <= width <= WIDTH[1]):
            return math.inf
        log_p, log_q = self.log_p, _log_bars(mean, width)
        first, second = (log_p, log_q) if direction == FORWARD else (log_q, log_p)
        return float((np.exp(first) * (first - second)).sum())

    def picture(self, figure: Drawing) -> None:
        """The three rows of bars, and the four values beside them."""
        from utils.plots import COLORS

        figure.set_figheight(4.2)
        top, *rows = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
        side = 2 * REACH / (BARS - 1)
        top.bar(PLACES, self.p, side * 0.8, color=COLORS["blue"], alpha=0.55, label="p")
        top.step(PLACES, self.q, where="mid", color=COLORS["orange"], label="q")
        top.set(ylabel="probability", title="Two distributions, and the price of mixing them up")
        top.legend(loc="upper right", ncols=2)
        parts, values = self.contributions(self.unit), self.measures(self.unit)
        largest = max(max(part.max(), -4 * part.min()) for part in parts.values())
        for ax, color, (name, part) in zip(rows, ("purple", "pink"), parts.items()):
            ax.bar(PLACES, part, side * 0.8, color=COLORS[color])
            ax.set(ylabel=self.unit, ylim=(-0.3 * largest, 1.1 * largest))
            ax.set_title(f"{name} = {values[name]:.3f} {self.unit}", fontsize=9)
        rows[-1].set_xlabel(
            f"place    (entropy H(p) = {values['H(p)']:.3f}, "
            f"cross-entropy H(p, q) = {values['H(p, q)']:.3f} {self.unit})"
        )


def _log_bars(mean: float, width: float) -> np.ndarray:
    """Logarithms of a Gaussian cut into bars that sum to 1."""
    z = -0.5 * ((PLACES - mean) / width) ** 2
    return z - np.logaddexp.reduce(z)
