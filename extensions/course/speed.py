"""Keep the build quick as the book grows, where the tools underneath offer no option for it."""

from __future__ import annotations

import functools
import os
from typing import Any

import pybtex.plugin


def use_all_cores(app: Any, env: Any) -> None:
    """Render in as many processes as there are cores, where the system can fork.

    Only now, after reading: an extension that Jupyter Book brings cannot read in parallel.
    """
    app.parallel = max(app.parallel, os.cpu_count() or 1)


def setup(app: Any) -> None:
    app.connect("env-updated", use_all_cores)
    # For every citation pybtex looks through all installed packages for its plugins: an eighth of
    # the time of a large book.
    pybtex.plugin._load_entry_point = functools.cache(pybtex.plugin._load_entry_point)
