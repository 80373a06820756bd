"""The benchmark tables (`make bench`): everything as a ratio within one run, or against a target.

    python tools/bench.py                     all tables
    python tools/bench.py training mnist      some of: training, mnist, optimizers, layers, glyphs,
                                              site, labs, figures

Contestants take turns, each on the same data, model and batch size, and the median of the ratios
is printed: what else the machine does meanwhile disturbs all alike. A row that cannot be measured
here says why.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from tools import twins
from utils.data import DataError, load
from utils.lab import nearest
from utils.training import accuracy, evaluate, fit

REPEATS, STEPS, BATCH = 9, 100, 128
SEEDS = 10


class Row(NamedTuple):
    """A line of the table; `good` is None where there is no target."""

    what: str
    measured: str
    target: str = ""
    good: bool | None = None


# The network and recipe for MNIST. Three epochs suffice because little is wasted: the 2 pixels at
# the border of MNIST are empty, so 24x24 of 28x28 are used; the first layer already strides, so
# that most of the work is done on 12x12 and 6x6 maps; the two inner layers are normalized, which
# allows a high peak learning rate; and every batch is shifted by up to one pixel, at no cost, by
# choosing which 24x24 to look at. Chosen on the validation images; the test images only report.


class Center(nn.Module):
    """The middle 24x24 of 28x28 pixels; what `random_crop` has cut already passes."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 2:26, 2:26] if x.shape[-1] == 28 else x


def random_crop(x: Tensor) -> Tensor:
    """A window of 24x24 pixels, (B, 1, 28, 28) -> (B, 1, 24, 24), at most 1 off the middle."""
    top, left = torch.randint(1, 4, (2,)).tolist()
    return x[..., top : top + 24, left : left + 24]


def mnist_model() -> nn.Sequential:
    """A convolutional network for 28x28 images and 10 classes with 9,370 parameters."""
    return nn.Sequential(
        Center(),
        nn.Conv2d(1, 16, 5, stride=2, padding=2),  # (B, 16, 12, 12)
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False),  # (B, 16, 6, 6)
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 28, 3, stride=2, padding=1, bias=False),  # (B, 28, 3, 3)
        nn.BatchNorm2d(28),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(28 * 9, 10),
    )


MNIST_RECIPE: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 128,
    "optimizer": torch.optim.AdamW,
    "scheduler": lambda optimizer, steps: OneCycleLR(
        optimizer, max_lr=0.03, total_steps=steps, pct_start=0.25
    ),
    "augment": random_crop,
}


# fit against other loops


def bare_loop(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """What a careful person writes by hand, with the mean loss of the epoch."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    total = 0.0
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)


def with_fit(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """The course's `fit`."""
    fit(model, (x, y), epochs=1, batch_size=BATCH, progress=False)


def lightning_fit(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """Lightning's Trainer with a DataLoader, without logging and checkpoints."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    data = torch.utils.data.TensorDataset(x, y)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True))


def keras_model(images: bool) -> Any:
    """The Keras twin of the model, compiled."""
    import keras
    from keras import layers

    if images:
        same = {"strides": 2, "padding": "same"}
        inner = [
            layers.Cropping2D(2),
            layers.Conv2D(16, 5, **same, activation="relu"),
            layers.Conv2D(16, 3, **same, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(28, 3, **same, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
        ]
    else:
        inner = [layers.Flatten(), layers.Dense(128, activation="relu")]
    shape = (28, 28, 1)
    model = keras.Sequential([keras.Input(shape), *inner, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss)
    return model


def training() -> Iterator[Row]:
    """fit / another loop: seconds for one epoch, the start included."""
    import lightning  # noqa: F401  before TensorFlow: in the other order their LLVMs clash

    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    n = BATCH * STEPS
    x = torch.rand(n, 1, 28, 28)
    y = torch.randint(10, (n,))
    columns, numbers = x.permute(0, 2, 3, 1).numpy().copy(), y.numpy()  # (N, H, W, C) for Keras

    def mlp() -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    for name, make in (("small CNN", mnist_model), ("MLP 784-128-10", mlp)):
        twin = keras_model(images=make is mnist_model)
        assert twin.count_params() - 88 * (make is mnist_model) == sum(
            p.numel() for p in make().parameters()
        ), "Keras counts batch norm's 2 x 44 running statistics too; else the models are equal"

        loops: dict[str, Callable[[], Any]] = {
            "fit": lambda make=make: with_fit(make(), x, y),
            "a bare loop": lambda make=make: bare_loop(make(), x, y),
            "Lightning": lambda make=make: lightning_fit(make(), x, y),
            "Keras": lambda twin=twin: twin.fit(columns, numbers, batch_size=BATCH, verbose=0),
        }
        times = take_turns(loops)
        for other, limit in (("a bare loop", 1.03), ("Keras", 1.0), ("Lightning", 1.0)):
            middle = median(a / b for a, b in zip(times["fit"], times[other], strict=True))
            good = middle <= limit if other == "a bare loop" else middle < limit
            sign = "≤" if other == "a bare loop" else "<"
            yield Row(
                f"fit / {other}, {name}",
                ratio(times["fit"], times[other]),
                f"{sign} {limit:.2f}",
                good,
            )


def take_turns(loops: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Seconds of each of REPEATS calls of each function, after one call to warm up."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for repeat in range(REPEATS + 1):
            order = list(loops) if repeat % 2 else list(loops)[::-1]
            for name in order:
                start = time.perf_counter()
                loops[name]()
                if repeat:
                    times[name].append(time.perf_counter() - start)
    return times


# The labs' own code against the library's


def optimizers() -> Iterator[Row]:
    """A step of each optimizer of the lab, and of torch's foreach and fused, / torch's loop."""
    for name, ways in twins.optimizers():
        times = take_turns({way: repeated(step, 20) for way, step in ways.items()})
        for way in (way for way in ways if way != "loop"):
            yield Row(f"{name}: {way} / torch's loop", ratio(times[way], times["loop"]))


def layers() -> Iterator[Row]:
    """Forward and backward of each layer and loss of the labs / torch's, by autograd."""
    for name, ways in twins.layers():
        times = take_turns({way: repeated(run, 20) for way, run in ways.items()})
        yield Row(f"{name}: from scratch / torch", ratio(times["from scratch"], times["torch"]))


def repeated(run: Callable[[], Any], times: int) -> Callable[[], None]:
    """A function that calls `run` so often: one call is too short to be timed."""

    def many() -> None:
        for _ in range(times):
            run()

    return many


def ratio(ours: list[float], theirs: list[float]) -> str:
    """The median of the ratios, and their range."""
    found = [a / b for a, b in zip(ours, theirs, strict=True)]
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


# The other tables


def mnist() -> Iterator[Row]:
    """MNIST in the full profile: parameters, accuracy over ten seeds, seconds of training."""
    if not os.environ.get("COURSE_DATA"):
        yield Row("MNIST, full", "skipped: COURSE_DATA does not name a folder with MNIST")
        return
    try:
        data = load("mnist")
    except DataError as error:
        yield Row("MNIST, full", f"skipped: {str(error).splitlines()[0]}")
        return
    seconds, processor, accuracies = [], [], []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = mnist_model()
        start, cpu = time.perf_counter(), time.process_time()
        fit(model, data.train, seed=seed, progress=False, **MNIST_RECIPE)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu)
        result = evaluate(model, data.test, metrics={"accuracy": accuracy})
        accuracies.append(100 * result["accuracy"])
    parameters = sum(p.numel() for p in model.parameters())
    average = mean(accuracies)
    yield Row(
        "MNIST test accuracy, 10 seeds",
        f"{average:.2f} % ± {stdev(accuracies):.2f}",
        "≥ 99.0 %",
        average >= 99.0,
    )
    yield Row(
        f"MNIST training, threads: {torch.get_num_threads()}",
        f"{median(seconds):.1f} s ({median(processor):.1f} s of CPU)",
        "≤ 6 s (goal 3 s)",
        median(seconds) <= 6,
    )
    yield Row("MNIST parameters", f"{parameters:,}", "≤ 30,000 (goal 10,000)", parameters <= 30_000)


def glyphs() -> Iterator[Row]:
    """Rendering 28x28 glyphs on one core, without the cache."""
    n = 20_000
    script = (
        "import sys, time; from utils.data import load\n"
        "load('glyphs', n=100)\n"
        f"start = time.process_time(); load('glyphs', n={n}, seed=1)\n"
        "print(time.process_time() - start)"
    )
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_CACHE": cache}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        yield Row("glyphs", f"failed: {done.stderr.strip().splitlines()[-1]}", good=False)
        return
    rate = n / float(done.stdout.split()[-1])
    yield Row(
        "glyphs 28x28, one core",
        f"{rate:,.0f} a second",
        f"≥ {100_000 / 60:,.0f} a second",
        rate >= 100_000 / 60,
    )


def site() -> Iterator[Row]:
    """Building the whole site from nothing; and a site with copies of its topics, a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, pages = _build_site(ROOT, folder)
    yield Row("site, whole build", f"{seconds:.1f} s", "< 10 s", seconds < 10)
    yield Row(f"site, a page of {pages}", f"{seconds / pages:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        _hundred_topics(Path(folder))
        seconds, pages = _build_site(Path(folder), folder)
    yield Row("site, a hundred topics", f"{seconds:.0f} s ({pages} pages)", "< 60 s", seconds < 60)


def _build_site(source: Path, target: str) -> tuple[float, int]:
    """Build the book in the folder `source`; return the seconds and the number of pages."""
    builder = Path(sys.executable).with_name("jupyter-book")
    command = [str(builder), "build", str(source), "--all", "--path-output", target, "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    pages = len(list(Path(target, "_build", "html").glob("book/**/*.html")))
    if done.returncode or not pages:
        raise SystemExit(f"the site does not build: {(done.stderr or done.stdout).strip()[-500:]}")
    return seconds, pages


def _hundred_topics(folder: Path) -> None:
    """Put the book into a folder with each of its topics so often that they are a hundred."""
    for name in ("book", "extensions"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("_config.yml", "genindex.md"):
        shutil.copy(ROOT / name, folder)
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [c for part in toc["parts"] for c in part["chapters"] if "sections" in c]
    topics = [(c["sections"], Path(s["file"])) for c in chapters for s in c["sections"]]
    for copy in range(100 - len(topics)):
        sections, topic = topics[copy % len(topics)]
        new = f"{topic.name}-{copy}"
        for old in (f"{topic.name}.md", f"{topic.name}-lab.ipynb"):
            text = (folder / topic.parent / old).read_text(encoding="utf-8")
            # Labels are unique in a book: those of a copy, and what refers to them, get its number.
            text = re.sub(r"\b(eq|fig)-[a-z0-9-]+", rf"\g<0>-{copy}", text)
            text = text.replace(f"{topic.name}-lab", f"{new}-lab").replace(old, f"{new}.md")
            suffix = old.removeprefix(topic.name)
            (folder / topic.parent / f"{new}{suffix}").write_text(text, encoding="utf-8")
        page = f"{topic.parent.as_posix()}/{new}"
        sections.append({"file": page, "sections": [{"file": f"{page}-lab", "title": "Lab"}]})
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")


def labs() -> Iterator[Row]:
    """What each lab took when it was executed last (`make run` notes it in the notebook)."""
    for path in sorted(ROOT.glob("book/*/*.ipynb")):
        course = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {})
        if {"seconds", "memory_mb"} <= course.keys():
            seconds, memory = course["seconds"], course["memory_mb"]
            yield Row(
                f"lab {path.stem.removesuffix('-lab')}",
                f"about {seconds} s, {memory / 1000:.2g} GB",
                "≤ 60 s, ≤ 2 GB",
                seconds <= 60 and memory <= 2000,
            )
        else:
            yield Row(
                f"lab {path.stem.removesuffix('-lab')}", "skipped: not executed by `make run`"
            )


def figures() -> Iterator[Row]:
    """What the interactive figures of the built site weigh, and how fast they answer."""
    sys.path.insert(0, str(ROOT / "tests"))
    from playwright.sync_api import sync_playwright
    from site_tools import BROWSER_FLAGS, SITE, Watched
    from visits import FIGURES, live, response_times, states

    runtime = ROOT / "extensions" / "course" / "assets"
    size = sum(
        len(gzip.compress((runtime / f"live.{kind}").read_bytes())) for kind in ("js", "css")
    )
    yield Row("figures: shared runtime", f"{size / 1000:.1f} kB compressed")
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if not FIGURES or browser is None:
        yield Row("figures", "skipped: no built site, or no Chromium")
        return
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        for page, number in FIGURES:
            name = f"{Path(page).stem} {number + 1}"
            size = len(gzip.compress(states(page)[number].encode()))
            yield Row(f"{name}: script", f"{size / 1000:.1f} kB", "≤ 100 kB", size <= 100_000)
            watched = Watched(chromium.new_context(), SITE.as_uri() + "/")
            watched.open(page)
            if times := response_times(live(watched, number)):
                middle = median(times)
                yield Row(f"{name}: answers in", f"{middle:.1f} ms", "≤ 50 ms", middle <= 50)
            watched.page.close()
        chromium.close()


TABLES = {f.__name__: f for f in (training, mnist, optimizers, layers, glyphs, site, labs, figures)}


def print_row(row: Row) -> None:
    """One line, as soon as it is known."""
    mark = {True: "✓", False: "✗", None: ""}[row.good]
    print(f"{row.what:<44} {row.measured:<28} {row.target:<24} {mark}".rstrip(), flush=True)


def main() -> None:
    """Print the tables that were asked for; exit with 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    chosen = parser.parse_args().tables or list(TABLES)
    for name in chosen:
        if name not in TABLES:
            parser.error(f"no table {name!r}. {nearest(name, list(TABLES))}")
    print(f"{os.cpu_count()} cores, threads: {torch.get_num_threads()}, torch {torch.__version__}")
    print_row(Row("what", "measured", "target"))
    missed = False
    for name in chosen:
        for row in TABLES[name]():
            print_row(row)
            missed |= row.good is False
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
