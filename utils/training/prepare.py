"""What `fit` does once before the first step: places data, chooses layouts, makes optimizers."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from utils.training.checks import cast_like, model_dtype


def placed(model: nn.Module, x: Tensor, y: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Data in the model's dtype, on the device unless they would fill half of a GPU's free memory.

    Data that stay behind are copied batch by batch.
    """
    dtype = model_dtype(model)
    x, y = cast_like(x, dtype), cast_like(y, dtype)
    if device.type == "cuda" and x.nbytes + y.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return x.cpu(), y.cpu()
    return x.to(device), y.to(device)


def to_channels_last(model: nn.Module, x: Tensor, wanted: bool | str) -> bool:
    """Whether the model now keeps its weights channels-last, so that it wants x that way.

    Args:
        x: all rows (N, C, H, W).
        wanted: True, False, or "auto" for models with 2-d convolutions that can.
    """
    if wanted == "auto":
        wanted = x.ndim == 4 and any(isinstance(module, nn.Conv2d) for module in model.modules())
        optional = True
    else:
        optional = False
    if not wanted:
        return False
    if x.ndim != 4:
        raise ValueError(f"channels_last needs x of shape (N, C, H, W); given {tuple(x.shape)}")
    was_training = model.training
    model.eval().to(memory_format=torch.channels_last)
    first = next(model.parameters())
    try:
        with torch.no_grad():
            model(x[:2].to(first.device).contiguous(memory_format=torch.channels_last))
    except RuntimeError:  # a model may call .view on what is no longer contiguous
        model.to(memory_format=torch.contiguous_format)
        if not optional:
            raise
        return False
    finally:
        model.train(was_training)
    return True


def mixed_precision(
    wanted: bool, device: torch.device
) -> tuple[AbstractContextManager, torch.amp.GradScaler | None, list[str]]:
    """The context for forward passes, the scaler of the loss (or None), and notes."""
    if not wanted:
        return nullcontext(), None, []
    if device.type != "cuda":
        return nullcontext(), None, ["amp=True did nothing: mixed precision needs CUDA."]
    half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    scaler = torch.amp.GradScaler("cuda", enabled=half == torch.float16)
    return torch.autocast("cuda", dtype=half), scaler, []


def make_optimizer(
    optimizer: Callable[..., Optimizer] | Optimizer, model: nn.Module, lr: float | None
) -> Optimizer:
    """The optimizer of the parameters that need a gradient; see `fit` for what may be given."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameters that need a gradient")
    if isinstance(optimizer, Optimizer):
        mine = {id(p) for p in parameters}
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not mine & held:
            raise ValueError("the optimizer holds no parameter of this model")
        return optimizer
    if not callable(optimizer):
        raise TypeError(
            f"optimizer must be a class, a function or an optimizer; given {optimizer!r}"
        )
    taken = inspect.signature(optimizer).parameters
    settings: dict[str, Any] = {}
    already = getattr(optimizer, "keywords", {})  # of a functools.partial
    if lr is not None and "lr" in taken and "lr" not in already:
        settings["lr"] = lr
    if inspect.isclass(optimizer) and "fused" in taken and _fusible(model, parameters):
        settings["fused"] = True  # one kernel for the whole update instead of several per tensor
    made = optimizer(parameters, **settings)
    if not isinstance(made, Optimizer):
        raise TypeError(f"optimizer returned a {type(made).__name__}; expected an Optimizer")
    return made


def _fusible(model: nn.Module, parameters: list[nn.Parameter]) -> bool:
    if any(getattr(module, "sparse", False) for module in model.modules()):
        return False
    return all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)


def make_scheduler(
    scheduler: Callable[..., LRScheduler] | None, optimizer: Optimizer, steps: int
) -> tuple[LRScheduler | None, bool]:
    """The scheduler, and whether it is stepped after every step rather than every epoch."""
    if scheduler is None:
        return None, False
    if not callable(scheduler):
        raise TypeError(
            f"scheduler must be a function of the optimizer, such as lambda opt: "
            f"{type(scheduler).__name__}(opt, ...); given {scheduler!r}"
        )
    if required(scheduler) == 1:
        return scheduler(optimizer), False
    if inspect.isclass(scheduler):
        raise TypeError(
            f"{scheduler.__name__} needs settings: give a function, such as "
            f"lambda opt: {scheduler.__name__}(opt, ...)"
        )
    return scheduler(optimizer, steps), True


def required(function: Callable) -> int:
    """Number of arguments that a callable must be given by position."""
    return sum(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in inspect.signature(function).parameters.values()
    )
