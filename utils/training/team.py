"""The processes that train one model together: this one alone, or those that torchrun started.

    torchrun --nproc-per-node=2 script.py

Every process holds all data and the same weights. Each batch is dealt out over the processes, and
DistributedDataParallel averages their gradients, so that a step is the step that one process would
have made with the whole batch, up to rounding. (Li et al., "PyTorch Distributed: Experiences on
Accelerating Data Parallel Training", VLDB 2020.)
"""

import atexit
import os
import signal
import threading
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Team:
    """One process that works alone, or one member of a group.

    Attributes:
        rank: this process's number; 0 prints and writes checkpoints.
        size: number of processes.
        device: where this process computes.
    """

    def __init__(self, device: torch.device) -> None:
        alone = not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
        self.size = 1 if alone else int(os.environ["WORLD_SIZE"])
        self.rank, self.device = 0, device
        self.interrupted = False
        if self.size == 1:
            return
        if device.type == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(_leave)
        self.rank = dist.get_rank()

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model as the training step calls it."""
        if self.size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def share(self, rows: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch, and the factor its mean loss counts with.

        The factors of all processes average to 1, as DistributedDataParallel averages gradients.
        A process whose part is empty computes one row that counts nothing, to keep in step.
        """
        if self.size == 1:
            return rows, 1.0
        mine = rows[self.rank :: self.size]
        if not len(mine):
            return rows[:1], 0.0
        return mine, len(mine) * self.size / len(rows)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `values` over the processes (the same tensor if there is one)."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def same(self, record: dict[str, float]) -> dict[str, float]:
        """The first process's record, for all."""
        if self.size == 1:
            return record
        box = [record]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def gather(self, state: Any) -> list[Any]:
        """What each process holds, in order of rank."""
        if self.size == 1:
            return [state]
        states: list[Any] = [None] * self.size
        dist.all_gather_object(states, state)
        return states

    def align_buffers(self, model: nn.Module) -> None:
        """Give all processes the first one's buffers (batch norm's running statistics)."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def __enter__(self) -> "Team":
        # One process must not leave the others waiting: Ctrl-C is noted, and all stop together.
        self._before = None
        if self.size > 1 and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note_interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
