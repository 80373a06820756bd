"""Wrong answers to the exercises of the topic Perceptron and MLP."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from wrong import wrong

# ---- perceptron-step -----------------------------------------------------------------------------

STEP = "perceptron-and-mlp.perceptron-step"


@wrong(STEP, says="the test is ≤, not <")
def step_that_is_content_on_the_line(w, x, y):
    score = float(sum(a * b for a, b in zip(w, x)))
    if (score > 0 and y < 0) or (score < 0 and y > 0):
        return w + y * x
    return w


@wrong(STEP, says="changes the weights for every example")
def step_after_every_example(w, x, y):
    return w + y * x


@wrong(STEP, says="the wrong way round")
def step_when_the_answer_is_right(w, x, y):
    prediction = 1 if (w * x).sum() >= 0 else -1
    return w + y * x if prediction == y else w


@wrong(STEP, says="The test ignores y")
def step_whenever_the_score_is_not_positive(w, x, y):
    return w + y * x if w @ x <= 0 else w


@wrong(STEP, says="The step ignores y")
def step_that_always_adds_the_example(w, x, y):
    return w + x if y * (w @ x) <= 0 else w


@wrong(STEP, says="wrong sign")
def step_away_from_the_example(w, x, y):
    return w - y * x if y * (w @ x) <= 0 else w


@wrong(STEP, says="only y is added")
def step_of_the_target_alone(w, x, y):
    return w + y if y * (w @ x) <= 0 else w


@wrong(STEP, says="with little room")
def step_of_a_support_vector_machine(w, x, y):
    return w + y * x if 1 - y * (w @ x) > 0 else w


@wrong(STEP, says="one call is one step")
def steps_until_the_example_is_right(w, x, y):
    for _ in range(10**6):
        if y * (w @ x) > 0:
            break
        w = w + y * x
    return w


@wrong(STEP, says="the change alone")
def step_without_the_old_weights(w, x, y):
    change = np.zeros(len(w))
    if y * (w @ x) <= 0:
        change = change + y * x
    return change


@wrong(STEP, says="without a factor")
def step_with_a_learning_rate(w, x, y):
    return w + 0.1 * y * x if y * (w @ x) <= 0 else w


@wrong(STEP, says="changes its input w in place")
def step_in_place(w, x, y):
    if y * (w @ x) <= 0:
        w += y * x
    return w


@wrong(STEP, says="It returns one number")
def step_that_returns_the_prediction(w, x, y):
    return int(np.sign(w @ x))


@wrong(STEP, says="It returns None")
def step_that_forgets_to_return_right_weights(w, x, y):
    if y * (w @ x) <= 0:
        return w + y * x
    return None


# ---- xor -----------------------------------------------------------------------------------------

XOR = "perceptron-and-mlp.xor"


@wrong(STEP, says="taken to be 0 or 1")
def step_with_the_prediction_as_0_or_1(w, x, y):
    prediction = 1 if w @ x > 0 else 0
    return w + (y - prediction) * x


@wrong(STEP, says="entry by entry")
def step_in_the_entries_that_have_the_wrong_sign(w, x, y):
    changed = np.array(w)
    changed[y * x * w <= 0] += (y * x)[y * x * w <= 0]
    return changed


@wrong(STEP, says="that of the constant 1")
def step_that_leaves_the_bias_alone(w, x, y):
    changed = np.array(w)
    if y * (w @ x) <= 0:
        changed[1:] += y * x[1:]
    return changed


@wrong(STEP, says="right for neither y")
def step_that_compares_the_answer_with_the_target(w, x, y):
    answer = 1 if w @ x > 0 else -1
    return w if answer == y else w + y * x


@wrong(STEP, says="with 0, and not an answer of 1")
def step_that_answers_one_on_the_line(w, x, y):
    return w + y * x * (y != (1 if w @ x >= 0 else -1))


@wrong(XOR, says="a sum of exactly 0")
def xor_with_thresholds_on_the_whole_numbers(D):
    W2 = np.array([[1 if j % 2 == 0 else -1 for j in range(D)]])
    return np.ones((D, D)), np.array([-j - 1 for j in range(D)]), W2, np.array([-1])


@wrong(XOR, says="the opposite")
def xor_for_an_even_number(D):
    W2 = np.array([[-1.0 if j % 2 == 0 else 1.0 for j in range(D)]])
    return np.ones((D, D)), np.array([-j - 0.5 for j in range(D)]), W2, np.array([0.5])


@wrong(XOR, says="0 to every input")
def xor_with_thresholds_too_high(D):
    W2 = np.array([[1.0 if j % 2 == 0 else -1.0 for j in range(D)]])
    return np.ones((D, D)), np.array([-j - 0.5 for j in range(D)]), W2, np.array([-1.5])


@wrong(XOR, says="1 to every input")
def xor_with_the_sign_of_the_thresholds_reversed(D):
    W2 = np.array([[1.0 if j % 2 == 0 else -0.9 for j in range(D)]])
    return np.ones((D, D)), np.array([j + 0.5 for j in range(D)]), W2, np.array([0.5])


@wrong(XOR, says="It computes OR")
def xor_that_is_or(D):
    return np.ones((D, D)), np.full(D, -0.5), np.ones((1, D)), np.array([-0.5])


@wrong(XOR, says="It computes AND")
def xor_that_is_and(D):
    return np.eye(D), np.full(D, -0.5), np.ones((1, D)), np.array([0.5 - D])


@wrong(XOR, says="exactly one input is 1")
def xor_that_is_exactly_one(D):
    W2 = np.array([[1.0] + [-1.0] * (D - 1)])
    return np.ones((D, D)), -0.5 - np.arange(D), W2, np.array([-0.5])


@wrong(XOR, says="W1: expected shape (D, D) = (3, 3), got (2, 2)")
def xor_for_two_inputs_whatever_is_asked(D):
    W1, b1 = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([-0.5, -1.5])
    return W1, b1, np.array([[1.0, -1.0]]), np.array([-0.5])


@wrong(XOR, says="W2: expected shape (1, D)")
def xor_with_output_weights_without_a_row(D):
    return np.ones((D, D)), -np.arange(D) - 0.5, (-1.0) ** np.arange(D), np.array([-0.5])


@wrong(XOR, says="and should be")
def xor_with_the_last_unit_of_the_wrong_sign(D):
    W2 = np.array([[1.0 if j % 2 == 0 else -1.0 for j in range(D)]])
    W2[0, D - 1] *= -1 if D > 2 else 1
    return np.ones((D, D)), np.array([-j - 0.5 for j in range(D)]), W2, np.array([-0.5])


# ---- softmax -------------------------------------------------------------------------------------

SOFTMAX = "perceptron-and-mlp.softmax"


@wrong(SOFTMAX, says="It overflows for large scores")
def softmax_without_subtracting_the_maximum(z):
    return np.array([[np.exp(v) / sum(np.exp(u) for u in row) for v in row] for row in z])


@wrong(SOFTMAX, says="Every column sums to 1")
def softmax_of_the_columns(z):
    z = z - z.max(axis=0)
    return np.exp(z) / np.exp(z).sum(axis=0)


@wrong(SOFTMAX, says="All entries together sum to 1")
def softmax_of_the_whole_array(z):
    e = np.exp(z - z.max())
    return e / e.sum()


@wrong(SOFTMAX, says="far below it becomes 0 / 0")
def softmax_minus_the_largest_of_all(z):
    e = np.exp(z - np.amax(z))
    return e / e.sum(axis=1)[:, None]


@wrong(SOFTMAX, says="score of each column is subtracted")
def softmax_minus_the_largest_of_the_column(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=1)[:, None]


@wrong(SOFTMAX, says="a score far above it still overflows")
def softmax_minus_the_mean(z):
    e = np.exp(z - z.mean(axis=1)[:, None])
    return e / e.sum(axis=1)[:, None]


@wrong(SOFTMAX, says="not by its mean")
def softmax_divided_by_the_mean(z):
    e = np.exp(z - z.max(axis=1)[:, None])
    return e / e.mean(axis=1)[:, None]


@wrong(SOFTMAX, says="The rows do not sum to 1")
def softmax_that_only_exponentiates(z):
    return np.array([[math.exp(v - max(row)) for v in row] for row in z])


@wrong(SOFTMAX, says="The exponentials are missing")
def softmax_without_exponentials(z):
    return np.array([row / row.sum() for row in z])


@wrong(SOFTMAX, says="logarithms")
def softmax_that_is_log_softmax(z):
    z = z - z.max(axis=1)[:, None]
    return z - np.log(np.exp(z).sum(axis=1))[:, None]


@wrong(SOFTMAX, says="the sign of z is reversed")
def softmax_of_minus_z(z):
    e = np.exp(-(z - z.min(axis=1)[:, None]))
    return e / e.sum(axis=1)[:, None]


@wrong(SOFTMAX, says="by the sigmoid")
def softmax_that_is_the_sigmoid(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


@wrong(SOFTMAX, says="expected floating-point numbers")
def softmax_that_gives_the_class(z):
    return (z == z.max(axis=1)[:, None]).astype(int)


# ---- mlp-forward ---------------------------------------------------------------------------------

FORWARD = "perceptron-and-mlp.mlp-forward"


@wrong(SOFTMAX, says="normalized over the wrong axis")
def softmax_with_the_sums_of_columns(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / sum(e)


@wrong(SOFTMAX, says="names the class")
def softmax_that_is_one_hot(z):
    return (z == z.max(axis=1, keepdims=True)) * (np.cumsum(z == z.max(1)[:, None], 1) == 1.0) * 1.0


@wrong(SOFTMAX, says="what is left of the scores")
def softmax_without_exponentials_after_the_maximum(z):
    rest = z - z.max(axis=1, keepdims=True)
    return rest / rest.sum(axis=1, keepdims=True)


@wrong(SOFTMAX, says="cut nothing")
def softmax_of_clipped_scores(z):
    e = np.exp(np.clip(z, -300, 300))
    return e / e.sum(axis=1, keepdims=True)


@wrong(FORWARD, says="without it the two layers are one")
def forward_without_relu(X, W1, b1, W2, b2):
    A1 = np.array([W1 @ x + b1 for x in X])
    return A1, np.array([W2 @ a + b2 for a in A1])


@wrong(FORWARD, says="before the ReLU")
def forward_that_returns_the_sums(X, W1, b1, W2, b2):
    Z1 = X @ W1.T + b1
    A1 = np.where(Z1 > 0, Z1, 0)
    return Z1, A1 @ W2.T + b2


@wrong(FORWARD, says="scores may be negative")
def forward_with_relu_at_the_end(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, None)
    return A1, np.clip(A1 @ W2.T + b2, 0, None)


@wrong(FORWARD, says="without a softmax")
def forward_with_softmax(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, None)
    e = np.exp(A1 @ W2.T + b2)
    return A1, e / e.sum(axis=1)[:, None]


@wrong(FORWARD, says="The biases are missing")
def forward_without_biases(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T, 0, None)
    return A1, A1 @ W2.T


@wrong(FORWARD, says="b1 of the hidden layer is missing")
def forward_without_the_first_bias(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T, 0, None)
    return A1, A1 @ W2.T + b2


@wrong(FORWARD, says="b2 of the last layer is missing")
def forward_without_the_second_bias(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, None)
    return A1, A1 @ W2.T


@wrong(FORWARD, says="added after the ReLU")
def forward_with_the_bias_outside(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T, 0, None) + b1
    return A1, A1 @ W2.T + b2


@wrong(FORWARD, says="the hidden units come first")
def forward_with_results_swapped(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, None)
    return A1 @ W2.T + b2, A1


@wrong(FORWARD, says="it is X @ W1.T, and A1 @ W2.T")
def forward_with_weights_not_transposed(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1 + b1, 0, None)
    return A1, A1 @ W2 + b2


@wrong(FORWARD, says="it is A1 @ W2.T.")
def forward_with_the_last_weights_not_transposed(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, None)
    return A1, A1 @ W2 + b2


@wrong(FORWARD, says="the wrong half")
def forward_with_minimum(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, None, 0)
    return A1, A1 @ W2.T + b2


@wrong(FORWARD, says="leaves nothing negative")
def forward_with_leaky_relu(X, W1, b1, W2, b2):
    Z1 = X @ W1.T + b1
    A1 = np.where(Z1 > 0, Z1, 0.01 * Z1)
    return A1, A1 @ W2.T + b2


@wrong(FORWARD, says="Expected 2 values (A1 (B, M), Z2 (B, K))")
def forward_that_returns_the_scores_only(X, W1, b1, W2, b2):
    return np.clip(X @ W1.T + b1, 0, None) @ W2.T + b2


@wrong(FORWARD, says="transposed")
def forward_with_one_example_per_column(X, W1, b1, W2, b2):
    A1 = np.clip(W1 @ X.T + b1[:, None], 0, None)
    return A1, W2 @ A1 + b2[:, None]


@wrong(FORWARD, says="A1: values differ")
def forward_with_sigmoid(X, W1, b1, W2, b2):
    A1 = 1 / (1 + np.exp(-(X @ W1.T + b1)))
    return A1, A1 @ W2.T + b2


# ---- mlp-backward --------------------------------------------------------------------------------

BACKWARD = "perceptron-and-mlp.mlp-backward"


def kept(X, W1, b1, W2, b2):
    """Z1, A1 and the probabilities."""
    Z1 = X @ W1.T + b1
    A1 = np.clip(Z1, 0, None)
    Z2 = A1 @ W2.T + b2
    e = np.exp(Z2 - Z2.max(axis=1)[:, None])
    return Z1, A1, e / e.sum(axis=1)[:, None]


@wrong(FORWARD, says="sums before the ReLU")
def forward_with_scores_of_the_sums(X, W1, b1, W2, b2):
    Z1 = X @ W1.T + b1
    return np.maximum(0, Z1), Z1 @ W2.T + b2


@wrong(FORWARD, says="The biases are subtracted")
def forward_with_biases_as_thresholds(X, W1, b1, W2, b2):
    A1 = np.maximum(0, X @ W1.T - b1)
    return A1, A1 @ W2.T - b2


@wrong(FORWARD, says="A ReLU has no upper limit")
def forward_with_relu_that_ends_at_six(X, W1, b1, W2, b2):
    A1 = np.clip(X @ W1.T + b1, 0, 6)
    return A1, A1 @ W2.T + b2


@wrong(BACKWARD, says="B times too large")
def backward_of_the_sum(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    dW1, db1, dW2, db2 = 0 * W1, 0 * b1, 0 * W2, 0 * b2
    for n in range(len(X)):
        d2 = P[n].copy()
        d2[y[n]] -= 1
        d1 = (W2.T @ d2) * (Z1[n] > 0)
        dW1, db1 = dW1 + np.outer(d1, X[n]), db1 + d1
        dW2, db2 = dW2 + np.outer(d2, A1[n]), db2 + d2
    return dW1, db1, dW2, db2


@wrong(BACKWARD, says="The truth is missing: ")
def backward_of_the_probabilities_alone(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = P / len(X)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="All signs are reversed")
def backward_of_truth_minus_prediction(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = -P
    D2[range(len(X)), y] += 1
    D2 /= len(X)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


def error(P, y):
    """The right error signal of the scores."""
    D2 = P.copy()
    D2[range(len(y)), y] -= 1
    return D2 / len(y)


@wrong(BACKWARD, says="The ReLU's slope is missing")
def backward_through_units_that_are_off(X, y, W1, b1, W2, b2):
    _, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="At exactly 0")
def backward_with_slope_one_at_zero(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = np.where(Z1 < 0, 0, D2 @ W2)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="it needs the slope, which is 0 or 1")
def backward_times_the_activation(X, y, W1, b1, W2, b2):
    _, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * A1
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="sums over the batch")
def backward_with_the_mean_for_the_biases(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.mean(0), D2.T @ A1, D2.mean(0)


@wrong(BACKWARD, says="one row per example")
def backward_with_biases_not_summed(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1, D2.T @ A1, D2


@wrong(BACKWARD, says="not over the examples")
def backward_with_biases_summed_over_units(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(1), D2.T @ A1, D2.sum(1)


@wrong(BACKWARD, says="are transposed")
def backward_with_gradients_transposed(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return X.T @ D1, D1.sum(0), A1.T @ D2, D2.sum(0)


@wrong(BACKWARD, says="divided by B once more")
def backward_with_the_mean_twice(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2, N = error(P, y), len(X)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X / N, D1.sum(0), D2.T @ A1 / N, D2.sum(0)


@wrong(BACKWARD, says="not over all entries")
def backward_of_the_mean_over_all_entries(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y) / len(b2)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="in cross-entropy it cancels")
def backward_with_the_slope_of_the_sigmoid(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y) * P * (1 - P)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="the activations after the ReLU")
def backward_with_the_sums_of_the_hidden_layer(X, y, W1, b1, W2, b2):
    Z1, _, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ Z1, D2.sum(0)


@wrong(BACKWARD, says="Its softmax overflows")
def backward_with_a_softmax_that_overflows(X, y, W1, b1, W2, b2):
    Z1 = X @ W1.T + b1
    A1 = np.clip(Z1, 0, None)
    e = np.exp(A1 @ W2.T + b2)
    D2 = error(e / e.sum(axis=1)[:, None], y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="Expected 4 values")
def backward_with_a_dictionary(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return {"W1": D1.T @ X, "b1": D1.sum(0), "W2": D2.T @ A1, "b2": D2.sum(0)}


@wrong(BACKWARD, says="takes whole columns")
def backward_with_one_subtracted_from_whole_columns(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = P.copy()
    D2[:, y] -= 1
    D2 = D2 / len(X)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="subtract its one-hot")
def backward_with_the_number_of_the_class(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = (P - y[:, None]) / len(X)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="twice too large")
def backward_with_the_factor_of_the_squared_error(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = 2 * error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="The order of the results")
def backward_with_the_weights_first(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D2.T @ A1, D1.sum(0), D2.sum(0)


@wrong(BACKWARD, says="an axis too many")
def backward_with_biases_as_rows(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0)
    return D1.T @ X, D1.sum(0, keepdims=True), D2.T @ A1, D2.sum(0, keepdims=True)


@wrong(BACKWARD, says="first layer are divided by B once more")
def backward_with_the_first_layer_divided_again(X, y, W1, b1, W2, b2):
    Z1, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = D2 @ W2 * (Z1 > 0) / len(X)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


@wrong(BACKWARD, says="asked of the error signal")
def backward_with_relu_of_the_error_signal(X, y, W1, b1, W2, b2):
    _, A1, P = kept(X, W1, b1, W2, b2)
    D2 = error(P, y)
    D1 = np.maximum(D2 @ W2, 0)
    return D1.T @ X, D1.sum(0), D2.T @ A1, D2.sum(0)


# ---- spirals -------------------------------------------------------------------------------------

SPIRALS = "perceptron-and-mlp.spirals"


def arms(n=600):
    """Points of the two arms, and their classes."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, size=n)
    r = rng.uniform(0.2, 1, size=n)
    turn = 2.5 * np.pi * r + np.pi * y + rng.uniform(-0.8, 0.8, size=n)
    points = np.stack([r * np.cos(turn), r * np.sin(turn)], axis=1)
    return torch.tensor(points, dtype=torch.float32), torch.tensor(y)


def trained(net, steps=300, lr=0.05, swap=False):
    """The network after some steps of Adam."""
    X, y = arms()
    y = 1 - y if swap else y
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        optimizer.step()
    return net


@wrong(SPIRALS, says="a linear function of the points")
def spirals_by_two_layers_without_activation():
    return trained(nn.Sequential(nn.Linear(2, 10), nn.Linear(10, 2)), steps=100)


@wrong(SPIRALS, says="It stores 322 numbers")
def spirals_by_a_wide_network():
    return trained(nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2)), steps=100)


class Neighbors(nn.Module):
    """The class of the nearest training point; the points are in no parameter."""

    def __init__(self):
        super().__init__()
        self.memory = [point.tolist() for point in arms()[0]]
        self.classes = arms()[1].tolist()

    def forward(self, x):
        nearest = torch.cdist(x, torch.tensor(self.memory)).argmin(dim=1)
        return F.one_hot(torch.tensor(self.classes)[nearest], 2).float()


@wrong(SPIRALS, says="It stores 1804 numbers")
def spirals_by_points_kept_in_a_list():
    return Neighbors()


class Hidden(nn.Module):
    """A network whose first layer is no parameter, but a buffer or an attribute."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = [torch.randn(2, 30, generator=generator)]
        self.register_buffer("bias", torch.randn(30, generator=generator))
        self.last = nn.Linear(30, 2, bias=False)

    def forward(self, x):
        return self.last(torch.tanh(x @ self.first[0] + self.bias))


@wrong(SPIRALS, says="It stores 150 numbers")
def spirals_by_random_features_that_are_no_parameters():
    return Hidden()


class Packed(nn.Module):
    """The nearest of many points, kept as bytes."""

    def __init__(self, X, y):
        super().__init__()
        self.points, self.classes = X.numpy().tobytes(), y.numpy().astype("u1").tobytes()

    def forward(self, x):
        X = torch.frombuffer(bytearray(self.points), dtype=torch.float32).reshape(-1, 2)
        y = torch.frombuffer(bytearray(self.classes), dtype=torch.uint8).long()
        return F.one_hot(y[torch.cdist(x, X).argmin(1)], 2).float()


@wrong(SPIRALS, says="It stores 1350 numbers")
def spirals_by_points_kept_as_bytes():
    return Packed(*arms())


class View(nn.Module):
    """The nearest of many points, which lie behind a tensor of one number."""

    def __init__(self, X, y):
        super().__init__()
        self.first = torch.cat([X, y[:, None].float()], 1).reshape(-1)[:1]

    def forward(self, x):
        rows = self.first.as_strided((500, 3), (3, 1))
        near = torch.cdist(x, rows[:, :2].contiguous()).argmin(1)
        return F.one_hot(rows[near, 2].long(), 2).float()


@wrong(SPIRALS, says="It stores 1500 numbers")
def spirals_by_points_behind_a_view():
    return View(*arms(500))


@wrong(SPIRALS, says="fresh points are right, and")
def spirals_by_too_few_steps():
    torch.manual_seed(0)
    return trained(nn.Sequential(nn.Linear(2, 11), nn.Tanh(), nn.Linear(11, 2)), steps=20)


@wrong(SPIRALS, says="the other class")
def spirals_with_the_classes_swapped():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 11), nn.Tanh(), nn.Linear(11, 2))
    return trained(net, steps=800, swap=True)


@wrong(SPIRALS, says="training diverged")
def spirals_after_a_training_that_diverged():
    net = nn.Sequential(nn.Linear(2, 11), nn.Tanh(), nn.Linear(11, 2))
    nn.init.constant_(net[2].weight, torch.nan)
    return net


@wrong(SPIRALS, says="every point the same class")
def spirals_from_zeros():
    net = nn.Sequential(nn.Linear(2, 11), nn.Tanh(), nn.Linear(11, 2))
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    return net


@wrong(SPIRALS, says="scores: expected shape (N, 2) = (2000, 2)")
def spirals_with_one_score():
    return nn.Sequential(nn.Linear(2, 11), nn.Tanh(), nn.Linear(11, 1))
