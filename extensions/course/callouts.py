"""The callouts of the course and the box that opens a theory page.

`:::{key-insight}`, `:::{did-you-know}`, `:::{common-pitfall}`, `:::{try-it-yourself}` and
`:::{at-a-glance}`. Each is an admonition whose title comes by itself and whose class is its name;
color and icon are in book/_static/course.css.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

TITLES = {
    "key-insight": "Key insight",
    "did-you-know": "Did you know?",
    "common-pitfall": "Common pitfall",
    "try-it-yourself": "Try it yourself",
    "at-a-glance": "At a glance",
}


class Callout(SphinxDirective):
    """A titled box; the directive's own name says which."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        box = nodes.admonition(classes=["callout", self.name])
        self.set_source_info(box)
        box += nodes.title("", TITLES[self.name])
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def setup(app: Sphinx) -> None:
    for name in TITLES:
        app.add_directive(name, Callout)
