"""Run every lab as Colab does, on a machine that has Colab's image (.github/workflows/colab.yml).

A lab starts in /content with nothing of the course on the machine: its first cell must fetch it.
The labs' own assertions decide; outputs are not compared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--address", required=True, help="what the labs clone")
    parser.add_argument("--content", type=Path, default=Path("/content"), help="where they start")
    args = parser.parse_args()
    failed = 0
    for path in run.labs():
        name = path.relative_to(run.ROOT)
        nb = nbformat.read(path, as_version=4)
        run.stamp(nb, name.parent.as_posix(), args.address)
        for cell in nb.cells:
            cell.source = cell.source.replace("/content/", f"{args.content}/")
        nb.cells.insert(0, new_code_cell("import google.colab"))  # Colab's kernel has it loaded
        try:
            seconds, megabytes = run.execute(nb, args.content, {})
        except CellExecutionError as error:
            failed += 1
            print(f"FAILED {name}\n{error}", flush=True)
        else:
            print(f"passed {name}: {seconds:.0f} s of CPU, {megabytes:.0f} MB", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
