"""Wrong answers to the exercises of backpropagation: the mistake is the function's name."""

from __future__ import annotations

import graphlib
from collections import deque

import numpy as np
from wrong import wrong

# ---------------------------------------------------------------- local-gradients


@wrong("backpropagation.local-gradients", says="multiply them by the gradient g")
def gradient_that_arrives_is_ignored(x, y, g):
    return y / (x + y) ** 2, -x / (x + y) ** 2


@wrong("backpropagation.local-gradients", says="denominator as well as the numerator")
def denominator_taken_as_a_constant(x, y, g):
    s = x + y
    return g / s, -g * x / s**2


@wrong("backpropagation.local-gradients", says="numerator as well as the denominator")
def numerator_taken_as_a_constant(x, y, g):
    through_the_sum = -g * x / (x + y) ** 2
    return through_the_sum, through_the_sum


@wrong("backpropagation.local-gradients", says="dy has the wrong sign")
def minus_of_the_quotient_rule_forgotten(x, y, g):
    return [g * v / (x + y) / (x + y) for v in (y, x)]


@wrong("backpropagation.local-gradients", says="dx has the wrong sign")
def quotient_rule_the_wrong_way_round(x, y, g):
    s = x + y
    return g * (x - s) / s**2, -g * x / s**2


@wrong("backpropagation.local-gradients", says="swapped")
def gradients_swapped(x, y, g):
    q = g / (x + y)
    return -q * x / (x + y), q * y / (x + y)


@wrong("backpropagation.local-gradients", says="should be squared")
def denominator_not_squared(x, y, g):
    return g * (1 - x / (x + y)), -g * x / (x + y)


@wrong("backpropagation.local-gradients", says="Expected 2 values")
def only_the_first_gradient(x, y, g):
    return g * y / (x + y) ** 2


# ---------------------------------------------------------------- topological-order


@wrong("backpropagation.local-gradients", says="a minus in dx too")
def both_paths_of_dx_with_a_plus(x, y, g):
    return g / (x + y) + g * x / (x + y) ** 2, -g * x / (x + y) ** 2


@wrong("backpropagation.local-gradients", says="y where x belongs")
def y_in_both_numerators(x, y, g):
    share = g * y / (x + y) ** 2
    return share, -share


@wrong("backpropagation.local-gradients", says="dy lacks the gradient")
def gradient_that_arrives_used_once(x, y, g):
    return g * y / (x + y) ** 2, -x / (x + y) ** 2


@wrong("backpropagation.topological-order", says="wrong way round")
def children_before_parents(parents):
    count = dict.fromkeys(parents, 0)
    for above in parents.values():
        for parent in above:
            count[parent] += 1
    ready, order = deque(n for n, c in count.items() if not c), []
    while ready:
        node = ready.popleft()
        order.append(node)
        for parent in parents[node]:
            count[parent] -= 1
            if not count[parent]:
                ready.append(parent)
    return order


@wrong("backpropagation.topological-order", says="order of the dictionary")
def nodes_as_they_come(parents):
    return list(parents)


@wrong("backpropagation.topological-order", says="sorted by their numbers")
def nodes_sorted_by_number(parents):
    return sorted(parents)


@wrong("backpropagation.topological-order", says="one node, used twice")
def parent_used_twice_counted_once(parents):
    waiting, order = {n: len(a) for n, a in parents.items()}, []
    ready = [n for n in parents if not parents[n]]
    while ready:
        done = ready.pop(0)
        order.append(done)
        for node, above in parents.items():
            if done in above:
                waiting[node] -= 1
                if waiting[node] == 0:
                    ready.append(node)
    return order


@wrong("backpropagation.topological-order", says="Nodes are missing")
def walk_from_the_first_node_only(parents):
    order, seen, stack = [], set(), [(next(iter(parents)), False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(p, False) for p in parents[node]]
    return order


@wrong("backpropagation.topological-order", says="more than once")
def nodes_noted_at_every_visit(parents):
    order = []
    ready = [n for n in parents if not parents[n]]
    for _ in range(50):
        order += ready
        ready = [n for n in parents if any(p in ready for p in parents[n])]
    return order


@wrong("backpropagation.topological-order", says="must wait for all of them")
def breadth_first_from_the_roots(parents):
    queue = deque(n for n in parents if not parents[n])
    order = list(queue)
    while queue:
        node = queue.popleft()
        for child, above in parents.items():
            if node in above and child not in order:
                order.append(child)
                queue.append(child)
    return order


@wrong("backpropagation.topological-order", says="RecursionError")
def recursion_too_deep(parents):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in parents[node]:
                visit(parent)
            order.append(node)

    for node in parents:
        visit(node)
    return order


@wrong("backpropagation.topological-order", says="a loop never end")
def every_path_walked_again(parents):
    order = []
    stack = [(node, False) for node in parents]
    while stack:
        node, done = stack.pop()
        if done:
            if node not in order:
                order.append(node)
        else:
            stack.append((node, True))
            stack += [(p, False) for p in parents[node]]
    return order


# ---------------------------------------------------------------- gradient-check


@wrong("backpropagation.topological-order", says="Expected 4 values, got an array")
def order_as_an_array(parents):
    return np.array(list(graphlib.TopologicalSorter(parents).static_order()))


@wrong("backpropagation.gradient-check", says="one-sided")
def forward_difference(f, x):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        h = 1e-7 * max(1, abs(x[i]))
        moved = x.copy()
        moved[i] += h
        slopes[i] = (f(moved) - f(x)) / h
    return slopes


@wrong("backpropagation.gradient-check", says="The difference is one-sided")
def backward_difference_with_the_step_of_the_statement(f, x):
    slopes = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        h = 6e-6 * (1 + abs(x[i]))
        below = np.array(x)
        below[i] -= h
        slopes[i] = (f(x) - f(below)) / h
    return slopes


@wrong("backpropagation.gradient-check", says="with the size of its own entry")
def step_by_the_largest_entry(f, x):
    slopes = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        h = 6e-6 * (1 + np.abs(x).max())
        above, below = np.array(x), np.array(x)
        above[i] += h
        below[i] -= h
        slopes[i] = (f(above) - f(below)) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="Twice too large")
def divided_by_one_step(f, x):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        h = 6e-6 * max(1, abs(x[i]))
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (f(x + step) - f(x - step)) / h
    return slopes


@wrong("backpropagation.gradient-check", says="Half of what is right")
def divided_by_four_steps(f, x):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        h = 6e-6 * (1 + abs(x[i]))
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (f(x + step) - f(x - step)) / (4 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="moved at once")
def all_entries_moved_together(f, x):
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        h = 6e-6 * max(1, abs(x[i]))
        slopes[i] = (f(x + h) - f(x - h)) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="step must grow")
def one_step_for_all(f, x):
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = 6e-6
        slopes[i] = (f(x + step) - f(x - step)) / 1.2e-5
    return slopes


@wrong("backpropagation.gradient-check", says="put back")
def entry_left_moved(f, x):
    slopes, moved = np.empty_like(x), x.copy()
    for i in np.ndindex(x.shape):
        h = 6e-6 * max(1, abs(x[i]))
        moved[i] = x[i] + h
        above = f(moved)
        moved[i] = x[i] - h
        slopes[i] = (above - f(moved)) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="Nearly right")
def step_too_large(f, x):
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        h = 0.01 * max(1, abs(x[i]))
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (f(x + step) - f(x - step)) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="changes its input x in place")
def entry_added_and_subtracted(f, x):
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        h = 6e-6 * max(1, abs(x[i]))
        x[i] += h
        above = f(x)
        x[i] -= 2 * h
        below = f(x)
        x[i] += h
        slopes[i] = (above - below) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="something overflows, or is divided by zero")
def step_of_zero_at_zero(f, x):
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        h = 6e-6 * abs(x[i])
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (f(x + step) - f(x - step)) / (2 * h)
    return slopes


@wrong("backpropagation.gradient-check", says="expected shape")
def flattened(f, x):
    slopes = []
    for i in np.ndindex(x.shape):
        h = 6e-6 * max(1, abs(x[i]))
        step = np.zeros_like(x)
        step[i] = h
        slopes.append((f(x + step) - f(x - step)) / (2 * h))
    return np.array(slopes)


# ---------------------------------------------------------------- missing-operation


@wrong("backpropagation.missing-operation", says="lacks the rule")
def value_without_pull(a):
    m = a.max(1)
    return m + np.log(np.exp(a - m[:, None]).sum(1))


@wrong("backpropagation.missing-operation", says="first the value, then the function")
def pull_before_the_value(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    return lambda g: (g[:, None] * e / total,), a.max(axis=1) + np.log(total[:, 0])


@wrong("backpropagation.missing-operation", says="The second result should be a function")
def softmax_in_place_of_pull(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    return a.max(axis=1) + np.log(total[:, 0]), (e / total,)


@wrong("backpropagation.missing-operation", says="pull returns None")
def pull_without_return(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)

    def pull(g):
        g[:, None] * e / total

    return a.max(axis=1) + np.log(total[:, 0]), pull


@wrong("backpropagation.missing-operation", says="a single one needs a tuple")
def pull_returns_a_bare_array(a):
    e = np.exp(a - a.max(1)[:, None])
    s = e.sum(1)
    return a.max(1) + np.log(s), lambda g: g[:, None] * e / s[:, None]


@wrong("backpropagation.missing-operation", says="subtract each row's own")
def maximum_of_the_whole_array(a):
    e = np.exp(a - np.max(a))
    s = e.sum(1)
    return np.max(a) + np.log(s), lambda g: ((g / s)[:, None] * e,)


@wrong("backpropagation.missing-operation", says="Both value and pull overflow")
def no_maximum_anywhere(a):
    e = np.exp(a)
    s = e.sum(axis=1, keepdims=True)
    return np.log(s)[:, 0], lambda g: (g[:, None] * (e / s),)


@wrong("backpropagation.missing-operation", says="The value overflows")
def value_without_the_maximum(a):
    e = np.exp(a - a.max(1)[:, None])
    return np.log(np.exp(a).sum(1)), lambda g: ((g / e.sum(1))[:, None] * e,)


@wrong("backpropagation.missing-operation", says="but pull overflows")
def pull_without_the_maximum(a):
    m = a.max(axis=1, keepdims=True)
    value = (m + np.log(np.exp(a - m).sum(axis=1, keepdims=True)))[:, 0]
    return value, lambda g: (np.exp(a) * (g / np.exp(a).sum(1))[:, None],)


@wrong("backpropagation.missing-operation", says="never added")
def maximum_not_added_again(a):
    e = np.exp(a - a.max(1)[:, None])
    s = e.sum(1)
    return np.log(s), lambda g: (g[:, None] * e / s[:, None],)


@wrong("backpropagation.missing-operation", says="with a plus")
def maximum_subtracted_once_more(a):
    m = a.max(axis=1, keepdims=True)
    e = np.exp(a - m)
    total = e.sum(axis=1, keepdims=True)
    return (np.log(total) - m)[:, 0], lambda g: (g[:, None] * e / total,)


@wrong("backpropagation.missing-operation", says="the softmax's own entries")
def slope_of_softmax(a):
    m = a.max(axis=1, keepdims=True)
    e = np.exp(a - m)
    p = e / e.sum(axis=1, keepdims=True)
    return m[:, 0] + np.log(e.sum(axis=1)), lambda g: (g[:, None] * p * (1 - p),)


@wrong("backpropagation.missing-operation", says="does not use g")
def pull_ignores_g(a):
    e = np.exp(a - a.max(1)[:, None])
    s = e.sum(1)
    return a.max(1) + np.log(s), lambda g: (e / s[:, None],)


@wrong("backpropagation.missing-operation", says="sends the whole of g")
def pull_as_for_a_sum(a):
    e = np.exp(a - a.max(1)[:, None])
    return a.max(1) + np.log(e.sum(1)), lambda g: (np.repeat(g[:, None], a.shape[1], axis=1),)


@wrong("backpropagation.missing-operation", says="division by the row's sum")
def derivative_of_the_logarithm_forgotten(a):
    e = np.exp(a - a.max(1)[:, None])
    return a.max(1) + np.log(e.sum(1)), lambda g: ((g * e.T).T,)


@wrong("backpropagation.missing-operation", says="treats the result as a maximum")
def pull_as_for_a_maximum(a):
    e = np.exp(a - a.max(1)[:, None])
    winner = np.eye(a.shape[1])[a.argmax(1)]
    return a.max(1) + np.log(e.sum(1)), lambda g: (g[:, None] * winner,)


@wrong("backpropagation.missing-operation", says="expected shape (N,)")
def axis_of_the_value_kept(a):
    m = a.max(axis=1, keepdims=True)
    e = np.exp(a - m)
    s = e.sum(axis=1, keepdims=True)
    return m + np.log(s), lambda g: (g[:, None] * e / s,)


# ---------------------------------------------------------------- tape


def values_of(x, tape):
    v = [float(n) for n in x]
    for name, *at in tape:
        a = [v[i] for i in at]
        v.append({"add": sum, "mul": np.prod, "tanh": lambda a: np.tanh(a[0])}[name](a))
    return v


@wrong("backpropagation.tape", says="Gradients are overwritten")
def assigned_where_it_should_add(x, tape):
    v = values_of(x, tape)
    d = [0.0] * len(v)
    d[-1] = 1.0
    for k in range(len(tape) - 1, -1, -1):
        name, *at = tape[k]
        g = d[len(x) + k]
        if name == "add":
            d[at[0]] = g
            d[at[1]] = g
        elif name == "mul":
            d[at[0]] = g * v[at[1]]
            d[at[1]] = g * v[at[0]]
        else:
            d[at[0]] = g * (1 - v[len(x) + k] ** 2)
    return np.array(d[: len(x)])


@wrong("backpropagation.tape", says="counts only once")
def both_operands_in_one_assignment(x, tape):
    v = values_of(x, tape)
    d = [0.0] * len(v)
    d[-1] = 1.0
    for k in range(len(tape) - 1, -1, -1):
        name, i, *rest = tape[k]
        g = d[len(x) + k]
        if name == "tanh":
            d[i] += g * (1 - v[len(x) + k] ** 2)
        else:
            (j,) = rest
            a, b = (g, g) if name == "add" else (g * v[j], g * v[i])
            d[i], d[j] = d[i] + a, d[j] + b
    return np.array(d[: len(x)])


def swept(x, tape, steps, rule):
    v = values_of(x, tape)
    d = np.zeros(len(v))
    d[-1] = 1.0
    for k in steps:
        name, *at = tape[k]
        for i, slope in zip(at, rule(name, [v[i] for i in at], v[len(x) + k])):
            d[i] += d[len(x) + k] * slope
    return d


def right_rule(name, a, result):
    return {"add": (1, 1), "mul": a[::-1], "tanh": (1 - result**2,)}[name]


@wrong("backpropagation.tape", says="in the order of the tape")
def steps_forward(x, tape):
    return swept(x, tape, range(len(tape)), right_rule)[: len(x)]


@wrong("backpropagation.tape", says="wrong factors")
def factors_swapped(x, tape):
    def rule(name, a, result):
        return a if name == "mul" else right_rule(name, a, result)

    return swept(x, tape, reversed(range(len(tape))), rule)[: len(x)]


@wrong("backpropagation.tape", says="slope of tanh")
def slope_of_tanh_from_the_input(x, tape):
    def rule(name, a, result):
        return right_rule(name, a, a[0])

    return swept(x, tape, reversed(range(len(tape))), rule)[: len(x)]


def swept_with(x, tape, change):
    """Right, but for the slopes of some operations."""

    def rule(name, a, result):
        return change(name, a, result) or right_rule(name, a, result)

    return swept(x, tape, reversed(range(len(tape))), rule)[: len(x)]


@wrong("backpropagation.tape", says="applied to the step's result")
def tanh_of_tanh(x, tape):
    return swept_with(x, tape, lambda name, a, r: name == "tanh" and (1 - np.tanh(r) ** 2,))


@wrong("backpropagation.tape", says="The slope of tanh is missing")
def tanh_passed_through(x, tape):
    return swept_with(x, tape, lambda name, a, r: name == "tanh" and (1.0,))


@wrong("backpropagation.tape", says="A sum passes its gradient on as it is")
def sums_as_products(x, tape):
    return swept_with(x, tape, lambda name, a, r: name == "add" and a[::-1])


@wrong("backpropagation.tape", says="Only the first operand")
def second_operands_forgotten(x, tape):
    return swept_with(x, tape, lambda name, a, r: right_rule(name, a, r)[:1])


@wrong("backpropagation.tape", says="looked for at k")
def results_counted_from_zero(x, tape):
    v, d = values_of(x, tape), np.zeros(len(x) + len(tape))
    d[-1] = 1.0
    for k in reversed(range(len(tape))):
        name, *at = tape[k]
        for i, slope in zip(at, right_rule(name, [v[i] for i in at], v[k])):
            d[i] += d[k] * slope
    return d[: len(x)]


@wrong("backpropagation.tape", says="difference quotients")
def difference_quotients(x, tape):
    h = 1e-6
    moves = h * np.eye(len(x))
    last = [values_of(x + s * move, tape)[-1] for move in moves for s in (1, -1)]
    return np.array([(up - down) / (2 * h) for up, down in zip(last[::2], last[1::2])])


@wrong("backpropagation.tape", says="the first N of all values")
def gradients_of_all_values(x, tape):
    return swept(x, tape, reversed(range(len(tape))), right_rule)


@wrong("backpropagation.tape", says="a loop never end")
def one_message_for_every_path(x, tape):
    v, n = values_of(x, tape), len(x)
    d = np.zeros(n)

    def send(node, g):
        if node < n:
            d[node] += g
            return
        name, *at = tape[node - n]
        for i, slope in zip(at, right_rule(name, [v[i] for i in at], v[node])):
            send(i, g * slope)

    send(len(v) - 1, 1.0)
    return d


# ---------------------------------------------------------------- checkpoints


def all_inputs(x, n, forward):
    inputs = [x]
    for k in range(n):
        inputs.append(forward(k, inputs[k]))
    return inputs


@wrong("backpropagation.checkpoints", says="held at once")
def everything_kept(x, g, n, forward, pull):
    inputs = all_inputs(x, n, forward)
    for k in range(n - 1, -1, -1):
        g = pull(k, inputs[k], g)
    return g


@wrong("backpropagation.checkpoints", says="forward is called")
def everything_computed_again(x, g, n, forward, pull):
    for k in range(n - 1, -1, -1):
        value = x
        for i in range(k):
            value = forward(i, value)
        g = pull(k, value, g)
    return g


@wrong("backpropagation.checkpoints", says="given its output")
def output_for_input(x, g, n, forward, pull):
    inputs = all_inputs(x, n, forward)
    while n > 0:
        g = pull(n - 1, inputs[n], g)
        n -= 1
    return g


@wrong("backpropagation.checkpoints", says="order of the forward pass")
def first_layer_first(x, g, n, forward, pull):
    for k in range(n):
        g = pull(k, x, g)
        x = forward(k, x)
    return g


@wrong("backpropagation.checkpoints", says="input x: it needs the input of its own")
def only_the_first_input(x, g, n, forward, pull):
    for k in range(n)[::-1]:
        g = pull(k, x, g)
    return g


@wrong("backpropagation.checkpoints", says="off by one")
def inputs_one_layer_too_early(x, g, n, forward, pull):
    inputs = [x, *all_inputs(x, n, forward)]
    for k in range(n - 1, -1, -1):
        g = pull(k, inputs[k], g)
    return g


@wrong("backpropagation.checkpoints", says="values differ")
def last_layer_left_out(x, g, n, forward, pull):
    inputs = all_inputs(x, n, forward)
    for k in range(n - 2, -1, -1):
        g = pull(k, inputs[k], g)
    return g
