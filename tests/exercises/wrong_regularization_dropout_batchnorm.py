"""Wrong answers to the exercises of regularization: the mistake is the function's name."""

from __future__ import annotations

import numpy as np
import torch
from wrong import wrong

from utils.data import load

TOPIC = "regularization-dropout-batchnorm"

# ---------------------------------------------------------------- inverted-dropout


def entrywise(a, u, p, g, y_of, d_of):
    y, d = np.zeros(a.shape), np.zeros(a.shape)
    for place in np.ndindex(*a.shape):
        args = float(a[place]), float(u[place]) >= p, p, float(g[place])
        y[place], d[place] = y_of(*args), d_of(*args)
    return y, d


@wrong(f"{TOPIC}.inverted-dropout", says="p is the probability to be dropped.")
def kept_with_probability_p(a, u, p, g):
    mask = np.asarray(u) < p
    return np.asarray(a) * mask / (1 - p), np.asarray(g) * mask / (1 - p)


@wrong(f"{TOPIC}.inverted-dropout", says="not scaled")
def plain_dropout(a, u, p, g):
    return entrywise(a, u, p, g, lambda a, k, p, g: a * k, lambda a, k, p, g: g * k)


@wrong(f"{TOPIC}.inverted-dropout", says="multiplied by 1 - p")
def scaled_in_the_wrong_direction(a, u, p, g):
    return entrywise(
        a, u, p, g, lambda a, k, p, g: a * k * (1 - p), lambda a, k, p, g: g * k * (1 - p)
    )


@wrong(f"{TOPIC}.inverted-dropout", says="lacks the factor")
def gradient_not_scaled(a, u, p, g):
    return entrywise(a, u, p, g, lambda a, k, p, g: a * k / (1 - p), lambda a, k, p, g: g * k)


@wrong(f"{TOPIC}.inverted-dropout", says="through the dropped units too")
def gradient_without_the_mask(a, u, p, g):
    return entrywise(a, u, p, g, lambda a, k, p, g: a * k / (1 - p), lambda a, k, p, g: g / (1 - p))


@wrong(f"{TOPIC}.inverted-dropout", says="neither mask nor factor")
def gradient_passed_on(a, u, p, g):
    return entrywise(a, u, p, g, lambda a, k, p, g: a * k / (1 - p), lambda a, k, p, g: g)


@wrong(f"{TOPIC}.inverted-dropout", says="at least p")
def exactly_p_is_dropped(a, u, p, g):
    mask = (np.asarray(u) > p) / (1 - p)
    return np.asarray(a) * mask, np.asarray(g) * mask


@wrong(f"{TOPIC}.inverted-dropout", says="multiplied by a as well")
def gradient_times_a(a, u, p, g):
    return entrywise(
        a, u, p, g, lambda a, k, p, g: a * k / (1 - p), lambda a, k, p, g: g * a * k / (1 - p)
    )


@wrong(f"{TOPIC}.inverted-dropout", says="twice")
def factor_twice_on_the_way_back(a, u, p, g):
    return entrywise(
        a, u, p, g, lambda a, k, p, g: a * k / (1 - p), lambda a, k, p, g: g * k / (1 - p) ** 2
    )


@wrong(f"{TOPIC}.inverted-dropout", says="draw nothing yourself")
def a_mask_of_its_own(a, u, p, g):
    mask = np.random.default_rng(5).random(a.shape) >= p
    return np.asarray(a) * mask / (1 - p), np.asarray(g) * mask / (1 - p)


# ---------------------------------------------------------------- elastic-step


def each(w, g, f, eta):
    return np.array([f(float(x) - eta * float(d)) for x, d in zip(w, g)])


def shorter(v, tau):
    return v - tau if v > tau else v + tau if v < -tau else 0.0


@wrong(f"{TOPIC}.elastic-step", says="threshold is λ₁ itself")
def threshold_without_the_rate(w, g, eta, l1, l2):
    return each(w, g, lambda v: shorter(v, l1) / (1 + eta * l2), eta)


@wrong(f"{TOPIC}.elastic-step", says="uphill")
def step_uphill(w, g, eta, l1, l2):
    return each(w, g, lambda v: shorter(v, eta * l1) / (1 + eta * l2), -eta)


@wrong(f"{TOPIC}.elastic-step", says="hard threshold")
def small_ones_cut_large_ones_kept(w, g, eta, l1, l2):
    return each(w, g, lambda v: (v if abs(v) > eta * l1 else 0.0) / (1 + eta * l2), eta)


@wrong(f"{TOPIC}.elastic-step", says="change their sign")
def subgradient_step_past_zero(w, g, eta, l1, l2):
    v = np.asarray(w) - eta * np.asarray(g)
    return (v - eta * l1 * np.sign(v)) / (1 + eta * l2)


@wrong(f"{TOPIC}.elastic-step", says="Negative weights are all cut off")
def sign_forgotten(w, g, eta, l1, l2):
    return each(w, g, lambda v: max(v - eta * l1, 0.0) / (1 + eta * l2), eta)


@wrong(f"{TOPIC}.elastic-step", says="has no effect")
def only_l1(w, g, eta, l1, l2):
    return each(w, g, lambda v: shorter(v, eta * l1), eta)


@wrong(f"{TOPIC}.elastic-step", says="division comes before")
def divided_first(w, g, eta, l1, l2):
    return each(w, g, lambda v: shorter(v / (1 + eta * l2), eta * l1), eta)


@wrong(f"{TOPIC}.elastic-step", says="has the derivative η λ₂ x")
def derivative_of_the_square_without_the_half(w, g, eta, l1, l2):
    return each(w, g, lambda v: shorter(v, eta * l1) / (1 + 2 * eta * l2), eta)


@wrong(f"{TOPIC}.elastic-step", says="added to the gradient")
def l2_in_the_gradient_step(w, g, eta, l1, l2):
    slope = np.asarray(g) + l2 * np.asarray(w)
    return each(w, slope, lambda v: shorter(v, eta * l1), eta)


def shortened(v, tau):
    return np.where(v > tau, v - tau, np.where(v < -tau, v + tau, 0.0))


@wrong(f"{TOPIC}.elastic-step", says="sign(w) is added to the gradient")
def all_in_the_gradient(w, g, eta, l1, l2):
    w, g = np.asarray(w), np.asarray(g)
    return w - eta * g - eta * l1 * np.sign(w) - eta * l2 * w


@wrong(f"{TOPIC}.elastic-step", says="The sign is lost")
def sizes_only(w, g, eta, l1, l2):
    return np.abs(shortened(np.asarray(w) - eta * np.asarray(g), eta * l1)) / (1 + eta * l2)


@wrong(f"{TOPIC}.elastic-step", says="The sign is that of w")
def sign_before_the_step(w, g, eta, l1, l2):
    w, g = np.asarray(w), np.asarray(g)
    return np.sign(w) * np.abs(shortened(w - eta * g, eta * l1)) / (1 + eta * l2)


@wrong(f"{TOPIC}.elastic-step", says="before the gradient step")
def threshold_of_w(w, g, eta, l1, l2):
    return (shortened(np.asarray(w), eta * l1) - eta * np.asarray(g)) / (1 + eta * l2)


@wrong(f"{TOPIC}.elastic-step", says="has the length 1")
def rate_forgotten(w, g, eta, l1, l2):
    return shortened(np.asarray(w) - np.asarray(g), eta * l1) / (1 + eta * l2)


@wrong(f"{TOPIC}.elastic-step", says="are exchanged")
def penalties_exchanged(w, g, eta, l1, l2):
    return shortened(np.asarray(w) - eta * np.asarray(g), eta * l2) / (1 + eta * l1)


@wrong(f"{TOPIC}.elastic-step", says="divides by 1 + ½ η λ₂")
def half_too_much(w, g, eta, l1, l2):
    return shortened(np.asarray(w) - eta * np.asarray(g), eta * l1) / (1 + eta * l2 / 2)


# ---------------------------------------------------------------- decoupled-step


def adam_parts(g, m, v, t):
    m = [0.9 * a + 0.1 * b for a, b in zip(m, g)]
    v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
    step = [
        a / (1 - 0.9**t) / ((b / (1 - 0.999**t)) ** 0.5 + 1e-8) for a, b in zip(m, v, strict=True)
    ]
    return np.array(m), np.array(v), np.array(step)


@wrong(f"{TOPIC}.decoupled-step", says="Adam with an L2 penalty")
def penalty_in_the_gradient(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g + lam * w, m, v, t)
    return w - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="do not decay")
def plain_adam(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g, m, v, t)
    return w - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="learning rate is missing")
def decay_without_the_rate(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g, m, v, t)
    return (1 - lam) * w - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="after the step")
def decay_after_the_step(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g, m, v, t)
    return (w - eta * step) * (1 - eta * lam), m, v


@wrong(f"{TOPIC}.decoupled-step", says="bias correction is missing")
def not_corrected(w, g, m, v, t, eta, lam):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - eta * lam * w - eta * m / (v**0.5 + 1e-8), m, v


@wrong(f"{TOPIC}.decoupled-step", says="wrong sign")
def weights_grow(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g, m, v, t)
    return w + eta * lam * w - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="under the root")
def epsilon_under_the_root(w, g, m, v, t, eta, lam):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    step = m / (1 - 0.9**t) / (v / (1 - 0.999**t) + 1e-8) ** 0.5
    return w - eta * lam * w - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="returned corrected")
def corrected_means_returned(w, g, m, v, t, eta, lam):
    m, v, step = adam_parts(g, m, v, t)
    return w - eta * lam * w - eta * step, m / (1 - 0.9**t), v / (1 - 0.999**t)


def adamw(w, g, m, v, t, eta, decay, power=0.5):
    m, v = m + 0.1 * (g - m), v + 0.001 * (g * g - v)
    step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** power + 1e-8)
    return w - decay - eta * step, m, v


@wrong(f"{TOPIC}.decoupled-step", says="one step ahead")
def t_counted_from_two(w, g, m, v, t, eta, lam):
    return adamw(w, g, m, v, t + 1, eta, eta * lam * w)


@wrong(f"{TOPIC}.decoupled-step", says="The root is missing")
def divided_by_the_square(w, g, m, v, t, eta, lam):
    return adamw(w, g, m, v, t, eta, eta * lam * w, power=1)


@wrong(f"{TOPIC}.decoupled-step", says="the same for all weights")
def the_same_from_every_weight(w, g, m, v, t, eta, lam):
    return adamw(w, g, m, v, t, eta, eta * lam)


# ---------------------------------------------------------------- patience


def walk(losses, patience, better, extra=0):
    best, since = 0, 0
    for i, loss in enumerate(losses):
        if i == 0 or better(loss, losses[best]):
            best, since = i, 0
        else:
            since += 1
            if since == patience + extra:
                return i, best
    return len(losses) - 1, best


@wrong(f"{TOPIC}.patience", says="counts them from 0")
def counted_from_zero(losses, patience):
    return walk(losses, patience, lambda new, old: new < old)


@wrong(f"{TOPIC}.patience", says="one epoch too long")
def one_epoch_too_long(losses, patience):
    stop, best = walk(losses, patience, lambda new, old: new < old, extra=1)
    return stop + 1, best + 1


@wrong(f"{TOPIC}.patience", says="equal loss")
def equal_is_better(losses, patience):
    stop, best = walk(losses, patience, lambda new, old: new <= old)
    return stop + 1, best + 1


@wrong(f"{TOPIC}.patience", says="with the one before")
def compared_with_the_last_epoch(losses, patience):
    worse, best = 0, 0
    for i in range(1, len(losses)):
        if losses[i] < losses[i - 1]:
            worse, best = 0, i
        else:
            worse += 1
        if worse == patience:
            return i + 1, best + 1
    return len(losses), best + 1


@wrong(f"{TOPIC}.patience", says="over the whole run")
def count_never_reset(losses, patience):
    best, bad = 0, 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif i:
            bad += 1
        if bad >= patience:
            return i + 1, best + 1
    return len(losses), best + 1


@wrong(f"{TOPIC}.patience", says="never seen")
def best_of_the_future(losses, patience):
    stop, _ = walk(losses, patience, lambda new, old: new < old)
    return stop + 1, losses.index(min(losses)) + 1


@wrong(f"{TOPIC}.patience", says="`best` is the last epoch")
def weights_of_the_last_epoch(losses, patience):
    stop, _ = walk(losses, patience, lambda new, old: new < old)
    return stop + 1, stop + 1


@wrong(f"{TOPIC}.patience", says="The first epoch is counted as waiting")
def first_epoch_is_no_progress(losses, patience):
    best, since = 0, 0
    for i, loss in enumerate(losses):
        best, since = (i, 0) if loss < losses[best] else (best, since + 1)
        if since == patience:
            return i + 1, best + 1
    return len(losses), best + 1


@wrong(f"{TOPIC}.patience", says="`stop` is the best epoch")
def stops_where_it_was_best(losses, patience):
    _, best = walk(losses, patience, lambda new, old: new < old)
    return best + 1, best + 1


@wrong(f"{TOPIC}.patience", says="reckoned from there")
def best_of_all_plus_patience(losses, patience):
    best = losses.index(min(losses)) + 1
    return min(best + patience, len(losses)), best


@wrong(f"{TOPIC}.patience", says="count both from 1")
def place_in_the_list(losses, patience):
    best = 0
    for place, loss in enumerate(losses):
        best = place if loss < losses[best] else best
        if place == best + patience:
            return place + 1, best
    return len(losses), best


# ---------------------------------------------------------------- few-digits


def linear_reader(rows, epochs=100):
    digits = load("digits")
    x, y = (torch.tensor(np.array(part[:rows])) for part in (digits.train.x, digits.train.y))
    torch.manual_seed(0)
    reader = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    adam = torch.optim.Adam(reader.parameters(), lr=0.02)
    for _ in range(epochs):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(reader(x), y).backward()
        adam.step()
    return reader


@wrong(f"{TOPIC}.few-digits", says="A penalty alone")
def bare_linear_model():
    return linear_reader(200)


@wrong(f"{TOPIC}.few-digits", says="near chance")
def never_trained():
    return linear_reader(200, epochs=0)


class StuckDropout(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.reader = linear_reader(200)

    def forward(self, x):
        return self.reader(torch.nn.functional.dropout(x, 0.3))  # training=True by default


@wrong(f"{TOPIC}.few-digits", says="ignores the mode")
def dropout_that_ignores_the_mode():
    return StuckDropout()


class Diverged(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.reader = linear_reader(200, epochs=0)
        torch.nn.init.constant_(self.reader[1].weight, float("nan"))

    def forward(self, x):
        return self.reader(x)


@wrong(f"{TOPIC}.few-digits", says="nan")
def diverged_to_nan():
    return Diverged()
