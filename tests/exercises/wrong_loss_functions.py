"""Wrong answers to the exercises of loss functions: the mistake is the function's name."""

from __future__ import annotations

import math

import numpy as np
import torch
from wrong import wrong

# ---------------------------------------------------------------- quantile


def pinball(prediction, target, below, above):
    pairs = list(zip(prediction.tolist(), target.tolist()))
    losses = [below * (t - p) if p < t else above * (p - t) for p, t in pairs]
    slopes = [-below if p < t else above if p > t else 0.0 for p, t in pairs]
    return losses, np.array(slopes)


@wrong("loss-functions.quantile", says="two sides are swapped")
def too_high_and_too_low_swapped(prediction, target, tau):
    losses, slopes = pinball(prediction, target, 1 - tau, tau)
    return sum(losses) / len(losses), slopes / len(losses)


@wrong("loss-functions.quantile", says="slope is not yet that of the mean")
def slope_of_each_example(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, 1 - tau)
    return sum(losses) / len(losses), slopes


@wrong("loss-functions.quantile", says="those of the sum")
def sum_and_its_slope(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, 1 - tau)
    return sum(losses), slopes


@wrong("loss-functions.quantile", says="derivative by the target")
def slope_by_the_target(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, 1 - tau)
    return sum(losses) / len(losses), -slopes / len(losses)


@wrong("loss-functions.quantile", says="Both sides cost τ")
def the_same_price_on_both_sides(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, tau)
    return sum(losses) / len(losses), slopes / len(losses)


@wrong("loss-functions.quantile", says="Where the prediction is exact")
def exact_counts_as_too_high(prediction, target, tau):
    r = prediction - target
    slope = np.where(r < 0, -tau, 1 - tau)
    return np.maximum(-tau * r, (1 - tau) * r).mean(), slope / r.size


@wrong("loss-functions.quantile", says="One loss for each example")
def losses_not_averaged(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, 1 - tau)
    return np.array(losses), slopes / len(losses)


@wrong("loss-functions.quantile", says="negative")
def minimum_for_maximum_sign(prediction, target, tau):
    r = np.asarray(prediction - target)
    slope = np.where(r < 0, -tau, np.where(r > 0, tau - 1, 0.0))
    return np.mean(slope * r), slope / len(r)


@wrong("loss-functions.quantile", says="residual has the other sign")
def target_minus_prediction(prediction, target, tau):
    losses, slopes = pinball(prediction, target, 1 - tau, tau)
    return sum(losses) / len(losses), -slopes / len(losses)


@wrong("loss-functions.quantile", says="in the other order")
def slope_before_the_loss(prediction, target, tau):
    losses, slopes = pinball(prediction, target, tau, 1 - tau)
    return slopes / len(losses), sum(losses) / len(losses)


# ---------------------------------------------------------------- masked-mean


def row_loss(row, k):
    top = max(row)
    return top + math.log(sum(math.exp(v - top) for v in row)) - row[k]


@wrong("loss-functions.masked-mean", says="not all N")
def divided_by_all_rows(Z, y, ignore):
    rows = [row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist()) if k != ignore]
    return sum(rows) / len(Z) if rows else 0.0


@wrong("loss-functions.masked-mean", says="sum over the rows")
def sum_of_the_kept_rows(Z, y, ignore):
    return float(sum(row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist()) if k != ignore))


@wrong("loss-functions.masked-mean", says="whatever `ignore` says")
def negative_classes_ignored(Z, y, ignore):
    rows = [row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist()) if k >= 0]
    return sum(rows) / len(rows) if rows else 0.0


@wrong("loss-functions.masked-mean", says="nothing to average")
def torch_with_its_nan(Z, y, ignore):
    Z, y = torch.as_tensor(Z), torch.as_tensor(y)
    return torch.nn.functional.cross_entropy(Z, y, ignore_index=ignore)


@wrong("loss-functions.masked-mean", says="overflows")
def softmax_without_subtracting_the_maximum(Z, y, ignore):
    Z, y = np.asarray(Z)[np.asarray(y != ignore)], np.asarray(y)[np.asarray(y != ignore)]
    if len(y) == 0:
        return 0.0
    scores = np.exp(Z)
    return float(np.mean(np.log(scores.sum(axis=1)) - np.log(scores[np.arange(len(y)), y])))


@wrong("loss-functions.masked-mean", says="one loss for each row")
def losses_of_the_kept_rows(Z, y, ignore):
    return np.array([row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist()) if k != ignore])


@wrong("loss-functions.masked-mean", says="IndexError")
def index_before_the_mask(Z, y, ignore):
    losses = [row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist())]
    keep = [loss for loss, k in zip(losses, y.tolist()) if k != ignore]
    return sum(keep) / max(len(keep), 1)


@wrong("loss-functions.masked-mean", says="against log 0")
def logarithm_of_the_softmax_plus_a_little(Z, y, ignore):
    Z, y = torch.as_tensor(Z), torch.as_tensor(y)
    p = torch.softmax(Z, dim=1)[y != ignore].gather(1, y[y != ignore][:, None])
    return -torch.log(p + 1e-9).sum() / max(len(p), 1)


# ---------------------------------------------------------------- focal


def true_logs(Z, y):
    return np.array([-row_loss(z, k) for z, k in zip(Z.tolist(), y.tolist())])


@wrong("loss-functions.focal", says="keeps the easy examples")
def factor_of_the_probability(Z, y, gamma):
    log_p = true_logs(Z, y)
    return float(np.mean(-np.exp(gamma * log_p) * log_p))


@wrong("loss-functions.focal", says="this is the cross-entropy")
def gamma_ignored(Z, y, gamma):
    return float(-true_logs(Z, y).mean())


@wrong("loss-functions.focal", says="without its exponent")
def exponent_forgotten(Z, y, gamma):
    log_p = true_logs(Z, y)
    return float(((np.exp(log_p) - 1) * log_p).mean())


@wrong("loss-functions.focal", says="γ is an exponent")
def gamma_as_a_factor(Z, y, gamma):
    log_p = true_logs(Z, y)
    return float((gamma * (np.exp(log_p) - 1) * log_p).mean())


@wrong("loss-functions.focal", says="returns the sum")
def sum_over_the_examples(Z, y, gamma):
    log_p = true_logs(Z, y)
    return float((-((1 - np.exp(log_p)) ** gamma) * log_p).sum())


@wrong("loss-functions.focal", says="softmax overflows")
def naive_softmax(Z, y, gamma):
    Z = torch.as_tensor(Z)
    P = Z.exp() / Z.exp().sum(dim=1, keepdim=True)
    p = P[torch.arange(len(y)), torch.as_tensor(y)]
    return ((1 - p) ** gamma * -p.log()).mean()


@wrong("loss-functions.focal", says="has become 0")
def logarithm_of_a_stable_softmax(Z, y, gamma):
    p = torch.softmax(torch.as_tensor(Z), dim=1)[range(len(y)), torch.as_tensor(y)]
    return ((1 - p) ** gamma * -p.log()).mean()


@wrong("loss-functions.focal", says="one loss for each row")
def one_loss_a_row(Z, y, gamma):
    log_p = true_logs(Z, y)
    return -((1 - np.exp(log_p)) ** gamma) * log_p


@wrong("loss-functions.focal", says="against log 0")
def probability_cut_off_below(Z, y, gamma):
    p = np.exp(true_logs(Z, y)).clip(1e-12, 1)
    return float(np.mean(-((1 - p) ** gamma) * np.log(p)))


@wrong("loss-functions.focal", says="put on the mean of the losses")
def factor_of_the_mean_loss(Z, y, gamma):
    loss = -true_logs(Z, y).mean()
    return float((1 - math.exp(-loss)) ** gamma * loss)


@wrong("loss-functions.focal", says="over all classes")
def every_class_counted(Z, y, gamma):
    log_P = torch.log_softmax(torch.as_tensor(Z), dim=1)
    return (-((1 - log_P.exp()) ** gamma) * log_P).sum(dim=1).mean()


# ---------------------------------------------------------------- worst-rival


def rival_rows(Z, y, margin=1.0):
    """For each row: its loss before the cut at 0, its strongest rival, its class."""
    for z, k in zip(Z.tolist(), y.tolist()):
        j = max((i for i in range(len(z)) if i != k), key=z.__getitem__)
        yield margin + z[j] - z[k], j, k


@wrong("loss-functions.worst-rival", says="All rivals within the margin")
def every_rival_counted(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, k in enumerate(y):
        for j in range(Z.shape[1]):
            excess = 1 + Z[n, j] - Z[n, k]
            if j != k and excess > 0:
                total += excess
                G[n, j] += 1
                G[n, k] -= 1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="margin of 1 is missing")
def no_margin(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y, margin=0.0)):
        if loss > 0:
            total, G[n, j], G[n, k] = total + loss, 1, -1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="negative loss")
def not_cut_off_at_zero(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y)):
        total, G[n, j], G[n, k] = total + loss, 1, -1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="gradient is that of the sum")
def gradient_not_divided(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y)):
        if loss > 0:
            total, G[n, j], G[n, k] = total + loss, 1, -1
    return total / len(y), G


@wrong("loss-functions.worst-rival", says="true score gets no gradient")
def only_the_rival_is_pushed(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, _) in enumerate(rival_rows(Z, y)):
        if loss > 0:
            total, G[n, j] = total + loss, 1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="rival of its own")
def true_class_among_the_rivals(Z, y):
    rows = np.arange(len(y))
    j = Z.argmax(axis=1)
    G = np.zeros(Z.shape)
    np.add.at(G, (rows, j), 1 / len(y))
    np.add.at(G, (rows, y), -1 / len(y))
    return np.mean(1 + Z[rows, j] - Z[rows, y]), G


@wrong("loss-functions.worst-rival", says="still have a gradient")
def gradient_where_the_margin_is_kept(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y)):
        total, G[n, j], G[n, k] = total + max(loss, 0.0), 1, -1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="exactly 1 is enough")
def gradient_at_a_margin_of_just_one(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y)):
        if loss >= 0:
            total, G[n, j], G[n, k] = total + loss, 1, -1
    return total / len(y), G / len(y)


@wrong("loss-functions.worst-rival", says="divided by K as well")
def divided_by_the_classes_too(Z, y):
    total, G = 0.0, np.zeros(Z.shape)
    for n, (loss, j, k) in enumerate(rival_rows(Z, y)):
        if loss > 0:
            total, G[n, j], G[n, k] = total + loss, 1, -1
    return total / Z.size, G / Z.size


@wrong("loss-functions.worst-rival", says="set to 0 before")
def true_score_set_to_zero(Z, y):
    rivals, rows = Z.copy(), np.arange(len(y))
    rivals[rows, y] = 0
    loss = 1 + rivals.max(axis=1) - Z[rows, y]
    G = np.zeros(Z.shape)
    G[rows, rivals.argmax(axis=1)] = (loss > 0) / len(y)
    G[rows, y] = (loss > 0) / -len(y)
    return loss.clip(0).mean(), G


@wrong("loss-functions.worst-rival", says="second highest score")
def second_in_the_order(Z, y):
    rows, j = np.arange(len(y)), np.argsort(Z, axis=1)[:, -2]
    loss = 1 + Z[rows, j] - Z[rows, y]
    G = np.zeros(Z.shape)
    np.add.at(G, (rows, j), (loss > 0) / len(y))
    np.add.at(G, (rows, y), (loss > 0) / -len(y))
    return loss.clip(0).mean(), G


# ---------------------------------------------------------------- robust-fit


@wrong("loss-functions.robust-fit", says="the worst points pull hardest")
def squared_loss(r):
    return 2 * r


@wrong("loss-functions.robust-fit", says="as hard: a third")
def huber_with_a_small_delta(r):
    return np.where(abs(r) > 0.5, 0.5 * np.sign(r), r)


@wrong("loss-functions.robust-fit", says="this is a loss")
def the_loss_itself(r):
    return np.log(1 + r**2)


@wrong("loss-functions.robust-fit", says="wrong sign")
def away_from_the_points(r):
    return -r * np.exp(-(r**2) / 8)


@wrong("loss-functions.robust-fit", says="no pull near the line")
def far_points_only(r):
    return np.where(np.abs(r) > 5, 1 / (r + (r == 0)), 0.0)


@wrong("loss-functions.robust-fit", says="divided by zero")
def divided_by_the_size(r):
    return r / np.abs(r) ** 2


@wrong("loss-functions.robust-fit", says="for residuals of shape")
def mean_of_the_pulls(r):
    return np.mean(r / (1 + r**2))


@wrong("loss-functions.robust-fit", says="The lines are off by")
def points_forgotten_too_soon(r):
    return np.where(np.abs(r) < 0.7, r, 0.0)
