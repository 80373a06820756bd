"""The repository holds what it should, in the form that the tools leave it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

FILE_KB, REPOSITORY_MB = 1500, 25
TEXT = {
    ".py",
    ".md",
    ".ipynb",
    ".yml",
    ".yaml",
    ".toml",
    ".txt",
    ".cfg",
    ".cff",
    ".json",
    ".html",
    ".css",
    ".lock",
}
FORBIDDEN = {
    "outputs of tools": r"(^|/)(__pycache__|\.ipynb_checkpoints|_build|node_modules|\.venv)(/|$)",
    "data and weights": r"\.(npz?|pth?|ckpt|safetensors|onnx|h5|pkl|pickle|gz|xz|zip|tar|whl)$",
    "secrets": r"(^|/)(\.env|id_rsa|.*\.pem)$",
}
# A path of one person's machine; the check for this machine's own is below.
HOME = re.compile(
    r"(?<![\w.])(/home/(?!runner\b|jovyan\b|vscode\b)\w+/|/Users/\w+/|/root/|[A-Z]:\\Users\\)"
)
# Words that a pasted or generated text leaves behind.
LEFT_BEHIND = re.compile(
    r"\b(TODO|FIXME|XXX|lorem ipsum)\b|^(<{7}|>{7}) ", re.MULTILINE | re.IGNORECASE
)


def tracked() -> list[Path]:
    """What is committed, or would be by `git add .`; without git, nothing is known."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    names = sorted(set(filter(None, listed.stdout.split("\0"))))
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def run(*command: str) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_ruff_check() -> None:
    """Python and the code of every notebook."""
    run("ruff", "check", ".")


def test_ruff_format() -> None:
    run("ruff", "format", "--check", ".")


def test_notebooks_are_clean() -> None:
    """No notebook holds what only one run or editor knows; outputs and counts stay on purpose."""
    notebooks = [str(p.relative_to(ROOT)) for p in tracked() if p.suffix == ".ipynb"]
    if not notebooks:
        pytest.skip("there is no notebook yet")
    run("nb-clean", "check", "-o", "-c", "-m", "-n", *notebooks)


def test_nothing_large() -> None:
    """A clone stays small: data comes from its public homes, weights are trained."""
    sizes = {path: path.stat().st_size for path in tracked()}
    large = [
        f"{p.relative_to(ROOT)}: {s / 1000:.0f} kB" for p, s in sizes.items() if s > FILE_KB * 1000
    ]
    assert not large, large
    assert sum(sizes.values()) < REPOSITORY_MB * 1e6


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_nothing_that_does_not_belong(kind: str) -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert not [name for name in names if re.search(FORBIDDEN[kind], name)]


def test_no_path_of_one_machine() -> None:
    """A path that only one machine has is a fault in a lab's output, and gossip elsewhere."""
    found = []
    for path in tracked():
        if path.suffix not in TEXT or "vendor" in path.parts or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in HOME.finditer(text)]
        if f"{ROOT}/" in text:
            found.append(f"{path.relative_to(ROOT)}: the path of this checkout")
    assert not found, found


def test_nothing_left_behind() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".py", ".md", ".ipynb", ".yml", ".css"} and "vendor" not in path.parts:
            if path == Path(__file__):
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in LEFT_BEHIND.finditer(text)]
    assert not found, found


def test_utils_is_light_to_import() -> None:
    """`import utils` imports no framework: a page of the book, or a tool, may use it cheaply."""
    code = (
        "import sys, utils; print([m for m in ('torch', 'tensorflow', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
