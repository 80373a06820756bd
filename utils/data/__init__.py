"""Data for the labs: ``load(name)`` returns NumPy arrays in one documented type.

>>> from utils.data import catalog, load
>>> x, y = load("digits").train  # x float32 (1167, 1, 8, 8) in [0, 1], y int64 (1167,)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from . import benchmark, builtin
from . import glyphs as _glyphs
from .core import DataError, Dataset, Info, Part, cache_dir, unknown
from .glyphs import SCRIPTS, STYLES, characters
from .scene import Scene, Scenes, scenes

__all__ = [
    "SCRIPTS", "STYLES", "DataError", "Dataset", "Info", "Part", "Scene", "Scenes",
    "cache_dir", "catalog", "characters", "load", "scenes",
]  # fmt: skip

# The one table of datasets: name, description, and the function whose keywords are the options.
TABLE: dict[str, tuple[Info, Callable[..., Dataset]]] = {
    "glyphs": (_glyphs.INFO, _glyphs.glyphs),
    "digits": (builtin.DIGITS, builtin.digits),
    "mnist": (benchmark.MNIST, benchmark.mnist),
    "fashion-mnist": (benchmark.FASHION_MNIST, benchmark.fashion_mnist),
    "cifar10": (benchmark.CIFAR10, benchmark.cifar10),
}


def load(name: str, **options: object) -> Dataset:
    """The dataset of that name, in memory; `catalog` lists them all.

    options: those of the set's own function: `glyphs.glyphs` has many, the others none.
    Raises ValueError for a name, option or value that does not exist, naming the nearest that
    do, and DataError where data cannot be had.
    """
    if name not in TABLE:
        raise unknown("dataset", name, TABLE)
    function = TABLE[name][1]
    valid = list(inspect.signature(function).parameters)
    for option in options:
        if not valid:
            raise ValueError(f'load("{name}") takes no options; given {option}=')
        if option not in valid:
            raise unknown(f'option of load("{name}"):', option, valid)
    return function(**options)


class Catalog(tuple):
    """The descriptions of all sets: a table in a notebook, text in a terminal."""

    columns = ("name", "what", "classes", "size", "license", "source")

    def _rows(self) -> list[tuple[str, ...]]:
        return [(i.name, i.description, i.classes, i.size, i.license, i.source) for i in self]

    def __repr__(self) -> str:
        return "\n".join(
            f"{name:<14} {what}\n{'':<14} {classes} classes; {size}; {license}; {source}"
            for name, what, classes, size, license, source in self._rows()
        )

    def _repr_html_(self) -> str:
        from html import escape

        def row(cells: tuple[str, ...], tag: str) -> str:
            inner = "".join(f"<{tag} style='text-align:left'>{escape(c)}</{tag}>" for c in cells)
            return f"<tr>{inner}</tr>"

        body = "".join(row(cells, "td") for cells in self._rows())
        return f"<table><thead>{row(self.columns, 'th')}</thead><tbody>{body}</tbody></table>"


def catalog() -> Catalog:
    """All datasets that `load` knows; those whose size is "no download" are always there."""
    return Catalog(info for info, _ in TABLE.values())
