"""The exercises of chapter 02, Computer vision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from utils.checks.budget import stored
from utils.data import load
from utils.diagnosis import fault
from utils.exercises.spec import Exercise, Mistake

# ---------------------------------------------------------------- cnn-basics: output size


def _settings(rng: np.random.Generator) -> Iterator[tuple]:
    yield (7, 7, 3, 0, 1)  # the kernel fits once
    yield (1, 1, 1, 0, 1)
    yield (29, 3, 2, 1, 1)
    yield (12, 3, 1, 2, 2)
    yield (20, 3, 1, 0, 3)
    yield (17, 4, 3, 2, 1)
    for _ in range(10):
        k, stride, padding, dilation = (
            int(rng.integers(*r)) for r in ((2, 8), (1, 5), (4,), (1, 4))
        )
        least = dilation * (k - 1) + 1 - 2 * padding
        yield (int(rng.integers(max(least, 1), 60)), k, stride, padding, dilation)


def _map_size(n: int, k: int, stride: int, padding: int, dilation: int) -> int:
    line, kernel = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
    return F.conv1d(line, kernel, None, stride, padding, dilation).shape[-1]


OUTPUT_SIZE = Exercise(
    id="cnn-basics.output-size",
    level=1,
    call="map_size(n, k, stride, padding, dilation)",
    returns=("size",),
    example=(28, 5, 2, 1, 2),
    inputs=_settings,
    oracle=_map_size,
    mistakes=(
        Mistake(
            "The number is right, but it is no whole number: 11.0 in place of 11. The operator // "
            "keeps whole numbers whole, and math.floor makes them.",
            like=lambda *args: float(_map_size(*args)),
        ),
        Mistake(
            "The division leaves fractions. A last step that is not whole leads nowhere: divide "
            "with //, which rounds down.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1,
        ),
        Mistake(
            "It rounds up or to the nearest: a step that would lead over the edge is not taken, so "
            "round down.",
            like=lambda n, k, s, p, d: -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1,
        ),
        Mistake(
            "It rounds up or to the nearest: a step that would lead over the edge is not taken, so "
            "round down.",
            like=lambda n, k, s, p, d: round((n + 2 * p - d * (k - 1) - 1) / s) + 1,
        ),
        Mistake(
            "The 1 for the first place belongs behind the division, not into it.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s,
        ),
        Mistake(
            "One place too many: where the kernel covers all pixels, it fits once and not twice.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s + 1,
        ),
        Mistake(
            "The frame has two sides: each adds padding pixels.",
            like=lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1,
        ),
        Mistake(
            "Padding makes the line longer: add it, and don't subtract it.",
            like=lambda n, k, s, p, d: (n - 2 * p - d * (k - 1) - 1) // s + 1,
        ),
        Mistake(
            "The frame of padding is missing.",
            like=lambda n, k, s, p, d: (n - d * (k - 1) - 1) // s + 1,
        ),
        Mistake(
            "Dilation is ignored: it spreads the taps, and the kernel covers more pixels.",
            like=lambda n, k, s, p, d: (n + 2 * p - k) // s + 1,
        ),
        Mistake(
            "Taps that are dilation pixels apart have dilation − 1 pixels between them, and not "
            "dilation.",
            like=lambda n, k, s, p, d: (n + 2 * p - k - (k - 1) * d) // s + 1,
        ),
        Mistake(
            "A dilated kernel doesn't cover d·k pixels: it has k taps, and only k − 1 gaps.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1,
        ),
        Mistake(
            "A dilated kernel doesn't cover d·k pixels: it has k taps, and only k − 1 gaps.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * k - 1) // s + 1,
        ),
        Mistake(
            "Stride is ignored: the kernel moves that many pixels at a time.",
            like=lambda n, k, s, p, d: n + 2 * p - d * (k - 1),
        ),
        Mistake(
            "These are the steps. The place where the kernel begins counts too: one more.",
            like=lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s,
        ),
    ),
    hints=(
        "How many pixels lie between the kernel's first tap and its last, dilation included? And "
        "how wide is the line with its frame on both sides?",
        "The kernel starts at the left end. How far can it move before its last tap stands on the "
        "last pixel, and how many steps of stride are in that distance?",
        "The distance is n + 2·padding − dilation·(k − 1) − 1. Divide it by the stride with // and "
        "add 1 for the place where the kernel begins.",
    ),
    notice="The floor hides pixels: with stride 2, lines of 28 and of 27 pixels can give maps of "
    "one size.",
)

# ---------------------------------------------------------------- cnn-basics: convolution

SEVEN = np.array(
    [[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0]], float
)
EDGE = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]], float)


def _layers(rng: np.random.Generator) -> Iterator[tuple]:
    def case(n: int, c: int, size: tuple, m: int, window: tuple, stride: int, p: int) -> tuple:
        x, w = rng.normal(size=(n, c, *size)), rng.normal(size=(m, c, *window))
        return x, w, rng.normal(size=m), stride, p

    yield case(1, 1, (1, 1), 1, (1, 1), 1, 0)
    yield case(1, 1, (4, 5), 1, (2, 3), 1, 0)
    yield case(1, 1, (5, 4), 1, (3, 2), 1, 1)
    yield case(1, 1, (6, 8), 1, (3, 3), 2, 0)
    yield case(2, 3, (7, 6), 4, (3, 3), 1, 1)
    yield case(3, 2, (9, 12), 5, (4, 3), 3, 2)
    for _ in range(4):
        n, c, m = (int(i) for i in rng.integers(1, 5, size=3))
        size, window = rng.integers(5, 12, size=2), rng.integers(1, 5, size=2)
        yield case(
            n, c, tuple(size), m, tuple(window), int(rng.integers(1, 4)), int(rng.integers(3))
        )


def _convolve(x: Any, w: Any, b: Any, stride: int, padding: int) -> np.ndarray:
    x, w, b = (torch.as_tensor(np.ascontiguousarray(a)) for a in (x, w, b))
    return F.conv2d(x, w, b, stride, padding).numpy()


def _framed(x: np.ndarray, before: int, after: int, mode: Any = "constant") -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)), mode)


def _without_last(z: np.ndarray) -> np.ndarray:
    z = z.copy()
    z[..., -1, :] = z[..., -1] = 0
    return z


def _one_apart(x: np.ndarray, w: np.ndarray, b: np.ndarray, s: int, p: int) -> np.ndarray:
    rows, columns = _convolve(x, w, b, s, p).shape[2:]
    return _convolve(x, w, b, 1, p)[..., :rows, :columns]


CONVOLUTION = Exercise(
    id="cnn-basics.convolution",
    level=2,
    call="convolve(x, w, b, stride, padding)",
    returns=("z (N, M, H', W')",),
    example=(SEVEN[None, None], EDGE[None, None], np.zeros(1), 2, 1),
    inputs=_layers,
    oracle=_convolve,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The kernel is turned around, as in mathematics: here w[m, c, 0, 0] meets the upper "
            "left pixel of the window.",
            like=lambda x, w, b, s, p: _convolve(x, w[..., ::-1, ::-1], b, s, p),
        ),
        Mistake(
            "Only the kernel's rows are turned around: w[m, c, 0, 0] meets the upper left pixel of "
            "the window.",
            like=lambda x, w, b, s, p: _convolve(x, w[..., ::-1, :], b, s, p),
        ),
        Mistake(
            "Only the kernel's columns are turned around: w[m, c, 0, 0] meets the upper left pixel "
            "of the window.",
            like=lambda x, w, b, s, p: _convolve(x, w[..., ::-1], b, s, p),
        ),
        Mistake(
            "The axes of z are in another order: first the image, then the map, then row and "
            "column.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, s, p).transpose(0, 2, 3, 1),
        ),
        Mistake(
            "The axes of z are in another order: first the image, then the map, then row and "
            "column.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, s, p).swapaxes(0, 1),
        ),
        Mistake(
            "There is a ReLU at the end: a convolution alone may give negative numbers.",
            like=lambda x, w, b, s, p: np.maximum(_convolve(x, w, b, s, p), 0),
        ),
        Mistake(
            "It averages over the kernel's weights, and a place of the map is a sum.",
            like=lambda x, w, b, s, p: _convolve(x, w / (w.shape[2] * w.shape[3]), b, s, p),
        ),
        Mistake(
            "The frame repeats the pixels of the edge: it should hold zeros.",
            like=lambda x, w, b, s, p: _convolve(_framed(x, p, p, mode="edge"), w, b, s, 0),
        ),
        Mistake(
            "The picture is thinned out before the kernel moves over it: stride says where windows "
            "begin, and inside of a window no pixel is left out.",
            like=lambda x, w, b, s, p: _convolve(_framed(x, p, p)[..., ::s, ::s], w, b, 1, 0),
        ),
        Mistake(
            "The picture is thinned out before the kernel moves over it: stride says where windows "
            "begin, and inside of a window no pixel is left out.",
            like=lambda x, w, b, s, p: _convolve(x[..., ::s, ::s], w, b, 1, p),
        ),
        Mistake(
            "The bias is missing: add b[m] to every place of map m.",
            like=lambda x, w, b, s, p: _convolve(x, w, b * 0, s, p),
        ),
        Mistake(
            "The bias is added once for every channel, and belongs once to every place of a map.",
            like=lambda x, w, b, s, p: _convolve(x, w, b * x.shape[1], s, p),
        ),
        Mistake(
            "Only one channel arrives: a map is the sum over all channels of x.",
            like=lambda x, w, b, s, p: _convolve(x[:, :1], w[:, :1], b, s, p),
        ),
        Mistake(
            "Only one channel arrives: a map is the sum over all channels of x.",
            like=lambda x, w, b, s, p: _convolve(x[:, -1:], w[:, -1:], b, s, p),
        ),
        Mistake(
            "It averages over the channels, and a map is their sum.",
            like=lambda x, w, b, s, p: _convolve(x, w / x.shape[1], b, s, p),
        ),
        Mistake(
            "Padding is ignored: lay a frame of zeros around the image first.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, s, 0),
        ),
        Mistake(
            "The frame lies on one side only: padding goes above and below, left and right.",
            like=lambda x, w, b, s, p: _convolve(_framed(x, 0, p), w, b, s, 0),
        ),
        Mistake(
            "The frame lies on one side only: padding goes above and below, left and right.",
            like=lambda x, w, b, s, p: _convolve(_framed(x, p, 0), w, b, s, 0),
        ),
        Mistake(
            "The frame lies on one side only: padding goes above and below, left and right.",
            like=lambda x, w, b, s, p: _convolve(_framed(x, 0, 2 * p), w, b, s, 0),
        ),
        Mistake(
            "Stride is ignored: windows begin that many pixels apart, and the map is smaller.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, 1, p),
        ),
        Mistake(
            "The size heeds the stride, but the windows lie one pixel apart: place i begins at row "
            "stride·i.",
            like=_one_apart,
        ),
        Mistake(
            "The stride counts along both axes, rows and columns.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, (s, 1), p),
        ),
        Mistake(
            "The kernel's axes are swapped: w[m, c, u, v] meets the pixel u rows down and v "
            "columns to the right.",
            like=lambda x, w, b, s, p: _convolve(x, w.swapaxes(2, 3), b, s, p),
        ),
        Mistake(
            "The last row and column of the map are missing: the kernel still fits there.",
            like=lambda x, w, b, s, p: _convolve(x, w, b, s, p)[..., :-1, :-1],
        ),
        Mistake(
            "The last row and column of the map were never filled in: the kernel still fits there.",
            like=lambda x, w, b, s, p: _without_last(_convolve(x, w, b, s, p)),
        ),
    ),
    hints=(
        "Make the frame first, and work out the size of the map by the formula of the first "
        "exercise. From then on there is no padding to think of.",
        "Place (i, j) of the map has the window that begins at row stride·i and column stride·j of "
        "the framed image and is as large as the kernel. Multiply, and sum over channels, rows and "
        "columns.",
        "Two loops over i and j are enough: the windows of all images have shape (N, C, K, L), and "
        "einsum('nckl,mckl->nm', window, w) + b is column j of row i. In torch, x.unfold(2, K, "
        "stride).unfold(3, L, stride) gives all windows at once.",
    ),
    notice="No loop runs over images, channels or maps: one sum of products takes them all, and "
    "that is what makes convolutions fast.",
)

# ---------------------------------------------------------------- cnn-basics: receptive field


def _stacks(rng: np.random.Generator) -> Iterator[tuple]:
    yield [], 3
    yield [(3, 1, 0)], 0
    yield [(3, 2, 0)], 4
    yield [(3, 1, 1)], 0
    yield [(5, 1, 1)], 2
    yield [(3, 2, 1), (5, 1, 0)], 2
    yield [(2, 2, 0), (3, 1, 1), (2, 2, 0)], 1
    for depth in (2, 3, 4, 5):
        rows = rng.integers((1, 1, 0), (6, 4, 3), size=(depth, 3)).tolist()
        yield list(map(tuple, rows)), int(rng.integers(0, 9))


def _sees(layers: list, i: int) -> tuple[int, int]:
    first, size, jump = 0, 1, 1  # of output 0, from the picture up
    for k, stride, padding in layers:
        first, size, jump = first - padding * jump, size + (k - 1) * jump, jump * stride
    return first + i * jump, first + i * jump + size - 1


def _down(step: Callable[..., tuple], order: int = -1) -> Callable[..., tuple]:
    """From output i down to the picture, with what one layer does to the first and the last."""

    def sees(layers: list, i: int) -> tuple:
        first = last = i
        for layer in layers[::order]:
            first, last = step(first, last, *layer)
        return first, last

    return sees


def _jumping(taken: Callable[..., tuple]) -> Callable[..., tuple]:
    """From the picture up, with what one layer takes off at the left and adds to the size."""

    def sees(layers: list, i: int) -> tuple:
        first, more, jump = 0, 0, 1
        for k, s, p in layers:
            left, size = taken(k, s, p, jump, jump * s)
            first, more, jump = first - left, more + size, jump * s
        return first + i * jump, first + i * jump + more

    return sees


RECEPTIVE_FIELD = Exercise(
    id="cnn-basics.receptive-field",
    level=2,
    call="sees(layers, i)",
    returns=("first", "last"),
    example=([(3, 2, 1), (3, 1, 0)], 4),
    inputs=_stacks,
    oracle=_sees,
    mistakes=(
        Mistake(
            "It goes through the layers in the wrong order: i is a place of the last layer's map, "
            "so begin with the last layer.",
            like=_down(lambda a, z, k, s, p: (a * s - p, z * s - p + k - 1), order=1),
        ),
        Mistake(
            "Padding is ignored: the kernel of place 0 begins in the frame, left of pixel 0.",
            like=_down(lambda a, z, k, s, p: (a * s, z * s + k - 1)),
        ),
        Mistake(
            "Padding is subtracted too early: place i begins at stride·i of the framed row, and "
            "then the frame is taken off.",
            like=_down(lambda a, z, k, s, p: ((a - p) * s, (z - p) * s + k - 1)),
        ),
        Mistake(
            "The frame moves both ends the same way: it is before the picture's first pixel, so "
            "subtract it from first and from last.",
            like=_down(lambda a, z, k, s, p: (a * s - p, z * s + p + k - 1)),
        ),
        Mistake(
            "The frame moves both ends the same way: it is before the picture's first pixel, so "
            "subtract it from first and from last.",
            like=_down(lambda a, z, k, s, p: (a * s - p, z * s + k - 1)),
        ),
        Mistake(
            "Padding has the wrong sign: the frame lies before pixel 0, so first gets smaller.",
            like=_down(lambda a, z, k, s, p: (a * s + p, z * s + p + k - 1)),
        ),
        Mistake(
            "Stride is ignored: neighbors of a map begin that many places apart in the one below.",
            like=_down(lambda a, z, k, s, p: (a - p, z - p + k - 1)),
        ),
        Mistake(
            "It reaches too far: from its first pixel a kernel of k goes on for k − 1 more, not k.",
            like=_down(lambda a, z, k, s, p: (a * s - p, z * s - p + k)),
        ),
        Mistake(
            "It takes every kernel to be centered on its place. How far it begins to the left is "
            "said by the padding.",
            like=_down(lambda a, z, k, s, p: (a * s - k // 2, z * s + k // 2)),
        ),
        Mistake(
            "i is added at the end: neighbors of the last map begin the product of all strides "
            "apart, so begin with first = last = i.",
            like=lambda layers, i: tuple(pixel + i for pixel in _sees(layers, 0)),
        ),
        Mistake(
            "Pixels count from 0, and these from 1.",
            like=lambda layers, i: tuple(pixel + 1 for pixel in _sees(layers, i)),
        ),
        Mistake(
            "Only one window is followed down, that of the first place: last is the end of the "
            "last place's window, stride·last − padding + k − 1.",
            like=_down(lambda a, z, k, s, p: (a * s - p, a * s - p + k - 1)),
        ),
        Mistake(
            "A layer's own stride spreads its results, not the taps of its kernel: multiply the "
            "jump after the kernel has used it.",
            like=_jumping(lambda k, s, p, before, after: (p * after, (k - 1) * after)),
        ),
        Mistake(
            "A layer's own stride spreads its results, not the taps of its kernel: multiply the "
            "jump after the kernel has used it.",
            like=_jumping(lambda k, s, p, before, after: (p * before, (k - 1) * after)),
        ),
        Mistake(
            "Padding is added up without the strides below it: in the picture, a place of a later "
            "layer's frame is as wide as the jump.",
            like=_jumping(lambda k, s, p, before, after: (p, (k - 1) * before)),
        ),
        Mistake(
            "The second number should be the last pixel of the field, and this is the one after.",
            like=lambda layers, i: (_sees(layers, i)[0], _sees(layers, i)[1] + 1),
        ),
        Mistake(
            "The second number should be the last pixel of the field, and this is its size.",
            like=lambda layers, i: (_sees(layers, i)[0], np.ptp(_sees(layers, i)) + 1),
        ),
        Mistake(
            "It cuts the field off at pixel 0: pixels of the frame count, with negative numbers.",
            like=lambda layers, i: tuple(max(0, pixel) for pixel in _sees(layers, i)),
        ),
        Mistake(
            "It cuts the field off at pixel 0: pixels of the frame count, with negative numbers.",
            like=_down(lambda a, z, k, s, p: (max(0, a * s - p), z * s - p + k - 1)),
        ),
    ),
    hints=(
        "Start at the end: without any layer, number i sees pixel i alone. Then what does it see "
        "of the map one layer below?",
        "Place i of a layer begins at stride·i of the framed row below, and that is number "
        "stride·i − padding. It ends k − 1 further on.",
        "Keep first and last, both i in the beginning, and go through reversed(layers): first "
        "follows the first place's window, last the end of the last place's.",
    ),
    notice="Going down from the output, no jump has to be carried along, and last − first + 1 is "
    "the size r of the theory page.",
)

# ---------------------------------------------------------------- cnn-basics: max pooling


def _maps(rng: np.random.Generator) -> Iterator[tuple]:
    def case(shape: tuple, k: int, stride: int, ties: bool = False) -> tuple:
        x = rng.integers(0, 4, size=shape).astype(float) if ties else rng.normal(size=shape)
        rows, columns = ((n - k) // stride + 1 for n in shape[2:])
        return x, rng.normal(size=(*shape[:2], rows, columns)), k, stride

    yield case((1, 1, 2, 2), 2, 2)
    yield case((1, 1, 4, 6), 2, 2)
    yield case((1, 1, 5, 4), 3, 1)  # windows overlap
    x, delta, k, stride = case((1, 2, 5, 4), 2, 2)  # a row is left over
    yield x - 5, delta, k, stride
    yield case((2, 3, 7, 6), 2, 3)  # gaps
    yield case((3, 2, 9, 8), 3, 2)
    yield case((2, 3, 6, 7), 3, 2, ties=True)
    yield case((1, 2, 6, 4), 2, 2, ties=True)
    for k, stride in rng.integers(1, 4, size=(3, 2)).tolist():
        yield case((2, 4, int(rng.integers(4, 9)), int(rng.integers(4, 9))), k, stride)


def _pool(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
    pixels = torch.tensor(x, requires_grad=True)
    z = F.max_pool2d(pixels, k, stride)
    (dx,) = torch.autograd.grad(z, pixels, torch.tensor(delta))
    return z.detach().numpy(), dx.numpy()


def _share(
    hand: Callable[[np.ndarray, float], np.ndarray], add: bool = True
) -> Callable[..., tuple]:
    """Max pooling that hands each window's signal back in its own way."""

    def pool(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
        dx = np.zeros_like(x)
        for n, c, i, j in np.ndindex(*delta.shape):
            place = n, c, slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
            given = hand(x[place], delta[n, c, i, j])
            dx[place] = dx[place] + given if add else np.where(given != 0, given, dx[place])
        return _pool(x, delta, k, stride)[0], dx

    return pool


def _last(window: np.ndarray, signal: float) -> np.ndarray:
    given = np.zeros(window.size)
    given[np.flatnonzero(window == window.max())[-1]] = signal
    return given.reshape(window.shape)


def _first(window: np.ndarray, signal: float) -> np.ndarray:
    return np.where(np.arange(window.size) == window.argmax(), signal, 0).reshape(window.shape)


def _placed(place: Callable[..., tuple]) -> Callable[..., tuple]:
    """Max pooling that takes another pixel of x for the winner of a window."""

    def pool(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
        dx = np.zeros_like(x)
        for n, c, i, j in np.ndindex(*delta.shape):
            window = x[n, c, i * stride : i * stride + k, j * stride : j * stride + k]
            row, column = divmod(int(window.argmax()), k)
            dx[(n, c, *place(i, j, row, column, k, stride))] += delta[n, c, i, j]
        return _pool(x, delta, k, stride)[0], dx

    return pool


_local = _placed(lambda i, j, row, column, k, s: (row, column))


def _k_apart(args: tuple, got: Any, want: Any) -> bool:
    """Whether z holds the maxima of windows that are k apart, as far as there are such."""
    (x, _, k, stride), z = args, got[0]
    rows, columns = ((n - k) // k + 1 for n in x.shape[2:])
    if k == stride or z.shape != want[0].shape:
        return False
    tiles = F.max_pool2d(torch.tensor(x), k).numpy()[:, :, : z.shape[2], : z.shape[3]]
    return np.allclose(z[:, :, :rows, :columns], tiles) and not np.allclose(z, want[0])


def _everywhere(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
    z, dx = _pool(x, delta, k, stride)[0], np.zeros_like(x)
    for n, c, i, j in np.ndindex(*delta.shape):
        dx[n, c] += delta[n, c, i, j] * (x[n, c] == z[n, c, i, j])
    return z, dx


def _tied(window: np.ndarray) -> np.ndarray:
    return window == window.max()


def _from_zero(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
    z = _pool(x, delta, k, stride)[0]
    return np.maximum(z, 0), _pool(x, np.where(z > 0, delta, 0), k, stride)[1]


def _average(x: np.ndarray, delta: np.ndarray, k: int, stride: int) -> tuple:
    dx = _share(lambda window, signal: np.full(window.shape, signal / k**2))(x, delta, k, stride)[1]
    return F.avg_pool2d(torch.tensor(x), k, stride).numpy(), dx


MAX_POOLING = Exercise(
    id="cnn-basics.max-pooling",
    level=2,
    call="pool(x, delta, k, stride)",
    returns=("z (N, C, H', W')", "dx (N, C, H, W)"),
    example=(
        np.array([[[[1.0, 3, 0], [5, 2, 2], [0, 4, 6]]]]),
        np.array([[[[1.0, 2], [3, 4]]]]),
        2,
        1,
    ),
    inputs=_maps,
    oracle=_pool,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The gradient of a pixel that wins in several windows is a sum: add to dx with +=, "
            "don't overwrite it.",
            like=_share(_first, add=False),
        ),
        Mistake(
            "Where pixels of a window tie, all of them get the signal, and only the first in "
            "reading order should.",
            like=_share(lambda window, signal: signal * _tied(window)),
        ),
        Mistake(
            "Where pixels of a window tie, they share the signal; here the first in reading order "
            "gets all of it.",
            like=_share(lambda window, signal: signal * _tied(window) / _tied(window).sum()),
        ),
        Mistake(
            "Where pixels of a window tie, the last one gets the signal, and the first in reading "
            "order should: compare with > and not with >=.",
            like=_share(_last),
        ),
        Mistake(
            "The whole window gets the signal: a small change of a pixel that did not win changes "
            "nothing, so only the winner gets it.",
            like=_share(lambda window, signal: np.full(window.shape, signal)),
        ),
        Mistake(
            "The winner's place is counted in its window, not in x: its row is stride·i further "
            "down and its column stride·j further to the right.",
            like=_local,
        ),
        Mistake(
            "The winner's row and column are swapped: place // k is the row in its window, and "
            "place % k the column.",
            like=_placed(lambda i, j, row, column, k, s: (i * s + column, j * s + row)),
        ),
        Mistake(
            "The window of (i, j) begins at row stride·i and column stride·j of x, and so does the "
            "winner's place; here the stride is missing.",
            like=_placed(lambda i, j, row, column, k, s: (i + row, j + column)),
        ),
        Mistake(
            "The window of (i, j) begins at row stride·i and column stride·j, not at k·i and k·j: "
            "windows may overlap, or leave gaps.",
            when=_k_apart,
        ),
        Mistake(
            "Where pixels of a window tie, the first in reading order should get the signal: row "
            "by row, not column by column.",
            like=lambda x, delta, k, s: tuple(
                part.swapaxes(2, 3) for part in _pool(x.swapaxes(2, 3), delta.swapaxes(2, 3), k, s)
            ),
        ),
        Mistake(
            "The winner is looked for in the whole picture: a pixel outside of the window that has "
            "the same value gets the signal too.",
            like=_everywhere,
        ),
        Mistake(
            "It pools by the minimum, and the maximum is wanted.",
            like=lambda x, delta, k, s: (-_pool(-x, delta, k, s)[0], _pool(-x, delta, k, s)[1]),
        ),
        Mistake(
            "dx is multiplied by x: the slope of the maximum is 1 for the winner, whatever its "
            "value.",
            like=lambda x, delta, k, s: (_pool(x, delta, k, s)[0], _pool(x, delta, k, s)[1] * x),
        ),
        Mistake(
            "dx marks the winners but leaves out delta: by the chain rule each gets its window's "
            "error signal.",
            like=lambda x, delta, k, stride: _pool(x, np.ones_like(delta), k, stride),
        ),
        Mistake(
            "dx holds the winners themselves in place of their windows' error signals.",
            like=lambda x, delta, k, stride: _pool(x, _pool(x, delta, k, stride)[0], k, stride),
        ),
        Mistake(
            "It pools by the mean, and the maximum is wanted.",
            like=_average,
        ),
        Mistake(
            "The search for the maximum begins at 0, so windows with negative numbers only go "
            "wrong: begin at −∞, or with the first pixel.",
            like=_from_zero,
        ),
        Mistake(
            "The two results are swapped: first z, then dx.",
            like=lambda *args: _pool(*args)[::-1],
        ),
    ),
    hints=(
        "Loop over the places (i, j) of z. Which rows and columns of x are in the window?",
        "In each window, argmax gives the winner's place in reading order, and the first one where "
        "several tie. divmod(place, k) turns it into a row and a column of the window.",
        "dx begins as zeros. Each window adds its delta[n, c, i, j] to the pixel of x at row "
        "stride·i + row and column stride·j + column: add, since windows can share a winner.",
    ),
    notice="A pixel that wins nowhere gets no gradient, and one that wins in several windows gets "
    "all their signals together.",
)

# ---------------------------------------------------------------- cnn-basics: matrix


def _kernels(rng: np.random.Generator) -> Iterator[tuple]:
    for k, length, height, width in ((1, 1, 1, 1), (1, 2, 1, 4), (2, 1, 3, 2), (2, 3, 4, 5)):
        yield rng.normal(size=(k, length)), height, width
    yield rng.normal(size=(3, 3)), 5, 4
    for _ in range(3):
        k, length = (int(i) for i in rng.integers(1, 4, size=2))
        height, width = (int(i) for i in rng.integers(3, 8, size=2))
        yield rng.normal(size=(k, length)), height, width


def _matrix(w: np.ndarray, height: int, width: int) -> np.ndarray:
    pictures = torch.eye(height * width, dtype=torch.float64).reshape(-1, 1, height, width)
    maps = F.conv2d(pictures, torch.as_tensor(np.ascontiguousarray(w))[None, None])
    return maps.flatten(1).T.numpy()


def _laid(column: Callable[..., int]) -> Callable[..., np.ndarray]:
    """A matrix whose weight (u, v) of output (i, j) stands in some other column."""

    def matrix(w: np.ndarray, height: int, width: int) -> np.ndarray:
        rows, columns = height - len(w) + 1, width - len(w[0]) + 1
        T = np.zeros((rows * columns, height * width))
        for (i, j), (u, v) in product(np.ndindex(rows, columns), np.ndindex(w.shape)):
            T[i * columns + j, column(i, j, u, v, height, width, columns)] = w[u, v]
        return T

    return matrix


def _side_by_side(w: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = height - len(w) + 1, width - len(w[0]) + 1
    T = np.zeros((rows * columns, height * width))
    for i, j in np.ndindex(rows, columns):
        start = i * width + j
        T[i * columns + j, start : start + w.size] = w.ravel()[: height * width - start]
    return T


MATRIX = Exercise(
    id="cnn-basics.matrix",
    level=2,
    call="as_matrix(w, height, width)",
    returns=("T (H'·W', H·W)",),
    example=(np.array([[1.0, 2.0], [3.0, 4.0]]), 2, 3),
    inputs=_kernels,
    oracle=_matrix,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "It is transposed: one row for each output, one column for each pixel.",
            like=lambda w, height, width: _matrix(w, height, width).T,
        ),
        Mistake(
            "The kernel is turned around: w[0, 0] stands on the upper left pixel of the window.",
            like=lambda w, height, width: _matrix(w[::-1, ::-1], height, width),
        ),
        Mistake(
            "The kernel's axes are swapped: w[u, v] is u rows down and v columns to the right.",
            like=lambda w, height, width: _matrix(w.T, height, width),
        ),
        Mistake(
            "Height and width are swapped: a picture has height rows of width pixels.",
            like=lambda w, height, width: _matrix(w, width, height),
        ),
        Mistake(
            "Each row is the one above moved on by one, also where a new row of the map begins: "
            "there the window goes back to the left edge, so output (i, j) begins at pixel "
            "i·width + j.",
            like=_laid(lambda i, j, u, v, h, w, c: i * c + j + u * w + v),
        ),
        Mistake(
            "A row of the picture has width pixels, and not as many as a row of the map: pixel "
            "(p, q) is column p·width + q.",
            like=_laid(lambda i, j, u, v, h, w, c: (i + u) * c + j + v),
        ),
        Mistake(
            "A row of the picture has width pixels, and not height: pixel (p, q) is column "
            "p·width + q.",
            like=_laid(lambda i, j, u, v, h, w, c: (i + u) * h + j + v),
        ),
        Mistake(
            "The pixels are numbered column by column, and reading order is row by row: pixel "
            "(p, q) is column p·width + q.",
            like=_laid(lambda i, j, u, v, h, w, c: (j + v) * h + i + u),
        ),
        Mistake(
            "The outputs are numbered column by column: output (i, j) is row i·W' + j.",
            like=lambda w, height, width: (
                _matrix(w, height, width)
                .reshape(height - len(w) + 1, -1, height * width)
                .swapaxes(0, 1)
                .reshape(-1, height * width)
            ),
        ),
        Mistake(
            "There is an output for every pixel: without padding the map is smaller, and a window "
            "that leaves the picture gives none.",
            when=lambda args, got, want: np.shape(got) == (args[1] * args[2],) * 2 != want.shape,
        ),
        Mistake(
            "The last row and column of the map are missing: the kernel still fits there.",
            when=lambda args, got, want: (
                np.shape(got)[0] == (args[1] - len(args[0])) * (args[2] - len(args[0][0]))
            ),
        ),
        Mistake(
            "The kernel's weights stand side by side in each row: its second row belongs one row "
            "of the picture further on, width columns later.",
            like=_side_by_side,
        ),
    ),
    hints=(
        "How many rows and columns has T? Row by row, which pixels of the picture does output "
        "(i, j) look at?",
        "In reading order pixel (p, q) has number p·width + q, and output (i, j) has number "
        "i·W' + j, where W' is the width of the map.",
        "Begin with zeros, and go through all (i, j) and all (u, v): w[u, v] stands in row "
        "i·W' + j and in column (i + u)·width + j + v.",
    ),
    notice="A linear layer would learn every entry of T by itself; a convolution keeps the zeros, "
    "and one number for each weight of the kernel.",
)

# ---------------------------------------------------------------- cnn-basics: a small network

BUDGET, GOAL, PICTURES, SECONDS = 1500, 0.97, 1000, 0.5
LOOSE = 100  # numbers outside of tensors that are free: settings of layers, constants in code
LOOK = {"jitter": 2.0, "translation": 0.06, "noise": 0.2}  # the lab's
_labels: dict[int, np.ndarray] = {}  # of the pictures drawn last; the model must not see them


def _digits(rng: np.random.Generator) -> Iterator[tuple]:
    seed = int(rng.integers(2**31, 2**40))  # far from those that a learner trains on
    fresh = load("glyphs", n=PICTURES, splits=(0, 0, 1), seed=seed, **LOOK).test
    x = np.array(fresh.x, np.float32)
    _labels.clear()
    _labels[hash(x.tobytes())] = np.array(fresh.y)
    yield (x,)


def _measure(model: torch.nn.Module, x: torch.Tensor) -> tuple:
    """Stored numbers, where the most of them are, logits, seconds."""
    model = model.to(x.device).eval()
    kept = stored(model)
    rest = max(0, kept.loose - LOOSE)
    place = "most are in no tensor"
    if kept.tensors >= rest:
        place = f"the largest tensor has shape {kept.largest}"
    dtype = next((p.dtype for p in model.parameters()), x.dtype)
    with torch.no_grad():
        model(x[:1].to(dtype))  # the first time takes longer
        start = time.process_time()
        logits = model(x.to(dtype))
        seconds = time.process_time() - start
    return rest + kept.tensors, place, logits, seconds


def _within(args: tuple, got: tuple, want: tuple) -> str | None:
    (x,), (stored, place, logits, seconds) = args, got
    if stored > BUDGET:
        return (
            f"It stores {stored:,} numbers, buffers included, and {BUDGET:,} are allowed: {place}."
        )
    if not np.isfinite(logits).all():
        return "Some logits are nan or infinite: did the training diverge? A smaller learning rate?"
    labels = _labels.get(hash(x.tobytes()))
    if labels is None:  # the statement's example, which shows nothing but shapes
        return None
    share = float((np.asarray(logits).argmax(axis=1) == labels).mean())
    if share < GOAL:
        return (
            f"It reads {share:.1%} of {len(x):,} fresh digits, and {GOAL:.0%} are asked for. Look "
            "at its accuracy in training: if that is high, draw more digits to train on; if not, "
            "train longer, or spend the numbers elsewhere."
        )
    if seconds > SECONDS:
        return (
            f"It takes {seconds:.1f} s for {len(x):,} pictures, and {SECONDS} s are allowed: make "
            "the maps smaller early on."
        )
    return None


def _right(args: tuple, got: Any, want: tuple) -> float:
    """The share of digits read rightly; 1 where something else is wrong."""
    labels = _labels.get(hash(args[0].tobytes()))
    if labels is None or fault(want, got, SMALL_NETWORK.returns, None) or got[0] > BUDGET:
        return 1.0
    logits = np.asarray(got[2])
    return float((logits.argmax(axis=1) == labels).mean()) if np.isfinite(logits).all() else 1.0


def _one_class(args: tuple, got: Any, want: tuple) -> bool:
    return _right(args, got, want) < GOAL and np.ptp(np.asarray(got[2]).argmax(axis=1)) == 0


SMALL_NETWORK = Exercise(
    id="cnn-basics.small-network",
    level=3,
    call="small(x)",
    returns=("stored numbers", "place", "logits (N, 10)", "seconds"),
    example=(np.zeros((2, 1, 28, 28), np.float32),),
    inputs=_digits,
    oracle=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)),
    takes="model",
    run=_measure,
    verify=_within,
    kinds=("torch",),
    seconds=3,
    mistakes=(
        Mistake(
            "It gives every picture the same class: was the model trained that you return?",
            when=_one_class,
        ),
        Mistake(
            "It is hardly better than guessing: was it trained, and on pictures as the lab's are, "
            "with their labels in the same order?",
            when=lambda *row: _right(*row) < 0.3,
        ),
    ),
    hints=(
        "Where are the 13,602 numbers of the lab's network? Which of its layers could do with "
        "fewer places, and which with fewer channels?",
        "Make the maps small early, with a stride of 2, and use pooling before the linear layer, "
        "so that its input is a few dozen numbers. Batch normalization speeds up the training of "
        "a network as narrow as this one, and its buffers cost little.",
        "Three convolutions with 4, 6 and 8 maps, the first 5×5, the first two of stride 2, then "
        "nn.AdaptiveMaxPool2d((2, 2)) and a linear layer from 32 numbers to 10. Draw 4,000 digits "
        "and let a one-cycle schedule go up to a learning rate of 0.03.",
    ),
    notice="Accuracy is cheap where the weights are shared: most of the large network's numbers "
    "stood in its last layer.",
)

EXERCISES = (OUTPUT_SIZE, CONVOLUTION, RECEPTIVE_FIELD, MAX_POOLING, MATRIX, SMALL_NETWORK)
