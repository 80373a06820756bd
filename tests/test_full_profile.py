"""The full profile: labs on real MNIST, where the data is at hand.

`make test` sets COURSE_DATA where a folder with benchmark data lies beside the repository; it may
be set by hand to any folder that holds MNIST's four files. Most labs take minutes then, so one that
takes half a minute stands for them; ``--thorough`` (`make variants`) runs them all.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tools import run

QUICK = "probability-and-information-lab"
DATA = os.environ.get("COURSE_DATA", "")
HAS_MNIST = bool(DATA) and any(Path(DATA).rglob("train-images*idx3-ubyte*"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    labs = run.labs()
    if not metafunc.config.getoption("thorough"):
        labs = [lab for lab in labs if lab.stem == QUICK]
    metafunc.parametrize("lab", labs, ids=lambda path: f"{path.parent.name}/{path.stem}")


@pytest.mark.skipif(not HAS_MNIST, reason="COURSE_DATA is not set to a folder that holds MNIST")
def test_full_profile(lab: Path) -> None:
    """Every claim of the lab holds in the full profile as well."""
    nb = nbformat.read(lab, as_version=4)
    environment = {"COURSE_PROFILE": "full", "COURSE_SEED": "", "CUDA_VISIBLE_DEVICES": ""}
    try:
        run.execute(nb, lab.parent, environment, timeout=1800)
    except CellExecutionError as error:
        pytest.fail(f"{lab.stem}: {error}")
    printed = "".join(o.get("text", "") for c in nb.cells for o in c.get("outputs", []))
    assert "profile full" in printed
