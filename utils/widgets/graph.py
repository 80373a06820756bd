"""A computational graph that the reader steps through, forward and backward.

An expression is a table of nodes, in the order in which they are computed. Python evaluates it for
the picture, for tests and for whoever calls ``forward()`` and ``backward()``; the script receives
the same table and evaluates it in the browser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Place = tuple[float, float]
WIDTH, HEIGHT, CARD = 344, 500, 54  # of the drawing and of a node, in its own pixels


@dataclass(frozen=True)
class Node:
    """An input with its first value and the ends of its slider, or an operation on its parents."""

    name: str
    at: Place  # where it is drawn: across in pixels of 344, down in layers
    value: float = 0.0  # of an input
    ends: Place = (-5.0, 5.0)  # of an input's slider
    op: str = ""  # a key of OPERATIONS; none for an input
    parents: tuple[str, ...] = ()
    formula: str = ""  # what is written on the node; an input's is its name


@dataclass(frozen=True)
class Expression:
    """What can be chosen: a title, what to try, and the nodes, parents before children."""

    title: str
    hint: str
    nodes: tuple[Node, ...]  # the result is the last

    @property
    def inputs(self) -> dict[str, float]:
        return {node.name: node.value for node in self.nodes if not node.op}

    @property
    def last_step(self) -> int:
        """Each operation has its turn in both sweeps; between them the result's gradient is 1."""
        return 2 * sum(bool(node.op) for node in self.nodes) + 1


# name -> (value, slopes), each a function of the parents' values: one slope for each parent.
OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Sequence[Any]]]] = {
    "add": (lambda *a: sum(a), lambda *a: [1.0] * len(a)),
    "subtract": (lambda a, b: a - b, lambda a, b: [1.0, -1.0]),
    "multiply": (lambda a, b: a * b, lambda a, b: [b, a]),
    "square": (lambda a: a * a, lambda a: [2 * a]),
    "increment": (lambda a: a + 1, lambda a: [1.0]),
    "relu": (lambda a: np.maximum(a, 0), lambda a: [np.float64(a > 0)]),
    "sigmoid": (lambda a: _sigmoid(a), lambda a: [_sigmoid(a) * (1 - _sigmoid(a))]),
    "surprise": (lambda a: -np.log(a), lambda a: [-1 / a]),
}


def _number(value: float) -> str:
    """Three digits where there are more, as the script writes numbers."""
    whole = value == round(value, 0) and abs(value) < 1e5 if math.isfinite(value) else False
    return (f"{value:.0f}" if whole else f"{value:.3g}").replace("-", "−")


def _sigmoid(a: np.float64) -> np.float64:
    return 1 / (1 + np.exp(-a))


def _neuron(title: str, hint: str, activation: Node) -> Expression:
    """A neuron with one input and the squared error of its output."""
    name = activation.name
    nodes = (
        Node("x", (72, 0), 2),
        Node("w", (182, 0), 1.5),
        Node("b", (237, 1), -1),
        Node("u", (127, 1), op="multiply", parents=("w", "x"), formula="u = w·x"),
        Node("z", (182, 2), op="add", parents=("u", "b"), formula="z = u + b"),
        activation,
        Node("y", (292, 3), 1),
        Node("e", (237, 4), op="subtract", parents=(name, "y"), formula=f"e = {name} − y"),
        Node("L", (237, 5), op="square", parents=("e",), formula="L = e²"),
    )
    order = ("x", "w", "b", "y", "u", "z", name, "e", "L")  # the controls in the order of the text
    return Expression(title, hint, tuple(sorted(nodes, key=lambda node: order.index(node.name))))


EXPRESSIONS: dict[str, Expression] = {
    "penalty": Expression(
        "Error and penalty: (wx − y)² + λw²",
        "Set w to 0: which gradients vanish, and by which local derivative?",
        (
            Node("x", (92, 0), 2),
            Node("w", (210, 0), 3),
            Node("y", (42, 1), 4),
            Node("λ", (302, 2), 0.5, (0, 2)),
            Node("p", (142, 1), op="multiply", parents=("w", "x"), formula="p = w·x"),
            Node("e", (92, 2), op="subtract", parents=("p", "y"), formula="e = p − y"),
            Node("s", (92, 3), op="square", parents=("e",), formula="s = e²"),
            Node("q", (206, 2), op="square", parents=("w",), formula="q = w²"),
            Node("r", (254, 3), op="multiply", parents=("λ", "q"), formula="r = λ·q"),
            Node("L", (173, 4), op="add", parents=("s", "r"), formula="L = s + r"),
        ),
    ),
    "twice": Expression(
        "A value used twice: (a + b)(b + 1)",
        "Find an a for which b has no effect: its two paths cancel.",
        (
            Node("a", (92, 0), 3),
            Node("b", (222, 0), 1),
            Node("c", (112, 1), op="add", parents=("a", "b"), formula="c = a + b"),
            Node("d", (232, 1), op="increment", parents=("b",), formula="d = b + 1"),
            Node("L", (172, 2), op="multiply", parents=("c", "d"), formula="L = c·d"),
        ),
    ),
    "relu": _neuron(
        "A ReLU neuron, squared error",
        "Lower b until z is negative. Where does the gradient stop?",
        Node("a", (182, 3), op="relu", parents=("z",), formula="a = ReLU(z)"),
    ),
    "sigmoid": _neuron(
        "A sigmoid neuron, squared error",
        "Set w to −4: p is quite wrong, and yet hardly any gradient.",
        Node("p", (182, 3), op="sigmoid", parents=("z",), formula="p = σ(z)"),
    ),
    "logistic": Expression(
        "A sigmoid neuron, logistic loss",
        "Lower b to −5: the sigmoid is flat. What makes up for it?",
        (
            Node("x₁", (42, 0), 1),
            Node("w₁", (129, 0), 2),
            Node("x₂", (215, 0), 3),
            Node("w₂", (302, 0), -1.5),
            Node("b", (302, 1), 0.5),
            Node("u", (86, 1), op="multiply", parents=("w₁", "x₁"), formula="u = w₁·x₁"),
            Node("v", (194, 1), op="multiply", parents=("w₂", "x₂"), formula="v = w₂·x₂"),
            Node("z", (194, 2), op="add", parents=("u", "v", "b"), formula="z = u + v + b"),
            Node("p", (194, 3), op="sigmoid", parents=("z",), formula="p = σ(z)"),
            Node("L", (194, 4), op="surprise", parents=("p",), formula="L = −ln p"),
        ),
    ),
}


class GraphStepper(Figure):
    """Step through a computational graph: values forward, then gradients backward.

    >>> stepper = GraphStepper(expression="twice", inputs={"a": 2})
    >>> stepper.backward()["b"]
    5.0
    """

    heights = (560, 1122)

    expression = traitlets.Enum(
        list(EXPRESSIONS), "penalty", help="which expression: " + ", ".join(EXPRESSIONS)
    ).tag(sync=True)
    inputs = traitlets.Dict(
        key_trait=traitlets.Unicode(),
        help="the inputs' values by name; names that are left out keep theirs",
    ).tag(sync=True)
    step = traitlets.Int(help="steps done, from 0 (only the inputs) to the last (both sweeps)").tag(
        sync=True
    )
    _expressions = traitlets.Dict().tag(sync=True)

    @property
    def chosen(self) -> Expression:
        """The table of the chosen expression."""
        return EXPRESSIONS[self.expression]

    def forward(self) -> dict[str, float]:
        """The value of every node, by name: forward propagation."""
        values = {name: np.float64(self.inputs[name]) for name in self.chosen.inputs}
        with np.errstate(all="ignore"):
            for node in self.operations():
                value, _ = OPERATIONS[node.op]
                values[node.name] = value(*(values[parent] for parent in node.parents))
        return {name: float(value) for name, value in values.items()}

    def local_derivatives(self) -> dict[tuple[str, str], float]:
        """``[child, parent]``: how fast a node's value changes with that of a parent."""
        values, found = self.forward(), {}
        with np.errstate(all="ignore"):
            for node in self.operations():
                _, slopes = OPERATIONS[node.op]
                at = slopes(*(np.float64(values[parent]) for parent in node.parents))
                found |= {(node.name, parent): float(s) for parent, s in zip(node.parents, at)}
        return found

    def products(self) -> dict[str, list[float]]:
        """What each node receives in the backward sweep, one number along each arrow."""
        local = self.local_derivatives()
        received: dict[str, list[float]] = {node.name: [] for node in self.chosen.nodes}
        received[self.chosen.nodes[-1].name] = [1.0]
        for node in reversed(self.operations()):
            gradient = sum(received[node.name])  # complete: all its children have had their turn
            for parent in node.parents:
                received[parent].append(gradient * local[node.name, parent])
        return received

    def backward(self) -> dict[str, float]:
        """The derivative of the result with respect to every node: backward propagation."""
        return {name: sum(parts) for name, parts in self.products().items()}

    def operations(self) -> list[Node]:
        """The nodes that are computed, in the order of the forward sweep."""
        return [node for node in self.chosen.nodes if node.op]

    def picture(self, figure: Drawing) -> None:
        """The whole graph with values and gradients, and beside it how to read them."""
        from utils.plots import COLORS, INK

        figure.set_layout_engine("none")
        height = self.heights[0]
        graph = (3 / 720, 1 - 484 / height, 331 / 720, 481 / height)  # where the script draws it
        axes = [figure.add_axes(place) for place in (graph, (0.5, graph[1], 0.5, graph[3]))]
        for ax in axes:
            ax.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
            ax.axis("off")
        self._draw(axes[0])
        legend = (
            (INK, "bold", self.chosen.title),
            (COLORS["blue"], "bold", "Blue: the value of a node,"),
            (INK, "normal", "computed along the arrows, from the top down."),
            (COLORS["purple"], "bold", "Purple: the local derivative of an arrow,"),
            (INK, "normal", "how fast a node follows its parent."),
            (COLORS["orange"], "bold", "Orange: the gradient, ∂L/∂node,"),
            (INK, "normal", "computed against the arrows, from L up:"),
            (INK, "normal", "multiplied along an arrow by its local"),
            (INK, "normal", "derivative, added where two arrows begin."),
        )
        y = 90
        for color, weight, text in legend:
            y += 42 if weight == "bold" else 22
            axes[1].text(16, y, text, color=color, weight=weight, fontsize=9)

    def _draw(self, ax: Axes) -> None:
        """The graph, in the places that the script uses (`layout` in graph.js)."""
        from matplotlib.colors import to_rgba
        from matplotlib.patches import FancyBboxPatch, Rectangle

        from utils.plots import COLORS, INK

        nodes = self.chosen.nodes
        pitch = min(150.0, (HEIGHT - CARD - 4) / max(node.at[1] for node in nodes))
        top = (HEIGHT - CARD - pitch * max(node.at[1] for node in nodes)) / 2
        place = {node.name: (node.at[0], top + node.at[1] * pitch) for node in nodes}
        values, received = self.forward(), self.products()
        local = self.local_derivatives()
        for node in nodes:
            x, y = place[node.name]
            for parent in node.parents:
                self._draw_arrow(ax, place[parent], (x, y), local[node.name, parent], pitch)
            parts = received[node.name]
            wide = 124 if len(parts) > 1 else 100 if len(node.formula) > 11 else 84
            gradient = _number(sum(parts))
            if len(parts) > 1:
                gradient = " + ".join(map(_number, parts)) + " = " + gradient
            blue, orange = to_rgba(COLORS["blue"], 0.1), to_rgba(COLORS["orange"], 0.12)
            corner = (x - wide / 2, y)
            box = FancyBboxPatch(corner, wide, CARD, boxstyle="round,pad=0,rounding_size=6", lw=1)
            box.set(edgecolor=INK, facecolor="none", clip_on=False)
            ax.add_patch(box)
            for below, high, color in ((0, 36, "none" if node.op else blue), (36, 18, orange)):
                part = Rectangle((corner[0], y + below), wide, high, lw=0, facecolor=color)
                ax.add_patch(part)
                part.set_clip_path(box)
            rows = (
                (node.formula or node.name, INK, "normal", "italic"),
                (_number(values[node.name]), COLORS["blue"], "bold", "normal"),
                (gradient, COLORS["orange"], "bold", "normal"),
            )
            for (text, color, weight, style), below in zip(rows, (11, 27, 45)):
                how = {"color": color, "weight": weight, "style": style, "fontsize": 8}
                ax.text(x, y + below, text, ha="center", va="center", **how)

    @staticmethod
    def _draw_arrow(ax: Axes, parent: Place, child: Place, slope: float, pitch: float) -> None:
        """Its number stands beside it: a transparent picture has no paper to lay under it."""
        from utils.plots import COLORS, INK

        shift = min(max((child[0] - parent[0]) * 0.25, -26), 26)
        (x0, y0), (x1, y1) = (parent[0] + shift, parent[1] + CARD), (child[0] - shift, child[1])
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)
        t = 0.46 if child[1] - parent[1] < 1.5 * pitch else 0.72
        side = 1 if x0 >= x1 else -1
        ax.text(
            x0 + t * (x1 - x0) + 6 * side,
            y0 + t * (y1 - y0),
            f"×{_number(slope)}",
            color=COLORS["purple"],
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=7.5,
            weight="bold",
        )

    @traitlets.default("_expressions")
    def _tables(self) -> dict[str, Any]:
        return {name: asdict(expression) for name, expression in EXPRESSIONS.items()}

    @traitlets.default("inputs")
    def _first_inputs(self) -> dict[str, float]:
        return self.chosen.inputs

    @traitlets.default("step")
    def _finished(self) -> int:
        return self.chosen.last_step

    @traitlets.validate("inputs")
    def _known_and_finite(self, proposal: Any) -> dict[str, float]:
        names = self.chosen.inputs
        for name, value in proposal.value.items():
            if name not in names:
                raise traitlets.TraitError(
                    f"{self.expression!r} has no input {name!r}; it has {', '.join(names)}"
                )
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise traitlets.TraitError(f"{name} must be a finite number, not {value!r}")
        kept = self._trait_values.get("inputs", {})
        return {**names, **{k: v for k, v in kept.items() if k in names}, **proposal.value}

    @traitlets.validate("step")
    def _within(self, proposal: Any) -> int:
        return min(max(proposal.value, 0), self.chosen.last_step)

    @traitlets.observe("expression")
    def _start_over(self, change: Any) -> None:
        """Another expression begins with its own numbers; the two neurons share theirs."""
        if set(self.inputs) != set(self.chosen.inputs):
            self.inputs = self.chosen.inputs
            self.step = self.chosen.last_step
