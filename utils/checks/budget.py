"""How much a model stores, for exercises that allow it only so much."""

from __future__ import annotations

import io
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import torch

TEXT = 2000  # characters of a text that are free: names, a docstring


class Stored(NamedTuple):
    """What was found in a model: ``tensors`` and ``loose`` are counts of numbers."""

    tensors: int  # in tensors and arrays, with all that lies behind a view
    loose: int  # elsewhere: floats, lists of whole numbers, bytes, long texts
    largest: tuple[int, ...]  # the shape of the largest tensor


class _Scales(cloudpickle.Pickler):
    """Packs a model for nobody, and notes what it comes upon."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.sizes: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.loose = 0
        self.code: set[bytes] = set()

    def persistent_id(self, item: Any) -> str | None:
        if isinstance(item, ModuleType):
            return "a library"
        if isinstance(item, torch.Tensor):
            memory = item.untyped_storage()
            size = memory.nbytes() // item.element_size()
            self.sizes[memory.data_ptr()] = size, tuple(item.shape)
            return "weighed"
        if isinstance(item, np.ndarray):
            self.sizes[id(item)] = item.size, item.shape
            return "weighed"
        if isinstance(item, CodeType):
            self.code.update((item.co_code, item.co_linetable, item.co_exceptiontable))
        elif isinstance(item, (bytes, bytearray)) and bytes(item) not in self.code:
            self.loose += -(-len(item) // 4)
        elif isinstance(item, str):
            self.loose += max(0, len(item) - TEXT) // 4
        elif isinstance(item, float):
            self.loose += 1
        elif isinstance(item, list):
            self.loose += sum(isinstance(i, int) for i in item)
        return None


def stored(model: torch.nn.Module) -> Stored:
    """Count all numbers that a model keeps: in parameters, buffers, lists, or its code."""
    scales = _Scales()
    scales.dump(model)
    largest = max(scales.sizes.values(), default=(0, ()))[1]
    return Stored(sum(size for size, _ in scales.sizes.values()), scales.loose, largest)
