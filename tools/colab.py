"""Install what a lab needs and Colab lacks. Run by the first cell of every lab, in Colab only.

Colab brings its own numpy, torch and most of the rest, built for its machines. They are left alone:
this installs only small pure-Python packages, only those that are missing, and nothing that they
depend on. Running it again does nothing.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
# Import name -> name on PyPI. Pure Python only (of psygnal pip may take a compiled build; it needs
# nothing but Python); what they depend on must be on Colab already, or in this list.
PACKAGES = {
    "pooch": "pooch",
    "tqdm": "tqdm",
    "hypothesis": "hypothesis",
    "sortedcontainers": "sortedcontainers",  # hypothesis needs it
    "cloudpickle": "cloudpickle",
    "platformdirs": "platformdirs",
    "anywidget": "anywidget",
    "psygnal": "psygnal",  # anywidget needs it
    "optuna": "optuna",
    "colorlog": "colorlog",  # optuna needs this one and the next two; SQLAlchemy is there
    "alembic": "alembic",
    "mako": "mako",
}


def missing() -> list[str]:
    """Names on PyPI of the packages that cannot be imported here."""
    return [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]


def pinned(name: str, lock: str) -> str:
    """``name==version`` as the lock has it.

    Raises:
        LookupError: the lock does not pin it.
    """
    found = re.search(rf"(?m)^{re.escape(name)}==([^\s;]+)", lock)
    if found is None:
        raise LookupError(f"requirements.lock does not pin {name!r}")
    return f"{name}=={found[1]}"


def main() -> int:
    names = missing()
    if not names:
        return 0
    wanted = [pinned(name, LOCK.read_text(encoding="utf-8")) for name in names]
    print("Installing", ", ".join(wanted), flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *wanted]
    if subprocess.run(pip).returncode != 0:
        print(
            f"Could not install {', '.join(wanted)} (see above). Check that this runtime has "
            "internet access, then run this cell again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
