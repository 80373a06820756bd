"""Wrong answers to the exercises of the topic Linear algebra."""

from __future__ import annotations

import numpy as np
from wrong import wrong

# ---- outer-sum -----------------------------------------------------------------------------------

OUTER = "linear-algebra.outer-sum"


@wrong(OUTER, says="The numbers s are not used")
def outer_sum_without_the_weights(A, s, B):
    C = 0
    for k in range(len(s)):
        C = C + A[:, k][:, None] * B[:, k]
    return C


@wrong(OUTER, says="scales the columns of the finished sum")
def outer_sum_that_is_scaled_at_the_end(A, s, B):
    return s * (A @ B.T)


@wrong(OUTER, says="used twice")
def outer_sum_with_the_weights_on_both_sides(A, s, B):
    C = 0
    for k in range(len(s)):
        C = C + (s[k] * A[:, k])[:, None] * (s[k] * B[:, k])
    return C


@wrong(OUTER, says="absolute value")
def outer_sum_as_if_s_were_singular_values(A, s, B):
    C = 0
    for k in range(len(s)):
        C = C + s[k] * (1 if s[k] > 0 else -1) * A[:, k][:, None] * B[:, k]
    return C


@wrong(OUTER, says="do not overwrite the sum")
def outer_sum_that_overwrites(A, s, B):
    for k in range(len(s)):
        C = s[k] * A[:, k][:, None] * B[:, k]
    return C


@wrong(OUTER, says="The first outer product is missing")
def outer_sum_that_counts_from_1(A, s, B):
    C = 0 * A[:, :1] * B[:, 0]
    for k in range(1, len(s)):
        C = C + s[k] * A[:, k][:, None] * B[:, k]
    return C


@wrong(OUTER, says="transposed")
def outer_sum_of_b_and_a(A, s, B):
    return (B * s) @ A.T


@wrong(OUTER, says="expected shape (M, D)")
def outer_sum_of_rows(A, s, B):
    C = 0
    for k in range(len(s)):
        C = C + s[k] * A[k][:, None] * B[k]
    return C


# ---- broadcast-gradient --------------------------------------------------------------------------

GRADIENT = "linear-algebra.broadcast-gradient"


@wrong(GRADIENT, says="The mean is taken")
def gradient_as_a_mean(G, shape):
    while G.ndim > len(shape):
        G = G.mean(0)
    for axis, size in enumerate(shape):
        if size == 1:
            G = G.mean(axis, keepdims=True)
    return G


@wrong(GRADIENT, says="these were stretched")
def gradient_that_sums_only_the_axes_in_front(G, shape):
    while G.ndim > len(shape):
        G = G.sum(0)
    return G


@wrong(GRADIENT, says="size 1 in front that A does not have")
def gradient_that_sums_only_stretched_axes(G, shape):
    padded = (1,) * (G.ndim - len(shape)) + tuple(shape)
    for axis, size in enumerate(padded):
        if size == 1:
            G = G.sum(axis, keepdims=True)
    return G


@wrong(GRADIENT, says="A summed axis has vanished")
def gradient_without_keepdims(G, shape):
    padded = (1,) * (G.ndim - len(shape)) + tuple(shape)
    for axis in reversed(range(G.ndim)):
        if padded[axis] == 1:
            G = G.sum(axis)
    return G


@wrong(GRADIENT, says="stands in every entry")
def gradient_of_everything(G, shape):
    total = G.sum()
    return total * np.ones(shape) if isinstance(G, np.ndarray) else total.expand(shape)


@wrong(GRADIENT, says="It returns G as it is")
def gradient_as_it_came(G, shape):
    return G


@wrong(GRADIENT, says="One copy's gradient")
def gradient_of_the_first_copy(G, shape):
    while G.ndim > len(shape):
        G = G[0]
    for axis, size in enumerate(shape):
        if size == 1:
            G = G[(slice(None),) * axis + (slice(0, 1),)]
    return G


# ---- top-singular --------------------------------------------------------------------------------

TOP = "linear-algebra.top-singular"


def _iterate(A, start=None, steps=200):
    v = np.random.default_rng(3).normal(size=A.shape[1]) if start is None else start
    for _ in range(steps):
        v = np.dot(A.T, np.dot(A, v))
        v = v / np.sqrt((v**2).sum())
    return v


@wrong(TOP, says="sigma is squared")
def top_with_the_eigenvalue(A):
    v = _iterate(A)
    value = v @ (A.T @ A) @ v
    return A @ v / np.sqrt(value), value, v


@wrong(TOP, says="u is not of length 1")
def top_with_u_as_a_v(A):
    v = _iterate(A)
    return A @ v, np.linalg.norm(A @ v), v


@wrong(TOP, says="in each other's place")
def top_with_u_and_v_swapped(A):
    v = _iterate(A)
    sigma = np.linalg.norm(A @ v)
    return v, sigma, A @ v / sigma


@wrong(TOP, says="The signs do not fit")
def top_with_signs_made_positive(A):
    v = _iterate(A)
    sigma = np.linalg.norm(A @ v)
    u = A @ v / sigma
    return u * np.sign(u[np.abs(u).argmax()]), sigma, -v * np.sign(u[np.abs(u).argmax()])


@wrong(TOP, says="perpendicular to v₁")
def top_from_the_first_unit_vector(A):
    start = np.zeros(A.shape[1])
    start[0] = 1
    v = _iterate(A, start)
    sigma = np.linalg.norm(A @ v)
    return A @ v / sigma, sigma, v


@wrong(TOP, says="divided by its length")
def top_from_ones(A):
    v = np.ones(A.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(200):
            w = A @ v
            sigma = np.linalg.norm(w)
            v = A.T @ w
            v = v / np.linalg.norm(v)
    return w / sigma, sigma, v


@wrong(TOP, says="Not there yet")
def top_after_three_steps(A):
    v = _iterate(A, steps=3)
    sigma = np.linalg.norm(A @ v)
    return A @ v / sigma, sigma, v


@wrong(TOP, says="after every step")
def top_that_never_shortens(A):
    v = np.random.default_rng(7).normal(size=A.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(100):
            v = A.T @ (A @ v)
        w = A @ v
        sigma = np.sqrt((w**2).sum())
        return w / sigma, sigma, v / np.linalg.norm(v)


@wrong(TOP, says="an eigenvector of A itself")
def top_of_a_itself(A):
    v = np.random.default_rng(0).normal(size=A.shape[1])
    for _ in range(100):
        v = A @ v
        v /= np.linalg.norm(v)
    return v, v @ A @ v, v


# ---- rank-for-error ------------------------------------------------------------------------------

RANK = "linear-algebra.rank-for-error"


def _first(sigma, good):
    k = 0
    while k < len(sigma) and not good(k):
        k += 1
    return k


@wrong(RANK, says="The squares are missing")
def rank_by_the_sum_of_singular_values(sigma, tolerance):
    return _first(sigma, lambda k: sum(sigma[k:]) <= tolerance * sum(sigma))


@wrong(RANK, says="The root is missing")
def rank_by_energy(sigma, tolerance):
    energy = np.cumsum(sigma**2) / np.sum(sigma**2)
    return _first(sigma, lambda k: 1 - (energy[k - 1] if k else 0) <= tolerance + 1e-12)


@wrong(RANK, says="Only the first singular value that is left out")
def rank_by_the_next_singular_value(sigma, tolerance):
    return _first(sigma, lambda k: sigma[k] <= tolerance * sigma[0])


@wrong(RANK, says="the test is ≤")
def rank_with_a_strict_test(sigma, tolerance):
    return _first(sigma, lambda k: np.linalg.norm(sigma[k:]) < tolerance * np.linalg.norm(sigma))


@wrong(RANK, says="never gives k = 0")
def rank_of_at_least_one(sigma, tolerance):
    for k in range(1, len(sigma)):
        if np.linalg.norm(sigma[k:]) <= tolerance * np.linalg.norm(sigma):
            return k
    return len(sigma)


@wrong(RANK, says="Where all terms are needed")
def rank_by_argmax(sigma, tolerance):
    rest = np.sqrt(np.cumsum((sigma**2)[::-1])[::-1])
    return int(np.argmax(rest <= tolerance * np.linalg.norm(sigma)))


@wrong(RANK, says="one too large")
def rank_one_too_many(sigma, tolerance):
    return 1 + _first(
        sigma, lambda k: np.linalg.norm(sigma[k:]) <= tolerance * np.linalg.norm(sigma)
    )


@wrong(RANK, says="The share that is kept is compared with the tolerance")
def rank_of_what_is_kept(sigma, tolerance):
    return _first(sigma, lambda k: np.linalg.norm(sigma[:k]) >= tolerance * np.linalg.norm(sigma))


@wrong(RANK, says="a part of the matrix's own size")
def rank_by_the_absolute_error(sigma, tolerance):
    return _first(sigma, lambda k: np.sqrt(np.sum(sigma[k:] ** 2)) <= tolerance)


@wrong(RANK, says="counts the singular values above a limit")
def rank_as_a_count(sigma, tolerance):
    return int((sigma > tolerance * np.linalg.norm(sigma)).sum())


@wrong(RANK, says="expected a whole number")
def rank_as_a_list(sigma, tolerance):
    return [k for k in range(len(sigma)) if sigma[k] > tolerance]


# ---- photo-codec ---------------------------------------------------------------------------------

PHOTO = "linear-algebra.photo-codec"


@wrong(PHOTO, says="the very baseline")
def codec_of_rank_k(shape, budget):
    k = budget // (shape[0] + shape[1])

    def encode(X):
        U = np.linalg.eigh(X @ X.T)[1]
        U = U[:, -k:]
        return np.concatenate([U.ravel(), (U.T @ X).ravel()])

    def decode(code):
        U = code[: shape[0] * k].reshape(shape[0], k)
        return U @ code[shape[0] * k :].reshape(k, shape[1])

    return encode, decode


@wrong(PHOTO, says="numbers, and")
def codec_that_keeps_everything(shape, budget):
    return (lambda X: X.ravel()), (lambda code: code.reshape(shape))


@wrong(PHOTO, says="1.5 dB more are wanted")
def codec_of_every_fourth_pixel(shape, budget):
    def encode(X):
        return X[2::4, 2::4].ravel()

    def decode(code):
        small = code.reshape(shape[0] // 4, shape[1] // 4)
        return small.repeat(4, axis=0).repeat(4, axis=1)

    return encode, decode


@wrong(PHOTO, says="brightness")
def codec_of_waves_that_are_not_of_length_1(shape, budget):
    H, W = shape
    h = int((budget * H / W) ** 0.5)
    w = budget // h
    P = np.cos(np.pi * np.arange(h) * (np.arange(H)[:, None] + 0.5) / H)
    Q = np.cos(np.pi * np.arange(w) * (np.arange(W)[:, None] + 0.5) / W)
    return (lambda X: P.T @ X @ Q), (lambda code: P @ code.reshape(h, w) @ Q.T)


@wrong(PHOTO, says="the order in which encode took them")
def codec_that_mixes_up_rows_and_columns(shape, budget):
    H, W = shape

    def encode(X):
        return X.reshape(H // 4, 4, W // 4, 4).mean(axis=(1, 3)).T.ravel()

    def decode(code):
        return code.reshape(H // 4, W // 4).repeat(4, axis=0).repeat(4, axis=1)

    return encode, decode


@wrong(PHOTO, says="is the same")
def codec_of_the_mean(shape, budget):
    return (lambda X: np.array([X.mean()])), (lambda code: np.full(shape, code[0]))


@wrong(PHOTO, says="returns two functions, encode and decode")
def codec_that_returns_one_function(shape, budget):
    return lambda X: X.ravel()[:budget]
