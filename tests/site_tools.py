"""What the tests of the website share: the built pages, a local server, a watched browser page."""

from __future__ import annotations

import functools
import gzip
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / "built-without-warnings"
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Every other host is refused. (To refuse it request by request would switch caches off.)
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def toc_pages(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Every page that _toc.yml names, in order, as a path below the site, with `.html`."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, list):
            for item in node:
                yield from walk(item)
        elif isinstance(node, dict):
            if name := node.get("root") or node.get("file"):
                yield f"{name}.html"
            for key in ("parts", "chapters", "sections", "subtrees", "entries"):
                yield from walk(node.get(key))

    return list(walk(yaml.safe_load(toc.read_text(encoding="utf-8"))))


def sources() -> list[Path]:
    """Every file that the site is made of."""
    found = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "genindex.md"]
    for folder in ("book", "extensions"):
        found += [
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file()
            and not {"__pycache__", "vendor"} & set(path.parts)
            and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; gives the address, ending in a slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


class Watched:
    """A browser page that notes all that goes wrong, requests to other hosts among it."""

    def __init__(self, context: Any, base: str) -> None:
        self.base = base
        self.problems: list[str] = []
        self.requested: set[str] = set()
        self.page = context.new_page()
        self.page.on("request", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error in script: {error}"))
        self.page.on(
            "response",
            lambda got: got.status >= 400 and self.problems.append(f"{got.status}: {got.url}"),
        )
        self.page.on(
            "requestfailed", lambda request: self.problems.append(f"failed: {request.url}")
        )

    def _request(self, request: Any) -> None:
        if request.url.startswith((self.base, "data:", "blob:")):
            self.requested.add(urldefrag(request.url)[0])
        else:
            self.problems.append(f"request to another host: {request.url}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def open(self, path: str) -> Any:
        """Load a page and wait until fonts and mathematics are there; give the playwright page."""
        self.page.goto(self.base + path, wait_until="load")
        self.page.evaluate(
            "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }"
        )
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the page has been laid out anew and its scripts have seen it."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def set_theme(self, theme: str) -> None:
        """Switch light or dark as the theme's button does in the end."""
        self.page.evaluate("name => { document.documentElement.dataset.theme = name }", theme)

    def weight(self) -> dict[str, int]:
        """Compressed bytes of each file that the page has asked for."""
        found = {}
        for url in self.requested:
            if url.startswith(self.base):
                name = unquote(urlsplit(url).path).lstrip("/")
                found[name] = _compressed(SITE / name)
        return found


@functools.cache
def _compressed(path: Path) -> int:
    data = path.read_bytes()
    return min(len(data), len(gzip.compress(data, 6)))


def overflow(page: Any) -> int:
    """How many pixels an open page is wider than the screen."""
    return page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def said(root: Any) -> str:
    """Everything that a figure says in text: outputs, tables, live regions, values of controls."""
    return root.evaluate(
        """el => [...el.querySelectorAll("output, table, [aria-live], [aria-valuetext], select")]
            .map(e => e.value ?? `${e.textContent} ${e.getAttribute("aria-valuetext") ?? ""}`)
            .join(" | ")"""
    )


def is_page(path: Path) -> bool:
    """Whether an HTML file of the site is one of its pages."""
    return "_static" not in path.parts and "_sources" not in path.parts


class Anatomy(HTMLParser):
    """The ids, the links and the images of one HTML file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.without_alt: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if values.get("id"):
            self.ids.add(str(values["id"]))
        if tag == "a" and values.get("name"):
            self.ids.add(str(values["name"]))
        for key in ("href", "src"):
            if values.get(key):
                self.links.append(str(values[key]))
        if tag == "img" and values.get("alt") is None:
            self.without_alt.append(str(values.get("src")))


def broken_links(page: str, anatomies: dict[str, Anatomy]) -> list[str]:
    """The links of a page, within the site, that lead to no file or no anchor."""
    broken = []
    for link in anatomies[page].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = urlsplit(urljoin("http://site/" + page, link))
        name = unquote(target.path).lstrip("/") or "index.html"
        if not (SITE / name).is_file():
            broken.append(f"{link} (no such file)")
        elif target.fragment and name.endswith(".html"):
            if unquote(target.fragment) not in anatomies[name].ids:
                broken.append(f"{link} (no such anchor)")
    return broken


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build a book as the Makefile does; both output streams are in `stdout`."""
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    return subprocess.run(
        [*command, str(folder), "-W", "-n", "--keep-going", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
