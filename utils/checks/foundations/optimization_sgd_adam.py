"""The exercises of Optimization: SGD to Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from utils.diagnosis import describe, fault
from utils.exercises.spec import Exercise, Mistake


def _bowl(rng: np.random.Generator, curvatures: np.ndarray) -> np.ndarray:
    """A symmetric matrix with these eigenvalues, turned at random."""
    turn, _ = np.linalg.qr(rng.normal(size=(len(curvatures),) * 2))
    a = turn @ np.diag(curvatures) @ turn.T
    return (a + a.T) / 2


def _bowls(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[4.0]]), 0.0
    yield np.array([[2.0, 1.0], [1.0, 2.0]]), 0.0
    yield np.diag([1.0, 100.0, 3.0]), 0.9
    yield np.array([[5.0, -3.0], [-3.0, 5.0]]), 0.25
    for n in (2, 3, 6):
        yield _bowl(rng, rng.uniform(0.1, 8, n)), float(rng.uniform(0.1, 0.99))


def _largest_rate(A: np.ndarray, beta: float) -> float:
    return 2 * (1 + beta) / float(np.linalg.eigvalsh(A)[-1])


LARGEST_RATE = Exercise(
    id="optimization-sgd-adam.largest-rate",
    level=1,
    call="largest_rate(A, beta)",
    returns=("rate",),
    example=(np.array([[1.0, 0.0], [0.0, 9.0]]), 0.5),
    inputs=_bowls,
    oracle=_largest_rate,
    mistakes=(
        Mistake(
            "Half of what is right: 1/L kills the error along the steepest direction in one step, "
            "and up to twice that it still shrinks.",
            like=lambda A, beta: _largest_rate(A, beta) / 2,
        ),
        Mistake(
            "This is the best rate without momentum, 2/(L + μ), not the largest that is stable.",
            like=lambda A, beta: float(2 / np.linalg.eigvalsh(A)[[0, -1]].sum()),
        ),
        Mistake(
            "It uses the flattest direction: what blows up first is the steepest, the largest "
            "eigenvalue.",
            like=lambda A, beta: 2 * (1 + beta) / float(np.linalg.eigvalsh(A)[0]),
        ),
        Mistake(
            "Right only without momentum: with it the limit is larger by the factor 1 + beta.",
            like=lambda A, beta: 2 / float(np.linalg.eigvalsh(A)[-1]),
        ),
        Mistake(
            "Momentum raises the limit by the factor 1 + beta; here it lowers it.",
            like=lambda A, beta: 2 * (1 - beta) / float(np.linalg.eigvalsh(A)[-1]),
        ),
        Mistake(
            "The factor is 1 + beta, not 1 / (1 - beta): by that the steps grow where all "
            "gradients agree, but at the limit they change sign each time.",
            like=lambda A, beta: 2 / (1 - beta) / float(np.linalg.eigvalsh(A)[-1]),
        ),
        Mistake(
            "(1 + sqrt(beta))² / L is where the fastest window ends; above it the error still "
            "shrinks, up to 2 (1 + beta) / L.",
            like=lambda A, beta: (1 + beta**0.5) ** 2 / float(np.linalg.eigvalsh(A)[-1]),
        ),
        Mistake(
            "It uses the root of the sum of all squared entries, which is what np.linalg.norm(A) "
            "gives; what counts is the largest eigenvalue.",
            like=lambda A, beta: 2 * (1 + beta) / float(np.linalg.norm(A)),
        ),
        Mistake(
            "It uses the largest entry of the diagonal: off the axes a bowl may be steeper. "
            "What counts is the largest eigenvalue.",
            like=lambda A, beta: 2 * (1 + beta) / float(A.diagonal().max()),
        ),
        Mistake(
            "It uses the sum of all eigenvalues, the trace; what counts is the largest.",
            like=lambda A, beta: 2 * (1 + beta) / float(np.trace(A)),
        ),
    ),
    hints=(
        "Without momentum, the error along an eigenvector with eigenvalue λ is multiplied by "
        "1 - rate · λ in each step. Which eigenvalue makes this less than -1 first?",
        "With momentum the error e obeys e_next = (1 + beta - rate · λ) e - beta e_before. At the "
        "limit it flips its sign in every step: put in e_before = -1, e = 1, e_next = -1.",
        "np.linalg.eigvalsh(A) returns the eigenvalues in rising order. The limit is "
        "2 (1 + beta) / λ for the largest.",
    ),
    notice="Only the steepest direction sets the limit; all flatter ones must wait for it.",
)


def _gradients(rng: np.random.Generator) -> Iterator[tuple]:
    yield [np.array([0.3, -0.4])], 0.5
    yield [np.array([0.3, -0.4])], 0.2
    yield [np.zeros((2, 3)), np.zeros(2)], 1.0
    yield [np.array([3.0, 4.0]), np.array([[12.0]])], 1.0
    yield [np.array([-6.0]), np.array([0.1, 0.2])], 5.0
    for limit in (0.5, 2.0, 100.0):
        yield [rng.normal(size=s) for s in ((4, 3), 4, (2, 4), 2)], limit


def _norm(grads: list[np.ndarray]) -> float:
    return float(np.sqrt(sum((g**2).sum() for g in grads)))


def _scaled(factor: Callable[[float, float], float]) -> Callable[..., list[np.ndarray]]:
    """All gradients times factor(norm, limit)."""

    def clipped(grads: list[np.ndarray], limit: float) -> list[np.ndarray]:
        f = factor(_norm(grads), limit)
        return [f * g for g in grads]

    return clipped


def _by_torch(grads: list[np.ndarray], limit: float) -> list[np.ndarray]:
    """PyTorch adds 1e-6 to the norm; in units in which the norm is large this vanishes."""
    size = 1e8 / max(_norm(grads), 1e-30)
    params = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
    for p, g in zip(params, grads):
        p.grad = torch.tensor(g * size)
    torch.nn.utils.clip_grad_norm_(params, limit * size)
    return [p.grad.numpy() / size for p in params]


CLIP = Exercise(
    id="optimization-sgd-adam.clip",
    level=1,
    call="clip(grads, limit)",
    returns=("clipped",),
    example=([np.array([3.0]), np.array([0.0, 4.0])], 1.0),
    inputs=_gradients,
    oracle=_by_torch,
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "Each array is clipped by its own norm: take one norm over all arrays, so that the "
            "direction of the whole gradient stays.",
            like=lambda grads, limit: [
                _scaled(lambda n, c: min(1, c / max(n, 1e-30)))([g], limit)[0] for g in grads
            ],
        ),
        Mistake(
            "Each entry is clipped: that turns the gradient. Multiply all of it by one factor.",
            like=lambda grads, limit: [np.clip(g, -limit, limit) for g in grads],
        ),
        Mistake(
            "A gradient that is short enough must stay as it is; here it is scaled up.",
            like=_scaled(lambda n, c: c / max(n, 1e-30)),
        ),
        Mistake(
            "The norm lacks its root: it is the root of the sum of all squares.",
            like=_scaled(lambda n, c: min(1.0, c / max(n**2, 1e-30))),
        ),
        Mistake(
            "Long gradients get length 1, whatever the limit: the factor is limit / norm.",
            like=_scaled(lambda n, c: 1 / n if n > c else 1.0),
        ),
        Mistake(
            "The sum of the arrays' norms is not the norm of the whole gradient: squares add up, "
            "lengths don't.",
            like=lambda grads, limit: [
                g * min(1.0, limit / max(sum(_norm([h]) for h in grads), 1e-30)) for g in grads
            ],
        ),
        Mistake(
            "The norm is taken over magnitudes; the Euclidean one is the root of the sum of "
            "squares.",
            like=lambda grads, limit: [
                g * min(1.0, limit / max(sum(np.abs(h).sum() for h in grads), 1e-30)) for g in grads
            ],
        ),
        Mistake(
            "A gradient that is too long becomes zero: it should keep its direction, with the "
            "length of the limit.",
            like=_scaled(lambda n, c: float(n <= c)),
        ),
    ),
    hints=(
        "One norm for everything: the root of the sum of the squares of all entries of all arrays.",
        "If the norm is at most the limit, nothing changes. Otherwise every array is multiplied by "
        "limit / norm.",
        "norm = sum((g**2).sum() for g in grads) ** 0.5. Compare before you divide, and a gradient "
        "of zeros does no harm.",
    ),
    notice="Clipping shortens a step and never turns it, which is why one norm is taken over all "
    "arrays.",
)


def _examples(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[1.0], [5.0]]), 2
    yield np.array([[2.0, -1.0], [2.0, -1.0], [2.0, -1.0]]), 2
    yield np.array([[0.0, 1.0], [2.0, 1.0], [4.0, -2.0], [6.0, 0.0]]), 1
    for n, p, b in ((5, 3, 4), (6, 2, 3), (9, 4, 2), (8, 1, 5)):
        yield rng.normal(1.0, 2.0, size=(n, p)), b


def _noise(G: np.ndarray, B: int, *, shrink: bool = True, sample: bool = False) -> float:
    n = len(G)
    trace = float(((G - G.mean(axis=0)) ** 2).sum() / (n - 1 if sample else n))
    return trace / B * ((n - B) / (n - 1) if shrink else 1)


BATCH_NOISE = Exercise(
    id="optimization-sgd-adam.batch-noise",
    level=2,
    call="batch_noise(G, B)",
    returns=("noise",),
    example=(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 6.0], [2.0, 6.0]]), 2),
    inputs=_examples,
    oracle=_noise,
    mistakes=(
        Mistake(
            "This is for examples drawn with replacement: without it the noise is smaller by "
            "(N - B) / (N - 1), and vanishes at B = N.",
            like=lambda G, B: _noise(G, B, shrink=False),
        ),
        Mistake(
            "The factor is (N - B) / N, and should be (N - 1) below: a batch of one has the full "
            "variance.",
            like=lambda G, B: _noise(G, B, shrink=False) * (len(G) - B) / len(G),
        ),
        Mistake(
            "The covariance is divided by N - 1: these N examples are the whole set, so its mean "
            "is divided by N.",
            like=lambda G, B: _noise(G, B, sample=True),
        ),
        Mistake(
            "This is the variance with N - 1, divided by B: it lacks the factor (N - B) / N, since "
            "no example comes twice.",
            like=lambda G, B: _noise(G, B, shrink=False, sample=True),
        ),
        Mistake(
            "The mean is not subtracted: noise is the deviation from the full gradient.",
            like=lambda G, B: float((G**2).sum(axis=1).mean()) / B * (len(G) - B) / (len(G) - 1),
        ),
        Mistake(
            "G.mean() is one number; the mean gradient has an entry for each parameter: "
            "G.mean(axis=0).",
            like=lambda G, B: (
                float(((G - G.mean()) ** 2).sum()) / len(G) / B * (len(G) - B) / (len(G) - 1)
            ),
        ),
        Mistake(
            "The mean is taken over the parameters of each example: it is over the examples, "
            "G.mean(axis=0).",
            like=lambda G, B: (
                float(((G - G.mean(axis=1, keepdims=True)) ** 2).sum(axis=1).mean())
                * (len(G) - B)
                / (B * (len(G) - 1))
            ),
        ),
        Mistake(
            "The division by B is missing: averaging B gradients makes the variance smaller.",
            like=lambda G, B: _noise(G, B) * B,
        ),
        Mistake(
            "It falls like the root of B: that is the size of the deviation, not its square.",
            like=lambda G, B: _noise(G, B) * np.sqrt(B),
        ),
        Mistake(
            "This is the root of the noise: the mean square is asked for.",
            like=lambda G, B: np.sqrt(_noise(G, B)),
        ),
        Mistake(
            "The parameters are averaged: the squared length of a deviation is a sum over them.",
            like=lambda G, B: _noise(G, B) / G.shape[1],
        ),
        Mistake(
            "Divided by B twice: the noise falls like 1/B.",
            like=lambda G, B: _noise(G, B) / B,
        ),
        Mistake(
            "The squared deviations of the examples are summed; their mean is asked for.",
            like=lambda G, B: _noise(G, B) * len(G),
        ),
    ),
    hints=(
        "Begin with B = 1: the mean over the examples of the squared length of their deviation "
        "from the mean gradient. That is tr Σ.",
        "For independent draws the variance of a mean is tr Σ / B. Here the same example cannot be "
        "drawn twice, and at B = N there is nothing left to chance: which factor is 1 at B = 1 and "
        "0 at B = N, and linear between?",
        "deviation = G - G.mean(axis=0); noise = (deviation**2).sum(axis=1).mean() / B, times "
        "(N - B) / (N - 1).",
    ),
    notice="An epoch without replacement has less noise than independent draws, but for B much "
    "smaller than N the two are the same.",
)


def _ams(
    w: Any,
    m: Any,
    v: Any,
    top: Any,
    g: Any,
    t: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple:
    p = torch.tensor(w, requires_grad=True)
    options = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "amsgrad": True, "foreach": False}
    optimizer = torch.optim.Adam([p], **options)
    optimizer.state[p] = {
        "step": torch.tensor(float(t - 1)),
        "exp_avg": torch.tensor(m),
        "exp_avg_sq": torch.tensor(v),
        "max_exp_avg_sq": torch.tensor(top),
    }
    p.grad = torch.tensor(g)
    optimizer.step()
    kept = optimizer.state[p]
    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    return p.detach().numpy(), *(kept[name].numpy() for name in names)


def _ams_cases(rng: np.random.Generator) -> Iterator[tuple]:
    zero = np.zeros(3)
    yield (
        np.array([1.0, -2.0, 0.5]),
        zero,
        zero,
        zero,
        np.array([0.5, -3.0, 1e-3]),
        1,
        0.1,
        0.9,
        0.99,
        1e-8,
    )
    for t, beta1, beta2, eps in ((2, 0.8, 0.95, 0.3), (7, 0.9, 0.5, 0.1), (40, 0.5, 0.9, 0.2)):
        w, m, g = rng.normal(size=(3, 4))
        v = rng.uniform(0.1, 2, 4)
        top = v + np.array([0.0, 0.5, 1.5, 0.0]) * rng.uniform(0.5, 1, 4)
        g[0] += 3 * np.sign(g[0])  # here the new v is the larger one
        yield w, m, v, top, g, t, float(rng.uniform(0.1, 0.9)), beta1, beta2, eps
    w, m, g = rng.normal(size=(3, 2, 3))
    yield w, m, np.full((2, 3), 0.4), np.full((2, 3), 0.9), g, 3, 0.2, 0.7, 0.8, 0.05


def _ams_like(
    *,
    root: Callable[[Any, Any], Any] = lambda v, top: top,
    first: bool = True,
    second: bool = True,
    late: int = 0,
    inside: bool = False,
    sign: float = 1.0,
    fresh: bool = True,
    keep: Callable[[Any, Any, float], Any] = lambda v, top, c: np.maximum(v, top),
    square: bool = True,
    rate: bool = True,
    rooted: bool = True,
    outside: bool = False,
    hats: bool = False,
) -> Callable[..., tuple]:
    """AMSGrad with something changed."""

    def step(
        w: Any,
        m: Any,
        v: Any,
        top: Any,
        g: Any,
        t: int,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> tuple:
        m1 = beta1 * m + (1 - beta1) * g
        v1 = beta2 * v + (1 - beta2) * (g * g if square else g)
        t += late
        c1 = 1 - beta1**t if first else 1.0
        c2 = 1 - beta2**t if second else 1.0
        top1 = keep(v1, top, c2)
        under = np.maximum(root(v1, top1) / c2, 0)
        if outside:
            under = (np.sqrt(under * c2) + eps) / np.sqrt(c2)
        elif inside:
            under = np.sqrt(under + eps)
        else:
            under = (np.sqrt(under) if rooted else under) + eps
        move = (m1 if fresh else g) / c1 / under
        return w - sign * (lr if rate else 1.0) * move, m1 / c1 if hats else m1, v1, top1

    return step


AMSGRAD = Exercise(
    id="optimization-sgd-adam.amsgrad",
    level=2,
    call="amsgrad_step(w, m, v, top, g, t, lr, beta1, beta2, eps)",
    returns=("w", "m", "v", "top"),
    example=(
        np.array([1.0, 1.0]),
        np.array([0.0, 0.0]),
        np.array([0.0, 4.0]),
        np.array([0.0, 9.0]),
        np.array([2.0, 2.0]),
        2,
        0.1,
        0.5,
        0.5,
        0.0,
    ),
    inputs=_ams_cases,
    oracle=_ams,
    mistakes=(
        Mistake(
            "This is Adam: divide by the root of top, the largest v so far, not of v.",
            like=_ams_like(root=lambda v, top: v),
        ),
        Mistake(
            "The bias corrections are missing: divide m by 1 - beta1**t, and what stands under the "
            "root by 1 - beta2**t.",
            like=_ams_like(first=False, second=False),
        ),
        Mistake(
            "The correction of m is missing: divide it by 1 - beta1**t.",
            like=_ams_like(first=False),
        ),
        Mistake(
            "The correction under the root is missing: divide top by 1 - beta2**t there.",
            like=_ams_like(second=False),
        ),
        Mistake(
            "t already counts this step: the corrections use t, not t + 1.",
            like=_ams_like(late=1),
        ),
        Mistake(
            "eps stands beside the root, not under it: sqrt(…) + eps.",
            like=_ams_like(inside=True),
        ),
        Mistake(
            "The root is missing: divide by sqrt(…) + eps, the root of the corrected top.",
            like=_ams_like(rooted=False),
        ),
        Mistake(
            "eps is added before the correction: first divide top by 1 - beta2**t and take the "
            "root, then add eps.",
            like=_ams_like(outside=True),
        ),
        Mistake(
            "The m that is returned is the corrected one: keep the running mean as it is, and "
            "correct a copy for the step.",
            like=_ams_like(hats=True),
        ),
        Mistake("The step goes uphill: subtract it.", like=_ams_like(sign=-1.0)),
        Mistake(
            "The step walks along g: it should walk along m, corrected.",
            like=_ams_like(fresh=False),
        ),
        Mistake(
            "top is compared with the corrected v: PyTorch keeps the largest v as it is, and "
            "corrects afterwards.",
            like=_ams_like(keep=lambda v, top, c: np.maximum(v / c, top)),
        ),
        Mistake(
            "top is the larger of top and the new v, entry by entry; here it is the smaller.",
            like=_ams_like(keep=lambda v, top, c: np.minimum(v, top)),
        ),
        Mistake(
            "top is not renewed: compare it with the new v before you divide.",
            like=_ams_like(keep=lambda v, top, c: top),
        ),
        Mistake(
            "top becomes v in all entries: take the larger of the two, entry by entry.",
            like=_ams_like(keep=lambda v, top, c: v),
        ),
        Mistake("v averages the squares of g, entry by entry.", like=_ams_like(square=False)),
        Mistake("The learning rate is missing.", like=_ams_like(rate=False)),
    ),
    hints=(
        "First Adam's two running means: m with beta1 from g, v with beta2 from g * g.",
        "Then top becomes the larger of top and the new v, entry by entry: np.maximum.",
        "m_hat = m / (1 - beta1**t), and the divisor is np.sqrt(top / (1 - beta2**t)) + eps.",
    ),
    notice="One array more, and the divisor can no longer shrink after a rare large gradient.",
)


KAPPAS = (1.0, 30.0, 1000.0, 10_000.0)


@dataclass(frozen=True)
class _Slope:
    """A bowl with its minimum at `goal`, of which an answer sees the gradient only."""

    A: np.ndarray
    goal: np.ndarray


def _races(rng: np.random.Generator) -> Iterator[tuple]:
    for kappa, n in zip(KAPPAS, (1, 5, 40, 60)):
        mu = float(rng.uniform(0.2, 3))
        curvatures = mu * np.geomspace(1, kappa, n)
        goal = rng.normal(size=n)
        start = goal + rng.normal(size=n)
        yield _Slope(_bowl(rng, curvatures), goal), start, mu, mu * kappa


def _budget(kappa: float) -> int:
    return 20 + int(20 * np.sqrt(kappa))


def _arrive(answer: Callable, bowl: _Slope, start: np.ndarray, mu: float, L: float) -> Any:
    """Where it arrives, how often it asked for a gradient, and the distance left."""
    calls, first = [0], float(np.linalg.norm(start - bowl.goal))

    def gradient(w: np.ndarray) -> np.ndarray:
        calls[0] += 1
        return bowl.A @ (np.asarray(w, dtype=float) - bowl.goal)

    found = answer(gradient, start, mu, L)
    if found is None or found is ...:
        return found
    if not isinstance(found, np.ndarray):
        raise TypeError(
            f"minimize must return one array of shape {start.shape}, like start; "
            f"it returned {describe(found)}"
        )
    if found.shape != start.shape or found.dtype.kind != "f":
        return found, calls[0], 1.0
    return found, calls[0], float(np.linalg.norm(found - bowl.goal)) / first


def _momentum(
    gradient: Callable, start: np.ndarray, mu: float, L: float, rooted: bool = True
) -> np.ndarray:
    power = np.sqrt(L / mu) if rooted else L / mu
    root = (power - 1) / (power + 1)
    w, m = start.copy(), np.zeros_like(start)
    for _ in range(_budget(L / mu)):
        m = root**2 * m + gradient(w)
        w = w - (1 - root) ** 2 / mu * m
    return w


def _too_far(args: tuple, got: Any, want: Any) -> str | None:
    start, mu, L = args[1:]
    calls, left, most = int(got[1]), float(got[2]), _budget(L / mu)
    where = f"κ = {L / mu:,.0f}, {len(start)} parameters"
    if calls > most:
        return f"{where}: the gradient is asked for {calls} times, and {most} are allowed."
    if not left <= 1e-5:
        return (
            f"{where}: after {calls} of {most} gradients the distance to the minimum is "
            f"{left:.1g} of the first, and 1e-5 is asked for."
        )
    return None


def _plain(rate: Callable[[float, float], float]) -> Callable:
    def descend(gradient: Callable, start: np.ndarray, mu: float, L: float) -> np.ndarray:
        w = start.copy()
        for _ in range(_budget(L / mu)):
            w = w - rate(mu, L) * gradient(w)
        return w

    return descend


def _went(answer: Callable) -> Callable[[tuple, Any, Any], bool]:
    """Whether it arrives where this answer does."""

    def same(args: tuple, got: Any, want: Any) -> bool:
        with np.errstate(all="ignore"):
            other = _arrive(answer, *args)
        value = got[0] if isinstance(got, tuple) and got else None
        return args[3] > args[2] and fault(other[0], value, ("w",), 1e-6) is None

    return same


BUDGET = Exercise(
    id="optimization-sgd-adam.budget",
    level=3,
    call="minimize(gradient, start, mu, L)",
    returns=("w (D,)", "calls of gradient", "distance left"),
    example=(_Slope(np.diag([1.0, 9.0]), np.array([2.0, -1.0])), np.zeros(2), 1.0, 9.0),
    inputs=_races,
    oracle=_momentum,
    run=_arrive,
    verify=_too_far,
    mistakes=(
        Mistake(
            "This is gradient descent with its best rate, 2/(L + μ): it needs steps in proportion "
            "to κ, and the budget grows with its root. It takes momentum, or something better.",
            when=_went(_plain(lambda mu, L: 2 / (L + mu))),
        ),
        Mistake(
            "This is gradient descent with the rate 1/L: it needs steps in proportion to κ, and "
            "the budget grows with its root.",
            when=_went(_plain(lambda mu, L: 1 / L)),
        ),
        Mistake(
            "sqrt(beta) is (√κ - 1) / (√κ + 1); here it is (κ - 1) / (κ + 1), which forgets too "
            "slowly.",
            when=_went(lambda *args: _momentum(*args, rooted=False)),
        ),
        Mistake(
            "It blows up: is the rate above the limit of the steepest direction, 2/L, or "
            "2 (1 + β) / L with momentum?",
            when=lambda args, got, want: isinstance(got, tuple) and len(got) == 3 and got[2] > 1e3,
        ),
    ),
    hints=(
        "Gradient descent needs about κ/2 · ln(1/error) steps, κ = L/mu. Which method of this "
        "topic needs the root of κ?",
        "Momentum with root = (sqrt(κ) - 1) / (sqrt(κ) + 1), beta = root**2 and the rate "
        "(1 - root)**2 / mu shrinks the error by the factor root a step, apart from a start in "
        "which it may grow.",
        "In each step m = beta * m + gradient(w), and w = w - rate * m: one call a step. For κ = 1 "
        "the rate is 1/mu and beta is 0.",
    ),
    notice="With only gradients to go by, about √κ steps are the best that any method can promise "
    "on a bowl of many dimensions.",
)

EXERCISES = (LARGEST_RATE, CLIP, BATCH_NOISE, AMSGRAD, BUDGET)
