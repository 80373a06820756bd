"""Wrong answers on skip connections: the mistake is the function's name."""

from __future__ import annotations

import math

import numpy as np
from wrong import wrong

NAME = "skip-connections"

# ---------------------------------------------------------------- paths


def pascal(L):
    row = [1.0]
    for _ in range(L):
        row = [a + b for a, b in zip([0.0, *row], [*row, 0.0])]
    return np.array(row)


@wrong(f"{NAME}.paths", says="gets weaker with every branch")
def all_paths_equally_strong(L, c):
    return pascal(L), pascal(L) / pascal(L).sum()


@wrong(f"{NAME}.paths", says="not divided by their sum")
def contributions_for_shares(L, c):
    return pascal(L), np.array([n * c**k for k, n in enumerate(pascal(L))])


@wrong(f"{NAME}.paths", says="those of single paths")
def number_of_paths_forgotten(L, c):
    return pascal(L), np.array([c**k / (1 + c) ** L for k in range(L + 1)])


@wrong(f"{NAME}.paths", says="reversed")
def skips_counted_for_branches(L, c):
    share = np.array([n * c ** (L - k) for k, n in enumerate(pascal(L))])
    return pascal(L), share / (1 + c) ** L


@wrong(f"{NAME}.paths", says="weighted with 1 - c")
def probabilities_for_factors(L, c):
    return pascal(L), np.array([n * c**k * (1 - c) ** (L - k) for k, n in enumerate(pascal(L))])


@wrong(f"{NAME}.paths", says="expected shape")
def length_zero_forgotten(L, c):
    share = pascal(L) * c ** np.arange(L + 1) / (1 + c) ** L
    return pascal(L)[1:], share[1:]


@wrong(f"{NAME}.paths", says="Each length is counted once")
def one_path_of_each_length(L, c):
    share = c ** np.arange(L + 1.0)
    return np.ones(L + 1), share / share.sum()


# ---------------------------------------------------------------- add-skip


@wrong(f"{NAME}.add-skip", says="zeros stand in front")
def padded_in_front(x, f, P):
    if P is not None:
        return f + x @ P.T
    y = f.copy()
    y[:, f.shape[1] - x.shape[1] :] += x
    return y


@wrong(f"{NAME}.add-skip", says="branch f is lost")
def skip_alone(x, f, P):
    if P is not None:
        return x @ P.T
    y = np.zeros(f.shape)
    y[:, : x.shape[1]] = x
    return y


@wrong(f"{NAME}.add-skip", says="differ in width")
def no_skip_where_shapes_differ(x, f, P):
    return f + x if f.shape == x.shape and P is None else f * 1.0


@wrong(f"{NAME}.add-skip", says="P is left out")
def projection_only_where_needed(x, f, P):
    if x.shape == f.shape:
        return x + f
    if P is not None:
        return f + x @ P.T
    y = f.copy()
    y[:, : x.shape[1]] += x
    return y


@wrong(f"{NAME}.add-skip", says="it is repeated")
def columns_repeated(x, f, P):
    if P is not None:
        return f + x @ P.T
    times = -(-f.shape[1] // x.shape[1])
    return f + np.tile(x, (1, times))[:, : f.shape[1]]


@wrong(f"{NAME}.add-skip", says="x @ P")
def transposed_only_where_shapes_demand_it(x, f, P):
    if P is not None:
        return f + x @ (P if len(P) == x.shape[1] else P.T)
    y = f.copy()
    y[:, : x.shape[1]] += x
    return y


@wrong(f"{NAME}.add-skip", says="in place")
def written_into_the_branch(x, f, P):
    if P is not None:
        f += x @ P.T
    else:
        f[:, : x.shape[1]] += x
    return f


# ---------------------------------------------------------------- residual-block


def branch(x, W1, b1, W2, b2):
    z = x @ W1.T + b1
    a = z * (z > 0)
    return z, a, a @ W2.T + b2


@wrong(f"{NAME}.residual-block", says="lacks the gradient that comes back through the skip")
def skip_forgotten_on_the_way_back(x, W1, b1, W2, b2, g):
    z, a, f = branch(x, W1, b1, W2, b2)
    dz = np.where(z > 0, g @ W2, 0.0)
    return x + f, dz @ W1, dz.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="through the skip alone")
def branch_forgotten_on_the_way_back(x, W1, b1, W2, b2, g):
    z, a, f = branch(x, W1, b1, W2, b2)
    dz = np.where(z > 0, g @ W2, 0.0)
    return x + f, g.copy(), dz.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="forward and backward")
def plain_network(x, W1, b1, W2, b2, g):
    z, a, f = branch(x, W1, b1, W2, b2)
    dz = np.where(z > 0, g @ W2, 0.0)
    return f, dz @ W1, dz.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="slope of ReLU is missing")
def relu_taken_as_linear_backward(x, W1, b1, W2, b2, g):
    _, a, f = branch(x, W1, b1, W2, b2)
    da = g @ W2
    return x + f, g + da @ W1, da.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="stands after the sum")
def original_order(x, W1, b1, W2, b2, g):
    z, a, f = branch(x, W1, b1, W2, b2)
    y = x + f
    g = np.where(y > 0, g, 0.0)
    dz = np.where(z > 0, g @ W2, 0.0)
    return y.clip(min=0), g + dz @ W1, dz.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="the derivative of the skip is 1")
def x_for_its_derivative(x, W1, b1, W2, b2, g):
    z, a, f = branch(x, W1, b1, W2, b2)
    dz = np.where(z > 0, g @ W2, 0.0)
    return x + f, x + dz @ W1, dz.T @ x, g.T @ a


@wrong(f"{NAME}.residual-block", says="after the ReLU")
def sums_for_activations(x, W1, b1, W2, b2, g):
    z, _, f = branch(x, W1, b1, W2, b2)
    dz = np.where(z > 0, g @ W2, 0.0)
    return x + f, g + dz @ W1, dz.T @ x, g.T @ z


# ---------------------------------------------------------------- highway-layer


def halves(x, W, b, V, c):
    return np.tanh(x @ W.T + b), 0.5 * (1 + np.tanh((x @ V.T + c) / 2))


def highway_back(x, W, V, g, f, t, skip=1, through=1, gate=1):
    to_gate = g * (f - x) * t * (1 - t)
    dx = skip * g * (1 - t) + through * (g * t * (1 - f**2)) @ W + gate * to_gate @ V
    return dx, to_gate.sum(axis=0)


@wrong(f"{NAME}.highway-layer", says="through the gate: t depends on x")
def gate_taken_as_constant(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    return t * f + (1 - t) * x, *highway_back(x, W, V, g, f, t, gate=0)


@wrong(f"{NAME}.highway-layer", says="through the skip")
def carry_forgotten(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    return t * f + (1 - t) * x, *highway_back(x, W, V, g, f, t, skip=0)


@wrong(f"{NAME}.highway-layer", says="through the branch")
def branch_forgotten(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    return t * f + (1 - t) * x, *highway_back(x, W, V, g, f, t, through=0)


@wrong(f"{NAME}.highway-layer", says="wrong way round")
def gate_and_carry_swapped(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    u = 1 - t
    to_gate = g * (x - f) * t * u
    dx = g * t + (g * u * (1 - f**2)) @ W + to_gate @ V
    return u * f + t * x, dx, to_gate.sum(axis=0)


@wrong(f"{NAME}.highway-layer", says="wrong sign")
def sign_of_the_gate(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    to_gate = g * (x - f) * t * (1 - t)
    dx = g * (1 - t) + (g * t * (1 - f**2)) @ W + to_gate @ V
    return t * f + (1 - t) * x, dx, to_gate.sum(axis=0)


@wrong(f"{NAME}.highway-layer", says="as if t multiplied f alone")
def carry_does_not_know_the_gate(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    to_gate = g * f * t * (1 - t)
    dx = g * (1 - t) + (g * t * (1 - f**2)) @ W + to_gate @ V
    return t * f + (1 - t) * x, dx, to_gate.sum(axis=0)


@wrong(f"{NAME}.highway-layer", says="slope of the sigmoid")
def slope_of_the_gate_forgotten(x, W, b, V, c, g):
    f, t = halves(x, W, b, V, c)
    to_gate = g * (f - x)
    dx = g * (1 - t) + (g * t * (1 - f**2)) @ W + to_gate @ V
    return t * f + (1 - t) * x, dx, to_gate.sum(axis=0)


# ---------------------------------------------------------------- steady-stream


@wrong(f"{NAME}.steady-stream", says="The stream grows")
def plain_residual(depth):
    return np.ones(depth), np.ones(depth)


@wrong(f"{NAME}.steady-stream", says="comes on top")
def one_over_root_of_the_depth(depth):
    return np.ones(depth), np.full(depth, depth**-0.5)


@wrong(f"{NAME}.steady-stream", says="nearly a copy")
def branches_switched_off(depth):
    return np.ones(depth), np.zeros(depth)


@wrong(f"{NAME}.steady-stream", says="The stream shrinks")
def scales_sum_to_one(depth):
    return np.full(depth, 0.8), np.full(depth, 0.2)


@wrong(f"{NAME}.steady-stream", says="too little of the input is left")
def last_layer_forgets(depth):
    c, s = np.full(depth, math.sqrt(0.965)), np.full(depth, math.sqrt(0.035))
    c[-1], s[-1] = 0.0, 1.0
    return c, s


@wrong(f"{NAME}.steady-stream", says="expected shape")
def one_number_for_all_layers(depth):
    return np.array([math.sqrt(0.96)]), np.array([0.2])
