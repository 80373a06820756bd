"""What every test may use, and the choice of a chapter: ``pytest tests book --chapter=02-cv``."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked_kernels
import pytest
from site_tools import BROWSER_FLAGS, SITE, STAMP, Anatomy, is_page, served, sources
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `utils`, `tools` and `extensions` are not installed

from utils.lab import nearest

CHAPTERS = sorted(path.parent.name for path in ROOT.glob("book/*/index.md"))
NAMES = {path.stem.removesuffix("-lab") for path in ROOT.glob("book/*/*.[mi]*")} - {"index"}
TOPICS = sorted(NAMES, key=len, reverse=True)  # no name is found within a longer one
# Files with so many tests that each topic's are a group of their own; and what takes longest.
LARGE = ("test_exercises.py", "test_mutation.py", "test_every_page.py")
LONG = ("test_jupyterlab.py", "test_full_profile.py", ".ipynb")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chapter", default="", help="only what concerns this chapter, as 02-cv")
    parser.addoption(
        "--mutate", default="changed", choices=["changed", "all"], help="whose solutions to mutate"
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="everything that one of a kind stands for otherwise: labs, pages, random cases",
    )
    parser.addoption(
        "--forked-kernels",
        action="store_true",
        help="nbval's kernels are forked from one that has imported PyTorch (Linux)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt chapter: it would select nothing and pass."""
    chapter = config.getoption("chapter")
    if chapter and chapter not in CHAPTERS:
        raise pytest.UsageError(f"no chapter {chapter!r}. {nearest(chapter, CHAPTERS)}")
    # What tests solve is not what the person who runs them has solved.
    file = Path(tempfile.gettempdir()) / f"course-progress-{os.getpid()}.json"
    os.environ["COURSE_PROGRESS"] = str(file)
    if config.getoption("forked_kernels") and sys.platform == "linux":
        config.option.nbval_kernel_name = forked_kernels.NAME
        if not hasattr(config, "workerinput"):  # xdist's workers use this process's
            folder = tempfile.TemporaryDirectory()
            server = forked_kernels.start(Path(folder.name))
            config.add_cleanup(lambda: (server.communicate(), folder.cleanup()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out notebooks that are no labs and, with ``--chapter``, what is of other chapters.

    What takes longest comes first, so that no worker of xdist is left alone with it at the end.
    """
    chapter = config.getoption("chapter")
    kept, left = [], []
    for item in items:
        is_stray = item.path.suffix == ".ipynb" and not is_lab(item.path)
        (left if is_stray or chapter not in item.nodeid else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
    items.sort(key=lambda item: next((n for n, f in enumerate(LONG) if f in item.nodeid), 9))


def group(nodeid: str) -> str:
    """What one worker does in a row: a file of tests, or a topic's part of a large file."""
    name, _, case = nodeid.partition("[")
    name = name.split("::")[0]
    if Path(name).name in LARGE:
        return f"{name} {next((topic for topic in TOPICS if topic in case), '')}"
    return name


class Groups(LoadScopeScheduling):
    """Deals the tests to the workers of xdist in the groups above."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def is_lab(path: Path) -> bool:
    """Whether a notebook is one of the book's labs, rather than somebody's scratch copy."""
    return path.name.endswith("-lab.ipynb") or path.name == "project.ipynb"


@pytest.fixture()
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a notebook's kernel hears it, also where a shell has started the tests in the
    background, which makes them ignore it."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome: the system's own, else the one that Playwright brought."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not Path(path).exists():
        pytest.fail(
            "no Chromium: install it (Debian: chromium) or run `playwright install chromium`"
        )
    return path


@pytest.fixture(scope="session")
def offline() -> dict[str, str]:
    """An environment in which a program that asks for another host fails at once."""
    closed = "http://127.0.0.1:9"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return {**os.environ, **dict.fromkeys(names, closed), "no_proxy": "127.0.0.1,localhost"}


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for a file of tests. Not for the session: while Playwright runs, no other file of
    the same process could start it, and which files share a process is chance."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def axe_script() -> str:
    """The accessibility checker's own text, to be evaluated in a page."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site; fails where it is missing, older than its sources, or built with warnings."""
    if not (SITE / "index.html").is_file():
        pytest.fail("there is no built site: run `make book` first")
    if not STAMP.is_file():
        pytest.fail("the last build of the site had warnings: run `make book` and read them")
    built = STAMP.stat().st_mtime
    newer = [path for path in sources() if path.stat().st_mtime > built]
    if newer:
        names = ", ".join(str(path.relative_to(ROOT)) for path in newer[:5])
        pytest.fail(f"the built site is older than {names}: run `make book`")
    return SITE


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    with served(site) as url:
        yield url


@pytest.fixture(scope="session")
def anatomies(site: Path) -> dict[str, Anatomy]:
    """The ids, links and images of every page, by its path below the site."""
    return {str(p.relative_to(site)): Anatomy(p) for p in site.rglob("*.html") if is_page(p)}
