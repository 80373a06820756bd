"""Wrong answers to the exercises of the project of chapter 01."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from wrong import wrong

# ---- A baseline ----------------------------------------------------------------------------------

BASELINE = "project.baseline"


@wrong(BASELINE, says="position of the class")
def baseline_with_positions_for_labels(X_known, y_known, X_new):
    means = np.stack([X_known[y_known == k].mean(axis=0) for k in sorted(set(y_known))])
    return np.array([np.linalg.norm(means - x, axis=1).argmin() for x in X_new])


@wrong(BASELINE, says="nearest single row")
def baseline_by_the_nearest_example(X_known, y_known, X_new):
    return np.array([y_known[np.linalg.norm(X_known - x, axis=1).argmin()] for x in X_new])


@wrong(BASELINE, says="the sum of each class")
def baseline_with_sums(X_known, y_known, X_new):
    classes = np.unique(y_known)
    one_hot = (y_known == classes[:, None]).astype(float)
    sums = one_hot @ X_known
    return classes[[np.linalg.norm(sums - x, axis=1).argmin() for x in X_new]]


@wrong(BASELINE, says="product")
def baseline_by_the_largest_product(X_known, y_known, X_new):
    classes = np.unique(y_known)
    means = np.stack([X_known[y_known == k].mean(axis=0) for k in classes])
    return classes[[np.argmax(means @ x) for x in X_new]]


@wrong(BASELINE, says="farthest")
def baseline_by_the_largest_distance(X_known, y_known, X_new):
    classes = np.unique(y_known)
    means = np.stack([X_known[y_known == k].mean(axis=0) for k in classes])
    return classes[[np.linalg.norm(means - x, axis=1).argmax() for x in X_new]]


@wrong(BASELINE, says="labels: expected shape (M,)")
def baseline_with_all_distances(X_known, y_known, X_new):
    means = np.stack([X_known[y_known == k].mean(axis=0) for k in np.unique(y_known)])
    return np.linalg.norm(X_new[:, None] - means, axis=2)


@wrong(BASELINE, says="largest difference of any one value")
def baseline_by_the_largest_coordinate(X_known, y_known, X_new):
    classes = np.unique(y_known)
    means = np.stack([X_known[y_known == k].mean(axis=0) for k in classes])
    return classes[[np.abs(means - x).max(axis=1).argmin() for x in X_new]]


@wrong(BASELINE, says="mean of the distances")
def baseline_by_the_mean_distance_to_a_class(X_known, y_known, X_new):
    classes = np.unique(y_known)
    far = np.linalg.norm(X_new[:, None] - X_known, axis=2)
    return classes[np.stack([far[:, y_known == k].mean(axis=1) for k in classes]).argmin(axis=0)]


# ---- A split -------------------------------------------------------------------------------------

SPLIT = "project.split"


@wrong(SPLIT, says="dealt one by one")
def split_of_single_digits(form, count, seed):
    share = count / len(np.unique(form))
    rows = np.arange(len(form))
    test = np.zeros(len(form), dtype=bool)
    test[train_test_split(rows, test_size=share, random_state=seed)[1]] = True
    return test


@wrong(SPLIT, says="upside down")
def split_with_the_digits_to_learn_from(form, count, seed):
    drawn = np.random.default_rng(seed).choice(np.unique(form), count, replace=False)
    return ~np.isin(form, drawn)


@wrong(SPLIT, says="one and the same split")
def split_with_the_last_forms(form, count, seed):
    return np.isin(form, np.unique(form)[-count:])


@wrong(SPLIT, says="nobody could repeat")
def split_without_the_seed(form, count, seed):
    names = np.unique(form)
    return np.isin(form, np.random.default_rng().choice(names, count, replace=False))


@wrong(SPLIT, says="truth values")
def split_as_row_numbers(form, count, seed):
    drawn = np.random.default_rng(seed).choice(np.unique(form), count, replace=False)
    return np.flatnonzero(np.isin(form, drawn))


@wrong(SPLIT, says="number of forms held out is")
def split_that_draws_with_replacement(form, count, seed):
    drawn = np.random.default_rng(seed).choice(np.unique(form), count)
    return np.isin(form, drawn)


@wrong(SPLIT, says="own names")
def split_that_draws_positions_for_names(form, count, seed):
    drawn = np.random.default_rng(seed).choice(len(np.unique(form)), count, replace=False)
    return np.isin(form, drawn)


# ---- An interval ---------------------------------------------------------------------------------

COMPARE = "project.compare"


def by_form(right_a, right_b, form):
    return np.array(
        [right_a[form == f].mean() - right_b[form == f].mean() for f in sorted(set(form))]
    )


def around(middle, half):
    return float(middle), float(middle - half), float(middle + half)


@wrong(COMPARE, says="treated as independent")
def compare_digit_by_digit(right_a, right_b, form):
    gaps = right_a.astype(float) - right_b
    n = len(gaps)
    d = by_form(right_a, right_b, form).mean()
    return around(d, stats.t.ppf(0.975, n - 1) * gaps.std(ddof=1) / np.sqrt(n))


@wrong(COMPARE, says="1.96 is for many forms")
def compare_with_the_normal_distribution(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), 1.96 * d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="ddof=1")
def compare_with_the_wrong_standard_deviation(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std() / np.sqrt(len(d)))


@wrong(COMPARE, says="spread of single forms")
def compare_with_the_spread_of_the_forms(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1))


@wrong(COMPARE, says="had read different digits")
def compare_without_pairs(right_a, right_b, form):
    a = np.array([right_a[form == f].mean() for f in np.unique(form)])
    b = np.array([right_b[form == f].mean() for f in np.unique(form)])
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return around(a.mean() - b.mean(), stats.t.ppf(0.975, len(a) - 1) * error)


@wrong(COMPARE, says="wrong sign")
def compare_b_minus_a(right_a, right_b, form):
    d = -by_form(right_a, right_b, form)
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="each counts once")
def compare_all_digits_together(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    return around(right_a.mean() - right_b.mean(), half)


@wrong(COMPARE, says="3.18 is for four forms")
def compare_with_the_number_of_the_text(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), 3.18 * d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="Only the sizes of the differences")
def compare_without_signs(right_a, right_b, form):
    d = abs(by_form(right_a, right_b, form))
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="The quantile is missing")
def compare_with_one_standard_error(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="The differences count digits")
def compare_numbers_of_digits(right_a, right_b, form):
    d = np.array([(right_a - right_b)[form == f].sum() for f in np.unique(form)])
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))


@wrong(COMPARE, says="The root is that of the number of digits")
def compare_over_the_root_of_the_digits(right_a, right_b, form):
    d = by_form(right_a, right_b, form)
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(form)))


@wrong(COMPARE, says="in percent")
def compare_in_points(right_a, right_b, form):
    d = 100 * by_form(right_a, right_b, form)
    return around(d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))


# ---- An ablation ---------------------------------------------------------------------------------

ABLATION = "project.ablation"


def rows(pairs):
    found = []
    for a, b in pairs:
        d = np.array(a) - np.array(b)
        found.append([d.mean(), d.std(ddof=1) / np.sqrt(len(d))])
    return np.array(found)


@wrong(ABLATION, says="measure is called too often")
def ablation_that_trains_the_full_recipe_for_every_row(measure, tools, seeds):
    pairs = []
    for tool in tools:
        rest = [t for t in tools if t != tool]
        pairs.append(([measure(tools, s) for s in seeds], [measure(rest, s) for s in seeds]))
    return rows(pairs)


@wrong(ABLATION, says="compared with no tool at all")
def ablation_of_each_tool_alone(measure, tools, seeds):
    nothing = [measure([], s) for s in seeds]
    return rows([([measure([tool], s) for s in seeds], nothing) for tool in tools])


@wrong(ABLATION, says="taken away one after another")
def ablation_that_never_puts_a_tool_back(measure, tools, seeds):
    runs = [[measure(tools[i:], s) for s in seeds] for i in range(len(tools) + 1)]
    return rows([(runs[i], runs[i + 1]) for i in range(len(tools))])


@wrong(ABLATION, says="The sign is reversed")
def ablation_without_minus_full(measure, tools, seeds):
    full = [measure(tools, s) for s in seeds]
    less = [[measure([t for t in tools if t != tool], s) for s in seeds] for tool in tools]
    return rows([(one, full) for one in less])


@wrong(ABLATION, says="two unrelated sets of runs")
def ablation_with_the_error_of_two_samples(measure, tools, seeds):
    full = np.array([measure(tools, s) for s in seeds])
    table = []
    for tool in tools:
        less = np.array([measure([t for t in tools if t != tool], s) for s in seeds])
        error = np.hypot(full.std(ddof=1), less.std(ddof=1)) / np.sqrt(len(seeds))
        table.append([full.mean() - less.mean(), error])
    return np.array(table)


@wrong(ABLATION, says="the standard error is that over the root")
def ablation_with_the_standard_deviation(measure, tools, seeds):
    full = np.array([measure(tools, s) for s in seeds])
    table = []
    for tool in tools:
        d = full - [measure([t for t in tools if t != tool], s) for s in seeds]
        table.append([d.mean(), d.std(ddof=1)])
    return np.array(table)


@wrong(ABLATION, says="runs without the tool alone")
def ablation_from_the_mean_of_the_full_runs(measure, tools, seeds):
    full = np.mean([measure(tools, s) for s in seeds])
    less = [[measure([t for t in tools if t != tool], s) for s in seeds] for tool in tools]
    return rows([(np.full(len(seeds), full), one) for one in less])


@wrong(ABLATION, says="compared with the tool alone")
def ablation_against_the_tool_by_itself(measure, tools, seeds):
    full = [measure(tools, s) for s in seeds]
    return rows([(full, [measure([tool], s) for s in seeds]) for tool in tools])


@wrong(ABLATION, says="It changes the list tools itself")
def ablation_that_empties_the_list(measure, tools, seeds):
    full, pairs = [measure(tools, s) for s in seeds], []
    for tool in tools:
        rest = tools
        rest.remove(tool)
        pairs.append((full, [measure(rest, s) for s in seeds]))
    return rows(pairs)


@wrong(ABLATION, says="full runs alone")
def ablation_with_the_spread_of_the_full_runs(measure, tools, seeds):
    full = np.array([measure(tools, s) for s in seeds])
    table = []
    for tool in tools:
        less = np.mean([measure([t for t in tools if t != tool], s) for s in seeds])
        table.append([full.mean() - less, full.std(ddof=1) / np.sqrt(len(seeds))])
    return np.array(table)


@wrong(ABLATION, says="its root is wanted")
def ablation_over_the_number_of_seeds(measure, tools, seeds):
    full = np.array([measure(tools, s) for s in seeds])
    table = []
    for tool in tools:
        d = full - [measure([t for t in tools if t != tool], s) for s in seeds]
        table.append([d.mean(), d.std(ddof=1) / len(seeds)])
    return np.array(table)


@wrong(ABLATION, says="Rows and columns are swapped")
def ablation_with_a_column_for_each_tool(measure, tools, seeds):
    full = [measure(tools, s) for s in seeds]
    less = [[measure([t for t in tools if t != tool], s) for s in seeds] for tool in tools]
    return rows([(full, one) for one in less]).T


# ---- A small network -----------------------------------------------------------------------------

SMALL = "project.small-network"


def layers(hidden=32):
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def digits_of_eight():
    pixels, labels = load_digits(return_X_y=True)
    return torch.tensor(pixels[:1029] / 16, dtype=torch.float32), torch.tensor(labels[:1029])


def trained(net, X, y, steps=60):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        optimizer.step()
    return net


@wrong(SMALL, says="It stores 4,810 numbers")
def small_network_of_the_starter():
    return trained(layers(64), *digits_of_eight(), steps=5)


@wrong(SMALL, says="It stores 66,885 numbers")
def small_network_that_is_a_nearest_neighbor():
    class Nearest(nn.Module):
        def __init__(self):
            super().__init__()
            self.known, self.labels = digits_of_eight()

        def forward(self, X):
            return F.one_hot(self.labels[torch.cdist(X, self.known).argmin(dim=1)], 10).float()

    return Nearest()


@wrong(SMALL, says="It stores 2,501 numbers")
def small_network_with_a_buffer_too_many():
    net = layers(32)  # 2,410
    net.register_buffer("means", torch.zeros(91))
    return net


@wrong(SMALL, says="the same class")
def small_network_of_zeros():
    net = layers()
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    return net


@wrong(SMALL, says="better than guessing")
def small_network_that_was_never_trained():
    torch.manual_seed(0)
    return layers()


@wrong(SMALL, says="90% are asked for")
def small_network_trained_for_a_moment():
    torch.manual_seed(0)
    return trained(layers(), *digits_of_eight(), steps=25)


@wrong(SMALL, says="nan or infinite")
def small_network_that_diverged():
    net = layers()
    nn.init.constant_(net[2].bias, torch.nan)
    return net


@wrong(SMALL, says="scores: expected shape (N, 10) = (3, 10)")
def small_network_for_one_class():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
