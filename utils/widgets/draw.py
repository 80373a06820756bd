"""Draw a character: a convolutional network answers while the reader draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Bool, Bytes, CBytes, Float, Int, List, Unicode, observe

from utils.widgets.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
    from torch import nn

SIDE = 28
FORM = ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]


class DrawCharacter(Figure):
    """A sheet to draw on, the network's answer, and the feature maps of its two layers.

    The network runs in the browser, in a few dozen lines of the script, on a copy of the trained
    weights that travels with the figure. So it answers on a page without a kernel, too. Weights
    that are rounded to 16 bits (``model.half().float()``) travel in half the bytes.

    >>> figure = DrawCharacter(model, classes="0123456789", examples=ds.test.x[:5])
    >>> figure.show(ds.test.x[7])           # the page shows it and answers
    >>> figure.image, figure.probabilities  # what the reader has drawn, and what was answered
    """

    heights = (610, 1200)

    drawing = CBytes(  # from the page comes a memoryview, which Bytes would refuse
        bytes(SIDE * SIDE),
        help="what the network reads: 28 rows of 28 gray levels; 0 is the sheet, 255 is ink",
    ).tag(sync=True)
    probabilities = List(Float(), help="the answer: one probability for each class").tag(sync=True)
    center = Bool(True, help="center and scale what is drawn before it is read").tag(sync=True)
    classes = List(Unicode(), help="the names of the classes").tag(sync=True)
    about = Unicode("", help="a sentence that says which network this is").tag(sync=True)
    _examples = Bytes(b"", help="pictures to load, 784 gray levels each").tag(sync=True)
    _names = List(Unicode(), help="their names").tag(sync=True)
    _maps = List(Int(), help="number of feature maps of the two layers").tag(sync=True)
    _weights = Bytes(b"", help="weight and bias of each layer in turn, floats").tag(sync=True)

    def __init__(
        self,
        model: nn.Module,
        classes: Sequence[str],
        *,
        examples: Any = (),
        names: Sequence[str] = (),
        **values: Any,
    ) -> None:
        """Copy the weights of a trained network.

        Args:
            model: an ``nn.Sequential`` of two times (3×3 convolution with padding 1, ReLU, 2×2 max
                pooling), flatten, and a linear layer, for pictures of 1×28×28.
            classes: their names, in the order of the network's outputs.
            examples: up to five pictures, 28×28 numbers from 0 to 1 each, for the buttons under
                the sheet. The first is what the figure shows at the beginning.
            names: what the buttons are called, one name for each example.
            values: the figure's other traits, by name.
        """
        arrays, maps = _copied(model, len(classes))
        pictures = [_gray(picture) for picture in examples]
        names = list(names) or [f"Example {i + 1}" for i in range(len(pictures))]
        if len(names) != len(pictures):
            raise ValueError(f"{len(pictures)} examples, but {len(names)} names")
        start = {"drawing": pictures[0]} if pictures else {}
        super().__init__(
            classes=list(classes),
            _weights=_packed(np.concatenate([a.ravel() for a in arrays])),
            _maps=maps,
            _examples=b"".join(pictures),
            _names=names,
            **{**start, **values},
        )
        self._answer_again()

    @property
    def image(self) -> np.ndarray:
        """What the network reads, as numbers from 0 to 1 of shape (28, 28)."""
        return np.frombuffer(self.drawing, np.uint8).reshape(SIDE, SIDE) / 255

    def show(self, picture: Any) -> None:
        """Put a picture, 28×28 numbers from 0 to 1, on the sheet."""
        self.drawing = _gray(picture)

    def answer(self, pictures: Any) -> np.ndarray:
        """Probabilities (N, K) for pictures of N·28·28 numbers, computed as the script does."""
        return self._layers(pictures)[-1]

    def _layers(self, pictures: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The maps of both layers, (N, maps, side, side), and the probabilities, (N, K)."""
        w1, b1, w2, b2, w3, b3 = self._arrays()
        x = np.asarray(pictures, dtype=np.float64).reshape(-1, 1, SIDE, SIDE)
        first = _convolve(x, w1, b1)  # (N, 8, 28, 28)
        second = _convolve(_pool(first), w2, b2)  # (N, 24, 14, 14)
        logits = _pool(second).reshape(len(x), -1) @ w3.T + b3
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return first, second, powers / powers.sum(axis=1, keepdims=True)

    def _arrays(self) -> list[np.ndarray]:
        (a, b), k, side = self._maps, len(self.classes), SIDE // 4
        shapes = [(a, 1, 3, 3), (a,), (b, a, 3, 3), (b,), (k, b * side * side), (k,)]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        kind = "<f2" if len(self._weights) == 2 * ends[-1] else "<f4"
        numbers = np.frombuffer(self._weights, kind).astype(np.float64)
        return [part.reshape(s) for part, s in zip(np.split(numbers, ends[:-1]), shapes)]

    @observe("drawing")
    def _answer_again(self, change: object = None) -> None:
        """Answer what Python has put on the sheet. What the page sends comes with its answer."""
        if not self._weights or len(self.drawing) != SIDE * SIDE:
            return
        answer = self.answer(self.image)[0]
        known = np.array(self.probabilities)
        if known.shape != answer.shape or np.abs(known - answer).max() > 1e-5:
            self.probabilities = answer.tolist()

    def picture(self, figure: Drawing) -> None:
        """The sheet, the probabilities, and the maps of both layers."""
        from utils.plots import COLORS, INK

        first, second, (answer,) = self._layers(self.image)
        upper, lower = figure.subfigures(2, 1, height_ratios=(1.7, 1))
        sheet, bars = upper.subplots(1, 2, width_ratios=(1, 1.15))
        best, places = int(answer.argmax()), np.arange(len(answer))
        sheet.imshow(_stain(self.image, INK))
        sheet.set(title="On the sheet", xticks=[], yticks=[])
        sheet.spines[:].set_visible(True)
        colors = [COLORS["blue"] if k == best else COLORS["gray"] for k in places]
        bars.barh(places, answer, height=0.5, color=colors)
        for k, p in enumerate(answer):
            bars.text(p + 0.02, k, f"{100 * p:.0f} %", va="center", fontsize=9)
        bars.set(title=f"Read as {self.classes[best]}", xlim=(0, 1.15), xlabel="probability")
        bars.set_yticks(places, self.classes)
        bars.set_xticks(np.linspace(0, 1, 6))
        bars.grid(axis="y", visible=False)
        bars.invert_yaxis()
        halves = lower.subfigures(1, 2, width_ratios=(1, 1.45))
        for part, maps, columns in zip(halves, (first[0], second[0]), (4, 8)):
            axes = part.subplots(-(-len(maps) // columns), columns, squeeze=False).ravel()
            for ax, one in zip(axes, maps):
                ax.imshow(_stain(one / max(maps.max(), 1e-9), COLORS["blue"]))
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(True)
            for ax in axes[len(maps) :]:
                ax.axis("off")
            title = f"{len(maps)} maps of {maps.shape[1]}×{maps.shape[2]}"
            part.suptitle(title, fontsize="medium", fontweight="bold", color=INK)


def _copied(model: nn.Module, classes: int) -> tuple[list[np.ndarray], list[int]]:
    """The parameters of a network of the form that the script can run, and its numbers of maps."""
    names = [type(layer).__name__ for layer in model.children()]
    arrays = [p.detach().cpu().numpy() for p in model.parameters()]
    shapes = [a.shape for a in arrays]
    fits = names == FORM and len(shapes) == 6
    if fits:
        a, b = shapes[1][0], shapes[3][0]
        wanted = [(a, 1, 3, 3), (a,), (b, a, 3, 3), (b,), (classes, b * 49), (classes,)]
        fits = shapes == wanted and all(model[i].padding == (1, 1) for i in (0, 3))
    if not fits:
        raise ValueError(
            "DrawCharacter runs networks of the form Conv2d(1, a, 3, padding=1), ReLU, "
            "MaxPool2d(2), Conv2d(a, b, 3, padding=1), ReLU, MaxPool2d(2), Flatten, "
            f"Linear(b * 49, {classes} classes); given {', '.join(names)} with parameters {shapes}"
        )
    return arrays, [a, b]


def _packed(weights: np.ndarray) -> bytes:
    """The weights as 16-bit floats where that loses nothing, else as 32-bit floats."""
    short = weights.astype("<f2", copy=True)
    return (short if np.array_equal(short, weights) else weights.astype("<f4")).tobytes()


def _gray(picture: Any) -> bytes:
    """28×28 numbers from 0 to 1 as gray levels."""
    values = np.asarray(picture, dtype=np.float64)
    if values.size != SIDE * SIDE:
        raise ValueError(f"a picture has 28×28 numbers; given the shape {values.shape}")
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8).tobytes()


def _convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """3×3, padding 1, then ReLU."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    z = np.einsum("nchwuv,ocuv->nohw", windows, w, optimize=True)
    return np.maximum(z + b[:, None, None], 0)


def _pool(x: np.ndarray) -> np.ndarray:
    n, c, height, width = x.shape
    return x.reshape(n, c, height // 2, 2, width // 2, 2).max(axis=(3, 5))


def _stain(values: np.ndarray, color: str) -> np.ndarray:
    """A picture of one color, as opaque as the values say."""
    from matplotlib.colors import to_rgb

    rgba = np.empty((*values.shape, 4))
    rgba[..., :3], rgba[..., 3] = to_rgb(color), np.clip(values, 0, 1)
    return rgba
