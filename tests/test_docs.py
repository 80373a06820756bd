"""README, CONTRIBUTING and the list of licenses say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "LICENSE-text.md", "THIRD_PARTY.md"]
PINS = {
    name: version
    for file in ("requirements-site.txt", "requirements.txt")
    for name, version in re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE
    )
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(text: str) -> set[str]:
    """The targets of every `make …` in code spans and blocks."""
    return set(re.findall(r"(?:^|`|=full |=3 )make ([a-z]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", [*DOCUMENTS, "book/how-to-use.md", "book/index.md"])
def test_every_command_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    assert commands(read(name)) <= targets


def test_readme_lists_every_command() -> None:
    makefile = read("Makefile")
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[1].split())
    assert commands(read("README.md")) == phony


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_into_the_repository_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", read(name)):
        assert (ROOT / target).exists(), target


def test_readme_names_paths_that_exist() -> None:
    table = read("README.md").split("## What is where", 1)[1].split("\n## ", 1)[0]
    for cell in re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", cell):
            assert list(ROOT.glob(path.rstrip("/"))), path


def test_readme_pins_what_requirements_pin() -> None:
    named = re.findall(r"(\w+)==([\d.]+)", read("README.md"))
    assert named
    for package, version in named:
        assert PINS[package] == version


def test_every_vendored_package_is_in_the_list_of_licenses() -> None:
    table = read("THIRD_PARTY.md")
    for folder in (ROOT / "extensions/course/assets/vendor").iterdir():
        assert f"`{folder.name}/" in table, folder.name
