"""Glyphs: characters drawn from the DejaVu typefaces that matplotlib ships.

Every picture is computed here, so nothing is downloaded and true labels, boxes and masks come
for free. The same options, seed and library versions give the same bytes on every machine:
outlines are drawn unhinted by FreeType, and all arithmetic after that is exact (integers, or
float64 additions and multiplications in a fixed order, which every processor rounds alike).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

from .core import Dataset, Info, Part, cache_dir, number, to_unit, unknown

FACES = {  # style name: font file
    "sans-regular": "DejaVuSans", "sans-bold": "DejaVuSans-Bold",
    "sans-oblique": "DejaVuSans-Oblique", "sans-bold-oblique": "DejaVuSans-BoldOblique",
    "mono-regular": "DejaVuSansMono", "mono-bold": "DejaVuSansMono-Bold",
    "mono-oblique": "DejaVuSansMono-Oblique", "mono-bold-oblique": "DejaVuSansMono-BoldOblique",
    "serif-regular": "DejaVuSerif", "serif-bold": "DejaVuSerif-Bold",
    "serif-oblique": "DejaVuSerif-Italic", "serif-bold-oblique": "DejaVuSerif-BoldItalic",
}  # fmt: skip
STYLES = tuple(FACES)

# A script is recognized by how the Unicode name of a character begins.
SCRIPTS = {
    name: name.upper()
    for name in ("Latin", "Greek", "Cyrillic", "Armenian", "Georgian", "Hebrew", "Arabic", "Lao",
                 "Canadian Syllabics", "Tifinagh", "NKo", "Lisu", "Ogham", "Old Italic", "Coptic",
                 "Braille")
}  # fmt: skip

# Largest change at jitter=1, drawn uniformly from ± the value; noise is a standard deviation.
JITTER = {"rotation": 12.0, "shear": 0.15, "scale": 0.12, "translation": 0.06, "noise": 0.04}
LIMITS = {"rotation": 180.0, "shear": 2.0, "scale": 0.5, "translation": 1.0, "noise": 1.0}

EM = 0.95  # an em (the typeface's unit) in image sides: capitals are 0.69 sides high
FIT = 0.80  # a glyph larger than this part of the side is drawn smaller
VERSION = 1  # raise it when the pictures change: it is part of the cache key
ONE_AT_A_TIME = threading.Lock()  # a face remembers the last glyph: threads take turns
CACHE_FROM = 5_000_000  # pixels: smaller sets are drawn about as fast as they are read

INFO = Info(
    name="glyphs",
    description="characters of many scripts in 12 typeface styles, drawn at any size and "
    "varied by rotation, shear, scale, translation and noise",
    source="drawn on this machine from the DejaVu fonts that matplotlib ships",
    license="DejaVu fonts license (free; Bitstream Vera, Arev and public domain)",
    size="no download",
    citation="DejaVu fonts 2.37, https://dejavu-fonts.github.io; The Unicode Standard",
    classes="10, or any characters",
    builtin=True,
)


# Which characters there are --------------------------------------------------------------------


@cache
def _face(style: str) -> FT2Font:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    return FT2Font(os.path.join(get_data_path(), "fonts", "ttf", FACES[style] + ".ttf"))


@cache
def _covered(style: str) -> frozenset[str]:
    """Characters that the face of a style can draw."""
    return frozenset(map(chr, _face(style).get_charmap()))


def script_of(char: str) -> str:
    """Name of the script of a character (a key of SCRIPTS), or "Common"."""
    name = unicodedata.name(char, "")
    return next((s for s, start in SCRIPTS.items() if name.startswith(start + " ")), "Common")


def _several(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def style_names(styles: str | Sequence[str] | None) -> tuple[str, ...]:
    """Style names in their fixed order; a family such as "serif" stands for its four styles."""
    chosen: set[str] = set()
    for name in STYLES if styles is None else _several(styles):
        members = [s for s in STYLES if name in (s, s.split("-")[0])]
        if not members:
            raise unknown("style", name, (*STYLES, "sans", "mono", "serif"))
        chosen.update(members)
    if not chosen:
        raise ValueError("styles is empty; expected at least one, e.g. styles=['sans-regular']")
    return tuple(s for s in STYLES if s in chosen)


def characters(
    script: str | Sequence[str] | None = None,
    category: str | Sequence[str] | None = None,
    styles: str | Sequence[str] | None = None,
    every_style: bool = False,
) -> str:
    """Characters that the typefaces can draw, in code point order.

    script: one or several of SCRIPTS, or "Common" (digits, signs, symbols); default all.
    category: Unicode general categories ("Lu" capital letter, "Ll" small letter, "Nd" digit,
        "Sm" mathematical sign, …) or their first letter ("L" all letters); default all.
    styles: as in `glyphs`; default all twelve.
    every_style: only characters that every one of the styles can draw; else one is enough.

    >>> characters("Armenian", "Lu", every_style=True)[:5]
    'ԱԲԳԴԵ'
    """
    join = frozenset.intersection if every_style else frozenset.union
    available = join(*map(_covered, style_names(styles)))
    # Separators, control and combining characters leave no picture of their own.
    drawn = [c for c in sorted(available) if unicodedata.category(c)[0] not in "ZCM"]
    if script is not None:
        wanted = {name.lower(): name for name in (*SCRIPTS, "Common")}
        for name in _several(script):
            if str(name).lower() not in wanted:
                raise unknown("script", name, wanted.values())
        names = {wanted[name.lower()] for name in _several(script)}
        drawn = [c for c in drawn if script_of(c) in names]
    if category is not None:
        known = {unicodedata.category(c) for style in STYLES for c in _covered(style)}
        known = sorted(k for k in known if k[0] not in "ZCM")
        for name in _several(category):
            if name not in known and name not in {k[0] for k in known}:
                raise unknown("category", name, known)
        drawn = [c for c in drawn if unicodedata.category(c).startswith(tuple(_several(category)))]
    return "".join(drawn)


def choose(
    chars: str | Sequence[str] | None,
    script: str | Sequence[str] | None,
    category: str | Sequence[str] | None,
    *pools: tuple[str, ...],
) -> tuple[str, ...]:
    """The classes: the characters asked for, each once, which some style of every pool can draw."""
    drawable = frozenset.intersection(*(frozenset.union(*map(_covered, pool)) for pool in pools))
    if chars is None:
        if script is None and category is None:
            chars = "0123456789"
        else:
            chars = [c for c in characters(script, category) if c in drawable]
            if not chars:
                raise ValueError(
                    f"no character has script={script!r}, category={category!r} in the "
                    "styles asked for; try other styles or another category"
                )
    elif script is not None or category is not None:
        raise ValueError("give either chars, or script and category; both were given")
    chosen = tuple(dict.fromkeys(chars))
    for c in chosen:
        if not isinstance(c, str) or len(c) != 1:
            raise ValueError(f"chars: expected single characters, given {c!r}")
        if unicodedata.category(c)[0] in "ZCM":
            raise ValueError(f"{name_of(c)} leaves no picture; leave it out of chars")
        if c not in drawable:
            others = ", ".join(s for s in STYLES if c in _covered(s))
            where = f"only these have it: {others}" if others else "nor is it in any other"
            raise ValueError(f"{name_of(c)} ({c!r}) is in none of the styles asked for; {where}")
    if not chosen:
        raise ValueError("chars is empty; expected at least one character")
    return chosen


def name_of(char: str) -> str:
    """The Unicode name, or the code point where there is none."""
    return unicodedata.name(char, f"U+{ord(char):04X}")


# Drawing -----------------------------------------------------------------------------------------


def _draw(char: str, style: str, size: int) -> np.ndarray:
    """One glyph, centered, in steps of half a pixel: uint8 (2·size, 2·size).

    Value [i, j] is how much ink the pixel has whose upper left corner is i and j half pixels
    from that of the picture. So each value covers a whole pixel, and moving a glyph by a
    fraction of a pixel changes its ink by hardly anything.
    """
    from matplotlib.ft2font import LoadFlags

    face, em, room = _face(style), 2 * EM * size, 2 * FIT * size
    for _ in range(3):  # a glyph that is too large is drawn again, smaller
        with ONE_AT_A_TIME:
            face.set_size(em, 72)
            face.set_text(char, 0, flags=LoadFlags.NO_HINTING)
            face.draw_glyphs_to_bitmap(antialiased=True)
            ink = np.array(face.get_image())
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if max(ink.shape) <= room:
            break
        em *= (room - 1) / max(ink.shape)
    fine = np.zeros((2 * size + 1, 2 * size + 1), np.uint16)
    top, left = (2 * size - ink.shape[0]) // 2, (2 * size - ink.shape[1]) // 2
    fine[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    rows = fine[:-1] + fine[1:]
    return ((rows[:, :-1] + rows[:, 1:] + 2) >> 2).astype(np.uint8)


def _cos_sin(degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine by their Taylor series, |degrees| ≤ 180.

    The library's cos and sin differ in the last bit from one processor to the next; additions and
    multiplications don't.
    """
    angle = degrees * (np.pi / 180)
    square = angle * angle
    cos, sin = np.ones_like(angle), np.ones_like(angle)
    for k in range(28, 0, -2):  # Horner's scheme from the highest power down
        cos = 1.0 - square * cos / (k * (k - 1))
        sin = 1.0 - square * sin / (k * (k + 1))
    return cos, angle * sin


def _inverse_maps(unit: np.ndarray, size: int, limits: dict[str, float]) -> np.ndarray:
    """Affine maps from output to source pixels in units of 2⁻¹⁶ pixel: int32 (n, 2, 3).

    unit: uniform random numbers in [0, 1), (n, 5): rotation, shear, scale, two translations.
    The picture is sheared, then rotated, scaled and moved; what is needed here is the inverse.
    """
    signed = unit * 2.0 - 1.0
    cos, sin = _cos_sin(signed[:, 0] * limits["rotation"])
    shear = signed[:, 1] * limits["shear"]
    zoom = signed[:, 2] * limits["scale"] + 1.0
    shift = signed[:, 3:] * (limits["translation"] * 2 * size)  # in source pixels
    maps = np.empty((len(unit), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = (cos + shear * sin) / zoom, (sin - shear * cos) / zoom
    maps[:, 1, 0], maps[:, 1, 1] = -sin / zoom, cos / zoom
    moved = maps[:, :, 0] * shift[:, :1] + maps[:, :, 1] * shift[:, 1:]
    maps[:, :, 2] = (size - 1.0) - moved  # where `_draw` has the pixel at the center
    return np.rint(maps * 65536.0).astype(np.int32)


def _warp(sources: np.ndarray, which: np.ndarray, maps: np.ndarray, size: int) -> np.ndarray:
    """Pictures through affine maps with bilinear interpolation, in integers.

    sources: of `_draw`, uint8 (G, 2·size, 2·size). which: index into it (n,).
    maps: of `_inverse_maps`, int32 (n, 2, 3). Returns uint8 (n, size, size).
    """
    side = 2 * size
    # The four neighbors of a position, packed into one 32-bit word, are fetched in one go.
    wide = np.zeros((len(sources), side + 1, side + 1), np.uint32)
    wide[:, :side, :side] = sources
    upper, lower = wide[:, :-1], wide[:, 1:]
    quads = upper[..., :-1] | lower[..., :-1] << 8 | upper[..., 1:] << 16 | lower[..., 1:] << 24
    quads = quads.ravel()
    # Offsets from the center in half output pixels, that is, in source pixels.
    offset = np.arange(1 - size, size, 2, dtype=np.int32)
    out = np.empty((len(which), size, size), np.uint8)
    step = max(1, 65536 // size**2)  # images at a time: what fits the processor's cache
    last = np.int32(((side - 1) << 16) - 1)
    low = np.uint32(0x00FF00FF)
    for start in range(0, len(which), step):
        rows = slice(start, start + step)
        m = maps[rows, :, :, None, None]
        x = m[:, 0, 0] * offset + (m[:, 0, 1] * offset[:, None] + m[:, 0, 2])
        y = m[:, 1, 0] * offset + (m[:, 1, 1] * offset[:, None] + m[:, 1, 2])
        np.clip(x, 0, last, out=x)
        np.clip(y, 0, last, out=y)
        index = (y >> 16) * np.int32(side) + (x >> 16) + which[rows, None, None] * side**2
        quad = quads.take(index)
        right = ((x >> 8) & 255).astype(np.uint32)  # weights of the right and the lower neighbors
        down = ((y >> 8) & 255).astype(np.uint32)
        # Blend upper and lower pixels, the left ones in bits 0-15, the right ones in bits 16-31.
        column = (quad & low) * (256 - down) + (quad >> np.uint32(8) & low) * down
        value = (column & np.uint32(0xFFFF)) * (256 - right) + (column >> np.uint32(16)) * right
        out[rows] = (value + np.uint32(32768)) >> np.uint32(16)
    return out


def add_noise(images: np.ndarray, noise: float, rng: np.random.Generator) -> None:
    """Adds noise of standard deviation ``noise`` (white is 1) to uint8 images, in place.

    Each value is the sum of four random bytes, which is close to a normal one (never beyond 3.5
    standard deviations) and, unlike a normal generator, the same on every processor.
    """
    gain = round(noise * 255 / np.sqrt((256**2 - 1) / 3) * 65536)
    step = max(1, 262144 // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), step):
        part = images[start : start + step]
        word = rng.integers(0, 2**32, size=part.shape, dtype=np.uint32)
        pairs = (word & np.uint32(0x00FF00FF)) + (word >> np.uint32(8) & np.uint32(0x00FF00FF))
        total = ((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16))).astype(np.int32)
        part[:] = np.clip(part + ((total - 510) * gain + 32768 >> 16), 0, 255)


def render(
    labels: np.ndarray, styles: np.ndarray, chars: tuple[str, ...], names: tuple[str, ...],
    size: int, limits: dict[str, float], rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Jittered pictures uint8 (n, size, size) of characters ``labels`` in styles ``styles``."""
    maps = _inverse_maps(rng.random((len(labels), 5)), size, limits)
    out = np.empty((len(labels), size, size), np.uint8)
    kind = labels * len(names) + styles
    order = np.argsort(kind, kind="stable")
    kinds, first = np.unique(kind[order], return_index=True)
    bounds = np.append(first, len(order))
    group = max(1, 2**20 // size**2)  # glyphs held in memory at a time
    for start in range(0, len(kinds), group):
        here = kinds[start : start + group]
        pairs = [divmod(int(k), len(names)) for k in here]
        sources = np.stack([_draw(chars[c], names[s], size) for c, s in pairs])
        rows = order[bounds[start] : bounds[start + len(here)]]
        out[rows] = _warp(sources, np.searchsorted(here, kind[rows]), maps[rows], size)
    if limits["noise"]:
        add_noise(out, limits["noise"], rng)
    return out


def usable_styles(
    classes: tuple[str, ...], pool: tuple[str, ...], styles: tuple[str, ...]
) -> list[list[int]]:
    """For every class the indexes into ``styles`` of those in the pool that can draw it."""
    return [[styles.index(s) for s in pool if c in _covered(s)] for c in classes]


def assign(n: int, usable: list[list[int]], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Labels and styles of n pictures: classes differ by at most one picture, and so do the
    styles within a class; in random order."""
    labels, styles = np.arange(n) % len(usable), np.empty(n, np.int64)
    for k, choice in enumerate(usable):
        members = np.arange(k, n, len(usable))
        styles[members] = np.resize(rng.permutation(choice), len(members))
    order = rng.permutation(n)
    return labels[order], styles[order]


# What a lab calls --------------------------------------------------------------------------------


def jitter_limits(jitter: float, **chosen: float | None) -> dict[str, float]:
    """Largest change of each kind: what was chosen, else its default times the strength."""
    strength = number("jitter", jitter, 0, 10)
    return {
        name: min(strength * JITTER[name], LIMITS[name])
        if value is None
        else number(name, value, 0, LIMITS[name])
        for name, value in chosen.items()
    }


def glyphs(
    *,
    chars: str | Sequence[str] | None = None,
    script: str | Sequence[str] | None = None,
    category: str | Sequence[str] | None = None,
    size: int = 28,
    styles: str | Sequence[str] | None = None,
    test_styles: str | Sequence[str] | None = None,
    n: int = 10_000,
    splits: tuple[float, float, float] = (0.8, 0.1, 0.1),
    jitter: float = 1.0,
    rotation: float | None = None,
    shear: float | None = None,
    scale: float | None = None,
    translation: float | None = None,
    noise: float | None = None,
    seed: int = 0,
) -> Dataset:
    """Pictures of characters, white on black, one character each.

    The default is ten classes, the digits, at 28×28: the same shapes and classes as MNIST, so
    that a lab can take one in the quick profile and the other in the full one.

    chars: the classes, e.g. "ABC"; or script and category: see `characters`.
    size: side of a picture in pixels, 4 to 512.
    styles: some of STYLES or of the families "sans", "mono", "serif"; default all twelve. A
        character that a style lacks is drawn in the others only.
    test_styles: styles that only the test part has, to measure how a model does on typefaces
        that it never saw. Without them the three parts share their styles and differ by jitter.
    n, splits: number of pictures in all and the fractions for training, validation and test.
        Within a part the classes differ by at most one picture.
    jitter: 0 turns variation off, 1 is the default strength; it scales these five, and each can
        be set by itself (then jitter leaves it alone): rotation in degrees, shear (sideways shift
        per unit of height), scale (relative), translation (in picture sides), each drawn
        uniformly between minus and plus the value, and noise (standard deviation; white is 1).
    seed: same options and seed, same bytes.

    Returns a Dataset: x (N, 1, size, size), ``part.meta["style"]`` (N,) indexes into
    ``dataset.meta["styles"]``; ``dataset.meta["names"]`` and ``["scripts"]`` have one Unicode
    name and script per class. Every capital is as high as every other: an o stays smaller than
    an O. Look-alikes of different scripts (Latin A, Greek Α) are different classes.
    """
    size, n = number("size", size, 4, 512, int), number("n", n, 1, 10_000_000, int)
    seed = number("seed", seed, 0, 2**63, int)
    limits = jitter_limits(jitter, rotation=rotation, shear=shear, scale=scale,
                           translation=translation, noise=noise)  # fmt: skip
    counts = _counts(n, splits)
    held = style_names(test_styles) if test_styles is not None else ()
    seen = tuple(s for s in style_names(styles) if s not in held)
    if not seen:
        raise ValueError("test_styles holds out every style; leave some for training")
    everything = tuple(s for s in STYLES if s in seen + held)
    pools = {"train": seen, "val": seen, "test": held or seen}
    classes = choose(chars, script, category, *pools.values())
    usable = {part: usable_styles(classes, pool, everything) for part, pool in pools.items()}
    different = sum(map(len, usable["train"]))
    if not any(limits.values()) and not held and n > different and counts["train"] < n:
        warnings.warn(
            f"without jitter there are only {different} different pictures: with n={n} the same "
            "ones come up in training and in test; set test_styles, or splits=(1, 0, 0)",
            stacklevel=3,
        )

    def make() -> dict[str, np.ndarray]:
        arrays = {}
        for index, (part, count) in enumerate(counts.items()):
            rng = np.random.default_rng([seed, index])
            y, style = assign(count, usable[part], rng)
            x = render(y, style, classes, everything, size, limits, rng)
            arrays |= {f"{part}.x": x, f"{part}.y": y, f"{part}.style": style}
        return arrays

    options = [classes, everything, held, size, counts, limits, seed]
    arrays = _cached(options, make) if n * size**2 >= CACHE_FROM else make()
    parts = {
        part: Part(
            to_unit(arrays[f"{part}.x"][:, None]),
            arrays[f"{part}.y"],
            MappingProxyType({"style": arrays[f"{part}.style"]}),
        )
        for part in counts
    }
    meta = {
        "styles": everything,
        "names": tuple(map(name_of, classes)),
        "scripts": tuple(map(script_of, classes)),
        "test_styles": held or seen,
    }
    return Dataset("glyphs", **parts, classes=classes, info=INFO, meta=MappingProxyType(meta))


def _counts(n: int, splits: tuple[float, float, float]) -> dict[str, int]:
    try:
        fractions = [float(f) for f in splits]
    except (TypeError, ValueError):
        fractions = []
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(
            "splits: expected three fractions (training, validation, test) that sum "
            f"to 1, given {splits!r}"
        )
    val, test = round(n * fractions[1]), round(n * fractions[2])
    return {"train": n - val - test, "val": val, "test": test}


def _cached(options: list, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of ``make``, kept on disk under a name that options and versions determine."""
    import matplotlib
    from matplotlib import ft2font

    pins = [VERSION, np.__version__, matplotlib.__version__, ft2font.__freetype_version__]
    key = hashlib.sha256(json.dumps([pins, options]).encode()).hexdigest()[:20]
    path = cache_dir() / "glyphs" / f"{key}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:  # reading checks the CRC of every array
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        warnings.warn(f"{path} is damaged; drawing the glyphs again", stacklevel=4)
    arrays = make()
    _save(path, arrays)
    return arrays


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes all or nothing; a full or read-only disk costs only the cache."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = file.name
            np.savez(file, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
        warnings.warn(f"the glyphs could not be kept in {path.parent}: {error}", stacklevel=4)
