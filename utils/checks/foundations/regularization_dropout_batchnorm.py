"""The exercises of Regularization: dropout, batch norm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch

from utils.data import load
from utils.exercises.spec import Exercise, Mistake

# ---------------------------------------------------------------- inverted-dropout


def _units(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([[2.0, -3.0]]), np.array([[0.5, 0.0]]), 0.0, np.array([[1.0, 4.0]])
    yield np.array([[2.0, 1.0, -3.0]]), np.array([[0.1, 0.3, 0.2]]), 0.9, np.array([[1.0, 4.0, 5]])
    for shape, p in (((4, 3), 0.25), ((2, 6), 0.5), ((5, 4), 0.8), ((3, 7), 0.1)):
        a, g = rng.normal(size=shape), rng.normal(size=shape)
        yield a, rng.uniform(size=shape), p, g


def _thinned(
    kept: Callable = lambda u, p: u >= p,
    factor: Callable = lambda p: 1 / (1 - p),
    back: Callable | None = None,
    mask_back: bool = True,
) -> Callable[..., tuple]:
    """Inverted dropout; each argument replaces one of its parts by a mistake."""

    def answer(a: np.ndarray, u: np.ndarray, p: float, g: np.ndarray) -> tuple:
        mask = kept(u, p)
        return a * mask * factor(p), g * (mask if mask_back else 1) * (back or factor)(p)

    return answer


INVERTED = Exercise(
    id="regularization-dropout-batchnorm.inverted-dropout",
    level=1,
    call="inverted_dropout(a, u, p, g)",
    returns=("y (N, M)", "da (N, M)"),
    example=(
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[0.1, 0.7], [0.9, 0.4]]),
        0.5,
        np.array([[1.0, 1.0], [2.0, 2.0]]),
    ),
    inputs=_units,
    oracle=_thinned(),
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "A unit whose number is exactly p is dropped: it is kept where u is at least p.",
            like=_thinned(kept=lambda u, p: u > p),
        ),
        Mistake(
            "It keeps with probability p: p is the probability to be dropped.",
            like=_thinned(kept=lambda u, p: u < p),
        ),
        Mistake(
            "It keeps with probability p, and divides by p: p is the probability to be dropped.",
            like=_thinned(kept=lambda u, p: u < p, factor=lambda p: 1 / p if p else 0.0),
        ),
        Mistake(
            "The kept units are not scaled: divide them by 1 - p, so that the mean stays.",
            like=_thinned(factor=lambda p: 1.0),
        ),
        Mistake(
            "The kept units are multiplied by 1 - p, not divided by it.",
            like=_thinned(factor=lambda p: 1 - p),
        ),
        Mistake(
            "The kept units are divided by p: divide by 1 - p, the probability to be kept.",
            like=_thinned(factor=lambda p: 1 / p if p else 1.0),
        ),
        Mistake(
            "y is right. The gradient lacks the factor 1/(1 - p), which is in the forward pass.",
            like=_thinned(back=lambda p: 1.0),
        ),
        Mistake(
            "y is right. The gradient goes through the dropped units too: they did not act, so "
            "nothing returns to them.",
            like=_thinned(mask_back=False),
        ),
        Mistake(
            "y is right. The gradient is multiplied by a as well: y is a times a factor, so its "
            "derivative by a is that factor alone.",
            like=lambda a, u, p, g: (a * (u >= p) / (1 - p), g * a * (u >= p) / (1 - p)),
        ),
        Mistake(
            "y is right. The gradient has the factor 1/(1 - p) twice.",
            like=_thinned(back=lambda p: 1 / (1 - p) ** 2),
        ),
        Mistake(
            "Other units are dropped than u says: draw nothing yourself, keep those with u >= p.",
            when=lambda args, got, want: (
                got[0].shape == want[0].shape and bool(np.any((got[0] == 0) != (want[0] == 0)))
            ),
        ),
        Mistake(
            "y is right. The gradient has neither mask nor factor: y = a · mask / (1 - p), so its "
            "derivative by a is mask / (1 - p).",
            like=_thinned(back=lambda p: 1.0, mask_back=False),
        ),
    ),
    hints=(
        "mask = u >= p is true with probability 1 - p: those units are kept.",
        "The expectation of mask is 1 - p, so a * mask / (1 - p) has the expectation a.",
        "In the backward pass a is only multiplied by mask / (1 - p): da = g * mask / (1 - p).",
    ),
    notice="With the division in training, nothing has to be done in evaluation: that is why it is "
    "called inverted.",
)

# ---------------------------------------------------------------- elastic-step


def _steps(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.array([2.0]), np.array([0.0]), 0.5, 1.0, 0.0
    yield np.array([0.2, -0.2, 0.0]), np.array([0.0, 0.0, 0.3]), 0.5, 1.0, 0.0
    yield np.array([1.0, -1.0]), np.array([0.5, 0.5]), 0.1, 0.0, 2.0
    # the gradient step turns the sign, or leads away from 0
    yield np.array([0.5, -0.2, 0.0]), np.array([4.0, -3.0, 2.0]), 0.5, 0.5, 0.5
    for n in (3, 6, 15):
        for eta, l1, l2 in ((0.1, 2.0, 0.5), (0.5, 0.6, 1.5)):
            yield rng.normal(size=n), rng.normal(size=n), eta, l1, l2


def _elastic(
    threshold: Callable = lambda eta, l1, l2: eta * l1,
    scale: Callable = lambda eta, l2: 1 + eta * l2,
    sign: float = -1.0,
    end: Callable = lambda v, tau: np.sign(v) * np.maximum(np.abs(v) - tau, 0),
    scale_first: bool = False,
    in_gradient: bool = False,
) -> Callable[..., np.ndarray]:
    """A proximal step for both penalties; each argument replaces one part by a mistake."""

    def answer(w: np.ndarray, g: np.ndarray, eta: float, l1: float, l2: float) -> np.ndarray:
        g = g + l2 * w if in_gradient else g
        v, tau = w + sign * eta * g, threshold(eta, l1, l2)
        if scale_first:
            return end(v / scale(eta, l2), tau)
        return end(v, tau) / scale(eta, l2)

    return answer


ELASTIC = Exercise(
    id="regularization-dropout-batchnorm.elastic-step",
    level=2,
    call="elastic_step(w, g, eta, l1, l2)",
    returns=("w (D,)",),
    example=(np.array([1.0, 0.3, -2.0]), np.array([1.0, 0.0, -1.0]), 0.5, 0.8, 1.0),
    inputs=_steps,
    oracle=_elastic(),
    kinds=("numpy", "torch"),
    mistakes=(
        Mistake(
            "The threshold is λ₁ itself: a step of length η has the threshold η λ₁.",
            like=_elastic(threshold=lambda eta, l1, l2: l1),
        ),
        Mistake("The step goes along the gradient, uphill: subtract η g.", like=_elastic(sign=1.0)),
        Mistake(
            "There is no threshold: weights that are small enough must become 0.",
            like=_elastic(threshold=lambda eta, l1, l2: 0.0),
        ),
        Mistake(
            "Weights smaller than the threshold change their sign: stop at 0.",
            like=_elastic(end=lambda v, tau: np.sign(v) * (np.abs(v) - tau)),
        ),
        Mistake(
            "This is the hard threshold: weights beyond it must get shorter by η λ₁ as well.",
            like=_elastic(end=lambda v, tau: v * (np.abs(v) > tau)),
        ),
        Mistake(
            "Negative weights are all cut off: the threshold works on the size, and the sign is "
            "put back.",
            like=_elastic(end=lambda v, tau: np.maximum(v - tau, 0)),
        ),
        Mistake(
            "The L2 penalty has no effect: divide by 1 + η λ₂.",
            like=_elastic(scale=lambda eta, l2: 1.0),
        ),
        Mistake(
            "The division is not by 1 + η λ₂: the step has length η, and ½ η λ₂ x² has the "
            "derivative η λ₂ x.",
            like=_elastic(scale=lambda eta, l2: 1 + l2),
        ),
        Mistake(
            "The division comes before the threshold: with the kink still to come, it has to come "
            "after.",
            like=_elastic(scale_first=True),
        ),
        Mistake(
            "λ₂ w is added to the gradient: here L2 stands in what is minimized after the gradient "
            "step, and divides by 1 + η λ₂.",
            like=_elastic(scale=lambda eta, l2: 1.0, in_gradient=True),
        ),
        Mistake(
            "λ₁ sign(w) is added to the gradient, so no weight becomes 0 and stays there: the "
            "proximal step shortens v, and stops at 0.",
            like=lambda w, g, eta, l1, l2: w - eta * (g + l1 * np.sign(w) + l2 * w),
        ),
        Mistake(
            "The sign is lost: put it back after the size has been shortened.",
            like=_elastic(end=lambda v, tau: np.maximum(np.abs(v) - tau, 0)),
        ),
        Mistake(
            "The sign is that of w: take that of v, which the gradient step may have turned.",
            like=lambda w, g, eta, l1, l2: np.sign(w) * np.abs(_elastic()(w, g, eta, l1, l2)),
        ),
        Mistake(
            "The threshold comes before the gradient step: the other way round.",
            like=lambda w, g, eta, l1, l2: (
                (np.sign(w) * np.maximum(np.abs(w) - eta * l1, 0) - eta * g) / (1 + eta * l2)
            ),
        ),
        Mistake(
            "The gradient step has the length 1: v = w - η g.",
            like=lambda w, g, eta, l1, l2: _elastic()(w, g / eta, eta, l1, l2),
        ),
        Mistake(
            "λ₁ and λ₂ are exchanged.",
            like=lambda w, g, eta, l1, l2: _elastic()(w, g, eta, l2, l1),
        ),
        Mistake(
            "It divides by 1 + ½ η λ₂: the derivative of ½ η λ₂ x² is η λ₂ x.",
            like=_elastic(scale=lambda eta, l2: 1 + eta * l2 / 2),
        ),
        Mistake(
            "It multiplies by 1 - η λ₂, a gradient step: the minimum divides by 1 + η λ₂.",
            like=_elastic(scale=lambda eta, l2: 1 / (1 - eta * l2) if eta * l2 != 1 else np.inf),
        ),
    ),
    hints=(
        "First v = w - η g. Then each entry on its own: minimize ½(x - v)² + η λ₁|x| + ½ η λ₂ x².",
        "Where x > 0 the derivative is x - v + η λ₁ + η λ₂ x = 0, so x = (v - η λ₁) / (1 + η λ₂), "
        "as long as that is positive.",
        "Soft threshold of v by η λ₁, then divided by 1 + η λ₂.",
    ),
    notice="Both penalties at once are called the elastic net: zeros from the one, and a calmer "
    "choice among inputs that say the same from the other.",
)

# ---------------------------------------------------------------- decoupled-step

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def _momenta(rng: np.random.Generator) -> Iterator[tuple]:
    zero = np.zeros(2)
    yield np.array([3.0, -2.0]), zero, zero, zero, 1, 0.1, 0.5  # nothing but decay
    yield np.array([3.0, -2.0]), np.array([0.1, 7.0]), zero, zero, 1, 0.01, 0.0
    # gradients so small that it matters where epsilon stands
    yield np.array([1.0, -1.0]), np.array([1e-5, 2e-6]), zero, zero, 1, 0.1, 0.2
    for n, t in ((1, 2), (3, 5), (7, 40), (4, 3)):
        w, g, m = rng.normal(size=(3, n))
        yield 5 * w, g, m, rng.uniform(0.5, 2, size=n), t, 0.1, 0.7


def _adam(
    decayed: Callable = lambda w, new, eta, lam: new - eta * lam * w,
    inside: float = 0.0,
    correct: tuple[bool, bool] = (True, True),
    eps_inside: bool = False,
    give_hats: bool = False,
    ahead: int = 0,
    root: Callable = np.sqrt,
) -> Callable[..., tuple]:
    """AdamW's step; each argument replaces one of its parts by a mistake."""

    def answer(
        w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, eta: float, lam: float
    ) -> tuple:
        g = g + inside * lam * w
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g**2
        m_hat = m / (1 - BETA1 ** (t + ahead)) if correct[0] else m
        v_hat = v / (1 - BETA2 ** (t + ahead)) if correct[1] else v
        below = np.sqrt(v_hat + EPS) if eps_inside else root(v_hat) + EPS
        w = decayed(w, w - eta * m_hat / below, eta, lam)
        return (w, m_hat, v_hat) if give_hats else (w, m, v)

    return answer


def _torch_adamw(
    w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, eta: float, lam: float
) -> tuple:
    """The library's step, with its state set by hand."""
    weights = torch.tensor(w, requires_grad=True)
    adam = torch.optim.AdamW([weights], lr=eta, weight_decay=lam, foreach=False)
    weights.grad = torch.tensor(g)
    state = {"step": torch.tensor(float(t - 1)), "exp_avg": torch.tensor(m)}
    adam.state[weights] = {**state, "exp_avg_sq": torch.tensor(v)}
    adam.step()
    after = adam.state[weights]
    return weights.detach().numpy(), after["exp_avg"].numpy(), after["exp_avg_sq"].numpy()


DECOUPLED = Exercise(
    id="regularization-dropout-batchnorm.decoupled-step",
    level=2,
    call="decoupled_step(w, g, m, v, t, eta, lam)",
    returns=("w (D,)", "m (D,)", "v (D,)"),
    example=(np.ones(2), np.array([10.0, 0.1]), np.zeros(2), np.zeros(2), 1, 0.1, 0.1),
    inputs=_momenta,
    oracle=_torch_adamw,
    mistakes=(
        Mistake(
            "λw is added to the gradient: that is Adam with an L2 penalty, and it is divided by "
            "the root of v.",
            like=_adam(decayed=lambda w, new, eta, lam: new, inside=1.0),
        ),
        Mistake(
            "λw is added to the gradient, and the weights decay besides: once is enough.",
            like=_adam(inside=1.0),
        ),
        Mistake(
            "The weights do not decay: they must get shorter by η λ w.",
            like=_adam(decayed=lambda w, new, eta, lam: new),
        ),
        Mistake(
            "The weights grow: the decay has the wrong sign.",
            like=_adam(decayed=lambda w, new, eta, lam: new + eta * lam * w),
        ),
        Mistake(
            "The decay is λ w: the learning rate is missing in it.",
            like=_adam(decayed=lambda w, new, eta, lam: new - lam * w),
        ),
        Mistake(
            "The decay is taken of the weights after the step: take it of those before.",
            like=_adam(decayed=lambda w, new, eta, lam: new - eta * lam * new),
        ),
        Mistake(
            "The bias correction is missing: divide m by 1 - β₁ᵗ and v by 1 - β₂ᵗ for the step.",
            like=_adam(correct=(False, False)),
        ),
        Mistake(
            "The correction is one step ahead: t is 1 in the first step already.",
            like=_adam(ahead=1),
        ),
        Mistake(
            "The root is missing: divide by √v̂ + ε.",
            like=_adam(root=lambda v: v),
        ),
        Mistake(
            "The decay is η λ, the same for all weights: it is η λ times the weight.",
            like=_adam(decayed=lambda w, new, eta, lam: new - eta * lam),
        ),
        Mistake("m is not corrected: divide it by 1 - β₁ᵗ.", like=_adam(correct=(False, True))),
        Mistake("v is not corrected: divide it by 1 - β₂ᵗ.", like=_adam(correct=(True, False))),
        Mistake(
            "ε stands under the root: it is added to the root, √v̂ + ε.",
            like=_adam(eps_inside=True),
        ),
        Mistake(
            "w is right. m and v are returned corrected: return the running means themselves.",
            like=_adam(give_hats=True),
        ),
    ),
    hints=(
        "m and v are updated from g alone: the penalty does not enter them.",
        "m_hat = m / (1 - 0.9**t), v_hat = v / (1 - 0.999**t); return m and v, not these.",
        "w - eta * lam * w - eta * m_hat / (sqrt(v_hat) + 1e-8).",
    ),
    notice="Now λ means the same for every weight, whatever its gradients: each step takes the "
    "part ηλ of it.",
)

# ---------------------------------------------------------------- patience


def _curves(rng: np.random.Generator) -> Iterator[tuple]:
    yield [1.0], 1
    yield [3.0, 2.0, 1.0], 1  # never stops
    yield [1.0, 2.0, 0.5], 1
    yield [1.0, 2.0, 0.5, 0.4], 2
    yield [2.0, 1.0, 1.0, 1.0, 1.0, 0.5], 2  # equal is not better
    yield [1.0, 2.0, 1.9, 1.8, 1.7, 0.1], 3  # falling, but not below the best
    yield [5.0, 4.0, 6.0, 3.0, 7.0, 8.0, 9.0, 1.0], 3
    for n in (8, 15, 30, 30):
        falling = np.exp(-np.arange(n) / 5) + 0.3 * rng.uniform(size=n)
        yield [float(v) for v in falling.round(3)], int(rng.integers(1, 5))


def _waits(
    better: Callable = lambda loss, best, last: loss < best,
    enough: Callable = lambda waited, patience: waited >= patience,
    first: int = 1,
    which: Callable = lambda stop, best: (stop, best),
    reset: bool = True,
    waits_at_first: bool = False,
) -> Callable[..., tuple]:
    """Early stopping; each argument replaces one of its parts by a mistake."""

    def answer(losses: list[float], patience: int) -> tuple:
        best = losses[0] if waits_at_first else math.inf
        best_epoch, waited, last = first, 0, best
        stop = len(losses) - 1 + first
        for epoch, loss in enumerate(losses, start=first):
            if better(loss, best, last):
                best, best_epoch = loss, epoch
                waited = 0 if reset else waited
            else:
                waited += 1
            last = loss
            if enough(waited, patience):
                stop = epoch
                break
        return which(stop, best_epoch)

    return answer


PATIENCE = Exercise(
    id="regularization-dropout-batchnorm.patience",
    level=2,
    call="early_stop(losses, patience)",
    returns=("stop", "best"),
    example=([0.9, 0.7, 0.6, 0.65, 0.62, 0.7, 0.5], 3),
    inputs=_curves,
    oracle=_waits(),
    mistakes=(
        Mistake("Epochs are counted from 1: this counts them from 0.", like=_waits(first=0)),
        Mistake(
            "It trains one epoch too long: stop as soon as `patience` epochs were not better.",
            like=_waits(enough=lambda waited, patience: waited > patience),
        ),
        Mistake(
            "It stops one epoch too early: the epoch with the best loss does not count as waiting.",
            like=_waits(enough=lambda waited, patience: waited >= max(patience - 1, 1)),
        ),
        Mistake(
            "An equal loss is taken for a better one: it must be lower than the best so far.",
            like=_waits(better=lambda loss, best, last: loss <= best),
        ),
        Mistake(
            "Each loss is compared with the one before: compare it with the best so far.",
            like=_waits(better=lambda loss, best, last: loss < last),
        ),
        Mistake(
            "The epochs without progress are counted over the whole run: a new best loss starts "
            "the count again.",
            like=_waits(reset=False),
        ),
        Mistake(
            "The first epoch is counted as waiting: it is the best so far.",
            like=_waits(waits_at_first=True),
        ),
        Mistake(
            "`stop` is the best epoch: it is the last epoch that was trained, later than that.",
            like=_waits(which=lambda stop, best: (best, best)),
        ),
        Mistake("The two epochs are swapped.", like=_waits(which=lambda stop, best: (best, stop))),
        Mistake(
            "`best` is looked for in all losses: those after the stop were never seen.",
            like=lambda losses, patience: (
                _waits()(losses, patience)[0],
                int(np.argmin(losses)) + 1,
            ),
        ),
        Mistake(
            "`best` is looked for in all losses, and the stop is reckoned from there: go epoch by "
            "epoch, those after the stop were never seen.",
            like=lambda losses, patience: (
                min(int(np.argmin(losses)) + 1 + patience, len(losses)),
                int(np.argmin(losses)) + 1,
            ),
        ),
        Mistake(
            "`best` is counted from 0, `stop` from 1: count both from 1.",
            like=lambda losses, patience: (
                _waits()(losses, patience)[0],
                _waits()(losses, patience)[1] - 1,
            ),
        ),
        Mistake(
            "`best` is the last epoch: it must be the one with the lowest loss.",
            like=_waits(which=lambda stop, best: (stop, stop)),
        ),
    ),
    hints=(
        "Go through the losses with three things in mind: the best loss so far, its epoch, and how "
        "many epochs have passed since.",
        "Only loss < best is progress. Then the count goes back to 0; otherwise it grows by 1.",
        "If the count reaches patience, this epoch is the stop: return it and the best epoch. If "
        "the losses end before, the stop is the last epoch.",
    ),
    notice="The weights to keep are those of `best`, so they must be saved before they are lost.",
)

# ---------------------------------------------------------------- few-digits

GOAL = 0.93
_HELD_OUT: dict[str, np.ndarray] = {}


def _held_out() -> tuple[np.ndarray, np.ndarray]:
    """Digits that are neither among the 200 to train on nor in their validation set."""
    if not _HELD_OUT:
        digits = load("digits")
        _HELD_OUT["x"] = np.concatenate([digits.train.x[600:], digits.test.x]).astype(np.float32)
        _HELD_OUT["y"] = np.concatenate([digits.train.y[600:], digits.test.y])
    return _HELD_OUT["x"], _HELD_OUT["y"]


def _pictures(rng: np.random.Generator) -> Iterator[tuple]:
    yield (_held_out()[0],)


def _scored(model: torch.nn.Module, x: torch.Tensor) -> tuple:
    """Scores in evaluation mode, and whether a second look gives the same."""
    model = model.to(x.device).eval()
    with torch.no_grad():
        dtype = next((p.dtype for p in model.parameters()), x.dtype)
        scores = model(x.to(dtype))
        return scores, bool(torch.equal(scores, model(x.to(dtype))))


def _reads(args: tuple, got: tuple, want: tuple) -> str | None:
    (x,), (scores, steady) = args, got
    all_x, y = _held_out()
    if not np.isfinite(scores).all():
        return "Some scores are nan or infinite: did the training diverge?"
    if not steady:
        return (
            "In evaluation mode it answers the same pictures differently: is there a dropout that "
            "ignores the mode?"
        )
    if len(x) != len(all_x):  # the statement's example shows nothing but shapes
        return None
    share = float((np.asarray(scores).argmax(axis=1) == y).mean())
    if share < 0.2:
        return f"It reads {share:.0%} of the new digits, near chance: was it trained?"
    if share < GOAL:
        return (
            f"It reads {share:.1%} of {len(x):,} new digits, and {GOAL:.0%} are asked for. Which "
            "changes leave a digit the same digit, and which network can use them? A penalty alone "
            "will hardly do."
        )
    return None


FEW_DIGITS = Exercise(
    id="regularization-dropout-batchnorm.few-digits",
    level=3,
    call="reader(x)",
    returns=("scores (N, 10)", "steady"),
    example=(np.zeros((2, 1, 8, 8), np.float32),),
    inputs=_pictures,
    oracle=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)),
    takes="model",
    run=_scored,
    verify=_reads,
    kinds=("torch",),
    seconds=3,
    mistakes=(),
    hints=(
        "A network of 64, 128 and 10 units without any cure reads about 91 %. Look at its training "
        "accuracy: it has nothing more to learn from these 200.",
        "fit takes augment=f, a function that gets a batch x (B, 1, 8, 8) and returns the changed "
        "batch. For the network above, shifts by a pixel hardly help: these digits are centered. "
        "They help a network whose weights look at small patches, wherever these lie.",
        "nn.Conv2d(1, 16, 3, padding=1), ReLU, nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), "
        "ReLU, Flatten, Dropout(0.3), Linear(512, 10), with shifts and 60 epochs. The next chapter "
        "says why.",
    ),
    notice="What you know about pictures went into the data and into the network: that was worth "
    "more than a penalty on the weights.",
)

EXERCISES = (INVERTED, ELASTIC, DECOUPLED, PATIENCE, FEW_DIGITS)
