"""The exercises of Calculus and autodiff."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from utils.exercises.spec import Exercise, Mistake

Array = np.ndarray


# ---- A missing operation -------------------------------------------------------------------------


def _powers(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([4.0]), np.array([1.0]), np.array([0.5]), np.array([0.0])
    yield np.array([0.5, 2.0]), np.array([0.0, 0.0]), np.array([3.0, -2.0]), np.array([1.0, 2.0])
    yield np.array([1.0, 3.0]), np.array([-2.0, 1.0]), np.array([0.0, -1.0]), np.array([4.0, 0.5])
    for n in (2, 4, 7):
        a, b = rng.uniform(0.3, 3, n), rng.uniform(-2, 3, n)
        yield a, rng.normal(size=n), b, rng.normal(size=n)


def _dual_power(a: Array, da: Array, b: Array, db: Array) -> tuple:
    a, b, da, db = map(torch.as_tensor, (a, b, da, db))
    found = torch.autograd.functional.jvp(torch.pow, (a, b), (da, db))
    return tuple(part.numpy() for part in found)


def _part_by_part(args: tuple, got: Any, want: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.allclose(got[1], args[1] ** args[3], equal_nan=True))


def _power(dot: Callable[..., Array]) -> Callable[..., tuple]:
    return lambda a, da, b, db: (a**b, dot(a, da, b, db))


POWER = Exercise(
    id="calculus-and-autodiff.power",
    level=1,
    call="dual_power(a, da, b, db)",
    returns=("value (N,)", "dot (N,)"),
    example=(
        np.array([2.0, 3.0]),
        np.array([1.0, 0.0]),
        np.array([3.0, 2.0]),
        np.array([0.0, 1.0]),
    ),
    inputs=_powers,
    oracle=_dual_power,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The dot lacks the part of the exponent: b may change too.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da),
        ),
        Mistake(
            "The dot lacks the part of the base: a may change too.",
            like=_power(lambda a, da, b, db: a**b * np.log(a) * db),
        ),
        Mistake(
            "The part of the exponent lacks a factor: the derivative of a**b by b is "
            "a**b times log(a).",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da + a**b * db),
        ),
        Mistake(
            "These are the two partial derivatives, added: multiply each by how fast its input "
            "changes, da or db.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) + a**b * np.log(a)),
        ),
        Mistake(
            "The base's part is not multiplied by how fast the base changes, da.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) + a**b * np.log(a) * db),
        ),
        Mistake(
            "The exponent's part is not multiplied by how fast the exponent changes, db.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da + a**b * np.log(a)),
        ),
        Mistake(
            "The exponent of the base's part is one too large: the derivative of a**b by a is "
            "b * a**(b - 1).",
            like=_power(lambda a, da, b, db: b * a**b * da + a**b * np.log(a) * db),
        ),
        Mistake(
            "The logarithm is of the wrong number: it is of the base.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da + a**b * np.log(np.abs(b)) * db),
        ),
        Mistake(
            "da and db are swapped: da belongs to the derivative by the base a.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * db + a**b * np.log(a) * da),
        ),
        Mistake(
            "log10 is not the logarithm that the derivative needs: it is the natural one.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da + a**b * np.log10(a) * db),
        ),
        Mistake(
            "The dot is da**db, as if a power of dual numbers were taken part by part.",
            when=_part_by_part,
        ),
        Mistake(
            "The two results are swapped: first the value, then the dot.",
            like=lambda a, da, b, db: _dual_power(a, da, b, db)[::-1],
        ),
        Mistake(
            "One part is subtracted: the effects of both inputs add.",
            like=_power(lambda a, da, b, db: b * a ** (b - 1) * da - a**b * np.log(a) * db),
        ),
    ),
    hints=(
        "The power depends on two inputs. Its dot is the partial derivative by a, times da, plus "
        "the partial derivative by b, times db.",
        "With b fixed, the derivative by a is b * a**(b - 1). For the other write a**b as "
        "exp(b * log(a)).",
        "The derivative of exp(b * log(a)) by b is a**b * log(a). NumPy's log takes tensors "
        "too, but a tensor's own is a.log(); torch.as_tensor makes one of an array.",
    ),
    notice="With exp, log and the product the rule would follow by itself: a**b = exp(b log a), and"
    " dual numbers need rules only for what cannot be composed.",
)


# ---- The right step for a second derivative ------------------------------------------------------


def _sine(x: float) -> float:
    return math.sin(x)


def _decay(x: float) -> float:
    return 3 + math.exp(-x)


def _fourth(x: float) -> float:
    return x * x * x * x


def _bend(x: float) -> float:
    return math.tanh(2 * x)


def _lorentz(x: float) -> float:
    return 1 / (1 + x * x)


# value, slope, second derivative
_CURVES: dict[Callable, tuple[Callable, Callable]] = {
    _sine: (math.cos, lambda x: -math.sin(x)),
    _decay: (lambda x: -math.exp(-x), lambda x: math.exp(-x)),
    _fourth: (lambda x: 4 * x**3, lambda x: 12 * x**2),
    _bend: (
        lambda x: 2 - 2 * math.tanh(2 * x) ** 2,
        lambda x: -8 * math.tanh(2 * x) * (1 - math.tanh(2 * x) ** 2),
    ),
    _lorentz: (
        lambda x: -2 * x / (1 + x * x) ** 2,
        lambda x: (6 * x * x - 2) / (1 + x * x) ** 3,
    ),
}


def _curves(rng: np.random.Generator) -> Iterator[tuple]:
    yield _decay, 1.0
    yield _decay, 1.5
    yield _sine, -1.2
    yield _lorentz, 0.0
    for f, low, high in (
        *(6 * [(_decay, 0.8, 1.6)]),  # where round-off counts most
        (_sine, 0.5, 2.5),
        (_fourth, 0.8, 1.8),
        (_bend, 0.3, 0.6),
        (_lorentz, 1.0, 1.6),
    ):
        yield f, float(rng.uniform(low, high))


def _second(f: Callable, x: float) -> float:
    return _CURVES[f][1](x)


def _by_steps(f: Callable, x: float, h: float, one_sided: bool = False) -> float:
    if one_sided:
        return (f(x + 2 * h) - 2 * f(x + h) + f(x)) / (h * h)
    return (f(x + h) - 2 * f(x) + f(x - h)) / (h * h)


def _number(got: Any) -> bool:
    return isinstance(got, (int, float, np.ndarray)) and np.ndim(got) == 0 and math.isfinite(got)


def _explained(one_sided: bool) -> Callable[[tuple, Any, Any], bool]:
    """Whether some large step, the same quotient with it, gives this very result."""

    def explains(args: tuple, got: Any, want: Any) -> bool:
        if not _number(got):
            return False
        (f, x), steps = args, np.geomspace(1e-5 if one_sided else 1.2e-3, 1.0, 400)
        error = [abs(_by_steps(f, x, h, one_sided) - float(got)) for h in steps]
        return min(error) < 0.03 * abs(float(got) - want)

    return explains


def _by_h(args: tuple, got: Any, want: Any) -> bool:
    """Whether it is the right result times a small step."""
    return _number(got) and 1e-6 < float(got) / want < 0.05


def _lacks_two(args: tuple, got: Any, want: Any) -> bool:
    if not _number(got) or float(got) * args[0](args[1]) <= 0:
        return False
    h = math.sqrt(args[0](args[1]) / float(got))
    return 1e-6 < h < 0.1


SECOND_DIFFERENCE = Exercise(
    id="calculus-and-autodiff.second-difference",
    level=2,
    call="second_difference(f, x)",
    returns=("second",),
    example=(_fourth, 1.0),
    inputs=_curves,
    oracle=_second,
    rtol=2e-6,
    mistakes=(
        Mistake(
            "The sign is wrong: the outer points count positive, and the middle one negative.",
            like=lambda f, x: -_second(f, x),
        ),
        Mistake(
            "This is the first derivative.",
            like=lambda f, x: _CURVES[f][0](x),
        ),
        Mistake(
            "Half of what is right: the divisor is h², whatever the distance of the outer points.",
            like=lambda f, x: _second(f, x) / 2,
        ),
        Mistake("Twice of what is right: the divisor is h².", like=lambda f, x: 2 * _second(f, x)),
        Mistake(
            "A quarter of what is right: the divisor for points at x - h, x and x + h is h², "
            "not (2h)².",
            like=lambda f, x: _second(f, x) / 4,
        ),
        Mistake(
            "The difference is divided by h once: the divisor is h².",
            when=_by_h,
        ),
        Mistake(
            "The middle point counts twice: f(x + h) - 2 f(x) + f(x - h). With one f(x) the "
            "numerator does not vanish as h does.",
            when=_lacks_two,
        ),
        Mistake(
            "The step is too large: what is left over is h²/12 times the fourth derivative.",
            when=_explained(one_sided=False),
        ),
        Mistake(
            "The three points lie to one side of x: then the error is h times the third "
            "derivative, far larger than with x in the middle.",
            when=_explained(one_sided=True),
        ),
        Mistake(
            "The step is too small: f is rounded by about 1e-16, and the quotient divides this by "
            "h². The best step for a second derivative is larger than for a first.",
            when=lambda args, got, want: (
                _number(got)
                and (
                    abs(float(got) - want) < 0.5 * abs(want)
                    or float(got) == 0
                    or abs(float(got)) > 3 * abs(want)
                )
            ),
        ),
    ),
    hints=(
        "Add the Taylor series of f(x + h) and f(x - h): the odd terms cancel, and what remains "
        "after 2 f(x) is h² f''(x), with an error of h⁴/12 times the fourth derivative.",
        "Divided by h², that is a truncation error of about h²/12. Rounding each value by u = "
        "1.1e-16 adds up to 4 u / h². Which h makes the sum least?",
        "Setting the derivative of h²/12 + 4 u / h² to zero gives h⁴ = 48 u, so h is about 3e-4.",
    ),
    notice="Each further derivative costs digits: the best error grows from u^(2/3) for a first to "
    "u^(1/2) for a second, while nested dual numbers lose none.",
)


# ---- The Jacobian of softmax ---------------------------------------------------------------------


def _scores(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([3.0]),)
    yield (np.array([1000.0, 999.0, -1000.0]),)
    yield (np.array([-1000.0, -1001.0]),)
    for k in (2, 3, 5, 8):
        yield (rng.normal(size=k) * 2,)


def _softmax(z: Array) -> Array:
    return torch.softmax(torch.as_tensor(z), 0).numpy()


def _softmax_jacobian(z: Array) -> Array:
    scores = torch.as_tensor(z)
    return torch.autograd.functional.jacobian(lambda s: torch.softmax(s, 0), scores).numpy()


def _naive_jacobian(z: Array) -> Array:
    with np.errstate(all="ignore"):
        p = np.exp(z) / np.exp(z).sum()
    return np.diag(p) - np.outer(p, p)


def _from_p(change: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda z: change(_softmax(z))


SOFTMAX_JACOBIAN = Exercise(
    id="calculus-and-autodiff.softmax-jacobian",
    level=2,
    call="softmax_jacobian(z)",
    returns=("J (K, K)",),
    example=(np.log([1.0, 3.0]),),
    inputs=_scores,
    oracle=_softmax_jacobian,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "Large scores overflow: subtract the largest score before exp.", like=_naive_jacobian
        ),
        Mistake(
            "Only the diagonal is there: each score also moves the other probabilities, through "
            "the sum in the denominator.",
            like=_from_p(lambda p: np.diag(p * (1 - p))),
        ),
        Mistake(
            "The part through the denominator, -p_i p_j, is missing.",
            like=_from_p(np.diag),
        ),
        Mistake(
            "The part through the numerator is missing: on the diagonal, p_i.",
            like=_from_p(lambda p: -np.outer(p, p)),
        ),
        Mistake(
            "The two parts have opposite signs: raising one score lowers the other probabilities.",
            like=_from_p(lambda p: np.diag(p) + np.outer(p, p)),
        ),
        Mistake(
            "Off the diagonal the derivative is a product of two probabilities, -p_i p_j, "
            "and here one factor is missing.",
            like=_from_p(lambda p: np.diag(p) - p),
        ),
        Mistake(
            "Off the diagonal the derivative is a product of two probabilities, -p_i p_j, "
            "and here one factor is missing.",
            like=_from_p(lambda p: np.diag(p) - p[:, None]),
        ),
        Mistake(
            "p @ p is one number, the sum of the p_i squared: wanted is the table of all products "
            "p_i p_j.",
            like=_from_p(lambda p: np.diag(p) - p @ p),
        ),
        Mistake(
            "These are only the derivatives of each p_i by its own score: every score moves every "
            "probability, which makes a table of K by K.",
            when=lambda args, got, want: np.shape(got) == np.shape(args[0]),
        ),
        Mistake(
            "p_i (1 - p_j) holds on the diagonal only; off it there is no 1.",
            like=_from_p(lambda p: np.outer(p, 1 - p)),
        ),
        Mistake(
            "The numerator's part is 1 here, not p_i: exp(z_i) is its own derivative, and is "
            "divided by the sum too.",
            like=_from_p(lambda p: np.eye(len(p)) - np.outer(p, p)),
        ),
        Mistake(
            "This is the Jacobian of log p_i: that of p_i has the factor p_i besides.",
            like=_from_p(lambda p: np.eye(len(p)) - p),
        ),
    ),
    hints=(
        "Write p_i = e_i / s with e_i = exp(z_i) and s their sum. By z_j, e_i has the derivative "
        "e_i if i = j and 0 otherwise, and s has the derivative e_j.",
        "The rule for quotients gives p_i - p_i p_j on the diagonal and -p_i p_j off it.",
        "As matrices: diag(p) - p pᵀ. For the probabilities subtract the largest score first.",
    ),
    notice="Each row and each column of this Jacobian sums to 0, since the probabilities sum to 1 "
    "and adding a number to all scores changes nothing.",
)


# ---- Both products of a layer --------------------------------------------------------------------


def _layers(rng: np.random.Generator) -> Iterator[tuple]:
    def made(n: int, d: int, m: int) -> tuple:
        shapes = ((m, d), (n, d), (m, d), (n, m))
        return tuple(rng.normal(size=shape) / math.sqrt(d) for shape in shapes)

    yield made(1, 1, 1)
    yield made(1, 3, 2)
    yield made(4, 1, 3)
    for n, d, m in ((3, 2, 4), (5, 4, 2), (2, 3, 5)):
        yield made(n, d, m)
    yield made(240, 100, 90)  # its Jacobian would take 1.5 GB


def _layer_products(W: Array, X: Array, V: Array, U: Array) -> tuple:
    W, X, V, U = map(torch.as_tensor, (W, X, V, U))

    def layer(weights: torch.Tensor) -> torch.Tensor:
        return torch.tanh(X @ weights.T)

    pushed = torch.autograd.functional.jvp(layer, W, V)[1]
    pulled = torch.autograd.functional.vjp(layer, W, U)[1]
    return pushed.numpy(), pulled.numpy()


def _products(
    slope: Callable[[Array], Array], slope_back: Callable[[Array], Array] | None = None
) -> Callable[..., tuple]:
    """Both products with other slopes, functions of the pre-activations."""

    def products(W: Array, X: Array, V: Array, U: Array) -> tuple:
        z = X @ W.T
        return slope(z) * (X @ V.T), ((slope_back or slope)(z) * U).T @ X

    return products


def _right(z: Array) -> Array:
    return 1 - np.tanh(z) ** 2


LAYER_PRODUCTS = Exercise(
    id="calculus-and-autodiff.layer-products",
    level=2,
    call="layer_products(W, X, V, U)",
    returns=("JV (N, M)", "UJ (M, D)"),
    example=(
        np.zeros((3, 2)),
        np.array([[1.0, 1.0], [2.0, 3.0]]),
        np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),
        np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]),
    ),
    inputs=_layers,
    oracle=_layer_products,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The two results are swapped: first JV, then UJ.",
            like=lambda W, X, V, U: _layer_products(W, X, V, U)[::-1],
        ),
        Mistake(
            "Both lack the slope of tanh, 1 - tanh(Z)².",
            like=_products(np.ones_like),
        ),
        Mistake(
            "JV lacks the slope of tanh.",
            like=_products(np.ones_like, _right),
        ),
        Mistake(
            "UJ lacks the slope of tanh: the weights lie before the activation, so U passes it "
            "first.",
            like=_products(_right, np.ones_like),
        ),
        Mistake(
            "The slope of tanh is 1 - tanh(Z)², not 1 - Z².",
            like=_products(lambda z: 1 - z**2),
        ),
        Mistake(
            "tanh is applied twice in the slope: with A = tanh(Z) it is 1 - A².",
            like=_products(lambda z: 1 - np.tanh(np.tanh(z)) ** 2),
        ),
        Mistake(
            "The slope of tanh is 1 - A², not A itself.",
            like=_products(np.tanh),
        ),
        Mistake(
            "The slope of tanh is 1 - tanh(Z)²: here the square is missing.",
            like=_products(lambda z: 1 - np.tanh(z)),
        ),
        Mistake(
            "A (1 - A) is the slope of the sigmoid; that of tanh is 1 - A².",
            like=_products(lambda z: np.tanh(z) * (1 - np.tanh(z))),
        ),
        Mistake(
            "JV is the layer at V, tanh(X Vᵀ): the Jacobian is linear, and its slope is taken at "
            "W.",
            like=lambda W, X, V, U: (np.tanh(X @ V.T), _layer_products(W, X, V, U)[1]),
        ),
        Mistake(
            "JV is tanh(X (W + V)ᵀ) - tanh(X Wᵀ): that is the change over a whole step, not its "
            "linear part.",
            like=lambda W, X, V, U: (
                np.tanh(X @ (W + V).T) - np.tanh(X @ W.T),
                _layer_products(W, X, V, U)[1],
            ),
        ),
        Mistake(
            "The slope of tanh is taken at V: the layer stands at W, and V is the direction.",
            like=lambda W, X, V, U: (
                _right(X @ V.T) * (X @ V.T),
                (_right(X @ V.T) * U).T @ X,
            ),
        ),
        Mistake(
            "UJ is divided by the number of examples: every output counts with its own weight in "
            "U, and nothing else.",
            like=lambda W, X, V, U: (
                _layer_products(W, X, V, U)[0],
                _layer_products(W, X, V, U)[1] / len(X),
            ),
        ),
        Mistake(
            "UJ is multiplied by W or V: with respect to the weights the layer's input X is what "
            "the sum runs over.",
            like=lambda W, X, V, U: (
                _layer_products(W, X, V, U)[0],
                (_right(X @ W.T) * U).T @ (_right(X @ W.T) * U) @ W,
            ),
        ),
    ),
    hints=(
        "With Z = X Wᵀ, a change V of the weights changes Z by X Vᵀ. What does a change of Z do to "
        "tanh(Z), entry by entry?",
        "For the other product go backward: U times the slope is the derivative by Z, of shape "
        "(N, M). Entry (i, j) of W acts on column i of Z with the factors in column j of X.",
        "JV is S * (X @ V.T) and UJ is (S * U).T @ X, with S = 1 - tanh(Z)**2.",
    ),
    notice="The sum of U times JV equals the sum of UJ times V, for both are uᵀ J v: a test of any "
    "such pair that needs no Jacobian.",
)


# ---- A sparse Jacobian in few passes -------------------------------------------------------------


@dataclass(frozen=True)
class Linear:
    """What a function looks like near a point: its Jacobian, which only jvp may read."""

    J: Array
    pattern: Array
    spare: int = 0  # calls allowed beyond those of the greedy groups


def _colors(pattern: Array) -> list[int]:
    """A color for each column, in order, the first that no column with a common row has."""
    colors: list[int] = []
    for j in range(pattern.shape[1]):
        touched = pattern[pattern[:, j]].any(axis=0)
        taken = {colors[k] for k in range(j) if touched[k]}
        colors.append(next(c for c in range(j + 1) if c not in taken))
    return colors


def _sparse_jacobian(jvp: Callable, pattern: Array) -> Array:
    colors = np.array(_colors(pattern))
    J = np.zeros(pattern.shape)
    for c in range(colors.max() + 1):
        columns = colors == c
        product = jvp(columns.astype(float))
        J += np.where(pattern & columns, product[:, None], 0)
    return J


def _use_jvp(answer: Callable, function: Linear) -> Any:
    """The Jacobian that the answer finds, and how often it called jvp."""
    calls = []

    def jvp(v: Array) -> Array:
        """J v for a direction v of shape (n,)."""
        v = np.asarray(v, dtype=float)
        n = function.J.shape[1]
        if v.shape != (n,):
            raise ValueError(f"jvp takes one direction of shape ({n},), got shape {v.shape}")
        calls.append(1)
        return function.J @ v

    result = answer(jvp, function.pattern.copy())
    return None if result is None or result is ... else (result, len(calls))


def _band(n: int, below: int, above: int) -> Array:
    i, j = np.indices((n, n))
    return (j - i <= above) & (i - j <= below)


def _arrow(n: int) -> Array:
    """A diagonal and a full first column."""
    pattern = np.eye(n, dtype=bool)
    pattern[:, 0] = True
    return pattern


def _sparse(rng: np.random.Generator) -> Iterator[tuple]:
    far = np.eye(12, dtype=bool) | np.eye(12, k=5, dtype=bool) | np.eye(12, k=-4, dtype=bool)
    patterns = [_band(1, 0, 0), _band(40, 1, 1), _band(23, 2, 2), _band(15, 0, 3), _arrow(20), far]
    patterns += [np.ones((3, 4), dtype=bool), np.eye(9, dtype=bool)]
    for m, n in ((30, 12), (12, 30), (20, 20)):
        patterns.append(rng.uniform(size=(m, n)) < 2 / n)
    for number, pattern in enumerate(patterns):
        J = np.where(pattern, rng.uniform(1, 2, pattern.shape), 0)
        yield (Linear(J, pattern, spare=int(number >= 8)),)


def _sparse_fault(args: tuple, got: Any, want: Any) -> str | None:
    (J, calls), function = got, args[0]
    wrong = ~np.isclose(J, want[0], rtol=1e-6, atol=1e-6)
    if wrong.any():
        i, j = (int(k) for k in np.argwhere(wrong)[0])
        return f"J[{i}, {j}] is {J[i, j]:.4g}, and should be {want[0][i, j]:.4g}."
    if calls > (allowed := max(_colors(function.pattern)) + 1 + function.spare):
        return f"J is right, with {calls} calls of jvp; {allowed} are allowed for this pattern."
    return None


def _over(args: tuple, got: Any, want: Any) -> bool:
    """Whether the Jacobian is right, and found one column at a time."""
    right = np.shape(got[0]) == want[0].shape and np.allclose(got[0], want[0])
    return right and got[1] >= args[0].pattern.shape[1]


def _grouped(colors: Callable[[Array], Array], masked: bool = True) -> Callable:
    """An answer with other groups of columns."""

    def answer(jvp: Callable, pattern: Array) -> Array:
        group, J = np.asarray(colors(pattern)), np.zeros(pattern.shape)
        for c in np.unique(group):
            columns = group == c
            product = jvp(columns.astype(float))
            J += np.where((pattern if masked else True) & columns, product[:, None], 0)
        return J

    return answer


def _same_values(like: Callable) -> Callable[[tuple, Any, Any], bool]:
    """Whether this answer finds the same Jacobian, however many calls it takes."""

    def same(args: tuple, got: Any, want: Any) -> bool:
        wrong = _use_jvp(like, *args)[0]
        return np.shape(got[0]) == wrong.shape and np.allclose(got[0], wrong)

    return same


def _neighbors(pattern: Array) -> list[int]:
    """Colors that look only at the column before."""
    colors = [0]
    for j in range(1, pattern.shape[1]):
        clash = (pattern[:, j] & pattern[:, j - 1]).any()
        colors.append((colors[-1] + 1) % 2 if clash else colors[-1])
    return colors


SPARSE_JACOBIAN = Exercise(
    id="calculus-and-autodiff.sparse-jacobian",
    level=3,
    call="sparse_jacobian(jvp, pattern)",
    returns=("J (m, n)", "calls"),
    example=(
        Linear(
            np.array(
                [
                    [2.0, 1.0, 0.0, 0.0, 0.0],
                    [3.0, 2.0, 1.0, 0.0, 0.0],
                    [0.0, 3.0, 2.0, 1.0, 0.0],
                    [0.0, 0.0, 3.0, 2.0, 1.0],
                    [0.0, 0.0, 0.0, 3.0, 2.0],
                ]
            ),
            _band(5, 1, 1),
        ),
    ),
    inputs=_sparse,
    oracle=_sparse_jacobian,
    run=_use_jvp,
    verify=_sparse_fault,
    mistakes=(
        Mistake(
            "J is right, but each column has a call of its own: columns that have no row in "
            "common can share one.",
            when=_over,
        ),
        Mistake(
            "J is transposed: one row for each output, one column for each input.",
            when=lambda args, got, want: (
                np.shape(got[0]) == want[0].T.shape
                and np.allclose(got[0], want[0].T)
                and not np.array_equal(want[0], want[0].T)
            ),
        ),
        Mistake(
            "Columns j, j + 3, j + 6 … share a call whatever the pattern: that is right for three "
            "diagonals only.",
            when=_same_values(_grouped(lambda p: np.arange(p.shape[1]) % 3)),
        ),
        Mistake(
            "All columns share one call: where two of them have a row in common, the product holds "
            "the sum of their entries.",
            when=_same_values(_grouped(lambda p: np.zeros(p.shape[1], dtype=int))),
        ),
        Mistake(
            "A column is compared with its neighbor only: it must have no row in common with any "
            "column of its group.",
            when=_same_values(_grouped(_neighbors)),
        ),
        Mistake(
            "Entries outside the pattern are not zero: of a product, each column of the group "
            "takes only the rows in which the pattern has it.",
            when=_same_values(_grouped(_colors, masked=False)),
        ),
        Mistake(
            "Entries stand outside the pattern, where J is zero.",
            when=lambda args, got, want: bool(np.any(np.asarray(got[0])[~args[0].pattern] != 0)),
        ),
    ),
    hints=(
        "A product with the sum of several unit vectors is the sum of these columns. From the sum "
        "each can be read off if no row belongs to two of them.",
        "Put columns into groups, one call for each group. Go through the columns in order, and "
        "give each the first group in which no column has a row in common with it.",
        "Two columns j and k clash if (pattern[:, j] & pattern[:, k]).any(). Of the product of a "
        "group, entry i belongs to that column of the group which has pattern[i, j].",
    ),
    notice="Coloring turns n passes into as many as the most crowded row needs, or a few more, and "
    "this is how large sparse Jacobians are computed in practice.",
)


EXERCISES = (POWER, SECOND_DIFFERENCE, SOFTMAX_JACOBIAN, LAYER_PRODUCTS, SPARSE_JACOBIAN)
