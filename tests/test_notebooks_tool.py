"""`make run` writes labs so that running them twice leaves no difference.

Widget ids, addresses, times, memory and the places where a stream is cut change at every execution;
a committed lab must not. A lab that fails is left as it was.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from site_tools import ROOT

from tools import run

CELLS = {
    "setup": (
        f"{run.PATH_LINE}\n\nimport time\n\nimport ipywidgets\nimport matplotlib.pyplot as plt"
    ),
    "stream": 'for i in range(50):\n    print("step", i, flush=True)\n    time.sleep(0.001)',
    "result": "object()",
    "warning": 'import warnings\n\nwarnings.warn("a path of the kernel in it", stacklevel=1)',
    "widget": "ipywidgets.VBox([ipywidgets.IntSlider(value=i) for i in range(4)])",
    "hidden": "ipywidgets.Text('made, and never shown');",
    "live": (
        "from traitlets import Int\n\nfrom utils.widgets import Figure\n\n\n"
        "class Dot(Figure):\n    script = 'export default { render() {} };'\n"
        "    heights = (100, 100)\n    x = Int(3).tag(sync=True)\n\n"
        "    def picture(self, figure):\n        figure.text(0.5, 0.5, str(self.x))\n\n\nDot()"
    ),
    "timing": 'print(f"{time.perf_counter():.9f} s")',
    "update": (
        'from IPython.display import display\n\nhandle = display("one", display_id=True)\n'
        'handle.update("two")'
    ),
    "figure": "plt.plot([1, 2])\nplt.show()",
}
TAGS = {"setup": ["setup"], "timing": ["nbval-ignore-output", "timing"]}


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one lab, where `run` believes itself to be."""
    (tmp_path / "utils").symlink_to(ROOT / "utils")
    (tmp_path / "_config.yml").write_text("title: Small\n")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    path = tmp_path / "book" / "01-small" / "small-lab.ipynb"
    path.parent.mkdir(parents=True)
    cells = [new_markdown_cell("# Small: lab", id="title")]
    cells += [
        new_code_cell(source, id=name, metadata={"tags": TAGS.get(name, []), "trusted": True})
        for name, source in CELLS.items()
    ]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_running_twice_leaves_no_difference(book: Path) -> None:
    run.run(book)
    once = book.read_bytes()
    run.run(book)
    assert book.read_bytes() == once

    nb = nbformat.read(book, as_version=4)
    cells = {cell.id: cell for cell in nb.cells}
    assert [c.execution_count for c in nb.cells[1:]] == list(range(1, len(CELLS) + 1))
    assert len(cells["stream"].outputs) == 1 and cells["stream"].outputs[0].text.count("step") == 50
    assert cells["result"].outputs[0].data["text/plain"] == "<object at 0x…>"
    assert "ipykernel_" not in cells["warning"].outputs[0].text
    assert cells["update"].outputs[0].data["text/plain"] == "'two'"
    assert "image/png" in cells["figure"].outputs[0].data
    assert cells["setup"].source.startswith("import sys\n")
    assert "trusted" not in cells["timing"].metadata and "version" not in nb.metadata.language_info
    assert (
        nb.metadata.course.seconds in run.SECONDS and nb.metadata.course.memory_mb in run.MEGABYTES
    )
    # The widget that the cell shows is in the stored state, so a static page shows it too.
    shown = cells["widget"].outputs[0].data["application/vnd.jupyter.widget-view+json"]["model_id"]
    state = nb.metadata.widgets[run.WIDGETS]["state"]
    assert state[shown]["model_name"] == "VBoxModel"
    sliders = [child.removeprefix("IPY_MODEL_") for child in state[shown]["state"]["children"]]
    assert [state[slider]["state"]["value"] for slider in sliders] == [0, 1, 2, 3]

    # So is the figure, with its script and beside its picture; what no cell shows is not.
    live = cells["live"].outputs[0].data
    assert live["text/plain"] == "Dot, an interactive figure" and "image/png" in live
    model = state[live["application/vnd.jupyter.widget-view+json"]["model_id"]]
    assert model["state"]["x"] == 3 and "function slider" in model["state"]["_esm"]
    assert {model["model_name"] for model in state.values()} == {
        "VBoxModel", "IntSliderModel", "SliderStyleModel", "LayoutModel", "AnyModel"
    }  # fmt: skip
    layouts = [m["state"] for m in state.values() if m["model_name"] == "LayoutModel"]
    assert all(None not in layout.values() for layout in layouts)
    assert sorted(state) == [f"{number:032x}" for number in range(len(state))]

    # A lab as it lies on disk is normal: normalizing it without a run changes nothing.
    run.normalize(nb)
    assert nbformat.writes(nb) + "\n" == once.decode()


def test_changed_timing_cell_is_measured_again(book: Path) -> None:
    """Stored times stay while the cell is the same, and go when what they measure has changed."""

    def shown() -> str:
        return (
            next(c for c in nbformat.read(book, as_version=4).cells if c.id == "timing")
            .outputs[0]
            .text
        )

    run.run(book)
    before = shown()
    book.write_text(book.read_text().replace("perf_counter():.9f", "perf_counter():.8f"))
    run.run(book)
    assert shown() != before


def test_failing_lab_is_left_alone(book: Path) -> None:
    text = book.read_text().replace("object()", "undefined")
    book.write_text(text)
    with pytest.raises(CellExecutionError, match="name 'undefined' is not defined"):
        run.run(book)
    assert book.read_text() == text
    assert [p.name for p in book.parent.iterdir()] == [book.name]


def test_pictures_are_not_cleaned() -> None:
    """A picture is kept to the byte, even where its base64 text happens to look like an address."""
    buffer = io.BytesIO()
    Image.new("P", (4, 4)).save(buffer, "PNG")
    data = buffer.getvalue() + bytes(-len(buffer.getvalue()) % 3)
    picture = base64.b64encode(data + base64.b64decode("0xdeadbeefAA")).decode()
    assert "0xdeadbeef" in picture
    cell = new_code_cell(
        "plt.show()",
        outputs=[new_output("display_data", data={"image/png": picture})],
        execution_count=1,
    )
    nb = new_notebook(cells=[cell])
    run.normalize(nb)
    assert nb.cells[0].outputs[0].data["image/png"] == picture


def test_setup_cell_is_required() -> None:
    """Without it a lab would not start in Colab; the message says what is missing."""
    nb = new_notebook(cells=[new_code_cell("x = 1")])
    with pytest.raises(ValueError, match="tag 'setup'"):
        run.stamp(nb, "book/01-small", "")


def test_stamping_replaces_only_the_bootstrap() -> None:
    cell = new_code_cell(f"old = 1\n{run.PATH_LINE}\n\nlab = start()", metadata={"tags": ["setup"]})
    nb = new_notebook(cells=[cell])
    for address in ("https://example.org/a.git", "https://example.org/b.git"):
        run.stamp(nb, "book/01-small", address)
    source = nb.cells[0].source
    assert source.count("example.org") == 1 and "b.git" in source and "old" not in source
    assert source.endswith(f"{run.PATH_LINE}\n\nlab = start()")


@pytest.mark.parametrize(
    ("measured", "previous", "noted"),
    [
        (9.0, None, 10),
        (10.4, 10, 10),
        (13.0, 10, 15),
        (4.0, 10, 5),
        (6.0, 10, 10),
        (9e9, None, 3600),
    ],
)
def test_noted_time_is_coarse(measured: float, previous: int | None, noted: int) -> None:
    """A second run that takes a little more or less notes the same."""
    assert run.coarse(measured, run.SECONDS, previous) == noted


def test_misspelt_lab_names_the_nearest(monkeypatch, capsys) -> None:
    labs = run.labs()
    if not labs:
        pytest.skip("the book has no lab yet")
    wrong = str(labs[0]).replace("-lab", "-labb")
    monkeypatch.setattr("sys.argv", ["run.py", wrong])
    with pytest.raises(SystemExit) as stop:
        run.main()
    assert stop.value.code == 2
    assert labs[0].name in capsys.readouterr().err


def test_output_is_json_with_sorted_keys(book: Path) -> None:
    """The written form is nbformat's own, so that other tools leave the same file."""
    text = book.read_text()
    assert json.loads(text) and text == nbformat.writes(nbformat.reads(text, as_version=4)) + "\n"
