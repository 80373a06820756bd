"""`:::{question}`: a question whose choices open to say why they are right or wrong.

The argument is the question; the content is one bullet list. Each choice begins with `[x]` (right)
or `[ ]` (wrong), and the paragraphs after its first one say why. It becomes plain `<details>`
elements: they work with a keyboard, a screen reader, and without JavaScript.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)
MARK = re.compile(r"\[([ xX])\]\s+")


class question(nodes.General, nodes.Element): ...


class choice(nodes.General, nodes.Element): ...


class choice_text(nodes.General, nodes.TextElement): ...


class Question(SphinxDirective):
    """See the top of this module."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        block = question()
        self.set_source_info(block)
        texts, messages = self.parse_inline(self.arguments[0])
        block += nodes.paragraph("", "", *texts, classes=["question-text"])
        body = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, body)

        items = [item for part in body if isinstance(part, nodes.bullet_list) for item in part]
        for number, item in enumerate(items, start=1):
            block += self.make_choice(number, item)
        if len(body) != 1 or len(items) < 2:
            self.complain("its content must be one bullet list of at least two choices")
        elif not any(part["right"] for part in block.findall(choice)):
            self.complain("no choice is marked right; begin one with [x]")
        return [block, *messages]

    def make_choice(self, number: int, item: nodes.Element) -> choice:
        """Turn a list item into a choice: its mark, its text, its explanation."""
        first = item[0] if len(item) and isinstance(item[0], nodes.paragraph) else None
        lead = first[0] if first is not None and len(first) else None
        match = MARK.match(lead) if isinstance(lead, nodes.Text) else None
        if first is None or match is None:
            self.complain(f"choice {number} must begin with [x] or [ ]")
            return choice("", *item.children, right=False)
        first[0] = nodes.Text(lead[match.end() :])
        if not "".join(part.astext() for part in item[1:]).strip():
            self.complain(
                f"choice {number} ({first.astext()[:40]!r}) has no explanation; "
                "write it as an indented paragraph below the choice"
            )
        text = choice_text("", "", *first.children)
        return choice("", text, *item[1:], right=match[1] in "xX")

    def complain(self, problem: str) -> None:
        """One warning, which the build treats as an error, that names the question."""
        LOGGER.warning(
            "question %r: %s", self.arguments[0][:60], problem, location=self.get_location()
        )


def visit_question(self: Any, node: question) -> None:
    self.body.append('<div class="question" role="group" aria-label="Question">\n')


def depart_question(self: Any, node: question) -> None:
    self.body.append("</div>\n")


def visit_choice(self: Any, node: choice) -> None:
    kind = "right" if node["right"] else "wrong"
    self.body.append(f'<details class="choice {kind}">\n')


def depart_choice(self: Any, node: choice) -> None:
    self.body.append("</div></details>\n")


def visit_choice_text(self: Any, node: choice_text) -> None:
    self.body.append('<summary><span class="choice-text">')


def depart_choice_text(self: Any, node: choice_text) -> None:
    verdict = "Right." if node.parent["right"] else "Not quite."
    self.body.append("</span></summary>\n")
    self.body.append(f'<div class="verdict"><p class="verdict-title">{verdict}</p>\n')


def setup(app: Sphinx) -> None:
    app.add_node(question, html=(visit_question, depart_question))
    app.add_node(choice, html=(visit_choice, depart_choice))
    app.add_node(choice_text, html=(visit_choice_text, depart_choice_text))
    app.add_directive("question", Question)
