"""The files that pages load: ours, and the vendored ones, each only where it is used.

Vendored files lie in assets/vendor and not under a folder named `_static`, because Jupyter Book
adds every script and style sheet in such a folder to every page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

HERE = Path(__file__).parent
MATHJAX: dict[str, Any] = {
    # Components one by one: 160 kB compressed; the combined file has speech rules, 260 kB.
    "loader": {
        "load": ["input/tex", "output/chtml", "a11y/assistive-mml", "[tex]/boldsymbol"],
    },
    "tex": {"packages": {"[+]": ["boldsymbol"]}},
    "chtml": {"scale": 1.0, "matchFontHeight": False},
}


def configure(app: Sphinx, config: Config) -> None:
    """Point Sphinx to our templates, static files and MathJax."""
    config.templates_path.insert(0, str(HERE / "templates"))
    config.html_static_path += [str(Path(app.srcdir) / "book" / "_static"), str(HERE / "assets")]
    config.mathjax_path = "vendor/mathjax/startup.js"
    config.mathjax3_config = {**MATHJAX, **(config.mathjax3_config or {})}


def slim(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave MathJax out of pages without mathematics; Sphinx adds it to their parents as well.

    The template preloads it where `has_math` is set.
    """
    context["has_math"] = 'class="math' in context.get("body", "")
    if not context["has_math"]:
        context["script_files"] = [
            script
            for script in context.get("script_files", [])
            if "mathjax" not in str(getattr(script, "filename", script) or "")
            and "window.MathJax" not in (getattr(script, "attributes", {}).get("body") or "")
        ]


def tidy(app: Sphinx, failure: Exception | None) -> None:
    """Remove what the theme brings along and our template does not load."""
    static = Path(app.outdir) / "_static"
    for leftover in {*static.glob("scripts/bootstrap.js*"), *static.rglob("*.map")}:
        leftover.unlink()


def setup(app: Sphinx) -> None:
    # Jupyter Book always sets this one, even where sphinx-comments is not used.
    app.add_config_value("comments_config", {}, "html")
    app.connect("config-inited", configure, priority=900)
    app.connect("html-page-context", slim, priority=900)
    app.connect("build-finished", tidy, priority=400)  # before icons and style sheets are pruned
    app.add_css_file("course.css", priority=900)
    app.add_js_file("course.js", priority=900, loading_method="defer")
