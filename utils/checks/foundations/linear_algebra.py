"""The exercises of Linear algebra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch

from utils.diagnosis import fault
from utils.exercises.spec import Exercise, Mistake


def _factors(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[2.0], [3.0]]), np.array([-5.0]), np.array([[1.0], [0.0], [4.0]])
    yield rng.normal(size=(3, 3)), np.array([2.0, -1.0, 0.5]), rng.normal(size=(3, 3))
    yield rng.normal(size=(2, 2)), np.array([0.0, 3.0]), rng.normal(size=(5, 2))
    for m, d, k in ((4, 3, 6), (5, 7, 2), (1, 4, 3), (6, 2, 4)):
        yield rng.normal(size=(m, k)), 3 * rng.normal(size=k), rng.normal(size=(d, k))


def _outer_sum(A: np.ndarray, s: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.einsum("mk,k,dk->md", A, s, B)


OUTER_SUM = Exercise(
    id="linear-algebra.outer-sum",
    level=1,
    call="outer_sum(A, s, B)",
    returns=("C (M, D)",),
    example=(
        np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]),
        np.array([10.0, -1.0]),
        np.array([[1.0, 2.0], [3.0, 0.0]]),
    ),
    inputs=_factors,
    oracle=_outer_sum,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The numbers s are not used: each outer product counts s_k times.",
            like=lambda A, s, B: A @ B.T,
        ),
        Mistake(
            "Each s_k is used twice, once with A and once with B: once is enough.",
            like=lambda A, s, B: (A * s) @ (B * s).T,
        ),
        Mistake(
            "The absolute value of s is used: a negative s_k subtracts its outer product.",
            like=lambda A, s, B: (A * abs(s)) @ B.T,
        ),
        Mistake(
            "B is not transposed: column k of A meets column k of B, and A @ B joins columns of A "
            "with rows of B.",
            like=lambda A, s, B: (A * s) @ B,
        ),
        Mistake(
            "A is transposed where it should not be: rows of A are mixed, and columns are wanted.",
            like=lambda A, s, B: (A.T * s) @ B.T,
        ),
        Mistake(
            "s scales the rows of A: it belongs to the columns, so that column k counts s_k times.",
            like=lambda A, s, B: (A * s[:, None]) @ B.T,
        ),
        Mistake(
            "s scales the columns of the finished sum: s_k belongs to the k-th outer product, so "
            "it acts before they are added up.",
            like=lambda A, s, B: s * (A @ B.T),
        ),
        Mistake(
            "Only the first outer product is there: add all K of them.",
            like=lambda A, s, B: s[0] * np.outer(A[:, 0], B[:, 0]),
        ),
        Mistake(
            "Only the last outer product is there: add them up, and do not overwrite the sum.",
            like=lambda A, s, B: s[-1] * np.outer(A[:, -1], B[:, -1]),
        ),
        Mistake(
            "The last outer product is missing.",
            like=lambda A, s, B: (A * s)[:, :-1] @ B[:, :-1].T,
        ),
        Mistake(
            "The first outer product is missing: Python counts from 0.",
            like=lambda A, s, B: (A * s)[:, 1:] @ B[:, 1:].T,
        ),
        Mistake(
            "The columns are multiplied entry by entry: every entry of a_k meets every entry of "
            "b_k, which gives a table.",
            like=lambda A, s, B: A * s * B,
        ),
    ),
    hints=(
        "What is entry (i, j) of the sum? Compare it with the definition of a matrix product.",
        "A @ B.T is the sum without the numbers s. Multiply column k of A by s_k first.",
        "A * s multiplies column k by s[k]: broadcasting lines up the last axes.",
    ),
    notice="A matrix product with a diagonal matrix in the middle is a weighted sum of outer "
    "products, and a diagonal matrix never has to be built.",
)


def _gradients(rng: np.random.Generator) -> Iterator[tuple]:
    pairs = (
        ((2, 3), (2, 3)), ((3, 3), (3,)), ((3, 3), (3, 1)), ((3, 3), (1, 3)), ((4, 2), (1, 1)),
        ((4, 2), ()), ((3, 5), (1,)), ((1, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 3, 4), (3, 1)),
        ((2, 2, 2), (2, 1, 2)), ((5, 3, 4, 2), (3, 1, 1)), ((5, 3, 4, 2), (1, 3, 1, 2)),
        ((3,), (3,)), ((6,), (1,)),
    )  # fmt: skip
    for from_shape, shape in pairs:
        yield rng.normal(size=from_shape), shape


def _sum_to(G: np.ndarray, shape: tuple) -> np.ndarray:
    """What autograd says: the gradient of an array that was broadcast to the shape of G."""
    a = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (torch.tensor(G) * a).sum().backward()
    return a.grad.numpy()


def _sum_axes(G: np.ndarray, shape: tuple, how: Callable = np.sum) -> np.ndarray:
    padded = (1,) * (G.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i, n in enumerate(padded) if n == 1)
    return how(G, axis=axes, keepdims=True).reshape(shape) if axes else G


def _first_of(G: np.ndarray, axis: tuple, keepdims: bool) -> np.ndarray:
    """The first entries along these axes: what one copy receives."""
    return G[tuple(slice(0, 1) if i in axis else slice(None) for i in range(G.ndim))]


def _leading_only(G: np.ndarray, shape: tuple) -> np.ndarray:
    return G.sum(axis=tuple(range(G.ndim - len(shape))))


BROADCAST_GRADIENT = Exercise(
    id="linear-algebra.broadcast-gradient",
    level=2,
    call="sum_to(G, shape)",
    returns=("dA",),
    example=(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), (3,)),
    inputs=_gradients,
    oracle=_sum_to,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The mean is taken: each copy has its full effect on the loss, so the gradients of the "
            "copies are added.",
            like=lambda G, shape: _sum_axes(G, shape, np.mean),
        ),
        Mistake(
            "One copy's gradient is returned: those of all copies are added.",
            like=lambda G, shape: _sum_axes(G, shape, _first_of),
        ),
        Mistake(
            "It keeps the size of axes along which A has size 1: these were stretched, and are "
            "summed too.",
            when=lambda args, got, want: (
                np.shape(got) != np.shape(want) and np.shape(got) == np.shape(_leading_only(*args))
            ),
        ),
        Mistake(
            "A summed axis has vanished: where A has an axis of size 1, keep it, with "
            "keepdims=True.",
            when=lambda args, got, want: (
                np.shape(got) == tuple(n for n in args[1] if n != 1) != np.shape(want)
            ),
        ),
        Mistake(
            "It returns G as it is: sum over the axes along which A was copied.",
            when=lambda args, got, want: (
                np.shape(got) == np.shape(args[0]) != np.shape(want)
                and np.array_equal(got, args[0])
            ),
        ),
        Mistake(
            "It has axes of size 1 in front that A does not have: those are summed away.",
            when=lambda args, got, want: (
                np.ndim(got) > len(args[1])
                and np.shape(got) == (1,) * (np.ndim(got) - len(args[1])) + tuple(args[1])
            ),
        ),
        Mistake(
            "Everything is summed: only the axes along which A was copied.",
            when=lambda args, got, want: (
                np.ndim(got) == 0 < np.ndim(want) and np.isclose(got, np.sum(args[0]))
            ),
        ),
        Mistake(
            "The sum of everything stands in every entry: sum over the copied axes only.",
            like=lambda G, shape: np.full(shape, G.sum()),
        ),
        Mistake(
            "The right sums, but of axes in the wrong order: which axis of G is which of A?",
            like=lambda G, shape: _sum_axes(G.T, shape),
        ),
    ),
    hints=(
        "Each entry of A was copied to several places of the sum. What arrives at the copies is "
        "added up at the entry.",
        "Two kinds of axes were made by copying: those in front that A does not have, and those "
        "where A has size 1.",
        "Sum away G.ndim - len(shape) axes in front. Then sum, with keepdims=True, each axis where "
        "shape has a 1.",
    ),
    notice="Copying forward is summing backward: this is how the gradient of a bias becomes a sum "
    "over the batch.",
)


def _with_values(rng: np.random.Generator, m: int, d: int, values: list[float]) -> np.ndarray:
    """A matrix with these singular values."""
    U = np.linalg.qr(rng.normal(size=(m, m)))[0][:, : len(values)]
    V = np.linalg.qr(rng.normal(size=(d, d)))[0][:, : len(values)]
    return (U * values) @ V.T


def _matrices(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0]]),)
    yield (np.array([[1.0, -1.0], [2.0, -2.0], [0.5, -0.5]]),)
    yield (np.array([[0.0, -2.0], [1.0, 0.0]]),)
    yield (np.array([[3.0, 0.0, -4.0]]),)
    yield (_with_values(rng, 4, 6, [3.0, 2.4, 1.0]),)
    yield (_with_values(rng, 7, 3, [0.5, 0.3, 0.1]),)
    yield (_with_values(rng, 5, 5, [40.0, 31.0, 30.0, 2.0]),)
    yield (_with_values(rng, 12, 9, [2.0, 1.6, 1.5, 1.0, 0.5]),)


def _svd_first(A: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    U, sigma, Vt = np.linalg.svd(A)
    return U[:, 0], float(sigma[0]), Vt[0]


def _not_top(args: tuple, got: Any, want: Any) -> str | None:
    (A,), (u, sigma, v) = args, got
    sigma, largest = float(sigma), want[1]
    if (
        any(np.isinf(part).any() for part in (u, sigma, v))
        or max(map(np.max, map(np.abs, (u, v)))) > 1e100
    ):
        return "The numbers grow without end: make the vector length 1 again after every step."
    if not all(np.isfinite(part).all() for part in (u, sigma, v)):
        return (
            "There is a nan: a vector of length 0 was divided by its length. Was the start in a "
            "direction that A sends to 0?"
        )
    for name, vector in (("u", u), ("v", v)):
        if abs(np.linalg.norm(vector) - 1) > 1e-5:
            return f"{name} should have length 1, and has {np.linalg.norm(vector):.4g}"
    if abs(sigma - largest) > 1e-5 * largest:
        return f"sigma: {largest:.5g} expected, {sigma:.5g} given"
    if np.linalg.norm(A @ v - sigma * u) > 1e-4 * largest:
        return "A v should be sigma u, and is not: do u and v belong together?"
    if np.linalg.norm(A.T @ u - sigma * v) > 1e-4 * largest:
        return "Aᵀu should be sigma v, and is not: were there enough steps?"
    return None


def _triple(test: Callable[..., bool]) -> Callable[[tuple, Any, Any], bool]:
    """A mistake of a triple of the right shapes: ``test(A, u, sigma, v, want)``."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if fault(want, got, TOP_SINGULAR.returns, None):
            return False
        u, sigma, v = got
        if not all(np.isfinite(part).all() for part in (u, float(sigma), v)):
            return False
        return bool(test(args[0], u, float(sigma), v, want))

    return when


def _is(a: float, b: float) -> bool:
    return abs(a - b) < 1e-4 * abs(b)


TOP_SINGULAR = Exercise(
    id="linear-algebra.top-singular",
    level=2,
    call="top_singular(A)",
    returns=("u (M,)", "sigma", "v (D,)"),
    example=(np.array([[10.0, 2.0], [5.0, 11.0]]),),
    inputs=_matrices,
    oracle=_svd_first,
    verify=_not_top,
    mistakes=(
        Mistake(
            "sigma is squared: the eigenvalue of AᵀA is σ², so take the root, or the length of "
            "A v.",
            when=_triple(lambda A, u, s, v, want: _is(s, want[1] ** 2) and not _is(want[1], 1)),
        ),
        Mistake(
            "u is not of length 1: A v has the length sigma, so divide by it.",
            when=_triple(
                lambda A, u, s, v, want: _is(np.linalg.norm(u), want[1]) and not _is(want[1], 1)
            ),
        ),
        Mistake(
            "v is not of length 1: Aᵀu has the length sigma, so divide by it.",
            when=_triple(
                lambda A, u, s, v, want: _is(np.linalg.norm(v), want[1]) and not _is(want[1], 1)
            ),
        ),
        Mistake(
            "u and v are in each other's place: u is a direction of the outputs, A v.",
            when=lambda args, got, want: (
                len(got) == 3
                and np.shape(got[0]) == np.shape(want[2])
                and np.shape(got[2]) == np.shape(want[0])
                and abs(abs(got[0] @ want[2]) - 1) < 1e-3
                and abs(abs(got[2] @ want[0]) - 1) < 1e-3
            ),
        ),
        Mistake(
            "The signs do not fit: u and v may be turned around only together, so compute one of "
            "them from the other.",
            when=_triple(
                lambda A, u, s, v, want: (
                    _is(s, want[1]) and np.linalg.norm(A @ v + s * u) < 1e-3 * want[1]
                )
            ),
        ),
        Mistake(
            "sigma is negative: a singular value never is.",
            when=_triple(lambda A, u, s, v, want: s < 0),
        ),
        Mistake(
            "It is a singular value, but not the largest. A start like (1, 0, …) or (1, 1, …) can "
            "be perpendicular to v₁ for ever: start from random numbers. (And eigh sorts the "
            "smallest first, eig not at all.)",
            when=_triple(
                lambda A, u, s, v, want: (
                    not _is(s, want[1])
                    and np.linalg.norm(A @ v - s * u) < 1e-3 * want[1]
                    and np.linalg.norm(A.T @ u - s * v) < 1e-3 * want[1]
                )
            ),
        ),
        Mistake(
            "v is an eigenvector of A itself: a step is a product with A and one with Aᵀ.",
            when=_triple(
                lambda A, u, s, v, want: (
                    len(A) == len(v)
                    and not _is(np.linalg.norm(A @ v), want[1])
                    and np.linalg.norm(A @ v - (v @ A @ v) * v) < 1e-4 * want[1]
                )
            ),
        ),
        Mistake(
            "Not there yet: with σ₂/σ₁ = 0.8 an error shrinks by 0.64 a step. How many steps make "
            "five digits?",
            when=_triple(
                lambda A, u, s, v, want: (
                    0.5 * want[1] < s < want[1] * (1 + 1e-9)
                    and abs(np.linalg.norm(v) - 1) < 1e-5
                    and abs(v @ want[2]) > 0.5
                )
            ),
        ),
    ),
    hints=(
        "v₁ is the eigenvector of AᵀA with the largest eigenvalue. Power iteration finds it: which "
        "two multiplications are one step?",
        "One step is v ← Aᵀ(A v), made to length 1 again. Start from random numbers, and take at "
        "least 60 steps.",
        "At the end w = A v; then sigma = ‖w‖ and u = w / sigma. So the signs fit by themselves.",
    ),
    notice="AᵀA was never built: two products with vectors a step are enough, which is how the "
    "first singular vectors of huge matrices are found.",
)


def _spectra(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([5.0, 2.0, 1.0]), 0.0
    yield np.array([5.0, 2.0, 0.0, 0.0]), 0.0
    yield np.array([3.0, 1.0]), 1.5
    yield np.array([1.0, 1.0, 1.0, 1.0]), 0.5
    yield np.array([2.0]), 0.9
    yield np.array([8.0, 5.0, 4.0, 3.0, 3.0, 2.0, 1.0]), 0.45
    yield np.array([8.0, 5.0, 4.0, 3.0, 3.0, 2.0, 1.0]), 0.3
    yield np.array([100.0, 10.0, 9.0, 8.0, 7.0, 6.0]), 0.12
    for r, tolerance in ((6, 0.2), (15, 0.1), (40, 0.35), (40, 0.05)):
        sigma = np.sort(rng.uniform(0.2, 1, size=r) * 0.85 ** np.arange(r))[::-1]
        yield sigma.copy(), tolerance


def _rank(
    sigma: np.ndarray,
    tolerance: float,
    size: Callable[[np.ndarray], float] = lambda s: float(np.sqrt((s**2).sum())),
    strict: bool = False,
) -> int:
    """The smallest k whose rest is small enough, by this measure of size."""
    for k in range(len(sigma) + 1):
        rest, limit = size(sigma[k:]), tolerance * size(sigma)
        if rest < limit or (rest == limit and not strict):
            return k
    return len(sigma)


def _never_all(sigma: np.ndarray, tolerance: float) -> int:
    return 0 if (k := _rank(sigma, tolerance)) == len(sigma) else k


RANK_FOR_ERROR = Exercise(
    id="linear-algebra.rank-for-error",
    level=2,
    call="smallest_rank(sigma, tolerance)",
    returns=("k",),
    example=(np.array([12.0, 4.0, 3.0]), 0.3),
    inputs=_spectra,
    oracle=_rank,
    mistakes=(
        Mistake(
            "The squares are missing: the error of rank k is the root of the sum of the *squares* "
            "of the singular values that are left out.",
            like=lambda s, t: _rank(s, t, lambda x: float(x.sum())),
        ),
        Mistake(
            "The root is missing: a ratio of sums of squares is the tolerance squared.",
            like=lambda s, t: _rank(s, t, lambda x: float((x**2).sum())),
        ),
        Mistake(
            "Only the first singular value that is left out is counted: all of them make the "
            "error.",
            like=lambda s, t: _rank(s, t, lambda x: float(x.max(initial=0))),
        ),
        Mistake(
            "An error that equals the tolerance is small enough: the test is ≤.",
            like=lambda s, t: _rank(s, t, strict=True),
        ),
        Mistake(
            "It never gives k = 0: a tolerance of 1 or more needs no term at all.",
            like=lambda s, t: max(_rank(s, t), 1),
        ),
        Mistake(
            "Where all terms are needed it gives another number: k may be as large as the number "
            "of singular values.",
            like=_never_all,
        ),
        Mistake(
            "Where all terms are needed it gives another number: k may be as large as the number "
            "of singular values.",
            like=lambda s, t: min(_rank(s, t), len(s) - 1),
        ),
        Mistake(
            "It is one too large: with the first k terms kept, the error begins at sigma[k].",
            like=lambda s, t: _rank(s, t) + 1,
        ),
        Mistake(
            "It is one too large: with the first k terms kept, the error begins at sigma[k].",
            like=lambda s, t: min(_rank(s, t) + 1, len(s)),
        ),
        Mistake(
            "It is one too small: with the first k terms kept, the error begins at sigma[k].",
            like=lambda s, t: _rank(s, t) - 1,
        ),
        Mistake(
            "It is one too small: with the first k terms kept, the error begins at sigma[k].",
            like=lambda s, t: max(_rank(s, t) - 1, 0),
        ),
        Mistake(
            "The share that is kept is compared with the tolerance: that of the rest is the error.",
            like=lambda s, t: next(
                (k for k in range(len(s) + 1) if np.linalg.norm(s[:k]) >= t * np.linalg.norm(s)),
                len(s),
            ),
        ),
        Mistake(
            "The share that is kept is compared with 1 − tolerance: but lengths do not add up to "
            "1, their squares do.",
            like=lambda s, t: next(
                (
                    k
                    for k in range(len(s) + 1)
                    if np.linalg.norm(s[:k]) >= (1 - t) * np.linalg.norm(s)
                ),
                len(s),
            ),
        ),
        Mistake(
            "The error is compared with the tolerance itself: it is meant as a part of the "
            "matrix's own size, the root of the sum of all squares.",
            like=lambda s, t: next(
                (k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= t), len(s)
            ),
        ),
        Mistake(
            "The error is compared with a part of the largest singular value: the size of the "
            "matrix is the root of the sum of all squares.",
            like=lambda s, t: next(
                (k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= t * s[0]), len(s)
            ),
        ),
        Mistake(
            "It counts the singular values above a limit: together, many small ones can be a "
            "large error.",
            like=lambda s, t: int((s > t * s[0]).sum()),
        ),
        Mistake(
            "It counts the singular values above a limit: together, many small ones can be a "
            "large error.",
            like=lambda s, t: int((s > t * np.linalg.norm(s)).sum()),
        ),
    ),
    hints=(
        "The error of rank k is √(σ²ₖ₊₁ + σ²ₖ₊₂ + …), and the size of the matrix is the same sum "
        "over all of them.",
        "Try k = 0, 1, 2, … in turn: in Python the rest is sigma[k:]. For k = 0 it is everything, "
        "for k = len(sigma) nothing.",
        "Return the first k with np.sqrt((sigma[k:] ** 2).sum()) <= tolerance * "
        "np.sqrt((sigma ** 2).sum()).",
    ),
    notice="The singular values alone tell the error of every rank in advance, before a single "
    "approximation is built.",
)


@cache
def _scene(seed: int, H: int, W: int) -> np.ndarray:
    """A gray picture with the statistics of a photo: clouds of all sizes, and a few soft shapes."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:H, :W]
    frequency = np.hypot(np.fft.fftfreq(H)[:, None], np.fft.rfftfreq(W))
    frequency[0, 0] = 1
    clouds = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(H, W))) / frequency**1.3, (H, W))
    X = 0.5 + 0.1 * clouds / clouds.std()
    for _ in range(6):
        (top, left), turn = rng.uniform(0, (H, W)), rng.uniform(0, np.pi)
        height, width, gray = *rng.uniform(6, 30, size=2), rng.uniform()
        along = (x - left) * np.cos(turn) + (y - top) * np.sin(turn)
        across = (y - top) * np.cos(turn) - (x - left) * np.sin(turn)
        edge = np.hypot(along / height, across / width) - 1
        X = X + 0.6 * (gray - X) / (1 + np.exp(np.clip(8 * edge, -50, 50)))
    return np.clip(X, 0, 1)


def _scenes(rng: np.random.Generator) -> Iterator[tuple]:
    for H, W in ((96, 160), (96, 160), (128, 96)):
        yield (H, W), H * W // 10, int(rng.integers(2**31))


GAIN = 1.5  # dB above the best matrix of rank k with as many numbers


def _psnr(X: np.ndarray, Y: np.ndarray) -> float:
    return float(-10 * np.log10(((X - Y) ** 2).mean() + 1e-30))


def _svd_codec(shape: tuple, budget: int) -> tuple[Callable, Callable]:
    """The best matrix of a rank that the budget allows, as two factors in a row."""
    (H, W), k = shape, budget // sum(shape)

    def encode(X: np.ndarray) -> np.ndarray:
        U, sigma, Vt = np.linalg.svd(X, full_matrices=False)
        return np.concatenate([(U[:, :k] * sigma[:k]).ravel(), Vt[:k].ravel()])

    def decode(code: np.ndarray) -> np.ndarray:
        return code[: H * k].reshape(H, k) @ code[H * k :].reshape(k, W)

    return encode, decode


def _store(codec: Callable, shape: tuple, budget: int, seed: int) -> Any:
    """What comes back from the code, and how many numbers it had; decode knows only the code."""
    pairs = codec(shape, budget), codec(shape, budget)
    if not all(
        isinstance(p, (tuple, list)) and len(p) == 2 and all(map(callable, p)) for p in pairs
    ):
        return pairs[0]
    code = np.array(pairs[0][0](_scene(seed, *shape).copy()), dtype=np.float32)
    return pairs[1][1](code.astype(np.float64)), code.size


def _drawn(args: tuple) -> np.ndarray:
    (H, W), _, seed = args
    return _scene(seed, H, W)


def _ranked(args: tuple) -> float:
    return _psnr(_drawn(args), _store(_svd_codec, *args)[0])


def _not_stored(args: tuple, got: Any, want: Any) -> str | None:
    budget, X = args[1], _drawn(args)
    picture, numbers = got
    if numbers > budget:
        return f"The code holds {numbers} numbers, and {budget} are allowed"
    reached, ranked = _psnr(X, picture), _ranked(args)
    if not reached >= ranked + GAIN:
        return (
            f"{reached:.1f} dB: the best matrix of rank {budget // sum(X.shape)} reaches "
            f"{ranked:.1f} dB with as many numbers, and {GAIN} dB more are wanted"
        )
    return None


def _picture(test: Callable[..., bool]) -> Callable[[tuple, Any, Any], bool]:
    """A mistake of a codec that keeps to its budget: ``test(X, picture)``."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if fault(want, got, PHOTO_CODEC.returns, None) or got[1] > args[1]:
            return False
        picture = np.asarray(got[0])
        return bool(np.isfinite(picture).all() and test(_drawn(args), picture))

    return when


def _likeness(X: np.ndarray, Y: np.ndarray) -> float:
    x, y = X - X.mean(), Y - Y.mean()
    return float((x * y).sum() / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-12))


PHOTO_CODEC = Exercise(
    id="linear-algebra.photo-codec",
    level=3,
    call="photo_codec(shape, budget)",
    returns=("picture (H, W)", "numbers"),
    example=((96, 160), 1536, 0),
    inputs=_scenes,
    oracle=_svd_codec,
    run=_store,
    verify=_not_stored,
    mistakes=(
        Mistake(
            "photo_codec itself returns no picture: it returns two functions, encode and decode.",
            when=lambda args, got, want: (
                not (isinstance(got, tuple) and len(got) == 2 and isinstance(got[1], int))
            ),
        ),
        Mistake(
            "There is a nan or an infinity in the picture that comes back.",
            when=lambda args, got, want: (
                np.shape(got[0]) == args[0] and not np.isfinite(got[0]).all()
            ),
        ),
        Mistake(
            "Every pixel of the picture that comes back is the same: what did decode make of the "
            "code?",
            when=_picture(lambda X, Y: np.ptp(Y) < 1e-6),
        ),
        Mistake(
            "That is the best matrix of rank k, the very baseline: it knows nothing of neighbors, "
            "and stores both of its factors.",
            when=lambda args, got, want: (
                got[1] <= args[1] and abs(_psnr(_drawn(args), got[0]) - _ranked(args)) < 0.02
            ),
        ),
        Mistake(
            "The picture is there, but its brightness is not: are the vectors of the basis of "
            "length 1, and does decode undo each scaling of encode?",
            when=_picture(lambda X, Y: _likeness(X, Y) > 0.9 and _psnr(X, Y) < 15),
        ),
        Mistake(
            "What comes back does not resemble the picture: does decode put the numbers back in "
            "the order in which encode took them?",
            when=_picture(lambda X, Y: abs(_likeness(X, Y)) < 0.3),
        ),
        Mistake(
            "The picture comes back as a negative.",
            when=_picture(lambda X, Y: _likeness(X, Y) < -0.5),
        ),
    ),
    hints=(
        "Neighboring pixels are alike, so rows and columns are smooth. A few smooth vectors, the "
        "same for every photo, can describe them, and a basis that both sides know costs nothing.",
        "Take cosines: column j of a matrix P has the entries cos(π j (i + ½) / H), made to length "
        "1. These columns are orthonormal, so PᵀX holds the coefficients of all columns of X.",
        "With P of h columns for the height and Q of w columns for the width, code = PᵀXQ has h·w "
        "numbers, and P code Qᵀ is the picture.",
    ),
    notice="A basis that is known in advance need not be stored, and one made of cosines, in "
    "blocks of 8 × 8 pixels, is the heart of the JPEG format.",
)

EXERCISES = (
    OUTER_SUM,
    BROADCAST_GRADIENT,
    TOP_SINGULAR,
    RANK_FOR_ERROR,
    PHOTO_CODEC,
)
