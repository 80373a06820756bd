"""The exercises of Normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from utils.exercises.spec import Exercise, Mistake

Array = np.ndarray


def _rows(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[4.0, 4.0, 4.0]]), np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -1.0]), 1e-5
    yield np.array([[1.0, 1.2], [0.0, -0.1]]), np.ones(2), np.zeros(2), 0.1
    yield np.array([[100.0, 101.0, 99.0]]), np.ones(3), np.ones(3), 0.5
    for n, d in ((1, 5), (4, 3), (3, 3), (5, 8)):
        x = rng.normal(size=(n, d)) * rng.uniform(0.5, 3) + rng.normal(size=(n, 1))
        yield x, rng.normal(size=d), rng.normal(size=d), float(rng.uniform(0.05, 0.5))


def _layer(
    axis: int = 1,
    ddof: int = 0,
    outside: bool = False,
    root: float = 0.5,
    tiny: float = 1.0,
    center: bool = True,
    affine: str = "both",
) -> Callable[..., Array]:
    def layer_norm(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
        mean = x.mean(axis=axis, keepdims=True)
        with np.errstate(all="ignore"):
            var = x.var(axis=axis, keepdims=True, ddof=ddof)
            if not center:
                mean, var = np.zeros_like(mean), np.square(x).mean(axis=axis, keepdims=True)
            below = var**root + eps if outside else (var + tiny * eps) ** root
            scale = gamma if affine in ("both", "gamma") else 1
            shift = beta if affine in ("both", "beta") else 0
            return scale * (x - mean) / below + shift

    return layer_norm


def _layer_norm(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    tensors = [torch.as_tensor(part) for part in (x, gamma, beta)]
    return F.layer_norm(tensors[0], x.shape[1:], *tensors[1:], eps=eps).numpy()


LAYER_NORM = Exercise(
    id="normalization.layer-norm",
    level=1,
    call="layer_norm(x, gamma, beta, eps)",
    returns=("y (N, D)",),
    example=(
        np.array([[9.0, 1.0, 3.0, 3.0], [2.0, 2.0, 0.0, 0.0]]),
        np.array([1.0, 1.0, 1.0, 10.0]),
        np.array([0.0, 0.0, 0.0, 5.0]),
        0.0,
    ),
    inputs=_rows,
    oracle=_layer_norm,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "Each column was normalized, over the examples: that is batch norm. Layer norm takes "
            "each row for itself.",
            like=_layer(axis=0),
        ),
        Mistake(
            "The sum of squares is divided by D - 1: layer norm divides by D. In PyTorch, var and "
            "std need correction=0.",
            like=_layer(ddof=1),
        ),
        Mistake(
            "eps is added to the standard deviation: it belongs to the variance, inside the root.",
            like=_layer(outside=True),
        ),
        Mistake("eps is missing inside the root.", like=_layer(tiny=0.0)),
        Mistake(
            "The rows are divided by their variance: divide by its root.", like=_layer(root=1.0)
        ),
        Mistake(
            "No mean is subtracted: this is RMSNorm.",
            like=_layer(center=False),
        ),
        Mistake("gamma and beta are not used.", like=_layer(affine="none")),
        Mistake("gamma is not used.", like=_layer(affine="beta")),
        Mistake("beta is not added.", like=_layer(affine="gamma")),
        Mistake(
            "beta is added before gamma multiplies: gamma should not touch it.",
            like=lambda x, g, b, eps: g * (_layer(affine="none")(x, g, b, eps) + b),
        ),
    ),
    hints=(
        "Each row has a mean and a variance of its own: two numbers a row. Which axis do they "
        "average over?",
        "Keep the axis, so that the shapes fit: x.mean(axis=1, keepdims=True) has shape (N, 1). "
        "The variance is the mean of the squared differences from it.",
        "With xhat = (x - mean) / sqrt(var + eps), the result is gamma * xhat + beta.",
    ),
    notice="No row looked at another: a layer norm does the same for an example alone and in any "
    "batch, in training and afterwards.",
)


def _batches(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[1.0], [5.0]]), np.array([0.0]), np.array([1.0]), 0.1, 1e-5
    yield np.array([[2.0, 7.0], [2.0, 1.0]]), np.array([2.0, 4.0]), np.array([0.0, 9.0]), 0.1, 0.1
    yield rng.normal(size=(4, 2)), np.array([1.0, -1.0]), np.array([2.0, 0.5]), 1.0, 0.1
    yield rng.normal(size=(4, 2)), np.array([1.0, -1.0]), np.array([2.0, 0.5]), 0.0, 0.1
    for n, d in ((3, 5), (4, 4), (8, 3)):
        x = 2 * rng.normal(size=(n, d)) + rng.normal(size=d)
        mean, var = rng.normal(size=d), rng.uniform(0.2, 4, d)
        yield x, mean, var, float(rng.uniform(0.05, 0.4)), float(rng.uniform(0.05, 0.3))


def _batch_step(
    here: int = 0,
    kept: int = 1,
    swapped: bool = False,
    use: str = "batch",
    outside: bool = False,
    tiny: float = 1.0,
    std: bool = False,
) -> Callable[..., tuple]:
    def step(x: Array, mean: Array, var: Array, momentum: float, eps: float) -> tuple:
        m, v, u = x.mean(axis=0), x.var(axis=0, ddof=here), x.var(axis=0, ddof=kept)
        share = 1 - momentum if swapped else momentum
        after = (1 - share) * mean + share * m, (1 - share) * var + share * (u**0.5 if std else u)
        center, spread = {"batch": (m, v), "before": (mean, var), "after": after}[use]
        with np.errstate(all="ignore"):
            below = np.sqrt(spread) + eps if outside else np.sqrt(spread + tiny * eps)
            return (x - center) / below, *after

    return step


def _batch_norm_step(x: Array, mean: Array, var: Array, momentum: float, eps: float) -> tuple:
    running = torch.tensor(mean), torch.tensor(var)
    small = eps or 1e-300  # torch wants a positive one
    y = F.batch_norm(torch.as_tensor(x), *running, training=True, momentum=momentum, eps=small)
    return y.numpy(), *(part.numpy() for part in running)


BATCH_NORM_STEP = Exercise(
    id="normalization.batch-norm-step",
    level=2,
    call="batch_norm_step(x, mean, var, momentum, eps)",
    returns=("y (N, D)", "new_mean (D,)", "new_var (D,)"),
    example=(
        np.array([[9.0], [1.0], [3.0], [3.0]]),
        np.array([0.0]),
        np.array([1.0]),
        0.1,
        0.0,
    ),
    inputs=_batches,
    oracle=_batch_norm_step,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The running variance takes up the biased variance of the batch: PyTorch gives it the "
            "unbiased one, with N - 1.",
            like=_batch_step(kept=0),
        ),
        Mistake(
            "y is computed with the unbiased variance: inside the batch it is the biased one, with "
            "N. Only the running variance gets N - 1.",
            like=_batch_step(here=1),
        ),
        Mistake(
            "The two variances are exchanged: N for y, N - 1 for the running variance.",
            like=_batch_step(here=1, kept=0),
        ),
        Mistake(
            "Momentum is the share of the new batch here, not of the old value.",
            like=_batch_step(swapped=True),
        ),
        Mistake(
            "y is computed with the running statistics: in training the batch's own are used.",
            like=_batch_step(use="before"),
        ),
        Mistake(
            "y is computed with the updated running statistics: in training the batch's own are "
            "used.",
            like=_batch_step(use="after"),
        ),
        Mistake(
            "eps is added to the standard deviation: it belongs to the variance, inside the root.",
            like=_batch_step(outside=True),
        ),
        Mistake("eps is missing inside the root of y.", like=_batch_step(tiny=0.0)),
        Mistake(
            "The running variance takes up a standard deviation: it averages variances.",
            like=_batch_step(std=True),
        ),
        Mistake(
            "The running statistics are not updated.",
            like=lambda x, mean, var, momentum, eps: (
                _batch_step()(x, mean, var, momentum, eps)[0],
                mean,
                var,
            ),
        ),
        Mistake(
            "The running statistics became those of this batch: they take up only a share of it.",
            like=lambda x, mean, var, momentum, eps: _batch_step()(x, mean, var, 1.0, eps),
        ),
    ),
    hints=(
        "In training, y uses the mean and the variance of this very batch, over the examples. The "
        "running statistics are only kept for later.",
        "new = (1 - momentum) * old + momentum * batch. There are two variances of a batch: the "
        "sum of squares over N, and over N - 1.",
        "y takes the variance over N, the running variance the one over N - 1: in NumPy x.var(0) "
        "and x.var(0, ddof=1), in PyTorch x.var(0, correction=0) and x.var(0).",
    ),
    notice="Two variances in one layer, for a batch of 2 they differ by a factor of 2: one more "
    "way in which training and evaluation part when batches are small.",
)


def _gradients(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0]]), np.array([[5.0, 5, 5], [1, 0, 2]]), 0.01
    yield np.array([[0.3, 0.1, -0.2, 0.4]]), np.array([[1.0, 0.0, 2.0, -1.0]]), 0.2
    for n, d in ((3, 4), (5, 3), (4, 4), (2, 7)):
        x = 2 * rng.normal(size=(n, d)) + rng.normal(size=(n, 1))
        yield x, rng.normal(size=(n, d)) + 0.5, float(rng.uniform(0.01, 0.5))


def _pull(
    axis: int = 1,
    mean: float = 1.0,
    along: float = 1.0,
    scale: str = "std",
    total: bool = False,
    tiny: float = 1.0,
    of_input: bool = False,
) -> Callable[..., Array]:
    def backward(x: Array, g: Array, eps: float) -> Array:
        average = np.sum if total else np.mean
        centered = x - x.mean(axis=axis, keepdims=True)
        var = np.square(centered).mean(axis=axis, keepdims=True)
        with np.errstate(all="ignore"):
            std = np.sqrt(var + tiny * eps)
            xhat = centered / std
            rest = average(g * (x if of_input else xhat), axis=axis, keepdims=True)
            inner = g - mean * average(g, axis=axis, keepdims=True) - along * xhat * rest
            return inner / {"std": std, "none": np.ones_like(std), "var": std**2}[scale]

    return backward


def _norm_backward(x: Array, g: Array, eps: float) -> Array:
    leaf = torch.tensor(x, requires_grad=True)
    y = F.layer_norm(leaf, x.shape[1:], eps=eps)
    return torch.autograd.grad(y, leaf, torch.as_tensor(g))[0].numpy()


BACKWARD = Exercise(
    id="normalization.backward",
    level=2,
    call="norm_backward(x, g, eps)",
    returns=("dx (N, D)",),
    example=(np.array([[9.0, 1.0, 3.0, 3.0]]), np.array([[0.0, 4.0, 0.0, 0.0]]), 0.0),
    inputs=_gradients,
    oracle=_norm_backward,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "This is g / σ alone: x also moves the mean and the variance, and through them all "
            "outputs of its row.",
            like=_pull(mean=0.0, along=0.0),
        ),
        Mistake(
            "The way through the variance is missing: the term xhat times the mean of g * xhat.",
            like=_pull(along=0.0),
        ),
        Mistake("The way through the mean is missing: the mean of g.", like=_pull(mean=0.0)),
        Mistake(
            "The means were taken over the examples: each row was normalized for itself.",
            like=_pull(axis=0),
        ),
        Mistake("Sums stand where the means of g and of g * xhat should.", like=_pull(total=True)),
        Mistake("The division by σ = √(variance + eps) is missing.", like=_pull(scale="none")),
        Mistake("It is divided by the variance: divide by its root.", like=_pull(scale="var")),
        Mistake("eps is missing from σ.", like=_pull(tiny=0.0)),
        Mistake(
            "The last mean is that of g * x: it should be that of g * xhat.",
            like=_pull(of_input=True),
        ),
        Mistake("The last term is added: it should be subtracted.", like=_pull(along=-1.0)),
        Mistake("The mean of g is added: it should be subtracted.", like=_pull(mean=-1.0)),
    ),
    hints=(
        "First compute xhat again: the row minus its mean, divided by σ = √(variance + eps).",
        "Three ways lead from x to the outputs of its row: directly, through the mean, through "
        "the variance. Each gives a term.",
        "dx = (g - mean(g) - xhat * mean(g * xhat)) / σ, with means over the row.",
    ),
    notice="A normalization sends back nothing along the all-ones direction, and next to nothing "
    "along xhat: shifting or stretching a row would not have changed the output.",
)


def _layers(rng: np.random.Generator) -> Iterator[tuple]:
    yield (*(np.array(part) for part in ([[2.0]], [0.0], [1.0], [0.0], [3.0], [4.0])), 0.5)
    for m, d in ((3, 2), (2, 5), (4, 4), (1, 6)):
        w, b = rng.normal(size=(m, d)), rng.normal(size=m)
        gamma, beta, mean = rng.normal(size=(3, m)) + 0.5
        yield w, b, gamma, beta, mean, rng.uniform(0.1, 4, m), float(rng.uniform(0.05, 0.5))


def _folded(
    side: str = "rows",
    bias: str = "right",
    below: str = "std",
    tiny: float = 1.0,
    outside: bool = False,
) -> Callable[..., tuple]:
    def fold(
        w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
    ) -> tuple:
        sigma = np.sqrt(var) + eps if outside else np.sqrt(var + tiny * eps)
        scale = gamma / {"std": sigma, "var": sigma**2, "none": np.ones_like(sigma)}[below]
        new = w * (scale[:, None] if side == "rows" else scale)
        biases = {
            "right": (b - mean) * scale + beta,
            "no mean": b * scale + beta,
            "unscaled": b - mean + beta,
            "mean only": b - mean * scale + beta,
            "no beta": (b - mean) * scale,
            "no b": beta - mean * scale,
            "beta inside": (b - mean + beta) * scale,
            "sign": (b + mean) * scale + beta,
            "kept": b,
        }
        return new, biases[bias]

    return fold


def _fold(
    w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> tuple:
    """What the library's two layers do to the corners of the input space."""
    parts = [torch.as_tensor(part) for part in (mean, var, gamma, beta)]

    def both(x: torch.Tensor) -> torch.Tensor:
        z = F.linear(x, torch.as_tensor(w), torch.as_tensor(b))
        return F.batch_norm(z, *parts, training=False, eps=eps)

    bias = both(torch.zeros(1, w.shape[1], dtype=torch.float64))
    return (both(torch.eye(w.shape[1], dtype=torch.float64)) - bias).mT.numpy(), bias[0].numpy()


def _columns_scaled(args: tuple, got: Any, want: Any) -> bool:
    w = args[0]
    if w.shape[0] != w.shape[1] or w.shape[0] == 1:
        return False
    return bool(np.allclose(got[0], _folded(side="columns")(*args)[0]))


FOLD = Exercise(
    id="normalization.fold",
    level=2,
    call="fold(W, b, gamma, beta, mean, var, eps)",
    returns=("W_new (M, D)", "b_new (M,)"),
    example=(
        np.array([[2.0, 0.0], [1.0, -1.0]]),
        np.array([5.0, 0.0]),
        np.array([3.0, 1.0]),
        np.array([1.0, 0.0]),
        np.array([4.0, 1.0]),
        np.array([9.0, 4.0]),
        0.0,
    ),
    inputs=_layers,
    oracle=_fold,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The running mean is not subtracted from the bias.",
            like=_folded(bias="no mean"),
        ),
        Mistake(
            "The bias is not multiplied by gamma / σ: it passes through the normalization like "
            "everything else.",
            like=_folded(bias="unscaled"),
        ),
        Mistake(
            "Only the mean is multiplied by gamma / σ: the layer's own bias passes through the "
            "normalization too.",
            like=_folded(bias="mean only"),
        ),
        Mistake("beta is not added to the bias.", like=_folded(bias="no beta")),
        Mistake("The layer's own bias b got lost.", like=_folded(bias="no b")),
        Mistake(
            "beta is multiplied by gamma / σ: it is added at the very end.",
            like=_folded(bias="beta inside"),
        ),
        Mistake("The mean is added to the bias: subtract it.", like=_folded(bias="sign")),
        Mistake("The bias is the old one.", like=_folded(bias="kept")),
        Mistake("It is divided by the variance: divide by its root.", like=_folded(below="var")),
        Mistake("Nothing is divided by σ.", like=_folded(below="none")),
        Mistake(
            "gamma is not used: it multiplies both the weights and the bias.",
            like=lambda w, b, gamma, *rest: _folded()(w, b, np.ones_like(gamma), *rest),
        ),
        Mistake("eps is missing from σ = √(var + eps).", like=_folded(tiny=0.0)),
        Mistake(
            "eps is added to the standard deviation: it belongs to the variance, inside the root.",
            like=_folded(outside=True),
        ),
        Mistake(
            "The columns of W are scaled: unit i of the layer is row i, and gamma has an entry for "
            "each unit.",
            when=_columns_scaled,
        ),
    ),
    hints=(
        "Write down what happens to one unit: z = w @ x + b, then gamma * (z - mean) / σ + beta, "
        "with σ = √(var + eps). All but x are constants.",
        "Multiply out. What stands before x is the new row of weights, the rest is the new bias.",
        "With scale = gamma / σ of shape (M,): W_new = scale[:, None] * W, and b_new = "
        "(b - mean) * scale + beta.",
    ),
    notice="After training a batch norm behind a linear layer or a convolution costs nothing at "
    "all: it is gone.",
)


def _deep(rng: np.random.Generator) -> Iterator[tuple]:
    for gain, n in ((0.2, 3), (3.0, 5)):
        yield _start(rng, gain, n)


def _start(
    rng: np.random.Generator, gain: float, n: int, width: int = 64, depth: int = 30
) -> tuple:
    w = gain * rng.normal(size=(depth, width, width)) / np.sqrt(width)
    x = rng.normal(size=(n, width)) * np.array([1e-2, 100.0, 1.0, 7.0, 0.3])[:n, None]
    return x, w  # in this order messages speak of z with the shape of x


def _through(answer: Callable, x: Array, w: Array) -> Any:
    """Mean squares of what is returned, by layer; the outputs; those of each example alone."""

    def run(a: Array) -> tuple:
        squares = []
        for matrix in w:
            z = a @ matrix.T
            given = z.copy()
            out = np.asarray(answer(z))
            if not np.array_equal(given, z):
                raise ValueError("normalize_rows changed z in place: return a new array")
            if out.shape != z.shape or out.dtype not in (np.float32, np.float64):
                raise TypeError(
                    f"normalize_rows must return floats of shape {z.shape}, like z; "
                    f"it returned {out.dtype} of shape {out.shape}"
                )
            squares.append(float(np.square(out).mean()))
            a = np.tanh(out)
        return np.array(squares), a

    with np.errstate(all="ignore"):
        first = answer(x @ w[0].T)
        if first is None or first is ...:
            return None
        alone = [run(x[i : i + 1])[1] for i in range(len(x))]
        return (*run(x), np.concatenate(alone))


def _independent(args: tuple, got: tuple, want: tuple) -> str | None:
    squares, together, alone = (np.asarray(part, dtype=float) for part in got)
    off = float(np.abs(together - alone).max())
    if off > 1e-6:
        return (
            "The output of an example depends on the batch: alone it differs by up to "
            f"{off:.2g} from the output among the others."
        )
    low, high = float(squares.min()), float(squares.max())
    if np.allclose(squares, 1 / together.shape[1], rtol=0.01):
        return "Each row has length 1, so its mean square is only 1/M, and should be about 1."
    if not low >= 1 / 3:
        return (
            f"The signal fades: in layer {int(squares.argmin()) + 1} the mean square of what you "
            f"return is {low:.2g}, below 1/3."
        )
    if not high <= 3:
        return (
            f"The signal is too large: in layer {int(squares.argmax()) + 1} the mean square of "
            f"what you return is {high:.2g}, above 3."
        )
    lengths = np.linalg.norm(together, axis=1)
    cosines = together @ together.T / np.outer(lengths, lengths)
    nearest = float(cosines[~np.eye(len(together), dtype=bool)].max())
    if not nearest <= 0.99:
        return (
            "The network gives different examples the same output: the cosine of two of them is "
            f"{nearest:.4f}. Something of the input must be left."
        )
    if np.unique(np.abs(together).round(6)).size < 8:
        return "Only signs are left of the numbers: keep their proportions within an example."
    return None


def _rescale(z: Array) -> Array:
    centered = z - z.mean(axis=1, keepdims=True)
    return centered / np.sqrt(np.square(centered).mean(axis=1, keepdims=True) + 1e-12)


ANY_BATCH = Exercise(
    id="normalization.any-batch",
    level=3,
    call="normalize_rows(z)",
    returns=("mean squares (L,)", "outputs (N, M)", "outputs alone (N, M)"),
    example=_start(np.random.default_rng(1), 0.5, 4),
    inputs=_deep,
    oracle=_rescale,
    run=_through,
    verify=_independent,
    seconds=3.0,
    hints=(
        "Batch norm is out: its statistics come from the other examples. What can be averaged "
        "when there is only one?",
        "Take the statistics over the units of each example: axis 1, with keepdims=True.",
        "Divide each row by the root of its mean square, with a tiny eps: the first example is "
        "small, and a usual eps would shrink it further. You may subtract the row's mean first.",
    ),
    notice="RMSNorm and layer norm both pass: they normalize each example by itself, which is why "
    "networks that see one example at a time use them.",
)

EXERCISES = (LAYER_NORM, BATCH_NORM_STEP, BACKWARD, FOLD, ANY_BATCH)
