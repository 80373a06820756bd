"""The fixture that puts a figure on a page; harness.py says how."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Mounted, markup
from site_tools import Watched


@pytest.fixture(scope="module")
def tabs(browser: Any) -> Callable[..., tuple[Any, list[Watched]]]:
    """The browser's context with these options, and its tabs that nobody uses now. Both are kept
    for the file of tests: new ones take time."""
    found: dict[str, tuple[Any, list[Watched]]] = {}

    def tabs(**options: Any) -> tuple[Any, list[Watched]]:
        key = json.dumps(options, sort_keys=True)
        if key not in found:
            found[key] = browser.new_context(**options), []
        return found[key]

    return tabs


@pytest.fixture
def mount(tabs: Any, tmp_path: Path) -> Iterator[Callable[..., Mounted]]:
    """`mount(ConvolutionExplorer())` puts a figure on a page and returns it as `Mounted`.

    Options: `screen=(390, 844)`, `theme="dark"`, `width=720` (of the column), and what Playwright's
    new_context takes, such as `has_touch=True`. At the end of the test the page must have had no
    problem: no error, no message in the console, no request.
    """
    mounted: list[tuple[Mounted, list[Watched]]] = []

    def put(
        figure: Any,
        screen: tuple[int, int] = (1280, 900),
        theme: str = "light",
        width: int = 720,
        **options: Any,
    ) -> Mounted:
        path = tmp_path / f"figure-{len(mounted)}.html"
        path.write_text(markup(figure, theme, width), encoding="utf-8")
        options = {"reduced_motion": "reduce", "offline": True, **options}
        size = {"width": screen[0], "height": screen[1]}
        context, idle = tabs(viewport=size, **options)
        watched = idle.pop() if idle else Watched(context, "")
        watched.base, watched.problems = path.as_uri(), []
        watched.page.mouse.move(0, 0)
        watched.page.goto(path.as_uri())
        mounted.append((Mounted(watched), idle))
        return mounted[-1][0]

    yield put
    problems = [problem for figure, _ in mounted for problem in figure.problems]
    for figure, idle in mounted:
        figure.page.goto("about:blank")
        idle.append(figure.watched)
    assert not problems, "\n".join(problems)
