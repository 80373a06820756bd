"""Write pages on all cores: Sphinx can, but Jupyter Book's command has no option for it."""

from __future__ import annotations

import os
from typing import Any


def use_all_cores(app: Any, env: Any) -> None:
    """Render in as many processes as there are cores, where the system can fork.

    Only now, after reading: an extension that Jupyter Book brings cannot read in parallel.
    """
    app.parallel = max(app.parallel, os.cpu_count() or 1)


def setup(app: Any) -> None:
    app.connect("env-updated", use_all_cores)
