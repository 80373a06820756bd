"""Colab works on the first cell: the bootstrap is run for real, without Colab.

A module named `google.colab` stands in for Colab's, git's `insteadOf` turns the public address into
a local clone, and a folder of wheels stands in for PyPI. /content becomes a temporary folder.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
from lab_standard import ROOT
from nbformat.v4 import new_code_cell, new_notebook

from tools import colab, run

ADDRESS = "https://example.org/owner/course"
# What Colab has, whatever its image is called this month (besides the standard library).
ON_COLAB = set(
    "IPython PIL cycler filelock ipywidgets keras matplotlib matplotlib_inline networkx numpy "
    "pandas psutil requests scipy sklearn sympy tensorflow torch torchvision traitlets urllib3 "
    "yaml".split()
)
STUB = 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("google.colab")'
# Cells are run as a notebook runs them, magics and all; what the last one prints is the report.
SHELL = """\
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for source in json.load(sys.stdin):
    shell.run_cell(source, store_history=True).raise_error()
"""
REPORT = """\
import importlib.metadata, os
versions = {name: importlib.metadata.version(name) for name in ("numpy", "torch", "pooch")}
print("REPORT", json.dumps({"cwd": os.getcwd(), "versions": versions}))
"""


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository of the tree as it is now: what a clone would get after the next commit."""
    folder = tmp_path_factory.mktemp("remote")
    git = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    ]
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "tree" / name)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *arguments], cwd=folder / "tree", check=True, env=_environment())
    subprocess.run(
        ["git", "clone", "-q", "--bare", "tree", "course.git"],
        cwd=folder,
        check=True,
        env=_environment(),
    )
    return folder / "course.git"


def _environment(**more: str) -> dict[str, str]:
    """This one, without what git and pip were told outside the test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PIP_", "COURSE_"))}
    closed = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    return {**kept, **closed, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", **more}


class Machine:
    """A Colab machine: its /content, its git that knows the address, its Python."""

    def __init__(self, folder: Path, remote: Path, python: str = sys.executable) -> None:
        self.content = folder / "content"
        self.content.mkdir(parents=True)
        self.python = python
        config = folder / "gitconfig"
        config.write_text(
            f'[url "{remote.as_uri()}"]\n\tinsteadOf = {ADDRESS}\n[safe]\n\tdirectory = *\n'
        )
        self.log = folder / "pip.log"
        self.environment = _environment(
            GIT_CONFIG_GLOBAL=str(config),
            PIP_LOG=str(self.log),
            PIP_NO_INDEX="1",
            PIP_CONFIG_FILE=os.devnull,
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            IPYTHONDIR=str(folder / "ipython"),
            CUDA_VISIBLE_DEVICES="",
            COURSE_SEED="",
        )

    def run(self, *sources: str) -> subprocess.CompletedProcess[str]:
        """Run cells in a fresh IPython, the stub of Colab's module first."""
        sources = [STUB, *(source.replace("/content", str(self.content)) for source in sources)]
        return subprocess.run(
            [self.python, "-c", SHELL],
            input=json.dumps(sources),
            capture_output=True,
            text=True,
            cwd=self.content,
            env=self.environment,
            timeout=300,
        )

    def pip_calls(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def bootstrap(folder: str, address: str = ADDRESS) -> str:
    """The top of a set-up cell as `make run` writes it."""
    cell = new_code_cell(run.PATH_LINE, metadata={"tags": ["setup"]})
    run.stamp(new_notebook(cells=[cell]), folder, address)
    return cell.source


def report(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.rsplit("REPORT", 1)[1])


def lab_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All labs begin with one and the same text (set_up in lab_standard.py demands it) and nbval
    runs their imports: one lab stands for them, and with ``--thorough`` one of each chapter."""
    if "path" in metafunc.fixturenames:
        of_chapters = list({path.parent: path for path in reversed(run.labs())}.values())
        chosen = of_chapters if metafunc.config.getoption("thorough") else of_chapters[:1]
        metafunc.parametrize("path", chosen, ids=lab_id)


def test_setup_cell_runs_twice(path: Path, remote: Path, tmp_path: Path) -> None:
    """The whole set-up cell of a lab, as committed but for the address, works, and again."""
    nb = nbformat.read(path, as_version=4)
    folder = path.parent.relative_to(ROOT).as_posix()
    run.stamp(nb, folder, ADDRESS)
    source = next(c.source for c in nb.cells if "setup" in c.metadata.get("tags", []))
    machine = Machine(tmp_path, remote)
    done = machine.run(source, source, f"import json\n{REPORT}")
    found = report(done)
    assert Path(found["cwd"]) == machine.content / "course" / folder
    assert done.stdout.count("Ready: profile quick") == 2
    assert found["versions"]["torch"] == importlib.metadata.version("torch")
    depth = ["git", "rev-list", "--count", "HEAD"]
    clone = machine.content / "course"
    assert subprocess.run(depth, cwd=clone, capture_output=True, text=True).stdout.strip() == "1"
    assert machine.pip_calls() == "", "nothing is missing here, so pip must not be asked"


@pytest.fixture(scope="module")
def colab_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with what this one has, but older numpy and torch, and no pooch: like Colab's."""
    folder = tmp_path_factory.mktemp("colab-python")
    venv.create(folder, symlinks=True)
    packages = Path(next(iter(folder.glob("lib/python*/site-packages"))))
    for entry in Path(site.getsitepackages()[0]).iterdir():
        if not re.match(r"(?i)(numpy|torch|pooch|__pycache__)", entry.name):
            (packages / entry.name).symlink_to(entry)
    for name, version in (("numpy", "1.26.4"), ("torch", "2.4.1")):
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text(f'__version__ = "{version}"\n')
        _metadata(packages / f"{name}-{version}.dist-info", name, version)
    return str(folder / "bin" / "python")


def _metadata(folder: Path, name: str, version: str, *requires: str) -> None:
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "RECORD").write_text("")


def _wheel(folder: Path, requirement: str, *requires: str) -> None:
    """A tiny pure-Python wheel, with dependencies that no pip here could fulfil."""
    name, version = requirement.split("==")
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f'__version__ = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {r}\n" for r in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
                .rstrip(b"=")
                .decode()
            )
            rows.append(f"{path},sha256={digest},{len(text)}")
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")


def test_older_numpy_and_torch_are_left_alone(
    colab_python: str, remote: Path, tmp_path: Path
) -> None:
    """What is missing comes in its locked version; what was there stays; pip runs only once."""
    machine = Machine(tmp_path, remote, colab_python)
    lock = (ROOT / "requirements.lock").read_text()
    wanted = colab.pinned("pooch", lock)
    _wheel(tmp_path / "wheels", wanted, "numpy>=99", "torch>=99")
    machine.environment["PIP_FIND_LINKS"] = str(tmp_path / "wheels")
    source = bootstrap("tests")  # any folder two levels down would do; tests/ is there always
    source = source.replace("../..", "..")
    first = machine.run(source, f"import json\n{REPORT}")
    assert report(first)["versions"] == {
        "numpy": "1.26.4",
        "torch": "2.4.1",
        "pooch": wanted.split("==")[1],
    }
    assert "Installing pooch==" in first.stdout
    calls = machine.pip_calls()
    assert "Installing collected packages: pooch" in calls
    assert not re.search(
        r"(?i)(collecting|satisfied:|uninstall\w*|packages:.*) *(numpy|torch)", calls
    ), calls
    second = machine.run(source, f"import json\n{REPORT}")
    assert report(second)["versions"] == report(first)["versions"]
    assert machine.pip_calls() == calls and "Installing" not in second.stdout


def test_failed_installation_says_what_to_do(colab_python: str, tmp_path: Path) -> None:
    """No network: pip's own message, then what to do; exit status 1."""
    environment = _environment(PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    environment["PYTHONPATH"] = str(tmp_path)
    tool = tmp_path / "tools" / "colab.py"
    tool.parent.mkdir()
    # Its own package list, so that the order of the tests does not matter.
    text = (ROOT / "tools/colab.py").read_text().replace('"pooch": "pooch"', '"absent": "absent"')
    tool.write_text(text)
    (tmp_path / "requirements.lock").write_text("absent==1.0\n")
    done = subprocess.run(
        [colab_python, str(tool)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert "Could not install absent==1.0" in done.stderr and "run this cell again" in done.stderr


def test_no_address_says_what_to_do(remote: Path, tmp_path: Path) -> None:
    """A copy without a public address has no Colab button; who tries it learns what to set."""
    done = Machine(tmp_path, remote).run(bootstrap("book/02-cv", address=""))
    assert done.returncode != 0
    assert "repository.url in _config.yml" in done.stdout + done.stderr
    assert not (tmp_path / "content" / "course").exists()


def test_bootstrap_does_nothing_elsewhere(remote: Path, tmp_path: Path) -> None:
    """Outside Colab the cell neither clones, nor installs, nor changes folder."""
    machine = Machine(tmp_path, remote)
    forget = 'del sys.modules["google.colab"]'
    found = report(machine.run(forget, bootstrap("book/02-cv"), f"import json\n{REPORT}"))
    assert Path(found["cwd"]) == machine.content
    assert not any(machine.content.iterdir()) and machine.pip_calls() == ""


def test_only_pure_python_is_ever_installed() -> None:
    """The list never names what Colab builds itself, and every entry is locked and pure Python."""
    lock = (ROOT / "requirements.lock").read_text()
    for module, name in colab.PACKAGES.items():
        assert module not in ON_COLAB and not re.match(r"numpy|torch|jax|tensorflow|scipy", name)
        assert re.fullmatch(rf"{name}==[\w.]+", colab.pinned(name, lock))
        built = importlib.metadata.distribution(name)
        wheel = built.read_text("WHEEL")
        alone = all("extra ==" in needed for needed in built.requires or [])  # as psygnal is
        assert "Root-Is-Purelib: true" in wheel or alone, f"{name} holds compiled code"
    with pytest.raises(LookupError, match="does not pin 'absent'"):
        colab.pinned("absent", lock)


def test_labs_import_only_what_colab_has() -> None:
    """Every package that a lab or utils imports is on Colab, or is installed by tools/colab.py."""
    allowed = ON_COLAB | set(colab.PACKAGES) | set(sys.stdlib_module_names) | {"utils"}
    sources = {path: path.read_text() for path in ROOT.glob("utils/**/*.py")}
    for path in run.labs():
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        sources[path] = re.sub(r"(?m)^(\s*)[!%].*$", r"\1pass", code)
    for path, source in sources.items():
        names = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
        assert names <= allowed, f"{path.relative_to(ROOT)} imports {sorted(names - allowed)}"
