"""The exercises of Backpropagation."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import torch

from utils.diagnosis import Other, fault
from utils.exercises.spec import Exercise, Mistake


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
            "with the size of its own entry, whatever the entry's sign, as the statement's does.",
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
    for n, size in ((1, 1), (3, 4), (7, 2), (100, 4000), (196, 4000), (144, 4000)):
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
    LOCAL_GRADIENTS,
    TOPOLOGICAL_ORDER,
    GRADIENT_CHECK,
    MISSING_OPERATION,
    TAPE_GRADIENT,
    CHECKPOINTS,
)
