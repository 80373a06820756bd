"""The labs' code from scratch beside its twins in PyTorch, as pairs of functions to be timed.

What a lab defines is taken from the lab's own cells, not written again here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, optim

ROOT = Path(__file__).resolve().parents[1]
Way = Callable[[], Any]


def lab_code(topic: str) -> SimpleNamespace:
    """The functions and classes that a lab of chapter 01 defines."""
    sys.path.insert(0, str(ROOT / "tests" / "exercises"))
    from in_labs import printed

    return next(e for e in printed().values() if e.id.startswith(f"{topic}.")).definitions()


def optimizers(arrays: int = 60, size: int = 1000) -> Iterator[tuple[str, dict[str, Way]]]:
    """A step of each optimizer: from scratch, and torch's loop, foreach and fused.

    LAMB has no twin in PyTorch; plain gradient descent and SGD are one rule.

    Args:
        arrays, size: how many parameters there are, and the numbers in each.
    """
    lab = lab_code("optimization-sgd-adam")
    twins: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "SGD": (lab.SGD, optim.SGD, {}),
        "momentum": (lab.Momentum, optim.SGD, {"momentum": 0.9}),
        "Nesterov": (lab.Nesterov, optim.SGD, {"momentum": 0.9, "nesterov": True}),
        "AdaGrad": (lab.AdaGrad, optim.Adagrad, {}),
        "RMSprop": (lab.RMSprop, optim.RMSprop, {}),
        "Adadelta": (lab.Adadelta, optim.Adadelta, {}),
        "Adam": (lab.Adam, optim.Adam, {}),
        "AdamW": (lab.AdamW, optim.AdamW, {}),
    }
    for name, (ours, theirs, options) in twins.items():

        def parameters() -> list[Tensor]:
            found = [torch.zeros(size, requires_grad=True) for _ in range(arrays)]
            for w in found:
                w.grad = torch.ones(size)
            return found

        mine = parameters()
        grads = [w.grad for w in mine]
        rule = ours(0.01)
        ways: dict[str, Way] = {"from scratch": lambda r=rule, p=mine, g=grads: r.step(p, g)}
        kinds = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
        for kind, choice in kinds.items():
            try:
                ways[kind] = theirs(parameters(), 0.01, **options, **choice).step
            except TypeError:  # not every rule has a fused kernel
                continue
        yield name, ways


def layers(batch: int = 64, width: int = 256) -> Iterator[tuple[str, dict[str, Way]]]:
    """Forward and backward of each layer and loss: from scratch, and torch's with autograd.

    Args:
        batch, width: the shape of what comes in; images have `width` / 16 channels of 8 x 8. A
            loss gets a batch 300 times as large, or only autograd's fixed cost would be timed.
    """
    yield from _activations(torch.randn(batch, width), torch.randn(batch, width))
    yield from _normalizations(torch.randn(batch, width // 16, 8, 8))
    yield from _losses(torch.randn(300 * batch, 10))
    yield from _blocks(torch.randn(batch, width, dtype=torch.float64))


def _autograd(f: Callable[..., Tensor], inputs: list[Tensor], g: Tensor | None) -> Way:
    """Forward and backward of `f` by PyTorch; `g` is the gradient of the output."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    return lambda: torch.autograd.grad(f(*leaves), leaves, g)


def _activations(z: Tensor, g: Tensor) -> Iterator[tuple[str, dict[str, Way]]]:
    lab = lab_code("initialization-and-activations")
    theirs: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": torch.sigmoid,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "swish": F.silu,
        "gelu": F.gelu,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    }
    for name, twin in theirs.items():
        f, slope = getattr(lab, name), getattr(lab, f"{name}_slope")
        ours = torch.no_grad()(lambda f=f, slope=slope: (f(z), g * slope(z)))
        yield name, {"from scratch": ours, "torch": _autograd(twin, [z], g)}
    ours = torch.no_grad()(lambda: (lab.softmax(z), lab.softmax_pull(z, g)))
    twin = _autograd(lambda z: F.softmax(z, -1), [z], g)
    yield "softmax", {"from scratch": ours, "torch": twin}


def _normalizations(x: Tensor) -> Iterator[tuple[str, dict[str, Way]]]:
    lab = lab_code("normalization")
    g, each, groups = torch.randn_like(x), x.shape[1:], 4
    split = (len(x), groups, -1, *x.shape[2:])
    cases: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[[Tensor], Tensor]]] = {
        "batch norm": (x.shape, (0, 2, 3), lambda x: F.batch_norm(x, None, None, training=True)),
        "layer norm": (x.shape, (1, 2, 3), lambda x: F.layer_norm(x, each)),
        "instance norm": (x.shape, (2, 3), F.instance_norm),
        "group norm": (split, (2, 3, 4), lambda x: F.group_norm(x, groups)),
        "RMSNorm": (x.shape, (1, 2, 3), lambda x: F.rms_norm(x, each, eps=1e-5)),
    }
    for name, (shape, axes, twin) in cases.items():
        centered = name != "RMSNorm"
        forward = lab.normalize if centered else lab.rms_normalize

        def ours(shape: Any, axes: Any, forward: Any, centered: bool) -> Tensor:
            xhat, sigma = forward(x.reshape(shape), axes)
            return lab.pull(g.reshape(shape), xhat, sigma, axes, centered)

        ours = torch.no_grad()(partial(ours, shape, axes, forward, centered))
        yield name, {"from scratch": ours, "torch": _autograd(twin, [x], g)}


def _losses(scores: Tensor) -> Iterator[tuple[str, dict[str, Way]]]:
    lab = lab_code("loss-functions")
    z, y = scores[:, 0].double(), torch.arange(len(scores)) % 2
    Z, classes = scores.double(), torch.arange(len(scores)) % scores.shape[1]
    z_n, y_n, Z_n, classes_n = (v.numpy() for v in (z, y, Z, classes))
    zero, target = torch.zeros_like(z), y.double()
    cases: dict[str, tuple[Way, Callable[[Tensor], Tensor], Tensor]] = {
        "squared error": (lambda: lab.squared(z_n), lambda z: F.mse_loss(z, zero), z),
        "absolute error": (lambda: lab.absolute(z_n), lambda z: F.l1_loss(z, zero), z),
        "Huber loss": (lambda: lab.huber(z_n, 1.0), lambda z: F.huber_loss(z, zero), z),
        "binary cross-entropy": (
            lambda: lab.binary_cross_entropy(z_n, y_n),
            lambda z: F.binary_cross_entropy_with_logits(z, target),
            z,
        ),
        "cross-entropy": (
            lambda: lab.cross_entropy(Z_n, classes_n),
            lambda Z: F.cross_entropy(Z, classes),
            Z,
        ),
        "multiclass hinge": (
            lambda: lab.multiclass_hinge(Z_n, classes_n),
            lambda Z: F.multi_margin_loss(Z, classes),
            Z,
        ),
    }
    for name, (ours, twin, x) in cases.items():
        yield name, {"from scratch": ours, "torch": _autograd(twin, [x], None)}


def _blocks(h: Tensor) -> Iterator[tuple[str, dict[str, Way]]]:
    """Layers of weights: the network with one hidden layer, the residual and the highway block."""
    D = h.shape[1]
    W, b, V, c = (torch.randn(*shape, dtype=h.dtype) / 16 for shape in ((D, D), (D,)) * 2)
    g = torch.randn_like(h)
    h_n, W_n, b_n, V_n, c_n, g_n = (v.numpy() for v in (h, W, b, V, c, g))
    net = lab_code("perceptron-and-mlp").MLP(W_n, b_n, V_n, c_n)
    skip = lab_code("skip-connections")

    def mlp(h: Tensor, W: Tensor, b: Tensor, V: Tensor, c: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(h, W, b)), V, c)

    def residual(h: Tensor, W: Tensor, b: Tensor) -> Tensor:
        return h + F.linear(F.relu(h), W, b)

    def highway(h: Tensor, W: Tensor, b: Tensor, V: Tensor, c: Tensor) -> Tensor:
        t = torch.sigmoid(F.linear(h, V, c))
        return t * F.linear(F.relu(h), W, b) + (1 - t) * h

    def ours_residual() -> Any:
        return skip.residual_backward(g_n, skip.residual_forward(h_n, W_n, b_n)[1])

    def ours_highway() -> Any:
        return skip.highway_backward(g_n, skip.highway_forward(h_n, W_n, b_n, V_n, c_n)[1])

    everything = [h, W, b, V, c]
    for name, ours, twin, inputs in (
        ("MLP, one hidden layer", lambda: (net.forward(h_n), net.backward(g_n)), mlp, everything),
        ("residual block", ours_residual, residual, everything[:3]),
        ("highway layer", ours_highway, highway, everything),
    ):
        yield name, {"from scratch": ours, "torch": _autograd(twin, inputs, g)}
