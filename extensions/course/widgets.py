"""Interactive figures on the built page, live without a kernel and with the network off.

A lab's output that shows a figure of `utils.widgets` holds a picture and the name of a widget
model; the model's state, with the figure's script in it, is in the notebook's metadata. The page
gets the picture with its alt text, in a box of the figure's final height, and the state as JSON
behind it; assets/live.js then starts the script in its place.

Why not Jupyter's own html-manager: it is 1 MB of script with require.js, and the figures need none
of its controls. All are anywidgets, whose protocol (a module with `render`, a model with get, set,
on, save_changes) takes 2 kB. What it would bring, the built-in sliders, does nothing without a
kernel anyway; in its place the page has the picture, or a sentence that says so.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from . import notebooks

SCRIPT, SHEET = "live.js", "live.css"
# What the page does not need of a model's state.
LEFT_OUT = ("_model_", "_view_", "_anywidget_id", "layout", "tabbable", "tooltip")
NEEDS_KERNEL = (
    "These controls need a running kernel: open this lab in JupyterLab or Colab to use them."
)
NO_SCRIPT = "This figure moves where scripts are allowed; the picture shows how it begins."
FAILED = "This figure stays a picture here: the script that starts it is missing (live.js)."


class live(nodes.General, nodes.Element):
    """A live figure: `model` is its state and buffers, the only child its picture."""


def is_figure(model: dict[str, Any] | None) -> bool:
    """Whether a stored model can be shown without a kernel."""
    return bool(model) and "_esm" in model.get("state", {})


def opening(model: dict[str, Any]) -> str:
    """The page's HTML before the picture."""
    wide, narrow = (model["state"].get("_heights") or [400, 560])[:2]
    size = f"--live-wide: {wide}px; --live-narrow: {narrow}px"
    return f'<div class="live-figure"><div class="live-box" style="{size}">'


def closing(model: dict[str, Any]) -> str:
    """The page's HTML after the picture: the state, safe inside a <script>."""
    state = {k: v for k, v in model["state"].items() if not k.startswith(LEFT_OUT)}
    data = {"state": state, "buffers": model.get("buffers", [])}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'</div><script type="application/json" class="live-state">{text}</script>'
        f'<noscript><p class="live-note">{NO_SCRIPT}</p></noscript></div>\n'
    )


def on_read(app: Sphinx, doctree: nodes.document) -> None:
    """Put a live figure, or a sentence, in the place of each widget of a lab."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    stored = getattr(app.env, "nb_metadata", {}).get(app.env.docname, {})
    stored.get("js_files", {}).pop("ipywidgets_state", None)
    models = notebooks.models(notebooks.read(path))
    for bundle in list(doctree.findall(nodes.container)):
        kinds = {part.get("mime_type"): part for part in bundle if isinstance(part, nodes.Element)}
        if bundle.get("nb_element") != "mime_bundle" or notebooks.WIDGET_VIEW not in kinds:
            continue
        named = re.search(r"model_id\W+([\w-]+)", kinds[notebooks.WIDGET_VIEW].astext())
        model = models.get(named[1]) if named else None
        picture = kinds.get("image/png")
        bundle.remove(kinds[notebooks.WIDGET_VIEW])
        if picture is None:
            bundle.parent.replace(bundle, nodes.paragraph("", NEEDS_KERNEL, classes=["live-note"]))
        elif is_figure(model):
            picture[:] = [live("", picture[0], model=model)]


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The runtime, only on pages that have a live figure."""
    body = context.get("body", "")
    if 'class="live-' in body:
        app.add_css_file(SHEET, priority=950)
    if 'class="live-figure"' in body:
        note = f"<p class=live-note>{escape(FAILED)}</p>"
        cry = (
            "document.querySelectorAll('.live-figure').forEach("
            f"f=>f.insertAdjacentHTML('beforeend','{note}'))"
        )
        app.add_js_file(SCRIPT, priority=950, loading_method="defer", onerror=cry)


def configure(app: Sphinx, config: Any) -> None:
    config.nb_ipywidgets_js = {}  # myst-nb would load Jupyter's runtime from a CDN


def visit_live(self: Any, node: live) -> None:
    self.body.append(opening(node["model"]))


def depart_live(self: Any, node: live) -> None:
    self.body.append(closing(node["model"]))


def setup(app: Sphinx) -> None:
    app.add_node(live, html=(visit_live, depart_live))
    app.connect("config-inited", configure)
    app.connect("doctree-read", on_read)
    app.connect("html-page-context", add_files)
