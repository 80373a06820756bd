"""A learning-rate schedule to drag, and the loss that it leads to in a noisy valley.

The valley has three directions that do not mix, so the expected loss is computed exactly, in two
parts: what is left of the start, and what the noise has brought in. One run with noise shows what
a trainer would see. The script computes the same numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Bool, Float, Int, List, TraitError, Unicode, validate

from utils.widgets.figure import Figure
from utils.widgets.playground import chance, normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

STEPS = 300
CURVATURES = (10.0, 1.0, 0.1)  # of the three directions; each begins with a loss of 5
TOP = 0.25  # the largest rate
WARMUP = 150  # the longest warmup
FAR = 1e4  # a larger loss has blown up
LEAST = 1e-3  # the least last rate, relative to the peak, of a decay by factors
LOSS_ENDS = (1e-3, 100.0)
KINDS = {
    "constant": "Constant",
    "step": "Step decay",
    "exponential": "Exponential decay",
    "linear": "Linear decay",
    "cosine": "Cosine annealing",
    "restarts": "Warm restarts",
}


def decay(kind: str, share: float, last: float) -> float:
    """The rate relative to the peak; share goes from 0 to 1 after the warmup."""
    if kind == "constant":
        return 1.0
    if kind == "step":
        return max(last, LEAST) ** (0.5 * ((share >= 0.5) + (share >= 0.75)))
    if kind == "exponential":
        return max(last, LEAST) ** share
    if kind == "linear":
        return 1 - (1 - last) * share
    if kind == "restarts":  # three cycles, each twice as long as the one before
        begin, end = next(c for c in ((0, 1), (1, 3), (3, 7)) if share < c[1] / 7 or c[1] == 7)
        share = (7 * share - begin) / (end - begin)
    return last + (1 - last) * (1 + math.cos(math.pi * share)) / 2


def noise(seed: int) -> np.ndarray:
    """Three normal numbers for each step, the same as in the script, (STEPS, 3)."""
    draw = chance(seed)
    return np.array([[normal(draw) for _ in CURVATURES] for _ in range(STEPS)])


class Schedule(Figure):
    """A schedule in a noisy valley. ``Schedule(kind="step", peak=0.1, warmup=0, last=0.01)``."""

    heights = (640, 980)

    kind = Unicode("cosine", help=f"one of {', '.join(KINDS)}").tag(sync=True)
    peak = Float(0.15, help=f"the largest rate, from 0.001 to {TOP}").tag(sync=True)
    warmup = Int(20, help=f"steps until the peak, from 0 to {WARMUP}").tag(sync=True)
    last = Float(0.0, help="the last rate relative to the peak, from 0 to 1").tag(sync=True)
    noise = Float(1.0, help="standard deviation of the gradients' noise, from 0 to 3").tag(
        sync=True
    )
    sharp = Bool(False, help="whether the steep direction is steeper at first").tag(sync=True)
    seed = Int(0, min=0, help="of the run with noise").tag(sync=True)
    kept = List(help="a schedule to compare with: kind, peak, warmup, last; or nothing").tag(
        sync=True
    )

    @validate("kind")
    def _known(self, proposal: Any) -> str:
        if proposal.value not in KINDS:
            raise TraitError(f"no {proposal.value!r}; there are: {', '.join(KINDS)}")
        return proposal.value

    @validate("peak", "warmup", "last", "noise")
    def _within(self, proposal: Any) -> Any:
        name = proposal.trait.name
        low, high = {
            "peak": (0.001, TOP), "warmup": (0, WARMUP), "last": (0, 1), "noise": (0, 3),
        }[name]  # fmt: skip
        if not low <= proposal.value <= high:
            raise TraitError(f"{name} must lie between {low} and {high}, not {proposal.value}")
        return proposal.value

    def rates(self) -> np.ndarray:
        """The learning rate of every step, (STEPS,)."""
        rates = []
        for t in range(STEPS):
            share = (t - self.warmup) / (STEPS - 1 - self.warmup)
            part = (t + 1) / (self.warmup + 1) if share < 0 else decay(self.kind, share, self.last)
            rates.append(self.peak * part)
        return np.array(rates)

    def curvatures(self) -> np.ndarray:
        """The curvatures before each step and at the end, (STEPS + 1, 3)."""
        curvatures = np.tile(CURVATURES, (STEPS + 1, 1))
        if self.sharp:
            curvatures[:, 0] *= 1 + 3 * np.exp(-np.arange(STEPS + 1) / 25)
        return curvatures

    def parts(self) -> np.ndarray:
        """Expected loss before each step and at the end: of the start, of the noise (…, 2).

        It is shorter where the loss blows up.
        """
        E = np.array([[10 / curvature, 0.0] for curvature in CURVATURES])  # (3, 2)
        losses, curvatures = [], self.curvatures()
        for t, rate in enumerate([*self.rates(), 0.0]):
            losses.append(curvatures[t] @ E / 2)
            if not sum(losses[-1]) < FAR:
                return np.array(losses[:-1])
            E = (1 - rate * curvatures[t][:, None]) ** 2 * E
            E[:, 1] += (rate * self.noise) ** 2
        return np.array(losses)

    def run(self) -> np.ndarray:
        """The loss of one run with noise; it is shorter where the loss blows up."""
        e = np.sqrt(10 / np.array(CURVATURES))
        losses, curvatures, shakes = [], self.curvatures(), noise(self.seed)
        for t, rate in enumerate([*self.rates(), 0.0]):
            losses.append(curvatures[t] @ e**2 / 2)
            if not losses[-1] < FAR:
                return np.array(losses[:-1])
            if t < STEPS:
                e = e - rate * (curvatures[t] * e + self.noise * shakes[t])
        return np.array(losses)

    def floor(self) -> np.ndarray:
        """Where the loss would rest at each step's rate; infinite above the limit, (STEPS,)."""
        rates, curvatures = self.rates()[:, None], self.curvatures()[:-1]
        room = 2 - rates * curvatures
        rest = rates * self.noise**2 / np.where(room > 0, room, 1)
        return np.where((room > 0).all(axis=1), rest.sum(axis=1) / 2, np.inf)

    def picture(self, figure: Drawing) -> None:
        from utils.plots import COLORS, INK

        figure.set_figheight(3.6)
        left, right = figure.subplots(1, 2)
        left.plot(self.rates(), color=COLORS["blue"])
        left.plot(2 / self.curvatures().max(axis=1)[:-1], color=INK, ls=":", lw=1.2)
        left.plot(self.warmup, self.rates()[self.warmup], "o", color=COLORS["blue"], ms=10)
        left.plot(STEPS - 1, self.rates()[-1], "s", color=COLORS["blue"], ms=9)
        left.set(xlabel="step", ylabel="learning rate", ylim=(0, TOP), title="The schedule")
        right.semilogy(self.run(), color=COLORS["gray"], lw=0.8, label="a run with noise")
        right.semilogy(self.parts().sum(axis=1), color=COLORS["blue"], label="expected loss")
        right.semilogy(self.floor(), color=COLORS["orange"], ls="--", lw=1.5, label="floor")
        right.set(xlabel="step", ylim=LOSS_ENDS, title="The loss")
        right.legend(fontsize=8)
