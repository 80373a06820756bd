"""The exercises of chapter 01, Foundations."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from graphlib import TopologicalSorter
from types import CodeType
from typing import Any

import cloudpickle
import numpy as np
import torch
import torch.nn.functional as F

from utils.diagnosis import Other, fault
from utils.exercises.spec import Exercise, Mistake

# ---------------------------------------------------------------- perceptron-and-mlp


def _steps(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.zeros(3), np.array([1.0, 2.0, -1.0]), 1
    yield np.array([0.0, 2.0, 2.0]), np.array([1.0, 1.0, 0.0]), 1
    yield np.array([-1.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0]), -1
    yield np.array([2.0, -1.0]), np.array([1.0, 2.0]), 1
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
    yield (np.array([[1000.0, 999.0], [-1000.0, -1001.0]]),)
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


def stored_numbers(model: torch.nn.Module) -> int:
    """All numbers that a model keeps, wherever: in parameters, buffers, lists, or its code."""
    tensors, others, code = {}, [], set()

    class Counter(cloudpickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            if isinstance(item, torch.Tensor):  # all that lies behind it, where it is a view
                memory = item.untyped_storage()
                tensors[memory.data_ptr()] = memory.nbytes() // item.element_size()
                return "counted"
            if isinstance(item, np.ndarray):
                tensors[id(item)] = item.size
                return "counted"
            if isinstance(item, CodeType):
                code.update((item.co_code, item.co_linetable, item.co_exceptiontable))
            if isinstance(item, (bytes, bytearray)) and bytes(item) not in code:
                others.extend(item[::4])
            if isinstance(item, float):
                others.append(item)
            if isinstance(item, list):
                others.extend(i for i in item if isinstance(i, int))
            return None

    Counter(io.BytesIO()).dump(model)
    return sum(tensors.values()) + len(others)


def _score_points(net: torch.nn.Module, X: torch.Tensor) -> tuple:
    net = net.to(X.device).eval()
    kinds = [p.dtype for p in net.parameters() if p.is_floating_point()]
    with torch.no_grad():
        return net(X.to(kinds[0]) if kinds else X), stored_numbers(net)


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

# ---------------------------------------------------------------- backpropagation


def _shares(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([2.0]), np.array([0.5]), np.array([-2.0])
    yield np.array([0.2, 2.0, 30.0]), np.array([5.0, 2.0, 0.1]), np.array([1.0, 0.0, -1.0])
    for n in (2, 5, 8):
        yield rng.uniform(0.5, 3, n), rng.uniform(0.5, 3, n), rng.normal(size=n)


def _share_gradients(x: np.ndarray, y: np.ndarray, g: np.ndarray) -> tuple:
    a, b = (torch.tensor(v, requires_grad=True) for v in (x, y))
    found = torch.autograd.grad(a / (a + b), (a, b), torch.as_tensor(g))
    return tuple(d.numpy() for d in found)


LOCAL_GRADIENTS = Exercise(
    id="backpropagation.local-gradients",
    level=1,
    call="share_gradients(x, y, g)",
    returns=("dx (N,)", "dy (N,)"),
    example=(np.array([1.0, 3.0]), np.array([1.0, 2.0]), np.array([4.0, 50.0])),
    inputs=_shares,
    oracle=_share_gradients,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "These are the local derivatives alone: multiply them by the gradient g that arrives.",
            like=lambda x, y, g: _share_gradients(x, y, np.ones_like(g)),
        ),
        Mistake(
            "dx lacks one of two paths: x acts through the denominator as well as the numerator.",
            like=lambda x, y, g: (g / (x + y), -g * x / (x + y) ** 2),
        ),
        Mistake(
            "dx lacks one of two paths: x acts through the numerator as well as the denominator.",
            like=lambda x, y, g: (-g * x / (x + y) ** 2, -g * x / (x + y) ** 2),
        ),
        Mistake(
            "dy has the wrong sign: a larger y makes the share smaller.",
            like=lambda x, y, g: (g * y / (x + y) ** 2, g * x / (x + y) ** 2),
        ),
        Mistake(
            "dx has the wrong sign: a larger x makes the share larger.",
            like=lambda x, y, g: (-g * y / (x + y) ** 2, -g * x / (x + y) ** 2),
        ),
        Mistake(
            "The two results are swapped: first the gradient of x, then that of y.",
            like=lambda x, y, g: _share_gradients(x, y, g)[::-1],
        ),
        Mistake(
            "The path through the denominator has a minus in dx too: the derivative of 1/s is "
            "-1/s**2.",
            like=lambda x, y, g: (g / (x + y) + g * x / (x + y) ** 2, -g * x / (x + y) ** 2),
        ),
        Mistake(
            "dy holds y where x belongs: the numerator is x, whatever the derivative is by.",
            like=lambda x, y, g: (g * y / (x + y) ** 2, -g * y / (x + y) ** 2),
        ),
        Mistake(
            "dy lacks the gradient g that arrives.",
            like=lambda x, y, g: (g * y / (x + y) ** 2, -x / (x + y) ** 2),
        ),
        Mistake(
            "The denominator of both should be squared: the derivative of 1/s is -1/s**2.",
            like=lambda x, y, g: (g * y / (x + y), -g * x / (x + y)),
        ),
    ),
    hints=(
        "Write s = x + y, so that z = x / s. Along which paths does x reach z, and along which y?",
        "The quotient z = x / s sends g / s to its numerator and -g * x / s**2 to its denominator; "
        "the sum s = x + y passes what it receives on to both.",
        "dx is the sum of what arrives along its two paths, g / s - g * x / s**2.",
    ),
    notice="A value that is used twice, here x, adds up what comes back from both uses.",
)


def _graphs(rng: np.random.Generator) -> Iterator[tuple]:
    yield ({7: []},)
    yield ({4: [1, 1], 1: []},)
    yield ({0: [3], 1: [3], 2: [0, 1], 3: []},)
    yield ({9: [2], 5: [], 2: [5], 8: [], 3: [8]},)
    for n in (5, 7, 12):
        labels = rng.permutation(2 * n)[:n].tolist()
        graph = {labels[0]: [], labels[1]: [labels[0]]}
        for i, node in enumerate(labels[2:], start=2):
            size = rng.integers(0, 3) if i < n - 1 else 2
            graph[node] = [*rng.permutation(labels[:i])[:size].tolist()]
        keys = [labels[-1], *rng.permutation(labels[:-1]).tolist()]
        yield ({node: graph[node] for node in keys},)
    yield ({k: [k - 1, k - 2] if k > 1 else [] for k in range(60, -1, -1)},)
    yield ({k % 1500: [k % 1500 - 1] if k % 1500 else [] for k in range(1499, 2999)},)


def _sorted_nodes(parents: dict[int, list[int]]) -> list[int]:
    return list(TopologicalSorter(parents).static_order())


def _misplaced(args: tuple, got: Any, want: Any) -> str | None:
    """The first node of an order that does not come after its parents."""
    parents, seen = args[0], set()
    for node in map(int, got):
        if node not in parents or node in seen:
            return f"{node} is {'listed twice' if node in parents else 'no node'}."
        for parent in parents[node]:
            if parent not in seen:
                return f"Node {node} stands before its parent {parent}."
        seen.add(node)
    return None


def _listed(got: Any) -> list[int]:
    """The nodes in a result, if these are all that it holds."""
    try:
        return [] if any(isinstance(node, str) for node in got) else [int(node) for node in got]
    except (TypeError, ValueError, OverflowError):
        return []


def _missing(args: tuple, got: Any, want: Any) -> bool:
    return set(_listed(got)) < set(args[0]) and len(set(_listed(got))) == len(_listed(got)) > 0


def _one_parent(args: tuple, got: Any, want: Any) -> bool:
    """Whether each node comes after one of its parents at least."""
    nodes, parents = _listed(got), args[0]
    place = {node: i for i, node in enumerate(nodes)}
    right = len(nodes) == len(parents) and _misplaced(args, nodes, want) is None  # another type
    return (
        set(nodes) == set(parents)
        and not right
        and all(
            not above or min(place[p] for p in above) < place[node]
            for node, above in parents.items()
        )
    )


TOPOLOGICAL_ORDER = Exercise(
    id="backpropagation.topological-order",
    level=2,
    call="sorted_nodes(parents)",
    returns=("order",),
    example=({3: [0, 2], 2: [0, 1], 0: [], 1: []},),
    inputs=_graphs,
    oracle=_sorted_nodes,
    verify=_misplaced,
    mistakes=(
        Mistake(
            "The order is the wrong way round: every node comes before its parents, "
            "and should come after them.",
            when=lambda args, got, want: (
                len(want) == len(_listed(got)) > 1
                and _misplaced(args, _listed(got)[::-1], want) is None
            ),
        ),
        Mistake(
            "This is the order of the dictionary, which holds the nodes in any order.",
            when=lambda args, got, want: _listed(got) == list(args[0]),
        ),
        Mistake(
            "The nodes are sorted by their numbers, which say nothing about the graph.",
            when=lambda args, got, want: _listed(got) == sorted(args[0]),
        ),
        Mistake(
            "A node is missing whose parents are one node, used twice: it waits for a second one.",
            when=lambda args, got, want: (
                _missing(args, got, want)
                and any(len(set(above)) < len(above) for above in args[0].values())
            ),
        ),
        Mistake(
            "Nodes are missing: several nodes may have no children, and all of them, "
            "with what they need, belong into the order.",
            when=_missing,
        ),
        Mistake(
            "A node is listed more than once: one with several children is reached several times.",
            when=lambda args, got, want: len(set(_listed(got))) < len(_listed(got)),
        ),
        Mistake(
            "A node is listed as soon as one of its parents is: it must wait for all of them.",
            when=_one_parent,
        ),
    ),
    hints=(
        "Which nodes may come first? Once they stand in the order, which may come next?",
        "Count for each node the parents that do not stand in the order yet: where the count is 0, "
        "the node may follow. Or walk depth first, with a stack of your own, as the lab does.",
        "Keep a list of the nodes with count 0. Take one, append it to the order, and lower the "
        "count of each of its children, once for every time that the child names it as a parent.",
    ),
    notice="Read from its end, this is an order in which each value has heard from all its "
    "children before it speaks.",
)


def _product(x: np.ndarray) -> float:
    return x[0] ** 2 * x[1]


def _bowl(x: np.ndarray) -> float:
    return x.sum() ** 2 + (x**2).sum()


def _growth(x: np.ndarray) -> float:
    return np.exp(x).sum()


_W, _V = np.array([[1.0, -0.5], [0.3, 0.8], [-0.7, 0.2]]), np.array([2.0, -1.0])


def _layer(x: np.ndarray) -> float:
    return (np.tanh(x @ _W) @ _V).sum()


_FAR, _MIXED = np.array([1e8, -1e8, 1e8]), np.array([1.0, 1e4])


def _far(x: np.ndarray) -> float:
    return (_FAR * np.sin(x / _FAR)).sum()


def _mixed(x: np.ndarray) -> float:
    return (_MIXED * np.sin(x / _MIXED)).sum()


_EXACT: dict[Callable, Callable] = {
    _product: lambda x: np.array([2 * x[0] * x[1], x[0] ** 2]),
    _bowl: lambda x: 2 * x.sum() + 2 * x,
    _growth: np.exp,
    _layer: lambda x: (_V * (1 - np.tanh(x @ _W) ** 2)) @ _W.T,
    _far: lambda x: np.cos(x / _FAR),
    _mixed: lambda x: np.cos(x / _MIXED),
}


def _functions(rng: np.random.Generator) -> Iterator[tuple]:
    yield _growth, np.array(0.5)
    yield _growth, np.array([0.0, -1.0, 1.0, 2.0])
    yield _bowl, rng.uniform(0.5, 1, 3) * 1e-4  # near the minimum the slope is small
    yield _bowl, rng.normal(size=(2, 1, 3))
    yield _far, _FAR * rng.uniform(0.3, 1.2, 3)
    yield _mixed, _MIXED * rng.uniform(0.3, 1.2, 2)
    for n in (1, 4):
        yield _layer, rng.normal(size=(n, 3))


def _exact(f: Callable, x: np.ndarray) -> np.ndarray:
    return np.asarray(_EXACT[f](x))


def _near(args: tuple, got: Any, want: Any, rtol: float = 0.01) -> bool:
    if not isinstance(got, np.ndarray) or got.shape != want.shape or got.dtype.kind != "f":
        return False
    return bool(np.abs(got - want).max() <= rtol * np.abs(want).max())


def _one_sided(args: tuple, got: Any, want: Any) -> bool:
    """Whether the error is half a step, the same for all entries, times the second derivative."""
    (f, x), d = args, 1e-5
    if not _near(args, got, want, 0.1):
        return False
    if x.size < 2 or f in (_far, _mixed):  # this case alone cannot tell
        return _near(args, got, want)
    moves = [d * unit.reshape(x.shape) for unit in np.eye(x.size)]
    curved = [((_exact(f, x + m) - _exact(f, x - m)) * m).sum() / (2 * d * d) for m in moves]
    bent = np.abs(curved) > 0.01 * np.abs(curved).max()
    steps = 2 * (got - want).ravel()[bent] / np.array(curved)[bent]
    size = np.abs(x).ravel()[bent]
    relative = (steps / scale for scale in (1, 1 + size, np.maximum(1, size)))
    return len(steps) > 1 and any(np.ptp(s) < 0.02 * np.abs(s).max() for s in relative)


def _drifts(args: tuple, got: Any, want: Any) -> bool:
    """Whether the first entry is right, and later ones, which it acts on, are slightly off."""
    if args[0] not in (_product, _bowl, _layer) or not _near(args, got, want, 0.2):
        return False
    error = np.abs(got - want).ravel() / np.abs(want).max()
    return bool(error[0] < 1e-8 and error.max() > 1e-7)


GRADIENT_CHECK = Exercise(
    id="backpropagation.gradient-check",
    level=2,
    call="central_differences(f, x)",
    returns=("slopes",),
    example=(_product, np.array([3.0, 2.0])),
    inputs=_functions,
    oracle=_exact,
    mistakes=(
        Mistake(
            "Twice too large: from x - h to x + h the entry moves by 2h.",
            like=lambda f, x: 2 * _exact(f, x),
        ),
        Mistake(
            "Half of what is right: is the entry moved by h to both sides, and divided by 2h once?",
            like=lambda f, x: _exact(f, x) / 2,
        ),
        Mistake(
            "Right for entries of moderate size, but not beside a large one: the step must grow "
            "with the size of its own entry, whatever the entry's sign.",
            when=lambda args, got, want: args[0] in (_far, _mixed) and _near(args, got, want, 0.2),
        ),
        Mistake(
            "The difference is one-sided: its error is half a step times the second derivative. "
            "Step up and down, and take the difference of the two values.",
            when=_one_sided,
        ),
        Mistake(
            "All entries are moved at once: move one, with the others where they are.",
            like=lambda f, x: np.full(x.shape, _exact(f, x).sum()),
        ),
        Mistake(
            "The first entry is right and later ones are slightly off: is each entry put back "
            "before the next is moved?",
            when=_drifts,
        ),
        Mistake(
            "Nearly right, but not to six digits: the step is too large, "
            "or so small that rounding counts.",
            when=_near,
        ),
    ),
    hints=(
        "For one entry: evaluate f with it moved up by h and down by h, the others as they are, and"
        " divide the difference by the distance of the two points.",
        "np.ndindex(x.shape) runs over the positions of an array of any shape, also (). Move the "
        "entry in a copy: moving x itself up and down again may leave a rounding error in it.",
        "h = 6e-6 * (1 + abs(x[i])) for the entry at position i: a fixed step is lost beside a "
        "large entry.",
    ),
    notice="Such a check costs two evaluations per entry and knows nothing of your rules, "
    "which is why it can test them.",
)


def _logits(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[1000.0, 998.0, -1000.0]]), np.array([2.0])
    yield np.array([[-1000.0, -1001.0, -1002.0], [0.0, 1.0, 2.0]]), np.array([1.0, -3.0])
    yield np.array([[3.0]]), np.array([0.5])
    for n, k in ((1, 4), (3, 3), (4, 2), (2, 5)):
        yield rng.normal(size=(n, k)) * 2, rng.normal(size=n)


NO_FUNCTION = "no function"


def _use_operation(operation: Callable, a: np.ndarray, g: np.ndarray) -> Any:
    """Forward, then backward with g, as the lab's engine does it."""
    made = operation(a)
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        return made
    return made[0], made[1](g) if callable(made[1]) else NO_FUNCTION


def _operation(value: Callable, slopes: Callable) -> Callable:
    """log-sum-exp with another value(a), or another pull, slopes(a, p, g)."""

    def operation(a: np.ndarray) -> tuple:
        p = torch.softmax(torch.as_tensor(a), 1).numpy()
        return value(a), lambda g: (slopes(a, p, g),)

    return operation


def _logsumexp(a: np.ndarray) -> np.ndarray:
    return torch.logsumexp(torch.as_tensor(a), 1).numpy()


def _pull(a: np.ndarray, p: np.ndarray, g: np.ndarray) -> np.ndarray:
    scores = torch.tensor(a, requires_grad=True)
    torch.logsumexp(scores, 1).backward(torch.as_tensor(g))
    return scores.grad.numpy()


def _naive(a: np.ndarray) -> np.ndarray:
    return np.log(np.exp(a).sum(axis=1))


def _naive_pull(a: np.ndarray, p: np.ndarray, g: np.ndarray) -> np.ndarray:
    return g[:, None] * np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)


def _whole(a: np.ndarray) -> tuple:
    top = a.max()
    e = np.exp(a - top)
    total = e.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], lambda g: (g[:, None] * e / total,)


def _bare(args: tuple, got: Any, want: Any) -> bool:
    """Whether pull gives its one gradient, and not a tuple of one."""
    return isinstance(got, tuple) and len(got) == 2 and isinstance(got[1], np.ndarray)


def _pull_is(what: Any) -> Callable[[tuple, Any, Any], bool]:
    return lambda args, got, want: (
        isinstance(got, tuple)
        and len(got) == 2
        and (got[1] is None or isinstance(got[1], str))
        and got[1] == what
    )


MISSING_OPERATION = Exercise(
    id="backpropagation.missing-operation",
    level=2,
    call="logsumexp(a)",
    returns=("value (N,)", "da (N, K)"),
    example=(np.log([[1.0, 1.0], [3.0, 9.0]]), np.array([1.0, 8.0])),
    inputs=_logits,
    oracle=_operation(_logsumexp, _pull),
    run=_use_operation,
    mistakes=(
        Mistake(
            "It lacks the rule: return two things, the value and the function pull.",
            when=lambda args, got, want: isinstance(got, np.ndarray),
        ),
        Mistake(
            "The order is value, pull: first the value, then the function.",
            when=lambda args, got, want: isinstance(got[0], Other) and got[1] == NO_FUNCTION,
        ),
        Mistake(
            "The second result should be a function, pull: the engine calls it with g later, when "
            "g is known.",
            when=_pull_is(NO_FUNCTION),
        ),
        Mistake("pull returns None: does it lack a return?", when=_pull_is(None)),
        Mistake(
            "pull returns a bare array: the engine goes through its result, one gradient for each "
            "input, so a single one needs a tuple, (da,).",
            when=_bare,
        ),
        Mistake(
            "With the maximum of the whole array subtracted, all exponentials of another row may "
            "vanish: subtract each row's own.",
            like=_whole,
        ),
        Mistake(
            "Both value and pull overflow for large scores: subtract each row's maximum before exp,"
            " and add it to the value again.",
            like=_operation(_naive, _naive_pull),
        ),
        Mistake(
            "The value overflows for large scores: subtract each row's maximum before exp, "
            "and add it again after log.",
            like=_operation(_naive, _pull),
        ),
        Mistake(
            "The value is right, but pull overflows for large scores: use exponentials of a minus "
            "its row's maximum here too.",
            like=_operation(_logsumexp, _naive_pull),
        ),
        Mistake(
            "The maximum was subtracted and never added to the value again.",
            like=_operation(lambda a: _logsumexp(a - a.max(axis=1, keepdims=True)), _pull),
        ),
        Mistake(
            "The maximum belongs to the value with a plus: m + log(sum(exp(a - m))).",
            like=_operation(
                lambda a: _logsumexp(a) - 2 * a.max(axis=1),
                _pull,
            ),
        ),
        Mistake(
            "p (1 - p) is the slope of the softmax's own entries; the slope of log-sum-exp is p.",
            like=_operation(_logsumexp, lambda a, p, g: g[:, None] * p * (1 - p)),
        ),
        Mistake(
            "pull does not use g: multiply the local derivatives by the gradient that arrives.",
            like=_operation(_logsumexp, lambda a, p, g: p),
        ),
        Mistake(
            "pull sends the whole of g to every entry: its share is the derivative of the value "
            "by this entry, and the shares of a row sum to 1.",
            like=_operation(_logsumexp, lambda a, p, g: g[:, None] + 0 * a),
        ),
        Mistake(
            "pull lacks the division by the row's sum: log has a derivative too.",
            like=_operation(
                _logsumexp,
                lambda a, p, g: g[:, None] * np.exp(a - a.max(axis=1, keepdims=True)),
            ),
        ),
        Mistake(
            "pull treats the result as a maximum: every entry of a row moves it, not only the "
            "largest.",
            like=_operation(
                _logsumexp, lambda a, p, g: g[:, None] * (a == a.max(axis=1, keepdims=True))
            ),
        ),
        Mistake(
            "g belongs to rows, and is multiplied along the columns: it needs an axis of length 1.",
            like=_operation(_logsumexp, lambda a, p, g: g * p),
        ),
    ),
    hints=(
        "First the value alone: with m the maximum of a row, log(sum(exp(a))) is "
        "m + log(sum(exp(a - m))), and no exponent is above 0.",
        "By the chain rule, the derivative of the value by the entry a_k is exp(a_k) / sum(exp(a)):"
        " the softmax of the row. It can be computed from a - m as well.",
        "g has shape (N,) and the softmax (N, K): g[:, None] multiplies each row by its own number."
        " Return (value, pull), and from pull a tuple of one array.",
    ),
    notice="The gradient of log-sum-exp is softmax, and that is where the p in p - y comes from.",
)


_STEPS: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "tanh": lambda a: a.tanh() if isinstance(a, torch.Tensor) else np.tanh(a),
}


def _play(x: Iterable, tape: list[tuple]) -> list:
    """All values of a tape, the inputs first."""
    values = list(x)
    for name, *at in tape:
        values.append(_STEPS[name](*(values[i] for i in at)))
    return values


def _tapes(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([1.5]), [("add", 0, 0)]
    yield np.array([0.5, 2.0, -1.0]), [("tanh", 2), ("mul", 3, 3)]
    yield np.array([0.3, 0.7]), [("mul", 0, 1), ("add", 2, 2), ("tanh", 0), ("mul", 4, 2)]
    yield np.array([1.1]), [("add", k, k) for k in range(25)]
    for n in (2, 3, 4):
        x, tape = rng.uniform(-1.2, 1.2, n), []
        while len(tape) < 3 * n:
            name = ("add", "mul", "tanh")[rng.integers(3)]
            at = rng.integers(0, n + len(tape), 1 if name == "tanh" else 2)
            if abs(_play(x, [*tape, (name, *at.tolist())])[-1]) < 3:
                tape.append((name, *at.tolist()))
        end = n + len(tape)
        tape += [("mul", end - 2, end - 1), ("mul", end, end), ("add", end - 1, 0)]
        yield x, [*tape, ("add", end + 1, end + 2)]


def _tape_gradient(x: np.ndarray, tape: list[tuple]) -> np.ndarray:
    leaf = torch.tensor(x, requires_grad=True)
    _play(leaf.unbind(), tape)[-1].backward()
    return leaf.grad.numpy()


def _broken_sweep(mistake: str) -> Callable[..., np.ndarray]:
    def sweep(x: np.ndarray, tape: list[tuple]) -> np.ndarray:
        v = _play(x, tape)
        grad = np.full(len(v), 1.0 if mistake == "all ones" else 0.0)
        grad[-1] = 1.0
        rounds = list(enumerate(tape, len(x)))
        for k, (name, *at) in rounds if mistake == "forward" else rounds[::-1]:
            a, b = v[at[0]], v[at[-1]]
            k -= len(x) if mistake == "count" else 0
            bend = {"input": a, "twice": np.tanh(v[k]), "no slope": 0.0}.get(mistake, v[k])
            slopes = {
                "add": (b, a) if mistake == "add" else (1.0, 1.0),
                "mul": (a, b) if mistake == "swapped" else (b, a),
                "tanh": (1 - bend**2,),
            }
            before = grad.copy()
            for i, local in zip(at[:1] if mistake == "first" else at, slopes[name]):
                pulled = grad[k] * local if mistake != "no gradient" else local
                kept = {"overwrite": 0.0, "once": before[i]}.get(mistake, grad[i])
                grad[i] = kept + pulled
        return grad[: len(x)]

    return sweep


TAPE_GRADIENT = Exercise(
    id="backpropagation.tape",
    level=2,
    call="tape_gradient(x, tape)",
    returns=("dx (N,)",),
    example=(np.array([2.0, 3.0]), [("mul", 0, 1), ("mul", 2, 2), ("add", 3, 1)]),
    inputs=_tapes,
    oracle=_tape_gradient,
    rtol=1e-11,
    mistakes=(
        Mistake(
            "A step that uses one value twice, such as v * v, counts only once: add the first "
            "contribution before you read the gradient for the second.",
            like=_broken_sweep("once"),
        ),
        Mistake(
            "Gradients are overwritten: a value that is used in several places must add what comes "
            "from each of them.",
            like=_broken_sweep("overwrite"),
        ),
        Mistake(
            "The result of step k is value number N + k, for the N inputs come first; here it is "
            "looked for at k.",
            like=_broken_sweep("count"),
        ),
        Mistake(
            "Only the first operand of a step receives something: the second has a gradient too.",
            like=_broken_sweep("first"),
        ),
        Mistake(
            "The sweep runs in the order of the tape: a value must have its whole gradient before "
            "it passes it on, so begin with the last step.",
            like=_broken_sweep("forward"),
        ),
        Mistake(
            "The gradients of a product go to the wrong factors: for a * b, a receives g * b.",
            like=_broken_sweep("swapped"),
        ),
        Mistake(
            "The slope of tanh is 1 - tanh(a)**2, with the step's result, not 1 - a**2.",
            like=_broken_sweep("input"),
        ),
        Mistake(
            "tanh is applied to the step's result, which is tanh(a) already: the slope is 1 - "
            "result**2.",
            like=_broken_sweep("twice"),
        ),
        Mistake(
            "The slope of tanh is missing: 1 - tanh(a)**2.",
            like=_broken_sweep("no slope"),
        ),
        Mistake(
            "A sum passes its gradient on as it is, to both; the other operand is the factor of a "
            "product.",
            like=_broken_sweep("add"),
        ),
        Mistake(
            "Local derivatives are added without being multiplied by the gradient of the step's "
            "own result.",
            like=_broken_sweep("no gradient"),
        ),
        Mistake(
            "Only the last value starts with gradient 1, all others with 0.",
            like=_broken_sweep("all ones"),
        ),
        Mistake(
            "dx should hold the gradients of the inputs alone: the first N of all values.",
            when=lambda args, got, want: (
                isinstance(got, np.ndarray) and got.shape == (len(args[0]) + len(args[1]),)
            ),
        ),
        Mistake(
            "Nearly right: are these difference quotients? The rules of the three operations give "
            "the gradient to the last digits.",
            when=lambda args, got, want: not fault(want, got, ("dx",), 1e-4),
        ),
    ),
    hints=(
        "First forward: a list of all values, the inputs first, to which each step appends one. "
        "Then a list of gradients of the same length: 0 everywhere, 1 for the last.",
        "Go through the steps from the last to the first. The gradient of a step's result times a "
        "local derivative is what an operand receives: add it to what the operand has.",
        "For step k of the tape the result is value number N + k. For a product: "
        "grad[i] += g * v[j], and then, as a statement of its own, grad[j] += g * v[i].",
    ),
    notice="This is all of reverse-mode differentiation, and every engine is built around this "
    "loop.",
)


def _layers(rng: np.random.Generator) -> Iterator[tuple]:
    for n, size in ((1, 1), (3, 4), (7, 2), (100, 8000), (250, 8000), (144, 8000)):
        yield rng.normal(size=size), rng.normal(size=size), n


def _forward(k: int, x: np.ndarray) -> np.ndarray:
    """Layer k of the check's network, with no array but its result."""
    y = np.roll(x, 1)
    y += k
    np.sin(y, out=y)
    y *= 0.1
    y += x
    return y


def _backward(k: int, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    y = np.add(x, k)
    np.cos(y, out=y)
    y *= 0.1
    y[:-1] *= g[1:]
    y[-1] *= g[0]
    y += g
    return y


def _measured(answer: Callable, x: np.ndarray, g: np.ndarray, n: int) -> Any:
    """The result, the number of forward calls, and how many arrays like x were held at once."""
    calls = []

    def forward(k: int, x: np.ndarray) -> np.ndarray:
        calls.append(k)
        return _forward(k, x)

    tracemalloc.start()
    try:
        result = answer(x, g, n, forward, _backward)
        held = round(tracemalloc.get_traced_memory()[1] / x.nbytes)
    finally:
        tracemalloc.stop()
    return None if result is None or result is ... else (result, len(calls), held)


def _chain(
    x: np.ndarray,
    g: np.ndarray,
    n: int,
    forward: Callable,
    pull: Callable,
    given: Callable[[int], int] = lambda k: k,
    order: Callable = reversed,
) -> np.ndarray:
    """All inputs kept; layer k's rule is given value number given(k)."""
    kept = [x]
    for k in range(n):
        kept.append(forward(k, kept[-1]))
    for k in order(range(n)):
        g = pull(k, kept[given(k)], g)
    return g


def _gives(**options: Any) -> Callable[[tuple, Any, Any], bool]:
    """Whether the gradient is what ``_chain`` gives with these options."""

    def same(args: tuple, got: Any, want: Any) -> bool:
        value = got[0] if isinstance(got, tuple) and got else None
        wrong = _chain(*args, _forward, _backward, **options)
        return fault(wrong, value, ("dx",), 1e-9) is None

    return same


def _over_budget(args: tuple, got: Any, want: Any) -> str | None:
    if problem := fault(want[0], got[0], ("dx (D,)",), 1e-9):
        return problem
    n, calls, held = args[2], int(got[1]), int(got[2])
    if calls > 2 * n:
        return (
            f"The gradient is right, but forward is called {calls} times for n = {n} layers, and "
            f"{2 * n} are allowed: compute each layer again at most once."
        )
    most = int(2 * np.sqrt(n) + 6)
    if held > most and args[0].size > 1000:  # beside small arrays all else would count
        return (
            f"The gradient is right, but up to {held} arrays of the size of x are held at once for "
            f"n = {n} layers, and {most} are allowed: keep few, and compute the others again."
        )
    return None


CHECKPOINTS = Exercise(
    id="backpropagation.checkpoints",
    level=3,
    call="thrifty_gradient(x, g, n, forward, pull)",
    returns=("dx (D,)", "calls of forward", "arrays held"),
    example=(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 2),
    inputs=_layers,
    oracle=_chain,
    run=_measured,
    verify=_over_budget,
    mistakes=(
        Mistake(
            "pull(k, x, g) needs the input of layer k, and is given its output.",
            when=_gives(given=lambda k: k + 1),
        ),
        Mistake(
            "The rules are applied in the order of the forward pass: begin with the last layer.",
            when=_gives(order=iter),
        ),
        Mistake(
            "Every rule is given the network's input x: it needs the input of its own layer.",
            when=_gives(given=lambda k: 0),
        ),
        Mistake(
            "A rule is given the input of the layer before its own: is the count off by one?",
            when=_gives(given=lambda k: max(k - 1, 0)),
        ),
    ),
    hints=(
        "Keeping all n inputs costs too much memory, and computing each again from x too many "
        "calls. In between: cut the n layers into blocks, and keep only the input of each block.",
        "Going back, take the last block first: from its kept input compute the inputs of its "
        "layers again, use them for pull, and forget them before the next block.",
        "With blocks of size s, about n / s inputs of blocks are kept, and s inputs of layers while"
        " a block is worked on. For which s is the sum least?",
    ),
    notice="Twice the forward work for 2√n values instead of n: this is what "
    "torch.utils.checkpoint does for networks that would not fit into memory.",
)

EXERCISES = (
    PERCEPTRON_STEP,
    XOR,
    SOFTMAX,
    MLP_FORWARD,
    MLP_BACKWARD,
    SPIRALS,
    LOCAL_GRADIENTS,
    TOPOLOGICAL_ORDER,
    GRADIENT_CHECK,
    MISSING_OPERATION,
    TAPE_GRADIENT,
    CHECKPOINTS,
)
