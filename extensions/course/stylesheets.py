"""Serve only the style rules in use.

The theme's style sheets hold all of Bootstrap and all of Font Awesome. After the build, a rule is
dropped if it can apply only to a class that no page and no script names. Scripts are searched for
any word, so that a class which a script sets is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

SHEETS = (
    "styles/pydata-sphinx-theme.css",
    "styles/sphinx-book-theme.css",
    "sphinx-design.min.css",
)
NESTED = ("@media", "@supports", "@layer", "@container")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
TOKEN = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[{};]""", re.S)


def rules(css: str) -> Iterator[tuple[str, str | None]]:
    """The top-level rules of a sheet: (what stands before the braces, what in them).

    A statement without braces, such as @charset, comes as (statement, None).
    """
    start, depth, opened = 0, 0, 0
    for match in TOKEN.finditer(css):
        token = match[0]
        if token == "{":
            depth += 1
            if depth == 1:
                opened = match.start()
        elif token == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened], css[opened + 1 : match.start()]
                start = match.end()
        elif token == ";" and depth == 0:
            yield css[start : match.start()], None
            start = match.end()


def selectors(prelude: str) -> list[str]:
    """A selector list, split at the commas that stand in no parentheses."""
    parts, depth, current = [], 0, ""
    for sign in prelude:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [*parts, current]


def may_apply(selector: str, used: set[str]) -> bool:
    """Whether every class that the selector asks for, outside parentheses, is in use."""
    if "\\" in selector:
        return True
    plain = selector
    while "(" in plain:
        shorter = re.sub(r"\([^()]*\)", "", plain)
        if shorter == plain:
            return True
        plain = shorter
    return set(CLASS.findall(plain)) <= used


def prune(css: str, used: set[str]) -> str:
    """The sheet without comments and without rules that cannot apply."""
    kept = []
    for prelude, body in rules(css):
        prelude = re.sub(r"/\*.*?\*/", "", prelude, flags=re.S).strip()
        if body is None:
            kept.append(f"{prelude};")
        elif prelude.startswith(NESTED):
            if inner := prune(body, used):
                kept.append(f"{prelude}{{{inner}}}")
        elif prelude.startswith("@"):
            if "Font Awesome" not in body:
                kept.append(f"{prelude}{{{body}}}")
        elif chosen := [part for part in selectors(prelude) if may_apply(part, used)]:
            kept.append(f"{','.join(chosen)}{{{body}}}")
    return "".join(kept)


def classes_in_use(site: Path) -> set[str]:
    """Classes of all pages, and every word of the scripts that could be one."""
    used: set[str] = set()
    for page in site.rglob("*.html"):
        for names in re.findall(r'\bclass="([^"]*)"', page.read_text(encoding="utf-8")):
            used.update(names.split())
    for script in (site / "_static").rglob("*.js"):
        if "vendor" not in script.parts and script.name != "fontawesome.js":
            used.update(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    return used


def write(app: Sphinx, failure: Exception | None) -> None:
    """Prune the big sheets of the built site in place."""
    if failure or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    used = classes_in_use(Path(app.outdir))
    for path in (static / sheet for sheet in SHEETS):
        path.write_text(prune(path.read_text(encoding="utf-8"), used), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write)
