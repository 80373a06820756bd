"""Slide a kernel over a picture: what stride, padding and dilation do, where each number is from.

The picture is small enough to see every pixel, and can be drawn on. What the script shows is what
`ConvolutionExplorer.output` says: the cross-correlation that deep-learning libraries call
convolution, of one channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import HasTraits, Int, List, TraitType, Unicode, observe, validate

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

KERNELS: dict[str, list[list[float]]] = {
    "Identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "Move by one pixel": [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    "Blur, mean of nine": [[0.1111] * 3] * 3,
    "Blur, Gaussian": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
    "Sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "Horizontal edges": [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    "Vertical edges": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "Diagonal edges": [[0, 1, 1], [-1, 0, 1], [-1, -1, 0]],
    "Outline, all directions": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
SEVEN = """\
..............
..............
..##########..
..##########..
.........##...
.........##...
........##....
........##....
.......##.....
.......##.....
......##......
......##......
..............
..............
"""


class Grid(TraitType):
    """A matrix of numbers: takes arrays, tensors and lists, and holds lists of lists."""

    info_text = "a matrix of numbers"

    def __init__(self, default: Any, digits: int, **keywords: Any) -> None:
        super().__init__(default_value=default, **keywords)
        self.digits = digits

    def validate(self, owner: HasTraits, value: Any) -> list[list[float]]:
        try:
            array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, float)
        except (TypeError, ValueError):
            self.error(owner, value)
        if array.ndim != 2 or not array.size:
            self.error(owner, value)
        return [[round(float(number), self.digits) + 0.0 for number in row] for row in array]


class ConvolutionExplorer(Figure):
    """One channel, one 3×3 kernel. Every setting is a trait, and moves with the page.

    ``ConvolutionExplorer(image=glyph, kernel="Sharpen", padding=1)``: a kernel is a matrix or one
    of the names in ``KERNELS``.
    """

    heights = (590, 972)

    image = Grid(
        [[float(sign == "#") for sign in row] for row in SEVEN.split()],
        digits=2,
        help="the picture, 3 to 28 pixels a side, from 0 (paper) to 1 (ink)",
    ).tag(sync=True)
    kernel = Grid(KERNELS["Horizontal edges"], digits=4, help="3×3 weights").tag(sync=True)
    stride = Int(1, min=1, max=3, help="pixels from one place to the next").tag(sync=True)
    padding = Int(0, min=0, max=3, help="zeros laid around the picture").tag(sync=True)
    dilation = Int(1, min=1, max=3, help="pixels from one tap to the next").tag(sync=True)
    position = List(
        Int(), [0, 0], minlen=2, maxlen=2, help="row and column of the number looked at"
    ).tag(sync=True)
    _kernels = List(List(), [[name, matrix] for name, matrix in KERNELS.items()]).tag(sync=True)
    _note = Unicode(
        "Draw on the input, move over the output. Blue is positive, orange negative: which sides "
        "of a stroke does each kernel find, and what do stride, padding and dilation change?"
    ).tag(sync=True)

    def __init__(self, **values: Any) -> None:
        kernel = values.get("kernel")
        if isinstance(kernel, str):
            if kernel not in KERNELS:
                raise ValueError(f"no kernel {kernel!r}; there are: {', '.join(KERNELS)}")
            values["kernel"] = KERNELS[kernel]
        super().__init__(**values)

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the output; 0 where the kernel does not fit."""
        sides = (len(self.image), len(self.image[0]))
        free = [n + 2 * self.padding - 2 * self.dilation - 1 for n in sides]
        return tuple(n // self.stride + 1 if n >= 0 else 0 for n in free)

    @property
    def output(self) -> np.ndarray:
        """The feature map, shape (H', W')."""
        rows, columns = self.output_size
        padded, total = np.pad(np.array(self.image), self.padding), np.zeros((rows, columns))
        for u, v in np.ndindex(3, 3):  # each tap: the part of the picture that it stands on
            top, left = u * self.dilation, v * self.dilation
            part = padded[top :: self.stride, left :: self.stride][:rows, :columns]
            total += self.kernel[u][v] * part
        return total

    @property
    def products(self) -> np.ndarray:
        """Pixel times weight for the nine taps at the present position; the sum is the output."""
        if not self.output.size:
            return np.zeros((3, 3))
        row, column = (n * self.stride for n in self.position)
        reach = slice(row, row + 2 * self.dilation + 1, self.dilation)
        across = slice(column, column + 2 * self.dilation + 1, self.dilation)
        return np.pad(np.array(self.image), self.padding)[reach, across] * np.array(self.kernel)

    @validate("image")
    def _image_of_a_size_to_see(self, proposal: dict[str, Any]) -> list[list[float]]:
        rows, columns = len(proposal["value"]), len(proposal["value"][0])
        if not (3 <= rows <= 28 and 3 <= columns <= 28):
            raise ValueError(f"the image must have 3 to 28 pixels a side, not {rows} × {columns}")
        return proposal["value"]

    @validate("kernel")
    def _kernel_of_three(self, proposal: dict[str, Any]) -> list[list[float]]:
        if [len(row) for row in proposal["value"]] != [3, 3, 3]:
            raise ValueError("the kernel must be a 3×3 matrix")
        return proposal["value"]

    @observe("image", "stride", "padding", "dilation", "position")
    def _stay_inside(self, change: dict[str, Any]) -> None:
        """The position follows where the output has become smaller."""
        inside = [max(0, min(p, n - 1)) for p, n in zip(self.position, self.output_size)]
        if inside != self.position:
            self.position = inside

    def picture(self, figure: Drawing) -> None:
        """Input, kernel, products and output where the script draws them; the sum below."""
        from matplotlib.patches import Rectangle

        from utils.plots import COLORS, INK

        height = 455  # without the controls, which do nothing on paper
        figure.set_layout_engine("none")
        figure.set_figheight(height / 100)

        def box(left: int, top: int, side: int, values: Any, title: str, ink: bool = False) -> Axes:
            place = (left / 720, 1 - (top + side) / height, side / 720, side / height)
            ax = figure.add_axes(place, xticks=[], yticks=[], facecolor="none")
            _cells(
                ax, np.asarray(values), (INK, INK) if ink else (COLORS["blue"], COLORS["orange"])
            )
            figure.text(left / 720, 1 - (top - 8) / height, title, color=INK, weight="bold", size=9)
            return ax

        z, (i, j) = self.output, self.position
        padded = np.pad(np.array(self.image), self.padding)
        shapes = [f"{a.shape[0]} × {a.shape[1]}" for a in (padded, z)]
        left = box(3, 28, 273, padded, f"Input, {shapes[0]}", ink=True)
        for top, title, values in (
            (28, "Kernel, 3 × 3", self.kernel),
            (192, "Products", self.products),
        ):
            ax = box(297, top, 126, values, title)
            for (u, v), value in np.ndenumerate(values):
                ax.text(v + 0.5, u + 0.5, _text(value), color=INK, ha="center", va="center", size=9)
        right = box(445, 28, 273, z, f"Output, {shapes[1]}")
        frame = {"fill": False, "ec": COLORS["purple"], "lw": 2, "clip_on": False}
        side, s = 2 * self.dilation + 1, self.stride
        left.add_patch(Rectangle((j * s, i * s), side, side, **frame))
        ax.add_patch(Rectangle((0, 0), 3, 3, **frame))
        right.add_patch(Rectangle((j, i), 1, 1, **frame))
        terms = [
            f"{_text(weight)}·{_text(product / weight)}"
            for weight, product in zip(np.ravel(self.kernel), self.products.ravel())
            if product
        ]
        total = " + ".join(terms).replace("+ −", "− ") or "0"
        numbers = f"{len(self.image)} + 2·{self.padding} − {self.dilation}·(3 − 1) − 1"
        sum_line = f"The sum:  z[{i}, {j}] = {total} = {_text(z[i, j]) if z.size else '?'}"
        size_line = f"⌊(H + 2p − d(k − 1) − 1) / s⌋ + 1 = ⌊({numbers}) / {s}⌋ + 1 = {z.shape[0]}"
        for top, text in ((385, sum_line), (415, f"The size:  {size_line}")):
            figure.text(14 / 720, 1 - top / height, text, size=9.5, color=INK, wrap=True)


def _text(value: float) -> str:
    """At most two decimals, with a real minus sign, as the script writes it."""
    return f"{round(float(value), 2) + 0.0:g}".replace("-", "−")


def _cells(ax: Axes, values: np.ndarray, colors: tuple[str, str]) -> None:
    """A matrix as squares: one color for positive numbers, one for negative ones."""
    from matplotlib.colors import to_rgba

    from utils.plots import INK

    largest = max(np.abs(values).max(initial=0), 1e-9)
    strength = 0.45 if values.shape == (3, 3) else 0.95  # text must be legible on the small ones
    shades = [
        to_rgba(colors[int(value < 0)], strength * abs(value) / largest) for value in values.ravel()
    ]
    rows, columns = values.shape
    ax.set(xlim=(0, columns or 1), ylim=(rows or 1, 0))
    ax.grid(False)
    ax.spines[:].set_visible(True)
    if values.size:
        ax.pcolormesh(values, edgecolors=to_rgba(INK, 0.2), linewidth=0.4).set_facecolor(shades)
        ax.collections[-1].set_array(None)
