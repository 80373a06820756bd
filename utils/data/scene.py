"""Scenes: pictures of several glyphs, with true boxes, masks, labels and captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from . import glyphs as g
from .core import number, to_unit

SMALL = 0.55  # side of a small glyph's frame relative to a large one's
MIN_FRAME = 8  # pixels: smaller glyphs cannot be told apart


@dataclass(frozen=True, eq=False)
class Scene:
    """One scene with K glyphs, from left to right.

    image: float32 (1, H, W) in [0, 1].
    boxes: float32 (K, 4) as x1, y1, x2, y2 in pixels from the top left corner; x2 and y2 lie just
        beyond the last pixel, so that x2 - x1 is the width. The smallest box around the mask.
    masks: bool (K, H, W), true where a glyph covers at least a quarter of a pixel. They never
        overlap.
    labels: int64 (K,) indexes into `Scenes.classes`; styles: int64 (K,) into `Scenes.styles`.
    large: bool (K,), which of the two sizes. caption: what is where, in Unicode names.
    """

    image: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    styles: np.ndarray
    large: np.ndarray
    caption: str


@dataclass(frozen=True, repr=False, eq=False)
class Scenes:
    """N scenes: ``scenes[i]`` is one `Scene`, ``images`` all their pictures, (N, 1, H, W).

    classes: the characters; names: their Unicode names; styles: the typeface styles.
    """

    images: np.ndarray
    items: tuple[Scene, ...]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    styles: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Scene:
        return self.items[index]

    def __iter__(self) -> Iterator[Scene]:
        return iter(self.items)

    @property
    def captions(self) -> tuple[str, ...]:
        return tuple(scene.caption for scene in self.items)

    def __repr__(self) -> str:
        count = sum(len(scene.labels) for scene in self.items)
        side = self.images.shape[-1]
        return (
            f"{len(self):,} scenes of 1 × {side} × {side} with {count:,} glyphs of "
            f"{len(self.classes)} classes\n  for example: {self.items[0].caption}"
        )


def scenes(
    n: int = 100,
    *,
    size: int = 64,
    objects: tuple[int, int] = (1, 3),
    chars: str | Sequence[str] | None = None,
    script: str | Sequence[str] | None = None,
    category: str | Sequence[str] | None = None,
    styles: str | Sequence[str] | None = None,
    jitter: float = 1.0,
    noise: float | None = None,
    seed: int = 0,
) -> Scenes:
    """``n`` scenes of several glyphs that do not overlap; other seeds give other scenes, so take
    one seed for training and another for testing.

    size: side of the picture in pixels. objects: fewest and most glyphs in a scene.
    chars, script, category, styles: as for ``load("glyphs")``; default the ten digits.
    jitter: strength of rotation, shear and scale, 0 to 2; noise: its standard deviation.
    """
    n, size = number("n", n, 1, 1_000_000, int), number("size", size, 16, 1024, int)
    seed = number("seed", seed, 0, 2**63, int)
    try:
        fewest, most = objects
    except (TypeError, ValueError):
        raise ValueError(f"objects: expected (fewest, most), given {objects!r}") from None
    most = number("objects[1]", most, 1, 100, int)
    fewest = number("objects[0]", fewest, 1, most, int)
    cells = max(2, ceil(sqrt(most)))
    frame = size // cells  # as many large glyphs as cells fit in any case
    if SMALL * frame < MIN_FRAME:
        raise ValueError(
            f"{most} objects do not fit in {size} pixels; take fewer objects or a "
            f"size of at least {ceil(MIN_FRAME / SMALL) * cells}"
        )
    strength = number("jitter", jitter, 0, 2)
    limits = g.jitter_limits(strength, rotation=None, shear=None, scale=None, translation=0,
                             noise=noise)  # fmt: skip
    names = g.style_names(styles)
    classes = g.choose(chars, script, category, names)
    titles = tuple(map(g.name_of, classes))

    rng = np.random.default_rng([seed, 7])
    counts = rng.integers(fewest, most + 1, size=n)
    total = int(counts.sum())
    labels, drawn = g.assign(total, g.usable_styles(classes, names, names), rng)
    large = rng.random(total) < 0.5
    patches: list[np.ndarray] = [np.empty(0)] * total
    for group, side in ((large, frame), (~large, round(SMALL * frame))):
        rows = np.flatnonzero(group)
        pictures = g.render(labels[rows], drawn[rows], classes, names, side,
                             limits | {"noise": 0.0}, rng)  # fmt: skip
        for row, picture in zip(rows, pictures, strict=True):
            patches[row] = _trim(picture)

    images, layouts, start = np.zeros((n, size, size), np.uint8), [], 0
    for image, count in zip(images, counts, strict=True):
        rows = np.arange(start, start := start + count)
        corners = _place([patches[row].shape for row in rows], size, cells, rng)
        order = np.argsort([x + patches[row].shape[1] / 2 for row, (y, x) in zip(rows, corners)],
                           kind="stable")  # fmt: skip
        layouts.append((rows[order], [corners[i] for i in order]))
        for row, (y, x) in zip(rows, corners, strict=True):
            patch = patches[row]
            image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    if limits["noise"]:
        g.add_noise(images, limits["noise"], rng)
    pictures, items = to_unit(images[:, None]), []
    for image, (rows, corners) in zip(pictures, layouts, strict=True):
        masks, boxes = _masks_and_boxes([patches[row] for row in rows], corners, size)
        what = [f"a {'large' if large[row] else 'small'} {titles[labels[row]]}" for row in rows]
        items.append(Scene(image, boxes, masks, labels[rows], drawn[rows], large[rows],
                           _caption(what, boxes, size)))  # fmt: skip
    return Scenes(pictures, tuple(items), classes, titles, names)


def _trim(picture: np.ndarray) -> np.ndarray:
    """The picture without its empty border."""
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(
    shapes: list[tuple[int, int]], size: int, cells: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Top left corners (y, x) of rectangles that do not overlap: anywhere if that works out, else
    each in a cell of its own."""
    placed: list[tuple[int, int, int, int]] = []
    for h, w in shapes:
        for _ in range(50):
            y, x = int(rng.integers(0, size - h + 1)), int(rng.integers(0, size - w + 1))
            if all(y + h <= t or b <= y or x + w <= le or r <= x for t, le, b, r in placed):
                placed.append((y, x, y + h, x + w))
                break
        else:
            break
    if len(placed) == len(shapes):
        return [(top, left) for top, left, _, _ in placed]
    side, corners = size // cells, []
    for cell, (h, w) in zip(rng.permutation(cells**2), shapes):
        row, column = divmod(int(cell), cells)
        corners.append((row * side + int(rng.integers(0, side - h + 1)),
                        column * side + int(rng.integers(0, side - w + 1))))  # fmt: skip
    return corners


def _masks_and_boxes(
    patches: list[np.ndarray], corners: list[tuple[int, int]], size: int
) -> tuple[np.ndarray, np.ndarray]:
    masks = np.zeros((len(patches), size, size), bool)
    boxes = np.empty((len(patches), 4), np.float32)
    for mask, box, patch, (y, x) in zip(masks, boxes, patches, corners, strict=True):
        # Hairlines that nowhere cover a quarter of a pixel still get a mask.
        inside = patch >= min(64, patch.max())
        mask[y : y + patch.shape[0], x : x + patch.shape[1]] = inside
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return masks, boxes


def _caption(what: list[str], boxes: np.ndarray, size: int) -> str:
    """One thing: where it is in the picture; several, from left to right: where each is relative
    to the next, along the axis on which their centers are further apart."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    if len(what) == 1:
        row = ("top", "", "bottom")[int(3 * y[0] // size)]
        column = ("left", "", "right")[int(3 * x[0] // size)]
        return f"{what[0]} at the {f'{row} {column}'.strip() or 'center'}"
    caption = what[0]
    for i in range(1, len(what)):
        dx, dy = x[i] - x[i - 1], y[i] - y[i - 1]
        relation = "left of" if dx >= abs(dy) else "above" if dy > 0 else "below"
        caption += f"{', which is' if i > 1 else ''} {relation} {what[i]}"
    return caption
