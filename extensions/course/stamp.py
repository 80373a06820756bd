"""Make a failed build stay failed, and let the tests know when the site was built.

Sphinx reads only changed pages again, so the warnings of the others would be gone in a second run
and it would pass. After a build with warnings the stored environment is removed: the next build
reads everything. A build without any leaves a stamp.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

STAMP = "built-without-warnings"  # in _build, beside html


def write(app: Sphinx, failure: Exception | None) -> None:
    stamp = Path(app.outdir).parent / STAMP
    stamp.unlink(missing_ok=True)
    if failure or app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    else:
        stamp.touch()


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write, priority=900)
