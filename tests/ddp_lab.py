"""A lab as a script, for `torchrun`: it knows nothing of processes. Used by test_training.py.

Arguments: a folder for the results; with `--then-endless`, a second training follows that only
Ctrl-C ends. Each process leaves its weights and history in the folder, under its number.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import nn

from utils.training import accuracy, fit

torch.set_num_threads(1)
folder = Path(sys.argv[1])
name = os.environ.get("RANK", "alone")

generator = torch.Generator().manual_seed(0)
x = torch.randn(203, 6, generator=generator)  # 203: the last batch of 11 deals out unevenly
y = (x[:, 0] * x[:, 1] > 0).long()


def train(epochs: int, checkpoint: Path, result: Path) -> None:
    """Train a small network and save what came of it."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    history = fit(
        model,
        (x, y),
        val=(x[:50], y[:50]),
        epochs=epochs,
        batch_size=16,
        lr=1e-2,
        clip=1.0,
        accumulate=2,
        metrics={"accuracy": accuracy},
        checkpoint=checkpoint,
    )
    outcome = {"weights": model.state_dict(), "history": dict(history), "stopped": history.stopped}
    torch.save(outcome, result)


train(3, folder / "run.ckpt", folder / f"{name}.pt")
if "--then-endless" in sys.argv:
    train(10**6, folder / "endless.ckpt", folder / f"endless-{name}.pt")
