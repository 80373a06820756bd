"""The pen of the figure "draw a character": how lines become a picture for a network.

:func:`ink` draws lines exactly as the figure's script does. :func:`write` uses it to write digits
as people write them, from the few points of :data:`FORMS`, so that a network can learn this pen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDE = 28  # of the picture, in pixels
WIDTH = 2.6  # of the pen's line, in pixels
TALL = 20.0  # the longer side of a centered drawing, in pixels: what digits of the lab measure
SMALLEST = 0.1  # of the sheet: a smaller drawing, a dot for example, is not blown up further

# Ways to write each digit: lines of points (x, y), in tenths, y downward; ";" lifts the pen. Lines
# are rounded off, except at a point that stands twice: there they have a corner.
FORMS: dict[str, tuple[str, ...]] = {
    "0": ("5,0 2,1 0,5 2,10 6,10 9,8 9,4 8,0 5,0",),
    "1": ("5,0 5,10", "2,3 6,0 6,0 6,10", "2,3 6,0 6,0 6,10; 2,10 9,10"),
    "2": ("1,3 3,0 8,0 9,3 5,7 0,10 0,10 10,10", "1,2 4,0 8,0 8,4 4,9 1,10 1,8 4,8 10,10"),
    "3": ("1,1 5,0 9,1 8,5 4,5 4,5 9,6 9,9 5,10 0,9", "1,0 9,0 9,0 4,4 4,4 9,5 9,9 5,10 0,9"),
    "4": ("8,10 8,0 8,0 0,6 0,6 10,6", "2,0 1,6 1,6 9,6; 8,0 7,10", "1,0 1,4 4,5 8,4; 8,0 8,10"),
    "5": (
        "9,0 2,0 2,0 1,4 1,4 6,4 9,7 7,10 0,9",
        "2,0 1,4 1,4 6,4 9,7 7,10 0,9; 2,0 9,0",
    ),
    "6": ("7,0 3,2 1,7 2,10 7,10 9,7 6,5 1,7", "5,0 2,4 1,8 4,10 8,9 8,6 4,6 2,8"),
    "7": ("0,0 9,0 9,0 4,10", "0,0 9,0 9,0 4,10; 2,5 8,5", "1,2 1,0 1,0 9,0 9,0 5,5 4,10"),
    "8": (
        "8,2 5,0 2,2 3,4 8,6 9,9 5,10 1,9 2,6 8,4 8,2",
        "5,0 2,1 2,4 5,5 8,4 8,1 5,0; 5,5 1,6 1,9 5,10 9,9 9,6 5,5",
    ),
    "9": (
        "8,2 5,0 2,2 2,5 6,5 8,2 8,2 8,10",
        "8,2 5,0 1,2 2,5 7,5 9,2 9,6 7,10 2,10",
        "7,2 4,0 2,2 3,5 6,4 8,1 8,1 6,6 5,10",
    ),
}


def ink(
    lines: Sequence[np.ndarray],
    *,
    width: float = WIDTH,
    tall: float = TALL,
    center: bool = True,
) -> np.ndarray:
    """The picture (28, 28) of lines that a round pen draws; 0 is the sheet, 1 is ink.

    Args:
        lines: arrays (P, 2) of points x, y on a sheet that reaches from 0 to 1; y points down. A
            line of one point is a dot.
        width: of the pen, in pixels of the picture.
        tall: the longer side of the drawing in the picture, with the pen's width, in pixels.
        center: put the middle of the drawing into the middle and scale it to ``tall``. Without it
            the sheet is taken as it is.
    """
    if not lines:
        return np.zeros((SIDE, SIDE))
    paths = [np.asarray(line, dtype=float).reshape(-1, 2) for line in lines]
    low, high = np.min([p.min(0) for p in paths], 0), np.max([p.max(0) for p in paths], 0)
    middle, scale = (low + high) / 2, (tall - width) / max(*(high - low), SMALLEST)
    if not center:
        middle, scale = np.full(2, 0.5), SIDE
    paths = [(p - middle) * scale + SIDE / 2 for p in paths]
    start = np.concatenate([p[: max(len(p) - 1, 1)] for p in paths])  # (S, 2), S segments
    way = np.concatenate([p[1:] if len(p) > 1 else p for p in paths]) - start
    at = np.stack(np.meshgrid(*[np.arange(SIDE) + 0.5] * 2), axis=-1)[:, :, None]  # (28, 28, 1, 2)
    along = ((at - start) * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-12)
    gap = at - start - np.clip(along, 0, 1)[..., None] * way  # to the nearest point of a segment
    distance = np.sqrt((gap**2).sum(-1).min(-1))
    return np.clip(width / 2 - distance + 0.5, 0, 1)


def write(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (count, 1, 28, 28) of digits written with an unsteady hand, and their classes.

    The forms of :data:`FORMS` take turns. Their points are moved a little, their width and the
    width of the pen vary.
    """
    x, y = np.empty((count, 1, SIDE, SIDE), np.float32), np.arange(count) % 10
    for i, digit in enumerate(y):
        forms = FORMS[str(digit)]
        lines = points(forms[i // 10 % len(forms)])
        narrow = rng.uniform(0.5, 0.9), 1.0
        lines = [_rounded(_moved(line, 0.06, rng) * narrow) for line in lines]
        x[i, 0] = ink(lines, width=rng.uniform(2, 4))
    return x, y


def points(form: str) -> list[np.ndarray]:
    """The lines of a form, (P, 2) each, on a sheet from 0 to 1."""
    return [
        np.array([pair.split(",") for pair in line.split()], dtype=float) / 10
        for line in form.split(";")
    ]


def _moved(line: np.ndarray, by: float, rng: np.random.Generator) -> np.ndarray:
    """Each point moved a little; the two of a corner together."""
    moved = line + rng.normal(0, by, line.shape)
    corner = np.flatnonzero((line[1:] == line[:-1]).all(1)) + 1
    moved[corner] = moved[corner - 1]
    return moved


def _rounded(line: np.ndarray) -> np.ndarray:
    """Corners cut twice: each stretch between two points gives way to its middle half."""
    for _ in range(2):
        a, b = line[:-1], line[1:]
        middle = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        line = np.concatenate([line[:1], middle, line[-1:]])
    return line
