"""What a reader does on the built website, and the build's refusal of what must not be published.

The tests look at `_build/html` as it is; `make book` builds it. What holds for every page is asked
in test_every_page.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from site_tools import ROOT, STAMP, Watched, build, is_page, overflow, toc_pages

sys.path.insert(0, str(ROOT / "extensions"))
from course import notebooks
from course.address import Repository, parse, repository

PAGES = toc_pages()
THEORY = [page for page in PAGES if page.replace(".html", "-lab.html") in PAGES]
LABS = [page for page in PAGES if page.endswith("-lab.html")]


@pytest.fixture()
def visitor(browser: Any, address: str) -> Iterator[Watched]:
    """A watched page of 1280 x 900 over http, in a context of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield Watched(context, address)
    context.close()


# ---- The pages' files ----------------------------------------------------------------------------


def test_every_page_was_built(site: Path) -> None:
    """A build that finds no pages exits with 0; so the pages are counted."""
    missing = [page for page in PAGES if not (site / page).is_file()]
    assert not missing, f"_toc.yml names pages that were not built: {missing}"
    assert len(PAGES) >= 12
    assert LABS and THEORY


def test_jupyter_book_is_version_1() -> None:
    from importlib.metadata import version

    assert version("jupyter-book").split(".")[0] == "1", "version 2 builds nothing from this layout"


def test_no_page_names_another_host(site: Path) -> None:
    """What the browser loads by itself never comes from elsewhere; links that one follows may."""
    pattern = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)="(?:https?:)?//')
    for path in site.rglob("*.html"):
        if is_page(path):
            found = pattern.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(site)}: {found[0]}"


# ---- What a reader does --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["http", "disk"])
def test_search_finds_a_page(way: str, browser: Any, site: Path, address: str) -> None:
    base = address if way == "http" else site.as_uri() + "/"
    context = browser.new_context()
    visitor = Watched(context, base)
    tab = visitor.open(THEORY[0])
    tab.keyboard.press("Control+k")
    tab.keyboard.type("perceptron")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?**")
    tab.wait_for_selector("#search-results li a")
    links = tab.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any("perceptron-and-mlp" in link for link in links), links
    assert not visitor.problems, "\n".join(visitor.problems)
    context.close()


def test_theme_switch_is_kept(visitor: Watched) -> None:
    tab = visitor.open(THEORY[0])

    def look() -> str:
        return tab.evaluate("() => getComputedStyle(document.body).backgroundColor")

    seen = {look()}
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        tab.wait_for_timeout(300)
        seen.add(look())
    assert len(seen) == 2, seen
    tab.evaluate("() => { localStorage.mode = localStorage.theme = 'dark' }")
    visitor.open(LABS[0])
    assert tab.evaluate("() => document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("page", THEORY)
def test_theory_has_its_box_and_callouts(page: str, site: Path) -> None:
    html = (site / page).read_text(encoding="utf-8")
    assert html.count('class="callout at-a-glance admonition') == 1, "no box `at-a-glance`"
    assert "callout key-insight" in html or "callout common-pitfall" in html


def test_plots_have_no_card(visitor: Watched) -> None:
    """Figures lie on the page itself; in the dark their ink gets more light."""
    tab = visitor.open(LABS[0])
    visitor.set_theme("dark")
    style = "e => { const s = getComputedStyle(e); return [s.backgroundColor, s.filter] }"
    for image in tab.locator(".bd-article img").all():
        background, effect = image.evaluate(style)
        assert background == "rgba(0, 0, 0, 0)" and "brightness(1.2" in effect


def test_print_leaves_the_article(visitor: Watched) -> None:
    tab = visitor.open(THEORY[0])
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 720, "height": 1000})
    for hidden in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
        assert not tab.locator(hidden).first.is_visible(), hidden
    assert tab.locator(".bd-article h1").is_visible()
    assert overflow(tab) <= 0


# ---- The address of the repository ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/o/r.git", ("https://github.com/o/r", "github")),
        ("https://user:secret@github.com/o/r", ("https://github.com/o/r", "github")),
        ("git@gitlab.com:group/sub/r.git", ("https://gitlab.com/group/sub/r", "gitlab")),
        ("ssh://git@codeberg.org:22/o/r.git", ("https://codeberg.org/o/r", "codeberg")),
        ("https://git.example.org/o/r", ("https://git.example.org/o/r", "other")),
        ("/srv/git/r.git", None),
        ("https://github.com/only-owner", None),
    ],
)
def test_remote_addresses(remote: str, expected: tuple[str, str] | None) -> None:
    assert parse(remote) == expected


def test_repository_addresses() -> None:
    repo = Repository("https://github.com/o/r", "main", "github")
    lab = "book/02-cv/cnn-basics-lab.ipynb"
    assert repo.colab(lab) == f"https://colab.research.google.com/github/o/r/blob/main/{lab}"
    assert repo.file(lab) == f"https://github.com/o/r/blob/main/{lab}"
    assert repo.issue("a b") == "https://github.com/o/r/issues/new?title=a%20b"
    elsewhere = Repository("https://gitlab.com/o/r", "main", "gitlab")
    assert elsewhere.colab(lab) is None
    assert elsewhere.file(lab) == f"https://gitlab.com/o/r/-/blob/main/{lab}"
    unknown = Repository("https://git.example.org/o/r", "main", "other")
    assert unknown.file(lab) is unknown.issue("a") is unknown.colab(lab) is None


def test_repository_is_found(tmp_path: Path) -> None:
    """Settings come before the remote; a folder inside another checkout has no address."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    config = tmp_path / "_config.yml"
    config.write_text('repository: {url: "", branch: ""}')
    assert repository(tmp_path) is None
    git("init", "-q")
    assert repository(tmp_path) is None
    git("remote", "add", "backup", "/srv/backup.git")
    assert repository(tmp_path) is None
    git("remote", "add", "origin", "git@github.com:o/r.git")
    assert repository(tmp_path) == Repository("https://github.com/o/r", "main", "github")
    inner = tmp_path / "inner"
    inner.mkdir()
    shutil.copy(config, inner)
    assert repository(inner) is None
    config.write_text("repository: {url: https://gitlab.com/a/b, branch: trunk}")
    assert repository(tmp_path) == Repository("https://gitlab.com/a/b", "trunk", "gitlab")
    config.write_text("repository: {url: nonsense}")
    with pytest.raises(ValueError, match=r"repository\.url"):
        repository(tmp_path)


# ---- Small books: what the build refuses, and which buttons it makes -----------------------------

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


def cell(source: str, image: bool = False, **metadata: Any) -> dict[str, Any]:
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PIXEL}}
    return {
        "cell_type": "code",
        "id": re.sub(r"\W", "", source)[:20],
        "execution_count": 1,
        "metadata": metadata,
        "source": source,
        "outputs": [output] if image else [],
    }


def small_book(folder: Path, theory: str, *cells: dict[str, Any]) -> Path:
    """A book of one topic with this repository's settings and extension."""
    pages = folder / "book"
    pages.mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "extensions").symlink_to(ROOT / "extensions")
    (pages / "_static").symlink_to(ROOT / "book" / "_static")
    (pages / "references.bib").touch()
    (pages / "index.md").write_text("# Book\n\nText.\n")
    (pages / "topic.md").write_text(f"# Topic\n\n{theory}\n")
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Topic: lab"}
    lab = {"cells": [title, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    lab["metadata"] = {"language_info": {"name": "python"}, "course": {"seconds": 20}}
    (pages / "topic-lab.ipynb").write_text(json.dumps(lab))
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/topic\n- file: book/topic-lab\n"
    )
    return folder


GOOD_ALT = {"image": {"alt": "A single pixel of one color."}}
BAD = """\
:::{lab-figure} fig-rihgt
:::

:::{lab-figure} fig-right
:lab: topik-lab
:::

:::{question} No right one?
- [ ] One.

  Because.
- [ ] Two.

  Because.
:::

:::{question} Nothing explained?
- [x] One.
- [ ] Two.

  Because.
:::

:::{question} Not marked?
- [x] One.

  Because.
- Two.

  Because.
:::

![](_static/favicon.svg)
"""


def test_build_refuses(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Each mistake fails the build with a message that names it. With ``--thorough`` it is built
    once more: a second build reads no page again and must not forget."""
    named = {"mystnb": {**GOOD_ALT, "figure": {"name": "fig-right", "caption": "Right."}}}
    book = small_book(tmp_path, BAD, cell("a", True, **named), cell("b", True))
    for attempt in ("first", "second") if pytestconfig.getoption("thorough") else ("first",):
        done = build(book)
        assert done.returncode != 0, attempt
        text = " ".join(done.stdout.split())
        for message in (
            "topic-lab.ipynb has no figure 'fig-rihgt'; it has: fig-right",
            "there is no lab book/topik-lab.ipynb; meant topic-lab?",
            "question 'No right one?': no choice is marked right",
            "question 'Nothing explained?': choice 1 ('One.') has no explanation",
            "question 'Not marked?': choice 2 must begin with [x] or [ ]",
            "book/topic-lab.ipynb: cell 3 shows an image without alt text",
            "image book/_static/favicon.svg has no alt text",
        ):
            assert message in text, f"{attempt} build: {message}\n{done.stdout}"
        assert not (book / "_build" / STAMP.name).exists()


def test_buttons(tmp_path: Path) -> None:
    """Where the repository has an address. (Without one: test_lab_offers_its_notebook.)"""
    setup = cell('COURSE = "https://github.com/o/r"', tags=["setup"])
    book = small_book(tmp_path, "Text.", setup)
    for command in (["init", "-q"], ["remote", "add", "origin", "git@github.com:o/r.git"]):
        subprocess.run(["git", "-C", str(book), *command], check=True)
    done = build(book)
    assert done.returncode == 0, done.stdout
    html = (book / "_build" / "html" / "book" / "topic-lab.html").read_text(encoding="utf-8")
    kinds = re.findall(r"course-button course-button-(\w+)", html)
    assert kinds == ["colab", "download", "source", "issue"]
    colab = "https://colab.research.google.com/github/o/r/blob/main/book/topic-lab.ipynb"
    assert f'href="{colab}"' in html
    assert "Runs in about 20 s on one CPU core" in html


def test_colab_needs_to_know_what_to_clone() -> None:
    """Without an address in the set-up cell there is no Colab button, whatever the remote is."""
    for source, tags, ready in (
        ('COURSE = "https://github.com/o/r"', ["setup"], True),
        ('COURSE = ""', ["setup"], False),
        ('COURSE = "https://github.com/o/r"', [], False),
    ):
        assert notebooks.colab_ready({"cells": [cell(source, tags=tags)]}) is ready
