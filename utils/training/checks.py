"""Turns what the caller gives into tensors, and what goes wrong into errors in their words."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from utils.training.history import History

_CLASS_LOSSES = {"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss"}
_BROADCAST_WARNING = ".*target size.*different to the input size.*"


class TrainingError(FloatingPointError):
    """The loss became NaN or infinite.

    Attributes:
        history: the complete epochs before it.
        step: the optimizer step at which it was seen first, counted from 1 over the whole run.
        last_finite: the loss before that; None at the first step.
    """

    def __init__(
        self, message: str, history: History, step: int, last_finite: float | None
    ) -> None:
        super().__init__(message)
        self.history, self.step, self.last_finite = history, step, last_finite


def as_tensor(values: Any, name: str) -> Tensor:
    """An array, list or tensor as a tensor, without a copy where that is possible.

    Raises:
        TypeError: no numbers (objects, strings), or something that loads batches by itself.
        ValueError: rows of different lengths.
    """
    if isinstance(values, Tensor):
        return values.detach()
    if isinstance(values, torch.utils.data.DataLoader | torch.utils.data.Dataset):
        raise TypeError(
            f"{name} is a {type(values).__name__}; expected arrays or tensors that hold all rows "
            "(fit makes the batches itself)"
        )
    try:
        array = np.asarray(values, order="C")
    except ValueError as error:
        raise ValueError(f"{name}: the rows have different lengths ({error})") from error
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected numbers. "
            "If the rows differ in length, pad them; if these are strings, number them first."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")  # it is only read
        return torch.from_numpy(array)


def as_pair(data: Any, name: str) -> tuple[Tensor, Tensor]:
    """A dataset part or a pair (x, y) as two tensors with the same number of rows.

    Class numbers of any integer type become int64, as the losses want them.
    """
    if hasattr(data, "x") and hasattr(data, "y"):
        data = (data.x, data.y)
    elif isinstance(data, torch.utils.data.TensorDataset):
        data = data.tensors
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(
            f"{name} must be a dataset part such as ds.train, or a pair (x, y); "
            f"given {type(data).__name__}"
        )
    x, y = as_tensor(data[0], f"{name} x"), as_tensor(data[1], f"{name} y")
    for values, letter in ((x, "x"), (y, "y")):
        if values.ndim == 0:
            raise ValueError(f"{name} {letter} is a single number; expected one row per example")
    if len(x) != len(y):
        raise ValueError(f"{name}: x has {len(x)} rows and y has {len(y)}; expected as many")
    if not len(x):
        raise ValueError(f"{name} is empty: x has shape {tuple(x.shape)}; expected at least 1 row")
    if not y.is_floating_point() and not y.is_complex() and y.dtype != torch.bool:
        y = y.long()
    return x, y


def model_dtype(model: nn.Module) -> torch.dtype:
    """The dtype of the model's floating parameters (float32 if it has none)."""
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return parameter.dtype
    return torch.float32


def cast_like(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating values in the given floating dtype; anything else as it is.

    NumPy's numbers are float64 where nobody asked for it, and a model's are float32.
    """
    if values.is_floating_point() and dtype.is_floating_point:
        return values.to(dtype)
    return values


def check_settings(
    epochs: int,
    batch_size: int,
    accumulate: int,
    patience: int | None,
    lr: float | None,
    clip: float | None,
    channels_last: bool | str,
) -> None:
    """Raise ValueError or TypeError for a setting that cannot be meant."""
    counts = {"epochs": epochs, "batch_size": batch_size, "accumulate": accumulate}
    if patience is not None:
        counts["patience"] = patience
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be a whole number; given {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1; given {value}")
    if accumulate > batch_size:
        raise ValueError(
            f"accumulate={accumulate} pieces of batch_size={batch_size} rows; expected no more "
            "pieces than rows"
        )
    for name, number in (("lr", lr), ("clip", clip)):
        if number is not None and not number > 0:
            raise ValueError(f"{name} must be positive; given {number}")
    if channels_last not in (True, False, "auto"):
        raise ValueError(f"channels_last must be True, False or 'auto'; given {channels_last!r}")


def check_first_batch(model: nn.Module, loss: Callable, x: Tensor, y: Tensor, name: str) -> None:
    """One forward pass and one loss on a few rows, in eval mode, to find what does not fit.

    Among the rows are those with the smallest and the largest target, so that a class number that
    the model has no output for is found here. The model's mode is put back.

    Args:
        x, y: all rows.
        name: what they are, for the message.

    Raises:
        ValueError, TypeError: what was expected and what was given.
    """
    rows = torch.arange(min(len(x), 6), device=y.device)
    if y.ndim == 1 and not y.is_floating_point():
        rows = torch.cat([rows, torch.stack([y.argmin(), y.argmax()])])
    device = next((p.device for p in model.parameters()), x.device)
    x_rows, y_rows = x[rows.to(x.device)].to(device), y[rows].to(device)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            check_loss(loss, forward(model, x_rows, name), y_rows, y, name)
    finally:
        model.train(was_training)


def forward(model: nn.Module, x: Tensor, name: str) -> Tensor:
    """The outputs for some rows; where a layer refuses its input, an error that names both."""
    entered: list[tuple[str, nn.Module, Any]] = []

    def enter(path: str) -> Callable:
        return lambda module, inputs: entered.append((path, module, inputs))

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        entered.pop()

    hooks = []
    for path, module in model.named_modules():
        hooks += [module.register_forward_pre_hook(enter(path))]
        hooks += [module.register_forward_hook(leave)]
    try:
        outputs = model(x)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        where = _explain(*entered[-1]) if entered else ""
        shape = ", ".join(map(str, x.shape[1:]))
        raise _plain(error)(
            f"the model cannot take {name} x, whose shape is ({len(x)}, {shape}) for {len(x)} rows "
            f"and whose dtype is {_short(x.dtype)}. {where}PyTorch says: {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(outputs, Tensor):
        raise TypeError(
            f"fit expects a model that returns one tensor; this one returns a "
            f"{type(outputs).__name__}"
        )
    if outputs.ndim == 0 or len(outputs) != len(x):
        raise ValueError(
            f"the model turned a batch of {len(x)} rows into outputs of shape "
            f"{tuple(outputs.shape)}; expected {len(x)} rows. A reshape inside it probably mixes "
            "rows: keep the first dimension, as in x.flatten(1)."
        )
    return outputs


def _explain(path: str, module: nn.Module, inputs: tuple) -> str:
    """What the layer that failed expects and was given, a sentence; empty if that is not known."""
    given = next((value for value in inputs if isinstance(value, Tensor)), None)
    if given is None:
        return ""
    layer = f"Layer {path!r}, {module}," if path and len(str(module)) < 200 else "It"
    shape = tuple(given.shape)
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.Embedding):
        return (
            f"{layer} expects whole numbers from 0 to {module.num_embeddings - 1}; given "
            f"{_short(given.dtype)} from {given.min().item()} to {given.max().item()}. "
        )
    if isinstance(weight, Tensor) and given.dtype != weight.dtype:
        return (
            f"{layer} expects {_short(weight.dtype)}; given {_short(given.dtype)} "
            "(convert x, and scale pixels to [0, 1]). "
        )
    if isinstance(module, nn.Linear) and shape[-1:] != (module.in_features,):
        return (
            f"{layer} expects {module.in_features} values in the last dimension; "
            f"given shape {shape}. "
        )
    if isinstance(module, _ConvNd):
        dims = len(module.kernel_size)
        size = ", ".join(["height", "width"] if dims == 2 else ["length"] * dims)
        return f"{layer} expects (batch, {module.in_channels}, {size}); given shape {shape}. "
    return f"{layer} was given shape {shape}. "


def check_loss(loss: Callable, outputs: Tensor, y: Tensor, all_targets: Tensor, part: str) -> None:
    """Raise for targets that the loss cannot take, or would silently broadcast."""
    name = name_of(loss)
    given = (
        f"outputs {tuple(outputs.shape)} {_short(outputs.dtype)}, "
        f"targets {tuple(y.shape)} {_short(y.dtype)}"
    )
    if name in _CLASS_LOSSES and not (y.is_floating_point() and y.shape == outputs.shape):
        if y.is_floating_point():
            raise TypeError(
                f"{name} expects class numbers (int64) as targets, or one probability per class; "
                f"given {given}. For a regression use loss=F.mse_loss."
            )
        if outputs.ndim != y.ndim + 1:
            raise ValueError(
                f"{name} expects outputs (N, classes, ...) and targets (N, ...); given {given}"
            )
        classes, ignored = outputs.shape[1], getattr(loss, "ignore_index", -100)
        counted = all_targets[all_targets != ignored]
        if len(counted) and not 0 <= counted.min() <= counted.max() < classes:
            raise ValueError(
                f"the {part} targets run from {counted.min().item()} to {counted.max().item()}, "
                f"and the model has {classes} outputs; expected class numbers from 0 to "
                f"{classes - 1}"
            )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=_BROADCAST_WARNING)
            value = loss(outputs, y)
    except torch.OutOfMemoryError:
        raise
    except UserWarning as warning:
        raise ValueError(
            f"{name} expects outputs and targets of the same shape; given {given}. They would be "
            "broadcast, and the loss would be wrong: add or drop a dimension, as in y[:, None]."
        ) from warning
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise _plain(error)(f"{name} cannot take {given}. PyTorch says: {error}") from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(
            f"{name} must return one number, the mean over the rows; given {shape}. "
            "Use reduction='mean'."
        )


def name_of(loss: Callable) -> str:
    """What to call a loss in a message."""
    if isinstance(loss, functools.partial):
        return name_of(loss.func)
    return getattr(loss, "__name__", type(loss).__name__)


def _plain(error: Exception) -> type[Exception]:
    """The kind of error for a wrong value or a wrong type, where torch knows only RuntimeError."""
    return TypeError if isinstance(error, TypeError) else ValueError


def explain_batch_norm(error: ValueError, rows: int, batch_size: int) -> None:
    """Raise a clearer error if batch norm refused a batch of a single row."""
    if "more than 1 value per channel" in str(error):
        raise ValueError(
            f"batch norm needs at least 2 rows in a batch, and {rows} rows in batches of "
            f"{batch_size} leave {rows % batch_size or batch_size} for the last one (accumulate "
            "and torchrun split it further): choose another batch_size"
        ) from error


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def non_finite(
    value: float, step: int, last_finite: float | None, x: Tensor, y: Tensor, lr: float
) -> str:
    """The message for a loss that is not finite: where, what came before, and likely causes."""
    before = "there was none before" if last_finite is None else f"the one before {last_finite:.4g}"
    causes: list[str] = []
    faulty = False
    for values, name in ((x, "x"), (y, "y")):
        if values.is_floating_point():
            bad = (~torch.isfinite(values)).flatten(1 if values.ndim > 1 else 0)
            bad = bad.any(1) if bad.ndim > 1 else bad
            if bad.any():
                row = int(bad.nonzero()[0])
                faulty = True
                causes.append(f"train {name} itself holds NaN or infinity, first in row {row}")
            elif name == "x" and len(values) and values.abs().max() > 100:
                causes.append(
                    f"the inputs are large (up to {values.abs().max().item():.3g}): scale them to "
                    "about -1 to 1"
                )
    if not faulty:
        causes += [
            f"the learning rate, {lr:.3g}, is too large: try a tenth of it",
            "gradients explode: set clip=1.0",
            "the loss or the model takes log(0), divides by 0 or overflows in exp: use the "
            "functions that take logits",
        ]
    listed = "\n".join(f"  - {cause}" for cause in causes)
    return f"the loss is {value} at step {step}; {before}. Likely causes:\n{listed}"


def out_of_memory(batch_size: int, accumulate: int) -> str:
    """The message for a GPU that is full."""
    return (
        f"the GPU ran out of memory with batch_size={batch_size} and accumulate={accumulate}. "
        f"Raise accumulate (accumulate={2 * accumulate} computes the same steps in smaller pieces) "
        f"or lower batch_size (try {max(1, batch_size // 2)}); amp=True also saves memory. "
        "Other programs or tensors that you no longer need may hold the rest."
    )
