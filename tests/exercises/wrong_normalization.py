"""Wrong answers to the exercises of Normalization."""

from __future__ import annotations

import numpy as np
import torch
from wrong import wrong

NAME = "normalization"

# ---------------------------------------------------------------- layer-norm


@wrong(f"{NAME}.layer-norm", says="that is batch norm")
def columns_for_rows(x, gamma, beta, eps):
    xhat = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return gamma * xhat + beta


@wrong(f"{NAME}.layer-norm", says="divides by D")
def torch_std_with_its_default(x, gamma, beta, eps):
    x = torch.as_tensor(x)
    var = x.var(dim=1, keepdim=True)
    return (
        torch.as_tensor(gamma) * (x - x.mean(1, keepdim=True)) / (var + eps).sqrt()
    ).numpy() + beta


@wrong(f"{NAME}.layer-norm", says="inside the root")
def eps_beside_the_standard_deviation(x, gamma, beta, eps):
    rows = [gamma * (row - row.mean()) / (row.std() + eps) + beta for row in x]
    return np.array(rows)


@wrong(f"{NAME}.layer-norm", says="eps is missing")
def no_eps(x, gamma, beta, eps):
    with np.errstate(all="ignore"):
        return np.array([gamma * (row - row.mean()) / row.std() + beta for row in x])


@wrong(f"{NAME}.layer-norm", says="divide by its root")
def root_forgotten(x, gamma, beta, eps):
    return np.array([gamma * (row - row.mean()) / (row.var() + eps) + beta for row in x])


@wrong(f"{NAME}.layer-norm", says="RMSNorm")
def mean_not_subtracted(x, gamma, beta, eps):
    return np.array([gamma * row / np.sqrt((row @ row) / len(row) + eps) + beta for row in x])


@wrong(f"{NAME}.layer-norm", says="beta is not added")
def no_beta(x, gamma, beta, eps):
    return np.array([gamma * (row - row.mean()) / np.sqrt(row.var() + eps) for row in x])


@wrong(f"{NAME}.layer-norm", says="gamma should not touch it")
def beta_inside(x, gamma, beta, eps):
    return np.array([gamma * ((r - r.mean()) / np.sqrt(r.var() + eps) + beta) for r in x])


# ---------------------------------------------------------------- batch-norm-step


def step(x, mean, var, momentum, eps, y_var=None, new_var=None):
    n = len(x)
    center = x.sum(0) / n
    squares = ((x - center) ** 2).sum(0)
    y = (x - center) / np.sqrt((squares / n if y_var is None else y_var) + eps)
    kept = squares / (n - 1) if new_var is None else new_var
    return y, mean + momentum * (center - mean), var + momentum * (kept - var)


@wrong(f"{NAME}.batch-norm-step", says="unbiased one, with N - 1")
def biased_variance_kept(x, mean, var, momentum, eps):
    return step(x, mean, var, momentum, eps, new_var=np.var(x, axis=0))


@wrong(f"{NAME}.batch-norm-step", says="y is computed with the unbiased")
def unbiased_variance_in_y(x, mean, var, momentum, eps):
    return step(x, mean, var, momentum, eps, y_var=np.var(x, axis=0, ddof=1))


@wrong(f"{NAME}.batch-norm-step", says="share of the new batch")
def momentum_of_the_old_value(x, mean, var, momentum, eps):
    return step(x, mean, var, 1 - momentum, eps)


@wrong(f"{NAME}.batch-norm-step", says="y is computed with the running statistics")
def evaluation_in_training(x, mean, var, momentum, eps):
    _, new_mean, new_var = step(x, mean, var, momentum, eps)
    with np.errstate(all="ignore"):
        return (x - mean) / np.sqrt(var + eps), new_mean, new_var


@wrong(f"{NAME}.batch-norm-step", says="updated running statistics")
def running_statistics_first(x, mean, var, momentum, eps):
    _, new_mean, new_var = step(x, mean, var, momentum, eps)
    return (x - new_mean) / np.sqrt(new_var + eps), new_mean, new_var


@wrong(f"{NAME}.batch-norm-step", says="not updated")
def running_statistics_left_alone(x, mean, var, momentum, eps):
    return step(x, mean, var, momentum, eps)[0], mean, var


@wrong(f"{NAME}.batch-norm-step", says="became those of this batch")
def running_statistics_replaced(x, mean, var, momentum, eps):
    return step(x, mean, var, 1.0, eps)


@wrong(f"{NAME}.batch-norm-step", says="averages variances")
def standard_deviation_kept(x, mean, var, momentum, eps):
    return step(x, mean, var, momentum, eps, new_var=np.std(x, axis=0, ddof=1))


# ---------------------------------------------------------------- backward


def parts(x, eps):
    center = x - x.mean(1)[:, None]
    sigma = np.sqrt((center**2).mean(1) + eps)[:, None]
    return center / sigma, sigma


@wrong(f"{NAME}.backward", says="This is g / σ alone")
def statistics_taken_as_constants(x, g, eps):
    return g / parts(x, eps)[1]


@wrong(f"{NAME}.backward", says="way through the variance")
def variance_taken_as_constant(x, g, eps):
    return (g - g.mean(1)[:, None]) / parts(x, eps)[1]


@wrong(f"{NAME}.backward", says="way through the mean")
def mean_taken_as_constant(x, g, eps):
    xhat, sigma = parts(x, eps)
    return (g - xhat * (g * xhat).mean(1)[:, None]) / sigma


@wrong(f"{NAME}.backward", says="Sums stand")
def sums_for_means(x, g, eps):
    xhat, sigma = parts(x, eps)
    return (g - g.sum(1)[:, None] - xhat * (g * xhat).sum(1)[:, None]) / sigma


@wrong(f"{NAME}.backward", says="over the examples")
def over_the_batch(x, g, eps):
    xhat, sigma = parts(x.T, eps)
    g = g.T
    return ((g - g.mean(1)[:, None] - xhat * (g * xhat).mean(1)[:, None]) / sigma).T


@wrong(f"{NAME}.backward", says="division by σ")
def not_divided(x, g, eps):
    xhat, _ = parts(x, eps)
    return g - g.mean(1)[:, None] - xhat * (g * xhat).mean(1)[:, None]


@wrong(f"{NAME}.backward", says="that of g * xhat")
def input_for_its_normalized_form(x, g, eps):
    xhat, sigma = parts(x, eps)
    return (g - g.mean(1)[:, None] - xhat * (g * x).mean(1)[:, None]) / sigma


# ---------------------------------------------------------------- fold


@wrong(f"{NAME}.fold", says="running mean is not subtracted")
def mean_forgotten(W, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.diag(scale) @ W, scale * b + beta


@wrong(f"{NAME}.fold", says="layer's own bias passes through")
def bias_not_scaled(W, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.diag(scale) @ W, b + beta - mean * scale


@wrong(f"{NAME}.fold", says="own bias b got lost")
def bias_lost(W, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.diag(scale) @ W, beta - mean * scale


@wrong(f"{NAME}.fold", says="beta is not added")
def beta_forgotten(W, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.diag(scale) @ W, scale * (b - mean)


@wrong(f"{NAME}.fold", says="divide by its root")
def variance_for_its_root(W, b, gamma, beta, mean, var, eps):
    scale = gamma / (var + eps)
    return np.diag(scale) @ W, scale * (b - mean) + beta


@wrong(f"{NAME}.fold", says="eps is missing")
def eps_forgotten(W, b, gamma, beta, mean, var, eps):
    scale = gamma / var**0.5
    return np.diag(scale) @ W, scale * (b - mean) + beta


@wrong(f"{NAME}.fold", says="gamma is not used")
def gamma_forgotten(W, b, gamma, beta, mean, var, eps):
    scale = 1 / np.sqrt(var + eps)
    return np.diag(scale) @ W, scale * (b - mean) + beta


@wrong(f"{NAME}.fold", says="bias is the old one")
def weights_alone(W, b, gamma, beta, mean, var, eps):
    return np.diag(gamma / np.sqrt(var + eps)) @ W, b


# ---------------------------------------------------------------- any-batch


@wrong(f"{NAME}.any-batch", says="depends on the batch")
def batch_norm(z):
    return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)


@wrong(f"{NAME}.any-batch", says="The signal fades")
def nothing_at_all(z):
    return 1.0 * z


@wrong(f"{NAME}.any-batch", says="Each row has length 1")
def length_one(z):
    return z / np.linalg.norm(z, axis=1)[:, None]


@wrong(f"{NAME}.any-batch", says="Only signs are left")
def signs(z):
    return np.sign(z)


@wrong(f"{NAME}.any-batch", says="the same output")
def ranks_of_the_places(z):
    return np.tile(np.linspace(-1.7, 1.7, z.shape[1]), (len(z), 1))


@wrong(f"{NAME}.any-batch", says="too large")
def multiplied_up(z):
    return 3 * z / np.sqrt((z**2).mean(1)[:, None] + 1e-12)


@wrong(f"{NAME}.any-batch", says="returned float64 of shape")
def means_returned(z):
    return z.mean(1)
