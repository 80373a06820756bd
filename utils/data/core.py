"""What every dataset is made of: parts, a description, one error, and where the cache lies."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..lab import nearest

EMPTY: Mapping[str, Any] = MappingProxyType({})


class DataError(RuntimeError):
    """Data could not be had or read; the message says what happened and what to do."""


@dataclass(frozen=True, repr=False, eq=False)
class Part:
    """One part of a dataset: inputs ``x`` and targets ``y``, row by row.

    x: float32 in [0, 1]; images (N, C, H, W), tables (N, D).
    y: int64 class indexes (N,), or float32 (N,) for regression.
    meta: further arrays of length N, for instance ``meta["style"]`` of the glyphs.

    ``x, y = part`` unpacks it and ``part[:100]`` (a slice, a mask or an index array) selects rows.
    """

    x: np.ndarray
    y: np.ndarray
    meta: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)

    def __post_init__(self) -> None:
        for name, rows in {"y": self.y, **self.meta}.items():
            if len(rows) != len(self.x):
                raise ValueError(f"expected {len(self.x)} rows as in x, {name} has {len(rows)}")

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.x, self.y))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | np.ndarray | list[int]) -> Part:
        if isinstance(rows, (int, np.integer)):
            raise TypeError(
                f"a part is indexed by rows, e.g. part[{rows}:{rows + 1}]; "
                "its arrays are part.x and part.y"
            )
        meta = {name: values[rows] for name, values in self.meta.items()}
        return Part(self.x[rows], self.y[rows], MappingProxyType(meta))

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.x.shape[1:]))
        extra = f", meta: {', '.join(self.meta)}" if self.meta else ""
        return f"Part({len(self):,} examples, x {self.x.dtype} {shape}, y {self.y.dtype}{extra})"


@dataclass(frozen=True)
class Info:
    """Where a dataset comes from and what one may do with it."""

    name: str
    description: str
    source: str
    license: str
    size: str
    citation: str
    classes: str
    builtin: bool


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """A dataset in memory: three parts, the class names, and where it comes from.

    classes: name of class k at index k. meta: facts about the whole set (see its loader).
    """

    name: str
    train: Part
    val: Part
    test: Part
    classes: tuple[str, ...]
    info: Info
    meta: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    def __repr__(self) -> str:
        shown = " ".join(self.classes[:20]) + (" …" if len(self.classes) > 20 else "")
        lines = [f"Dataset {self.name}: {len(self.classes)} classes ({shown})"]
        for name in ("train", "val", "test"):
            part: Part = getattr(self, name)
            shape = " × ".join(map(str, part.x.shape[1:]))
            lines.append(f"  {name:<5} {len(part):>7,} examples of {shape}")
        return "\n".join([*lines, f"  {self.info.license}; {self.info.source}"])


def unknown(what: str, given: object, valid: Iterable[str]) -> ValueError:
    """The error for a name that does not exist: it names the nearest valid ones."""
    names = list(valid)
    cased = {name.lower(): name for name in names}  # "MNIST" is near "mnist"
    word = cased.get(str(given).lower(), str(given))
    return ValueError(f"{what} {given!r} does not exist. {nearest(word, names)}")


def number(
    name: str, value: object, low: float, high: float, kind: type[int] | type[float] = float
) -> Any:
    """``value`` as int or float if it is a number within the bounds, else a ValueError."""
    right = isinstance(value, numbers.Integral if kind is int else numbers.Real)
    if not right or isinstance(value, bool) or not low <= value <= high:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name}: expected {what} from {low:g} to {high:g}, given {value!r}")
    return kind(value)


def cache_dir() -> Path:
    """Folder of this user's downloads and rendered glyphs; ``COURSE_CACHE`` overrides it."""
    import pooch

    folder = os.environ.get("COURSE_CACHE") or pooch.os_cache("deep-learning-you-can-run")
    return Path(folder).expanduser()


def to_unit(images: np.ndarray) -> np.ndarray:
    """Bytes (0 to 255) as float32 in [0, 1], same shape."""
    x = images.astype(np.float32)
    x /= 255
    return x
