"""The exercises of Skip connections."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch

from utils.exercises.spec import Exercise, Mistake

Array = np.ndarray


def _chains(rng: np.random.Generator) -> Iterator[tuple]:
    yield 1, 0.7
    yield 2, 1.0
    yield 4, -0.3
    yield 10, 0.25
    yield 25, round(float(rng.uniform(0.1, 0.9)), 3)


def _paths(L: int, c: float) -> tuple:
    count = np.array([math.comb(L, k) for k in range(L + 1)], dtype=float)
    return count, count * c ** np.arange(L + 1) / (1 + c) ** L


def _whole_numbers_too(answer: Callable[..., object], L: int, c: float) -> object:
    """The answer's result; counts may be whole numbers or floating-point ones."""
    found = answer(L, c)
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], Array):
        count, share = found
        return (count.astype(float) if count.dtype.kind in "iu" else count), share
    return found


PATHS = Exercise(
    id="skip-connections.paths",
    level=1,
    call="paths(L, c)",
    returns=("count (L+1,)", "share (L+1,)"),
    example=(3, 0.5),
    inputs=_chains,
    oracle=_paths,
    run=_whole_numbers_too,
    mistakes=(
        Mistake(
            "The counts are right. The shares leave out that one path gets weaker with every "
            "branch it takes: each branch multiplies it by c.",
            like=lambda L, c: (_paths(L, c)[0], _paths(L, c)[0] / 2**L),
        ),
        Mistake(
            "The counts are right, and the contributions too, but they are not divided by their "
            "sum, (1 + c)^L.",
            like=lambda L, c: (_paths(L, c)[0], _paths(L, c)[1] * (1 + c) ** L),
        ),
        Mistake(
            "The counts are right. The shares are those of single paths: there are count[k] paths "
            "of each length.",
            like=lambda L, c: (_paths(L, c)[0], c ** np.arange(L + 1.0) / (1 + c) ** L),
        ),
        Mistake(
            "The contributions are divided by the number of paths, 2^L: divide by their sum.",
            like=lambda L, c: (
                _paths(L, c)[0],
                _paths(L, c)[0] * c ** np.arange(L + 1.0) / 2**L,
            ),
        ),
        Mistake(
            "The order is reversed: entry k belongs to the paths through k branches, so the first "
            "belongs to the path through no branch at all.",
            like=lambda L, c: tuple(part[::-1] for part in _paths(L, c)),
        ),
        Mistake(
            "The skips are weighted with 1 - c. A skip passes on everything: its factor is 1.",
            like=lambda L, c: (
                _paths(L, c)[0],
                np.array(
                    [math.comb(L, k) * c**k * (1 - c) ** (L - k) for k in range(L + 1)], float
                ),
            ),
        ),
        Mistake(
            "Each length is counted once: of the paths through k branches there are as many as "
            "ways to choose k of L.",
            when=lambda args, got, want: bool(np.allclose(got[0], 1)) and args[0] > 1,
        ),
    ),
    hints=(
        "A path decides at every block: through the branch, or past it. In how many ways can k of "
        "L decisions be 'through'?",
        "math.comb(L, k) counts them. A path through k branches contributes c**k.",
        "All contributions together are the binomial series of (1 + c)**L: divide by it.",
    ),
    notice="Most paths are of middle length, but a small c gives the short ones most of the "
    "gradient.",
)


def _streams(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[2.0]]), np.array([[-3.0]]), None
    yield rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), None
    yield rng.normal(size=(2, 3)), rng.normal(size=(2, 7)), None
    yield rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), rng.normal(size=(3, 2))
    yield rng.normal(size=(4, 6)), rng.normal(size=(4, 2)), rng.normal(size=(2, 6))
    yield rng.normal(size=(2, 4)), rng.normal(size=(2, 4)), rng.normal(size=(4, 4))


def _pad(x: Array, width: int, front: bool = False) -> Array:
    missing = (width - x.shape[1], 0) if front else (0, width - x.shape[1])
    return np.pad(x, ((0, 0), missing))


def _add_skip(x: Array, f: Array, P: Array | None) -> Array:
    if P is not None:
        return torch.nn.functional.linear(torch.as_tensor(x), torch.as_tensor(P)).numpy() + f
    return f + _pad(x, f.shape[1])


def _repeated(x: Array, f: Array, P: Array | None) -> Array:
    if P is not None:
        return _add_skip(x, f, P)
    return f + np.resize(x.T, (f.shape[1], len(x))).T


ADD_SKIP = Exercise(
    id="skip-connections.add-skip",
    level=1,
    call="add_skip(x, f, P)",
    returns=("y (N, M)",),
    example=(np.array([[1.0, 2.0]]), np.array([[10.0, 20.0, 30.0]]), None),
    inputs=_streams,
    oracle=_add_skip,
    mistakes=(
        Mistake(
            "The zeros stand in front: x keeps its place, and zeros fill up what is missing "
            "behind it.",
            like=lambda x, f, P: (
                _add_skip(x, f, P) if P is not None else f + _pad(x, f.shape[1], front=True)
            ),
        ),
        Mistake(
            "Where x is too narrow it is repeated: fill up with zeros.",
            like=_repeated,
        ),
        Mistake(
            "The branch f is lost: a block returns the sum of the skip and the branch.",
            like=lambda x, f, P: _add_skip(x, np.zeros_like(f), P),
        ),
        Mistake(
            "The skip is lost where x and f differ in width.",
            like=lambda x, f, P: f + x if x.shape == f.shape and P is None else f,
        ),
        Mistake(
            "P is left out where x and f have one width: if a projection is given, use it.",
            like=lambda x, f, P: f + x if x.shape == f.shape else _add_skip(x, f, P),
        ),
        Mistake(
            "P is applied to the wrong side where it is square: rows are examples, so each row of "
            "x becomes P x, which for the batch is x @ P.T.",
            like=lambda x, f, P: (
                f + x @ P if P is not None and P.shape[0] == P.shape[1] else _add_skip(x, f, P)
            ),
        ),
        Mistake(
            "x is subtracted: the skip is added to the branch.",
            like=lambda x, f, P: f - (_add_skip(x, f, P) - f),
        ),
    ),
    hints=(
        "Three cases: a projection P is given; or the widths agree; or f is wider than x.",
        "P has one row per output, as in nn.Linear: for a batch, x @ P.T.",
        "Zeros behind the columns of x: np.pad(x, ((0, 0), (0, missing))). With missing = 0 this "
        "is x itself.",
    ),
    notice="Padding costs no parameters; a projection can also shrink the stream, and is learned.",
)


def _blocks(rng: np.random.Generator) -> Iterator[tuple]:
    one = np.ones((1, 1))
    yield 2 * one, 3 * one, one[0], -one, one[0], 5 * one
    yield 2 * one, -3 * one, one[0], -one, one[0], 5 * one
    for n, d, m in ((1, 3, 2), (4, 2, 5), (6, 3, 4), (5, 4, 4)):
        yield tuple(
            rng.normal(size=shape) for shape in ((n, d), (m, d), (m,), (d, m), (d,), (n, d))
        )


def _residual(
    skip: float = 1.0,
    back: float = 1.0,
    mask: bool = True,
    outer: bool = False,
) -> Callable[..., tuple]:
    """The block by hand, with a mistake or none."""

    def block(x: Array, W1: Array, b1: Array, W2: Array, b2: Array, g: Array) -> tuple:
        z = x @ W1.T + b1
        a = np.maximum(z, 0)
        y = skip * x + a @ W2.T + b2
        if outer:
            g = g * (y > 0)
            y = np.maximum(y, 0)
        dz = (g @ W2) * ((z > 0) if mask else 1)
        return y, back * g + dz @ W1, dz.T @ x, g.T @ a

    return block


def _residual_block(x: Array, W1: Array, b1: Array, W2: Array, b2: Array, g: Array) -> tuple:
    x, W1, b1, W2, b2 = (torch.tensor(v, requires_grad=True) for v in (x, W1, b1, W2, b2))
    y = x + torch.relu(x @ W1.T + b1) @ W2.T + b2
    found = torch.autograd.grad(y, (x, W1, W2), torch.as_tensor(g))
    return tuple(part.detach().numpy() for part in (y, *found))


RESIDUAL = Exercise(
    id="skip-connections.residual-block",
    level=2,
    call="residual_block(x, W1, b1, W2, b2, g)",
    returns=("y (N, D)", "dx (N, D)", "dW1 (M, D)", "dW2 (D, M)"),
    example=(
        np.array([[1.0, -2.0]]),
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        np.array([0.0, 0.0, 2.0]),
        np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]]),
        np.array([0.5, 0.0]),
        np.array([[1.0, 10.0]]),
    ),
    inputs=_blocks,
    oracle=_residual_block,
    mistakes=(
        Mistake(
            "dx lacks the gradient that comes back through the skip: add g itself.",
            like=_residual(back=0.0),
        ),
        Mistake(
            "dx holds the gradient through the skip alone: the branch sends something back too.",
            when=lambda args, got, want: bool(
                np.allclose(got[1], args[-1])
                and np.allclose(got[0], want[0])
                and np.allclose(got[3], want[3])
                and not np.allclose(got[1], want[1])
            ),
        ),
        Mistake(
            "The skip is missing, forward and backward: y = x + the branch.",
            like=_residual(skip=0.0, back=0.0),
        ),
        Mistake("The skip is missing in y: add x.", like=_residual(skip=0.0)),
        Mistake(
            "The slope of ReLU is missing on the way back: no gradient where its input is "
            "negative.",
            like=_residual(mask=False),
        ),
        Mistake(
            "A ReLU stands after the sum. In this block nothing follows it.",
            like=_residual(outer=True),
        ),
        Mistake(
            "What comes back through the skip is x here, or g times x: the derivative of the skip "
            "is 1, so it should be g.",
            when=lambda args, got, want: bool(
                np.allclose(got[1], want[1] - args[-1] + args[0])
                or np.allclose(got[1], want[1] - args[-1] + args[0] * args[-1])
            ),
        ),
        Mistake(
            "dW1 is computed from the gradient before the ReLU's slope was applied.",
            when=lambda args, got, want: bool(
                np.allclose(got[2], (args[-1] @ args[3]).T @ args[0])
                and not np.allclose(got[2], want[2])
                and np.allclose(got[1], want[1])
            ),
        ),
        Mistake(
            "dW2 is computed from z: the last layer saw the activations after the ReLU.",
            when=lambda args, got, want: bool(
                np.allclose(got[3], args[-1].T @ (args[0] @ args[1].T + args[2]))
                and not np.allclose(got[3], want[3])
            ),
        ),
        Mistake(
            "The gradients of the weights are means over the batch: they are sums, since g "
            "already holds whatever factor the loss has.",
            when=lambda args, got, want: bool(
                len(args[0]) > 1 and np.allclose(got[2] * len(args[0]), want[2])
            ),
        ),
    ),
    hints=(
        "The branch is an ordinary network with one hidden layer. Write it forward, then backward, "
        "as if there were no skip.",
        "x is used twice: by the skip and by the branch. What comes back from both is added.",
        "dz = (g @ W2) * (z > 0), then dx = g + dz @ W1, dW1 = dz.T @ x, dW2 = g.T @ a.",
    ),
    notice="Forward one addition, backward one addition: that is all that a skip costs.",
)


def _gated(rng: np.random.Generator) -> Iterator[tuple]:
    one = np.ones((1, 1))
    yield 2 * one, one, 0 * one[0], 0 * one, 0 * one[0], 3 * one
    yield one, one, one[0], one, -40 * one[0], one
    for n, d in ((1, 3), (4, 2), (6, 5), (3, 3)):
        yield tuple(rng.normal(size=s) for s in ((n, d), (d, d), (d,), (d, d), (d,), (n, d)))


def _highway(x: Array, W: Array, b: Array, V: Array, c: Array, g: Array) -> tuple:
    x, W, b, V, c = (torch.tensor(v, requires_grad=True) for v in (x, W, b, V, c))
    f, t = torch.tanh(x @ W.T + b), torch.sigmoid(x @ V.T + c)
    y = t * f + (1 - t) * x
    found = torch.autograd.grad(y, (x, c), torch.as_tensor(g))
    return tuple(part.detach().numpy() for part in (y, *found))


def _by_hand(
    carry: float = 1.0, branch: float = 1.0, gate: float = 1.0, swapped: bool = False
) -> Callable[..., tuple]:
    def layer(x: Array, W: Array, b: Array, V: Array, c: Array, g: Array) -> tuple:
        f, t = np.tanh(x @ W.T + b), 1 / (1 + np.exp(-(x @ V.T + c)))
        if swapped:
            y, df, dt, dx = (1 - t) * f + t * x, g * (1 - t), g * (x - f), g * t
        else:
            y, df, dt, dx = t * f + (1 - t) * x, g * t, g * (f - x), g * (1 - t)
        dz = dt * t * (1 - t)
        dx = carry * dx + branch * (df * (1 - f * f)) @ W + gate * dz @ V
        return y, dx, dz.sum(axis=0)

    return layer


HIGHWAY = Exercise(
    id="skip-connections.highway-layer",
    level=2,
    call="highway_layer(x, W, b, V, c, g)",
    returns=("y (N, D)", "dx (N, D)", "dc (D,)"),
    example=(
        np.array([[1.0, -1.0]]),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.array([0.0, 0.0]),
        np.array([[0.0, 0.0], [1.0, 1.0]]),
        np.array([0.0, math.log(3)]),
        np.array([[1.0, 2.0]]),
    ),
    inputs=_gated,
    oracle=_highway,
    mistakes=(
        Mistake(
            "The gate works the wrong way round: t lets the branch through, 1 - t the skip.",
            like=_by_hand(swapped=True),
        ),
        Mistake("dx lacks the path through the gate: t depends on x too.", like=_by_hand(gate=0.0)),
        Mistake(
            "dx lacks the path through the skip: g * (1 - t).",
            like=_by_hand(carry=0.0),
        ),
        Mistake("dx lacks the path through the branch.", like=_by_hand(branch=0.0)),
        Mistake(
            "The path through the gate has the wrong sign: opening the gate adds f and takes x "
            "away, so t receives g * (f - x).",
            when=lambda args, got, want: bool(
                np.allclose(got[2], -want[2]) and not np.allclose(want[2], 0)
            ),
        ),
        Mistake(
            "The gate's gradient is computed as if t multiplied f alone: it also takes x away, so "
            "t receives g * (f - x).",
            when=lambda args, got, want: bool(np.allclose(got[2], _gate_of_branch(*args))),
        ),
        Mistake(
            "dc lacks the slope of the sigmoid, t * (1 - t).",
            when=lambda args, got, want: bool(np.allclose(got[2], _gate_without_slope(*args))),
        ),
        Mistake(
            "y is t * f + x: a highway layer takes from the skip what it gives to the branch, "
            "1 - t.",
            when=lambda args, got, want: bool(np.allclose(got[0], _ungated(*args))),
        ),
        Mistake(
            "dc is a mean over the batch: a bias serves all examples, so their gradients add up.",
            when=lambda args, got, want: bool(
                len(args[0]) > 1 and np.allclose(got[2] * len(args[0]), want[2])
            ),
        ),
    ),
    hints=(
        "Three paths lead from x to y: through the skip, through the branch f, and through the "
        "gate t. Write down what each receives from g.",
        "The skip receives g * (1 - t), the branch g * t, the gate g * (f - x).",
        "Behind the branch stands the slope 1 - f**2 and then W, behind the gate t * (1 - t) and "
        "then V. dc is the gate's gradient, summed over the batch.",
    ),
    notice="With c at -40 the gate is shut, y = x and dx = g: a highway whose gates begin shut "
    "begins as a copy.",
)


def _parts(x: Array, W: Array, b: Array, V: Array, c: Array) -> tuple[Array, Array]:
    return np.tanh(x @ W.T + b), 1 / (1 + np.exp(-(x @ V.T + c)))


def _gate_of_branch(x: Array, W: Array, b: Array, V: Array, c: Array, g: Array) -> Array:
    f, t = _parts(x, W, b, V, c)
    return (g * f * t * (1 - t)).sum(axis=0)


def _gate_without_slope(x: Array, W: Array, b: Array, V: Array, c: Array, g: Array) -> Array:
    return (g * (_parts(x, W, b, V, c)[0] - x)).sum(axis=0)


def _ungated(x: Array, W: Array, b: Array, V: Array, c: Array, g: Array) -> Array:
    f, t = _parts(x, W, b, V, c)
    return t * f + x


def _depths(rng: np.random.Generator) -> Iterator[tuple]:
    yield (50,)
    yield (20,)


def _skip_scales(depth: int) -> tuple:
    share = 0.035
    return np.full(depth, math.sqrt(1 - share)), np.full(depth, math.sqrt(share))


def _measured(c: Array, s: Array, networks: int = 5) -> dict[str, Array]:
    """Averages over random networks: one alone strays too far from what its scales promise.

    They are the same for every answer of one depth, so that a verdict does not depend on chance.
    """
    found = [_one_network(c, s, np.random.default_rng([len(c), k])) for k in range(networks)]
    return {key: np.mean([one[key] for one in found], axis=0) for key in found[0]}


def _one_network(
    c: Array, s: Array, rng: np.random.Generator, width: int = 160, inputs: int = 64
) -> dict[str, Array]:
    """A random network: mean squares, each branch's part, the gradient, the memory."""
    h = start = rng.normal(size=(inputs, width))
    squares, parts, steps = [], [], []
    with np.errstate(all="ignore"):
        for skip, branch in zip(c, s):
            w = branch * math.sqrt(2 / width) * rng.normal(size=(width, width))
            f = np.maximum(h, 0) @ w.T
            steps.append((skip, w, h > 0))
            h = skip * h + f
            squares.append(np.square(h).mean())
            parts.append(np.square(f).mean() / squares[-1])
        g = rng.normal(size=h.shape)
        last = np.square(g).mean()
        for skip, w, mask in reversed(steps):
            g = skip * g + (g @ w) * mask
        norms = np.linalg.norm(start, axis=1) * np.linalg.norm(h, axis=1)
        cosine = ((start * h).sum(axis=1) / norms).mean()
    return {
        "squares": np.array(squares),
        "parts": np.array(parts),
        "ratio": np.square(g).mean() / last,
        "cosine": cosine,
    }


def _steady(args: tuple, got: tuple, want: tuple) -> str | None:
    c, s = (np.asarray(part, dtype=float) for part in got)
    if not (np.isfinite(c).all() and np.isfinite(s).all()):
        return "Some of the scales are not finite."
    found = _measured(c, s)
    weak, low, high = (
        int(place)
        for place in (
            found["parts"].argmin(),
            found["squares"].argmin(),
            found["squares"].argmax(),
        )
    )
    if 2 < found["squares"][high] < 4 and np.allclose(c, 1):
        return (
            f"Almost: the mean square reaches {found['squares'][high]:.3g}, and 2 is allowed. As "
            "long as every skip passes on everything, every branch comes on top."
        )
    if not found["squares"][high] <= 2:
        return (
            f"The stream grows: after layer {high + 1} its mean square is "
            f"{found['squares'][high]:.3g}, above 2. Every branch adds; what could the skips do?"
        )
    if not found["squares"][low] >= 0.5:
        return (
            f"The stream shrinks: after layer {low + 1} its mean square is "
            f"{found['squares'][low]:.3g}, below 1/2. It is the squares of the two scales that "
            "should sum to 1."
        )
    if not found["parts"][weak] >= 0.02:
        return (
            f"The branch of layer {weak + 1} contributes only {found['parts'][weak]:.2%} of the "
            "mean square, and 2 % are asked for: the network is nearly a copy."
        )
    if not found["cosine"] >= 0.3:
        return (
            f"The sizes hold, but the output has cosine {found['cosine']:.2f} with its input: "
            "too little of the input is left. Smaller branches forget less."
        )
    if not 0.5 <= found["ratio"] <= 2:
        return (
            f"The gradient's mean square at the input is {found['ratio']:.2g} times that at the "
            "output; it should be between 1/2 and 2."
        )
    return None


STEADY = Exercise(
    id="skip-connections.steady-stream",
    level=3,
    call="skip_scales(depth)",
    returns=("c (L,)", "s (L,)"),
    example=(50,),
    inputs=_depths,
    oracle=_skip_scales,
    verify=_steady,
    hints=(
        "Skip and branch are nearly uncorrelated, so their mean squares add up. With He's weights "
        "the branch at scale 1 has the mean square of its input.",
        "The mean square is multiplied by c² + s² in each layer: which c goes with a given s? And "
        "s² is then the branch's part.",
        "Of the input, the product of all c is left: for equal layers (1 - s²)^(L/2). Which s² "
        "keeps that above 0.3 at 50 layers, and is not below 0.02?",
    ),
    notice="A stream can be kept steady at any depth: what depth really spends is the memory of "
    "the input.",
)

EXERCISES = (PATHS, ADD_SKIP, RESIDUAL, HIGHWAY, STEADY)
