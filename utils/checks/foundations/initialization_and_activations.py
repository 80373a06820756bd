"""The exercises of Initialization and activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch

from utils.exercises.spec import Exercise, Mistake


def _scores(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([0.0]),)
    yield (np.array([-40.0, -45.0, -42.0]),)
    yield (np.array([[1000.0, -1000.0, 30.0]]),)
    yield (np.array([-1.0, -2.0]),)
    for shape in ((4,), (2, 3)):
        yield (rng.normal(size=shape) * 3,)


def _softplus(z: np.ndarray) -> tuple:
    leaf = torch.tensor(z, requires_grad=True)
    value = torch.logaddexp(leaf, torch.zeros_like(leaf))
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach().numpy(), slope.numpy()


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(z / 2))


SOFTPLUS = Exercise(
    id="initialization-and-activations.softplus",
    level=1,
    call="softplus(z)",
    returns=("value", "slope"),
    example=(np.array([0.0, 2.0, -1000.0]),),
    inputs=_scores,
    oracle=_softplus,
    mistakes=(
        Mistake(
            "The value overflows for large z: log(1 + e^z) is z + log(1 + e^-z), and for positive "
            "z the second form is the safe one.",
            like=lambda z: (np.log1p(np.exp(z)), _softplus(z)[1]),
        ),
        Mistake(
            "Both value and slope overflow for large z: let no exponent be positive.",
            like=lambda z: (np.log1p(np.exp(z)), np.exp(z) / (1 + np.exp(z))),
        ),
        Mistake(
            "The value is right, but the slope overflows for large z: e^z / (1 + e^z) can be "
            "written so that no exponent is positive.",
            like=lambda z: (_softplus(z)[0], np.exp(z) / (1 + np.exp(z))),
        ),
        Mistake(
            "The value is 0 where it should be tiny: 1 + e^z is rounded to 1 for z below -37. "
            "np.log1p(x) computes log(1 + x) without adding first.",
            like=lambda z: (
                np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z))),
                _softplus(z)[1],
            ),
        ),
        Mistake(
            "The value is log(1 + e^-z): the curve is mirrored.",
            like=lambda z: (_softplus(-z)[0], _softplus(z)[1]),
        ),
        Mistake(
            "The value is ReLU: what softplus adds near the kink is missing.",
            like=lambda z: (np.maximum(z, 0), _softplus(z)[1]),
        ),
        Mistake(
            "The slope is 0 where it should be tiny, for z below -37: (1 + tanh(z/2)) / 2 and "
            "1 - e^-value are differences of numbers that round to the same. np.exp(z - value) "
            "takes no difference.",
            like=lambda z: (_softplus(z)[0], _sigmoid(z)),
        ),
        Mistake(
            "The slope is the step of ReLU: near 0 it should pass from 0 to 1 smoothly.",
            like=lambda z: (_softplus(z)[0], (z > 0) * 1.0),
        ),
        Mistake(
            "The slope is s(1 - s), that of the sigmoid: the sigmoid itself is softplus's slope.",
            like=lambda z: (_softplus(z)[0], _sigmoid(z) * _sigmoid(-z)),
        ),
        Mistake(
            "The slope falls from 1 to 0: its z has the wrong sign.",
            like=lambda z: (_softplus(z)[0], _sigmoid(-z)),
        ),
        Mistake(
            "The slope lacks the inner derivative: that of log(1 + e^z) is e^z / (1 + e^z).",
            like=lambda z: (_softplus(z)[0], 1 / (1 + np.exp(np.minimum(z, 700)))),
        ),
        Mistake("The two results are swapped.", like=lambda z: _softplus(z)[::-1]),
    ),
    hints=(
        "By the chain rule, the slope of log(1 + e^z) is e^z / (1 + e^z), an old friend.",
        "For any z, log(1 + e^z) = max(z, 0) + log(1 + e^-|z|): here no exponent is positive. For "
        "the logarithm take np.log1p, which does not lose a tiny e^-|z| beside the 1.",
        "Since e^z / (1 + e^z) = e^(z - log(1 + e^z)), the slope is np.exp(z - value).",
    ),
    notice="Softplus is a smooth ReLU, and its slope is the sigmoid, a smooth step.",
)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _stds(fans: Callable[[tuple[int, ...]], tuple[float, float]] = _fans) -> Callable[..., float]:
    def std(shape: tuple[int, ...], rule: str) -> float:
        fan_in, fan_out = fans(shape)
        square = {"xavier": 2 / (fan_in + fan_out), "he": 2 / fan_in, "torch": 1 / (3 * fan_in)}
        return math.sqrt(square[rule])

    return std


def _weight_std(shape: tuple[int, ...], rule: str) -> float:
    """Measured on the library's own: its uniform bounds are functions of the shape alone."""
    return _stds()(shape, rule)


def _shapes(rng: np.random.Generator) -> Iterator[tuple]:
    for rule in ("xavier", "he", "torch"):
        yield (1, 7), rule
        yield (128, 784), rule
        yield (32, 16, 3, 5), rule
        yield (5, 3, 9), rule
        yield tuple(int(n) for n in rng.integers(2, 40, 2)), rule


def _instead(rule: str, square: Callable[[int, int], float]) -> Callable[..., float]:
    """The right answer, but for one rule another variance."""

    def std(shape: tuple[int, ...], asked: str) -> float:
        return math.sqrt(square(*_fans(shape))) if asked == rule else _weight_std(shape, asked)

    return std


WEIGHT_STD = Exercise(
    id="initialization-and-activations.weight-std",
    level=1,
    call="weight_std(shape, rule)",
    returns=("std",),
    example=((10, 40), "xavier"),
    inputs=_shapes,
    oracle=_weight_std,
    mistakes=(
        Mistake(
            "This is the variance: the standard deviation is its square root.",
            like=lambda shape, rule: _weight_std(shape, rule) ** 2,
        ),
        Mistake(
            'For "he" the fan-in counts, here it is the fan-out.',
            like=_instead("he", lambda i, o: 2 / o),
        ),
        Mistake(
            "Fan-in and fan-out are swapped: the shape has the outputs first.",
            like=_stds(lambda shape: _fans(shape)[::-1]),
        ),
        Mistake(
            "A convolution's window is missing: each output sums over all its positions.",
            like=_stds(lambda shape: (shape[1], shape[0])),
        ),
        Mistake(
            "The window counts for the fan-in only: each input also goes to all its positions.",
            like=_stds(lambda shape: (_fans(shape)[0], shape[0])),
        ),
        Mistake(
            "Only one side of the window is counted.",
            like=_stds(lambda shape: tuple(n * (*shape, 1)[2] for n in (shape[1], shape[0]))),
        ),
        Mistake(
            "Xavier's variance is 1 over the mean of fan-in and fan-out, so 2 over their sum.",
            like=_instead("xavier", lambda i, o: 1 / (i + o)),
        ),
        Mistake(
            "Xavier's rule asks for both fans: 2 over their sum, not 1 over fan-in.",
            like=_instead("xavier", lambda i, o: 1 / i),
        ),
        Mistake(
            'For "he" the factor 2 is missing, which makes up for the half that ReLU cuts off.',
            like=_instead("he", lambda i, o: 1 / i),
        ),
        Mistake(
            'For "he" only the 2 is under the root: it goes over the whole of 2 / fan-in.',
            like=_instead("he", lambda i, o: 2 / i**2),
        ),
        Mistake(
            "√(6 / (fan-in + fan-out)) is the bound of Xavier's uniform numbers: their standard "
            "deviation is √3 times smaller.",
            like=_instead("xavier", lambda i, o: 6 / (i + o)),
        ),
        Mistake(
            "√(6 / fan-in) is the bound of He's uniform numbers: their standard deviation is √3 "
            "times smaller.",
            like=_instead("he", lambda i, o: 6 / i),
        ),
        Mistake(
            "1/√fan-in is the bound of PyTorch's uniform numbers: their standard deviation is √3 "
            "times smaller.",
            like=_instead("torch", lambda i, o: 1 / i),
        ),
    ),
    hints=(
        "How many numbers does one output add up? That is the fan-in: shape[1], times the number "
        "of positions in the window for a convolution.",
        "Variances: 2 / (fan-in + fan-out), 2 / fan-in, and for PyTorch's default, uniform between "
        "plus and minus 1/√fan-in, a third of the bound's square.",
        "math.prod(shape[2:]) is the size of the window, and 1 for a linear layer.",
    ),
    notice="The shape alone decides how large weights may be: wide layers need small ones.",
)


def _matrices(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([[-3.0]]),)
    yield (np.array([[0.0, 3.0, -4.0]]),)
    yield (np.array([[0.0, 2.0], [1.0, 1.0]]),)
    for shape in ((2, 5), (3, 3), (4, 9), (6, 7)):
        yield (rng.normal(size=shape),)
    yield (rng.normal(size=(5, 8)) * 1e5 ** rng.uniform(-1, 1, (5, 1)),)


def _orthonormal_rows(g: np.ndarray) -> np.ndarray:
    q, r = torch.linalg.qr(torch.as_tensor(g.T))
    return (q * torch.sign(torch.diagonal(r))).mT.numpy()


def _gram_schmidt(
    against: str = "all",
    shrink: bool = True,
    early: bool = False,
    sign: int = -1,
    along: bool = True,
    power: int = 1,
) -> Callable[[np.ndarray], np.ndarray]:
    def rows(g: np.ndarray) -> np.ndarray:
        w = np.array(g / np.linalg.norm(g, axis=1, keepdims=True) if early else g)
        for i in range(len(w)):
            for k in range(i - 1 if against == "previous" else 0, i) if i else ():
                other = g[k] if against == "given" else w[k]
                share = g[i] @ other if against == "one sweep" else w[i] @ other
                w[i] = w[i] + sign * share * (other if along else 1)
            if shrink and not early:
                w[i] /= np.linalg.norm(w[i]) ** power
        return w

    return rows


ORTHONORMAL = Exercise(
    id="initialization-and-activations.orthonormal-rows",
    level=2,
    call="orthonormal_rows(g)",
    returns=("w (M, D)",),
    example=(np.array([[3.0, 4.0, 0.0], [5.0, 0.0, 2.0]]),),
    inputs=_matrices,
    oracle=_orthonormal_rows,
    mistakes=(
        Mistake(
            "The rows are perpendicular, but not of length 1.",
            when=lambda args, got, want: (
                np.allclose(got / np.linalg.norm(got, axis=1, keepdims=True), want)
                and not np.allclose(np.abs(got), np.abs(want))
            ),
        ),
        Mistake(
            "The rows have length 1, but are not perpendicular: from each, subtract its parts "
            "along all rows before it.",
            like=lambda g: g / np.linalg.norm(g, axis=1, keepdims=True),
        ),
        Mistake(
            "Each row is made perpendicular to the one before it only: it must be so to all "
            "before.",
            like=_gram_schmidt("previous"),
        ),
        Mistake(
            "The parts along the given rows are subtracted: take those along the finished rows, "
            "which are perpendicular to each other and of length 1.",
            like=_gram_schmidt("given"),
        ),
        Mistake(
            "The parts along the rows before are added, and should be subtracted.",
            like=_gram_schmidt(sign=1),
        ),
        Mistake(
            "v @ u is a number, and was subtracted from every entry: the part along the row u is "
            "(v @ u) * u.",
            like=_gram_schmidt(along=False),
        ),
        Mistake(
            "What remains is divided by the square of its length: the length is the root of the "
            "sum of squares.",
            like=_gram_schmidt(power=2),
        ),
        Mistake(
            "The lengths were made 1 before the subtractions, which shorten the rows again.",
            like=_gram_schmidt(early=True),
        ),
        Mistake(
            "Some rows point the wrong way: a library's QR may give a negative diagonal of R, "
            "whose signs belong to Q.",
            when=lambda args, got, want: (
                np.allclose(np.abs(got), np.abs(want)) and not np.allclose(got, want)
            ),
        ),
        Mistake(
            "The columns were made orthonormal: it is the rows that should be.",
            when=lambda args, got, want: (
                got.shape == want.shape
                and got.shape[0] == got.shape[1] > 1
                and np.allclose(np.abs(got), np.abs(_orthonormal_rows(args[0].T).T))
            ),
        ),
        Mistake(
            "The rows are orthonormal, but not these: the first row of w should point along the "
            "first row of g, and each further one should use only the rows before it.",
            when=lambda args, got, want: (
                got.shape == want.shape and np.allclose(got @ got.T, np.eye(len(got)))
            ),
        ),
    ),
    hints=(
        "The first row of w is the first row of g, divided by its length. What must be taken away "
        "from the second row of g, so that it is perpendicular to it?",
        "The part of v along a row u of length 1 is (v @ u) * u. Subtract it for each finished row "
        "u, then divide what is left by its length.",
        "With k finished rows w[:k], all parts together are w[:k].T @ (w[:k] @ v). Do not write "
        "into g.",
    ),
    notice="Rows that came out of normal numbers in this way point into all directions equally "
    "often, and W Wᵀ = I keeps every gradient's length.",
)


def _relu3(z: np.ndarray) -> np.ndarray:
    return 3 * np.maximum(z, 0)


def _wave(z: np.ndarray) -> np.ndarray:
    return np.sin(2 * z)


def _bump(z: np.ndarray) -> np.ndarray:
    return np.exp(-z * z / 2)


def _shifted(z: np.ndarray) -> np.ndarray:
    return np.tanh(z - 1)


def _half(z: np.ndarray) -> np.ndarray:
    return 0.5 * np.asarray(z)


def _functions(rng: np.random.Generator) -> Iterator[tuple]:
    yield from ((f,) for f in (_half, _relu3, _sigmoid, _wave, _bump, _shifted))


def _average(f: Callable[[np.ndarray], np.ndarray], spread: float = 1.0) -> float:
    u = np.linspace(-10, 10, 20000)
    mass = np.exp(-(u**2) / 2)
    return float(mass @ f(spread * u) / mass.sum())


def _steady_gain(phi: Callable[[np.ndarray], np.ndarray]) -> float:
    return _average(lambda z: phi(z) ** 2) ** -0.5


def _uniform_gain(phi: Callable[[np.ndarray], np.ndarray]) -> float:
    z = np.linspace(-1, 1, 10001)
    return float(np.mean(phi(z) ** 2) ** -0.5)


GAIN = Exercise(
    id="initialization-and-activations.steady-gain",
    level=2,
    call="steady_gain(phi)",
    returns=("gain",),
    example=(np.tanh,),
    inputs=_functions,
    oracle=_steady_gain,
    rtol=0.02,
    mistakes=(
        Mistake(
            "The mean was subtracted: the next layer sums the activations as they are, so their "
            "mean square counts, not their variance.",
            like=lambda phi: (_average(lambda z: phi(z) ** 2) - _average(phi) ** 2) ** -0.5,
        ),
        Mistake(
            "This is the square of the gain: it multiplies the variance, and the gain the standard "
            "deviation.",
            like=lambda phi: _steady_gain(phi) ** 2,
        ),
        Mistake(
            "Upside down: what shrinks the signal needs a gain above 1.",
            like=lambda phi: 1 / _steady_gain(phi),
        ),
        Mistake(
            "This is the mean square itself: with which factor does its product become 1?",
            like=lambda phi: _steady_gain(phi) ** -2,
        ),
        Mistake(
            "The mean of |φ| is used: squares are what adds up in the next layer.",
            like=lambda phi: 1 / _average(lambda z: np.abs(phi(z))),
        ),
        Mistake(
            "The pre-activations are taken as uniform numbers: they are standard normal, as "
            "rng.normal() draws them.",
            like=_uniform_gain,
        ),
        Mistake(
            "The weights exp(-z²/2) do not add up to 1: divide by their sum, or, in an integral, "
            "by √(2π).",
            like=lambda phi: _steady_gain(phi) * (2 * math.pi) ** -0.25,
        ),
        Mistake(
            "The slope of φ is squared: that would keep the gradient. The signal needs the mean "
            "of φ(z)².",
            like=lambda phi: (
                _average(lambda z: ((phi(z + 1e-4) - phi(z - 1e-4)) / 2e-4) ** 2) ** -0.5
            ),
        ),
        Mistake(
            "This is He's gain, √2, which is right for ReLU alone.",
            when=lambda args, got, want: bool(np.allclose(got, math.sqrt(2), rtol=1e-3)),
        ),
        Mistake(
            "Close, but off by more than 2 %: are there enough random numbers, or is the grid wide "
            "and fine enough?",
            when=lambda args, got, want: bool(0.02 < abs(got / want - 1) < 0.1),
        ),
    ),
    hints=(
        "If z is standard normal, what is the mean of φ(z)²? The next layer multiplies it by the "
        "square of the gain.",
        "You may measure it: φ of some hundred thousand normal numbers. Or integrate: φ(z)² on a "
        "fine grid, weighted with exp(-z²/2), divided by the sum of the weights.",
        "The gain is 1 / √(mean of φ(z)²). For ReLU the mean is 1/2, and the gain √2.",
    ),
    notice="He's √2 is this computation for ReLU; any other activation has a number of its own.",
)


def _starts(rng: np.random.Generator) -> Iterator[tuple]:
    yield 120, 50, 7
    yield 100, 20, int(rng.integers(1000))


def _start(n: int, depth: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    gain = (2 * (1 + math.exp(-8))) ** -0.5  # E[(2 cos 2z)²] = 2 (1 + e^-8), z standard normal
    kept = gain**2 * (1 - math.exp(-8)) / 2
    w = rng.normal(size=(depth, n, n)) * gain / math.sqrt(n)
    w[0] *= math.sqrt(kept) / gain
    return w, math.sqrt(1 - kept) * rng.normal(size=(depth, n))


def _through(w: np.ndarray, b: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares of z and of the error signal in all layers, for 64 fresh inputs."""
    rng, zs = np.random.default_rng([seed, 64]), []
    a = rng.normal(size=(64, w.shape[2]))
    with np.errstate(all="ignore"):
        for matrix, bias in zip(w, b):
            zs.append(a @ matrix.T + bias)
            a = np.sin(2 * zs[-1])
        delta = rng.normal(size=a.shape) * 2 * np.cos(2 * zs[-1])
        squares = [np.square(delta).mean()]
        for matrix, z in zip(w[:0:-1], zs[-2::-1]):
            delta = (delta @ matrix) * 2 * np.cos(2 * z)
            squares.append(np.square(delta).mean())
    return np.array([np.square(z).mean() for z in zs]), np.array(squares[::-1])


def _kept(args: tuple, got: tuple, want: tuple) -> str | None:
    w, b = (np.asarray(part, dtype=float) for part in got)
    if not (np.isfinite(w).all() and np.isfinite(b).all()):
        return "Some weights or biases are not finite."
    size = np.sqrt(args[0] * np.square(w[1:]).mean())
    if size > 5:
        return (
            f"The weights are far too large: √n times their standard deviation is {size:.3g}. "
            "Are they divided by √n?"
        )
    if size < 0.1:
        return (
            f"The weights are next to nothing, √n times their standard deviation is {size:.2g}: "
            "no gradient comes through."
        )
    q, p = _through(w, b, args[2])
    low, high = int(q.argmin()), int(q.argmax())
    if not q[low] >= 1 / 3:
        return (
            f"The signal fades: in layer {low + 1} the mean square of z is {q[low]:.2g}, below 1/3."
        )
    if not q[high] <= 3:
        return (
            f"The signal is too large: in layer {high + 1} the mean square of z is {q[high]:.2g}, "
            "above 3."
        )
    low, high = int(p.argmin()), int(p.argmax())
    if not p[high] <= 10:
        return (
            f"The signal is kept, but the gradient explodes: its mean square is {p[high]:.2g} in "
            f"layer {high + 1}. One gain cannot serve both; what else does a layer have?"
        )
    if not p[low] >= 0.1:
        return (
            f"The signal is kept, but the gradient vanishes: its mean square is {p[low]:.2g} in "
            f"layer {low + 1}."
        )
    return None


def _twice(answer: Callable[..., object], n: int, depth: int, seed: int) -> object:
    """The answer's result, which the same seed must give again."""
    first, again = answer(n, depth, seed), answer(n, depth, seed)
    if isinstance(first, tuple) and isinstance(again, tuple):
        for a, b in zip(first, again):
            arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
            if arrays and a.dtype.kind == "f" and not np.array_equal(a, b, equal_nan=True):
                raise ValueError(
                    "called again with the same seed, start gives other numbers: draw all of them "
                    "from np.random.default_rng(seed)"
                )
    return first


FIFTY_LAYERS = Exercise(
    id="initialization-and-activations.fifty-layers",
    level=3,
    call="start(n, depth, seed)",
    returns=("W (L, n, n)", "b (L, n)"),
    example=(100, 50, 0),
    inputs=_starts,
    oracle=_start,
    run=_twice,
    verify=_kept,
    seconds=3.0,
    hints=(
        "The gradient first: its factor per layer is gain² times the mean of φ'(z)², and φ' is "
        "2 cos(2z). Which gain makes it 1, if z is standard normal?",
        "With that gain the weights alone give a mean square of z below 1 in the next layer. The "
        "biases are random numbers too, and their variance adds to it: fill up to 1.",
        "gain² is about 1/2. The weights then contribute gain² times the mean of sin(2z)², about "
        "1/4, the biases the other 3/4. The first layer sees inputs with mean square 1: give its "
        "weights the variance that makes them contribute 1/4 too.",
    ),
    notice="Weights and biases are two knobs, and for a function like this one both are needed to "
    "keep signal and gradient at once.",
)

EXERCISES = (SOFTPLUS, WEIGHT_STD, ORTHONORMAL, GAIN, FIFTY_LAYERS)
