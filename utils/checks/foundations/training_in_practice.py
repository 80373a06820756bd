"""The exercises of Training in practice."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import cache

import numpy as np

from utils.exercises.spec import Exercise, Mistake

Array = np.ndarray

# ---------------------------------------------------------------- twins


def _tables(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[7.0]]), np.array([[7.0], [8.0]])
    yield np.array([[1.0, 2.0, 3.0]] * 2), np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    yield np.array([[1.0, 5.0], [2.0, 6.0]]), np.array([[1.0, 6.0], [2.0, 5.0], [2.0, 6.0]])
    yield np.array([[0.1, 0.2], [0.5, 0.5]]), np.array([[0.1, 0.2001], [0.5, 0.5], [0.5, 0.5]])
    for n, m, width in ((6, 9, 2), (20, 4, 3), (5, 12, 4)):
        train = rng.integers(0, 3, size=(n, width)).astype(float)
        test = rng.integers(0, 3, size=(m, width)).astype(float)
        test[0] = train[n // 2]
        test[1] = 5
        yield train, test


def _twins(train: Array, test: Array) -> Array:
    rows = {tuple(row) for row in train.tolist()}
    return np.array([tuple(row) in rows for row in test.tolist()])


def _same_values(train: Array, test: Array) -> Array:
    return np.array([set(row) <= set(train.ravel().tolist()) for row in test.tolist()])


def _by_column(train: Array, test: Array) -> Array:
    columns = [np.isin(test[:, d], train[:, d]) for d in range(test.shape[1])]
    return np.array(columns).all(axis=0)


TWINS = Exercise(
    id="training-in-practice.twins",
    level=1,
    call="twins(train, test)",
    returns=("same (M,)",),
    example=(
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[3.0, 4.0], [2.0, 1.0], [1.0, 4.0]]),
    ),
    inputs=_tables,
    oracle=_twins,
    mistakes=(
        Mistake(
            "The answer is for the rows of train. Asked for are the rows of test that train holds.",
            when=lambda args, got, want: np.shape(got) == (len(args[0]),) != want.shape,
        ),
        Mistake(
            "No row is found, though train holds some. Any one row of train is enough: must it "
            "here equal every row of train, or the first?",
            when=lambda args, got, want: (
                np.shape(got) == want.shape and bool(want.any()) and not np.any(got)
            ),
        ),
        Mistake(
            "The axes are exchanged: all values of a row must agree (all over the columns, the "
            "last axis), with any row of train.",
            like=lambda train, test: (test[:, None] == train).all(axis=1).any(axis=1),
        ),
        Mistake(
            "Only exact twins count here; close ones are another question.",
            like=lambda train, test: (
                np.isclose(test[:, None], train, atol=1e-3).all(axis=2).any(axis=1)
            ),
        ),
        Mistake(
            "It looks only at the rows in the same place. A twin can stand anywhere in train.",
            like=lambda train, test: np.array(
                [i < len(train) and bool((train[i] == row).all()) for i, row in enumerate(test)]
            ),
        ),
        Mistake(
            "Each value occurs in its column of train, but not all of them in one row.",
            like=_by_column,
        ),
        Mistake(
            "Rows are the same when all their values are the same; here one equal value is enough.",
            like=lambda train, test: (test[:, None] == train).any(axis=(1, 2)),
        ),
        Mistake("Each value occurs somewhere in train, but not as a row.", like=_same_values),
        Mistake(
            "The order of the values is lost: (1, 2) and (2, 1) are different rows.",
            like=lambda train, test: _twins(np.sort(train, axis=1), np.sort(test, axis=1)),
        ),
        Mistake(
            "The sums of two different rows can be the same: compare the values.",
            like=lambda train, test: np.isin(test.sum(axis=1), train.sum(axis=1)),
        ),
        Mistake(
            "True and False are exchanged: True is for a row that train holds.",
            like=lambda train, test: ~_twins(train, test),
        ),
    ),
    hints=(
        "For one test row: train == row compares it with all rows of train at once. Which axis "
        "must agree everywhere?",
        "All values of a row must agree (all over the columns), with any row of train (any over "
        "the rows).",
        "For all test rows at once: test[:, None, :] == train has the shape (M, N, D).",
    ),
    notice="For large tables one puts the training rows into a set, which takes one look per row.",
)

# ---------------------------------------------------------------- fill-and-scale


def _gaps(rng: np.random.Generator) -> Iterator[tuple]:
    nan = np.nan
    yield np.array([[4.0]]), np.array([[nan], [6.0]])
    yield np.array([[1.0, 0.0], [2.0, 0.0], [6.0, 0.0]]), np.array([[3.0, nan], [9.0, 2.0]])
    yield np.array([[nan, 1.0], [2.0, nan], [8.0, 3.0]]), np.array([[nan, nan]])
    for n, m, width in ((7, 4, 3), (5, 8, 2), (30, 6, 5)):
        scale = 10 ** rng.uniform(-1, 1.5, size=width)
        train = scale * (rng.normal(size=(n, width)) + 2)
        other = scale * (rng.normal(size=(m, width)) + 3)
        train[rng.random(train.shape) < 0.2] = nan
        other[rng.random(other.shape) < 0.3] = nan
        train[0], other[0, 0] = scale * 1.5, nan  # every column has a value, and other a gap
        train[1] = scale * 0.5
        yield train, other


def _filled(source: Array, X: Array, fill: Array | None = None, ddof: int = 0) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean = np.nanmean(source, axis=0)
        spread = np.nanstd(source, axis=0, ddof=ddof)
    fill = mean if fill is None else fill
    return (np.where(np.isnan(X), fill, X) - mean) / np.where(spread > 0, spread, 1.0)


def _fill_and_scale(train: Array, other: Array) -> tuple:
    return _filled(train, train), _filled(train, other)


def _filled_first(train: Array, other: Array) -> tuple:
    mean = np.nanmean(train, axis=0)
    train, other = (np.where(np.isnan(X), mean, X) for X in (train, other))
    return _fill_and_scale(train, other)


FILL = Exercise(
    id="training-in-practice.fill-and-scale",
    level=1,
    call="fill_and_scale(train, other)",
    returns=("train (N, D)", "other (M, D)"),
    example=(
        np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]),
        np.array([[5.0, np.nan], [2.0, 6.0]]),
    ),
    inputs=_gaps,
    oracle=_fill_and_scale,
    mistakes=(
        Mistake(
            "Each array is scaled by its own mean and deviation. The rows of other must be treated "
            "as the training rows were, or equal inputs come out different.",
            like=lambda train, other: (_filled(train, train), _filled(other, other)),
        ),
        Mistake(
            "Mean and deviation come from both arrays together: that is a leak. Use train alone.",
            like=lambda train, other: tuple(
                _filled(np.concatenate([train, other]), X) for X in (train, other)
            ),
        ),
        Mistake(
            "The gaps are filled with 0 before scaling. Fill them with the mean, which comes out "
            "as 0.",
            like=lambda train, other: tuple(
                _filled(train, X, np.zeros(train.shape[1])) for X in (train, other)
            ),
        ),
        Mistake(
            "The deviation is that of the filled column, in which the filled values do not "
            "scatter. Take it over the values that are present.",
            like=_filled_first,
        ),
        Mistake(
            "The deviation divides by the number of values minus 1. Asked for is the number.",
            like=lambda train, other: tuple(_filled(train, X, ddof=1) for X in (train, other)),
        ),
        Mistake(
            "A column of train is constant, and its deviation is 0 (or a tiny number added to 0). "
            "There divide by 1.",
            when=lambda args, got, want: max(np.abs(part).max() for part in got) > 1e6,
        ),
        Mistake(
            "It divides by the variance. Asked for is its root, the standard deviation.",
            like=lambda train, other: tuple(
                _filled(train, X) / np.where(np.nanstd(train, 0) > 0, np.nanstd(train, 0), 1.0)
                for X in (train, other)
            ),
        ),
        Mistake(
            "There are still gaps in the result: nan spreads through every sum. NumPy has "
            "nanmean and nanstd.",
            when=lambda args, got, want: any(bool(np.isnan(part).any()) for part in got),
        ),
        Mistake(
            "A column of train with a gap comes out as zeros: its mean was nan. NumPy has nanmean "
            "and nanstd.",
            like=lambda train, other: tuple(
                np.where(np.isnan(train).any(axis=0), 0.0, np.nan_to_num(_filled(train, X)))
                for X in (train, other)
            ),
        ),
        Mistake(
            "Means and deviations are those of the rows. Each column has its own.",
            when=lambda args, got, want: (
                args[0].shape[1] > 1
                and bool(np.any(got[0]))
                and bool(np.allclose(np.nanmean(got[0], axis=1), 0, atol=1e-6))
                and not np.allclose(want[0].mean(axis=1), 0, atol=1e-6)
            ),
        ),
    ),
    hints=(
        "np.nanmean and np.nanstd ignore gaps; axis=0 gives one number for each column.",
        "A constant column has the deviation 0: np.where(spread > 0, spread, 1.0).",
        "A gap that is filled with the mean is 0 after the mean is subtracted, so one may scale "
        "first and fill with 0 afterwards: np.nan_to_num.",
    ),
    notice="What is estimated from data, be it only a mean, belongs to the model and is fitted on "
    "the training rows.",
)

# ---------------------------------------------------------------- stratified-split


def _classes(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.zeros(7, dtype=int), 0.3
    yield np.array([1, 0, 1, 0, 1, 0, 1, 0, 2, 2]), 0.5
    yield np.repeat([0, 1, 2, 3], [3, 3, 3, 3]), 0.5
    yield np.repeat([2, 0, 1], [30, 20, 2]), 0.2
    yield np.arange(9), 0.34
    yield np.array([1, 1, 0] * 8), 0.25
    yield rng.permutation(np.repeat([0, 1], [93, 7])), 0.25
    yield rng.permutation(np.repeat(np.arange(5), [40, 3, 17, 11, 2])), 0.15


def _stratified(y: Array, share: float) -> Array:
    due = np.floor(share * np.arange(len(y) + 1) + 1e-9)
    test = np.empty(len(y), dtype=bool)
    test[np.argsort(y, kind="stable")] = np.diff(due) > 0
    return test


def _is_stratified(args: tuple, got: Array, want: Array) -> str | None:
    y, share = args
    total = int(np.floor(share * len(y) + 1e-9))
    if not got.any() and total:
        return "The test set is empty."
    text = (
        "argsort names the example at each place of the line; the choice is read there as if it "
        "gave the place of each example. Write test[order] = chosen."
    )
    chosen = np.diff(np.floor(share * np.arange(len(y) + 1) + 1e-9)) > 0
    twisted = any((got == chosen[np.argsort(y, kind=kind)]).all() for kind in (None, "stable"))
    for k in np.unique(y):
        size, taken = int((y == k).sum()), int(got[y == k].sum())
        if abs(taken - share * size) >= 1 - 1e-9:
            if twisted:
                return text
            text = f"Of class {k} with {size} examples {taken} are in the test set; "
            if np.isclose(got.mean(), 1 - share, atol=1 / len(y)) and abs(share - 0.5) > 0.1:
                return text + "are training and test exchanged?"
            if got.sum() == total:
                return text + f"the share would be {share * size:.4g}. Split each class by itself."
            return text + f"the share would be {share * size:.4g}."
    if got.sum() != total:
        return (
            f"Each class has its share, but the test set has {got.sum()} of {len(y)} examples and "
            f"should have {total}: the roundings of the classes add up."
        )
    return None


SPLIT = Exercise(
    id="training-in-practice.stratified-split",
    level=2,
    call="stratified_split(y, share)",
    returns=("test (N,)",),
    example=(np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), 0.25),
    inputs=_classes,
    oracle=_stratified,
    verify=_is_stratified,
    hints=(
        "Sort the examples by class (np.argsort), and think of them as one long line.",
        "Walk along the line and count: after i examples floor(share · i) must have been taken. "
        "Take one whenever that number rises.",
        "A class is a piece of the line, from a to b. It gets floor(share · b) - floor(share · a), "
        "which differs from share · (b - a) by less than 1.",
    ),
    notice="With a share of at most one half, a class of one or two examples has at most one in "
    "the test set, which says little about it.",
)

# ---------------------------------------------------------------- sign-test


def _answers(both: int, a: int, b: int, none: int) -> tuple:
    counts = [both, a, b, none]
    return (
        np.repeat([1, 1, 0, 0], counts),
        np.repeat([1, 0, 1, 0], counts),
    )


def _pairs(rng: np.random.Generator) -> Iterator[tuple]:
    yield _answers(3, 0, 0, 2)
    yield _answers(1, 0, 1, 0)
    yield _answers(0, 3, 3, 0)
    yield _answers(20, 1, 9, 4)
    yield _answers(5, 7, 2, 0)
    yield _answers(176, 4, 12, 8)
    for n in (30, 60):
        a, b = (rng.random(n) < 0.6).astype(int), (rng.random(n) < 0.75).astype(int)
        a[:3], b[:3] = [0, 0, 1], [1, 1, 0]
        yield a, b


def _p(b: int, m: int, alternative: str = "two-sided") -> float:
    from scipy.stats import binomtest  # takes a second to import, and is needed here only

    return float(binomtest(b, m, 0.5, alternative).pvalue) if m else 1.0


def _counts(a: Array, b: Array) -> tuple[int, int]:
    return int((b & ~a).sum()), int((a != b).sum())


def _sign_test(a: Array, b: Array) -> float:
    return _p(*_counts(a, b))


SIGN = Exercise(
    id="training-in-practice.sign-test",
    level=2,
    call="sign_test(right_a, right_b)",
    returns=("p",),
    example=_answers(10, 5, 1, 4),
    inputs=_pairs,
    oracle=_sign_test,
    mistakes=(
        Mistake(
            "Where the models never differ (m = 0), nothing speaks against equality: p is 1.",
            when=lambda args, got, want: bool((args[0] == args[1]).all()),
        ),
        Mistake(
            "All examples are counted. Where the two models agree, nothing is tossed: m is the "
            "number of examples on which they differ.",
            like=lambda a, b: _p(_counts(a, b)[0], len(a)),
        ),
        Mistake(
            "This is one direction only, for the second model being better. A result as uneven in "
            "the other direction counts as well.",
            like=lambda a, b: _p(*_counts(a, b), "greater"),
        ),
        Mistake(
            "This is one direction only, for the first model being better. A result as uneven in "
            "the other direction counts as well.",
            like=lambda a, b: _p(*_counts(a, b), "less"),
        ),
        Mistake(
            "It takes the direction of the result alone. One as uneven the other way counts too.",
            like=lambda a, b: min(_p(*_counts(a, b), "greater"), _p(*_counts(a, b), "less")),
        ),
        Mistake(
            "It is always the tail of the second model that is doubled. Where the first is ahead, "
            "the other tail is the smaller one.",
            like=lambda a, b: min(1.0, 2 * _p(*_counts(a, b), "greater")),
        ),
        Mistake(
            "This is the normal approximation. With few tosses it is off: add up the exact "
            "probabilities.",
            like=lambda a, b: math.erfc(
                abs(2 * _counts(a, b)[0] / _counts(a, b)[1] - 1) * (_counts(a, b)[1] / 2) ** 0.5
            ),
        ),
        Mistake(
            "Twice one tail is more than 1 when the models are equal: the middle is counted twice.",
            when=lambda args, got, want: float(got) > 1 + 1e-9 and float(want) == 1,
        ),
        Mistake(
            "A probability is at most 1. Are the numbers of ways divided by all 2**m?",
            when=lambda args, got, want: float(got) > 1 + 1e-9,
        ),
        Mistake(
            "b counts where only the second model is right. Here it is all right answers of the "
            "second, and m is all examples.",
            like=lambda a, b: _p(int(b.sum()), len(a)),
        ),
        Mistake(
            "Results that are exactly as uneven as this one belong to it: at least as uneven.",
            like=lambda a, b: (
                _sign_test(a, b)
                - (2 if 2 * _counts(a, b)[0] != _counts(a, b)[1] else 1)
                * float(
                    np.prod([(_counts(a, b)[1] - i) / (i + 1) for i in range(_counts(a, b)[0])])
                )
                / 2 ** _counts(a, b)[1]
            ),
        ),
        Mistake(
            "This is the probability of exactly this result. Add those that are more uneven.",
            like=lambda a, b: (
                float(np.prod([(_counts(a, b)[1] - i) / (i + 1) for i in range(_counts(a, b)[0])]))
                / 2 ** _counts(a, b)[1]
            ),
        ),
        Mistake(
            "It is the probability of a result less uneven: take it from 1.",
            like=lambda a, b: 1 - _sign_test(a, b),
        ),
    ),
    hints=(
        "Count b (only the second is right) and m (the two differ). All else is about m tosses of "
        "a fair coin.",
        "The probability of k heads is math.comb(m, k) / 2**m.",
        "Add it up over all k with |2k - m| ≥ |2b - m|.",
    ),
    notice="With 6 disagreements even 6 to 0 gives p = 0.031, so a small test set can hardly prove "
    "anything.",
)

# ---------------------------------------------------------------- diagnose

NAMES = {
    "healthy": "healthy",
    "softmax": "softmax twice",
    "kept": "gradients kept",
    "labels": "labels shuffled",
    "dead": "dead units",
    "path": "scaled in training only",
}
ORDER = ("first", "dead", "twice", "fit_loss", "fit_right", "train", "path", "val")


@cache  # a network takes a tenth of a second, and the judge lives on
def _measured(fault: str, seed: int) -> tuple:
    from utils.widgets.clinic import Patient  # the networks of the figure

    found = Patient(fault, seed).vitals()
    found["first"] /= np.log(4)
    return tuple(round(float(found[name]), 4) for name in ORDER)


def _wards(rng: np.random.Generator) -> Iterator[tuple]:
    for fault in NAMES:
        yield _measured(fault, int(rng.integers(1, 4)))
    yield 1.0, 0.25, 1.0, 0.03, 1.0, 0.95, 0.95, 0.9  # a few dead units are no illness
    yield 1.0, 1.0, 1.0, 1.3, 0.33, 0.25, 0.25, 0.25
    yield 1.05, 0.0, 2.0, 0.0, 1.0, 0.85, 0.85, 0.82  # gradients kept, and yet it learns
    yield 0.98, 0.08, 1.0, 0.76, 1.0, 0.96, 0.96, 0.95
    yield 1.02, 0.0, 1.0, 0.03, 1.0, 0.97, 0.27, 0.25
    yield 1.01, 0.0, 1.0, 0.05, 1.0, 0.43, 0.43, 0.2
    yield 1.0, 0.0, 1.0, 0.02, 1.0, 0.96, 0.73, 0.71  # the paths differ, but mildly


def _diagnose(first, dead, twice, fit_loss, fit_right, train, path, val) -> int:  # noqa: ANN001
    if dead > 0.9:
        return 4
    if twice > 1.5:
        return 2
    if fit_loss > 0.6:
        return 1
    if train - path > 0.15:
        return 5
    return 0 if train > 0.7 else 3


WHY = {
    "dead units": "Where hidden units answer to no example at all (dead near 1), no gradient gets "
    "through, and all else follows from that.",
    "gradients kept": "twice is 2 where it should be 1: two passes with no step between them must "
    "store the same gradient. Whether the network learns in spite of it does not matter.",
    "softmax twice": "All the few examples are right (fit_right is 1), and their loss is still "
    "high: something keeps the scores from growing.",
    "scaled in training only": "The very same training data are right in training (train) and "
    "wrong in evaluation (path), so the two paths differ.",
    "labels shuffled": "It can fit a few examples, and yet it hardly learns the training set: what "
    "it is to learn has no system.",
    "healthy": "Nothing is wrong with this network: it fits, learns, and does as well in "
    "evaluation. A few silent units are no illness.",
}


def _named(args: tuple, got: object, want: object) -> str | None:
    names, code, right = list(NAMES.values()), int(np.asarray(got)), int(np.asarray(want))
    if code == right:
        return None
    if not 0 <= code < len(names):
        return f"{code} is none of the six numbers, 0 to 5."
    return f"A network with {names[right]!r} was taken for {names[code]!r}. {WHY[names[right]]}"


DIAGNOSE = Exercise(
    id="training-in-practice.diagnose",
    level=3,
    call="diagnose(first, dead, twice, fit_loss, fit_right, train, path, val)",
    returns=("fault",),
    example=(0.99, 0.0, 1.0, 0.02, 1.0, 0.96, 0.96, 0.93),
    inputs=_wards,
    oracle=_diagnose,
    verify=_named,
    hints=(
        "Begin with the faults that show in one number of their own, whatever the others say: "
        "dead, then twice.",
        "Two softmaxes: the few examples are right, and their loss stays above 0.74. Two paths: "
        "train is far above path.",
        "What is left has passed all tests but one: with shuffled labels the training set itself "
        "is not learned.",
    ),
    notice="The order matters: a test that does not depend on training comes before those that do.",
    seconds=1.5,
)

EXERCISES = (TWINS, FILL, SPLIT, SIGN, DIAGNOSE)
