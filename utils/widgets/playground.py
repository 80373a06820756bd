"""A small network that learns in the page: data, layers, weights, boundary and loss.

The browser trains; Python can do the very same steps (``descend``), from the same weights, with the
same numbers: everything is float64, full-batch and without chance. So a notebook may set weights,
train here, or read back what was learned there.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Bool, Dict, Enum, Float, Int, List, TraitError, observe, validate

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

DATA = ("xor", "circles", "moons", "spiral", "blobs", "empty")
ACTIVATIONS = ("relu", "tanh")
LOSSES = ("cross-entropy", "squared error")
POINTS = 100  # in each data set
SPAN = 2.0  # the plane reaches from -SPAN to SPAN in both directions
SIDES = ("orange", "blue")  # the color of class 0 and of class 1, also of signs
Weights = list[dict[str, Any]]  # for each layer {"W": rows, "b": numbers}, as in torch.nn.Linear


# ---- Chance: the same numbers in Python and in the script ----------------------------------------


def chance(seed: int) -> Callable[[], float]:
    """A generator of numbers in [0, 1), Marsaglia's xorshift with 32 bits."""
    state = ((seed + 1) * 0x9E3779B1) & 0xFFFFFFFF or 1

    def draw() -> float:
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return state / 2**32

    for _ in range(8):  # small seeds differ in few bits
        draw()
    return draw


def normal(draw: Callable[[], float]) -> float:
    """A standard normal number from two uniform ones (Box and Muller)."""
    return math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())


def _rounded(value: float, digits: int) -> float:
    # As Math.round does it, so that both sides have exactly the same number.
    return math.floor(value * 10**digits + 0.5) / 10**digits


def _brief(value: float) -> float:
    return float(f"{value:.5g}")


def make_points(data: str, seed: int = 1) -> list[list[float]]:
    """The points of a data set, each ``[x1, x2, class]`` with class 0 or 1."""
    draw, points = chance(seed), []
    for i in range(0 if data == "empty" else POINTS):
        y = i % 2
        if data == "xor":
            u, v = (1 if i & 1 else -1), (1 if i & 2 else -1)
            x1, x2 = u * (0.25 + 1.5 * draw()), v * (0.25 + 1.5 * draw())
            y = int(u != v)
        elif data == "circles":
            angle = 2 * math.pi * draw()
            radius = (0.6 if y else 1.5) + 0.15 * normal(draw)
            x1, x2 = radius * math.cos(angle), radius * math.sin(angle)
        elif data == "moons":
            angle, side = math.pi * draw(), (1 if y else -1)
            x1 = 1.1 * (math.cos(angle) + 0.5 * side) + 0.12 * normal(draw)
            x2 = 1.4 * side * (0.25 - math.sin(angle)) + 0.12 * normal(draw)
        elif data == "spiral":
            t = math.sqrt((i // 2 + 1) / (POINTS // 2))
            angle = 2.5 * math.pi * t + math.pi * y
            x1 = 1.8 * t * math.cos(angle) + 0.04 * normal(draw)
            x2 = 1.8 * t * math.sin(angle) + 0.04 * normal(draw)
        else:
            side = 1 if y else -1
            x1, x2 = 0.8 * side + 0.45 * normal(draw), 0.7 * side + 0.45 * normal(draw)
        points.append([_rounded(min(max(x, -SPAN), SPAN), 3) for x in (x1, x2)] + [y])
    return points


def make_weights(hidden: Sequence[int], activation: str, seed: int) -> Weights:
    """Random weights: variance 2 / inputs for ReLU, 1 / inputs for tanh; small random biases."""
    draw, layers, sizes = chance(seed), [], [2, *hidden, 1]
    for inputs, outputs in pairwise(sizes):
        scale = math.sqrt((2 if activation == "relu" else 1) / inputs)
        W = [[_rounded(scale * normal(draw), 4) for _ in range(inputs)] for _ in range(outputs)]
        last = len(layers) == len(hidden)
        b = [0.0 if last else _rounded(0.3 * normal(draw), 4) for _ in range(outputs)]
        layers.append({"W": W, "b": b})
    return layers


# ---- The network ---------------------------------------------------------------------------------


def forward(weights: Weights, activation: str, x: np.ndarray) -> list[np.ndarray]:
    """Activations of all layers: first the inputs (N, 2), last the output's score (N, 1)."""
    layers = [np.asarray(x, dtype=float)]
    for number, layer in enumerate(weights, start=1):
        z = layers[-1] @ np.array(layer["W"], dtype=float).T + np.array(layer["b"], dtype=float)
        if number < len(weights):
            z = np.maximum(z, 0) if activation == "relu" else np.tanh(z)
        layers.append(z)
    return layers


def loss_and_gradients(
    weights: Weights, activation: str, loss: str, points: Sequence[Sequence[float]]
) -> tuple[float, Weights]:
    """The mean loss over the points, and its gradient in the shape of the weights.

    Cross-entropy reads the score z as the probability σ(z) of class 1. The squared error compares
    z itself with +1 for class 1 and -1 for class 0.
    """
    table = np.asarray(points, dtype=float).reshape(-1, 3)
    layers, y = forward(weights, activation, table[:, :2]), table[:, 2]
    z = layers[-1][:, 0]
    if loss == "cross-entropy":
        value = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
        delta = (1 / (1 + np.exp(-z)) - y) / len(y)
    else:
        error = z - (2 * y - 1)
        value, delta = np.mean(error**2), 2 * error / len(y)
    delta, gradients = delta[:, None], []
    for number in reversed(range(len(weights))):
        a = layers[number]
        gradients.insert(0, {"W": (delta.T @ a).tolist(), "b": delta.sum(axis=0).tolist()})
        slope = (a > 0) if activation == "relu" else 1 - a**2
        delta = (delta @ np.array(weights[number]["W"], dtype=float)) * slope
    return float(value), gradients


def _finite(loss: float, weights: Weights) -> bool:
    numbers = [n for layer in weights for row in [*layer["W"], layer["b"]] for n in row]
    return math.isfinite(loss) and bool(np.all(np.isfinite(numbers)))


# ---- The figure ----------------------------------------------------------------------------------


class MLPPlayground(Figure):
    """A playground: choose points and layers, train by full-batch gradient descent, watch.

    A new figure is already trained for ``trained`` steps. Set ``data``, ``hidden``, ``activation``,
    ``loss_function`` or ``seed`` and it starts over; set ``points``, ``weights`` or
    ``learning_rate`` and it goes on from there.
    """

    heights = (706, 1336)

    data = Enum(DATA, "xor", help="which data set the points were made from").tag(sync=True)
    hidden = List(Int(min=1, max=8), [4], 1, 3, help="units of the hidden layers").tag(sync=True)
    activation = Enum(ACTIVATIONS, "relu", help="of the hidden units").tag(sync=True)
    loss_function = Enum(LOSSES, "cross-entropy", help="what descent lowers").tag(sync=True)
    learning_rate = Float(0.1, min=1e-6, help="length of a step").tag(sync=True)
    seed = Int(1, help="of the first weights; `Start over` takes the next").tag(sync=True)
    points = List(List(), help="[x1, x2, class 0 or 1] for each point").tag(sync=True)
    weights = List(Dict(), help='{"W": rows, "b": numbers} for each layer').tag(sync=True)
    steps = Int(0, help="steps made since the first weights").tag(sync=True)
    loss = Float(
        None, allow_none=True, help="at the present weights; None: not finite, or no points"
    ).tag(sync=True)
    diverged = Bool(False, help="the last step left the finite numbers").tag(sync=True)
    history = List(List(), help="[step, loss], thinned out when long").tag(sync=True)

    _settled = False  # while it is, a change is one that somebody made in Python

    def __init__(self, *, trained: int = 60, **values: Any) -> None:
        super().__init__(**values)
        with self.hold_sync():
            if "points" not in values:
                self.points = make_points(self.data)
            if "weights" not in values:
                self.weights = make_weights(self.hidden, self.activation, self.seed)
            self._settled = True
            self._measure()
            self.descend(trained)

    def restart(self) -> None:
        """Begin again with the random weights of ``seed``."""
        with self.hold_sync():
            self.weights = make_weights(self.hidden, self.activation, self.seed)
            self.steps, self.history, self.diverged = 0, [], False
            self._measure()

    def descend(self, steps: int = 1) -> float | None:
        """Make steps of gradient descent on all points; returns the loss after them.

        When the loss or a weight is no longer finite it stops, sets ``diverged``, returns None and
        keeps the last weights that were.
        """
        if not self.points:
            return None
        weights, history = self.weights, [list(pair) for pair in self.history]
        made, finite = 0, True
        with np.errstate(all="ignore"):
            loss, gradients = self._evaluate(weights)
            while made < steps and finite:
                made += 1
                moved = self._moved(weights, gradients)
                loss, gradients = self._evaluate(moved)
                if finite := _finite(loss, moved):
                    weights = moved
                    history.append([self.steps + made, loss])
        while len(history) > 600:  # the script draws no more
            history = history[::2]
        with self.hold_sync():
            self.weights, self.steps = weights, self.steps + made
            self.diverged, self.loss = not finite, loss if finite else None
            self.history = [[step, _brief(value)] for step, value in history]
        return self.loss

    def probability(self, x: np.ndarray) -> np.ndarray:
        """How probable the network thinks class 1 at points (N, 2). With the squared error it has
        no probabilities: its score, cut to [-1, 1] and moved to [0, 1], stands in."""
        z = forward(self.weights, self.activation, x)[-1][:, 0]
        if self.loss_function == "cross-entropy":
            return 1 / (1 + np.exp(-z))
        return (np.clip(z, -1, 1) + 1) / 2

    def _evaluate(self, weights: Weights) -> tuple[float, Weights]:
        return loss_and_gradients(weights, self.activation, self.loss_function, self.points)

    def _moved(self, weights: Weights, gradients: Weights) -> Weights:
        """One step of gradient descent."""

        def move(part: list[Any], slope: list[Any]) -> list[Any]:
            return (np.array(part) - self.learning_rate * np.array(slope)).tolist()

        return [{key: move(w[key], g[key]) for key in w} for w, g in zip(weights, gradients)]

    def _measure(self) -> None:
        """Bring `loss` up to date with points and weights."""
        if not self.points:
            self.loss, self.diverged = None, False
            return
        with np.errstate(all="ignore"):
            value, _ = self._evaluate(self.weights)
        self.diverged = not math.isfinite(value)
        self.loss = None if self.diverged else value
        if not self.history and not self.diverged:
            self.history = [[self.steps, _brief(value)]]

    # What follows from a change: the browser has already done it and sends the outcome along, so
    # only changes made in Python are left to carry out.

    def set_state(self, sync_data: dict[str, Any]) -> None:
        self._settled, before = False, self._settled
        super().set_state(sync_data)
        self._settled = before

    @observe("data")
    def _new_data(self, change: Any) -> None:
        if self._settled:
            with self.hold_sync():
                self.points = make_points(self.data)
                self.restart()

    @observe("hidden", "activation", "loss_function", "seed")
    def _new_network(self, change: Any) -> None:
        if self._settled:
            self.restart()

    @validate("weights")
    def _fitting(self, proposal: Any) -> Weights:
        sizes = [2, *self.hidden, 1]
        wanted = list(zip(sizes[1:], sizes))
        given = [np.shape(layer["W"]) for layer in proposal["value"]]
        if given != wanted:
            raise TraitError(f"hidden = {self.hidden} needs matrices of {wanted}; given {given}")
        return proposal["value"]

    @observe("points", "weights")
    def _new_values(self, change: Any) -> None:
        if self._settled:
            self._measure()

    # ---- The picture that stands in for it ---------------------------------------------------

    def png(self) -> bytes:
        """The picture with a palette of 128 colors: a quarter of the bytes, in every notebook."""
        from PIL import Image

        picture = Image.open(io.BytesIO(super().png()))
        buffer = io.BytesIO()
        few = picture.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(buffer, "png", optimize=True)
        return buffer.getvalue()

    def picture(self, figure: Drawing) -> None:
        from matplotlib.patches import PathPatch, Rectangle
        from matplotlib.path import Path

        from utils.plots import COLORS, INK

        figure.set_layout_engine("none")
        width, height = 720, self.heights[0]

        def axes(x: float, y: float, w: float, h: float) -> Axes:
            """Axes at a place in pixels from the top left, where the live figure has that part."""
            ax = figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))
            ax.grid(False)
            return ax

        table = np.array(self.points, dtype=float).reshape(-1, 3)
        hits = (self.probability(table[:, :2]) > 0.5) == (table[:, 2] == 1)
        right = f"{100 * hits.mean():.0f} %" if len(table) else "–"
        loss = "not finite" if self.loss is None else f"{self.loss:.3f}"
        facts = f"step {self.steps}     loss {loss}     correct {right}"
        rate = f"learning rate {self.learning_rate:g}"
        name = {"relu": "ReLU", "xor": "XOR"}
        parts = (self.data, self.activation, self.loss_function, rate)
        figure.text(1, 1 - 24 / height, facts, ha="right", va="center", size=10, weight="bold")
        settings = "     ".join(name.get(part, part) for part in parts)
        figure.text(0.004, 1 - 95 / height, settings, va="center", size=10)

        u = np.linspace(-SPAN, SPAN, 61)
        grid = np.stack(np.meshgrid(u, u), axis=-1).reshape(-1, 2)  # (61 * 61, 2)
        acts = forward(self.weights, self.activation, grid)
        rgb = np.array([[int(COLORS[c][i : i + 2], 16) for i in (1, 3, 5)] for c in SIDES]) / 255

        def tint(values: np.ndarray, strength: float) -> np.ndarray:
            values = values.reshape(61, 61)
            picture = np.empty((61, 61, 4))
            picture[..., :3] = rgb[(values > 0).astype(int)]
            picture[..., 3] = strength * np.round(np.clip(np.abs(values), 0, 1) * 10) / 10
            return picture

        plane = axes(399, 147, 318, 318)
        answer = 2 * self.probability(grid) - 1
        plane.imshow(tint(answer, 0.5), origin="lower", extent=(-SPAN, SPAN) * 2, aspect="auto")
        plane.contour(u, u, answer.reshape(61, 61), [0], colors=INK, linewidths=1.5)
        for y, marker in enumerate("Do"):
            chosen = table[table[:, 2] == y]
            color = COLORS[SIDES[y]]
            plane.scatter(*chosen[:, :2].T, 26, color, marker=marker, ec="white", lw=0.7)
        plane.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), xticks=[], yticks=[])
        plane.spines[:].set_visible(True)

        net = axes(3, 125, 396, 340)
        net.axis("off")
        net.set(xlim=(0, 396), ylim=(340, 0))
        sizes = [2, *self.hidden, 1]
        side = min(34, 254 / max(*self.hidden, 3) - 5)
        gap = [min(254 / count, 1.7 * side) for count in sizes]
        x = np.linspace(24, 396, len(sizes))
        y = [185 + (np.arange(n) - (n - 1) / 2) * g for n, g in zip(sizes, gap)]
        for number, layer in enumerate(self.weights):
            for (i, j), w in np.ndenumerate(np.array(layer["W"])):
                last = number == len(self.weights) - 1
                ends = x[number] + side / 2, x[number + 1] - (0 if last else side / 2)
                start, end = y[number][j], (181 if last else y[number + 1][i])
                middle = sum(ends) / 2
                path = [(ends[0], start), (middle, start), (middle, end), (ends[1], end)]
                size = 1 - math.exp(-min(abs(w), 99) / 2.5)
                curve = Path(path, [Path.MOVETO, *[Path.CURVE4] * 3])
                color = COLORS[SIDES[int(w > 0)]]
                style = dict(fc="none", ec=color, lw=0.5 + 4.7 * size, alpha=0.12 + 0.78 * size)
                net.add_patch(PathPatch(curve, **style))
        for number, values in enumerate(acts[:-1]):
            for i, center in enumerate(y[number]):
                value = values[:, i] / SPAN if number == 0 else values[:, i]
                if number and self.activation == "relu":
                    value = 1 - np.exp(-value)
                box = (x[number] - side / 2, x[number] + side / 2)
                extent = (*box, center + side / 2, center - side / 2)
                net.imshow(tint(value, 0.85), origin="lower", extent=extent, aspect="auto")
                style = dict(fill=False, ec=INK, lw=0.8)
                net.add_patch(Rectangle((box[0], center - side / 2), side, side, **style))
        net.set(xlim=(0, 396), ylim=(340, 0))
        for i, center in enumerate(y[0]):
            net.text(24, center + side / 2 + 11, f"$x_{i + 1}$", ha="center", va="center", size=9)

        chart = axes(3, 585, 374, 54)
        if self.history:
            chart.plot(*np.array(self.history).T, color=COLORS["blue"])
        guess = math.log(2) if self.loss_function == "cross-entropy" else 1
        chart.axhline(guess, color=INK, ls=":", lw=1)
        chart.text(
            1, guess, "guess ", transform=chart.get_yaxis_transform(), ha="right", va="bottom"
        )
        chart.set(xlim=(0, max(self.steps, 100)), ylim=(0, None), yticks=[], title="Loss")
        chart.spines["left"].set_visible(False)
