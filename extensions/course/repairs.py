"""Repairs to the HTML of a page that neither a setting nor a style sheet can make.

Each line of REPAIRS says what is wrong in what Sphinx, myst-nb or the theme write.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

REPAIRS: list[tuple[str, str]] = [
    # docutils marks a bibliography as a list, but its entries as something else.
    (r'role="doc-biblioentry"', 'role="listitem"'),
]


def repair(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        for pattern, better in REPAIRS:
            context["body"] = re.sub(pattern, better, context["body"])


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", repair)
