"""`:::{lab-figure}`, which shows a lab's stored figure, and the check of alt text.

`:::{lab-figure} fig-name` looks for the figure of that name in the lab of the same topic
(`TOPIC-lab.ipynb`; option `:lab:` names another one), and shows it with its alt text. The content
is the caption; without content the lab's own caption is taken. `:name:` makes it a target for
`{numref}`. So what a theory page shows is always what the lab last computed. Where the lab has an
interactive figure, the theory page has it too, live.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from . import notebooks, widgets

LOGGER = logging.getLogger(__name__)
SHORTEST_ALT = 20  # characters; a description cannot be shorter than this


class LabFigure(SphinxDirective):
    """See the top of this module."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "lab": directives.unchanged,
        "name": directives.unchanged,
        "width": directives.length_or_percentage_or_unitless,
    }

    def run(self) -> list[nodes.Node]:
        page = Path(self.env.doc2path(self.env.docname))
        lab = page.parent / f"{self.options.get('lab', page.stem + '-lab').strip()}.ipynb"
        found = self.find(lab)
        if found is None:
            return []
        figure = nodes.figure(classes=["lab-figure"])
        self.set_source_info(figure)
        uri = os.path.relpath(self.store(found), page.parent).replace(os.sep, "/")
        image = nodes.image("", uri=uri, alt=found.alt, classes=["lab-figure"])
        if "width" in self.options:
            image["width"] = self.options["width"]
        is_live = widgets.is_figure(found.model)
        figure += widgets.live("", image, model=found.model) if is_live else image
        content = self.content or StringList([found.caption], source=str(lab))
        parsed = nodes.Element()
        self.state.nested_parse(content, self.content_offset, parsed)
        if len(parsed) and isinstance(parsed[0], nodes.paragraph):
            figure += nodes.caption("", "", *parsed[0].children)
            if len(parsed) > 1:
                figure += nodes.legend("", *parsed[1:])
        self.add_name(figure)
        return [figure]

    def find(self, lab: Path) -> notebooks.Figure | None:
        """The named figure of the lab, or None after a warning that names the nearest ones."""
        name = self.arguments[0].strip()
        shown = os.path.relpath(lab, self.env.srcdir)
        self.env.note_dependency(str(lab))
        if not lab.is_file():
            near = difflib.get_close_matches(lab.stem, [p.stem for p in lab.parent.glob("*.ipynb")])
            self.complain(f"there is no lab {shown}" + (f"; meant {near[0]}?" if near else ""))
            return None
        named = {item.name: item for item in notebooks.figures(notebooks.read(lab)) if item.name}
        if name not in named:
            self.complain(
                f"{shown} has no figure {name!r}; it has: {', '.join(named) or 'none with a name'}"
            )
            return None
        return named[name]

    def store(self, figure: notebooks.Figure) -> Path:
        """Write the image beside the doctrees, under a name made of its content."""
        folder = Path(self.env.app.doctreedir).parent / "lab-figures"
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(figure.data).hexdigest()[:16]
        path = folder / f"{figure.name}-{digest}{figure.suffix}"
        if not path.exists():
            path.write_bytes(figure.data)
        return path

    def complain(self, problem: str) -> None:
        LOGGER.warning("lab-figure: %s", problem, location=self.get_location())


def check_alt(app: Sphinx, doctree: nodes.document) -> None:
    """Warn, and so fail the build, for each image without alt text."""
    page = Path(app.env.doc2path(app.env.docname))
    if page.suffix == ".ipynb":
        for figure in notebooks.figures(notebooks.read(page)):
            if len(figure.alt) < SHORTEST_ALT:
                LOGGER.warning(
                    "%s: cell %d shows an image without alt text of at least %d characters; "
                    'set "mystnb": {"image": {"alt": "…"}} in the metadata of the cell',
                    os.path.relpath(page, app.srcdir),
                    figure.cell,
                    SHORTEST_ALT,
                    location=app.env.docname,
                )
    for image in doctree.findall(nodes.image):
        if image.get("uri", "").startswith("data:") or _in_cell(image):
            continue
        if len((image.get("alt") or "").strip()) < SHORTEST_ALT:
            LOGGER.warning(
                "image %s has no alt text of at least %d characters",
                image.get("uri"),
                SHORTEST_ALT,
                location=image if image.line else app.env.docname,
            )


def _in_cell(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if node.get("nb_element") == "cell_code_output":
            return True
    return False


def setup(app: Sphinx) -> None:
    app.add_directive("lab-figure", LabFigure)
    app.connect("doctree-read", check_alt)
