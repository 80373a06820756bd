"""The exercises of Learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from utils.exercises.spec import Exercise, Mistake


def _half_wave(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


def _warm(
    *,
    rise: Callable[[int, int], float] = lambda t, warm: (t + 1) / warm,
    share: Callable[[int, int, int], float] = lambda t, T, warm: (t - warm) / (T - 1 - warm),
    wave: Callable[[float], float] = _half_wave,
    low_below: bool = True,
    from_low: bool = False,
) -> Callable[..., float]:
    """Warmup, then a cosine, with something changed."""

    def rate(t: int, T: int, warm: int, peak: float, low: float) -> float:
        if t < warm:
            bottom = low if from_low else 0.0
            return bottom + (peak - bottom) * rise(t, warm)
        return low + (peak - low if low_below else peak) * wave(share(t, T, warm))

    return rate


def _warm_cases(rng: np.random.Generator) -> Iterator[tuple]:
    for t in (0, 3, 4, 5, 11, 15):
        yield t, 16, 4, 0.5, 0.1
    yield 0, 7, 0, 0.8, 0.3
    yield 6, 7, 0, 0.8, 0.3
    yield 2, 10, 1, 1.0, 0.0
    for _ in range(6):
        warm = int(rng.integers(2, 20))
        T = warm + int(rng.integers(5, 60))
        yield int(rng.integers(warm + 1, T)), T, warm, float(rng.uniform(0.5, 2)), 0.2
        yield int(rng.integers(0, warm)), T, warm, float(rng.uniform(0.5, 2)), 0.2


WARMUP_COSINE = Exercise(
    id="learning-rate-schedules.warmup-cosine",
    level=1,
    call="warmup_cosine(t, T, warm, peak, low)",
    returns=("rate",),
    example=(4, 12, 3, 0.8, 0.2),
    inputs=_warm_cases,
    oracle=_warm(),
    mistakes=(
        Mistake(
            "Step 0 has the rate 0, so the first batch is wasted: step t of the warmup uses "
            "(t + 1) / warm of the peak.",
            like=_warm(rise=lambda t, warm: t / warm),
        ),
        Mistake(
            "Step 0 has the rate 0: the way up has `warm` equal parts of peak / warm each, and "
            "step 0 has made the first.",
            like=_warm(rise=lambda t, warm: t / max(warm - 1, 1)),
        ),
        Mistake(
            "The rate of the last step, T - 1, should be low; it would get there one step later.",
            like=_warm(share=lambda t, T, warm: (t - warm) / (T - warm)),
        ),
        Mistake(
            "After the warmup the rate jumps: the cosine begins with its own step 0, at t = warm.",
            like=_warm(share=lambda t, T, warm: t / (T - 1)),
        ),
        Mistake(
            "The cosine reaches its peak one step late: step t = warm is its step 0.",
            like=_warm(share=lambda t, T, warm: (t - warm + 1) / (T - warm)),
        ),
        Mistake(
            "The peak is exceeded: from peak to low the distance is peak - low.",
            like=_warm(low_below=False),
        ),
        Mistake(
            "At t = warm the warmup is over, and the peak is exceeded: it has the steps t < warm.",
            when=lambda args, got, want: (
                0 < args[2] == args[0]
                and bool(np.isclose(float(got), args[3] * (args[2] + 1) / args[2]))
            ),
        ),
        Mistake(
            "The peak is exceeded: 1 + cos goes from 2 to 0, so halve it.",
            like=_warm(wave=lambda share: 1 + math.cos(math.pi * share)),
        ),
        Mistake(
            "math.cos wants the angle in radians, not in degrees: half a wave is π.",
            like=_warm(wave=lambda share: (1 + math.cos(180 * share)) / 2),
        ),
        Mistake(
            "The cosine goes to the angle 1 only: half a wave ends at π.",
            like=_warm(wave=lambda share: (1 + math.cos(share)) / 2),
        ),
        Mistake(
            "The rate falls below low: the cosine runs from 1 to -1, so take (1 + cos) / 2.",
            like=_warm(wave=lambda share: math.cos(math.pi * share)),
        ),
        Mistake(
            "A quarter of a wave, which ends at full speed: half a wave has the angle π at its "
            "end, and is flat there.",
            like=_warm(wave=lambda share: math.cos(math.pi * share / 2)),
        ),
        Mistake(
            "The rate falls along a line: a cosine is asked for.",
            like=_warm(wave=lambda share: 1 - share),
        ),
        Mistake(
            "The warmup begins at low; here it begins at peak / warm.",
            like=_warm(from_low=True),
        ),
        Mistake(
            "The cosine runs upward, from low to the peak.",
            like=_warm(wave=lambda share: (1 - math.cos(math.pi * share)) / 2),
        ),
    ),
    hints=(
        "Two branches: t < warm, and the rest. In the first the rate grows by peak / warm a step.",
        "In the second let s = (t - warm) / (T - 1 - warm): it is 0 at t = warm and 1 at the last "
        "step.",
        "low + (peak - low) * (1 + math.cos(math.pi * s)) / 2",
    ),
    notice="Write down what step 0 and the last step should get before you write a schedule: that "
    "is where they go wrong.",
)


def _stop(budget: int, T: int, factor: int) -> int:
    done, cycle = 0, T
    while done + cycle <= budget:
        done, cycle = done + cycle, cycle * factor
    return done


def _single_cycle(budget: int, T: int, factor: int) -> int:
    cycle, last = T, 0
    while cycle <= budget:
        cycle, last = cycle * max(factor, 2), cycle
    return last


def _next_stop(budget: int, T: int, factor: int) -> int:
    done, cycle = 0, T
    while done < budget:
        done, cycle = done + cycle, cycle * factor
    return done


def _strict(budget: int, T: int, factor: int) -> int:
    return _stop(budget - 1, T, factor)


def _budgets(rng: np.random.Generator) -> Iterator[tuple]:
    yield 30, 10, 2
    yield 29, 10, 2
    yield 9, 10, 2
    yield 10, 10, 2
    yield 50, 7, 1
    yield 49, 7, 1
    yield 13, 1, 3
    yield 100, 5, 3
    for _ in range(6):
        yield int(rng.integers(100, 5000)), int(rng.integers(3, 40)), int(rng.integers(1, 4))


LAST_RESTART = Exercise(
    id="learning-rate-schedules.last-restart",
    level=1,
    call="steps_to_train(budget, T, factor)",
    returns=("steps",),
    example=(100, 10, 2),
    inputs=_budgets,
    oracle=_stop,
    mistakes=(
        Mistake(
            "This is the first end of a cycle that exceeds the budget: the last one within it is "
            "asked for.",
            like=_next_stop,
        ),
        Mistake(
            "A cycle that ends exactly with the budget is complete: compare with <=.",
            like=_strict,
        ),
        Mistake(
            "Each cycle counts as long as the first: cycle k has T · factor^k steps.",
            like=lambda budget, T, factor: budget // T * T,
        ),
        Mistake(
            "This is the length of one cycle: the cycles before it have to be added.",
            like=_single_cycle,
        ),
        Mistake(
            "This is the number of the last step, counted from 0; how many steps there are is one "
            "more.",
            like=lambda budget, T, factor: _stop(budget, T, factor) - 1,
        ),
        Mistake(
            "This is what is left of the budget; asked for are the steps that the run takes.",
            like=lambda budget, T, factor: budget - _stop(budget, T, factor),
        ),
        Mistake(
            "The first cycle has T steps. Here it is already longer by the factor.",
            when=lambda args, got, want: (
                args[2] > 1 and got in (_later(*args), _stop(args[0], args[1] * args[2], args[2]))
            ),
        ),
        Mistake(
            "This counts the cycles: their steps are asked for.",
            when=lambda args, got, want: _cycles(*args) == got,
        ),
        Mistake(
            "The last cycle is left out, though the budget has room for it.",
            when=lambda args, got, want: got == _stop(max(want - 1, 0), *args[1:]),
        ),
    ),
    hints=(
        "The cycles end after T, T + T·factor, T + T·factor + T·factor², … steps.",
        "Keep two numbers: the steps that are done, and the length of the next cycle. Go on as "
        "long as the next cycle fits.",
        "while done + cycle <= budget: done, cycle = done + cycle, cycle * factor",
    ),
    notice="A run that stops just after a restart ends at the peak rate, with all its noise.",
)


def _later(budget: int, T: int, factor: int) -> int:
    done = 0
    while done + T <= budget:
        T *= factor
        done += T
    return done


def _cycles(budget: int, T: int, factor: int) -> int:
    done, cycle, count = 0, T, 0
    while done + cycle <= budget:
        done, cycle, count = done + cycle, cycle * factor, count + 1
    return count


def _suggest(
    *,
    correct: bool = True,
    stop: bool = True,
    tenth: float = 10.0,
    swap: bool = False,
    raw: bool = False,
    steepest: bool = False,
    raw_stop: bool = False,
    against_first: bool = False,
    late: bool = False,
    neighbor: bool = False,
    from_first: bool = False,
    count_from: int = 1,
) -> Callable[..., float]:
    """The finder's suggestion, with something changed."""

    def suggest(rates: np.ndarray, losses: np.ndarray, beta: float) -> float:
        keep = 1 - beta if swap else beta
        mean, least, best, seen, first = 0.0, math.inf, 0, [], None
        mean = float(losses[0]) if from_first else mean
        for t, loss in enumerate(losses.tolist()):
            mean = keep * mean + (1 - keep) * loss
            weight = 1 - keep ** (t + count_from) if correct and t + count_from > 0 else 1.0
            value = loss if raw or t + count_from == 0 else mean / weight
            first = value if first is None else first
            watched, limit = (loss if raw_stop else value), (first if against_first else least)
            limit = seen[-1] if neighbor and seen else limit
            if stop and watched > 4 * limit:
                break
            seen.append(value)
            if value < least or (late and value == least):
                least, best = value, t
        if steepest and best > 0:
            slopes = np.gradient(np.array(seen), np.log(rates[: len(seen)]))
            return float(rates[slopes[: best + 1].argmin()])
        return float(rates[best] / tenth)

    return suggest


def _sweeps(rng: np.random.Generator) -> Iterator[tuple]:
    yield np.geomspace(0.01, 10, 4), np.array([2.0, 1.5, 1.0, 0.9]), 0.5
    yield np.geomspace(1e-3, 1, 5), np.array([1.0, 2.0, 3.0, 4.5, 7.0]), 0.5
    yield np.geomspace(1e-3, 10, 6), np.array([2.0, 1.0, 0.8, 9.0, 0.1, 0.01]), 0.2
    yield np.geomspace(1e-3, 10, 7), np.array([3.0, 1.0, 0.5, 2.4, 0.9, 0.4, 0.2]), 0.3
    # raw losses, swapped shares and no correction lead to three other places
    bumpy = np.array([2.8, 3.0, 2.3, 2.5, 1.2, 2.6, 0.3, 0.5, 1.2])
    yield np.geomspace(1e-3, 10, 9), bumpy, 0.7
    # a mean that begins with the first loss, or a t that is one off, leads elsewhere
    slow = np.array([2.2, 1.2, 2.6, 2.6, 2.5, 0.7, 0.7, 1.2, 1.3, 1.5, 1.4, 1.5])
    yield np.geomspace(1e-3, 10, 12), slow, 0.8
    # a smoothed loss 3.6 times the least goes on, one 4.4 times the least does not
    yield np.geomspace(1e-3, 10, 5), np.array([6.0, 1.2, 8.4, 0.5, 4.5]), 0.2
    yield np.geomspace(1e-3, 10, 5), np.array([3.0, 0.8, 4.8, 0.1, 2.0]), 0.1
    # it climbs little by little above 4 times the least, and comes back too late
    yield np.geomspace(1e-3, 10, 6), np.array([2.0, 1.0, 2.5, 6.0, 0.2, 0.1]), 0.2
    for n, beta in ((40, 0.9), (60, 0.8), (80, 0.95), (50, 0.7), (90, 0.9)):
        rates = np.geomspace(1e-4, 10, n)
        x = np.linspace(0, 1, n)
        fall = 2.3 - 1.5 / (1 + np.exp(-14 * (x - rng.uniform(0.4, 0.6))))
        losses = fall + rng.normal(0, 0.25, n) ** 2 + np.exp(30 * (x - rng.uniform(0.75, 0.85)))
        after = int(0.95 * n)
        losses[after:] = 1e-3  # it "recovers" after it has diverged: too late
        yield rates, losses, beta


SUGGEST = Exercise(
    id="learning-rate-schedules.suggest",
    level=2,
    call="suggest(rates, losses, beta)",
    returns=("rate",),
    example=(np.array([0.01, 0.1, 1.0, 10.0]), np.array([2.0, 1.0, 0.5, 20.0]), 0.5),
    inputs=_sweeps,
    oracle=_suggest(),
    mistakes=(
        Mistake(
            "This is the rate of the minimum: there the loss is about to rise. Divide by 10.",
            like=_suggest(tenth=1.0),
        ),
        Mistake(
            "The losses are not smoothed: a single lucky batch decides.",
            like=_suggest(raw=True),
        ),
        Mistake(
            "The smoothed loss is compared with the one before it: compare with the least so far.",
            like=_suggest(neighbor=True),
        ),
        Mistake(
            "The running mean starts at 0 and is too small at first: divide by 1 - beta**t, with "
            "t counted from 1, and go on with the mean itself, not with the quotient.",
            like=_suggest(correct=False),
        ),
        Mistake(
            "The running mean begins with the first loss, which then counts for too much: begin "
            "at 0 and correct with 1 - beta**t.",
            like=_suggest(from_first=True, correct=False),
        ),
        Mistake(
            "The correction is one step behind: t is 1 for the first loss.",
            like=_suggest(count_from=0),
        ),
        Mistake(
            "What comes after the loss has blown up is used: stop at the first smoothed loss "
            "above 4 times the least before it.",
            like=_suggest(stop=False),
        ),
        Mistake(
            "beta is the share of the past, and 1 - beta that of the new loss; here it is the "
            "other way round.",
            like=_suggest(swap=True),
        ),
        Mistake(
            "This is the rate of the steepest fall, another rule: here a tenth of the minimum's "
            "rate is asked for.",
            like=_suggest(steepest=True),
        ),
        Mistake(
            "The sweep is cut by a single batch's loss: compare the smoothed loss with 4 times "
            "the least smoothed one.",
            like=_suggest(raw_stop=True),
        ),
        Mistake(
            "The sweep is cut at 4 times the first loss: compare with the least so far.",
            like=_suggest(against_first=True),
        ),
        Mistake(
            "This is the place in the array: return the rate that stands there, divided by 10.",
            when=lambda args, got, want: (
                int(np.abs(args[0] / (10 * want) - 1).argmin())
                in (float(got), round(10 * float(got), 9))
            ),
        ),
    ),
    hints=(
        "One loop over the losses: renew the running mean, correct it, compare it with 4 times the "
        "least so far, and remember where the least was.",
        "mean = beta * mean + (1 - beta) * loss; value = mean / (1 - beta**t), with t = 1 for the "
        "first loss.",
        "Break before you look for the minimum: a value above 4 times the least ends the sweep. "
        "Return rates[best] / 10.",
    ),
    notice="The minimum itself is too late, because there the rate has begun to do as much harm as "
    "good.",
)


def _by_torch(
    t: int, T: int, up: float, peak: float, div: float, final: float, low: float, high: float
) -> tuple[float, float]:
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=1.0, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, T, pct_start=up, anneal_strategy="linear", base_momentum=low,
        max_momentum=high, div_factor=div, final_div_factor=final, three_phase=True,
    )  # fmt: skip
    optimizer.step()
    for _ in range(t):
        scheduler.step()
    group = optimizer.param_groups[0]
    return float(group["lr"]), float(group["momentum"])


def _triangle(
    *,
    turns: Callable[[int, float], tuple[float, float, float]] = lambda T, up: (
        up * T - 1,
        2 * up * T - 2,
        T - 1,
    ),
    bottom: Callable[[float, float, float], float] = lambda peak, div, final: peak / div / final,
    momenta: Callable[[float, float], tuple[float, float, float, float]] = lambda low, high: (
        high,
        low,
        high,
        high,
    ),
    cosine: bool = False,
    two: bool = False,
) -> Callable[..., tuple[float, float]]:
    """The three phases along straight lines, with something changed."""  # fmt: skip

    def one_cycle(
        t: int, T: int, up: float, peak: float, div: float, final: float, low: float, high: float
    ) -> tuple[float, float]:
        a, b, c = turns(T, up)
        places = [(0.0, peak / div, 0), (a, peak, 1), (b, peak / div, 2)]
        places.append((c, bottom(peak, div, final), 3))
        if two:
            del places[2]
        m = momenta(low, high)
        for (x0, r0, i), (x1, r1, j) in pairwise(places):
            if t <= x1 or j == 3:
                share = (t - x0) / (x1 - x0)
                share = 1 - _half_wave(share) if cosine else share
                return r0 + (r1 - r0) * share, m[i] + (m[j] - m[i]) * share
        raise AssertionError

    return one_cycle


def _cycle_cases(rng: np.random.Generator) -> Iterator[tuple]:
    for t in (0, 5, 7, 8, 12, 14, 15, 17, 19):
        yield t, 20, 0.4, 1.0, 10.0, 5.0, 0.5, 0.9
    for _ in range(8):
        T, up = int(rng.integers(30, 200)), float(rng.uniform(0.2, 0.45))
        t = int(rng.integers(1, T))
        yield t, T, up, float(rng.uniform(0.5, 2)), 4.0, 3.0, 0.4, 0.95


_SWAPPED = _triangle(momenta=lambda low, high: (low, high, low, low))
ONE_CYCLE = Exercise(
    id="learning-rate-schedules.one-cycle",
    level=2,
    call="triangle(t, T, up, peak, div, final, low, high)",
    returns=("rate", "momentum"),
    example=(3, 11, 4 / 11, 1.0, 10.0, 10.0, 0.8, 0.9),
    inputs=_cycle_cases,
    oracle=_by_torch,
    mistakes=(
        Mistake(
            "The momentum goes with the rate; it should go against it: high where the rate is low.",
            like=_SWAPPED,
        ),
        Mistake(
            "The phases end one step late: step t is counted from 0, so the peak lies at up·T - 1.",
            like=_triangle(turns=lambda T, up: (up * T, 2 * up * T, T)),
        ),
        Mistake(
            "The way down should be as long as the way up: it ends at 2·up·T - 2, since both "
            "phases have up·T - 1 steps.",
            like=_triangle(turns=lambda T, up: (up * T - 1, 2 * up * T - 1, T - 1)),
        ),
        Mistake(
            "The corners are rounded to whole steps: leave up·T - 1 as it is.",
            like=_triangle(turns=lambda T, up: (int(up * T) - 1, 2 * int(up * T) - 2, T - 1)),
        ),
        Mistake(
            "The last rate is peak / (div · final): the first rate divided by final.",
            like=_triangle(bottom=lambda peak, div, final: peak / final),
        ),
        Mistake(
            "The last rate is peak / (div · final): peak / div * final multiplies by final.",
            like=_triangle(bottom=lambda peak, div, final: peak / div * final),
        ),
        Mistake(
            "final is no rate: it says how many times smaller the last rate is than the first.",
            like=_triangle(bottom=lambda peak, div, final: final),
        ),
        Mistake(
            "The momentum comes first here; return the rate, then the momentum.",
            when=lambda args, got, want: bool(np.allclose(got, want[::-1])),
        ),
        Mistake(
            "up is a share of the T steps: the peak lies at up·T - 1, not at up·(T - 1).",
            like=_triangle(turns=lambda T, up: (up * (T - 1), 2 * up * (T - 1), T - 1)),
        ),
        Mistake(
            "The last phase ends at 0; it ends at peak / (div · final).",
            like=_triangle(bottom=lambda peak, div, final: 0.0),
        ),
        Mistake(
            "This goes along cosines: straight lines are asked for.",
            like=_triangle(cosine=True),
        ),
        Mistake(
            "There are two phases here: the third, from the first rate down to the last, is "
            "missing.",
            like=_triangle(two=True),
        ),
        Mistake(
            "In the third phase the momentum stays high.",
            like=_triangle(momenta=lambda low, high: (high, low, high, low)),
        ),
        Mistake(
            "The momentum stays where it is: it falls to low while the rate climbs, and comes "
            "back.",
            like=_triangle(momenta=lambda low, high: (high,) * 4),
        ),
    ),
    hints=(
        "Four corners: steps 0, up·T - 1, 2·up·T - 2, T - 1, with the rates peak / div, peak, "
        "peak / div, peak / (div · final) and the momenta high, low, high, high.",
        "Between two corners at steps x0 and x1, step t has gone the share (t - x0) / (x1 - x0) of "
        "the way.",
        "np.interp(t, corners, values) does the rest, once for each.",
    ),
    notice="A low momentum while the rate is high keeps the effective step, rate / (1 - momentum), "
    "from growing as much as the rate does.",
)


def _end(rates: np.ndarray, curvatures: np.ndarray, start: np.ndarray, sigma: float) -> float:
    """The expected loss after these steps, or infinity if it exceeds 1,000 on the way."""
    E = np.square(start)
    for rate in np.asarray(rates, dtype=float):
        E = (1 - rate * curvatures) ** 2 * E + rate**2 * sigma**2
        if not curvatures @ E / 2 <= 1e3:
            return math.inf
    return float(curvatures @ E / 2)


def _peaks(curvatures: np.ndarray) -> np.ndarray:
    return np.geomspace(0.001, 1.9, 60) / curvatures.max()


def _tuned(shape: np.ndarray, curvatures: np.ndarray, start: np.ndarray, sigma: float) -> tuple:
    """The least loss of this shape over its peak, and the rates that reach it."""
    with np.errstate(over="ignore", invalid="ignore"):
        E = np.tile(np.square(start), (60, 1))
        peaks = _peaks(curvatures)[:, None]
        for factor in shape:
            E = (1 - peaks * factor * curvatures) ** 2 * E + (peaks * factor * sigma) ** 2
        losses = np.nan_to_num(E @ curvatures / 2, nan=np.inf)
    best = int(losses.argmin())
    return float(losses[best]), peaks[best, 0] * shape


def _valleys(rng: np.random.Generator) -> Iterator[tuple]:
    for curvatures, sigma, steps in (
        ([5.0, 0.5], 0.5, 200),
        ([8.0, 4.0, 2.0, 1.0, 0.5], 1.5, 400),
        ([20.0, 2.0, 0.2], 2.0, 500),
    ):
        lam = np.array(curvatures)
        yield lam, np.sqrt(10 / lam), sigma, steps
    for _ in range(2):
        lam = np.array([10.0, 1.0, 0.1]) * rng.uniform(1.0, 1.2, 3)
        yield lam, np.sqrt(10 / lam), float(rng.uniform(1.0, 1.5)), int(rng.integers(300, 400))


def _line(curvatures: np.ndarray, start: np.ndarray, sigma: float, steps: int) -> np.ndarray:
    return _tuned(1 - np.arange(steps) / steps, curvatures, start, sigma)[1]


def _not_there(args: tuple, got: Any, want: Any) -> str | None:
    curvatures, start, sigma, steps = args
    rates = np.asarray(got, dtype=float)
    where = f"curvatures from {curvatures.min():.2g} to {curvatures.max():.2g}, {steps} steps"
    if rates.min() < 0:
        return f"{where}: a rate is negative, so that step goes uphill."
    if not np.isfinite(rates).all():
        return f"{where}: a rate is not a finite number."
    with np.errstate(all="ignore"):
        end = _end(rates, curvatures, start, sigma)
    if end == math.inf:
        return (
            f"{where}: it blows up, be it only on the way. The steepest direction bears at most "
            f"2 / {curvatures.max():.2g}."
        )
    most = 0.5 * _tuned(np.ones(steps), curvatures, start, sigma)[0]
    if end > most:
        return f"{where}: the expected loss ends at {end:.3g}; at most {most:.3g} is asked for."
    return None


def _still(args: tuple, got: Any, want: Any) -> bool:
    return bool(np.ptp(got) < 1e-9 * np.max(np.abs(got)))


def _one_direction(args: tuple, got: Any, want: Any) -> bool:
    """Whether the rates are the best for the steepest direction alone."""
    curvatures, start, sigma, steps = args
    k = int(curvatures.argmax())
    c = sigma**2 / (curvatures[k] * start[k] ** 2)
    return bool(np.allclose(got, 1 / (curvatures[k] * np.arange(1, steps + 1) + c), rtol=1e-3))


REACH = Exercise(
    id="learning-rate-schedules.reach",
    level=3,
    call="plan(curvatures, start, sigma, steps)",
    returns=("rates (steps,)",),
    example=(np.array([10.0, 1.0, 0.1]), np.sqrt(10 / np.array([10.0, 1.0, 0.1])), 1.0, 300),
    inputs=_valleys,
    oracle=_line,
    verify=_not_there,
    mistakes=(
        Mistake(
            "The rate is constant: even the best constant rate is twice too bad. Let it fall.",
            when=_still,
        ),
        Mistake(
            "This is the best schedule for the steepest direction alone: the flat ones are left "
            "behind, for the sum of the rates is too small.",
            when=_one_direction,
        ),
        Mistake(
            "The rates grow towards the end: then the loss ends on a high floor.",
            when=lambda args, got, want: bool(min(got) >= 0 and got[-1] > 1.5 * np.mean(got)),
        ),
    ),
    hints=(
        "Two things count: the sum of the rates, which moves the flat directions, and the last "
        "rates, which set the noise. So begin high, and let the rate fall to nearly 0.",
        "Take a shape, such as 1 - t / steps or half a cosine wave, and find its peak: you can "
        "compute the expected loss of every peak before you choose.",
        "for peak in np.geomspace(0.001, 1.9, 60) / curvatures.max(): compute "
        "expected_loss(peak * shape, curvatures, start, sigma)[-1], and keep the least.",
    ),
    notice="The shape of the fall matters less than that it ends near zero, and that its peak is "
    "tuned for it.",
    seconds=2.0,
)

EXERCISES = (WARMUP_COSINE, LAST_RESTART, SUGGEST, ONE_CYCLE, REACH)
