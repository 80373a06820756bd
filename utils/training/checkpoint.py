"""Checkpoints that survive a killed process: written whole or not at all, and checked when read.

A file is a line that names the format, the SHA-256 of what follows, and what `torch.save` writes.
Two are kept, `PATH` and `PATH.previous`. Reading unpickles nothing but tensors and plain values
(`weights_only=True`), so that a checkpoint from elsewhere cannot run code.
"""

import hashlib
import io
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

_FORMAT = b"utils.training checkpoint 1\n"


class CheckpointError(ValueError):
    """A checkpoint that belongs to another run, or none of whose files can be read."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in one piece and keep the one before it.

    Raises:
        OSError: the disk is full or the folder cannot be written; the files before are untouched.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(_FORMAT + hashlib.sha256(content).hexdigest().encode() + b"\n")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, _previous(path))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any] | None:
    """The newest complete checkpoint; None if there is none at all.

    Warns where the newest file is damaged and the one before it is used.

    Raises:
        CheckpointError: there are files, and none is complete.
    """
    faults = []
    for candidate in (path, _previous(path)):
        if not candidate.exists():
            continue
        state = _read(candidate)
        if state is not None:
            if faults:
                warnings.warn(
                    f"{faults[0]} is damaged or cut short; resuming from {candidate.name}",
                    stacklevel=3,
                )
            return state
        faults.append(candidate)
    if faults:
        raise CheckpointError(
            f"{' and '.join(map(str, faults))}: no complete checkpoint. "
            "Delete the file to start afresh, or give another path."
        )
    return None


def check_same_run(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise CheckpointError if a checkpoint was written by a run with other settings."""
    differences = []
    for name, value in now.items():
        if name == "model" and before.get("model") != value:
            was, have = set(before.get("model", [])), set(value)
            only = f"in the file {sorted(was - have)[:2]}, here {sorted(have - was)[:2]}"
            differences.append(f"model: {only}")
        elif before.get(name) != value:
            differences.append(f"{name}: in the file {before.get(name)}, here {value}")
    if differences:
        listed = "\n".join(f"  - {difference}" for difference in differences)
        raise CheckpointError(
            f"{path} belongs to another run:\n{listed}\n"
            "Give another path, or delete the file to start afresh."
        )


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _read(path: Path) -> dict[str, Any] | None:
    data = path.read_bytes()
    head = len(_FORMAT) + 65
    if not data.startswith(_FORMAT) or len(data) <= head:
        return None
    content = memoryview(data)[head:]
    if hashlib.sha256(content).hexdigest().encode() != data[len(_FORMAT) : head - 1]:
        return None
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors and plain values and is not read: {error}"
        ) from error
