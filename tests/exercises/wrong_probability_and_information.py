"""Wrong answers to the exercises of Probability and information."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from wrong import wrong

# ---- posterior -----------------------------------------------------------------------------------

POSTERIOR = "probability-and-information.posterior"


@wrong(POSTERIOR, says="The base rate is missing")
def posterior_without_the_base_rate(prior, sensitivity, specificity, positives, negatives):
    sick, healthy = 1.0, 1.0
    for _ in range(positives):
        sick, healthy = sick * sensitivity, healthy * (1 - specificity)
    for _ in range(negatives):
        sick, healthy = sick * (1 - sensitivity), healthy * specificity
    return sick / (sick + healthy)


@wrong(POSTERIOR, says="divide by the probability of the results")
def posterior_not_normalized(prior, sensitivity, specificity, positives, negatives):
    return prior * sensitivity**positives * (1 - sensitivity) ** negatives


@wrong(POSTERIOR, says="not yet that of being sick")
def posterior_as_the_likelihood(prior, sensitivity, specificity, positives, negatives):
    return sensitivity**positives * (1 - sensitivity) ** negatives


@wrong(POSTERIOR, says="with probability 1 - specificity; here")
def posterior_with_specificity_as_the_alarm_rate(
    prior, sensitivity, specificity, positives, negatives
):
    odds = prior / (1 - prior)
    odds *= (sensitivity / specificity) ** positives
    odds *= ((1 - sensitivity) / (1 - specificity)) ** negatives
    return odds / (1 + odds)


@wrong(POSTERIOR, says="the probability of being healthy")
def posterior_of_the_healthy(prior, sensitivity, specificity, positives, negatives):
    sick = prior * sensitivity**positives * (1 - sensitivity) ** negatives
    healthy = (1 - prior) * (1 - specificity) ** positives * specificity**negatives
    return healthy / (sick + healthy)


@wrong(POSTERIOR, says="Only the first positive result")
def posterior_after_one_test(prior, sensitivity, specificity, positives, negatives):
    sick, healthy = prior, 1 - prior
    if positives:
        sick, healthy = sick * sensitivity, healthy * (1 - specificity)
    if negatives:
        sick, healthy = sick * (1 - sensitivity), healthy * specificity
    return sick / (sick + healthy)


@wrong(POSTERIOR, says="The negative results are left out")
def posterior_without_negatives(prior, sensitivity, specificity, positives, negatives):
    odds = prior / (1 - prior) * (sensitivity / (1 - specificity)) ** positives
    return odds / (1 + odds)


@wrong(POSTERIOR, says="two rates are swapped")
def posterior_with_negatives_the_wrong_way(prior, sensitivity, specificity, positives, negatives):
    odds = prior / (1 - prior) * (sensitivity / (1 - specificity)) ** positives
    odds *= (specificity / (1 - sensitivity)) ** negatives
    return odds / (1 + odds)


@wrong(POSTERIOR, says="These are the odds")
def posterior_as_odds(prior, sensitivity, specificity, positives, negatives):
    odds = prior / (1 - prior) * (sensitivity / (1 - specificity)) ** positives
    return odds * ((1 - sensitivity) / specificity) ** negatives


@wrong(POSTERIOR, says="Sensitivity and specificity are swapped")
def posterior_with_rates_swapped(prior, sensitivity, specificity, positives, negatives):
    sick = prior * specificity**positives * (1 - specificity) ** negatives
    healthy = (1 - prior) * (1 - sensitivity) ** positives * sensitivity**negatives
    return sick / (sick + healthy)


@wrong(POSTERIOR, says="1 - prior, is missing")
def posterior_without_the_weight_of_the_healthy(
    prior, sensitivity, specificity, positives, negatives
):
    sick = prior * sensitivity**positives * (1 - sensitivity) ** negatives
    return sick / (sick + (1 - specificity) ** positives * specificity**negatives)


@wrong(POSTERIOR, says="The prior counts once")
def posterior_with_the_prior_in_every_factor(prior, sensitivity, specificity, positives, negatives):
    sick = (prior * sensitivity) ** positives * (prior * (1 - sensitivity)) ** negatives
    healthy = ((1 - prior) * (1 - specificity)) ** positives
    healthy *= ((1 - prior) * specificity) ** negatives
    return sick / (sick + healthy)


@wrong(POSTERIOR, says="The counts are swapped")
def posterior_with_counts_swapped(prior, sensitivity, specificity, positives, negatives):
    odds = prior / (1 - prior) * (sensitivity / (1 - specificity)) ** negatives
    odds *= ((1 - sensitivity) / specificity) ** positives
    return odds / (1 + odds)


# ---- gaussian-fit --------------------------------------------------------------------------------

FIT = "probability-and-information.gaussian-fit"


def columns(X, ddof=0):
    """Means and variances by loops."""
    means = [sum(column) / len(column) for column in X.T]
    spreads = [sum((x - m) ** 2 for x in c) / (len(c) - ddof) for c, m in zip(X.T, means)]
    return np.array(means), np.array(spreads)


def surprise(X, mean, var):
    """Negative log density of every entry."""
    return -np.log(np.exp(-((X - mean) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var))


@wrong(FIT, says="maximum likelihood divides by N.")
def fit_unbiased(X):
    mean, var = columns(X, ddof=1)
    return mean, var, surprise(X, mean, var).sum() / len(X)


@wrong(FIT, says="which makes it unbiased")
def fit_unbiased_in_the_short_formula(X):
    mean, var = columns(X, ddof=1)
    return mean, var, (np.log(2 * np.pi * var) + 1).sum() / 2


@wrong(FIT, says="These are standard deviations: ")
def fit_with_standard_deviations(X):
    mean, var = columns(X)
    return mean, np.sqrt(var), surprise(X, mean, var).sum() / len(X)


@wrong(FIT, says="divide by N")
def fit_with_the_sum_over_examples(X):
    mean, var = columns(X)
    return mean, var, float(surprise(X, mean, var).sum())


@wrong(FIT, says="mean over all entries")
def fit_with_the_mean_over_entries(X):
    mean, var = columns(X)
    return mean, var, surprise(X, mean, var).sum() / X.size


@wrong(FIT, says="wrong sign")
def fit_with_the_likelihood_itself(X):
    mean, var = columns(X)
    return mean, var, -surprise(X, mean, var).sum() / len(X)


@wrong(FIT, says="The constant")
def fit_without_the_constant(X):
    mean, var = columns(X)
    rest = (X - mean) ** 2 / (2 * var) + np.log(var) / 2
    return mean, var, rest.sum() / len(X)


@wrong(FIT, says="keeps the variance from growing")
def fit_with_the_squares_alone(X):
    mean, var = columns(X)
    return mean, var, ((X - mean) ** 2 / (2 * var)).sum() / len(X)


@wrong(FIT, says="in bits")
def fit_in_bits(X):
    mean, var = columns(X)
    return mean, var, surprise(X, mean, var).sum() / len(X) / math.log(2)


@wrong(FIT, says="one value for each column")
def fit_with_a_likelihood_for_each_column(X):
    mean, var = columns(X)
    return mean, var, surprise(X, mean, var).mean(axis=0)


@wrong(FIT, says="mean squares of the entries")
def fit_around_zero(X):
    mean, var = columns(X)
    second = (X**2).mean(axis=0)
    return mean, second, surprise(X, mean, var).sum() / len(X)


@wrong(FIT, says="one Gaussian to each row")
def fit_of_the_rows(X):
    mean, var = columns(X.T)
    return mean, var, float(np.log(var + 1).sum())


@wrong(FIT, says="Expected 3 values")
def fit_without_the_likelihood(X):
    return columns(X)


# ---- kl-bits -------------------------------------------------------------------------------------

KL = "probability-and-information.kl-bits"


@wrong(KL, says="0 · log 0")
def kl_with_zeros_in_the_logarithm(P, Q):
    with np.errstate(all="ignore"):
        return (P * (np.log2(P) - np.log2(Q))).sum(axis=1)


def safe_kl(P, Q):
    """Nats, by loops, with both conventions."""
    rows = []
    for p, q in zip(P, Q):
        total = 0.0
        for a, b in zip(p, q):
            if a > 0:
                total += a * math.log(a / b) if b > 0 else math.inf
        rows.append(total)
    return np.array(rows)


@wrong(KL, says="It is in nats")
def kl_in_nats(P, Q):
    return safe_kl(P, Q)


@wrong(KL, says="The arguments are swapped")
def kl_swapped(P, Q):
    return safe_kl(Q, P) / math.log(2)


@wrong(KL, says="subtract the entropy of P, what the right code costs")
def kl_as_cross_entropy(P, Q):
    uniform = np.full_like(P, 1 / P.shape[1])
    entropy = math.log2(P.shape[1]) - safe_kl(P, uniform) / math.log(2)
    return safe_kl(P, Q) / math.log(2) + entropy


@wrong(KL, says="Here it is skipped")
def kl_that_skips_the_impossible(P, Q):
    return np.array(
        [sum(a * math.log2(a / b) for a, b in zip(p, q) if a * b > 0) for p, q in zip(P, Q)]
    )


@wrong(KL, says="A small number is added")
def kl_with_epsilon(P, Q):
    return (P * np.log2((P + 1e-9) / (Q + 1e-9))).sum(axis=1)


@wrong(KL, says="each row is a pair of distributions")
def kl_summed_over_everything(P, Q):
    return safe_kl(P, Q).sum() / math.log(2)


@wrong(KL, says="mean over the outcomes")
def kl_as_a_mean(P, Q):
    return safe_kl(P, Q) / math.log(2) / P.shape[1]


@wrong(KL, says="The sign is reversed")
def kl_negative(P, Q):
    return -safe_kl(P, Q) / math.log(2)


@wrong(KL, says="The absolute values")
def kl_of_absolute_values(P, Q):
    with np.errstate(all="ignore"):
        terms = [
            [abs(a * np.log2(a / b)) if a > 0 else 0.0 for a, b in zip(p, q)] for p, q in zip(P, Q)
        ]
    return np.array(terms).sum(axis=1)


# ---- code-lengths --------------------------------------------------------------------------------

LENGTHS = "probability-and-information.code-lengths"


@wrong(LENGTHS, says="surprises rounded up")
def lengths_as_surprises(counts):
    total = sum(counts)
    return np.array([max(1, math.ceil(math.log2(total / c) - 1e-9)) for c in counts])


@wrong(LENGTHS, says="as Shannon and Fano did")
def lengths_by_halving_from_the_top(counts):
    lengths = np.zeros(len(counts), dtype=int)

    def halve(part):
        if len(part) > 1:
            lengths[part] += 1
            gaps = [abs(counts[part[:i]].sum() - counts[part[i:]].sum()) for i in range(len(part))]
            cut = min(range(1, len(part)), key=gaps.__getitem__)
            halve(part[:cut])
            halve(part[cut:])

    halve(sorted(range(len(counts)), key=lambda k: -counts[k]))
    return lengths


@wrong(LENGTHS, says="Every symbol has the same length")
def lengths_all_equal(counts):
    return np.full(len(counts), max(1, math.ceil(math.log2(len(counts)))))


@wrong(LENGTHS, says="one long branch")
def lengths_of_a_long_branch(counts):
    order = sorted(range(len(counts)), key=lambda k: (-counts[k], k))
    lengths = np.zeros(len(counts), dtype=int)
    for depth, k in enumerate(order, start=1):
        lengths[k] = min(depth, len(counts) - 1)
    return lengths


@wrong(LENGTHS, says="Join the two rarest.")
def lengths_by_joining_the_most_frequent(counts):
    groups = [(-int(c), k, [k]) for k, c in enumerate(counts)]
    lengths, fresh = np.zeros(len(counts), dtype=int), len(groups)
    while len(groups) > 1:
        groups.sort()
        a, b = groups.pop(0), groups.pop(0)
        for k in a[2] + b[2]:
            lengths[k] += 1
        groups.append((a[0] + b[0], fresh, a[2] + b[2]))
        fresh += 1
    return lengths


def joined(counts):
    """Huffman's lengths by sorting."""
    groups = [(int(c), k, [k]) for k, c in enumerate(counts)]
    lengths, fresh = np.zeros(len(counts), dtype=int), len(groups)
    while len(groups) > 1:
        groups.sort()
        a, b = groups.pop(0), groups.pop(0)
        for k in a[2] + b[2]:
            lengths[k] += 1
        groups.append((a[0] + b[0], fresh, a[2] + b[2]))
        fresh += 1
    return lengths


@wrong(LENGTHS, says="One is missing everywhere")
def lengths_without_the_last_join(counts):
    return joined(counts) - 1


@wrong(LENGTHS, says="longer than needed by the same number")
def lengths_that_count_nodes(counts):
    return joined(counts) + 1


@wrong(LENGTHS, says="No receiver could tell")
def lengths_all_one(counts):
    lengths = joined(counts)
    lengths[0] = 1
    lengths[1] = 1
    return np.minimum(lengths, 2)


@wrong(LENGTHS, says="expected whole numbers")
def lengths_that_are_not_whole(counts):
    return -np.log2(counts / counts.sum())


@wrong(LENGTHS, says="expected an array of shape")
def lengths_in_a_list(counts):
    return [int(n) for n in joined(counts)]


# ---- letters -------------------------------------------------------------------------------------

LETTERS = "probability-and-information.letters"


def triples(x):
    """Counts of three letters in a row."""
    table = np.zeros((27, 27, 27))
    for three, count in Counter(zip(x[:-2], x[1:-1], x[2:])).items():
        table[three] = count
    return table


def shares(table):
    return table / table.sum(axis=2, keepdims=True)


@wrong(LETTERS, says="never occurred")
def letters_of_plain_shares(x):
    with np.errstate(invalid="ignore"):
        return shares(triples(x))


@wrong(LETTERS, says="the code has no word for it")
def letters_uniform_only_where_nothing_is_known(x):
    table = triples(x)
    table[table.sum(axis=2) == 0] = 1
    return shares(table)


@wrong(LETTERS, says="the budget is 3.45")
def letters_with_one_added(x):
    return shares(triples(x) + 1)


@wrong(LETTERS, says="first a, then b")
def letters_with_the_two_before_swapped(x):
    table = triples(x) + triples(x).sum(axis=0)[None] / 27 + 0.01
    return shares(table).transpose(1, 0, 2)


@wrong(LETTERS, says="the frequencies alone")
def letters_by_frequency(x):
    count = np.array([1 + sum(x == k) for k in range(27)])
    return np.tile(count / count.sum(), (27, 27, 1))


@wrong(LETTERS, says="It looks only at the letter before")
def letters_by_pairs(x):
    pairs = triples(x).sum(axis=0) + 0.5
    return np.tile(pairs / pairs.sum(axis=1, keepdims=True), (27, 1, 1))


@wrong(LETTERS, says="The axes are in another order")
def letters_normalized_over_the_first(x):
    table = triples(x) + 0.3
    return table / table.sum(axis=0, keepdims=True)


@wrong(LETTERS, says="These are counts")
def letters_as_counts(x):
    return triples(x) + 1


@wrong(LETTERS, says="All 27³ entries together")
def letters_as_one_distribution(x):
    table = triples(x) + 0.1
    return table / table.sum()


@wrong(LETTERS, says="holds a negative number")
def letters_as_logarithms(x):
    return np.log(shares(triples(x) + 1))


@wrong(LETTERS, says="(27, 27, 27), got (27, 27)")
def letters_as_a_matrix(x):
    pairs = triples(x).sum(axis=0) + 1
    return pairs / pairs.sum(axis=1, keepdims=True)
