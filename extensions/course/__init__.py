"""The Sphinx extension of this book. Each module does one thing and says what at its top.

Nothing is imported here at import time, so that tools can use `course.address` and
`course.notebooks`, which need only the standard library and PyYAML, without Sphinx.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

MODULES = (
    "assets",
    "buttons",
    "callouts",
    "figures",
    "icons",
    "images",
    "labs",
    "numbering",
    "questions",
    "repairs",
    "speed",
    "stamp",
    "stylesheets",
    "widgets",
)


def setup(app: Any) -> dict[str, bool]:
    """Sphinx entry point."""
    for name in MODULES:
        import_module(f".{name}", __name__).setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
