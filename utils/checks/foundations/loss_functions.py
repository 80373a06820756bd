"""The exercises of Loss functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from utils.diagnosis import fault
from utils.exercises.spec import Exercise, Mistake

# ---------------------------------------------------------------- quantile


def _predictions(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([2.0]), np.array([5.0]), 0.9
    yield np.array([5.0]), np.array([2.0]), 0.9
    yield np.array([1.0, 3.0, 2.0, 4.5]), np.array([1.0, 0.0, 2.5, 4.0]), 0.2
    for n in (3, 7, 20):
        for tau in (0.1, 0.5, 0.85):
            yield rng.normal(size=n), rng.normal(size=n), tau


def _quantile(
    low: Callable = lambda tau: tau,
    high: Callable = lambda tau: 1 - tau,
    sign: float = 1.0,
    total: Callable = np.mean,
    share: Callable = lambda slope: slope / len(slope),
    at_zero: Callable = lambda tau: 0.0,
) -> Callable[..., tuple]:
    """The quantile loss; each argument replaces one of its parts by a mistake."""

    def answer(prediction: np.ndarray, target: np.ndarray, tau: float) -> tuple:
        r = sign * (prediction - target)
        loss = np.where(r < 0, -low(tau) * r, high(tau) * r)
        slope = sign * np.where(r < 0, -low(tau), high(tau))
        return total(loss), share(np.where(r == 0, at_zero(tau), slope))

    return answer


QUANTILE = Exercise(
    id="loss-functions.quantile",
    level=1,
    call="quantile_loss(prediction, target, tau)",
    returns=("loss", "slope (N,)"),
    example=(np.array([1.0, 3.0]), np.array([5.0, 2.0]), 0.75),
    inputs=_predictions,
    oracle=_quantile(),
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The two sides are swapped: with τ near 1 it is the predictions that are too low "
            "which cost much.",
            like=_quantile(low=lambda tau: 1 - tau, high=lambda tau: tau),
        ),
        Mistake(
            "The residual has the other sign: r is the prediction minus the target.",
            like=_quantile(
                low=lambda tau: 1 - tau,
                high=lambda tau: tau,
                share=lambda slope: -slope / len(slope),
            ),
        ),
        Mistake(
            "The two results are in the other order: first the loss, then the slope.",
            when=lambda args, got, want: (
                np.ndim(got[1]) == 0 and np.shape(got[0]) == np.shape(args[0])
            ),
        ),
        Mistake(
            "The slope is not yet that of the mean: divide it by N, as the loss is.",
            like=_quantile(share=np.array),
        ),
        Mistake(
            "The loss is a sum: divide it by N, as the slope is.",
            like=_quantile(total=np.sum),
        ),
        Mistake(
            "Loss and slope are those of the sum: divide both by N.",
            like=_quantile(total=np.sum, share=np.array),
        ),
        Mistake(
            "The slope is the derivative by the target: by the prediction it has the other sign.",
            like=_quantile(share=lambda slope: -slope / len(slope)),
        ),
        Mistake(
            "Both sides cost τ: too high costs 1 - τ for each unit.",
            like=_quantile(high=lambda tau: tau),
        ),
        Mistake(
            "Above the target the loss is negative: too high costs 1 - τ for each unit, and not "
            "τ - 1.",
            like=_quantile(high=lambda tau: tau - 1),
        ),
        Mistake(
            "Where the prediction is exact, the slope is taken to be 0.",
            like=_quantile(at_zero=lambda tau: 1 - tau),
        ),
        Mistake(
            "Where the prediction is exact, the slope is taken to be 0.",
            like=_quantile(at_zero=lambda tau: -tau),
        ),
        Mistake(
            "The loss is twice as large as it should be: at τ = 1/2 it is half the absolute error.",
            like=_quantile(low=lambda tau: 2 * tau, high=lambda tau: 2 - 2 * tau),
        ),
        Mistake(
            "One loss for each example is given: return their mean.",
            when=lambda args, got, want: (
                np.shape(got[0]) == np.shape(got[1]) == np.shape(args[0]) != ()
            ),
        ),
    ),
    hints=(
        "With r = prediction - target the loss of one example is -τ r where r < 0, and (1 - τ) r "
        "where r > 0. Both are positive.",
        "So its derivative by the prediction is -τ where r < 0, 1 - τ where r > 0, and 0 at 0.",
        "(r > 0) * (1 - tau) - (r < 0) * tau is that derivative for arrays and tensors; the mean "
        "divides it by N, and r times it is the loss.",
    ),
    notice="Pulls of -τ and 1 - τ balance where a share τ of the targets lies below: the loss "
    "estimates a quantile, and with τ = 1/2 the median.",
)

# ---------------------------------------------------------------- masked-mean


def _masked(rng: np.random.Generator) -> Iterator[tuple]:
    Z = rng.normal(size=(4, 3))
    yield Z, np.array([0, 2, 1, 0]), -100  # nothing to ignore
    yield Z, np.array([-100, -100, -100, -100]), -100
    yield Z, np.array([-1, 2, -1, -1]), -1
    yield 300 * rng.normal(size=(5, 4)), np.array([0, 3, -100, 1, 2]), -100
    yield rng.normal(size=(6, 4)), np.array([0, 3, 0, 1, 0, 2]), 0  # class 0 is padding
    yield np.array([[900.0, -900.0], [-800.0, 800.0], [0.0, 1000.0]]), np.array([0, 0, -100]), -100
    for n, k in ((7, 2), (9, 5), (20, 3)):
        y = rng.integers(0, k, size=n)
        y[rng.permutation(n)[: n // 3]] = -100
        yield rng.normal(size=(n, k)), y, -100


def _per_row(Z: np.ndarray, y: np.ndarray) -> np.ndarray:
    K = Z.shape[1]
    top = Z.max(axis=1, keepdims=True)
    log_P = Z - top - np.log(np.exp(Z - top).sum(axis=1, keepdims=True))
    return -log_P[np.arange(len(y)), np.where((y >= 0) & (y < K), y, 0)]


def _torch_masked(Z: np.ndarray, y: np.ndarray, ignore: int) -> np.ndarray:
    if np.all(y == ignore):
        return np.float64(0)
    loss = F.cross_entropy(torch.tensor(Z), torch.tensor(y), ignore_index=ignore)
    return np.float64(loss)


def _naive_masked(Z: np.ndarray, y: np.ndarray, ignore: int) -> np.ndarray:
    keep = y != ignore
    P = np.exp(Z[keep]) / np.exp(Z[keep]).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(keep.sum()), y[keep]]).sum() / max(keep.sum(), 1)


def _propped(Z: np.ndarray, y: np.ndarray, got: Any, factor: Callable = lambda p: 1.0) -> bool:
    """Whether ``got`` is the mean loss with a small number put in against log 0."""
    p = np.exp(-_per_row(np.asarray(Z), np.asarray(y)))
    if p.min(initial=1) > 1e-30:
        return False
    tried = [
        np.mean(factor(p) * -np.log(q))
        for small in 10.0 ** -np.arange(5, 21)
        for q in (p + small, np.maximum(p, small))
    ]
    return bool(np.isclose(tried, got).any())


def _averaged(over: Callable, ignore_as: int | None = None) -> Callable[..., Any]:
    """The sum over the kept rows, divided by what ``over`` of (keep, Z) says."""

    def answer(Z: np.ndarray, y: np.ndarray, ignore: int) -> Any:
        keep = y != (ignore if ignore_as is None else ignore_as)
        return np.float64((_per_row(Z, y) * keep).sum() / over(keep, Z))

    return answer


MASKED_MEAN = Exercise(
    id="loss-functions.masked-mean",
    level=2,
    call="masked_cross_entropy(Z, y, ignore)",
    returns=("loss",),
    example=(
        np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 0.0], [5.0, -5.0]]),
        np.array([1, -100, 0, -100]),
        -100,
    ),
    inputs=_masked,
    oracle=_torch_masked,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The sum is right, and the divisor is not: count the rows that are kept, not all N.",
            like=_averaged(lambda keep, Z: len(keep)),
        ),
        Mistake(
            "It returns the sum over the rows that are kept: divide by their number.",
            like=_averaged(lambda keep, Z: 1),
        ),
        Mistake(
            "The mean is over the rows that are kept, not over their N · K scores.",
            like=_averaged(lambda keep, Z: max(keep.sum(), 1) * Z.shape[1]),
        ),
        Mistake(
            "It ignores negative classes, whatever `ignore` says; it may also be a class, such as "
            "0 for padding.",
            like=lambda Z, y, ignore: np.float64(
                (_per_row(Z, y) * (y >= 0)).sum() / max((y >= 0).sum(), 1)
            ),
        ),
        Mistake(
            "The rows to be ignored take part in the mean.",
            like=lambda Z, y, ignore: np.float64(_per_row(Z, y).mean()),
        ),
        Mistake(
            "The rows to be ignored take part in the mean, with their last score as the true one: "
            "y = -1 counts from the end.",
            like=lambda Z, y, ignore: np.float64(
                _per_row(Z, np.where(y == ignore, Z.shape[1] - 1, y)).mean()
            ),
        ),
        Mistake(
            "Where every row is ignored there is nothing to average: the loss is 0 there, "
            "and 0 / 0 is not.",
            when=lambda args, got, want: bool(np.all(args[1] == args[2]) and np.isnan(got)),
        ),
        Mistake(
            "A small number is put in against log 0, and makes a large loss too small: take log p "
            "from the scores, by log-sum-exp.",
            when=lambda args, got, want: _propped(
                *(np.asarray(part)[np.asarray(args[1]) != args[2]] for part in args[:2]), got
            ),
        ),
        Mistake(
            "Something overflows: large scores need log-sum-exp, with the largest score of each "
            "row subtracted first.",
            like=lambda Z, y, ignore: np.float64(_naive_masked(Z, y, ignore)),
        ),
        Mistake(
            "It returns one loss for each row: return their mean.",
            when=lambda args, got, want: np.ndim(got) == 1,
        ),
    ),
    hints=(
        "First the losses of all rows, then the rows to keep, y != ignore, then a sum divided by "
        "their number.",
        "Drop the rows before you use y as an index: -100 is no class. Z[keep] and y[keep] do it "
        "for arrays and tensors.",
        "The loss of a row is log-sum-exp of its scores minus the true score. Divide the sum by "
        "max(keep.sum(), 1): then no rows at all give 0.",
    ),
    notice="What a mean divides by is part of the loss: a batch of short sentences with much "
    "padding must not count less for each word.",
)

# ---------------------------------------------------------------- focal


def _scores(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[1.0, -1.0, 0.5]]), np.array([0]), 0.0
    yield np.array([[-1000.0, 1000.0], [1000.0, -1000.0], [5.0, 0.0]]), np.array([0, 0, 1]), 2.0
    yield 200 * rng.normal(size=(6, 4)), rng.integers(0, 4, size=6), 1.5
    for n, k, gamma in ((5, 3, 2.0), (2, 7, 1.0), (9, 4, 0.5), (4, 2, 5.0), (12, 5, 3.0)):
        yield rng.normal(size=(n, k)), rng.integers(0, k, size=n), gamma


def _torch_focal(Z: np.ndarray, y: np.ndarray, gamma: float) -> np.ndarray:
    loss = F.cross_entropy(torch.tensor(Z), torch.tensor(y), reduction="none").numpy()
    return np.float64(((-np.expm1(-loss)) ** gamma * loss).mean())


def _weighted(weight: Callable, total: Callable = np.mean) -> Callable[..., Any]:
    """Cross-entropy of each row times ``weight`` of (p of the true class, gamma)."""

    def answer(Z: np.ndarray, y: np.ndarray, gamma: float) -> Any:
        loss = _per_row(Z, y)
        return np.float64(total(weight(np.exp(-loss), gamma) * loss))

    return answer


def _naive_focal(Z: np.ndarray, y: np.ndarray, gamma: float) -> Any:
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    p = P[np.arange(len(y)), y]
    return np.float64((-((1 - p) ** gamma) * np.log(p)).mean())


def _log_of_a_softmax(Z: np.ndarray, y: np.ndarray, gamma: float) -> Any:
    p = np.exp(-_per_row(Z, y))
    return np.float64((-((1 - p) ** gamma) * np.log(p)).mean())


FOCAL = Exercise(
    id="loss-functions.focal",
    level=2,
    call="focal_cross_entropy(Z, y, gamma)",
    returns=("loss",),
    example=(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 0]), 2.0),
    inputs=_scores,
    oracle=_torch_focal,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The factor is p^γ, which keeps the easy examples: it should be (1 - p)^γ.",
            like=_weighted(lambda p, g: p**g),
        ),
        Mistake(
            "The factor (1 - p)^γ is missing: this is the cross-entropy.",
            like=_weighted(lambda p, g: 1),
        ),
        Mistake(
            "The factor is (1 - p) without its exponent γ.",
            like=_weighted(lambda p, g: 1 - p),
        ),
        Mistake(
            "The factor is (1 - p) times γ: γ is an exponent.",
            like=_weighted(lambda p, g: g * (1 - p)),
        ),
        Mistake(
            "The factor is 1 - p^γ: it should be (1 - p)^γ.", like=_weighted(lambda p, g: 1 - p**g)
        ),
        Mistake(
            "It returns the sum: return the mean over the N examples.",
            like=_weighted(lambda p, g: (1 - p) ** g, np.sum),
        ),
        Mistake(
            "Each loss is divided by the sum of the factors: the mean is over the N examples.",
            like=lambda Z, y, gamma: np.float64(
                np.average(_per_row(Z, y), weights=(1 - np.exp(-_per_row(Z, y))) ** gamma)
            ),
        ),
        Mistake(
            "The factor is put on the mean of the losses: each loss has a factor of its own, and "
            "the mean comes last.",
            like=lambda Z, y, gamma: np.float64(
                (1 - np.exp(-_per_row(Z, y).mean())) ** gamma * _per_row(Z, y).mean()
            ),
        ),
        Mistake(
            "The sum runs over all classes: only the probability of the true one counts.",
            like=lambda Z, y, gamma: np.float64(
                sum(
                    _weighted(lambda p, g: (1 - p) ** g)(Z, np.full(len(y), k), gamma)
                    for k in range(Z.shape[1])
                )
            ),
        ),
        Mistake(
            "A small number is put in against log 0, and makes a large loss too small: take log p "
            "from the scores, by log-sum-exp.",
            when=lambda args, got, want: _propped(
                *args[:2], got, factor=lambda p: (1 - p) ** args[2]
            ),
        ),
        Mistake(
            "The softmax overflows for large scores: subtract the largest score of each row first.",
            like=_naive_focal,
        ),
        Mistake(
            "The logarithm is taken of a probability that has become 0: compute log p from the "
            "scores, by log-sum-exp, and p from log p.",
            like=_log_of_a_softmax,
        ),
        Mistake(
            "It returns one loss for each row: return their mean.",
            when=lambda args, got, want: np.ndim(got) == 1,
        ),
    ),
    hints=(
        "Only the probability p of the true class is needed. Begin with its logarithm: the true "
        "score minus log-sum-exp of the row.",
        "log-sum-exp of a row is its largest score m plus the logarithm of the sum of exp(z - m).",
        "With log_p of shape (N,), p = exp(log_p), and the loss is the mean of "
        "-(1 - p)**gamma * log_p.",
    ),
    notice="From log p one gets p without harm, from p its logarithm only as long as p is not "
    "rounded to 0: compute the logarithm first.",
)

# ---------------------------------------------------------------- worst-rival


def _margins(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[0.2, 1.0]]), np.array([0])
    yield np.array([[5.0, 1.0, 3.5], [0.0, 0.25, -3.0]]), np.array([0, 0])
    yield np.array([[-4.0, -2.5, -9.0], [-7.0, -1.0, -0.5]]), np.array([1, 2])
    yield np.array([[2.0, 1.0, -5.0], [0.0, 1.5, 3.0]]), np.array([0, 0])  # a margin of just 1
    for n, k in ((4, 3), (6, 5), (3, 7), (12, 4)):
        y = rng.integers(0, k, size=n)
        yield 2 * rng.normal(size=(n, k)) + 2 * np.eye(k)[y], y


def _rivals(
    margin: float = 1.0,
    choose: Callable = lambda rivals: rivals == rivals.max(axis=1, keepdims=True),
    total: Callable = np.mean,
    share: Callable = lambda G: G / len(G),
    true_share: Callable = lambda G: -G.sum(axis=1),
    always: bool = False,
    at_margin: bool = False,
) -> Callable[..., tuple]:
    """The hinge loss against the worst rival; each argument replaces one part by a mistake."""

    def answer(Z: np.ndarray, y: np.ndarray) -> tuple:
        rows = np.arange(len(y))
        excess = margin + Z - Z[rows, y][:, None]
        excess[rows, y] = -np.inf
        picked = choose(excess) & ((excess >= 0 if at_margin else excess > 0) | always)
        G = picked.astype(float)
        G[rows, y] = true_share(G)
        return total((excess * picked).sum(axis=1, where=picked)), share(G)

    return answer


def _itself_a_rival(put: Callable) -> Callable[..., tuple]:
    """The highest of all scores as the rival; ``put`` adds to the gradient, or overwrites it."""

    def answer(Z: np.ndarray, y: np.ndarray) -> tuple:
        rows, j, G = np.arange(len(y)), Z.argmax(axis=1), np.zeros(Z.shape)
        put(G, (rows, j), 1 / len(y))
        put(G, (rows, y), -1 / len(y))
        return np.mean(1 + Z[rows, j] - Z[rows, y]), G

    return answer


def _loses_to(choose: Callable) -> Callable[[tuple, Any, Any], bool]:
    """A wrong loss, against one of the rivals' scores, (N,), that ``choose`` of (Z, true) lists."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        Z, y = args
        true = np.eye(Z.shape[1], dtype=bool)[y]
        losses = [(1 + rival - Z[true]).clip(0).mean() for rival in choose(Z, true)]
        return bool(np.isclose(losses, got[0]).any() and not np.isclose(got[0], want[0]))

    return when


def _autograd_rivals(Z: np.ndarray, y: np.ndarray) -> tuple:
    scores = torch.tensor(Z, requires_grad=True)
    true = scores[torch.arange(len(y)), torch.tensor(y)]
    rival = scores.masked_fill(F.one_hot(torch.tensor(y), Z.shape[1]).bool(), -torch.inf).amax(1)
    loss = F.relu(1 + rival - true).mean()
    loss.backward()
    return loss.detach().numpy(), scores.grad.numpy()


WORST_RIVAL = Exercise(
    id="loss-functions.worst-rival",
    level=2,
    call="worst_rival(Z, y)",
    returns=("loss", "G (N, K)"),
    example=(np.array([[2.0, 1.5, -1.0], [0.0, 3.0, 1.0]]), np.array([1, 1])),
    inputs=_margins,
    oracle=_autograd_rivals,
    mistakes=(
        Mistake(
            "All rivals within the margin are counted: only the highest of them is to be.",
            like=_rivals(choose=lambda e: e > 0),
        ),
        Mistake(
            "All rivals are counted, and the mean is over the classes: only the one with the "
            "highest score is to be counted.",
            like=lambda Z, y: tuple(
                part / Z.shape[1] for part in _rivals(choose=lambda e: e > 0)(Z, y)
            ),
        ),
        Mistake(
            "The margin of 1 is missing: a true score that is ahead by less than 1 has its price.",
            like=_rivals(margin=0.0),
        ),
        Mistake(
            "Loss and gradient are divided by K as well: the mean is over the N examples.",
            like=lambda Z, y: tuple(part / Z.shape[1] for part in _rivals()(Z, y)),
        ),
        Mistake(
            "The true score is set to 0 before the maximum is taken, and wins where all rivals "
            "are negative: set it to minus infinity.",
            when=_loses_to(
                lambda Z, true: [
                    np.where(true, 0.0, Z).max(axis=1),
                    Z[np.arange(len(Z)), np.where(true, 0.0, Z).argmax(axis=1)],
                ]
            ),
        ),
        Mistake(
            "The second highest score is taken for the rival: where the true score is not the "
            "highest, its worst rival is.",
            when=_loses_to(lambda Z, true: [np.sort(Z, axis=1)[:, -2]]),
        ),
        Mistake(
            "The true class is taken for a rival of its own: then no row has a loss below the "
            "margin of 1.",
            like=_itself_a_rival(np.add.at),
        ),
        Mistake(
            "The true class is taken for a rival of its own: then no row has a loss below the "
            "margin of 1.",
            like=_itself_a_rival(lambda G, place, value: G.__setitem__(place, value)),
        ),
        Mistake(
            "A margin of exactly 1 is enough: the loss is 0 there, and so is its derivative.",
            like=_rivals(at_margin=True),
        ),
        Mistake(
            "A row whose margin is kept has a negative loss here: cut it off at 0, with slope 0.",
            like=_rivals(always=True),
        ),
        Mistake(
            "The gradient is that of the sum: divide it by N.",
            like=_rivals(share=np.array),
        ),
        Mistake("The loss is a sum: divide it by N.", like=_rivals(total=np.sum)),
        Mistake(
            "Loss and gradient are those of the sum: divide both by N.",
            like=_rivals(total=np.sum, share=np.array),
        ),
        Mistake(
            "The true score gets no gradient: it rises as the rival's falls, by the same amount.",
            like=_rivals(true_share=lambda G: 0.0),
        ),
        Mistake(
            "The rival's gradient has the wrong sign, or the true one's: the rival is to fall, so "
            "its derivative is positive, and the true one's negative.",
            like=_rivals(share=lambda G: -G / len(G)),
        ),
        Mistake(
            "The true score's derivative is positive, like the rival's: it must be negative.",
            like=_rivals(true_share=lambda G: G.sum(axis=1)),
        ),
        Mistake(
            "Rows whose margin is kept still have a gradient: where the loss is 0, its slope is.",
            like=lambda Z, y: (_rivals()(Z, y)[0], _rivals(always=True)(Z, y)[1]),
        ),
    ),
    hints=(
        "Take the true score of each row, then the highest of the others: set the true one to "
        "minus infinity in a copy before you look for the maximum.",
        "The loss of a row is max(0, 1 + rival - true). Where it is positive, its derivative is "
        "+1 at the rival and -1 at the true class, and 0 elsewhere.",
        "With rows = np.arange(N) and j, the rival of each row, G[rows, j] = active / N and "
        "G[rows, y] = -active / N.",
    ),
    notice="Two entries of a row get a gradient, or none at all: hinge losses leave alone what is "
    "right by enough, and the cross-entropy never does.",
)

# ---------------------------------------------------------------- robust-fit

FITS, POINTS, WRONG, STEPS, RATE = 20, 60, 21, 300, 0.3
ERROR = 0.4  # of a line, as the root of its mean square over -1 to 1, in units of the noise
PROBES = np.linspace(-40, 40, 161)


def planted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y, (F, N), and the true slopes and intercepts, (F, 2); the lab shows the same."""
    rng = np.random.default_rng(seed)
    x, true = rng.uniform(-1, 1, size=(FITS, POINTS)), rng.uniform(-2, 2, size=(FITS, 2))
    y = true[:, :1] * x + true[:, 1:] + rng.normal(size=(FITS, POINTS))
    y[:, :WRONG] += rng.uniform(15, 30, size=(FITS, WRONG))
    return x, y, true


def _descend(pull: Callable, seed: Any) -> Any:
    """Gradient descent on all lines at once, and what the pull is at residuals from -40 to 40."""
    x, y, _ = planted(int(seed))
    w = np.column_stack([np.zeros(FITS), np.median(y, axis=1)])
    for _ in range(STEPS):
        r = w[:, :1] * x + w[:, 1:] - y
        given = pull(r)
        if given is None or given is ...:
            return None
        if np.shape(given) != r.shape:
            raise ValueError(f"pull gave shape {np.shape(given)} for residuals of shape {r.shape}")
        with np.errstate(all="ignore"):
            g = np.asarray(given, dtype=float)
            w = w - RATE * np.stack([(g * x).mean(axis=1), g.mean(axis=1)], axis=1)
    return w, np.asarray(pull(PROBES.copy()), dtype=float) * np.ones(len(PROBES))


def _error(args: tuple, w: np.ndarray) -> float:
    slope, intercept = (w - planted(int(args[0]))[2]).T
    return float(np.sqrt(slope**2 / 3 + intercept**2).mean())


def _misses(args: tuple, got: Any, want: Any) -> str | None:
    error = _error(args, got[0])
    if not error <= ERROR:
        return f"The lines are off by {error:.2f} on average, and {ERROR} is wanted"
    return None


def _pulls(condition: Callable[[np.ndarray], Any]) -> Callable[[tuple, Any, Any], bool]:
    """A mistake that shows in the pulls at the residuals from -40 to 40."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        return not fault(want, got, ROBUST_FIT.returns, None) and bool(condition(got[1]))

    return when


FAR, MIDDLE = np.abs(PROBES) >= 15, (np.abs(PROBES) <= 3) & (PROBES != 0)


ROBUST_FIT = Exercise(
    id="loss-functions.robust-fit",
    level=3,
    call="pull(r)",
    returns=("lines (F, 2)", "pulls"),
    example=(np.int64(0),),
    inputs=lambda rng: iter([(np.int64(rng.integers(1, 10**6)),) for _ in range(3)]),
    oracle=lambda r: r / (1 + r**2),
    run=_descend,
    verify=_misses,
    mistakes=(
        Mistake(
            "The pull is not a number at some residuals: is something divided by zero?",
            when=_pulls(lambda p: not np.isfinite(p).all()),
        ),
        Mistake(
            "The pull is the same for r and -r: this is a loss. Its derivative is wanted, which "
            "has the sign of r.",
            when=_pulls(lambda p: np.allclose(p, p[::-1]) and np.ptp(p) > 0),
        ),
        Mistake(
            "The pull has the wrong sign: where the prediction is too high, r > 0, the derivative "
            "is positive.",
            when=_pulls(lambda p: np.sum(p[MIDDLE] * PROBES[MIDDLE]) < 0),
        ),
        Mistake(
            "There is no pull near the line: the good points must hold it.",
            when=_pulls(lambda p: np.abs(p[MIDDLE]).max() < 1e-3),
        ),
        Mistake(
            "The pull grows with the residual, so that the worst points pull hardest: like the "
            "squared loss.",
            when=_pulls(lambda p: np.abs(p[-1]) > 1.2 * np.abs(p[PROBES == 15]).max()),
        ),
        Mistake(
            "A wrong point pulls no harder than a good one now, but as hard: a third of the points "
            "on one side still move the line. Let far points pull less.",
            when=_pulls(lambda p: np.abs(p[FAR]).min() > 0.7 * np.abs(p[MIDDLE]).max()),
        ),
    ),
    hints=(
        "Squared loss: the worst points pull hardest. Absolute and Huber loss: they pull as hard "
        "as all others. What comes next in this row?",
        "Good points have residuals of about -3 to 3, wrong ones of 15 to 30 below 0. So the pull "
        "should look like r near 0, and fall back toward 0 far away.",
        "Many curves do it, for example r / (1 + r**2), which is the derivative of "
        "log(1 + r**2) / 2.",
    ),
    notice="A pull that falls back to 0 belongs to a loss that is not convex: it can forget "
    "good points as well, so the start matters.",
)

EXERCISES = (
    QUANTILE,
    MASKED_MEAN,
    FOCAL,
    WORST_RIVAL,
    ROBUST_FIT,
)
