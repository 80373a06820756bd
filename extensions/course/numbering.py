"""Numbers of chapters (1), topics (1.2), and the figures, tables and equations of a topic (1.2.3).

Sphinx would count the headings of a chapter's index page before its topics, and number a lab's
figures over the whole book. Here the number of a page is its place in _toc.yml, a lab has the
number of its topic, and counting goes on from the theory page to its lab.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

NUMBERED = "Chapters"  # the caption in _toc.yml of the part whose pages have numbers


def page_numbers(env: BuildEnvironment) -> dict[str, tuple[int, ...]]:
    """Number of each page of the numbered part."""
    found: dict[str, tuple[int, ...]] = {}
    part = [t for t in env.external_site_map.root.subtrees if t.caption == NUMBERED]
    chapters = [str(entry) for tree in part for entry in tree.items]
    children = env.toctree_includes
    for i, chapter in enumerate(chapters, start=1):
        found[chapter] = (i,)
        for j, topic in enumerate(children.get(chapter, []), start=1):
            found[topic] = (i, j)
            for page in children.get(topic, []):
                found[page] = (i, j)
    return found


def assign(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Put the numbers where the theme and the references look for them."""
    before = (env.toc_secnumbers, env.toc_fignumbers)
    env.toc_secnumbers = {}
    numbers = page_numbers(env)
    for page, number in numbers.items():
        anchors = [ref["anchorname"] for ref in env.tocs[page].findall(nodes.reference)]
        # "" is the page's own title; the headings below it have none.
        env.toc_secnumbers[page] = dict.fromkeys(anchors, None) | {"": number}
        if not page.endswith("-lab"):
            env.titles[page]["secnumber"] = number
            env.tocs[page].next_node(nodes.reference)["secnumber"] = number
    TocTreeCollector().assign_figure_numbers(env)
    if before == (env.toc_secnumbers, env.toc_fignumbers):
        return []
    return list(env.found_docs)


def setup(app: Sphinx) -> None:
    # After Sphinx's own collector, which has the default priority of 500.
    app.connect("env-get-updated", assign, priority=600)
