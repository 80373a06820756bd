"""Which numbers share a mean and a variance: the axes of five normalizations, as cells to touch.

A batch of up to four examples with four channels stands in the figure, each channel a little image
of four positions, or of one, as in a multi-layer perceptron. Touch a cell and the set that is
normalized together with it lights up; change its value and the outputs that change are marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from traitlets import Enum, Float, Int, List

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

EXAMPLES, CHANNELS, POSITIONS = 4, 4, 4
EPS = 1e-5
NORMS = {
    "batch": "Batch norm",
    "layer": "Layer norm",
    "instance": "Instance norm",
    "group": "Group norm",
    "rms": "RMSNorm",
}
VALUES = (  # example by example, channel by channel; the third channel is loud, the last row bright
    (2, 5, 0, 1), (-3, -1, -2, 2), (9, -6, 12, 1), (1, 0, 4, -1),
    (4, 1, 3, 0), (0, -4, 1, -1), (-8, 4, 10, 6), (2, 3, -2, 1),
    (-1, 2, 1, 6), (-2, 1, -5, 2), (7, 14, -3, -6), (0, -1, 2, 3),
    (8, 9, 6, 11), (5, 3, 7, 4), (16, 2, 11, 19), (6, 9, 7, 8),
)  # fmt: skip


class NormAxes(Figure):
    """A small batch of numbers, and the set of them that each normalization puts together.

    >>> NormAxes(norm="layer", side=1).members().sum()
    np.int64(4)
    """

    heights = (630, 1190)

    norm = Enum(list(NORMS), "batch", help="one of " + ", ".join(NORMS)).tag(sync=True)
    groups = Enum((1, 2, 4), 2, help="groups of channels, for group norm").tag(sync=True)
    batch = Int(EXAMPLES, min=1, max=EXAMPLES, help="examples in the batch, 1 to 4").tag(sync=True)
    side = Enum((1, 2), 2, help="side of each channel's image: 1 or 2 positions").tag(sync=True)
    cell = List(
        Int(min=0, max=3), [1, 1, 0], 3, 3, help="the touched cell: example, channel, position"
    ).tag(sync=True)
    values = List(
        Float(),
        [float(v) for block in VALUES for v in block],
        *(EXAMPLES * CHANNELS * POSITIONS,) * 2,
        help="64 numbers, by example, channel, position",
    ).tag(sync=True)

    def array(self) -> np.ndarray:
        """The numbers in the batch, (examples, channels, positions)."""
        whole = np.reshape(self.values, (EXAMPLES, CHANNELS, POSITIONS))
        return whole[: self.batch, :, : self.side**2].astype(float)

    def at(self) -> tuple[int, int, int]:
        """The touched cell, held inside the batch and the image."""
        n, c, p = self.cell
        return min(n, self.batch - 1), c, min(p, self.side**2 - 1)

    def _labels(self) -> np.ndarray:
        """For each number the set that it belongs to."""
        n, c, p = np.indices(self.array().shape)
        size = CHANNELS // self.groups
        return {
            "batch": c,
            "layer": n,
            "rms": n,
            "instance": CHANNELS * n + c,
            "group": CHANNELS * n + c // size,
        }[self.norm] + 0 * p

    def members(self) -> np.ndarray:
        """Which numbers share their statistics with the touched one, as an array of truth."""
        labels = self._labels()
        return labels == labels[self.at()]

    def statistics(self) -> tuple[float, float]:
        """What is subtracted from the touched cell's set, and the mean square of what is left."""
        chosen = self.array()[self.members()]
        mean = 0.0 if self.norm == "rms" else float(chosen.mean())
        return mean, float(np.square(chosen - mean).mean())

    def normalized(self) -> np.ndarray:
        """All outputs, of the shape of ``array()``."""
        x, labels = self.array(), self._labels()
        out = np.empty_like(x)
        for label in np.unique(labels):
            chosen = labels == label
            centered = x[chosen] - (0 if self.norm == "rms" else x[chosen].mean())
            out[chosen] = centered / np.sqrt(np.square(centered).mean() + EPS)
        return out

    def picture(self, figure: Drawing) -> None:
        mean, square = self.statistics()
        left, right = figure.subplots(1, 2)
        name = NORMS[self.norm] + (f", {self.groups} groups" if self.norm == "group" else "")
        self._grid(left, self.array(), "{:g}", "Input")
        self._grid(right, self.normalized(), "{:.2f}", "Normalized")
        center = "no mean is subtracted" if self.norm == "rms" else f"mean {mean:.2f}"
        kind = "mean square" if self.norm == "rms" else "variance"
        figure.suptitle(
            f"{name}: the blue cells, {self.members().sum()} numbers, share one set\n"
            f"{center}, {kind} {square:.2f}",
            x=0.02,
            y=0.9,
            ha="left",
            size="medium",
        )

    def _grid(self, ax: Axes, values: np.ndarray, form: str, title: str) -> None:
        from utils.plots import COLORS, INK

        members, at = self.members(), self.at()
        for (n, c, p), value in np.ndenumerate(values):
            x = 2.3 * c + p % self.side * 2 / self.side
            y = 2.3 * n + p // self.side * 2 / self.side
            size = 2 / self.side
            face = COLORS["blue"] + "55" if members[n, c, p] else "none"
            width = 2.2 if (n, c, p) == at else 0.5
            box = ax.patch.__class__((x, y), size, size, fc=face, ec=INK, lw=width)
            ax.add_patch(box)
            text = form.format(value).replace("-", "−")
            ax.text(x + size / 2, y + size / 2, text, ha="center", va="center", fontsize=7)
        ax.set(xlim=(-0.1, 9.1), ylim=(2.3 * EXAMPLES, -0.1), aspect="equal", title=title)
        ax.set_xticks([2.3 * c + 1 for c in range(CHANNELS)], range(1, CHANNELS + 1))
        ax.set_yticks([2.3 * n + 1 for n in range(self.batch)], range(1, self.batch + 1))
        ax.set(xlabel="channel", ylabel="example")
        ax.grid(False)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
