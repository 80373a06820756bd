"""Labs open in JupyterLab, in a real browser, and Run All ends without an error.

nbval runs the cells of every lab; this finds what only the editor shows: a lab that asks for a
kernel it cannot find, an output that the editor cannot show, a run that stops in the middle. The
quickest lab stands for all; ``--thorough`` (`make variants`) runs every one.
"""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab_standard import ROOT

from tools import run

TOKEN = "only-for-this-test"
LABS = [path.relative_to(ROOT) for path in run.labs()]


def seconds(lab: Path) -> float:
    """What running a lab takes, as its own record says."""
    cost = nbformat.read(ROOT / lab, as_version=4).metadata.get("course", {})
    return cost.get("seconds", math.inf)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which labs are opened and run: all with ``--thorough``, otherwise the quickest."""
    if "lab" in metafunc.fixturenames:
        chapter, labs = metafunc.config.getoption("chapter"), LABS
        if not metafunc.config.getoption("thorough"):
            labs = [lab for lab in LABS if chapter in lab.parts or not chapter]
            labs = sorted(labs, key=seconds)[:1]  # none in a chapter that has no lab yet
        metafunc.parametrize("lab", labs, ids=lambda p: f"{p.parent.name}/{p.stem}")


def api(port: int, path: str, method: str = "GET"):
    """Ask the server itself; None where it answers without a body."""
    address = f"http://127.0.0.1:{port}/api/{path}?token={TOKEN}"
    request = urllib.request.Request(address, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the labs without their outputs, and of what they import, to write to."""
    folder = tmp_path_factory.mktemp("course")
    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "utils", folder / "utils", ignore=skip)
    for lab in LABS:
        nb = nbformat.read(ROOT / lab, as_version=4)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        (folder / lab).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nb, folder / lab)
    return folder


@pytest.fixture(scope="module")
def port(
    course: Path, offline: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """A JupyterLab with settings of its own, on a port that was free a moment ago."""
    home = tmp_path_factory.mktemp("jupyter")
    folders = {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={number}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={course}"]
    command += ["--LabApp.news_url=", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = home / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=offline | folders | {"IPYTHONDIR": str(home / "ipython"), "COURSE_SEED": ""},
        )
    try:
        for _ in range(300):
            try:
                api(number, "status")
                break
            except OSError:
                assert server.poll() is None, f"JupyterLab ended:\n{log.read_text()}"
                time.sleep(0.2)
        else:
            pytest.fail(f"JupyterLab did not answer within a minute:\n{log.read_text()}")
        yield number
    finally:
        server.terminate()  # the server shuts its kernels down
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_run_all(lab: Path, course: Path, port: int, browser: Any) -> None:
    """Open the lab, Run > Run All Cells, wait, save, and look at what was saved."""
    with opened(browser, lab, port) as (page, complaints):
        _run_menu(page, "Run All Cells")
        cells = _saved_when_done(page, lab, course, port)
        dialogs = page.locator(".jp-Dialog").all_inner_texts()
    for cell in cells:
        for output in cell.outputs:
            where = f"{lab}, In [{cell.execution_count}]"
            assert output.output_type != "error", f"{where}: {output.evalue}\n{cell.source}"
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), f"{lab} was not run to its end: {counts}"
    assert any("✓" in output.get("text", "") for cell in cells for output in cell.outputs)
    assert not dialogs and not complaints, (dialogs, complaints)


FIGURE = {
    "show": (
        'import sys\n\nsys.path.insert(0, "..")\nfrom utils.widgets import ConvolutionExplorer\n'
        "\nexplorer = ConvolutionExplorer(position=[1, 1])\nexplorer"
    ),
    "read": "print(explorer.stride, explorer.position, explorer.output.shape)",
    "move": "explorer.padding = 2\nexplorer.position = [3, 4]",
}


def test_figure_and_python_stay_in_step(course: Path, port: int, browser: Any) -> None:
    """Move a figure in the editor, read its value in a cell; set a value in a cell, see it move."""
    path = Path("book/figure.ipynb")
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in FIGURE.items()]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(nb, course / path)
    with opened(browser, path, port) as (page, complaints):
        code = page.locator(".jp-CodeCell")

        def run_cell(number: int) -> None:
            _wait_for_kernel(page, path, port)
            code.nth(number).locator(".cm-content").click()
            page.keyboard.press("Control+Enter")

        run_cell(0)
        figure = page.locator(".course-figure")
        figure.locator(".conv-stage").wait_for()
        stride = figure.get_by_label("Stride")
        stride.focus()
        page.keyboard.press("ArrowRight")
        handle = figure.get_by_role("slider", name="Position in the output")
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert stride.input_value() == "2"
        page.wait_for_timeout(1000)
        run_cell(1)
        output = code.nth(1).locator(".jp-OutputArea-output")
        output.wait_for()
        assert output.inner_text().strip() == "2 [3, 2] (6, 6)"
        run_cell(2)
        page.wait_for_function(
            "el => el.value === '2'", arg=figure.get_by_label("Padding").element_handle()
        )
        page.wait_for_function(
            "el => el.getAttribute('aria-valuetext').startsWith('row 3, column 4')",
            arg=handle.element_handle(),
        )
        assert figure.locator("output.conv-size").inner_text() == "8"
        assert (
            figure.evaluate("el => getComputedStyle(el).getPropertyValue('--fig-ink')") == "#1d2426"
        )
    assert not complaints, complaints


@contextmanager
def opened(browser: Any, path: Path, port: int) -> Iterator[tuple[Any, list[str]]]:
    """The editor with this notebook open and its kernel ready, and what goes wrong there.

    It may ask for nothing but its own server. At the end the kernel goes: the next one gets its
    memory.
    """
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)

    def guard(route: Any) -> None:
        if route.request.url.startswith((f"http://127.0.0.1:{port}/", "blob:", "data:")):
            route.continue_()
        else:
            complaints.append(f"asks another host: {route.request.url}")
            route.abort()

    page.route("**/*", guard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        address = f"http://127.0.0.1:{port}/lab/workspaces/{path.stem}/tree"
        page.goto(f"{address}/{path.as_posix()}?token={TOKEN}")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        _wait_for_kernel(page, path, port)
        yield page, complaints
    finally:
        page.close()
        for session in api(port, "sessions"):
            api(port, f"sessions/{session['id']}", "DELETE")


def _run_menu(page: Any, item: str) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def _state(port: int, lab: Path) -> str:
    """What this lab's kernel is doing: "idle", "busy", …, or "none" while it has no kernel."""
    for session in api(port, "sessions"):
        if session["path"] == lab.as_posix():
            return session["kernel"]["execution_state"]
    return "none"


def _wait_for_kernel(page, lab: Path, port: int) -> None:
    """The page shows a lab before its kernel is there."""
    for _ in range(300):
        if _state(port, lab) == "idle":
            page.wait_for_timeout(1000)  # the page hears of it a moment later
            return
        page.wait_for_timeout(200)  # a plain sleep would hold up the page's requests too
    pytest.fail(f"no kernel for {lab} within a minute: {_state(port, lab)}")


def _saved_when_done(page, lab: Path, course: Path, port: int, seconds: float = 300):
    """Save whenever the kernel rests, until every cell was run or one failed; the code cells."""
    until = time.monotonic() + seconds
    counts = []
    while time.monotonic() < until:
        page.wait_for_timeout(1000)
        if _state(port, lab) != "idle":
            continue
        page.keyboard.press("Control+s")
        page.wait_for_timeout(700)
        try:
            nb = nbformat.read(course / lab, as_version=4)
        except nbformat.reader.NotJSONError:
            continue  # the server is writing it at this moment
        cells = [c for c in nb.cells if c.cell_type == "code" and c.source.strip()]
        counts = [cell.execution_count for cell in cells]
        if all(counts) or any(o.output_type == "error" for c in cells for o in c.outputs):
            return cells
    pytest.fail(f"{lab} did not end within {seconds:.0f} s; cells run: {counts}")
