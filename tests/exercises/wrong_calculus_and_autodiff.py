"""Wrong answers to the exercises of Calculus and autodiff."""

from __future__ import annotations

import numpy as np
import torch
from wrong import wrong

TOPIC = "calculus-and-autodiff"


def log(a):
    return a.log() if isinstance(a, torch.Tensor) else np.log(a)


# ---- power ---------------------------------------------------------------------------------------


@wrong(f"{TOPIC}.power", says="lacks the part of the exponent")
def only_the_rule_from_school(a, da, b, db):
    return a**b, b * (a**b / a) * da


@wrong(f"{TOPIC}.power", says="lacks the part of the base")
def only_the_exponential(a, da, b, db):
    return a**b, a**b * log(a) * db


@wrong(f"{TOPIC}.power", says="lacks a factor")
def without_the_logarithm(a, da, b, db):
    value = a**b
    return value, value * (b / a * da + db)


@wrong(f"{TOPIC}.power", says="multiply each by how fast")
def partial_derivatives_without_the_dots(a, da, b, db):
    value = a**b
    return value, value * (b / a + log(a))


@wrong(f"{TOPIC}.power", says="how fast the base changes, da")
def base_without_its_dot(a, da, b, db):
    value = a**b
    return value, value * (b / a + log(a) * db)


@wrong(f"{TOPIC}.power", says="how fast the exponent changes, db")
def exponent_without_its_dot(a, da, b, db):
    value = a**b
    return value, value * (b / a * da + log(a))


@wrong(f"{TOPIC}.power", says="one too large")
def exponent_not_lowered(a, da, b, db):
    value = a**b
    return value, value * (b * da + log(a) * db)


@wrong(f"{TOPIC}.power", says="swapped: first the value")
def dot_first(a, da, b, db):
    value = a**b
    return value * (b / a * da + log(a) * db), value


@wrong(f"{TOPIC}.power", says="one part is subtracted".capitalize())
def subtracted(a, da, b, db):
    value = a**b
    return value, value * b / a * da - value * log(a) * db


# ---- second-difference ---------------------------------------------------------------------------


@wrong(f"{TOPIC}.second-difference", says="The step is too small")
def step_of_a_first_derivative(f, x):
    h = 6e-6
    return (f(x + h) - 2 * f(x) + f(x - h)) / h / h


@wrong(f"{TOPIC}.second-difference", says="f is rounded by about 1e-16")
def as_small_as_possible(f, x):
    h = 1e-10
    return ((f(x + h) - f(x)) / h - (f(x) - f(x - h)) / h) / h


@wrong(f"{TOPIC}.second-difference", says="The step is too large")
def a_hundredth(f, x):
    h = 0.01
    return ((f(x + h) - f(x)) / h - (f(x) - f(x - h)) / h) / h


@wrong(f"{TOPIC}.second-difference", says="to one side of x")
def forward_of_forward(f, x):
    h = 3e-4

    def slope(t):
        return (f(t + h) - f(t)) / h

    return (slope(x + h) - slope(x)) / h


@wrong(f"{TOPIC}.second-difference", says="middle point counts twice")
def middle_once(f, x):
    h = 3e-4
    return (f(x + h) - f(x) + f(x - h)) / h**2


@wrong(f"{TOPIC}.second-difference", says="A quarter")
def divisor_of_two_steps(f, x):
    h = 3e-4
    return (f(x + h) - 2 * f(x) + f(x - h)) / (2 * h) ** 2


@wrong(f"{TOPIC}.second-difference", says="The sign is wrong")
def middle_minus_outer(f, x):
    h = 3e-4
    return (2 * f(x) - f(x + h) - f(x - h)) / h**2


@wrong(f"{TOPIC}.second-difference", says="the divisor is h²")
def divided_by_one_step(f, x):
    h = 3e-4
    return (f(x + h) - 2 * f(x) + f(x - h)) / h


# ---- softmax-jacobian ----------------------------------------------------------------------------


def probabilities(z):
    z = np.asarray(z)
    e = np.exp(z - z.max())
    return e / e.sum()


def as_given(J, z):
    return torch.as_tensor(J) if isinstance(z, torch.Tensor) else J


@wrong(f"{TOPIC}.softmax-jacobian", says="Large scores overflow")
def without_the_largest_score(z):
    e = np.exp(np.asarray(z))
    p = e / e.sum()
    return as_given(np.diag(p) - p[:, None] * p[None, :], z)


@wrong(f"{TOPIC}.softmax-jacobian", says="Only the diagonal")
def each_score_for_itself(z):
    p = probabilities(z)
    J = np.zeros((len(p), len(p)))
    for i, value in enumerate(p):
        J[i, i] = value - value**2
    return as_given(J, z)


@wrong(f"{TOPIC}.softmax-jacobian", says="opposite signs")
def plus_for_minus(z):
    p = probabilities(z)
    return as_given(np.array([[p[i] * ((i == j) + p[j]) for j in range(len(p))]
                              for i in range(len(p))]), z)  # fmt: skip


@wrong(f"{TOPIC}.softmax-jacobian", says="one factor is missing")
def broadcast_without_the_product(z):
    p = probabilities(z)
    return as_given(np.eye(len(p)) * p - p, z)


@wrong(f"{TOPIC}.softmax-jacobian", says="is missing: on the diagonal")
def only_the_denominator(z):
    p = probabilities(z)
    return as_given(-p[:, None] * p, z)


@wrong(f"{TOPIC}.softmax-jacobian", says="p @ p is one number")
def softmax_jacobian_with_a_dot_product(z):
    p = probabilities(z)
    return as_given(np.diag(p) - p @ p, z)


@wrong(f"{TOPIC}.softmax-jacobian", says="by its own score")
def softmax_jacobian_as_a_vector(z):
    p = probabilities(z)
    return as_given(p * (1 - p), z)


@wrong(f"{TOPIC}.softmax-jacobian", says="the Jacobian of log p_i")
def of_the_logarithms(z):
    p = probabilities(z)
    return as_given(np.eye(len(p)) - p, z)


# ---- layer-products ------------------------------------------------------------------------------


@wrong(f"{TOPIC}.layer-products", says="Both lack the slope")
def as_if_it_were_linear(W, X, V, U):
    return X @ V.T, U.T @ X


@wrong(f"{TOPIC}.layer-products", says="UJ lacks the slope")
def back_past_the_activation(W, X, V, U):
    z = X @ W.T
    slope = 1 / np.cosh(np.asarray(z)) ** 2
    slope = torch.as_tensor(slope) if isinstance(X, torch.Tensor) else slope
    return slope * (X @ V.T), U.T @ X


@wrong(f"{TOPIC}.layer-products", says="not 1 - Z²")
def slope_of_the_wrong_value(W, X, V, U):
    z = X @ W.T
    return (1 - z * z) * (X @ V.T), ((1 - z * z) * U).T @ X


@wrong(f"{TOPIC}.layer-products", says="first JV, then UJ")
def backward_first(W, X, V, U):
    a = (X @ W.T).tanh() if isinstance(X, torch.Tensor) else np.tanh(X @ W.T)
    return ((1 - a**2) * U).T @ X, (1 - a**2) * (X @ V.T)


@wrong(f"{TOPIC}.layer-products", says="taken at V")
def slope_at_the_direction(W, X, V, U):
    a = (X @ V.T).tanh() if isinstance(X, torch.Tensor) else np.tanh(X @ V.T)
    return (1 - a**2) * (X @ V.T), ((1 - a**2) * U).T @ X


@wrong(f"{TOPIC}.layer-products", says="transposed")
def inputs_in_front(W, X, V, U):
    a = (X @ W.T).tanh() if isinstance(X, torch.Tensor) else np.tanh(X @ W.T)
    return (1 - a**2) * (X @ V.T), X.T @ ((1 - a**2) * U)


@wrong(f"{TOPIC}.layer-products", says="over a whole step")
def difference_instead(W, X, V, U):
    def layer(w):
        return (X @ w.T).tanh() if isinstance(X, torch.Tensor) else np.tanh(X @ w.T)

    slope = 1 - layer(W) ** 2
    return layer(W + V) - layer(W), (slope * U).T @ X


@wrong(f"{TOPIC}.layer-products", says="MB of memory")
def with_the_whole_jacobian(W, X, V, U):
    W, X, V, U = (np.asarray(part) for part in (W, X, V, U))
    (m, d), n = W.shape, len(X)
    slope = 1 - np.tanh(X @ W.T) ** 2
    J = np.zeros((n, m, m, d))
    J += 1e-300  # memory is taken when it is written to
    J -= 1e-300
    for i in range(m):
        J[:, i, i] = slope[:, i, None] * X
    return np.einsum("nmij,ij->nm", J, V), np.einsum("nmij,nm->ij", J, U)


# ---- sparse-jacobian -----------------------------------------------------------------------------


@wrong(f"{TOPIC}.sparse-jacobian", says="a call of its own")
def one_column_at_a_time(jvp, pattern):
    return np.stack([jvp(unit) for unit in np.eye(pattern.shape[1])], axis=1)


@wrong(f"{TOPIC}.sparse-jacobian", says="J is transposed")
def a_row_for_each_column(jvp, pattern):
    return np.stack([jvp(unit) for unit in np.eye(pattern.shape[1])])


@wrong(f"{TOPIC}.sparse-jacobian", says="three diagonals only")
def every_third(jvp, pattern):
    n = pattern.shape[1]
    J = np.zeros(pattern.shape)
    for start in range(min(3, n)):
        v = np.zeros(n)
        v[start::3] = 1
        product = jvp(v)
        for j in range(start, n, 3):
            J[pattern[:, j], j] = product[pattern[:, j]]
    return J


@wrong(f"{TOPIC}.sparse-jacobian", says="holds the sum of their entries")
def all_at_once(jvp, pattern):
    return np.where(pattern, jvp(np.ones(pattern.shape[1]))[:, None], 0.0)


@wrong(f"{TOPIC}.sparse-jacobian", says="outside the pattern are not zero")
def without_the_pattern_at_the_end(jvp, pattern):
    groups: list[list[int]] = []
    for j in range(pattern.shape[1]):
        for group in groups:
            if not any((pattern[:, j] & pattern[:, k]).any() for k in group):
                group.append(j)
                break
        else:
            groups.append([j])
    J = np.zeros(pattern.shape)
    for group in groups:
        v = np.zeros(pattern.shape[1])
        v[group] = 1
        for j in group:
            J[:, j] = jvp(v) if j == group[0] else J[:, group[0]]
    return J


@wrong(f"{TOPIC}.sparse-jacobian", says="compared with its neighbor only")
def clashes_of_neighbors(jvp, pattern):
    color, colors = 0, [0]
    for j in range(1, pattern.shape[1]):
        if (pattern[:, j] & pattern[:, j - 1]).any():
            color = 1 - color
        colors.append(color)
    J = np.zeros(pattern.shape)
    for c in set(colors):
        v = np.array([float(k == c) for k in colors])
        product = jvp(v)
        for j in np.flatnonzero(v):
            J[:, j] = product * pattern[:, j]
    return J


@wrong(f"{TOPIC}.sparse-jacobian", says="are allowed for this pattern")
def two_columns_a_call_at_most(jvp, pattern):
    n = pattern.shape[1]
    J, left = np.zeros(pattern.shape), list(range(n))
    while left:
        group = [left.pop(0)]
        for k in left:
            if not (pattern[:, k] & pattern[:, group[0]]).any():
                group.append(k)
                left.remove(k)
                break
        v = np.zeros(n)
        v[group] = 1
        product = jvp(v)
        for j in group:
            J[:, j] = product * pattern[:, j]
    return J
