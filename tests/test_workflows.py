"""The files that other machines run: valid by their schema, and calling what exists here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(path: Path) -> dict:
    # YAML 1.1 reads the key `on` as true.
    return {
        ("on" if key is True else key): value
        for key, value in yaml.safe_load(path.read_text()).items()
    }


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands(workflow: dict) -> str:
    return "\n".join(step["run"] for step in steps(workflow) if "run" in step)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [str(path) for path in WORKFLOWS]),
        ("custom.github-workflows-require-timeout", [str(path) for path in WORKFLOWS]),
        ("vendor.dependabot", [str(ROOT / ".github/dependabot.yml")]),
        ("vendor.citation-file-format", [str(ROOT / "CITATION.cff")]),
    ],
    ids=["workflows", "timeouts", "dependabot", "citation"],
)
def test_schema(schema: str, files: list[str]) -> None:
    """The host would refuse a file that breaks its schema; better here than after a push."""
    from check_jsonschema import main
    from click.testing import CliRunner

    force = ["--force-filetype", "yaml"] if files[0].endswith(".cff") else []
    done = CliRunner().invoke(main, ["--builtin-schema", schema, *force, *files])
    assert done.exit_code == 0, done.output


def test_all_workflows_are_there() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"test", "gpu", "colab", "links", "publish"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_least_permissions(path: Path) -> None:
    """Read-only by default; only the job that publishes may do more; no credentials stay."""
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        more = job.get("permissions", {})
        assert not more or (path.stem, name) == ("publish", "deploy"), f"{name}: {more}"
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_shell_stops_at_the_first_error(path: Path) -> None:
    """Without pipefail a build that fails inside a pipe passes."""
    workflow = load(path)
    assert workflow["defaults"]["run"]["shell"] == "bash -euo pipefail {0}"
    assert not any("shell" in step for step in steps(workflow))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    for step in steps(load(path)):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@(v\d+(\.\d+)*|[0-9a-f]{40})", step["uses"]), step[
                "uses"
            ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_untrusted_text_in_a_script(path: Path) -> None:
    """Expressions reach a script through its environment, never pasted into it."""
    assert "${{" not in commands(load(path))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_steps_call_what_exists(path: Path) -> None:
    """Make targets, and files of the repository, are there; scripts are valid bash."""
    text = commands(load(path))
    check = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?m)^\s*make ([\w./-]+)", text):
        assert re.search(rf"(?m)^{re.escape(target)}:", makefile), (
            f"the Makefile has no target {target}"
        )
    for name in re.findall(r"(?:tests|tools)/[\w/]+\.py", text):
        assert (ROOT / name).exists(), f"{path.name} calls {name}"


def test_chapters_are_listed(tmp_path: Path) -> None:
    """The step that shards by chapter finds the chapters of this book."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed (GitHub's runners have it)")
    workflow = load(ROOT / ".github/workflows/test.yml")
    (script,) = [s["run"] for s in workflow["jobs"]["chapters"]["steps"] if "run" in s]
    output = tmp_path / "output"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        check=True,
        env={**os.environ, "GITHUB_OUTPUT": str(output)},
    )
    found = json.loads(output.read_text().removeprefix("names="))
    assert found == sorted(path.parent.name for path in ROOT.glob("book/*/index.md"))


def test_gpu_workflow_cannot_pass_on_a_cpu() -> None:
    """Its check for CUDA, run here without a GPU, fails; and it comes before the labs."""
    workflow = load(ROOT / ".github/workflows/gpu.yml")
    scripts = [step["run"] for step in workflow["jobs"]["labs"]["steps"] if "run" in step]
    (place,) = [i for i, script in enumerate(scripts) if "cuda.is_available" in script]
    assert any("--nbval-lax" in script for script in scripts[place + 1 :])
    script = scripts[place].replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode != 0 and "must not pass on a CPU" in done.stderr


def test_ci_runs_the_command_of_the_readme() -> None:
    script = ROOT / ".ci/run"
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in text and re.search(r"(?m)^make test$", text)
    assert "make test" in (ROOT / "README.md").read_text()
