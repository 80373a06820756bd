"""The exercises of the project of chapter 01: a stranger's handwriting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special  # scipy.stats takes seconds to import

from utils.checks.budget import stored
from utils.diagnosis import fault
from utils.exercises.spec import Exercise, Mistake

# ---- A baseline ----------------------------------------------------------------------------------


def _classes(rng: np.random.Generator) -> Iterator[tuple]:
    """Known rows with labels that are not 0, 1, 2, …, and new rows; the means keep their distance.

    Classes differ in size, and their means in length.
    """
    rows = np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 1.2], [0.0, 2.8], [9.0, 9.0]])
    yield rows, np.array([2, 2, 7, 7, 4]), np.array([[0.0, 0.9], [8.0, 7.0], [1.9, 1.3]])
    rows = np.array([[0.0, 0.0], [4.5, 2.0]])  # (2, 2) differs less from the first in each value
    yield rows, np.array([1, 6]), np.array([[2.0, 2.0], [1.0, 0.0], [5.0, 1.0]])
    for classes, d, m in (((4, 9), 1, 1), ((2, 3, 7), 2, 9), ((0, 5, 6, 8), 6, 40), ((1, 8), 3, 7)):
        means = 3 * rng.normal(size=(len(classes), d)) + np.arange(len(classes))[:, None] * 2.5
        y = np.concatenate([classes, rng.choice(classes, 25)])
        X = means[np.searchsorted(classes, y)] + rng.normal(size=(len(y), d)) * 1.7
        new = means[rng.integers(len(classes), size=m)] + rng.normal(size=(m, d)) * 1.2
        clear = _gap(X, y, new) > 1e-3
        if clear.any():
            yield X, y, new[clear]


def _distances(
    X: np.ndarray,
    y: np.ndarray,
    new: np.ndarray,
    middle: Callable = lambda rows: rows.mean(axis=0),
    length: Callable = lambda gaps: (gaps**2).sum(axis=2),
) -> np.ndarray:
    means = np.array([middle(X[y == k]) for k in np.unique(y)])  # (K, D)
    return length(new[:, None] - means)  # (M, K)


def _gap(X: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """By how much the second nearest mean is farther away than the nearest."""
    distances = np.sort(_distances(X, y, new), axis=1)
    return distances[:, 1] - distances[:, 0]


def _nearest_mean(
    pick: Callable = np.argmin, names: Callable = np.unique, **change: Callable
) -> Callable:
    return lambda X, y, new: names(y)[pick(_distances(X, y, new, **change), axis=1)]


def _by_product(X: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    means = np.array([X[y == k].mean(axis=0) for k in np.unique(y)])
    return np.unique(y)[(new @ means.T).argmax(axis=1)]


def _by_mean_distance(X: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    distances = np.linalg.norm(new[:, None] - X, axis=2)  # (M, N)
    means = [distances[:, y == k].mean(axis=1) for k in np.unique(y)]
    return np.unique(y)[np.argmin(means, axis=0)]


def _nearest_row(X: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    return y[((new[:, None] - X) ** 2).sum(axis=2).argmin(axis=1)]


BASELINE = Exercise(
    id="project.baseline",
    level=1,
    call="nearest_mean(X_known, y_known, X_new)",
    returns=("labels (M,)",),
    example=(
        np.array([[0.0, 0.0], [2.0, 0.0], [6.0, 6.0]]),
        np.array([3, 3, 8]),
        np.array([[1.0, 1.0], [5.0, 4.0]]),
    ),
    inputs=_classes,
    oracle=_nearest_mean(),
    mistakes=(
        Mistake(
            "It returns the position of the class among the classes; its label is wanted, and "
            "labels need not be 0, 1, 2, …",
            like=_nearest_mean(names=lambda y: np.arange(len(np.unique(y)))),
        ),
        Mistake(
            "This is the nearest single row; the nearest mean of a class is asked for.",
            like=_nearest_row,
        ),
        Mistake(
            "It takes the mean of the distances to a class's rows; what is asked for is the "
            "distance to the mean of the rows.",
            like=_by_mean_distance,
        ),
        Mistake(
            "It compares with the sum of each class's rows: the mean is the sum over their number.",
            like=_nearest_mean(middle=lambda rows: rows.sum(axis=0)),
        ),
        Mistake("It picks the farthest mean.", like=_nearest_mean(pick=np.argmax)),
        Mistake(
            "The largest product with a mean is not the smallest distance: a long mean wins too "
            "often.",
            like=_by_product,
        ),
        Mistake(
            "The distances are sums of absolute differences: square them.",
            like=_nearest_mean(length=lambda gaps: np.abs(gaps).sum(axis=2)),
        ),
        Mistake(
            "It goes by the largest difference of any one value: sum the squares of all.",
            like=_nearest_mean(length=lambda gaps: np.abs(gaps).max(axis=2)),
        ),
        Mistake(
            "The differences are summed with their signs, and cancel: square them first.",
            like=_nearest_mean(length=lambda gaps: np.abs(gaps.sum(axis=2))),
        ),
        Mistake(
            "It compares with the median of each class.",
            like=_nearest_mean(middle=lambda rows: np.median(rows, axis=0)),
        ),
    ),
    hints=(
        "np.unique(y_known) lists the classes. One mean for each makes an array of shape (K, D).",
        "X_new[:, None] - means has shape (M, K, D). Square, sum over the last axis, and find the "
        "smallest of each row.",
        "argmin gives positions from 0 to K - 1; classes[positions] are labels.",
    ),
    notice="A baseline this cheap tells how much of an accuracy is the task's and how much the "
    "model's.",
)

# ---- A split -------------------------------------------------------------------------------------

SEEDS = 12  # other seeds that a split is tried with


def _sheets(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([7, 7, 7, 2, 2, 9, 9, 9, 9, 5]), 3, 5
    yield np.repeat([30, 10, 20, 40, 50], [4, 1, 6, 2, 3]), 1, 0
    for forms, held in ((14, 4), (9, 3), (12, 10)):
        names = rng.permutation(100)[:forms]
        form = np.repeat(names, rng.integers(1, 12, size=forms))
        yield rng.permutation(form), held, int(rng.integers(1000))


def _deal(form: np.ndarray, held: int, seed: int) -> np.ndarray:
    names = np.unique(form)
    return np.isin(form, np.random.default_rng(seed).permutation(names)[:held])


def _split_often(answer: Callable, form: np.ndarray, held: int, seed: int) -> Any:
    """The split, whether a second call repeats it, and how many splits other seeds give."""
    kept = form.copy()  # whoever changes the input is told so, and not of its consequences
    found = answer(form, held, seed)
    if found is None or found is ...:
        return found
    if not isinstance(found, np.ndarray) or found.dtype != bool or found.shape != form.shape:
        return (found,)
    found, again = found.copy(), answer(kept.copy(), held, seed)
    others = [
        np.asarray(answer(kept.copy(), held, seed + k)).tobytes() for k in range(1, SEEDS + 1)
    ]
    return found, bool(np.array_equal(found, again)), len({found.tobytes(), *others})


def _sides(form: np.ndarray, test: np.ndarray) -> tuple[set, set]:
    return set(form[test].tolist()), set(form[~test].tolist())


def _badly_split(args: tuple, got: Any, want: Any) -> str | None:
    (form, held, _), (test, same, different) = args, got
    inside, outside = _sides(np.asarray(form), np.asarray(test))
    if both := inside & outside:
        return f"Form {min(both)} has digits on both sides of the split"
    if len(inside) != held:
        return (
            f"The number of forms held out is {len(inside)}, and count = {held} were asked for: "
            "are they drawn from the forms' own names, where each stands once?"
        )
    if not same:
        return "Two calls with the same seed give two splits: nobody could repeat the experiment"
    if different < 2:
        return f"{SEEDS + 1} seeds give one and the same split: the forms must be drawn at random"
    return None


def _digit_by_digit(args: tuple, got: Any, want: Any) -> bool:
    inside, outside = _sides(np.asarray(args[0]), np.asarray(got[0]))
    return len(inside & outside) >= 2


def _upside_down(args: tuple, got: Any, want: Any) -> bool:
    inside, outside = _sides(np.asarray(args[0]), np.asarray(got[0]))
    return not inside & outside and len(outside) == args[1] != len(inside)


SPLIT = Exercise(
    id="project.split",
    level=2,
    call="split_forms(form, count, seed)",
    returns=("test (N,)", "the same again", "different splits"),
    example=(np.array([0, 0, 0, 1, 1, 2, 2, 2]), 1, 0),
    inputs=_sheets,
    oracle=_deal,
    run=_split_often,
    verify=_badly_split,
    mistakes=(
        Mistake(
            "The digits are dealt one by one, so that forms have digits on both sides: draw among "
            "the forms.",
            when=_digit_by_digit,
        ),
        Mistake(
            "The result is upside down: it is True for the digits to learn from, and should be "
            "True for those held out.",
            when=_upside_down,
        ),
        Mistake(
            "It does not return one array of truth values, one for each digit.",
            when=lambda args, got, want: len(got) == 1,
        ),
    ),
    hints=(
        "Which forms are there? np.unique(form): draw among these, not among the digits.",
        "np.random.default_rng(seed).choice(names, count, replace=False) draws whole forms, the "
        "same for the same seed.",
        "np.isin(form, drawn) is True for every digit of a form that was drawn.",
    ),
    notice="The unit of a split is what the next user brings anew: here a person, not a digit.",
)

# ---- An interval ---------------------------------------------------------------------------------


def _readings(rng: np.random.Generator) -> Iterator[tuple]:
    """Two readers' right and wrong digits, on forms of different sizes."""
    yield np.array([1, 1, 0, 1, 0]), np.array([1, 1, 0, 1, 0]), np.array([4, 4, 4, 6, 6])
    form = np.repeat([3, 8, 1], [4, 5, 2])  # A is better on one form, B on the others
    a, b = np.ones((2, 11), dtype=int)
    b[:2], a[5:9], a[9] = 0, 0, 0
    yield a, b, form
    for forms in (2, 4, 5, 10):
        form = np.repeat(rng.permutation(50)[:forms], rng.integers(5, 40, size=forms))
        skill = np.clip(rng.normal(0.8, 0.12, size=50), 0.3, 1)[form]
        a = (rng.random(len(form)) < skill).astype(int)
        b = (rng.random(len(form)) < skill - 0.15).astype(int)
        b[:2], a[:2] = 0, 1
        yield a, b, form


def _compared(
    differences: Callable | None = None,
    quantile: Callable = lambda n: special.stdtrit(n - 1, 0.975),
    error: Callable = lambda d: d.std(ddof=1) / len(d) ** 0.5,
    center: Callable | None = None,
) -> Callable:
    """The interval; each argument replaces one of its steps by a mistake."""

    def answer(a: np.ndarray, b: np.ndarray, form: np.ndarray) -> tuple:
        c = np.asarray(a, float) - b
        d = np.array([c[form == f].mean() for f in np.unique(form)])
        d = differences(a, b, form) if differences else d
        middle = center(a, b, form) if center else d.mean()
        half = quantile(len(d)) * error(d)
        return float(middle), float(middle - half), float(middle + half)

    return answer


def _unpaired(a: np.ndarray, b: np.ndarray, form: np.ndarray) -> tuple:
    shares = [np.array([r[form == f].mean() for f in np.unique(form)]) for r in (a, b)]
    n, d = len(shares[0]), shares[0].mean() - shares[1].mean()
    half = special.stdtrit(n - 1, 0.975) * np.sqrt(sum(s.var(ddof=1) for s in shares) / n)
    return float(d), float(d - half), float(d + half)


def _over_root_of_digits(a: np.ndarray, b: np.ndarray, form: np.ndarray) -> tuple:
    return _compared(error=lambda d: d.std(ddof=1) / len(form) ** 0.5)(a, b, form)


COMPARE = Exercise(
    id="project.compare",
    level=2,
    call="compare(right_a, right_b, form)",
    returns=("difference", "low", "high"),
    example=(
        np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1]),
        np.array([1, 0, 1, 0, 1, 1, 1, 0, 0, 1]),
        np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]),
    ),
    inputs=_readings,
    oracle=_compared(),
    mistakes=(
        Mistake(
            "The digits are treated as independent, so the interval has the wrong width: it is the "
            "forms that vary. One difference for each form comes first.",
            like=_compared(lambda a, b, form: np.asarray(a, float) - b),
        ),
        Mistake(
            "The digits are treated as independent, so the interval has the wrong width: it is the "
            "forms that vary, and their spread that counts.",
            like=_compared(
                lambda a, b, form: np.asarray(a, float) - b,
                center=lambda a, b, form: _compared()(a, b, form)[0],
            ),
        ),
        Mistake(
            "The difference is that of all digits together; here it is the mean over the forms, "
            "of which each counts once.",
            like=_compared(center=lambda a, b, form: np.mean(a) - np.mean(b)),
        ),
        Mistake(
            "1.96 is for many forms: with few, the quantile of the t distribution with F - 1 "
            "degrees of freedom is larger.",
            like=_compared(quantile=lambda n: special.ndtri(0.975)),
        ),
        Mistake(
            "1.96 is for many forms: with few, the quantile of the t distribution with F - 1 "
            "degrees of freedom is larger.",
            like=_compared(quantile=lambda n: 1.96),
        ),
        Mistake(
            "3.18 is for four forms: the quantile depends on their number F.",
            like=_compared(quantile=lambda n: 3.18),
        ),
        Mistake(
            "The quantile is missing: the interval reaches t standard errors to both sides, not "
            "one.",
            like=_compared(quantile=lambda n: 1.0),
        ),
        Mistake(
            "The differences count digits: on each form take the share that each reader reads.",
            like=_compared(
                lambda a, b, form: np.array([(a - b)[form == f].sum() for f in np.unique(form)])
            ),
        ),
        Mistake(
            "The root is that of the number of digits: it is the F forms that are counted.",
            like=_over_root_of_digits,
        ),
        Mistake(
            "The three numbers are in percent: keep to shares from 0 to 1.",
            when=lambda args, got, want: np.allclose(
                [float(v) for v in got], 100 * np.asarray(want)
            ),
        ),
        Mistake(
            "There are F - 1 degrees of freedom, not F.",
            like=_compared(quantile=lambda n: special.stdtrit(n, 0.975)),
        ),
        Mistake(
            "2.5 % are left out at each end, so the quantile is that of 0.975, not of 0.95.",
            like=_compared(quantile=lambda n: special.stdtrit(n - 1, 0.95)),
        ),
        Mistake(
            "The standard deviation divides by F - 1 here: NumPy's std needs ddof=1.",
            like=_compared(error=lambda d: d.std() / len(d) ** 0.5),
        ),
        Mistake(
            "This is the spread of single forms. The error of their mean is smaller by the root "
            "of F.",
            like=_compared(error=lambda d: d.std(ddof=1)),
        ),
        Mistake(
            "The spread is divided by F: its root is wanted.",
            like=_compared(error=lambda d: d.std(ddof=1) / len(d)),
        ),
        Mistake(
            "Only the sizes of the differences are kept. Where B is better, the difference is "
            "negative.",
            like=_compared(
                lambda a, b, form: np.abs([(a - b)[form == f].mean() for f in np.unique(form)])
            ),
        ),
        Mistake(
            "The two readers are treated as if they had read different digits. They read the same "
            "ones: take the difference on each form, then its spread.",
            like=_unpaired,
        ),
        Mistake(
            "The difference has the wrong sign: it is right_a minus right_b.",
            like=lambda a, b, form: _compared()(b, a, form),
        ),
        Mistake(
            "low and high are swapped.",
            when=lambda args, got, want: np.allclose(
                [float(v) for v in got], [want[0], want[2], want[1]]
            ),
        ),
        Mistake(
            "low and high are distances from the difference: add and subtract them.",
            when=lambda args, got, want: np.allclose(
                [abs(float(v)) for v in got[1:]], (want[2] - want[1]) / 2
            ),
        ),
    ),
    hints=(
        "First one number for each form: the mean of right_a - right_b over its digits. From then "
        "on the digits are forgotten.",
        "The mean of these F numbers is the difference, and their standard deviation (ddof=1) "
        "over the root of F its standard error.",
        "The interval reaches stats.t.ppf(0.975, F - 1) standard errors to both sides.",
    ),
    notice="Four forms are four observations, however many digits stand on them.",
)

# ---- An ablation ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bench:
    """A make-believe experiment: what each tool brings, which pairs interact, what a seed does."""

    gains: dict[str, float]
    pair: float
    noise: int

    def __call__(self, chosen: Any, seed: int) -> float:
        names = list(chosen)
        unknown = [name for name in names if name not in self.gains]
        if unknown or len(set(names)) != len(names):
            raise ValueError(f"measure was asked for the tools {names}")
        order = list(self.gains)
        code = sum(2 ** order.index(name) for name in names)
        common = np.random.default_rng([self.noise, seed]).normal()
        own = np.random.default_rng([self.noise, seed, code]).normal()
        both = self.pair * (order[0] in names and order[-1] in names)
        return float(
            0.8 + sum(self.gains[name] for name in names) + both + 0.02 * common + 0.004 * own
        )


def _benches(rng: np.random.Generator) -> Iterator[tuple]:
    words = ["warp", "dropout", "schedule", "decay", "average"]
    for tools, seeds in ((2, 3), (3, 2), (4, 5), (5, 4)):
        names = words[:tools]
        gains = dict(zip(names, rng.normal(0.01, 0.02, size=tools).tolist()))
        bench = _Bench(gains, float(rng.uniform(0.02, 0.04)), int(rng.integers(10**6)))
        yield bench, names, (rng.permutation(100)[:seeds]).tolist()


def _measured(answer: Callable, bench: _Bench, tools: list, seeds: list) -> Any:
    """The table, and whether a setting was trained twice with one seed.

    Whoever takes tools out of the list itself gets a wrong table, and is told why: the table alone.
    """
    asked = count()

    def measure(chosen: Any, seed: int) -> float:
        next(asked)
        return bench(chosen, seed)

    given = list(tools)
    table = answer(measure, given, list(seeds))
    if table is None or table is ...:
        return table
    if given != list(tools):
        return (table,)
    return table, next(asked) > (len(tools) + 1) * len(seeds)


def _ablated(
    row: Callable | None = None,
    error: Callable = lambda full, less: (full - less).std(ddof=1) / len(full) ** 0.5,
    sign: float = 1.0,
) -> Callable:
    """The table; ``row`` gives the two settings that are compared, ``error`` the spread."""
    row = row or (lambda tools, i: (tools, tools[:i] + tools[i + 1 :]))

    def answer(measure: Callable, tools: list, seeds: list) -> np.ndarray:
        known: dict[tuple, np.ndarray] = {}

        def runs(chosen: Sequence[str]) -> np.ndarray:
            key = tuple(chosen)
            if key not in known:
                known[key] = np.array([measure(list(chosen), seed) for seed in seeds])
            return known[key]

        pairs = [tuple(map(runs, row(tools, i))) for i in range(len(tools))]
        return np.array([[sign * (a - b).mean(), error(a, b)] for a, b in pairs])

    return answer


def _unpaired_error(full: np.ndarray, less: np.ndarray) -> float:
    return float(np.sqrt((full.var(ddof=1) + less.var(ddof=1)) / len(full)))


def _table_like(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., bool]:
    def when(args: tuple, got: Any, want: Any) -> bool:
        return bool(np.allclose(np.asarray(got[0], float), change(np.asarray(want[0]))))

    return when


ABLATION = Exercise(
    id="project.ablation",
    level=2,
    call="ablation(measure, tools, seeds)",
    returns=("table (T, 2)", "trained twice"),
    example=(_Bench({"warp": 0.03, "dropout": -0.005}, 0.02, 1), ["warp", "dropout"], [0, 1, 2]),
    inputs=_benches,
    oracle=_ablated(),
    run=_measured,
    mistakes=(
        Mistake(
            "It changes the list tools itself, so a tool taken away is missing ever after: "
            "make a new list without the tool.",
            when=lambda args, got, want: len(got) == 1,
        ),
        Mistake(
            "The numbers are right, but measure is called too often: the runs of the full recipe "
            "serve every row.",
            when=lambda args, got, want: (
                bool(got[1]) and fault(want[0], got[0], ("table (T, 2)",), 1e-6) is None
            ),
        ),
        Mistake(
            "Each tool is compared with no tool at all. An ablation takes one tool away from the "
            "full recipe, since tools interact.",
            like=_ablated(lambda tools, i: ([tools[i]], [])),
        ),
        Mistake(
            "The tools are taken away one after another: put each back before the next is taken.",
            like=_ablated(lambda tools, i: (tools[i:], tools[i + 1 :])),
        ),
        Mistake(
            "The tools are added one after another: each row compares the full recipe with all but "
            "one tool.",
            like=_ablated(lambda tools, i: (tools[: i + 1], tools[:i])),
        ),
        Mistake(
            "The sign is reversed: a tool that helps gets a positive number, full minus without.",
            like=_ablated(sign=-1.0),
        ),
        Mistake(
            "The error is that of two unrelated sets of runs. Full and without share their seeds: "
            "take the difference for each seed, then its spread.",
            like=_ablated(error=_unpaired_error),
        ),
        Mistake(
            "The error is that of the runs without the tool alone: take the difference for each "
            "seed, then its spread.",
            like=_ablated(error=lambda full, less: less.std(ddof=1) / len(less) ** 0.5),
        ),
        Mistake(
            "The error is that of the full runs alone: take the difference for each seed, then its "
            "spread.",
            like=_ablated(error=lambda full, less: full.std(ddof=1) / len(full) ** 0.5),
        ),
        Mistake(
            "The spread is divided by the number of seeds: its root is wanted.",
            like=_ablated(error=lambda full, less: (full - less).std(ddof=1) / len(full)),
        ),
        Mistake(
            "The full recipe is compared with the tool alone. An ablation takes away this one tool "
            "and leaves all others.",
            like=_ablated(lambda tools, i: (tools, [tools[i]])),
        ),
        Mistake(
            "The second column is the standard deviation; the standard error is that over the root "
            "of the number of seeds.",
            like=_ablated(error=lambda full, less: (full - less).std(ddof=1)),
        ),
        Mistake(
            "The standard deviation divides by the number of seeds minus 1: NumPy's std needs "
            "ddof=1.",
            like=_ablated(error=lambda full, less: (full - less).std() / len(full) ** 0.5),
        ),
        Mistake(
            "The first column is the accuracy without the tool: subtract it from that of the full "
            "recipe.",
            like=lambda measure, tools, seeds: np.array(
                [
                    [
                        np.mean([measure([t for t in tools if t != tool], s) for s in seeds]),
                        _ablated()(measure, tools, seeds)[i, 1],
                    ]
                    for i, tool in enumerate(tools)
                ]
            ),
        ),
        Mistake(
            "Rows and columns are swapped: a tool is a row, with its mean and its error.",
            when=_table_like(lambda table: table.T),
        ),
        Mistake("The two columns are swapped.", when=_table_like(lambda table: table[:, ::-1])),
        Mistake(
            "The table is in percent: keep to shares from 0 to 1.",
            when=_table_like(lambda table: 100 * table),
        ),
    ),
    hints=(
        "Measure the full recipe once for each seed and keep these numbers: every row needs them.",
        "For a tool, measure the list of all others with the same seeds, and subtract seed by "
        "seed: len(seeds) differences.",
        "The row is the mean of these differences, and their std(ddof=1) over the root of "
        "len(seeds).",
    ),
    notice="Runs that share a seed share its luck, and the difference is free of it.",
)

# ---- A small network -----------------------------------------------------------------------------

NUMBERS, GOAL = 2500, 0.90  # what the network may store, and the share that it must read
FREE = 60  # numbers of its own that a module keeps besides its tensors


@cache
def _strangers() -> tuple[np.ndarray, np.ndarray]:
    """The digits of the two forms that the network has not seen."""
    from sklearn.datasets import load_digits  # takes a second to import, and is needed here only

    pixels, labels = load_digits(return_X_y=True)
    rows = slice(1029, 1287)  # forms 8 and 9
    return (pixels[rows] / 16).astype(np.float32).reshape(-1, 1, 8, 8), labels[rows]


_labels: dict[int, np.ndarray] = {}


def _fresh(rng: np.random.Generator) -> Iterator[tuple]:
    """A thousand of them, each a little turned and moved."""
    pictures, labels = _strangers()
    rows = rng.integers(len(labels), size=1000)
    a, b, c, d, e, f = torch.tensor(0.5 * rng.uniform(-1, 1, size=(6, len(rows))).astype("f4"))
    maps = torch.stack(
        [
            *((1 + 0.15 * b) * torch.cos(0.25 * a), 0.3 * c - torch.sin(0.25 * a), 0.2 * d),
            *(torch.sin(0.25 * a), (1 + 0.15 * e) * torch.cos(0.25 * a), 0.2 * f),
        ],
        dim=1,
    ).reshape(-1, 2, 3)
    chosen = torch.tensor(pictures[rows])
    grid = F.affine_grid(maps, list(chosen.shape), align_corners=False)
    X = F.grid_sample(chosen, grid, align_corners=False).reshape(-1, 64).numpy()
    _labels.clear()
    _labels[hash(X.tobytes())] = labels[rows]
    yield (X,)


def _scored(net: torch.nn.Module, X: torch.Tensor) -> tuple:
    kept = stored(net)
    net = net.to(X.device).eval()
    kinds = [p.dtype for p in net.parameters() if p.is_floating_point()]
    with torch.no_grad():
        return net(X.to(kinds[0]) if kinds else X), kept.tensors + max(0, kept.loose - FREE)


def _share(args: tuple, scores: Any) -> float | None:
    labels = _labels.get(hash(np.asarray(args[0]).tobytes()))
    if labels is None:  # the statement's example, which shows nothing but shapes
        return None
    return float(np.mean(np.asarray(scores).argmax(axis=1) == labels))


def _not_good_enough(args: tuple, got: Any, want: Any) -> str | None:
    scores, numbers = got
    if numbers > NUMBERS:
        return f"It stores {numbers:,} numbers, and {NUMBERS:,} are allowed, buffers included"
    if not np.isfinite(scores).all():
        return "Some scores are nan or infinite: did training diverge? A smaller learning rate?"
    share = _share(args, scores)
    if share is not None and share < GOAL:
        return (
            f"It reads {share:.1%} of 1,000 fresh digits of two strangers, and {GOAL:.0%} are "
            "asked for. Look at its accuracy on the forms that it learned from, with pixels from 0 "
            "to 1 as here: if that is high, it needs more varied digits; if not, train longer, on "
            "such pixels"
        )
    return None


def _poor(condition: Callable[[float, np.ndarray], bool]) -> Callable[[tuple, Any, Any], bool]:
    """A mistake of a network that keeps to its budget, and misses the mark."""

    def when(args: tuple, got: Any, want: Any) -> bool:
        if fault(want, got, SMALL_NETWORK.returns, None) or got[1] > NUMBERS:
            return False
        scores = np.asarray(got[0])
        share = _share(args, scores)
        finite = share is not None and bool(np.isfinite(scores).all())
        return finite and share < GOAL and bool(condition(share, scores))

    return when


SMALL_NETWORK = Exercise(
    id="project.small-network",
    level=3,
    call="reader(X)",
    returns=("scores (N, 10)", "stored numbers"),
    example=(np.zeros((3, 64), np.float32),),
    inputs=_fresh,
    oracle=torch.nn.Linear(64, 10),
    kinds=("torch",),
    takes="model",
    run=_scored,
    verify=_not_good_enough,
    seconds=3,
    mistakes=(
        Mistake(
            "It gives every digit the same class: was the network trained that you return?",
            when=_poor(lambda share, scores: np.ptp(scores.argmax(axis=1)) == 0),
        ),
        Mistake(
            "It is hardly better than guessing: was it trained, on pixels from 0 to 1, with the "
            "labels in the order of the digits?",
            when=_poor(lambda share, scores: share < 0.35),
        ),
    ),
    hints=(
        "A layer from 64 to M and one from M to 10 store 65 M + 10 (M + 1) numbers: how many "
        "hidden units fit into 2,500?",
        "1,029 digits of eight people are soon known by heart. Let the network see each of them "
        "in many versions: warped(X, y, copies=10), from the model solution (run its cell first).",
        "32 hidden units, ten warped copies, Adam with a one-cycle schedule up to 0.01, and about "
        "six epochs of fit with batches of 64.",
    ),
    notice="It stores 2,500 numbers where the nearest neighbor keeps 66,000, and that is what a "
    "network's training buys.",
)

EXERCISES = (BASELINE, SPLIT, COMPARE, ABLATION, SMALL_NETWORK)
