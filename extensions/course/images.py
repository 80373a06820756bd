"""Images of a page: loaded when they come near the screen, with their size known before.

A lab may hold 400 kB of figures; a reader who opens the page gets the first one and the rest while
scrolling. `width` and `height`, from the file itself, keep the text from jumping when they arrive.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

IMG = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^"]*)"')


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels out of a PNG's header, or None for anything else."""
    with path.open("rb") as file:
        head = file.read(24)
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    return struct.unpack(">II", head[16:24])


def svg_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a drawing from its viewBox, or None where it has none."""
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', path.read_text("utf-8")[:2000])
    return (round(float(box[1])), round(float(box[2]))) if box else None


def prepare(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the attributes to every image of the page."""
    sources = {name: Path(app.srcdir) / uri for uri, name in app.builder.images.items()}
    seen = 0

    def improve(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        tag = match[0]
        added = "" if seen == 1 or "loading=" in tag else ' loading="lazy"'
        found = SOURCE.search(tag)
        path = found and sources.get(found[1].rsplit("/", 1)[-1])
        size = None
        if path and path.is_file() and " width=" not in tag:
            size = svg_size(path) if path.suffix == ".svg" else png_size(path)
        if size:
            added += f' width="{size[0]}" height="{size[1]}"'
        return f"<img{added}{tag[4:]}"

    if "body" in context:
        context["body"] = IMG.sub(improve, context["body"])


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", prepare)
