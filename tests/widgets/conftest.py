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
def contexts(browser: Any) -> Callable[..., Any]:
    """The browser's context with these options, kept for the file: a new one takes time."""
    found: dict[str, Any] = {}

    def context(**options: Any) -> Any:
        key = json.dumps(options, sort_keys=True)
        if key not in found:
            found[key] = browser.new_context(**options)
        return found[key]

    return context


@pytest.fixture
def mount(contexts: Any, tmp_path: Path) -> Iterator[Callable[..., Mounted]]:
    """`mount(ConvolutionExplorer())` puts a figure on a page and returns it as `Mounted`.

    Options: `screen=(390, 844)`, `theme="dark"`, `width=720` (of the column), and what Playwright's
    new_context takes, such as `has_touch=True`. At the end of the test the page must have had no
    problem: no error, no message in the console, no request.
    """
    mounted: list[Mounted] = []

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
        watched = Watched(contexts(viewport=size, **options), path.as_uri())
        watched.page.goto(path.as_uri())
        mounted.append(Mounted(watched))
        return mounted[-1]

    yield put
    problems = [problem for figure in mounted for problem in figure.problems]
    for figure in mounted:
        figure.page.close()
    assert not problems, "\n".join(problems)
