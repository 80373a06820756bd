"""Wrong answers to the exercises of Optimization: SGD to Adam."""

from __future__ import annotations

import math

import numpy as np
from wrong import wrong

# ---------------------------------------------------------------- largest-rate


@wrong("optimization-sgd-adam.largest-rate", says="Half of what is right")
def one_over_the_steepest(A, beta):
    return (1 + beta) / max(np.linalg.eigvals(A))


@wrong("optimization-sgd-adam.largest-rate", says="the best rate without momentum")
def the_best_rate(A, beta):
    values = np.linalg.eigvalsh(A)
    return 2 / (values.min() + values.max())


@wrong("optimization-sgd-adam.largest-rate", says="the flattest direction")
def smallest_eigenvalue(A, beta):
    return (2 + 2 * beta) / np.linalg.eigvalsh(A)[0]


@wrong("optimization-sgd-adam.largest-rate", says="Right only without momentum")
def momentum_ignored(A, beta):
    return 2 / np.linalg.norm(A, 2)


@wrong("optimization-sgd-adam.largest-rate", says="here it lowers it")
def effective_rate(A, beta):
    return 2 * (1 - beta) / np.linalg.norm(A, 2)


@wrong("optimization-sgd-adam.largest-rate", says="largest entry of the diagonal")
def diagonal_only(A, beta):
    return 2 * (1 + beta) / np.diag(A).max()


@wrong("optimization-sgd-adam.largest-rate", says="the trace")
def trace_for_the_largest(A, beta):
    return 2 * (1 + beta) / sum(np.linalg.eigvalsh(A))


@wrong("optimization-sgd-adam.largest-rate", says="where the fastest window ends")
def upper_end_of_the_window(A, beta):
    return (1 + math.sqrt(beta)) ** 2 / max(np.linalg.eigvalsh(A))


@wrong("optimization-sgd-adam.largest-rate", says="np.linalg.norm(A)")
def norm_of_all_entries(A, beta):
    return 2 * (1 + beta) / np.linalg.norm(A)


@wrong("optimization-sgd-adam.largest-rate", says="not 1 / (1 - beta)")
def as_if_all_gradients_agreed(A, beta):
    return 2 / (np.linalg.norm(A, 2) * (1 - beta))


# ---------------------------------------------------------------- clip


def lengths(grads):
    return [float((g * g).sum()) ** 0.5 for g in grads]


@wrong("optimization-sgd-adam.clip", says="Each array is clipped by its own norm")
def array_by_array(grads, limit):
    return [g * limit / n if n > limit else g + 0 for g, n in zip(grads, lengths(grads))]


@wrong("optimization-sgd-adam.clip", says="Each entry is clipped")
def entry_by_entry(grads, limit):
    return [np.minimum(np.maximum(g, -limit), limit) for g in grads]


@wrong("optimization-sgd-adam.clip", says="scaled up")
def always_to_the_limit(grads, limit):
    norm = math.sqrt(sum(n * n for n in lengths(grads)))
    return [g * limit / norm if norm else g * 1 for g in grads]


@wrong("optimization-sgd-adam.clip", says="lacks its root")
def norm_without_root(grads, limit):
    norm = sum(n * n for n in lengths(grads))
    return [g * (limit / norm if norm > limit else 1) for g in grads]


@wrong("optimization-sgd-adam.clip", says="get length 1")
def to_length_one(grads, limit):
    norm = math.sqrt(sum(n * n for n in lengths(grads)))
    return [g / norm if norm > limit else g * 1 for g in grads]


@wrong("optimization-sgd-adam.clip", says="squares add up")
def sum_of_norms(grads, limit):
    norm = sum(lengths(grads))
    return [g * (limit / norm if norm > limit else 1) for g in grads]


@wrong("optimization-sgd-adam.clip", says="becomes zero")
def long_ones_dropped(grads, limit):
    norm = math.sqrt(sum(n * n for n in lengths(grads)))
    return [g * (norm <= limit) for g in grads]


@wrong("optimization-sgd-adam.clip", says="in place")
def changed_where_they_are(grads, limit):
    norm = math.sqrt(sum(n * n for n in lengths(grads)))
    for g in grads:
        g *= min(1, limit / max(norm, 1e-300))
    return grads


@wrong("optimization-sgd-adam.clip", says="over magnitudes")
def sum_of_magnitudes(grads, limit):
    norm = sum(float(abs(g).sum()) for g in grads)
    return [g * (limit / norm if norm > limit else 1) for g in grads]


@wrong("optimization-sgd-adam.clip", says="divided by zero")
def zero_divided_by_zero(grads, limit):
    norm = np.float64(math.sqrt(sum(n * n for n in lengths(grads))))
    with np.errstate(all="ignore"):
        return [np.asarray(g / norm * np.minimum(norm, limit)) for g in grads]


# ---------------------------------------------------------------- batch-noise


def spread(G):
    return ((G - np.mean(G, 0)) ** 2).sum() / len(G)


@wrong("optimization-sgd-adam.batch-noise", says="drawn with replacement")
def independent_draws(G, B):
    return spread(G) / B


@wrong("optimization-sgd-adam.batch-noise", says="(N - 1) below")
def factor_with_n_below(G, B):
    return spread(G) / B * (1 - B / len(G))


@wrong("optimization-sgd-adam.batch-noise", says="is divided by N")
def sample_covariance(G, B):
    return np.trace(np.atleast_2d(np.cov(G.T))) / B * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="lacks the factor (N - B) / N")
def sample_variance_by_b(G, B):
    return np.var(G, axis=0, ddof=1).sum() / B


@wrong("optimization-sgd-adam.batch-noise", says="mean is not subtracted")
def squared_length_of_gradients(G, B):
    return (G * G).sum(1).mean() / B * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="division by B is missing")
def batch_size_forgotten(G, B):
    return spread(G) * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="like the root of B")
def standard_error(G, B):
    return spread(G) / B**0.5 * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="the mean square is asked for")
def root_mean_square(G, B):
    return (spread(G) / B * (len(G) - B) / (len(G) - 1)) ** 0.5


@wrong("optimization-sgd-adam.batch-noise", says="parameters are averaged")
def mean_over_parameters(G, B):
    return np.var(G, axis=0).mean() / B * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="their mean is asked for")
def sum_over_examples(G, B):
    return spread(G) * len(G) / B * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="G.mean() is one number")
def one_mean_for_all(G, B):
    return np.mean((G - np.mean(G)) ** 2) * G.shape[1] / B * (len(G) - B) / (len(G) - 1)


@wrong("optimization-sgd-adam.batch-noise", says="over the parameters of each example")
def mean_of_each_example(G, B):
    off = G - G.mean(1)[:, None]
    return (off**2).sum(1).mean() / B * (len(G) - B) / (len(G) - 1)


# ---------------------------------------------------------------- amsgrad


def means(m, v, g, beta1, beta2):
    return m + (1 - beta1) * (g - m), v + (1 - beta2) * (g**2 - v)


@wrong("optimization-sgd-adam.amsgrad", says="This is Adam")
def divided_by_v(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    move = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w - lr * move, m, v, np.where(v > top, v, top)


@wrong("optimization-sgd-adam.amsgrad", says="The bias corrections are missing")
def without_corrections(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w - lr * m / (top**0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="The correction of m is missing")
def only_the_root_corrected(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w - lr * m / ((top / (1 - beta2**t)) ** 0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="correction under the root is missing")
def only_m_corrected(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w - lr * m / (1 - beta1**t) / (top**0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="not t + 1")
def counted_from_zero(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    root = (top / (1 - beta2 ** (t + 1))) ** 0.5
    return w - lr * m / (1 - beta1 ** (t + 1)) / (root + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="beside the root")
def epsilon_under_the_root(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    root = (top / (1 - beta2**t) + eps) ** 0.5
    return w - lr * m / (1 - beta1**t) / root, m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="compared with the corrected v")
def maximum_of_the_corrected(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.maximum(v / (1 - beta2**t), top)
    root = (top / (1 - beta2**t)) ** 0.5
    return w - lr * m / (1 - beta1**t) / (root + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="top is not renewed")
def old_maximum(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    with np.errstate(all="ignore"):
        move = np.where(top > 0, m / (1 - beta1**t) / ((top / (1 - beta2**t)) ** 0.5 + eps), 0)
    return w - lr * move, m, v, top.copy()


@wrong("optimization-sgd-adam.amsgrad", says="The root is missing")
def divided_without_a_root(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w - lr * m / (1 - beta1**t) / (top / (1 - beta2**t) + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="added before the correction")
def epsilon_corrected_too(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    rate = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
    return w - rate * m / (top**0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="m that is returned")
def corrected_mean_returned(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    m, top = m / (1 - beta1**t), np.where(v > top, v, top)
    return w - lr * m / ((top / (1 - beta2**t)) ** 0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="The step goes uphill")
def uphill(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w + lr * m / (1 - beta1**t) / ((top / (1 - beta2**t)) ** 0.5 + eps), m, v, top


@wrong("optimization-sgd-adam.amsgrad", says="should walk along m")
def along_the_gradient(w, m, v, top, g, t, lr, beta1, beta2, eps):
    m, v = means(m, v, g, beta1, beta2)
    top = np.where(v > top, v, top)
    return w - lr * g / (1 - beta1**t) / ((top / (1 - beta2**t)) ** 0.5 + eps), m, v, top


# ---------------------------------------------------------------- budget


@wrong("optimization-sgd-adam.budget", says="with its best rate")
def best_gradient_descent(gradient, start, mu, L):
    w = start * 1.0
    for _ in range(20 + int(20 * (L / mu) ** 0.5)):
        w -= 2 / (mu + L) * gradient(w)
    return w


@wrong("optimization-sgd-adam.budget", says="with the rate 1/L")
def safe_gradient_descent(gradient, start, mu, L):
    w = start * 1.0
    for _ in range(20 + int(20 * (L / mu) ** 0.5)):
        w -= gradient(w) / L
    return w


@wrong("optimization-sgd-adam.budget", says="It blows up")
def rate_of_the_flattest(gradient, start, mu, L):
    w = start * 1.0
    for _ in range(20):
        w -= gradient(w) / mu
    return w


@wrong("optimization-sgd-adam.budget", says="changes its input start in place")
def start_moved_itself(gradient, start, mu, L):
    root = 1 - 2 / ((L / mu) ** 0.5 + 1)
    m = 0 * start
    for _ in range(20 + int(20 * (L / mu) ** 0.5)):
        m = root**2 * m + gradient(start)
        start -= (1 - root) ** 2 / mu * m
    return start


@wrong("optimization-sgd-adam.budget", says="times, and")
def as_long_as_it_takes(gradient, start, mu, L):
    w, first = start * 1.0, None
    for _ in range(20_000):
        g = gradient(w)
        first = first or np.linalg.norm(g)
        if np.linalg.norm(g) < 1e-12 * first:
            break
        w -= 2 / (mu + L) * g
    return w


@wrong("optimization-sgd-adam.budget", says="the distance to the minimum is")
def one_momentum_for_all(gradient, start, mu, L):
    w, m = start * 1.0, 0 * start
    for _ in range(20 + int(20 * (L / mu) ** 0.5)):
        m = 0.9 * m + gradient(w)
        w -= m / L
    return w


@wrong("optimization-sgd-adam.budget", says="which forgets too slowly")
def root_of_kappa_forgotten(gradient, start, mu, L):
    root = (L - mu) / (L + mu)
    w, m = start * 1.0, 0 * start
    for _ in range(20 + int(20 * (L / mu) ** 0.5)):
        m = root**2 * m + gradient(w)
        w -= (1 - root) ** 2 / mu * m
    return w


@wrong("optimization-sgd-adam.budget", says="must return one array")
def numbers_in_a_list(gradient, start, mu, L):
    return best_gradient_descent(gradient, start, mu, L).tolist()
