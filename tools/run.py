"""Execute labs from a clean kernel and write them back normalized (`make run`).

A committed lab is what this tool wrote: executed in the quick profile on one thread, and free of
everything that changes from run to run, so that running it again leaves no difference.

    python tools/run.py                          every lab
    python tools/run.py book/02-cv/cnn-basics-lab.ipynb
    python tools/run.py --seeds 5 LAB            do its claims hold for seeds 0 to 4? writes nothing
    python tools/run.py --profile full LAB       execute in the full profile; writes nothing
    python tools/run.py --scripts                put the figures' present scripts into the labs, and
                                                 execute nothing: after a change of a script alone
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from extensions.course.address import repository
from utils.lab import PROFILES, nearest

PATH_LINE = 'sys.path.insert(0, "../..")'
BOOTSTRAP = """\
import sys

if "google.colab" in sys.modules:  # on Colab: fetch the course, and the few packages Colab lacks
    COURSE = "{address}"
    assert COURSE, "No address: set repository.url in _config.yml, then `make run`."
    !test -d /content/course || git clone --quiet --depth 1 "$COURSE" /content/course
    %cd -q /content/course/{folder}
    !{{sys.executable}} ../../tools/colab.py
"""
KEPT_CELL_METADATA = ("tags", "mystnb", "jupyter", "cellView")  # the last folds cells on Colab
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 3600)
MEGABYTES = tuple(range(250, 16001, 250))


def labs(root: Path = ROOT) -> list[Path]:
    """All labs of the book, in the order of their chapters."""
    found = [*root.glob("book/*/*-lab.ipynb"), *root.glob("book/*/project.ipynb")]
    return sorted(found)


def stamp(nb: NotebookNode, folder: str, address: str) -> None:
    """Write the Colab bootstrap at the top of the cell tagged ``setup``.

    Args:
        nb: the lab, changed in place.
        folder: the lab's folder from the repository's root, ``book/02-cv``.
        address: what ``git clone`` takes; empty where this copy has no public address.
    """
    cells = [cell for cell in nb.cells if "setup" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or PATH_LINE not in cells[0].source:
        raise ValueError(f"one cell must have the tag 'setup' and the line {PATH_LINE}")
    rest = cells[0].source.split(PATH_LINE, 1)[1]
    cells[0].source = BOOTSTRAP.format(address=address, folder=folder) + PATH_LINE + rest


def execute(
    nb: NotebookNode, folder: Path, environment: dict[str, str], *, timeout: int = 1800
) -> tuple[float, float]:
    """Run every cell in a new kernel; return its CPU seconds and peak memory in MB."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nb.metadata.pop("widgets", None)
    client = NotebookClient(
        nb, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel(env={**os.environ, **environment}):
        kernel = psutil.Process(client.km.provisioner.pid)
        peak, done = [0.0], threading.Event()

        def watch() -> None:
            while not done.wait(0.1):
                peak[0] = max(peak[0], kernel.memory_info().rss / 1e6)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            for index, cell in enumerate(nb.cells):
                client.execute_cell(cell, index)
            client.set_widgets_metadata()
            used = kernel.cpu_times()
        finally:
            done.set()
            watcher.join()
    return used.user + used.system, peak[0]


def normalize(nb: NotebookNode, previous: NotebookNode | None = None) -> None:
    """Remove what changes from run to run. Changes ``nb`` in place; twice is the same as once.

    Args:
        nb: an executed lab.
        previous: the lab as it stood before this execution: cells tagged ``timing`` keep its
            outputs while their source is unchanged.
    """
    kept = {"kernelspec", "language_info", "course", "widgets"}
    nb.metadata = NotebookNode({k: v for k, v in nb.metadata.items() if k in kept})
    nb.metadata.kernelspec = NotebookNode(
        display_name="Python 3 (ipykernel)", language="python", name="python3"
    )
    nb.metadata.language_info = NotebookNode(name="python", pygments_lexer="ipython3")
    before = {cell.id: cell for cell in previous.cells} if previous is not None else {}
    for cell in nb.cells:
        cell.metadata = NotebookNode(
            {k: cell.metadata[k] for k in KEPT_CELL_METADATA if cell.metadata.get(k)}
        )
        if cell.cell_type != "code":
            continue
        old = before.get(cell.id)
        if "timing" in cell.metadata.get("tags", []):
            measured = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
            stored = old is not None and old.get("outputs")
            if stored and old.metadata.get("measured", measured) == measured:
                cell.outputs = old.outputs
            cell.metadata["measured"] = measured  # what the stored times belong to
        cell.outputs = [_clean(output) for output in _merged(cell.outputs)]
    _name_widgets(nb)


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighboring pieces of one stream: where a kernel cuts them is chance."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last is not None and output.output_type == "stream" == last.output_type:
            if output.name == last.name:
                last.text += output.text
                continue
        merged.append(output)
    return merged


def _clean(output: NotebookNode) -> NotebookNode:
    """Replace addresses in memory and temporary paths; drop the metadata of an output."""
    pictures = {k: v for k, v in output.get("data", {}).items() if k.startswith("image/")}
    text = json.dumps(output)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"/[\w/.-]*ipykernel_\d+/\d+\.py", "<cell>", text)
    output = nbformat.from_dict(json.loads(text))
    if "metadata" in output:
        output.metadata = NotebookNode()
    if pictures:  # base64 may look like an address by chance
        output.data.update(pictures)
    if "image/png" in pictures:
        output.data["image/png"] = _smaller(pictures["image/png"])
    return output


def _smaller(png: str) -> str:
    """The same picture with a palette of 256 colors: a third of the size, and no visible change."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.mode == "P":  # done before: cells tagged `timing` keep their outputs
        return png
    image = image.convert("RGBA")
    few = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    if np.abs(np.asarray(few.convert("RGBA"), float) - np.asarray(image, float)).mean() > 2:
        return png  # a photograph, which needs its colors
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode() + "\n"


def _name_widgets(nb: NotebookNode) -> None:
    """Keep the widget models that a cell shows, under names that depend on their order only.

    The kernel draws the names at random, and stores every model that was ever made. A layout is
    stored with what it sets: its fifty properties are mostly null, which is what null means.
    """
    state = nb.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    order: list[str] = []

    def keep(name: str) -> None:
        if name in state and name not in order:
            order.append(name)
            for other in re.findall(r"IPY_MODEL_([\w-]+)", json.dumps(state[name], sort_keys=True)):
                keep(other)

    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if view := output.get("data", {}).get(VIEW):
                keep(view["model_id"])
    if not order:
        nb.metadata.pop("widgets", None)
        return
    kept = {name: state[name] for name in order}
    for model in kept.values():
        if model.get("model_name") == "LayoutModel":
            model["state"] = {k: v for k, v in model["state"].items() if v is not None}
    nb.metadata.widgets[WIDGETS]["state"] = kept
    text = json.dumps(nb)
    new = {name: f"{number:032x}" for number, name in enumerate(order)}
    for name in order:  # in two steps: a new name may be another's old one
        text = text.replace(name, f"\x00{new[name]}")
    fresh = nbformat.from_dict(json.loads(text.replace("\x00", "")))
    nb.metadata, nb.cells = fresh.metadata, fresh.cells


def coarse(measured: float, steps: tuple[int, ...], previous: int | None) -> int:
    """Round up to a step; keep the previous step while it is still about right.

    Without the second rule a lab that takes 19.9 s would change its file at every other run.
    """
    if previous in steps and 0.5 * previous < measured < 1.25 * previous:
        return previous
    return next((step for step in steps if measured <= step), steps[-1])


def slowness() -> float:
    """How many times slower this core is than the one that the noted times speak of.

    That one takes 6 ms for the step below, a small CNN's on 64 pictures: what most labs do most of
    the time. Without it, a lab's file would change with every machine that executes it.
    """
    import torch
    from torch import nn

    torch.set_num_threads(1)
    first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 24, 3, padding=1)
    pool = nn.MaxPool2d(2)
    net = nn.Sequential(first, nn.ReLU(), pool, second, nn.ReLU(), pool)
    images, times = torch.rand(64, 1, 28, 28), []
    for _ in range(50):
        start = time.process_time()
        net(images).sum().backward()
        times.append(time.process_time() - start)
    return float(np.median(times)) / 0.006


def run(path: Path) -> None:
    """Execute one lab and write it back. The file is left alone when a cell fails."""
    previous = nbformat.read(path, as_version=4)
    nb = nbformat.read(path, as_version=4)
    where = repository(ROOT)
    stamp(nb, path.parent.relative_to(ROOT).as_posix(), where.url if where else "")
    nb = _formatted(nb, path)
    seconds, megabytes = execute(nb, path.parent, _environment("quick"))
    seconds /= slowness()
    normalize(nb, previous)
    old = previous.metadata.get("course", {})
    nb.metadata.course = NotebookNode(
        seconds=coarse(seconds, SECONDS, old.get("seconds")),
        memory_mb=coarse(megabytes, MEGABYTES, old.get("memory_mb")),
    )
    text = nbformat.writes(nb) + "\n"
    if text != path.read_text(encoding="utf-8"):
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    print(
        f"{path.relative_to(ROOT)}: {seconds:.1f} s of a usual core, {megabytes:.0f} MB", flush=True
    )


def renew_scripts(nb: NotebookNode) -> bool:
    """Put the present script and style of each stored figure in place; whether that changed any."""
    changed = False
    for model in nb.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {}).values():
        module, _, name = model["state"].get("_anywidget_id", "").rpartition(".")
        if module.startswith("utils.widgets."):
            figure = getattr(importlib.import_module(module), name)
            now = {"_esm": figure._esm, "_css": figure._css, "_heights": list(figure.heights)}
            changed |= any(model["state"].get(key) != value for key, value in now.items())
            model["state"].update(now)
    return changed


def _formatted(nb: NotebookNode, path: Path) -> NotebookNode:
    """Sort the imports and format the code, as the repository's ruff settings say."""
    text = nbformat.writes(nb)
    for command in (["check", "--fix", "--exit-zero"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            encoding="utf-8",
            cwd=ROOT,
        )
        if done.returncode:  # code that does not parse: the kernel's own error will say it better
            return nb
        text = done.stdout
    return nbformat.reads(text, as_version=4)


def attempt(path: Path, profile: str, seed: int | None) -> bool:
    """Execute one lab under another profile or seed; write nothing; say how it ended."""
    nb = nbformat.read(path, as_version=4)
    environment = _environment(profile) | ({"COURSE_SEED": str(seed)} if seed is not None else {})
    if profile == "full":  # the full profile may use the whole machine, and its GPU
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
            environment.pop(name)
    label = f"{path.name}, profile {profile}" + (f", seed {seed}" if seed is not None else "")
    start = time.monotonic()
    try:
        _, megabytes = execute(nb, path.parent, environment)
    except CellExecutionError as error:
        print(f"FAILED {label}\n{error}", flush=True)
        return False
    print(f"passed {label}: {time.monotonic() - start:.0f} s, {megabytes:.0f} MB", flush=True)
    return True


def _environment(profile: str) -> dict[str, str]:
    """One thread, CPU, no seed of the user's own: what the committed outputs were made with."""
    return {
        "COURSE_PROFILE": profile,
        "COURSE_SEED": "",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("labs", nargs="*", help="paths of labs; all of them by default")
    parser.add_argument("--seeds", type=int, default=0, help="try seeds 0 to N-1, write nothing")
    parser.add_argument("--scripts", action="store_true", help="renew the figures' scripts only")
    parser.add_argument("--profile", default="quick", help="quick (default) or full")
    args = parser.parse_args()
    if args.profile not in PROFILES:
        parser.error(f"no profile {args.profile!r}. {nearest(args.profile, PROFILES)}")
    known = {path.relative_to(ROOT).as_posix(): path for path in labs()}
    chosen = []
    for name in args.labs:
        path = Path(name).resolve()
        if path not in known.values():
            parser.error(f"no lab {name!r}. {nearest(name, list(known))}")
        chosen.append(path)
    chosen = chosen or list(known.values())
    if args.scripts:
        for path in chosen:
            nb = nbformat.read(path, as_version=4)
            if renew_scripts(nb):
                path.write_text(nbformat.writes(nb) + "\n", encoding="utf-8")
                print(f"{path.relative_to(ROOT)}: scripts renewed", flush=True)
        return 0
    if args.seeds or args.profile == "full":
        seeds = range(args.seeds) if args.seeds else [None]
        outcomes = [attempt(path, args.profile, seed) for path in chosen for seed in seeds]
        return 0 if all(outcomes) else 1
    failed = 0
    for path in chosen:
        try:
            run(path)
        except (CellExecutionError, ValueError) as error:
            print(f"FAILED {path.relative_to(ROOT)}; its file is unchanged\n{error}", flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
