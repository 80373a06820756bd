"""A lab opens in JupyterLab, in a real browser, and Run All ends without an error.

nbval runs the cells; this finds what only the editor shows: a lab that asks for a kernel it cannot
find, an output that the editor cannot show, a run that stops in the middle.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab_standard import ROOT

from tools import run

TOKEN = "only-for-this-test"
LABS = [path.relative_to(ROOT) for path in run.labs()]


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


@pytest.mark.parametrize("lab", LABS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_run_all(lab: Path, course: Path, port: int, chromium: str) -> None:
    """Open the lab, Run > Run All Cells, wait, save, and look at what was saved."""
    from playwright.sync_api import sync_playwright

    foreign, complaints = [], []
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(60_000)

            def guard(route) -> None:
                if route.request.url.startswith(f"http://127.0.0.1:{port}/"):
                    route.continue_()
                else:
                    foreign.append(route.request.url)
                    route.abort()

            page.route("**/*", guard)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            address = f"http://127.0.0.1:{port}/lab/workspaces/{lab.stem}/tree"
            page.goto(f"{address}/{lab.as_posix()}?token={TOKEN}")
            page.locator(".jp-Notebook .jp-Cell").first.wait_for()
            _wait_for_kernel(page, lab, port)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            cells = _saved_when_done(page, lab, course, port)
            dialogs = page.locator(".jp-Dialog").all_inner_texts()
        finally:
            browser.close()
            for session in api(port, "sessions"):  # the next lab gets the memory
                api(port, f"sessions/{session['id']}", "DELETE")
    for cell in cells:
        for output in cell.outputs:
            where = f"{lab}, In [{cell.execution_count}]"
            assert output.output_type != "error", f"{where}: {output.evalue}\n{cell.source}"
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), f"{lab} was not run to its end: {counts}"
    assert any("✓" in output.get("text", "") for cell in cells for output in cell.outputs)
    assert not foreign, f"{lab} asked other hosts for {foreign}"
    assert not dialogs and not complaints, (dialogs, complaints)


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
        nb = nbformat.read(course / lab, as_version=4)
        cells = [c for c in nb.cells if c.cell_type == "code" and c.source.strip()]
        counts = [cell.execution_count for cell in cells]
        if all(counts) or any(o.output_type == "error" for c in cells for o in c.outputs):
            return cells
    pytest.fail(f"{lab} did not end within {seconds:.0f} s; cells run: {counts}")
