"""Reading labs as what they are, JSON: cells with images, named figures, metadata.

Standard library only; knows nothing of Sphinx.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# The image types that a page can show, best first.
IMAGE_TYPES = {"image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}
Notebook = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One image output of a lab: where it is, its text, and its bytes."""

    cell: int  # counted from 1, markdown cells included, as editors show them
    name: str
    alt: str
    caption: str
    suffix: str
    data: bytes
    model: Notebook | None = None  # state and buffers of the widget that the picture stands for


@lru_cache(maxsize=64)
def _read(path: Path, stamp: int) -> Notebook:
    return json.loads(path.read_text(encoding="utf-8"))


def read(path: Path) -> Notebook:
    """The notebook at `path`, read again only when the file has changed."""
    return _read(path, path.stat().st_mtime_ns)


def source(cell: Notebook) -> str:
    """The text of a cell."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def figures(notebook: Notebook) -> Iterator[Figure]:
    """Every image output, in order."""
    known = models(notebook)
    for number, cell in enumerate(notebook["cells"], start=1):
        options = cell.get("metadata", {}).get("mystnb", {})
        image, figure = options.get("image", {}), options.get("figure", {})
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            kind = next((kind for kind in IMAGE_TYPES if kind in data), None)
            if kind is None:
                continue
            view = data.get(WIDGET_VIEW, {})
            body = data[kind] if isinstance(data[kind], str) else "".join(data[kind])
            yield Figure(
                cell=number,
                name=str(figure.get("name", "")),
                alt=str(image.get("alt", "")).strip(),
                caption=str(figure.get("caption", "")).strip(),
                suffix=IMAGE_TYPES[kind],
                data=body.encode() if kind == "image/svg+xml" else base64.b64decode(body),
                model=known.get(view.get("model_id", "")),
            )


def models(notebook: Notebook) -> dict[str, Notebook]:
    """The stored widget models by their names."""
    return notebook.get("metadata", {}).get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})


def colab_ready(notebook: Notebook) -> bool:
    """Whether the set-up cell knows the address that Colab must clone (`COURSE = "…"`)."""
    for cell in notebook["cells"]:
        if "setup" in cell.get("metadata", {}).get("tags", []):
            return bool(re.search(r"^\s*COURSE\s*=\s*([\"'])[^\"']+\1", source(cell), re.M))
    return False


def cost(notebook: Notebook) -> str:
    """One line on what a run takes, out of metadata `course: {seconds, memory_mb}`, or ""."""
    measured = notebook.get("metadata", {}).get("course", {})
    seconds, memory = measured.get("seconds"), measured.get("memory_mb")
    if not seconds:
        return ""
    time = f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"
    if not memory:
        return f"Runs in about {time} on one CPU core"
    size = f"{memory:g} MB" if memory < 1000 else f"{memory / 1000:g} GB"
    return f"Runs in about {time} on one CPU core, using {size}"
