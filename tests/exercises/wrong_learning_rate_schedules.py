"""Wrong answers to the exercises of Learning-rate schedules."""

from __future__ import annotations

import math

import numpy as np
from wrong import wrong

# ---------------------------------------------------------------- warmup-cosine


@wrong("learning-rate-schedules.warmup-cosine", says="Step 0 has the rate 0")
def begins_at_nothing(t, T, warm, peak, low):
    if t < warm:
        return t / warm * peak
    angle = math.pi * (t - warm) / (T - warm - 1)
    return (peak + low) / 2 + (peak - low) / 2 * math.cos(angle)


@wrong("learning-rate-schedules.warmup-cosine", says="step 0 has made the first")
def one_step_of_warmup_less(t, T, warm, peak, low):
    if t < warm:
        return t / max(warm - 1, 1) * peak
    angle = math.pi * (t - warm) / (T - warm - 1)
    return (peak + low) / 2 + (peak - low) / 2 * math.cos(angle)


@wrong("learning-rate-schedules.warmup-cosine", says="one step later")
def low_comes_after_the_end(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return (peak + low) / 2 + (peak - low) / 2 * math.cos(math.pi * (t - warm) / (T - warm))


@wrong("learning-rate-schedules.warmup-cosine", says="the rate jumps")
def cosine_over_everything(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return (peak + low) / 2 + (peak - low) / 2 * math.cos(math.pi * t / (T - 1))


@wrong("learning-rate-schedules.warmup-cosine", says="The peak is exceeded")
def low_added_on_top(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + peak / 2 * (1 + math.cos(math.pi * (t - warm) / (T - warm - 1)))


@wrong("learning-rate-schedules.warmup-cosine", says="take (1 + cos) / 2")
def full_swing(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + (peak - low) * math.cos(math.pi * (t - warm) / (T - warm - 1))


@wrong("learning-rate-schedules.warmup-cosine", says="A quarter of a wave")
def quarter_wave(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + (peak - low) * math.sin(math.pi / 2 * (1 - (t - warm) / (T - warm - 1)))


@wrong("learning-rate-schedules.warmup-cosine", says="the warmup is over")
def one_step_of_warmup_more(t, T, warm, peak, low):
    if t <= warm and warm > 0:
        return (t + 1) / warm * peak
    angle = math.pi * (t - warm) / (T - warm - 1)
    return (peak + low) / 2 + (peak - low) / 2 * math.cos(angle)


@wrong("learning-rate-schedules.warmup-cosine", says="halve it")
def never_halved(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + (peak - low) * (1 + math.cos(math.pi * (t - warm) / (T - warm - 1)))


@wrong("learning-rate-schedules.warmup-cosine", says="in radians")
def half_a_wave_in_degrees(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + (peak - low) / 2 * (1 + math.cos(180 * (t - warm) / (T - warm - 1)))


@wrong("learning-rate-schedules.warmup-cosine", says="the angle 1 only")
def pi_forgotten(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return low + (peak - low) / 2 * (1 + math.cos((t - warm) / (T - warm - 1)))


@wrong("learning-rate-schedules.warmup-cosine", says="falls along a line")
def straight_down(t, T, warm, peak, low):
    if t < warm:
        return (t + 1) / warm * peak
    return peak - (peak - low) * (t - warm) / (T - warm - 1)


# ---------------------------------------------------------------- last-restart


@wrong("learning-rate-schedules.last-restart", says="exceeds the budget")
def first_end_beyond(budget, T, factor):
    total = T
    while total <= budget - 1:
        T *= factor
        total += T
    return total


@wrong("learning-rate-schedules.last-restart", says="compare with <=")
def strictly_less(budget, T, factor):
    total, length = 0, T
    while total + length < budget:
        total += length
        length *= factor
    return total


@wrong("learning-rate-schedules.last-restart", says="Each cycle counts as long as the first")
def equal_cycles(budget, T, factor):
    return budget - budget % T


@wrong("learning-rate-schedules.last-restart", says="length of one cycle")
def last_length_only(budget, T, factor):
    if T > budget:
        return 0
    if factor == 1:
        return T
    return T * factor ** int(math.log(budget / T, factor) + 1e-9)


@wrong("learning-rate-schedules.last-restart", says="number of the last step")
def index_of_the_last_step(budget, T, factor):
    total, length = 0, T
    while total + length <= budget:
        total += length
        length *= factor
    return total - 1


@wrong("learning-rate-schedules.last-restart", says="This counts the cycles")
def number_of_cycles(budget, T, factor):
    total, length, n = 0, T, 0
    while total + length <= budget:
        total += length
        length *= factor
        n += 1
    return n


@wrong("learning-rate-schedules.last-restart", says="what is left of the budget")
def what_is_left(budget, T, factor):
    while T <= budget:
        budget, T = budget - T, T * factor
    return budget


@wrong("learning-rate-schedules.last-restart", says="already longer")
def longer_before_the_first(budget, T, factor):
    done = 0
    while done + T <= budget:
        T *= factor
        done += T
    return done


# ---------------------------------------------------------------- suggest


def smoothed(losses, beta, corrected=True):
    values, mean = [], 0.0
    for i, x in enumerate(losses):
        mean += (1 - beta) * (x - mean)
        values.append(mean / (1 - beta ** (i + 1)) if corrected else mean)
    return values


def until_it_blows_up(values):
    for i in range(1, len(values)):
        if values[i] > 4 * min(values[:i]):
            return values[:i]
    return values


@wrong("learning-rate-schedules.suggest", says="Divide by 10")
def at_the_minimum(rates, losses, beta):
    return rates[np.argmin(until_it_blows_up(smoothed(losses, beta)))]


@wrong("learning-rate-schedules.suggest", says="not smoothed")
def raw_losses(rates, losses, beta):
    return rates[np.argmin(until_it_blows_up(list(losses)))] / 10


@wrong("learning-rate-schedules.suggest", says="too small at first")
def without_correction(rates, losses, beta):
    return rates[np.argmin(until_it_blows_up(smoothed(losses, beta, corrected=False)))] / 10


@wrong("learning-rate-schedules.suggest", says="begins with the first loss")
def mean_begins_with_the_first_loss(rates, losses, beta):
    values = [losses[0]]
    for x in losses[1:]:
        values.append(beta * values[-1] + (1 - beta) * x)
    return rates[np.argmin(until_it_blows_up(values))] / 10


@wrong("learning-rate-schedules.suggest", says="one step behind")
def correction_counts_from_zero(rates, losses, beta):
    values = smoothed(losses, beta, corrected=False)
    values = [values[i] / (1 - beta**i) if i else losses[0] for i in range(len(values))]
    return rates[np.argmin(until_it_blows_up(values))] / 10


@wrong("learning-rate-schedules.suggest", says="stop at the first")
def to_the_bitter_end(rates, losses, beta):
    return rates[np.argmin(smoothed(losses, beta))] / 10


@wrong("learning-rate-schedules.suggest", says="other way round")
def beta_for_the_new(rates, losses, beta):
    return rates[np.argmin(until_it_blows_up(smoothed(losses, 1 - beta)))] / 10


@wrong("learning-rate-schedules.suggest", says="This is the place")
def index_only(rates, losses, beta):
    return float(np.argmin(until_it_blows_up(smoothed(losses, beta))))


@wrong("learning-rate-schedules.suggest", says="the one before it")
def a_jump_from_step_to_step(rates, losses, beta):
    mean, smoothed = 0.0, []
    for t, loss in enumerate(losses, start=1):
        mean = beta * mean + (1 - beta) * loss
        value = mean / (1 - beta**t)
        if smoothed and value > 4 * smoothed[-1]:
            break
        smoothed.append(value)
    return rates[int(np.argmin(smoothed))] / 10


@wrong("learning-rate-schedules.suggest", says="not with the quotient")
def goes_on_with_the_quotient(rates, losses, beta):
    mean, least, best = 0.0, math.inf, 0
    for t, loss in enumerate(losses):
        mean = (beta * mean + (1 - beta) * loss) / (1 - beta ** (t + 1))
        if mean > 4 * least:
            break
        if mean < least:
            least, best = mean, t
    return rates[best] / 10


# ---------------------------------------------------------------- one-cycle


def along(t, xs, ys):
    for x0, x1, y0, y1 in zip(xs, xs[1:], ys, ys[1:]):
        if t <= x1:
            return float(y0 + (y1 - y0) * (t - x0) / (x1 - x0))
    return float(ys[-1])


@wrong("learning-rate-schedules.one-cycle", says="goes with the rate")
def momentum_with_the_rate(t, T, up, peak, div, final, low, high):
    xs = (0, up * T - 1, 2 * up * T - 2, T - 1)
    first = peak / div
    return along(t, xs, (first, peak, first, first / final)), along(t, xs, (low, high, low, low))


@wrong("learning-rate-schedules.one-cycle", says="one step late")
def corners_counted_from_one(t, T, up, peak, div, final, low, high):
    xs = (0, up * T, 2 * up * T, T)
    first = peak / div
    return along(t, xs, (first, peak, first, first / final)), along(t, xs, (high, low, high, high))


@wrong("learning-rate-schedules.one-cycle", says="as long as the way up")
def second_corner_one_late(t, T, up, peak, div, final, low, high):
    xs = (0, up * T - 1, 2 * up * T - 1, T - 1)
    first = peak / div
    return along(t, xs, (first, peak, first, first / final)), along(t, xs, (high, low, high, high))


@wrong("learning-rate-schedules.one-cycle", says="rounded to whole steps")
def whole_corners(t, T, up, peak, div, final, low, high):
    turn, first = int(up * T) - 1, peak / div
    xs = (0, turn, 2 * turn, T - 1)
    return along(t, xs, (first, peak, first, first / final)), along(t, xs, (high, low, high, high))


@wrong("learning-rate-schedules.one-cycle", says="the first rate divided by final")
def peak_over_final(t, T, up, peak, div, final, low, high):
    xs = (0, up * T - 1, 2 * up * T - 2, T - 1)
    first = peak / div
    return along(t, xs, (first, peak, first, peak / final)), along(t, xs, (high, low, high, high))


@wrong("learning-rate-schedules.one-cycle", says="two phases")
def no_third_phase(t, T, up, peak, div, final, low, high):
    xs = (0, up * T - 1, T - 1)
    first = peak / div
    return along(t, xs, (first, peak, first / final)), along(t, xs, (high, low, high))


@wrong("learning-rate-schedules.one-cycle", says="momentum stays where it is")
def momentum_left_alone(t, T, up, peak, div, final, low, high):
    xs = (0, up * T - 1, 2 * up * T - 2, T - 1)
    first = peak / div
    return along(t, xs, (first, peak, first, first / final)), high


def along_lines(t, T, up, rates, low, high):
    corners = [0, up * T - 1, 2 * up * T - 2, T - 1]
    momentum = np.interp(t, corners, [high, low, high, high])
    return float(np.interp(t, corners, rates)), float(momentum)


@wrong("learning-rate-schedules.one-cycle", says="multiplies by final")
def divided_and_multiplied(t, T, up, peak, div, final, low, high):
    return along_lines(t, T, up, [peak / div, peak, peak / div, peak / div * final], low, high)


@wrong("learning-rate-schedules.one-cycle", says="final is no rate")
def final_as_the_last_rate(t, T, up, peak, div, final, low, high):
    return along_lines(t, T, up, [peak / div, peak, peak / div, final], low, high)


@wrong("learning-rate-schedules.one-cycle", says="The momentum comes first")
def momentum_first(t, T, up, peak, div, final, low, high):
    rates = [peak / div, peak, peak / div, peak / div / final]
    return along_lines(t, T, up, rates, low, high)[::-1]


@wrong("learning-rate-schedules.one-cycle", says="a share of the T steps")
def share_of_the_last_step(t, T, up, peak, div, final, low, high):
    corners = [0, up * (T - 1), 2 * up * (T - 1), T - 1]
    rate = np.interp(t, corners, [peak / div, peak, peak / div, peak / div / final])
    return float(rate), float(np.interp(t, corners, [high, low, high, high]))


# ---------------------------------------------------------------- reach


@wrong("learning-rate-schedules.reach", says="The rate is constant")
def small_constant(curvatures, start, sigma, steps):
    return np.full(steps, 0.1 / max(curvatures))


@wrong("learning-rate-schedules.reach", says="steepest direction alone")
def optimal_for_the_steepest(curvatures, start, sigma, steps):
    steep = max(curvatures)
    E = start[list(curvatures).index(steep)] ** 2
    rates = np.zeros(steps)
    for t in range(steps):
        rates[t] = steep * E / (steep**2 * E + sigma**2)
        E = sigma**2 * E / (steep**2 * E + sigma**2)
    return rates


@wrong("learning-rate-schedules.reach", says="blows up")
def peak_for_the_flattest(curvatures, start, sigma, steps):
    return (1 - np.arange(steps) / steps) / min(curvatures)


@wrong("learning-rate-schedules.reach", says="on the way")
def optimal_for_the_flattest(curvatures, start, sigma, steps):
    return 1 / (curvatures.min() * np.arange(1, steps + 1))


@wrong("learning-rate-schedules.reach", says="not a finite number")
def divided_by_nothing(curvatures, start, sigma, steps):
    return 1 / (curvatures.max() * np.arange(steps))


@wrong("learning-rate-schedules.reach", says="grow towards the end")
def the_wrong_way(curvatures, start, sigma, steps):
    return np.linspace(0, 1, steps) / max(curvatures)


@wrong("learning-rate-schedules.reach", says="a rate is negative")
def uphill(curvatures, start, sigma, steps):
    return -(1 - np.arange(steps) / steps) / max(curvatures)


@wrong("learning-rate-schedules.reach", says="is asked for")
def untuned_peak(curvatures, start, sigma, steps):
    return 0.001 * (1 - np.arange(steps) / steps)
