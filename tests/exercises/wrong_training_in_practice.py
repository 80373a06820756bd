"""Wrong answers on training in practice: the mistake is the function's name."""

from __future__ import annotations

import math

import numpy as np
from wrong import wrong

NAME = "training-in-practice"

# ---------------------------------------------------------------- twins


@wrong(f"{NAME}.twins", says="one equal value is enough")
def any_value_in_common(train, test):
    return np.array([any((row == other).any() for other in train) for row in test])


@wrong(f"{NAME}.twins", says="not all of them in one row")
def each_column_by_itself(train, test):
    return np.array([all(v in train[:, d] for d, v in enumerate(row)) for row in test])


@wrong(f"{NAME}.twins", says="The order of the values is lost")
def rows_as_sets(train, test):
    rows = [sorted(row) for row in train.tolist()]
    return np.array([sorted(row) in rows for row in test.tolist()])


@wrong(f"{NAME}.twins", says="exchanged")
def new_rows_marked(train, test):
    rows = train.tolist()
    return np.array([row not in rows for row in test.tolist()])


@wrong(f"{NAME}.twins", says="The answer is for the rows of train")
def the_other_way_round(train, test):
    rows = test.tolist()
    return np.array([row in rows for row in train.tolist()])


@wrong(f"{NAME}.twins", says="in the same place")
def compared_place_by_place(train, test):
    return np.array(
        [i < len(train) and train[i].tolist() == r for i, r in enumerate(test.tolist())]
    )


@wrong(f"{NAME}.twins", says="No row is found")
def all_over_the_rows_too(train, test):
    return (test[:, None, :] == train).all(axis=2).all(axis=1)


@wrong(f"{NAME}.twins", says="The axes are exchanged")
def all_over_the_wrong_axis(train, test):
    return (test[:, None, :] == train).all(axis=1).any(axis=1)


@wrong(f"{NAME}.twins", says="or the first")
def first_row_only(train, test):
    return (test == train[0]).all(axis=1)


@wrong(f"{NAME}.twins", says="Only exact twins count")
def nearest_within_a_hundredth(train, test):
    return np.array([np.linalg.norm(train - row, axis=1).min() < 0.01 for row in test])


# ---------------------------------------------------------------- fill-and-scale


def scaled(source, X):
    mean, spread = np.nanmean(source, axis=0), np.nanstd(source, axis=0)
    spread[spread == 0] = 1
    filled = np.where(np.isnan(X), mean, X)
    return (filled - mean) / spread


@wrong(f"{NAME}.fill-and-scale", says="its own mean and deviation")
def each_part_by_itself(train, other):
    return scaled(train, train), scaled(other, other)


@wrong(f"{NAME}.fill-and-scale", says="that is a leak")
def both_parts_together(train, other):
    everything = np.vstack([train, other])
    return scaled(everything, train), scaled(everything, other)


@wrong(f"{NAME}.fill-and-scale", says="filled with 0 before scaling")
def gaps_are_zero(train, other):
    mean, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    spread[spread == 0] = 1
    return tuple((np.nan_to_num(X) - mean) / spread for X in (train, other))


@wrong(f"{NAME}.fill-and-scale", says="deviation is that of the filled column")
def filled_before_the_deviation(train, other):
    mean = np.nanmean(train, axis=0)
    filled = np.where(np.isnan(train), mean, train)
    spread = filled.std(axis=0)
    spread[spread == 0] = 1
    rest = np.where(np.isnan(other), mean, other)
    return (filled - mean) / spread, (rest - mean) / spread


@wrong(f"{NAME}.fill-and-scale", says="still gaps in the result")
def gaps_left_open(train, other):
    mean, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    spread[spread == 0] = 1
    return (train - mean) / spread, (other - mean) / spread


@wrong(f"{NAME}.fill-and-scale", says="There divide by 1")
def a_small_number_added(train, other):
    mean, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    return tuple(np.nan_to_num((X - mean) / (spread + 1e-8)) for X in (train, other))


@wrong(f"{NAME}.fill-and-scale", says="comes out as zeros")
def gaps_in_the_mean(train, other):
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread == 0] = 1
    return tuple(np.nan_to_num((X - mean) / spread) for X in (train, other))


@wrong(f"{NAME}.fill-and-scale", says="divides by the variance")
def divided_by_the_variance(train, other):
    mean, spread = np.nanmean(train, axis=0), np.nanvar(train, axis=0)
    spread[spread == 0] = 1
    return tuple(np.nan_to_num((X - mean) / spread) for X in (train, other))


# ---------------------------------------------------------------- stratified-split


@wrong(f"{NAME}.stratified-split", says="Split each class by itself")
def the_first_examples(y, share):
    return np.arange(len(y)) < math.floor(share * len(y) + 1e-9)


@wrong(f"{NAME}.stratified-split", says="the roundings of the classes add up")
def rounded_up_in_each_class(y, share):
    test = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        members = np.flatnonzero(y == k)
        test[members[: math.ceil(share * len(members) - 1e-9)]] = True
    return test


@wrong(f"{NAME}.stratified-split", says="are training and test exchanged?")
def training_marked(y, share):
    due = np.floor(share * np.arange(len(y) + 1) + 1e-9)
    train = np.empty(len(y), dtype=bool)
    train[np.argsort(y, kind="stable")] = np.diff(due) == 0
    return train


@wrong(f"{NAME}.stratified-split", says="test[order] = chosen")
def order_taken_for_place(y, share):
    due = np.floor(share * np.arange(len(y) + 1) + 1e-9)
    return (np.diff(due) > 0)[np.argsort(y, kind="stable")]


@wrong(f"{NAME}.stratified-split", says="The test set is empty")
def nothing_for_the_test(y, share):
    return np.zeros(len(y), dtype=bool)


@wrong(f"{NAME}.stratified-split", says="expected shape")
def rows_instead_of_a_mask(y, share):
    order = np.argsort(y, kind="stable")
    return order[:: round(1 / share)]


# ---------------------------------------------------------------- sign-test


def heads(m):
    return np.array([math.comb(m, k) for k in range(m + 1)], dtype=float) / 2.0**m


def counted(right_a, right_b):
    b = sum(1 for p, q in zip(right_a, right_b) if q and not p)
    a = sum(1 for p, q in zip(right_a, right_b) if p and not q)
    return b, a + b


@wrong(f"{NAME}.sign-test", says="All examples are counted")
def agreements_tossed_too(right_a, right_b):
    b, _ = counted(right_a, right_b)
    m = len(right_a)
    uneven = abs(2 * np.arange(m + 1) - m) >= abs(2 * b - m)
    return float(heads(m)[uneven].sum())


@wrong(f"{NAME}.sign-test", says="for the second model being better")
def one_direction(right_a, right_b):
    b, m = counted(right_a, right_b)
    return float(heads(m)[b:].sum())


@wrong(f"{NAME}.sign-test", says="Twice one tail")
def doubled_without_a_cap(right_a, right_b):
    b, m = counted(right_a, right_b)
    return 2 * float(heads(m)[max(b, m - b) :].sum())


@wrong(f"{NAME}.sign-test", says="at least as uneven")
def more_uneven_only(right_a, right_b):
    b, m = counted(right_a, right_b)
    uneven = abs(2 * np.arange(m + 1) - m) > abs(2 * b - m)
    return float(heads(m)[uneven].sum())


@wrong(f"{NAME}.sign-test", says="exactly this result")
def this_result_alone(right_a, right_b):
    b, m = counted(right_a, right_b)
    return float(heads(m)[b])


@wrong(f"{NAME}.sign-test", says="nothing speaks against equality")
def no_difference_is_zero(right_a, right_b):
    b, m = counted(right_a, right_b)
    uneven = abs(2 * np.arange(m + 1) - m) >= abs(2 * b - m)
    return float(heads(m)[uneven].sum()) if m else 0.0


@wrong(f"{NAME}.sign-test", says="tail of the second model that is doubled")
def upper_tail_doubled(right_a, right_b):
    b, m = counted(right_a, right_b)
    return min(1.0, 2 * float(heads(m)[b:].sum()))


@wrong(f"{NAME}.sign-test", says="divided by all 2**m")
def ways_instead_of_chances(right_a, right_b):
    b, m = counted(right_a, right_b)
    return float(sum(math.comb(m, k) for k in range(m + 1) if abs(2 * k - m) >= abs(2 * b - m)))


@wrong(f"{NAME}.sign-test", says="all right answers of the second")
def all_right_answers_counted(right_a, right_b):
    b, m = int(right_b.sum()), len(right_b)
    uneven = abs(2 * np.arange(m + 1) - m) >= abs(2 * b - m)
    return float(heads(m)[uneven].sum())


@wrong(f"{NAME}.sign-test", says="normal approximation")
def by_the_normal_curve(right_a, right_b):
    b, m = counted(right_a, right_b)
    return math.erfc(abs(2 * b - m) / math.sqrt(2 * m)) if m else 1.0


# ---------------------------------------------------------------- diagnose


@wrong(f"{NAME}.diagnose", says="A few silent units are no illness")
def any_dead_unit(first, dead, twice, fit_loss, fit_right, train, path, val):
    if twice > 1.5:
        return 2
    if dead > 0.9 or (dead > 0.2 and val > 0.8):
        return 4
    if fit_loss > 0.6:
        return 1
    if train - path > 0.15:
        return 5
    return 0 if train > 0.7 else 3


@wrong(f"{NAME}.diagnose", says="in spite of it does not matter")
def whatever_learns_is_healthy(first, dead, twice, fit_loss, fit_right, train, path, val):
    if val > 0.8 and fit_loss < 0.6:
        return 0
    if dead > 0.9:
        return 4
    if twice > 1.5:
        return 2
    if fit_loss > 0.6:
        return 1
    return 5 if train - path > 0.15 else 3


@wrong(f"{NAME}.diagnose", says="no gradient gets through")
def high_loss_means_softmax(first, dead, twice, fit_loss, fit_right, train, path, val):
    if fit_loss > 0.6:
        return 1
    if twice > 1.5:
        return 2
    if train - path > 0.15:
        return 5
    return 0 if train > 0.7 else 3


@wrong(f"{NAME}.diagnose", says="right in training (train) and wrong in evaluation (path)")
def bad_validation_means_labels(first, dead, twice, fit_loss, fit_right, train, path, val):
    if dead > 0.9:
        return 4
    if twice > 1.5:
        return 2
    if fit_loss > 0.6:
        return 1
    return 0 if val > 0.7 else 3


@wrong(f"{NAME}.diagnose", says="something keeps the scores from growing")
def softmax_by_the_first_loss(first, dead, twice, fit_loss, fit_right, train, path, val):
    if dead > 0.9:
        return 4
    if twice > 1.5:
        return 2
    if first > 2:
        return 1
    if train - path > 0.15:
        return 5
    return 0 if train > 0.7 else 3


@wrong(f"{NAME}.diagnose", says="none of the six numbers")
def numbers_of_its_own(first, dead, twice, fit_loss, fit_right, train, path, val):
    return 7 if dead > 0.9 else 6
