"""The exercises of Perceptron and MLP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from utils.checks.budget import stored
from utils.diagnosis import fault
from utils.exercises.spec import Exercise, Mistake


def _steps(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.zeros(3), np.array([1.0, 2.0, -1.0]), 1
    yield np.zeros(3), np.array([1.0, 0.5, 3.0]), -1
    yield np.array([0.0, 2.0, 2.0]), np.array([1.0, 1.0, 0.0]), 1
    yield np.array([-1.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0]), -1
    yield np.array([2.0, -1.0]), np.array([1.0, 2.0]), 1
    yield np.array([2.0, -1.0]), np.array([1.0, 2.0]), -1
    yield np.array([2.0, -1.0]), np.array([1.0, 2.5]), 1
    yield np.array([0.5]), np.array([0.2]), 1
    yield np.array([0.5]), np.array([0.2]), -1
    for d in (2, 5, 20):
        w, x = rng.normal(size=d), rng.normal(size=d)
        yield w, x, 1
        yield w, x, -1


def _step(test: Callable[..., bool], change: Callable[..., np.ndarray] | None = None) -> Callable:
    """A perceptron that changes w where ``test`` of (y, w·x) holds, by ``change`` of (w, x, y)."""
    change = change or (lambda w, x, y: y * x)
    return lambda w, x, y: w + change(w, x, y) if test(y, w @ x) else w


def _is_wrong(y: int, z: float) -> bool:
    return y * z <= 0


def _wrong_length(args: tuple, got: Any, want: Any) -> bool:
    w, x, _ = args
    if fault(want, got, ("w",), None):
        return False
    factor = (got - w) @ x / (x @ x)
    return bool(np.allclose(got - w, factor * x)) and min(abs(abs(factor) - np.arange(2))) > 0.01


def _step_until_right(w: np.ndarray, x: np.ndarray, y: int) -> np.ndarray:
    while y * (w @ x) <= 0:
        w = w + y * x
    return w


PERCEPTRON_STEP = Exercise(
    id="perceptron-and-mlp.perceptron-step",
    level=1,
    call="perceptron_step(w, x, y)",
    returns=("w (D,)",),
    example=(np.array([-1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0]), 1),
    inputs=_steps,
    oracle=_step(_is_wrong),
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "An example on the line, w·x = 0, is right for neither y: compare y w·x with 0, and "
            "not an answer of 1 or −1 with y.",
            like=_step(lambda y, z: y != (1 if z > 0 else -1)),
        ),
        Mistake(
            "An example on the line, w·x = 0, is right for neither y: compare y w·x with 0, and "
            "not an answer of 1 or −1 with y.",
            like=_step(lambda y, z: y != (1 if z >= 0 else -1)),
        ),
        Mistake(
            "An example on the line, w·x = 0, is not right yet: the test is ≤, not <.",
            like=_step(lambda y, z: y * z < 0),
        ),
        Mistake(
            "The test ignores y: right means that w·x has the sign of y, and that is y w·x > 0.",
            like=_step(lambda y, z: z <= 0),
        ),
        Mistake(
            "It also steps where the answer is right with little room: the limit of y w·x is 0.",
            like=_step(lambda y, z: y * z < 1),
        ),
        Mistake(
            "It changes the weights for every example: where y w·x > 0 they must stay.",
            like=_step(lambda y, z: True),
        ),
        Mistake(
            "The test is the wrong way round: it changes w where the answer was right.",
            like=_step(lambda y, z: y * z > 0),
        ),
        Mistake(
            "The test is the wrong way round: it changes w where the answer was right.",
            like=_step(lambda y, z: y * z >= 0),
        ),
        Mistake(
            "The step ignores y: add x where y = +1, and subtract it where y = -1.",
            like=_step(_is_wrong, lambda w, x, y: x),
        ),
        Mistake(
            "The step has the wrong sign: it moves the line away from the example.",
            like=_step(_is_wrong, lambda w, x, y: -y * x),
        ),
        Mistake(
            "The answer is taken to be 0 or 1, and y is 1 or −1: for y = −1 the two never agree, "
            "and every such example changes w.",
            like=lambda w, x, y: w + (y - (w @ x > 0)) * x,
        ),
        Mistake(
            "The test is made entry by entry, and is one question for the whole example: is the "
            "sum y w·x positive?",
            like=lambda w, x, y: np.where(y * w * x <= 0, w + y * x, w),
        ),
        Mistake(
            "The first weight, that of the constant 1, takes part in the step like all others.",
            like=_step(_is_wrong, lambda w, x, y: y * np.r_[0, x[1:]]),
        ),
        Mistake(
            "The step is y times the example x; here only y is added to every weight.",
            like=_step(_is_wrong, lambda w, x, y: y),
        ),
        Mistake(
            "It returns one number: return the weights, one for each entry of x.",
            when=lambda args, got, want: (
                isinstance(got, (bool, int, float, np.ndarray)) and np.size(got) == 1 < want.size
            ),
        ),
        Mistake(
            "It returns None where the example is right: return w as it is.",
            when=lambda args, got, want: got is None and np.array_equal(args[0], want),
        ),
        Mistake("It takes several steps: one call is one step.", like=_step_until_right),
        Mistake(
            "It returns the change alone: add it to w.",
            like=lambda w, x, y: y * x if y * (w @ x) <= 0 else 0 * w,
        ),
        Mistake(
            "The step has the direction of x, but not its length: it is y x, without a factor.",
            when=_wrong_length,
        ),
    ),
    hints=(
        "The sign of w·x is the perceptron's answer. Which product is positive exactly when that "
        "sign is the sign of y?",
        "Wrong or on the line means y * (w @ x) <= 0. Only then return something else than w.",
        "w + y * x is a new array, while w += y * x would change the caller's.",
    ),
    notice="The weights are a sum of examples, each counted as often as it was wrong: that is all "
    "that a perceptron remembers.",
)


def _corners(d: int) -> np.ndarray:
    """All 2^d inputs of zeros and ones, in the order of counting."""
    return (np.arange(2**d)[:, None] >> np.arange(d)[::-1]) & 1


def _ints_too(answer: Callable, d: int) -> Any:
    """Weights that are whole numbers are as good as others."""
    weights = answer(d)
    if not isinstance(weights, (tuple, list)):
        return weights
    return [
        w.astype(float) if isinstance(w, np.ndarray) and w.dtype.kind in "iu" else w
        for w in weights
    ]


def _answers(weights: Any, d: int, at_zero: bool = False) -> tuple[np.ndarray, ...]:
    """Hidden units and scores of the network of steps, and its answers, for all inputs."""
    W1, b1, W2, b2 = weights
    Z1 = _corners(d) @ W1.T + b1
    A1 = (Z1 >= 0 if at_zero else Z1 > 0).astype(float)
    Z2 = (A1 @ W2.T + b2)[:, 0]
    return A1, Z2, Z2 >= 0 if at_zero else Z2 > 0


def _no_xor(args: tuple, got: Any, want: Any) -> str | None:
    (d,) = args
    A1, Z2, answers = _answers(got, d)
    for x, a, z, answer in zip(_corners(d), A1, Z2, answers):
        if answer != x.sum() % 2:
            hidden = ", ".join(str(int(unit)) for unit in a)
            return (
                f"For x = ({', '.join(map(str, x))}) the hidden units are ({hidden}) and the "
                f"score is {z:.3g}, so the answer is {int(answer)}, and should be {x.sum() % 2}"
            )
    return None


def _xor_by_counting(d: int) -> list[np.ndarray]:
    signs = (-1.0) ** np.arange(d)
    return [np.ones((d, d)), -np.arange(d) - 0.5, signs[None, :], np.array([-0.5])]


def _network(
    does: Callable[[np.ndarray], np.ndarray], least: int = 1, **options: bool
) -> Callable[[tuple, Any, Any], bool]:
    """Recognize weights whose network computes this function of at least so many inputs."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if args[0] < least or fault(want, got, XOR.returns, None):
            return False
        return np.array_equal(_answers(got, args[0], **options)[2], does(_corners(args[0])))

    return when


XOR = Exercise(
    id="perceptron-and-mlp.xor",
    level=2,
    call="xor_weights(D)",
    returns=("W1 (D, D)", "b1 (D,)", "W2 (1, D)", "b2 (1,)"),
    example=(2,),
    inputs=lambda rng: iter([(3,), (1,), (4,), (7,)]),
    oracle=_xor_by_counting,
    run=_ints_too,
    verify=_no_xor,
    mistakes=(
        Mistake(
            "Right if a sum of exactly 0 turned a unit on, and here it does not: put the "
            "thresholds between the whole numbers.",
            when=_network(lambda X: X.sum(axis=1) % 2 == 1, at_zero=True),
        ),
        Mistake(
            "Every answer is the opposite of the right one.",
            when=_network(lambda X: X.sum(axis=1) % 2 == 0),
        ),
        Mistake(
            "It answers 0 to every input: which units are ever on?",
            when=_network(lambda X: X.sum(axis=1) < 0),
        ),
        Mistake(
            "It answers 1 to every input: do the thresholds, the biases, have the wrong sign?",
            when=_network(lambda X: X.sum(axis=1) >= 0),
        ),
        Mistake(
            "It computes OR: nothing takes the answer back when a second input is 1.",
            when=_network(lambda X: X.any(axis=1)),
        ),
        Mistake(
            "It computes AND: it answers 1 only when all inputs are 1.",
            when=_network(lambda X: X.all(axis=1)),
        ),
        Mistake(
            "It answers 1 when exactly one input is 1. That is XOR for two inputs; of three ones "
            "the third turns the answer on again.",
            when=_network(lambda X: X.sum(axis=1) == 1, least=4),
        ),
    ),
    hints=(
        "Begin with D = 2. One hidden unit can be on when at least one input is 1, the other when "
        "both are. How does XOR follow from these two?",
        "All that counts is how many inputs are 1. Let hidden unit j (from 0) be on when at least "
        "j + 1 of them are: weights of 1, and a bias between -j and -(j + 1).",
        "With n ones, the first n hidden units are on. The output weights 1, -1, 1, -1, … then add "
        "up to 1 or to 0; a bias of -0.5 makes a clear yes or no of it.",
    ),
    notice="The hidden layer counts, and on a count XOR is easy: the right description of the "
    "input did the work.",
)


def _scores(rng: np.random.Generator) -> Iterator[tuple]:
    yield (np.array([[1000.0, 0.0]]),)
    yield (np.array([[1000.0, -1000.0]]),)
    yield (np.array([[-1000.0, -1001.0, -1002.0], [-1002.0, -1000.0, -1001.0]]),)
    yield (np.array([[1000.0, 999.0], [-1000.0, -1002.0]]),)
    yield (np.array([[3.0]]),)
    for n, k in ((1, 4), (3, 5), (6, 2)):
        yield (rng.normal(size=(n, k)) * 3,)


def _naive_softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _shifted(z: np.ndarray, axis: int | None) -> np.ndarray:
    return _naive_softmax(z - z.max(axis=axis, keepdims=True))


def _exponentials(z: np.ndarray) -> np.ndarray:
    return np.exp(z - z.max(axis=1, keepdims=True))


def _shares_of(z: np.ndarray) -> np.ndarray:
    return z / z.sum(axis=1, keepdims=True)


def _softmax(z: np.ndarray) -> np.ndarray:
    return torch.softmax(torch.as_tensor(z), 1).numpy()


SOFTMAX = Exercise(
    id="perceptron-and-mlp.softmax",
    level=1,
    call="stable_softmax(z)",
    returns=("p (N, K)",),
    example=(np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),),
    inputs=_scores,
    oracle=_softmax,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The mean of each row is subtracted, and a score far above it still overflows.",
            like=lambda z: _naive_softmax(z - z.mean(axis=1, keepdims=True)),
        ),
        Mistake(
            "It overflows for large scores: subtract each row's largest score first.",
            like=_naive_softmax,
        ),
        Mistake(
            "Scores are cut off at some size, and all beyond it become equal: subtract each row's "
            "largest score, and cut nothing.",
            like=lambda z: _softmax(z.clip(-500, 500)),
        ),
        Mistake(
            "Every column sums to 1, and every row should: it is normalized over the wrong axis.",
            like=lambda z: _softmax(z.T).T,
        ),
        Mistake(
            "Every column sums to 1, and every row should: it is normalized over the wrong axis.",
            like=lambda z: _exponentials(z) / _exponentials(z).sum(axis=0),
        ),
        Mistake(
            "The largest score gets 1 and all others 0: that names the class, and probabilities "
            "are wanted.",
            like=lambda z: np.eye(z.shape[1])[z.argmax(axis=1)],
        ),
        Mistake(
            "All entries together sum to 1: each row is a distribution of its own.",
            like=lambda z: _softmax(z.reshape(1, -1)).reshape(z.shape),
        ),
        Mistake(
            "The largest of all scores is subtracted: a row that lies far below it becomes 0 / 0. "
            "Take each row's own largest.",
            like=lambda z: _shifted(z, None),
        ),
        Mistake(
            "The rows sum to K: divide by each row's sum, not by its mean.",
            like=lambda z: _softmax(z) * z.shape[1],
        ),
        Mistake(
            "The largest score of each column is subtracted; only one number for a whole row "
            "cancels.",
            like=lambda z: _shifted(z, 0),
        ),
        Mistake(
            "The rows do not sum to 1: divide by each row's sum.",
            like=_exponentials,
        ),
        Mistake(
            "The rows do not sum to 1: divide by each row's sum.",
            like=np.exp,
        ),
        Mistake(
            "The exponentials are missing: scores divided by their sum can be negative.",
            like=_shares_of,
        ),
        Mistake(
            "The exponentials are missing: what is left of the scores is divided by its sum.",
            like=lambda z: _shares_of(z - z.max(axis=1, keepdims=True)),
        ),
        Mistake(
            "These are the logarithms of the probabilities.",
            like=lambda z: torch.log_softmax(torch.as_tensor(z), 1).numpy(),
        ),
        Mistake(
            "The lowest score gets the highest probability: the sign of z is reversed.",
            like=lambda z: _softmax(-z),
        ),
        Mistake(
            "Each score is treated alone, as by the sigmoid: a row must sum to 1.",
            like=lambda z: torch.sigmoid(torch.as_tensor(z)).numpy(),
        ),
    ),
    hints=(
        "Exponentials make the scores positive; what makes each row sum to 1?",
        "A constant subtracted from all scores of a row cancels. Which constant keeps every "
        "exponent at 0 or below?",
        "z.max(axis=1, keepdims=True) has shape (N, 1) and can be subtracted from z.",
    ),
    notice="Subtracting the largest score changes nothing but the overflow.",
)


def _networks(rng: np.random.Generator) -> Iterator[tuple]:
    """Batches and weights X, W1, b1, W2, b2; all sizes differ where they can."""
    yield np.array([[2.0]]), np.array([[-1.0]]), np.array([0.5]), np.array([[3.0]]), np.array([1.0])
    for b, d, m, k in ((1, 3, 2, 4), (5, 3, 4, 2), (2, 4, 3, 5), (7, 2, 6, 3)):
        W1, W2 = rng.normal(size=(m, d)), rng.normal(size=(k, m))
        yield rng.normal(size=(b, d)), W1, rng.normal(size=m), W2, rng.normal(size=k)
    large = np.array([[30.0, -2.0], [-40.0, 3.0]]), np.array([[1.0, 2.0], [-1.0, 0.5], [2.0, 1.0]])
    yield *large, np.array([1.0, -1.0, 0.5]), np.array([[2.0, 0.5, -1.0]]), np.array([-40.0])


def _relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


def _mlp(
    X: np.ndarray,
    W1: np.ndarray,
    b1: np.ndarray,
    W2: np.ndarray,
    b2: np.ndarray,
    hidden: Callable = _relu,
    output: Callable = np.array,
) -> tuple:
    A1 = hidden(X @ W1.T + b1)
    return A1, output(A1 @ W2.T + b2)


def _torch_mlp(*args: np.ndarray) -> tuple:
    X, W1, b1, W2, b2 = map(torch.as_tensor, args)
    A1 = F.relu(F.linear(X, W1, b1))
    return A1.numpy(), F.linear(A1, W2, b2).numpy()


def _negative_units(args: tuple, got: Any, want: Any) -> bool:
    return not fault(want, got, MLP_FORWARD.returns, None) and bool((got[0] < 0).any())


def _limited_units(args: tuple, got: Any, want: Any) -> bool:
    if fault(want, got, MLP_FORWARD.returns, None) or not 0 < got[0].max() < want[0].max():
        return False
    return bool(np.allclose(got[0], np.minimum(want[0], got[0].max())))


WORKED = (
    np.array([[2.0, 0.0], [1.0, -1.0]]),
    np.zeros(2),
    np.array([[1.0, -1.0], [0.5, 2.0]]),
    np.array([-1.0, -1.0]),
)  # the network that the theory page takes through by hand

MLP_FORWARD = Exercise(
    id="perceptron-and-mlp.mlp-forward",
    level=2,
    call="mlp_forward(X, W1, b1, W2, b2)",
    returns=("A1 (B, M)", "Z2 (B, K)"),
    example=(np.array([[1.0, 2.0], [2.0, -1.0], [0.0, 1.0]]), *WORKED),
    inputs=_networks,
    oracle=_torch_mlp,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The ReLU is missing: without it the two layers are one.",
            like=lambda *args: _mlp(*args, hidden=np.array),
        ),
        Mistake(
            "The scores are right, but the hidden units are returned as they are before the ReLU.",
            like=lambda X, W1, b1, *rest: (X @ W1.T + b1, _mlp(X, W1, b1, *rest)[1]),
        ),
        Mistake(
            "The last layer has no ReLU: scores may be negative.",
            like=lambda *args: _mlp(*args, output=_relu),
        ),
        Mistake(
            "These are probabilities: return the scores, without a softmax.",
            like=lambda *args: _mlp(*args, output=_softmax),
        ),
        Mistake(
            "The scores are made of the sums before the ReLU: the last layer is given A1.",
            like=lambda X, W1, b1, W2, b2: (
                _mlp(X, W1, b1, W2, b2)[0],
                _mlp(X, W1, b1, W2, b2, hidden=np.array)[1],
            ),
        ),
        Mistake(
            "The biases are subtracted: they are added here.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, -b1, W2, -b2),
        ),
        Mistake(
            "The biases are missing.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, 0 * b1, W2, 0 * b2),
        ),
        Mistake(
            "The bias b1 of the hidden layer is missing.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, 0 * b1, W2, b2),
        ),
        Mistake(
            "The bias b2 of the last layer is missing.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, b1, W2, 0 * b2),
        ),
        Mistake(
            "The bias b1 is added after the ReLU: it belongs inside.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, 0, W2, b2, hidden=lambda Z: _relu(Z) + b1),
        ),
        Mistake(
            "The two results are swapped: the hidden units come first.",
            like=lambda *args: _mlp(*args)[::-1],
        ),
        Mistake(
            "Weights have one row per output: it is X @ W1.T, and A1 @ W2.T.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1.T, b1, W2.T, b2),
        ),
        Mistake(
            "Weights have one row per output: it is X @ W1.T.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1.T, b1, W2, b2),
        ),
        Mistake(
            "Weights have one row per output: it is A1 @ W2.T.",
            like=lambda X, W1, b1, W2, b2: _mlp(X, W1, b1, W2.T, b2),
        ),
        Mistake(
            "The ReLU keeps the wrong half: it is max(0, z), not min.",
            like=lambda *args: _mlp(*args, hidden=lambda Z: np.minimum(Z, 0)),
        ),
        Mistake("A ReLU leaves nothing negative, and some of A1 is.", when=_negative_units),
        Mistake(
            "A ReLU has no upper limit: it passes every positive sum as it is.",
            when=_limited_units,
        ),
    ),
    hints=(
        "Write down the shapes: X is (B, D) and W1 is (M, D). How do you get (B, M) from them?",
        "X @ W1.T + b1 adds b1 to every row. The ReLU comes next, then the same once more with W2 "
        "and b2, without a ReLU.",
    ),
    notice="A whole batch costs two matrix products, whatever its size: X @ W1.T does for B rows "
    "what W1 x does for one.",
)


def _labelled(rng: np.random.Generator) -> Iterator[tuple]:
    """X, y, W1, b1, W2, b2: a unit at exactly 0, then large scores, then random ones."""
    yield (
        np.array([[1.0, 1.0], [2.0, -1.0], [0.0, 1.0]]),
        np.array([0, 1, 1]),
        np.array([[1.0, -1.0], [0.5, 1.0], [-1.0, 0.5], [1.0, 1.0]]),
        np.array([0.0, 1.0, 0.0, -1.0]),
        np.array([[1.0, -0.5, 2.0, 0.5], [-1.0, 0.5, 1.0, 0.25]]),
        np.array([0.5, -0.5]),
    )
    yield (
        np.array([[1.0, 2.0], [2.0, 1.0], [-1.0, 0.5]]),
        np.array([1, 0, 0]),
        np.array([[1.0, 0.5], [0.5, 1.0], [1.0, -1.5], [-1.0, 1.0]]),
        np.array([0.5, -0.5, 0.25, 0.5]),
        np.array([[900.0, -300.0, 200.0, 800.0], [-500.0, 400.0, 100.0, -700.0]]),
        np.array([1.0, -1.0]),
    )
    for b, d, m, k in ((1, 3, 2, 4), (5, 3, 4, 2), (7, 2, 6, 3)):
        W1, W2 = rng.normal(size=(m, d)), rng.normal(size=(k, m))
        X, b1, b2 = rng.normal(size=(b, d)), rng.normal(size=m), rng.normal(size=k)
        y = rng.permutation(np.arange(b) % k)
        y[0] = _mlp(X, W1, b1, W2, b2)[1][0].argmin()  # one is wrong, or all gradients may vanish
        yield X, y, W1, b1, W2, b2


def _autograd(X: np.ndarray, y: np.ndarray, *weights: np.ndarray) -> tuple:
    W1, b1, W2, b2 = leaves = [torch.tensor(w, requires_grad=True) for w in weights]
    A1 = F.relu(F.linear(torch.as_tensor(X), W1, b1))
    F.cross_entropy(F.linear(A1, W2, b2), torch.as_tensor(y)).backward()
    return tuple(leaf.grad.numpy() for leaf in leaves)


def _backward_pass(
    error: Callable = lambda P, E: (P - E) / len(P),
    slope: Callable = lambda Z: Z > 0,
    bias: Callable = lambda delta: delta.sum(axis=0),
    weight: Callable = lambda delta, inputs: delta.T @ inputs,
    hidden: Callable = _relu,
    softmax: Callable = _softmax,
    kept: Callable = _relu,
    passed: Callable = np.array,
) -> Callable[..., tuple]:
    """A backward pass by hand; each argument replaces one of its steps by a mistake."""

    def answer(
        X: np.ndarray,
        y: np.ndarray,
        W1: np.ndarray,
        b1: np.ndarray,
        W2: np.ndarray,
        b2: np.ndarray,
    ) -> tuple:
        Z1 = X @ W1.T + b1
        delta2 = error(softmax(hidden(Z1) @ W2.T + b2), np.eye(len(b2))[y])
        delta1 = passed((delta2 @ W2) * slope(Z1))
        return weight(delta1, X), bias(delta1), weight(delta2, kept(Z1)), bias(delta2)

    return answer


def _summed_over_units(args: tuple, got: Any, want: Any) -> bool:
    if not isinstance(got, (tuple, list)) or len(got) != 4:
        return False
    return np.shape(got[1]) == np.shape(got[3]) == (len(args[0]),)


MLP_BACKWARD = Exercise(
    id="perceptron-and-mlp.mlp-backward",
    level=2,
    call="mlp_backward(X, y, W1, b1, W2, b2)",
    returns=("dW1 (M, D)", "db1 (M,)", "dW2 (K, M)", "db2 (K,)"),
    example=(np.array([[1.0, 2.0]]), np.array([1]), *WORKED),
    inputs=_labelled,
    oracle=_autograd,
    mistakes=(
        Mistake(
            "Every gradient is B times too large: the loss is the mean over the B examples.",
            like=_backward_pass(error=lambda P, E: P - E),
        ),
        Mistake(
            "The truth is missing: the error signal of the scores is p minus one-hot.",
            like=_backward_pass(error=lambda P, E: P / len(P)),
        ),
        Mistake(
            "The truth is missing, and the mean: the error signal is (p minus one-hot) / B.",
            like=_backward_pass(error=lambda P, E: P),
        ),
        Mistake(
            "One entry of each row is meant, P[np.arange(B), y]; P[:, y] takes whole columns.",
            like=_backward_pass(error=lambda P, E: (P - E.max(axis=0)) / len(P)),
        ),
        Mistake(
            "The number of the class is subtracted from every probability: subtract its one-hot.",
            like=_backward_pass(
                error=lambda P, E: (P - E.argmax(axis=1)[:, None]) / len(P),
            ),
        ),
        Mistake(
            "Every gradient is twice too large: a factor 2 belongs to the squared error.",
            like=_backward_pass(error=lambda P, E: 2 * (P - E) / len(P)),
        ),
        Mistake(
            "The order of the results is dW1, db1, dW2, db2.",
            like=lambda *args: tuple(_autograd(*args)[i] for i in (0, 2, 1, 3)),
        ),
        Mistake(
            "The order of the results is dW1, db1, dW2, db2.",
            like=lambda *args: tuple(_autograd(*args)[i] for i in (0, 3, 2, 1)),
        ),
        Mistake(
            "The gradients of the first layer are divided by B once more: 1 / B came to them with "
            "the error signal of the scores.",
            like=lambda X, *args: tuple(
                gradient / (len(X) if i < 2 else 1)
                for i, gradient in enumerate(_autograd(X, *args))
            ),
        ),
        Mistake(
            "The ReLU's slope is asked of the error signal: it depends on the sum z1 of the "
            "forward pass, and a unit that is on passes negative signals too.",
            like=_backward_pass(slope=np.ones_like, passed=_relu),
        ),
        Mistake(
            "The order of the results is dW1, db1, dW2, db2: those of the first layer first.",
            like=lambda *args: tuple(_autograd(*args)[i] for i in (2, 3, 0, 1)),
        ),
        Mistake(
            "All signs are reversed: the error signal is p minus one-hot, prediction minus truth.",
            like=_backward_pass(error=lambda P, E: (E - P) / len(P)),
        ),
        Mistake(
            "The ReLU's slope is missing: no error signal passes a unit that is off.",
            like=_backward_pass(slope=np.ones_like),
        ),
        Mistake(
            "At exactly 0 the slope of the ReLU is taken to be 0: a unit passes the signal on only "
            "where z1 > 0.",
            like=_backward_pass(slope=lambda Z: Z >= 0),
        ),
        Mistake(
            "The error signal of the hidden layer is multiplied by the ReLU's value; it needs the "
            "slope, which is 0 or 1.",
            like=_backward_pass(slope=_relu),
        ),
        Mistake(
            "The ReLU's slope is applied the wrong way round: units that are off pass the signal.",
            like=_backward_pass(slope=lambda Z: Z <= 0),
        ),
        Mistake(
            "The gradients of the biases are sums over the batch: the 1 / B of the mean is in the "
            "error signal already.",
            like=_backward_pass(bias=lambda delta: delta.mean(axis=0)),
        ),
        Mistake(
            "The gradients of the biases still have one row per example: add the rows up.",
            like=_backward_pass(bias=np.array),
        ),
        Mistake(
            "The gradients of the biases have an axis too many: (M,) and (K,) are their shapes.",
            like=_backward_pass(bias=lambda delta: delta.sum(axis=0, keepdims=True)),
        ),
        Mistake(
            "The gradients of the biases are summed over the units, not over the examples.",
            when=_summed_over_units,
        ),
        Mistake(
            "The gradients of the weights are transposed: each has the shape of its weights.",
            like=_backward_pass(weight=lambda delta, inputs: inputs.T @ delta),
        ),
        Mistake(
            "The mean is taken twice: divide by B once, and only there.",
            like=_backward_pass(error=lambda P, E: (P - E) / len(P) ** 2),
        ),
        Mistake(
            "The gradients of the weights are divided by B once more: 1 / B is in the error signal "
            "already.",
            like=_backward_pass(weight=lambda delta, inputs: delta.T @ inputs / len(delta)),
        ),
        Mistake(
            "The mean is over the B examples, not over all entries of the scores.",
            like=_backward_pass(error=lambda P, E: (P - E) / P.size),
        ),
        Mistake(
            "The mean is over the B examples, not over the K classes.",
            like=_backward_pass(error=lambda P, E: (P - E) / P.shape[1]),
        ),
        Mistake(
            "The factor p (1 - p) belongs to the squared error; in cross-entropy it cancels.",
            like=_backward_pass(error=lambda P, E: (P - E) * P * (1 - P) / len(P)),
        ),
        Mistake(
            "dW2 needs what the last layer is given, the activations after the ReLU.",
            like=_backward_pass(kept=np.array),
        ),
        Mistake(
            "The forward pass has no ReLU.",
            like=_backward_pass(hidden=np.array, kept=np.array),
        ),
        Mistake(
            "The forward pass has no ReLU, and the backward pass no slope.",
            like=_backward_pass(hidden=np.array, kept=np.array, slope=np.ones_like),
        ),
        Mistake(
            "Its softmax overflows for large scores: subtract each row's largest score first.",
            like=_backward_pass(softmax=_naive_softmax),
        ),
        Mistake(
            "The scores themselves are compared with the truth: the softmax is missing.",
            like=_backward_pass(softmax=np.array),
        ),
    ),
    hints=(
        "Walk back from the end. The error signal of the scores, delta2, has shape (B, K): "
        "probabilities minus one-hot, divided by B.",
        "dW2 is delta2.T @ A1, and db2 is the sum of delta2 over the batch. Through W2 the signal "
        "reaches the hidden units: delta2 @ W2, of shape (B, M).",
        "The ReLU lets it pass where Z1 > 0. With delta1 = (delta2 @ W2) * (Z1 > 0) the first "
        "layer is like the second: delta1.T @ X, and the sum of delta1 over the batch.",
    ),
    notice="Each gradient has the shape of its weights, and each layer asks for two things only: "
    "its input and the error signal of its output.",
)

NUMBERS, ACCURACY = 60, 0.97  # what the network of the spirals may store, and what it must reach


def _spirals(rng: np.random.Generator) -> np.ndarray:
    """2,000 points on two spiral arms, without their classes; the lab shows the same function."""
    y = rng.integers(0, 2, size=2000)
    r = rng.uniform(0.2, 1, size=2000)
    angle = 2.5 * np.pi * r + np.pi * y + rng.uniform(-0.8, 0.8, size=2000)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle)]).astype(np.float32)


def _arms(X: np.ndarray) -> np.ndarray:
    """On which arm each point lies: no arm is as wide as the gap, so the place tells."""
    angle = np.arctan2(X[:, 1], X[:, 0]) - 2.5 * np.pi * np.hypot(X[:, 0], X[:, 1])
    return (np.cos(angle) < 0).astype(int)


def _score_points(net: torch.nn.Module, X: torch.Tensor) -> tuple:
    net = net.to(X.device).eval()
    kinds = [p.dtype for p in net.parameters() if p.is_floating_point()]
    kept = stored(net)
    with torch.no_grad():
        return net(X.to(kinds[0]) if kinds else X), kept.tensors + kept.loose


def _right_share(args: tuple, scores: np.ndarray) -> float:
    return float(np.mean(scores.argmax(axis=1) == _arms(np.asarray(args[0]))))


def _spirals_missed(args: tuple, got: Any, want: Any) -> str | None:
    scores, numbers = got
    if numbers > NUMBERS:
        return (
            f"It stores {numbers} numbers, and {NUMBERS} are allowed: weights, biases and whatever "
            "else it keeps count"
        )
    share = _right_share(args, scores)
    if not share >= ACCURACY:
        percent = f"{100 * share:.1f} %", f"{100 * ACCURACY:.0f} %"
        return f"{percent[0]} of fresh points are right, and {percent[1]} are wanted"
    return None


def _within(condition: Callable[[tuple, np.ndarray], bool]) -> Callable[[tuple, Any, Any], bool]:
    """A mistake of a network that keeps to its budget and gives scores of the right shape."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if fault(want, got, SPIRALS.returns, None) or got[1] > NUMBERS:
            return False
        return bool(condition(args, np.asarray(got[0])))

    return when


def _is_linear(args: tuple, scores: np.ndarray) -> bool:
    X = np.column_stack([args[0], np.ones(len(scores))])
    rest = scores - X @ np.linalg.lstsq(X, scores, rcond=None)[0]
    return np.abs(rest).max() < 1e-3 * np.abs(scores).max()


SPIRALS = Exercise(
    id="perceptron-and-mlp.spirals",
    level=3,
    call="spiral_net(X)",
    returns=("scores (N, 2)", "stored numbers"),
    example=(_spirals(np.random.default_rng(0)),),
    inputs=lambda rng: iter([(_spirals(rng),), (_spirals(rng),)]),
    oracle=torch.nn.Linear(2, 2),
    kinds=("torch",),
    takes="model",
    run=_score_points,
    verify=_spirals_missed,
    mistakes=(
        Mistake(
            "Its scores are not numbers (nan): training diverged. A smaller learning rate?",
            when=_within(lambda args, scores: not np.isfinite(scores).all()),
        ),
        Mistake(
            "It gives every point the same class: was it trained?",
            when=_within(lambda args, scores: np.ptp(scores.argmax(axis=1)) == 0),
        ),
        Mistake(
            "Its scores are a linear function of the points: there is no activation function "
            "between its layers.",
            when=_within(_is_linear),
        ),
        Mistake(
            "Nearly every point gets the other class: column k of the scores belongs to class k.",
            when=_within(lambda args, scores: _right_share(args, scores) < 0.1),
        ),
    ),
    hints=(
        "Count first: one hidden layer of M units has 2M + M weights and biases, and the output "
        "2M + 2. How many units fit into 60?",
        "With so few units it matters how each of them bends. Try nn.Tanh() in place of nn.ReLU(), "
        "and look at the training loss: does it still fall when training ends?",
        "11 units and 500 steps with a learning rate of 0.05 are enough, if each step sees all "
        "points: on small batches so small a network often goes astray.",
    ),
    notice="With so few units much hangs on the activation function and the random start: that "
    "good weights exist does not mean that training finds them.",
)

EXERCISES = (
    PERCEPTRON_STEP,
    XOR,
    SOFTMAX,
    MLP_FORWARD,
    MLP_BACKWARD,
    SPIRALS,
)
