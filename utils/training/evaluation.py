"""Measuring a model: `predict`, `evaluate` and the metric `accuracy`."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.training import checks
from utils.training.checks import as_pair, as_tensor, cast_like, model_dtype

Loss = Callable[[Tensor, Tensor], Tensor]
Metric = Callable[[Tensor, Tensor], Tensor | float]


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Share of rows whose class was named right, from 0 to 1.

    Args:
        outputs: scores of the K classes, (N, K) or (N, K, ...); or one score for each row or
            place, of the shape of `targets`, where a positive one means class 1.
        targets: class numbers, (N,) or (N, ...).

    Raises:
        ValueError: the shapes do not belong together.
    """
    scores = outputs
    if scores.ndim == targets.ndim + 1 and scores.shape[1] == 1:
        scores = scores.squeeze(1)
    if scores.ndim == targets.ndim + 1:
        named = scores.argmax(dim=1)
    else:
        named = scores > 0 if scores.is_floating_point() else scores
    if named.shape != targets.shape:
        raise ValueError(
            f"accuracy expects outputs (N, K) and targets (N,); given {tuple(outputs.shape)} "
            f"and {tuple(targets.shape)}"
        )
    return (named == targets).sum().item() / named.numel()


def predict(
    model: nn.Module,
    x: Any,
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> Tensor:
    """The model's outputs for all rows, computed in batches, in eval mode and without gradients.

    Args:
        model: takes a batch (B, ...) and returns a tensor (B, ...). Its mode is left as it was.
        x: array or tensor (N, ...), or a dataset part, of which `x` is taken.
        batch_size: rows per forward pass; it bounds the memory and does not change the result.
        device: where to compute; None means where the model is.

    Returns:
        A tensor on the CPU, (N, ...).

    Raises:
        ValueError, TypeError: the model cannot take x; the message says what it expects.
    """
    return outputs_for(model, as_tensor(getattr(x, "x", x), "x"), batch_size, device).cpu()


def evaluate(
    model: nn.Module,
    data: Any,
    *,
    loss: Loss = F.cross_entropy,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> dict[str, float]:
    """The mean loss and the metrics over all rows, in eval mode.

    Args:
        model: as for `predict`.
        data: a dataset part, or a pair (x, y) of arrays or tensors.
        loss: takes (outputs, targets), returns their mean loss.
        metrics: functions of (outputs, targets) of all rows, by name.
        batch_size, device: as for `predict`.

    Returns:
        {"loss": ..., name of metric: ...}

    Raises:
        ValueError, TypeError: something does not fit; the message says what was expected and given.
    """
    x, y = as_pair(data, "data")
    outputs = outputs_for(model, x, batch_size, device)
    y = cast_like(y, outputs.dtype).to(outputs.device)
    checks.check_loss(loss, outputs, y, y, "data")
    return measure(outputs, y, loss, metrics)


def measure(
    outputs: Tensor, targets: Tensor, loss: Loss, metrics: Mapping[str, Metric] | None
) -> dict[str, float]:
    """Loss and metrics of outputs that are already there."""
    with torch.no_grad():
        values = {"loss": float(loss(outputs, targets))}
        for name, metric in (metrics or {}).items():
            values[name] = float(metric(outputs, targets))
    return values


def outputs_for(
    model: nn.Module, x: Tensor, batch_size: int, device: torch.device | str | None
) -> Tensor:
    """The outputs for all rows, where they were computed."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; given {batch_size}")
    if not len(x):
        raise ValueError("there are no rows to predict for: x is empty")
    first = next(model.parameters(), None)
    if device is None:
        device = first.device if first is not None else torch.device("cpu")
    model.to(device)
    x = cast_like(x, model_dtype(model))
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat([model(rows.to(device)) for rows in x.split(batch_size)])
    except torch.OutOfMemoryError as error:
        raise torch.OutOfMemoryError(
            f"the GPU ran out of memory with batch_size={batch_size}; lower it"
        ) from error
    except (RuntimeError, ValueError, TypeError, IndexError):
        checks.forward(model, x[:8].to(device), "x")  # raises what says more, if it can
        raise
    finally:
        model.train(was_training)
