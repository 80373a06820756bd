"""The exercises of Probability and information."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from utils.exercises.spec import Exercise, Mistake


def _tests(rng: np.random.Generator) -> Iterator[tuple]:
    yield 0.01, 0.9, 0.9, 0, 0
    yield 0.01, 0.9, 0.8, 1, 0
    yield 0.01, 0.9, 0.8, 0, 1
    yield 0.2, 0.7, 0.95, 2, 1
    yield 0.3, 0.6, 0.9, 1, 3
    yield 0.5, 1.0, 0.9, 2, 0
    yield 0.02, 0.9, 0.75, 3, 1
    for positives, negatives in ((1, 2), (4, 0), (2, 3)):
        yield (*rng.uniform((0.02, 0.6, 0.55), (0.4, 0.75, 0.95)).tolist(), positives, negatives)


def _posterior(
    prior: float, sensitivity: float, specificity: float, positives: int, negatives: int
) -> float:
    sick = prior * sensitivity**positives * (1 - sensitivity) ** negatives
    healthy = (1 - prior) * (1 - specificity) ** positives * specificity**negatives
    return sick / (sick + healthy)


def _joint(prior: float, a: float, b: float, positives: int, negatives: int) -> float:
    return prior * a**positives * (1 - a) ** negatives


POSTERIOR = Exercise(
    id="probability-and-information.posterior",
    level=1,
    call="posterior(prior, sensitivity, specificity, positives, negatives)",
    returns=("probability",),
    example=(0.01, 0.9, 0.9, 1, 0),
    inputs=_tests,
    oracle=_posterior,
    mistakes=(
        Mistake(
            "The base rate is missing: the two hypotheses are weighed as if prior were 1/2.",
            like=lambda prior, *rest: _posterior(0.5, *rest),
        ),
        Mistake(
            "This is the probability of being sick and of these results together: divide by the "
            "probability of the results.",
            like=_joint,
        ),
        Mistake(
            "This is the probability of the results for somebody who is sick, and not yet that "
            "of being sick.",
            like=lambda prior, *rest: _joint(1.0, *rest),
        ),
        Mistake(
            "A healthy person tests positive with probability 1 - specificity; here it is "
            "specificity.",
            like=lambda prior, a, b, *rest: _posterior(prior, a, 1 - b, *rest),
        ),
        Mistake(
            "This is the probability of being healthy.",
            like=lambda *args: 1 - _posterior(*args),
        ),
        Mistake(
            "Only the first positive result counts: every further test multiplies once more.",
            like=lambda prior, a, b, k, m: _posterior(prior, a, b, min(k, 1), min(m, 1)),
        ),
        Mistake(
            "The negative results are left out: they speak against the disease.",
            like=lambda prior, a, b, k, m: _posterior(prior, a, b, k, 0),
        ),
        Mistake(
            "The positive results are left out.",
            like=lambda prior, a, b, k, m: _posterior(prior, a, b, 0, m),
        ),
        Mistake(
            "For negative results the two rates are swapped: the sick get one with probability "
            "1 - sensitivity, the healthy with specificity.",
            like=lambda prior, a, b, k, m: (
                prior
                * a**k
                * b**m
                / (prior * a**k * b**m + (1 - prior) * (1 - b) ** k * (1 - a) ** m)
            ),
        ),
        Mistake(
            "Sensitivity and specificity are swapped.",
            like=lambda prior, a, b, *rest: _posterior(prior, b, a, *rest),
        ),
        Mistake(
            "The weight of the healthy, 1 - prior, is missing.",
            like=lambda prior, a, b, k, m: (
                _joint(prior, a, b, k, m) / (_joint(prior, a, b, k, m) + (1 - b) ** k * b**m)
            ),
        ),
        Mistake(
            "The prior counts once, and not once more with every result.",
            like=lambda prior, a, b, k, m: _posterior(
                prior ** (k + m) / (prior ** (k + m) + (1 - prior) ** (k + m)), a, b, k, m
            ),
        ),
        Mistake(
            "The counts are swapped: positives come first, then negatives.",
            like=lambda prior, a, b, k, m: _posterior(prior, a, b, m, k),
        ),
        Mistake(
            "These are the odds, sick to healthy: a probability is odds / (1 + odds).",
            like=lambda *args: _posterior(*args) / (1 - _posterior(*args)),
        ),
        Mistake(
            "The results are added up instead of multiplied: independent results multiply.",
            like=lambda prior, a, b, k, m: (
                prior
                * (k * a + m * (1 - a))
                / (prior * (k * a + m * (1 - a)) + (1 - prior) * (k * (1 - b) + m * b))
            ),
        ),
    ),
    hints=(
        "Count people: which share of all is sick and shows these results, and which share is "
        "healthy and shows them?",
        "A sick person shows them with probability sensitivity**positives times "
        "(1 - sensitivity)**negatives. What is it for a healthy one?",
        "Multiply the first by prior and the second by 1 - prior; the answer is the first product "
        "divided by the sum of both.",
    ),
    notice="Each result multiplies the odds by a factor of its own, so the order of the tests does "
    "not matter.",
)


def _samples(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([[1.0], [2.0], [6.0]]),)
    yield (np.array([[0.0, 10.0], [2.0, 30.0]]),)
    yield (np.array([[-3.0, 1.0, 0.5], [-1.0, 4.0, 0.25], [0.0, 1.0, 1.0], [2.0, 0.0, 0.0]]),)
    for n, d in ((5, 3), (2, 4), (40, 6)):
        yield (rng.normal(size=(n, d)) * rng.uniform(0.5, 3, d) + rng.normal(size=d) * 4,)


def _gaussian_fit(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    X = torch.as_tensor(X)
    var, mean = torch.var_mean(X, dim=0, correction=0)
    nll = -torch.distributions.Normal(mean, var.sqrt()).log_prob(X).sum(dim=1).mean()
    return mean.numpy(), var.numpy(), nll.item()


def _fit(
    change: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple],
) -> Callable[[np.ndarray], tuple]:
    """A fit with a mistake: ``change`` of X, mean and variance gives the three results."""
    return lambda X: change(X, X.mean(axis=0), X.var(axis=0))


def _nll(X: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
    return 0.5 * np.log(2 * np.pi * var) + (X - mean) ** 2 / (2 * var)


GAUSSIAN_FIT = Exercise(
    id="probability-and-information.gaussian-fit",
    level=2,
    call="gaussian_fit(X)",
    returns=("mean (D,)", "var (D,)", "nll"),
    example=(np.array([[1.0, 0.0], [2.0, 4.0], [6.0, 8.0]]),),
    inputs=_samples,
    oracle=_gaussian_fit,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The variance is divided by N - 1, which makes it unbiased; maximum likelihood "
            "divides by N.",
            when=lambda args, got, want: bool(
                np.shape(got[1]) == np.shape(want[1])
                and np.allclose(got[1], np.asarray(args[0]).var(axis=0, ddof=1))
            ),
        ),
        Mistake(
            "These are standard deviations: the variance is their square.",
            like=_fit(lambda X, m, v: (m, v**0.5, float(_nll(X, m, v).sum(axis=1).mean()))),
        ),
        Mistake(
            "These are standard deviations, also inside the likelihood: the variance is their "
            "square.",
            like=_fit(lambda X, m, v: (m, v**0.5, float(_nll(X, m, v**0.5).sum(axis=1).mean()))),
        ),
        Mistake(
            "These are the mean squares of the entries: the variance is measured around the mean.",
            when=lambda args, got, want: bool(
                np.allclose(got[1], (np.asarray(args[0]) ** 2).mean(axis=0))
            ),
        ),
        Mistake(
            "The nll is the sum over the examples: divide by N.",
            like=_fit(lambda X, m, v: (m, v, float(_nll(X, m, v).sum()))),
        ),
        Mistake(
            "The nll is the mean over all entries: an example has D of them, and their "
            "log-likelihoods add.",
            like=_fit(lambda X, m, v: (m, v, float(_nll(X, m, v).mean()))),
        ),
        Mistake(
            "The nll has the wrong sign: it is the negative log-likelihood.",
            like=_fit(lambda X, m, v: (m, v, -float(_nll(X, m, v).sum(axis=1).mean()))),
        ),
        Mistake(
            "The constant, log(2π) / 2 for each entry, is missing in the nll.",
            like=_fit(
                lambda X, m, v: (
                    m,
                    v,
                    float((_nll(X, m, v) - 0.5 * np.log(2 * np.pi)).sum(axis=1).mean()),
                )
            ),
        ),
        Mistake(
            "The nll lacks the term log(2πσ²) / 2, which keeps the variance from growing.",
            like=_fit(lambda X, m, v: (m, v, X.shape[1] / 2)),
        ),
        Mistake(
            "The nll is in bits: it is wanted in nats, with natural logarithms.",
            like=_fit(lambda X, m, v: (m, v, float(_nll(X, m, v).sum(axis=1).mean() / np.log(2)))),
        ),
        Mistake(
            "The nll has one value for each column: their sum is wanted.",
            when=lambda args, got, want: len(got) == 3 and np.size(got[2]) == want[0].size > 1,
        ),
        Mistake(
            "It fits one Gaussian to each row: an example is a row, and a column a quantity.",
            when=lambda args, got, want: np.shape(got[0]) == (len(args[0]),) != want[0].shape,
        ),
    ),
    hints=(
        "Set the derivative of the log-likelihood with respect to the mean to zero, then that "
        "with respect to the variance. What remains are two averages over the examples.",
        "Both run over axis 0. In NumPy X.var(axis=0) divides by N; a torch tensor's var divides "
        "by N - 1 unless told correction=0.",
        "Put the fit into log(2πσ²)/2 + (x - μ)²/(2σ²), add up over the columns, and take the mean "
        "over the rows.",
    ),
    notice="At the fit the squared term is always 1/2 per column, whatever the data: only the "
    "logarithms of the variances are left to tell a good fit from a bad one.",
)


def _rows(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[0.5, 0.5]]), np.array([[0.75, 0.25]])
    yield np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]), np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    yield np.array([[1.0, 0.0, 0.0]]), np.array([[0.25, 0.75, 0.0]])
    yield (
        np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]),
        np.array([[0.5, 0.5, 0.0], [0.8, 0.2, 0.0]]),
    )
    yield np.array([[1.0]]), np.array([[1.0]])
    for n, k in ((1, 4), (3, 5), (6, 2)):
        yield rng.dirichlet(np.ones(k), size=n), rng.dirichlet(np.ones(k), size=n)


def _kl(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    P, Q = torch.as_tensor(P), torch.as_tensor(Q)
    entropy = torch.special.entr(P).sum(dim=1)
    return ((-torch.special.xlogy(P, Q).sum(dim=1) - entropy) / math.log(2)).numpy() + 0.0


def _kl_ignoring(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    both = (P > 0) & (Q > 0)
    safe = np.where(both, P, 1), np.where(both, Q, 1)
    return (both * P * np.log2(safe[0] / safe[1])).sum(axis=1)


def _kl_plus(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    return (P * np.log2((P + 1e-12) / (Q + 1e-12))).sum(axis=1)


def _naive_kl(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    return (P * np.log2(P / Q)).sum(axis=1)


def _cross_entropy(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    return -torch.special.xlogy(torch.as_tensor(P), torch.as_tensor(Q)).sum(1).numpy() / np.log(2)


def _same_shape(got: Any, want: Any) -> bool:
    return isinstance(got, np.ndarray) and got.shape == want.shape


KL_BITS = Exercise(
    id="probability-and-information.kl-bits",
    level=2,
    call="kl_bits(P, Q)",
    returns=("kl (N,)",),
    example=(
        np.array([[0.5, 0.25, 0.125, 0.125], [0.5, 0.5, 0.0, 0.0]]),
        np.array([[0.125, 0.5, 0.25, 0.125], [0.25, 0.25, 0.25, 0.25]]),
    ),
    inputs=_rows,
    oracle=_kl,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "Where P is 0 it computes 0 · log 0, which is nan: such an outcome never occurs, and "
            "costs nothing.",
            when=lambda args, got, want: (
                _same_shape(got, want) and bool((np.isnan(got) & ~np.isnan(want)).any())
            ),
        ),
        Mistake("It is in nats: divide by log 2.", like=lambda P, Q: _kl(P, Q) * np.log(2)),
        Mistake(
            "The arguments are swapped: the outcomes come from P, so P weighs the logarithms.",
            like=lambda P, Q: _kl(Q, P),
        ),
        Mistake(
            "This is the cross-entropy: subtract the entropy of P, what the right code costs.",
            like=_cross_entropy,
        ),
        Mistake(
            "This is the cross-entropy in nats: subtract the entropy of P, and divide by log 2.",
            like=lambda P, Q: _cross_entropy(P, Q) * np.log(2),
        ),
        Mistake(
            "Where Q is 0 and P is not, the divergence is infinite: the code has no word for what "
            "occurs. Here it is skipped.",
            like=_kl_ignoring,
        ),
        Mistake(
            "A small number is added against zeros, and makes a finite price of an infinite one.",
            when=lambda args, got, want: (
                _same_shape(got, want)
                and bool((np.isinf(want) & np.isfinite(got)).any())
                and not np.allclose(got, _kl_ignoring(*args))
            ),
        ),
        Mistake(
            "It sums over the examples: each row is a pair of distributions of its own.",
            when=lambda args, got, want: isinstance(got, (float, np.ndarray)) and np.ndim(got) == 0,
        ),
        Mistake(
            "It is the mean over the outcomes: the divergence is their sum.",
            like=lambda P, Q: _kl(P, Q) / P.shape[1],
        ),
        Mistake(
            "The sign is reversed: a divergence is never negative.",
            like=lambda P, Q: -_kl(P, Q),
        ),
        Mistake(
            "The absolute values of the terms are summed: single terms may be negative, and "
            "their sum is not.",
            like=lambda P, Q: np.abs(
                P * np.log2(np.where(P > 0, P, 1) / np.where(P > 0, Q, 1))
            ).sum(axis=1),
        ),
    ),
    hints=(
        "The sum runs over the outcomes, axis 1: P times the logarithm of P / Q. What must an "
        "outcome with P = 0 contribute, and what does 0 * log(0) give?",
        "np.where(P > 0, P, 1) and np.where(P > 0, Q, 1) make the logarithm harmless where P is 0. "
        "In torch, torch.special.xlogy(P, Q) knows the convention.",
        "Where Q is 0 and P is not, infinity is the right answer: let the division say so, and "
        "np.errstate(divide='ignore') keep its warning quiet.",
    ),
    notice="A model that calls possible things impossible has an infinite loss, and no other "
    "prediction can make up for it.",
)


def _count_lists(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([1, 1]),)
    yield (np.array([1, 100]),)
    yield (np.array([5, 5, 5]),)
    yield (np.array([1, 1, 2, 3, 5, 8, 13, 21]),)
    yield (np.array([7] * 8),)
    yield (np.array([1, 2, 4, 8, 16, 32, 64]),)
    yield (np.array([20, 17, 6, 3, 2, 2, 2, 1, 1, 1]),)
    yield (np.array([6, 6, 4, 4, 4]),)
    yield (np.array([15, 7, 6, 6, 5]),)  # here halving from the top is not the best
    for k in (5, 12, 30):
        yield (rng.geometric(0.05, size=k),)


def _huffman_lengths(counts: np.ndarray) -> np.ndarray:
    heap = [(int(count), k, [k]) for k, count in enumerate(counts)]
    heapq.heapify(heap)
    lengths, fresh = np.zeros(len(counts), dtype=int), len(heap)
    while len(heap) > 1:
        few, _, left = heapq.heappop(heap)
        more, _, right = heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (few + more, fresh, left + right))
        fresh += 1
    return lengths


def _not_best(args: tuple, got: np.ndarray, want: np.ndarray) -> str | None:
    counts = np.asarray(args[0])
    if (got < 1).any():
        return "A symbol has a code of length 0 or less: every symbol needs a bit at least."
    kraft = (2.0**-got).sum()
    if kraft > 1:
        return (
            f"No receiver could tell these codes apart: the sum of 2^-length is {kraft:.3f}, and "
            "with codes of which none begins another it is at most 1."
        )
    ours, best = int((counts * got).sum()), int((counts * want).sum())
    if ours > best:
        return (
            f"With these lengths counts = {counts.tolist()} cost {ours} bits, and {best} are "
            "enough."
        )
    return None


def _shannon(counts: np.ndarray) -> np.ndarray:
    return np.maximum(1, np.ceil(-np.log2(counts / counts.sum()) - 1e-12)).astype(int)


def _fano(counts: np.ndarray) -> np.ndarray:
    """Cut the sorted list into halves as equal as can be, and go on with each."""
    lengths = np.zeros(len(counts), dtype=int)
    parts = [np.argsort(-counts, kind="stable")]
    while parts:
        part = parts.pop()
        if len(part) > 1:
            lengths[part] += 1
            sums = np.cumsum(counts[part])
            cut = int(np.abs(2 * sums[:-1] - sums[-1]).argmin()) + 1
            parts += [part[:cut], part[cut:]]
    return lengths


def _in_order_of_size(counts: np.ndarray) -> np.ndarray:
    """1, 2, 3, ... bits, the most frequent first."""
    lengths = np.empty(len(counts), dtype=int)
    lengths[np.argsort(-counts, kind="stable")] = np.arange(1, len(counts) + 1)
    lengths[lengths == len(counts)] = max(len(counts) - 1, 1)
    return lengths


def _gives(make: Callable[[np.ndarray], np.ndarray]) -> Callable[[tuple, Any, Any], bool]:
    return lambda args, got, want: (
        isinstance(got, np.ndarray) and np.array_equal(got, make(np.asarray(args[0])))
    )


def _largest_first(counts: np.ndarray) -> np.ndarray:
    return _huffman_lengths(-counts)


CODE_LENGTHS = Exercise(
    id="probability-and-information.code-lengths",
    level=2,
    call="code_lengths(counts)",
    returns=("lengths (K,)",),
    example=(np.array([4, 2, 1, 1]),),
    inputs=_count_lists,
    oracle=_huffman_lengths,
    verify=_not_best,
    mistakes=(
        Mistake(
            "These are the surprises rounded up. Such codes exist, but joining the two rarest "
            "finds shorter ones.",
            when=_gives(_shannon),
        ),
        Mistake(
            "The sorted list is cut into halves from the top, as Shannon and Fano did: good codes, "
            "but joining the two rarest finds shorter ones.",
            when=_gives(_fano),
        ),
        Mistake(
            "Every symbol has the same length: frequent ones should be shorter.",
            when=lambda args, got, want: (
                len(set(got.tolist())) == 1 and len(set(want.tolist())) > 1
            ),
        ),
        Mistake(
            "The lengths go 1, 2, 3, …, as if the tree were one long branch. A joined pair goes "
            "back among the others, with the sum of its counts.",
            when=_gives(_in_order_of_size),
        ),
        Mistake(
            "The two most frequent are joined: they get the longest codes. Join the two rarest.",
            when=_gives(_largest_first),
        ),
        Mistake(
            "One is missing everywhere: joining adds a bit to every symbol below, also the first "
            "time.",
            when=lambda args, got, want: np.array_equal(got, want - 1),
        ),
        Mistake(
            "The codes are longer than needed by the same number of bits everywhere: count the "
            "joins above a symbol, not the nodes on its way.",
            when=lambda args, got, want: np.ptp(got - want) == 0 and got[0] > want[0],
        ),
    ),
    hints=(
        "A code's length is the number of joins that its symbol takes part in. So keep, for every "
        "group in the heap, the list of its symbols.",
        "heapq.heappop gives the smallest entry of a list of tuples (count, number, symbols). Pop "
        "two, add 1 to the length of every symbol of both, push the union with the summed count.",
        "The number in the middle must be different for every entry: it decides between equal "
        "counts before Python compares the lists.",
    ),
    notice="Ties can be broken in several ways, and the lengths may differ, but the total number "
    "of bits cannot.",
)


ALPHABET = "abcdefghijklmnopqrstuvwxyz "
BUDGET = 3.45
HELD_OUT = ("digits.rst", "iris.rst", "wine_data.rst")


@cache
def _letters() -> tuple[np.ndarray, np.ndarray]:
    """Letters of scikit-learn's descriptions, as numbers: for training, and those held out."""
    folder = Path(find_spec("sklearn").origin).parent / "datasets" / "descr"
    found: dict[bool, list[str]] = {True: [], False: []}
    for path in sorted(folder.glob("*.rst")):
        text = re.sub("[^a-z]+", " ", path.read_text(encoding="utf-8").lower())
        found[path.name in HELD_OUT].append(text)
    train, test = ("".join(found[held]) for held in (False, True))
    return tuple(np.array([ALPHABET.index(c) for c in text]) for text in (train, test))


def _trainings(rng: np.random.Generator) -> Iterator[tuple]:
    train, _ = _letters()
    for start in (6000, 14000):
        yield (train[start : start + 6000],)
    yield (train[:50],)


def _interpolated(x: np.ndarray, a: float = 10.0, b: float = 10.0) -> np.ndarray:
    triples = np.zeros((27, 27, 27))
    np.add.at(triples, (x[:-2], x[1:-1], x[2:]), 1)
    pairs = triples.sum(axis=0)
    single = (pairs.sum(axis=0) + 1) / (pairs.sum() + 27)
    paired = (pairs + a * single) / (pairs.sum(axis=1, keepdims=True) + a)
    return (triples + b * paired) / (triples.sum(axis=2, keepdims=True) + b)


def _measured(P: np.ndarray) -> float:
    """Bits per letter on the held-out text."""
    _, y = _letters()
    return float(-np.log2(P[y[:-2], y[1:-1], y[2:]]).mean())


def _no_good_predictor(args: tuple, got: np.ndarray, want: np.ndarray) -> str | None:
    if not np.isfinite(got).all():
        return "P holds nan or infinity: what happens after two letters that never occurred?"
    if (got < 0).any():
        return "P holds a negative number: these are to be probabilities."
    if not np.allclose(got.sum(axis=2), 1, atol=1e-6):
        worst = np.unravel_index(np.abs(got.sum(axis=2) - 1).argmax(), (27, 27))
        pair = "".join(ALPHABET[k] for k in worst)
        return f"After {pair!r} the probabilities sum to {got[worst].sum():.4g}, and must sum to 1."
    if (got <= 0).any():
        a, b, c = np.argwhere(got <= 0)[0]
        return (
            f"{ALPHABET[c]!r} is impossible after {ALPHABET[a] + ALPHABET[b]!r}: on the day that "
            "it occurs, the code has no word for it, and the measure is infinite."
        )
    bits = _measured(got)
    if len(args[0]) >= 1000 and bits > math.log2(27):
        return (
            f"It needs {bits:.3f} bits per letter, more than a uniform guess, {math.log2(27):.3f}: "
            "is P[a, b] the row for first a, then b?"
        )
    if len(args[0]) >= 1000 and bits > BUDGET:
        return (
            f"It needs {bits:.3f} bits per letter on text that it has not seen; the budget is "
            f"{BUDGET}."
        )
    return None


def _only(kind: int) -> Callable[[tuple, Any, Any], bool]:
    """Whether a predictor looks at no letter (0) or only at the last one (1)."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if not _same_shape(got, want) or not np.allclose(got.sum(axis=2), 1) or (got <= 0).any():
            return False
        if len(args[0]) < 1000:
            return False
        rows = got.reshape(-1, 27) if kind == 0 else got
        return bool(np.allclose(rows, rows[:1])) and (kind == 0 or not np.allclose(got, got[0, 0]))

    return when


LETTERS = Exercise(
    id="probability-and-information.letters",
    level=3,
    call="letter_model(x)",
    returns=("P (27, 27, 27)",),
    example=(np.array([1, 0, 13, 0, 13, 0, 26, 1, 0, 13]),),
    inputs=_trainings,
    oracle=_interpolated,
    verify=_no_good_predictor,
    seconds=4.0,
    mistakes=(
        Mistake(
            "It looks at no letter before: the frequencies alone cannot come below 4 bits. Let the "
            "last two letters choose the row.",
            when=_only(0),
        ),
        Mistake(
            "It looks only at the letter before, and two are given: but with so few texts many "
            "pairs are rare, so mix what two letters say with what one says.",
            when=_only(1),
        ),
        Mistake(
            "The axes are in another order: P[a, b] must be the distribution of the letter after "
            "a and b.",
            when=lambda args, got, want: (
                _same_shape(got, want)
                and not np.allclose(got.sum(axis=2), 1)
                and (np.allclose(got.sum(axis=0), 1) or np.allclose(got.sum(axis=1), 1))
            ),
        ),
        Mistake(
            "These are counts: divide by the sum of each row.",
            when=lambda args, got, want: (
                _same_shape(got, want)
                and np.isfinite(got).all()
                and len(args[0]) - 5 <= got.sum() - 27**3 * got.min() <= len(args[0]) + 5
                and got.max() > 1
            ),
        ),
        Mistake(
            "All 27³ entries together sum to 1: this is the probability of three letters, and "
            "each row must be a distribution of its own.",
            when=lambda args, got, want: _same_shape(got, want) and bool(np.isclose(got.sum(), 1)),
        ),
    ),
    hints=(
        "Count triples of letters with np.add.at. After most pairs you have seen only a few "
        "letters; what do you fall back on for the others?",
        "Instead of adding the same number to every letter, add b times the distribution that the "
        "last letter alone gives: (triples + b * paired) / (their sum + b).",
        "Do the same one level lower: mix the pairs with the single letters, and those with one "
        "count for every letter. Choose the two weights on a part of x that you did not count: "
        "values from 10 to 30 are good.",
    ),
    notice="A language model of today does the same thing with a longer memory: it is trained to "
    "need few bits for text that it has not seen.",
)


EXERCISES = (POSTERIOR, GAUSSIAN_FIT, KL_BITS, CODE_LENGTHS, LETTERS)
