"""A 2×2 matrix as a moving picture: the plane under it, what stays, and what becomes of a circle.

The two columns are dragged; grid, circle and a letter F follow, since each of their points is a
mixture of the columns. Between the identity and the matrix lies (1 − t)·I + t·A, which has the
eigenvectors of A at every t: so points on them never leave their line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Enum, Float, List, TraitError, Unicode, validate

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SPAN = 3.2  # the picture shows the plane from -SPAN to SPAN
REACH = 3.0  # and columns stay within ±REACH
TINY = 1e-9  # a difference below it is rounding: entries have one or two decimals
LETTER = [  # the corners of an F inside the unit square
    (0.25, 0.12), (0.4, 0.12), (0.4, 0.42), (0.66, 0.42), (0.66, 0.57), (0.4, 0.57), (0.4, 0.74),
    (0.78, 0.74), (0.78, 0.9), (0.25, 0.9),
]  # fmt: skip
EXAMPLES: dict[str, list[list[float]]] = {
    "Two stretches": [[1.6, 0.6], [0.4, 1.2]],
    "Identity": [[1, 0], [0, 1]],
    "Symmetric": [[1.5, 0.8], [0.8, 0.9]],
    "Stretch along the axes": [[2, 0], [0, 0.5]],
    "Rotation": [[0.6, -0.8], [0.8, 0.6]],
    "Reflection": [[0.6, 0.8], [0.8, -0.6]],
    "Shear": [[1, 1], [0, 1]],
    "Projection, rank 1": [[0.8, 0.4], [0.4, 0.2]],
    "Half a turn": [[-1, 0], [0, -1]],
}


class Plane(Figure):
    """The plane under a matrix, whose columns are dragged.

    >>> plane = Plane(matrix=[[0, -1], [1, 0]])
    >>> plane.determinant, plane.eigenvalues
    (1.0, [])
    """

    heights = (490, 785)

    matrix = List(
        List(Float()), EXAMPLES["Two stretches"], help="two rows of two numbers from -3 to 3"
    ).tag(sync=True)
    morph = Float(1.0, min=0, max=1, help="from 0, the identity, to 1, the matrix").tag(sync=True)
    show = Enum(
        ["eigenvectors", "singular vectors", "neither"], "eigenvectors", help="which to draw"
    ).tag(sync=True)
    _examples = List(List(), [[name, matrix] for name, matrix in EXAMPLES.items()]).tag(sync=True)
    _letter = List(List(Float()), [list(corner) for corner in LETTER]).tag(sync=True)
    _hint = Unicode("Drag the two arrows: they are the columns of the matrix.").tag(sync=True)

    def __init__(self, **values: Any) -> None:
        if hasattr(values.get("matrix"), "tolist"):  # an array or a tensor
            values["matrix"] = values["matrix"].tolist()
        super().__init__(**values)

    @property
    def determinant(self) -> float:
        """How many times larger areas become; negative where the plane is turned over."""
        (a, b), (c, d) = self.matrix
        return float(a * d - b * c)

    @property
    def eigenvalues(self) -> list[float]:
        """The real eigenvalues, the larger first; none where they are not real."""
        (a, _), (_, d) = self.matrix
        middle = (a + d) / 2
        square = middle**2 - self.determinant
        if square < -TINY:
            return []
        root = math.sqrt(max(square, 0)) if abs(square) > TINY else 0.0
        return [middle + root, middle - root]

    @property
    def eigenvectors(self) -> list[tuple[float, float]]:
        """The directions that stay: two, one, or none. Of those that stay all, the two axes."""
        (a, b), (c, d) = self.matrix
        if max(abs(b), abs(c), abs(a - d)) < TINY:
            return [(1.0, 0.0), (0.0, 1.0)]
        found = []
        for value in dict.fromkeys(self.eigenvalues):
            x, y = max([(b, value - a), (value - d, c)], key=lambda v: math.hypot(*v))
            found.append((x / math.hypot(x, y), y / math.hypot(x, y)))
        return found

    @property
    def singular_vectors(self) -> list[tuple[float, float]]:
        """v₁ and v₂: the perpendicular directions that become the axes of the ellipse."""
        (a, b), (c, d) = self.matrix
        angle = math.atan2(2 * (a * b + c * d), a * a + c * c - b * b - d * d) / 2
        return [(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))]

    @property
    def singular_values(self) -> list[float]:
        """The half-axes of the ellipse that the unit circle becomes, the longer first."""
        A = np.array(self.matrix)
        return [float(np.linalg.norm(A @ v)) for v in self.singular_vectors]

    @property
    def now(self) -> np.ndarray:
        """The matrix on the way from the identity, (1 − t)·I + t·A."""
        return (1 - self.morph) * np.eye(2) + self.morph * np.array(self.matrix)

    @validate("matrix")
    def _two_by_two(self, proposal: dict[str, Any]) -> list[list[float]]:
        rows = [[float(number) for number in row] for row in proposal["value"]]
        if [len(row) for row in rows] != [2, 2]:
            raise TraitError("the matrix must have two rows of two numbers")
        if not all(abs(number) <= REACH for row in rows for number in row):
            raise TraitError(f"the numbers of the matrix must lie between -{REACH:g} and {REACH:g}")
        return rows

    def picture(self, figure: Drawing) -> None:
        """The plane where the script draws it, and the numbers beside it."""
        from utils.plots import COLORS, INK

        figure.set_layout_engine("none")
        height = 412  # without the controls, which do nothing on paper
        figure.set_figheight(height / 100)
        ax = figure.add_axes((3 / 720, 1 - 404 / height, 400 / 720, 400 / height))
        self._draw(ax)
        (a, b), (c, d) = ([_text(number) for number in row] for row in self.matrix)
        rows = (
            (COLORS["blue"], "bold", f"First column: ({a}, {c})"),
            (COLORS["orange"], "bold", f"Second column: ({b}, {d})"),
            (INK, "normal", "Where the two unit vectors go."),
            (INK, "bold", f"Determinant: {_text(self.determinant)}"),
            (INK, "normal", "By this factor areas grow."),
            (COLORS["purple"], "bold", f"Eigenvalues: {self._eigen_text()}"),
            (INK, "normal", "Dashed: the directions that stay."),
            (
                COLORS["green"],
                "bold",
                "Singular values: " + ", ".join(map(_text, self.singular_values)),
            ),
            (INK, "normal", "The half-axes of the ellipse."),
        )
        y = 70
        for color, weight, text in rows:
            y += 40 if weight == "bold" else 22
            figure.text(430 / 720, 1 - y / height, text, color=color, weight=weight, fontsize=9.5)

    def _draw(self, ax: Axes) -> None:
        from utils.plots import COLORS, INK

        M = self.now
        ax.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(True)
        for k in range(-12, 13):
            for line in (np.array([[k, k], [-12, 12]]), np.array([[-12, 12], [k, k]])):
                ax.plot(*line, color=INK, lw=0.5, alpha=0.25)
                ax.plot(*(M @ line), color=COLORS["blue"], lw=1 if k else 1.8, alpha=0.3)
        t = np.linspace(0, 2 * np.pi, 100)
        ax.plot(*(M @ [np.cos(t), np.sin(t)]), color=COLORS["green"], lw=2)
        ax.fill(*(M @ np.array([(0, 0), (1, 0), (1, 1), (0, 1)]).T), color=INK, alpha=0.15, lw=0)
        ax.fill(*(M @ np.array(LETTER).T), color=INK, alpha=0.75, lw=0)
        if self.show != "neither":
            is_eigen = self.show == "eigenvectors"
            color = COLORS["purple" if is_eigen else "green"]
            for v in self.eigenvectors if is_eigen else self.singular_vectors:
                if is_eigen:
                    ax.plot(*(10 * np.outer(v, [-1, 1])), "--", color=color, lw=1.5)
                _arrow(ax, M @ v, color)
        for column, color in zip(M.T, (COLORS["blue"], COLORS["orange"])):
            _arrow(ax, column, color)
            ax.plot(*column, "o", color=color, ms=10)

    def _eigen_text(self) -> str:
        if values := self.eigenvalues:
            return ", ".join(map(_text, values))
        middle = (self.matrix[0][0] + self.matrix[1][1]) / 2
        part = math.sqrt(self.determinant - middle**2)
        return f"{_text(middle)} ± {_text(part)}i"


def _text(value: float) -> str:
    """Two decimals, with a real minus sign, as the script writes it."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _arrow(ax: Axes, tip: np.ndarray, color: str) -> None:
    arrow = {"arrowstyle": "-|>", "color": color, "lw": 2.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", tuple(tip), (0, 0), arrowprops=arrow, annotation_clip=False)
