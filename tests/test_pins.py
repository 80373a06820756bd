"""One set of versions: what is written in several files agrees, and is what runs here."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")


def lines(name: str) -> list[str]:
    """The lines of a requirements file without comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for raw in text.splitlines() if (line := re.sub(r"(^|\s)#.*", "", raw).strip())]


def requirements(name: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(name) if not line.startswith("-")]


def locked() -> dict[str, list[Requirement]]:
    """The lock by name: a package may stand there once for each kind of machine."""
    found: dict[str, list[Requirement]] = {}
    for requirement in requirements("requirements.lock"):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is not pinned to one version"
    return specifier.version


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-site.txt"])
def test_direct_dependencies_are_locked(name: str) -> None:
    """Each is pinned to one version, which the lock has on every machine."""
    for requirement in requirements(name):
        pins = locked().get(canonicalize_name(requirement.name), [])
        assert {version(pin) for pin in pins} == {version(requirement)}, (
            f"{requirement} in {name}, {[str(pin) for pin in pins]} in the lock: run `make lock`"
        )


def test_requirements_hold_the_site_once() -> None:
    """The part for the website is taken in by reference, so that it cannot differ."""
    assert "-r requirements-site.txt" in lines("requirements.txt")
    site = {r.name for r in requirements("requirements-site.txt")}
    assert "jupyter-book" in site
    assert not site & {"torch", "torchvision", "tensorflow"}, "the website needs no framework"
    assert not site & {r.name for r in requirements("requirements.txt")}


def test_everything_in_the_lock_is_pinned() -> None:
    for pins in locked().values():
        for pin in pins:
            assert version(pin)


def test_lock_is_complete_and_installed() -> None:
    """What runs here is the lock: every package of it that this machine needs, in that version."""
    wrong = []
    for name, pins in locked().items():
        wanted = [version(p) for p in pins if p.marker is None or p.marker.evaluate()]
        assert len(wanted) <= 1, f"{name}: {wanted}"
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "none"
        # Builds for one processor or one kind of GPU are the same version: 2.15.0+cpu.
        if wanted and installed.split("+")[0] != wanted[0]:
            wrong.append(f"{name}: {installed} is installed, {wanted[0]} is locked")
    if any(line.startswith(("nvidia-", "cuda-", "triton:")) for line in wrong):
        import torch

        if torch.version.cuda is None:  # a CPU build of torch needs none of CUDA
            wrong = [line for line in wrong if not line.startswith(("nvidia-", "cuda-", "triton:"))]
    assert not wrong, "\n".join(wrong)


def test_no_requirement_is_broken() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_command_that_makes_the_lock_is_named() -> None:
    assert "make lock" in (ROOT / "requirements.lock").read_text(encoding="utf-8")[:300]


def test_jupyter_book_is_version_1() -> None:
    """Version 2 on this layout builds nothing and exits with 0: the build must have pages too."""
    assert importlib.metadata.version("jupyter-book").split(".")[0] == "1"
    page = ROOT / "_build" / "html" / "book" / "index.html"
    assert page.exists(), "no landing page in _build: run `make book`"
    assert page.stat().st_size > 5000, "the landing page is empty"


def test_python_versions_agree() -> None:
    """The range of pyproject.toml is what CI tries, and holds what the other files name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])
    assert all(v in allowed for v in PYTHONS) and "3.10" not in allowed and "3.14" not in allowed
    test = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    assert tuple(test["jobs"]["chapter"]["strategy"]["matrix"]["python"]) == PYTHONS
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = [d for d in conda if isinstance(d, str) and re.match(r"python\b", d)]
    used = [
        re.search(r"3\.\d+", python)[0],
        (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-"),
        re.search(r"python:(3\.\d+)", devcontainer()["image"])[1],
        f"{sys.version_info.major}.{sys.version_info.minor}",
    ]
    assert all(v in PYTHONS for v in used), used


def test_conda_takes_the_same_pins() -> None:
    """environment.yml refers to the two files, or repeats what stands in them."""
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [d["pip"] for d in conda if isinstance(d, dict)]
    if "-r requirements.txt" in pip:
        assert "-c requirements.lock" in pip, "without the lock only the direct versions are fixed"
    else:
        direct = requirements("requirements.txt") + requirements("requirements-site.txt")
        assert {str(Requirement(line)) for line in pip} == {str(r) for r in direct}


def test_binder_takes_the_lock() -> None:
    found = lines("binder/requirements.txt")
    assert "-c ../requirements.lock" in found
    direct = {r.name for r in requirements("requirements.txt")}
    for requirement in requirements("binder/requirements.txt"):
        assert requirement.name in direct and not requirement.specifier, (
            f"{requirement}: leave it to the lock"
        )


def devcontainer() -> dict:
    return json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())


def test_devcontainer_installs_as_the_makefile_does() -> None:
    command = devcontainer()["postCreateCommand"].split()
    assert command[0] == "make"
    makefile = (ROOT / "Makefile").read_text()
    for target in command[1:]:
        assert re.search(rf"(?m)^{re.escape(target)}:", makefile), (
            f"the Makefile has no target {target}"
        )


def test_pre_commit_has_the_same_versions() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    used = {
        d
        for repo in config["repos"]
        for hook in repo["hooks"]
        for d in hook["additional_dependencies"]
    }
    direct = {str(r) for r in requirements("requirements.txt")}
    assert {"ruff", "nb-clean"} == {d.split("==")[0] for d in used}
    assert used <= direct
