"""Wrong answers on initialization and activations: the mistake is the function's name."""

from __future__ import annotations

import math

import numpy as np
from wrong import wrong

# ---------------------------------------------------------------- softplus

NAME = "initialization-and-activations"


@wrong(f"{NAME}.softplus", says="Both value and slope overflow")
def as_the_formula_stands(z):
    e = np.exp(z)
    return np.log1p(e), e / (1 + e)


@wrong(f"{NAME}.softplus", says="The value overflows for large z")
def only_the_slope_is_safe(z):
    return np.log1p(np.exp(z)), 1 / (1 + np.exp(-np.maximum(z, -700)))


@wrong(f"{NAME}.softplus", says="the slope overflows for large z")
def only_the_value_is_safe(z):
    return np.logaddexp(z, 0), np.exp(z) / (np.exp(z) + 1)


@wrong(f"{NAME}.softplus", says="rounded to 1")
def tiny_values_rounded_away(z):
    value = np.where(z > 0, z, 0) + np.log(1 + np.exp(-abs(z)))
    return value, np.exp(z - np.logaddexp(z, 0))


@wrong(f"{NAME}.softplus", says="step of ReLU")
def slope_of_relu(z):
    return np.logaddexp(0, z), np.where(z > 0, 1.0, 0.0)


@wrong(f"{NAME}.softplus", says="where it should be tiny, for z below -37: (1")
def slope_by_tanh(z):
    return np.logaddexp(0, z), (np.tanh(z / 2) + 1) / 2


@wrong(f"{NAME}.softplus", says="takes no difference")
def slope_as_one_minus(z):
    value = np.logaddexp(0, z)
    return value, 1 - np.exp(-value)


@wrong(f"{NAME}.softplus", says="that of the sigmoid")
def slope_of_the_slope(z):
    s = np.exp(z - np.logaddexp(0, z))
    return np.logaddexp(0, z), s - s**2


@wrong(f"{NAME}.softplus", says="falls from 1 to 0")
def sign_in_the_sigmoid_lost(z):
    return np.logaddexp(0, z), np.exp(-np.logaddexp(0, z))


@wrong(f"{NAME}.softplus", says="mirrored")
def minus_in_the_value(z):
    return np.logaddexp(0, -z), np.exp(z - np.logaddexp(0, z))


@wrong(f"{NAME}.softplus", says="Expected 2 values")
def value_alone(z):
    return np.logaddexp(0, z)


# ---------------------------------------------------------------- weight-std


def the_fans(shape):
    field = 1
    for side in shape[2:]:
        field *= side
    return field * shape[1], field * shape[0]


def by_rule(i, o, rule):
    return {"xavier": (2 / (i + o)) ** 0.5, "he": (2 / i) ** 0.5, "torch": (3 * i) ** -0.5}[rule]


@wrong(f"{NAME}.weight-std", says="This is the variance")
def variance_returned(shape, rule):
    return by_rule(*the_fans(shape), rule) ** 2


@wrong(f"{NAME}.weight-std", says="outputs first")
def shape_read_as_in_out(shape, rule):
    fan_out, fan_in = the_fans(shape)
    return by_rule(fan_in, fan_out, rule)


@wrong(f"{NAME}.weight-std", says="window is missing")
def convolution_taken_as_linear(shape, rule):
    return by_rule(shape[1], shape[0], rule)


@wrong(f"{NAME}.weight-std", says="for the fan-in only")
def window_for_the_fan_in_alone(shape, rule):
    return by_rule(the_fans(shape)[0], shape[0], rule)


@wrong(f"{NAME}.weight-std", says="factor 2 is missing")
def he_without_its_factor(shape, rule):
    fan_in, _ = the_fans(shape)
    return fan_in**-0.5 if rule == "he" else by_rule(*the_fans(shape), rule)


@wrong(f"{NAME}.weight-std", says="2 over their sum.")
def xavier_without_its_factor(shape, rule):
    fans = the_fans(shape)
    return sum(fans) ** -0.5 if rule == "xavier" else by_rule(*fans, rule)


@wrong(f"{NAME}.weight-std", says="is the bound")
def bound_for_standard_deviation(shape, rule):
    fans = the_fans(shape)
    return 1 / math.sqrt(fans[0]) if rule == "torch" else by_rule(*fans, rule)


@wrong(f"{NAME}.weight-std", says="the bound of Xavier's uniform numbers")
def bound_of_xavier(shape, rule):
    fans = the_fans(shape)
    return math.sqrt(6 / sum(fans)) if rule == "xavier" else by_rule(*fans, rule)


@wrong(f"{NAME}.weight-std", says="the bound of He's uniform numbers")
def bound_of_he(shape, rule):
    fans = the_fans(shape)
    return math.sqrt(6 / fans[0]) if rule == "he" else by_rule(*fans, rule)


@wrong(f"{NAME}.weight-std", says="here it is the fan-out")
def he_with_fan_out(shape, rule):
    fans = the_fans(shape)
    return math.sqrt(2 / fans[1]) if rule == "he" else by_rule(*fans, rule)


@wrong(f"{NAME}.weight-std", says="only the 2 is under the root")
def he_with_half_a_root(shape, rule):
    i, o = the_fans(shape)
    return math.sqrt(2) / i if rule == "he" else by_rule(i, o, rule)


# ---------------------------------------------------------------- orthonormal-rows


@wrong(f"{NAME}.orthonormal-rows", says="but not of length 1")
def lengths_left_as_they_are(g):
    w = []
    for row in g:
        for other in w:
            row = row - (row @ other) / (other @ other) * other
        w.append(row)
    return np.array(w)


@wrong(f"{NAME}.orthonormal-rows", says="but are not perpendicular")
def lengths_only(g):
    return g / np.sqrt((g**2).sum(axis=1))[:, None]


@wrong(f"{NAME}.orthonormal-rows", says="one before it only")
def perpendicular_to_the_previous_row(g):
    w = [g[0] / np.linalg.norm(g[0])]
    for row in g[1:]:
        rest = row - (row @ w[-1]) * w[-1]
        w.append(rest / np.linalg.norm(rest))
    return np.array(w)


@wrong(f"{NAME}.orthonormal-rows", says="given rows")
def projected_on_the_given_rows(g):
    w = g.astype(float)
    for i in range(len(g)):
        for k in range(i):
            w[i] -= (w[i] @ g[k]) * g[k]
        w[i] /= np.linalg.norm(w[i])
    return w


@wrong(f"{NAME}.orthonormal-rows", says="point the wrong way")
def signs_of_the_library(g):
    return np.linalg.qr(g.T)[0].T


@wrong(f"{NAME}.orthonormal-rows", says="should be subtracted")
def parts_added(g):
    w = []
    for row in g:
        for other in w:
            row = row + (row @ other) * other
        w.append(row / np.linalg.norm(row))
    return np.array(w)


@wrong(f"{NAME}.orthonormal-rows", says="but not these")
def begun_with_the_last_row(g):
    q, r = np.linalg.qr(g[::-1].T)
    return (q * np.sign(np.diag(r))).T[::-1]


@wrong(f"{NAME}.orthonormal-rows", says="use only the rows before it")
def all_rows_at_once(g):
    u, _, v = np.linalg.svd(g, full_matrices=False)
    return u @ v


@wrong(f"{NAME}.orthonormal-rows", says="expected shape")
def q_of_the_matrix_itself(g):
    return np.linalg.qr(g)[0]


@wrong(f"{NAME}.orthonormal-rows", says="shorten the rows again")
def lengths_before_the_subtractions(g):
    w = g / np.linalg.norm(g, axis=1)[:, None]
    for i in range(1, len(w)):
        for k in range(i):
            w[i] -= (w[i] @ w[k]) * w[k]
    return w


@wrong(f"{NAME}.orthonormal-rows", says="v @ u is a number")
def numbers_subtracted(g):
    w = g.copy()
    for i in range(len(w)):
        for k in range(i):
            w[i] -= w[i] @ w[k]
        w[i] /= np.linalg.norm(w[i])
    return w


@wrong(f"{NAME}.orthonormal-rows", says="the square of its length")
def divided_by_the_sum_of_squares(g):
    w = g.copy()
    for i in range(len(w)):
        for k in range(i):
            w[i] -= (w[i] @ w[k]) * w[k]
        w[i] /= (w[i] ** 2).sum()
    return w


# ---------------------------------------------------------------- steady-gain


def normal_numbers():
    return np.random.default_rng(0).standard_normal(400_000)


@wrong(f"{NAME}.steady-gain", says="The mean was subtracted")
def variance_for_mean_square(phi):
    return 1 / np.std(phi(normal_numbers()))


@wrong(f"{NAME}.steady-gain", says="square of the gain")
def root_forgotten(phi):
    return 1 / np.mean(phi(normal_numbers()) ** 2)


@wrong(f"{NAME}.steady-gain", says="Upside down")
def root_mean_square_itself(phi):
    return np.sqrt(np.mean(phi(normal_numbers()) ** 2))


@wrong(f"{NAME}.steady-gain", says="mean of |φ|")
def absolute_values_for_squares(phi):
    return 1 / np.mean(np.abs(phi(normal_numbers())))


@wrong(f"{NAME}.steady-gain", says="taken as uniform")
def uniform_pre_activations(phi):
    return np.mean(phi(np.random.default_rng(0).uniform(-1, 1, 400_000)) ** 2) ** -0.5


@wrong(f"{NAME}.steady-gain", says="He's gain")
def the_same_for_all(phi):
    return 2**0.5


@wrong(f"{NAME}.steady-gain", says="do not add up to 1")
def density_without_its_factor(phi):
    z = np.linspace(-8, 8, 4001)
    return ((phi(z) ** 2 * np.exp(-z * z / 2)).sum() * (z[1] - z[0])) ** -0.5


@wrong(f"{NAME}.steady-gain", says="The slope of φ is squared")
def gain_of_the_gradient(phi):
    z = normal_numbers()
    return np.mean(((phi(z + 1e-5) - phi(z)) / 1e-5) ** 2) ** -0.5


@wrong(f"{NAME}.steady-gain", says="Close, but off")
def three_hundred_numbers(phi):
    return np.mean(phi(np.random.default_rng(1).normal(size=300)) ** 2) ** -0.5


# ---------------------------------------------------------------- fifty-layers


def random_layers(n, depth, seed, gain, bias=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(depth, n, n)) * gain / np.sqrt(n), bias * rng.normal(size=(depth, n))


@wrong(f"{NAME}.fifty-layers", says="the gradient explodes")
def gain_of_the_signal_alone(n, depth, seed):
    return random_layers(n, depth, seed, 2**0.5)


@wrong(f"{NAME}.fifty-layers", says="called again with the same seed")
def seed_ignored(n, depth, seed):
    rng = np.random.default_rng()
    w = rng.normal(size=(depth, n, n)) * (0.5 / n) ** 0.5
    w[0] /= 2**0.5
    return w, rng.normal(size=(depth, n)) * 0.75**0.5


@wrong(f"{NAME}.fifty-layers", says="The signal fades")
def gain_of_the_gradient_alone(n, depth, seed):
    return random_layers(n, depth, seed, 0.5**0.5)


@wrong(f"{NAME}.fifty-layers", says="divided by √n")
def width_forgotten(n, depth, seed):
    rng = np.random.default_rng(seed)
    return 0.7 * rng.normal(size=(depth, n, n)), rng.normal(size=(depth, n))


@wrong(f"{NAME}.fifty-layers", says="the gradient vanishes")
def all_left_to_the_biases(n, depth, seed):
    return random_layers(n, depth, seed, 0.3, 1.0)


@wrong(f"{NAME}.fifty-layers", says="next to nothing")
def no_weights(n, depth, seed):
    return random_layers(n, depth, seed, 0.0, 1.0)


@wrong(f"{NAME}.fifty-layers", says="The signal is too large")
def biases_not_made_small(n, depth, seed):
    return random_layers(n, depth, seed, 0.7, 2.0)


@wrong(f"{NAME}.fifty-layers", says="expected shape")
def one_bias_for_all_layers(n, depth, seed):
    w, b = random_layers(n, depth, seed, 0.7, 0.87)
    return w, b[0]


@wrong(f"{NAME}.fifty-layers", says="standard deviation is 0.05")
def variance_for_deviation(n, depth, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(depth, n, n)) * (0.5 / n), 0.87 * rng.normal(size=(depth, n))
