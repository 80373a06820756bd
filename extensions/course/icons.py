"""Serve only the icons in use.

The theme sends all of Font Awesome as a 540 kB script (compressed). Our template leaves it out;
here, after the build, the icon names that the pages and the theme's scripts mention are looked up
in the theme's own copy and written as a small style sheet of masks, which take the color of the
text.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SHEET = "icons.css"
USED = re.compile(r"\bfa-([a-z][a-z0-9-]*)")
# Classes of Font Awesome that say how, not which.
STYLES = set("solid regular brands lg xl sm xs fw spin pulse 2x".split())
DRAWING = re.compile(
    r'"?([a-z][a-z0-9-]*)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+",("[^"]+"|\["[^"]*","[^"]*"\])\]'
)
BASE = """\
.fa, .fas, .fab, .far, .fa-solid, .fa-brands, .fa-regular {
  display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em;
  background: currentColor; mask: var(--icon) center / contain no-repeat;
}
.fa-lg { font-size: 1.2em; }
i[class*="fa-"]::before, span[class*="fa-"]::before { content: none !important; }
"""


def drawings(script: str) -> dict[str, str]:
    """Icon name (and each alias) -> SVG as text."""
    found: dict[str, str] = {}
    for name, width, height, aliases, paths in DRAWING.findall(script):
        path = paths.strip('[]"').replace('","', " ")
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
            f'<path d="{path}"/></svg>'
        )
        for key in [name, *re.findall(r'"([a-z0-9-]+)"', aliases)]:
            found.setdefault(key, svg)
    return found


def write(app: Sphinx, failure: Exception | None) -> None:
    """Write the style sheet and remove what no page loads."""
    if failure or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    script = static / "scripts" / "fontawesome.js"
    if not script.exists():  # an incremental build in which an earlier one removed it
        return
    texts = [*Path(app.outdir).rglob("*.html"), *static.rglob("*.js")]
    names = {
        name
        for path in texts
        if path != script and "mathjax" not in path.parts
        for name in USED.findall(path.read_text(encoding="utf-8"))
    } - STYLES
    known = drawings(script.read_text(encoding="utf-8"))
    rules = [
        f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(known[name], safe="/=: ")}"); }}\n'
        for name in sorted(names & set(known))
    ]
    (static / SHEET).write_text(BASE + "".join(rules), encoding="utf-8")
    script.unlink()
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write)
