"""The full profile: the CNN lab on real MNIST, where the data is at hand.

`make test` sets COURSE_DATA where a folder with benchmark data lies beside the repository; it may
be set by hand to any folder that holds MNIST's four files.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from lab_standard import ROOT
from nbclient.exceptions import CellExecutionError

from tools import run

LAB = ROOT / "book/02-cv/cnn-basics-lab.ipynb"
DATA = os.environ.get("COURSE_DATA", "")
HAS_MNIST = bool(DATA) and any(Path(DATA).rglob("train-images*idx3-ubyte*"))


@pytest.mark.skipif(not HAS_MNIST, reason="COURSE_DATA is not set to a folder that holds MNIST")
@pytest.mark.skipif(not LAB.exists(), reason="the lab is not written yet")
@pytest.mark.parametrize("lab", ["02-cv/cnn-basics"])
def test_full_profile(lab: str) -> None:
    """Every claim of the lab holds on MNIST as well."""
    nb = nbformat.read(LAB, as_version=4)
    environment = {"COURSE_PROFILE": "full", "COURSE_SEED": "", "CUDA_VISIBLE_DEVICES": ""}
    try:
        run.execute(nb, LAB.parent, environment, timeout=600)
    except CellExecutionError as error:
        pytest.fail(f"{lab}: {error}")
    printed = "".join(o.get("text", "") for c in nb.cells for o in c.get("outputs", []))
    assert "profile full" in printed
    assert "MNIST" in printed or "mnist" in "".join(c.source for c in nb.cells)
