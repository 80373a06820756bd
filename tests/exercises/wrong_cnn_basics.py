"""Wrong answers to the exercises of the topic cnn-basics."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from wrong import wrong

# ---- Output size ---------------------------------------------------------------------------------


@wrong("cnn-basics.output-size", says="leaves fractions")
def map_size_with_a_fraction(n, k, stride, padding, dilation):
    covered = dilation * (k - 1) + 1
    return 1 + (n + padding + padding - covered) / stride


@wrong("cnn-basics.output-size", says="rounds up")
def map_size_rounded_up(n, k, stride, padding, dilation):
    return math.ceil((n + 2 * padding - dilation * (k - 1) - 1) / stride) + 1


@wrong("cnn-basics.output-size", says="These are the steps")
def map_size_counting_the_steps(n, k, stride, padding, dilation):
    steps, left = 0, n + 2 * padding - dilation * (k - 1) - 1
    while left >= stride:
        steps, left = steps + 1, left - stride
    return steps


@wrong("cnn-basics.output-size", says="not into it")
def map_size_with_the_one_inside_the_division(n, k, stride, padding, dilation):
    return int((n + 2 * padding - (dilation * (k - 1) + 1) + 1) / stride)


@wrong("cnn-basics.output-size", says="One place too many")
def map_size_with_k_minus_1_covered_pixels(n, k, stride, padding, dilation):
    return len(range(0, n + 2 * padding - dilation * (k - 1) + 1, stride))


@wrong("cnn-basics.output-size", says="has two sides")
def map_size_with_padding_counted_once(n, k, stride, padding, dilation):
    return len(range(0, n + padding - dilation * (k - 1), stride))


@wrong("cnn-basics.output-size", says="padding is missing")
def map_size_without_padding(n, k, stride, padding, dilation):
    return len(range(0, n - dilation * (k - 1), stride))


@wrong("cnn-basics.output-size", says="Dilation is ignored")
def map_size_without_dilation(n, k, stride, padding, dilation):
    return len(range(0, n + 2 * padding - k + 1, stride))


@wrong("cnn-basics.output-size", says="only k − 1 gaps")
def map_size_with_a_kernel_of_dilation_times_k(n, k, stride, padding, dilation):
    return len(range(0, n + 2 * padding - dilation * k + 1, stride))


@wrong("cnn-basics.output-size", says="Stride is ignored")
def map_size_without_stride(n, k, stride, padding, dilation):
    return len(range(0, n + 2 * padding - dilation * (k - 1)))


@wrong("cnn-basics.output-size", says="no whole number")
def map_size_rounded_down_but_left_a_float(n, k, stride, padding, dilation):
    return np.floor((n + 2 * padding - dilation * (k - 1) - 1) / stride) + 1


@wrong("cnn-basics.output-size", says="dilation − 1 pixels between them")
def map_size_with_dilation_pixels_between_the_taps(n, k, stride, padding, dilation):
    covered = k + (k - 1) * dilation
    return (n + 2 * padding - covered) // stride + 1


@wrong("cnn-basics.output-size", says="don't subtract it")
def map_size_with_padding_subtracted(n, k, stride, padding, dilation):
    return len(range(0, n - 2 * padding - dilation * (k - 1), stride))


# ---- Convolution ---------------------------------------------------------------------------------


def convolved(x, w, b, stride, padding):
    """Right, with loops."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    maps, _, rows, columns = w.shape
    tops = range(0, x.shape[2] - rows + 1, stride)
    lefts = range(0, x.shape[3] - columns + 1, stride)
    z = np.zeros((len(x), maps, len(tops), len(lefts)))
    for n in range(len(x)):
        for m in range(maps):
            for i, top in enumerate(tops):
                for j, left in enumerate(lefts):
                    window = x[n, :, top : top + rows, left : left + columns]
                    z[n, m, i, j] = (window * w[m]).sum() + b[m]
    return z


@wrong("cnn-basics.convolution", says="turned around")
def convolve_with_the_kernel_turned_around(x, w, b, stride, padding):
    return convolved(x, np.rot90(w, 2, axes=(2, 3)), b, stride, padding)


@wrong("cnn-basics.convolution", says="The bias is missing")
def convolve_without_bias(x, w, b, stride, padding):
    return convolved(x, w, b, stride, padding) - b.reshape(1, -1, 1, 1)


@wrong("cnn-basics.convolution", says="once for every channel")
def convolve_with_the_bias_added_in_the_channel_loop(x, w, b, stride, padding):
    z = 0
    for c in range(x.shape[1]):
        z = z + convolved(x[:, c : c + 1], w[:, c : c + 1], b, stride, padding)
    return z


@wrong("cnn-basics.convolution", says="Only one channel")
def convolve_overwriting_the_channels_before(x, w, b, stride, padding):
    for c in range(x.shape[1]):
        z = convolved(x[:, c : c + 1], w[:, c : c + 1], b, stride, padding)
    return z


@wrong("cnn-basics.convolution", says="averages over the channels")
def convolve_with_a_mean_over_channels(x, w, b, stride, padding):
    return (convolved(x, w, b * x.shape[1], stride, padding)) / x.shape[1]


@wrong("cnn-basics.convolution", says="Padding is ignored")
def convolve_without_padding(x, w, b, stride, padding):
    return convolved(x, w, b, stride, 0)


@wrong("cnn-basics.convolution", says="on one side only")
def convolve_with_padding_below_and_right_only(x, w, b, stride, padding):
    n, c, height, width = x.shape
    framed = np.zeros((n, c, height + 2 * padding, width + 2 * padding))
    framed[:, :, :height, :width] = x
    return convolved(framed, w, b, stride, 0)


@wrong("cnn-basics.convolution", says="Stride is ignored")
def convolve_without_stride(x, w, b, stride, padding):
    return convolved(x, w, b, 1, padding)


@wrong("cnn-basics.convolution", says="one pixel apart")
def convolve_with_windows_at_i_and_j(x, w, b, stride, padding):
    z = np.zeros(convolved(x, w, b, stride, padding).shape)
    every = convolved(x, w, b, 1, padding)
    for i in range(z.shape[2]):
        for j in range(z.shape[3]):
            z[:, :, i, j] = every[:, :, i, j]
    return z


@wrong("cnn-basics.convolution", says="along both axes")
def convolve_with_stride_for_rows_only(x, w, b, stride, padding):
    return convolved(x, w, b, 1, padding)[:, :, ::stride]


@wrong("cnn-basics.convolution", says="axes are swapped")
def convolve_with_the_kernel_transposed(x, w, b, stride, padding):
    return convolved(x, np.swapaxes(w, 2, 3), b, stride, padding)


@wrong("cnn-basics.convolution", says="The last row and column of the map are missing")
def convolve_with_a_map_that_is_one_too_small(x, w, b, stride, padding):
    z = convolved(x, w, b, stride, padding)
    return z[:, :, : z.shape[2] - 1, : z.shape[3] - 1]


@wrong("cnn-basics.convolution", says="never filled in")
def convolve_with_loops_that_end_too_early(x, w, b, stride, padding):
    right = convolved(x, w, b, stride, padding)
    z = np.zeros(right.shape)
    for i in range(right.shape[2] - 1):
        for j in range(right.shape[3] - 1):
            z[:, :, i, j] = right[:, :, i, j]
    return z


@wrong("cnn-basics.convolution", says="Only the kernel's rows")
def convolve_with_the_rows_of_the_kernel_turned_around(x, w, b, stride, padding):
    return convolved(x, np.flip(w, axis=2), b, stride, padding)


@wrong("cnn-basics.convolution", says="The axes of z are in another order")
def convolve_with_the_maps_last(x, w, b, stride, padding):
    return np.moveaxis(convolved(x, w, b, stride, padding), 1, -1)


@wrong("cnn-basics.convolution", says="There is a ReLU")
def convolve_with_relu(x, w, b, stride, padding):
    return convolved(x, w, b, stride, padding).clip(0)


@wrong("cnn-basics.convolution", says="averages over the kernel's weights")
def convolve_with_a_mean_over_the_window(x, w, b, stride, padding):
    z = convolved(x, w, 0 * b, stride, padding) / w[0, 0].size
    return z + b[:, None, None]


@wrong("cnn-basics.convolution", says="should hold zeros")
def convolve_with_a_frame_of_edge_pixels(x, w, b, stride, padding):
    frame = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return convolved(np.pad(x, frame, mode="edge"), w, b, stride, 0)


@wrong("cnn-basics.convolution", says="thinned out")
def convolve_pictures_of_every_second_pixel(x, w, b, stride, padding):
    return convolved(x[:, :, ::stride, ::stride], w, b, 1, padding)


# ---- Receptive field -----------------------------------------------------------------------------


@wrong("cnn-basics.receptive-field", says="wrong order")
def sees_from_the_first_layer_on(layers, i):
    first, last = i, i
    for k, s, p in layers:
        first, last = s * first - p, s * last - p + k - 1
    return first, last


@wrong("cnn-basics.receptive-field", says="Padding is ignored")
def sees_without_padding(layers, i):
    first, last = i, i
    for k, s, _ in layers[::-1]:
        first, last = s * first, s * last + k - 1
    return first, last


@wrong("cnn-basics.receptive-field", says="too early")
def sees_with_padding_before_stride(layers, i):
    first, last = i, i
    for k, s, p in layers[::-1]:
        first, last = s * (first - p), s * (last - p) + k - 1
    return first, last


@wrong("cnn-basics.receptive-field", says="both ends the same way")
def sees_with_padding_on_both_sides(layers, i):
    first, last = i, i
    for k, s, p in layers[::-1]:
        first, last = s * first - p, s * last + k - 1 + p
    return first, last


@wrong("cnn-basics.receptive-field", says="wrong sign")
def sees_with_padding_added(layers, i):
    first, last = i, i
    for k, s, p in layers[::-1]:
        first, last = s * first + p, s * last + p + k - 1
    return first, last


@wrong("cnn-basics.receptive-field", says="Stride is ignored")
def sees_without_stride(layers, i):
    return i - sum(p for _, _, p in layers), i + sum(k - 1 - p for k, _, p in layers)


@wrong("cnn-basics.receptive-field", says="too far")
def sees_with_k_in_place_of_k_minus_1(layers, i):
    first, last = i, i
    for k, s, p in layers[::-1]:
        first, last = s * first - p, s * last - p + k
    return first, last


@wrong("cnn-basics.receptive-field", says="centered on its place")
def sees_around_the_center(layers, i):
    first, last = i, i
    for k, s, _ in layers[::-1]:
        first, last = s * first - k // 2, s * last + k // 2
    return first, last


def seen(layers, i):
    """Right: the places of each map, one by one."""
    places = {i}
    for k, s, p in layers[::-1]:
        places = {s * place - p + u for place in places for u in (0, k - 1)}
    return min(places), max(places)


@wrong("cnn-basics.receptive-field", says="this is the one after")
def sees_up_to_the_pixel_after_the_last(layers, i):
    first, last = seen(layers, i)
    return range(first, last + 1).start, range(first, last + 1).stop


@wrong("cnn-basics.receptive-field", says="this is its size")
def sees_with_the_size_in_place_of_the_last(layers, i):
    first, last = seen(layers, i)
    return first, len(range(first, last + 1))


@wrong("cnn-basics.receptive-field", says="cuts the field off")
def sees_without_the_frame(layers, i):
    first, last = seen(layers, i)
    return (first if first > 0 else 0), last


@wrong("cnn-basics.receptive-field", says="i is added at the end")
def sees_from_place_0_moved_by_i(layers, i):
    first, last = seen(layers, 0)
    return i + first, i + last


@wrong("cnn-basics.receptive-field", says="these from 1")
def sees_counting_from_1(layers, i):
    first, last = seen(layers, i)
    return 1 + first, 1 + last


@wrong("cnn-basics.receptive-field", says="Only one window is followed")
def sees_with_last_taken_from_first(layers, i):
    first = last = i
    for k, s, p in layers[::-1]:
        first = s * first - p
        last = first + k - 1
    return first, last


@wrong("cnn-basics.receptive-field", says="own stride spreads its results")
def sees_with_the_jump_multiplied_too_early(layers, i):
    first, size, jump = 0, 1, 1
    for k, s, p in layers:
        jump *= s
        first, size = first - p * jump, size + (k - 1) * jump
    return first + i * jump, first + i * jump + size - 1


@wrong("cnn-basics.receptive-field", says="without the strides below it")
def sees_with_paddings_summed(layers, i):
    size, jump = 1, 1
    for k, s, _ in layers:
        size, jump = size + (k - 1) * jump, jump * s
    first = i * jump - sum(p for _, _, p in layers)
    return first, first + size - 1


# ---- Max pooling ---------------------------------------------------------------------------------


def places(x, delta, k, stride):
    """Every entry of delta, and its window."""
    for n, c, i, j in np.ndindex(*delta.shape):
        rows = slice(i * stride, i * stride + k)
        yield (n, c, i, j), (n, c, rows, slice(j * stride, j * stride + k))


def pooled(x, delta, k, stride):
    """Right, with loops."""
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        dx[window].flat[x[window].argmax()] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="don't overwrite")
def pool_overwriting_the_gradient(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        dx[window].flat[x[window].argmax()] = delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="all of them get the signal")
def pool_with_the_signal_for_all_that_tie(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        dx[window][x[window] == z[at]] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="they share the signal")
def pool_by_torch_amax(x, delta, k, stride):
    x = torch.tensor(x, requires_grad=True)
    z = x.unfold(2, k, stride).unfold(3, k, stride).amax(dim=(4, 5))
    z.backward(torch.as_tensor(delta))
    return z.detach(), x.grad


@wrong("cnn-basics.max-pooling", says="the last one gets the signal")
def pool_with_the_last_of_those_that_tie(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        best = -np.inf
        for place, value in enumerate(x[window].ravel()):
            if value >= best:
                best, winner = value, place
        z[at] = best
        dx[window].flat[winner] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="The whole window gets the signal")
def pool_with_the_signal_for_the_whole_window(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        dx[window] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="counted in its window")
def pool_with_places_of_the_window(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        row, column = np.unravel_index(x[window].argmax(), (k, k))
        dx[at[0], at[1], row, column] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="leaves out delta")
def pool_without_the_signal_from_above(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        dx[window].flat[x[window].argmax()] += 1
    return z, dx


@wrong("cnn-basics.max-pooling", says="winners themselves")
def pool_sending_back_the_maxima(x, delta, k, stride):
    z = pooled(x, delta, k, stride)[0]
    return z, pooled(x, z, k, stride)[1]


@wrong("cnn-basics.max-pooling", says="pools by the mean")
def pool_by_the_mean(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].mean()
        dx[window] += delta[at] / k / k
    return z, dx


@wrong("cnn-basics.max-pooling", says="begins at 0")
def pool_beginning_at_zero(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        winner = None
        for place, value in enumerate(x[window].ravel()):
            if value > z[at]:
                z[at], winner = value, place
        if winner is not None:
            dx[window].flat[winner] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="swapped")
def pool_with_the_gradient_first(x, delta, k, stride):
    z, dx = pooled(x, delta, k, stride)
    return dx, z


@wrong("cnn-basics.max-pooling", says="row and column are swapped")
def pool_with_row_and_column_swapped(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        z[at] = x[window].max()
        column, row = divmod(x[window].argmax(), k)
        dx[window][row, column] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="here the stride is missing")
def pool_with_winners_counted_from_i_and_j(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for at, window in places(x, delta, k, stride):
        n, c, i, j = at
        z[at] = x[window].max()
        row, column = divmod(x[window].argmax(), k)
        dx[n, c, i + row, j + column] += delta[at]
    return z, dx


@wrong("cnn-basics.max-pooling", says="not at k·i and k·j")
def pool_with_windows_side_by_side(x, delta, k, stride):
    z, dx = np.zeros(delta.shape), np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*delta.shape):
        window = x[n, c, k * i : k * i + k, k * j : k * j + k]
        if window.size:
            z[n, c, i, j] = window.max()
            row, column = divmod(window.argmax(), window.shape[1])
            dx[n, c, k * i + row, k * j + column] += delta[n, c, i, j]
    return z, dx


@wrong("cnn-basics.max-pooling", says="not column by column")
def pool_with_the_first_of_a_tie_in_columns(x, delta, k, stride):
    z, dx = pooled(x.swapaxes(2, 3), delta.swapaxes(2, 3), k, stride)
    return z.swapaxes(2, 3), dx.swapaxes(2, 3)


@wrong("cnn-basics.max-pooling", says="in the whole picture")
def pool_with_the_winner_looked_for_everywhere(x, delta, k, stride):
    z, dx = pooled(x, delta, k, stride)[0], np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*delta.shape):
        dx[n, c][x[n, c] == z[n, c, i, j]] += delta[n, c, i, j]
    return z, dx


@wrong("cnn-basics.max-pooling", says="by the minimum")
def pool_by_the_minimum(x, delta, k, stride):
    z, dx = pooled(-x, delta, k, stride)
    return -z, dx


@wrong("cnn-basics.max-pooling", says="multiplied by x")
def pool_with_the_gradient_times_the_pixels(x, delta, k, stride):
    z, dx = pooled(x, delta, k, stride)
    return z, x * dx


# ---- Matrix --------------------------------------------------------------------------------------


def rows_of(w, height, width):
    """Right: one row for each output, each made from a picture of zeros."""
    rows = []
    for i in range(height - w.shape[0] + 1):
        for j in range(width - w.shape[1] + 1):
            picture = np.zeros((height, width))
            picture[i : i + w.shape[0], j : j + w.shape[1]] = w
            rows.append(picture)
    return np.array(rows)


def as_matrix_right(w, height, width):
    return rows_of(w, height, width).reshape(-1, height * width)


@wrong("cnn-basics.matrix", says="It is transposed")
def as_matrix_with_a_column_for_each_output(w, height, width):
    return as_matrix_right(w, height, width).T


@wrong("cnn-basics.matrix", says="turned around")
def as_matrix_with_the_kernel_turned_around(w, height, width):
    return as_matrix_right(np.rot90(w, 2), height, width)


@wrong("cnn-basics.matrix", says="Height and width are swapped")
def as_matrix_of_a_picture_on_its_side(w, height, width):
    return as_matrix_right(w, width, height)


@wrong("cnn-basics.matrix", says="The kernel's axes are swapped")
def as_matrix_with_the_kernel_transposed(w, height, width):
    return as_matrix_right(w.T, height, width)


@wrong("cnn-basics.matrix", says="moved on by one")
def as_matrix_running_over_the_right_edge(w, height, width):
    first = as_matrix_right(w, height, width)[0]
    outputs = (height - w.shape[0] + 1) * (width - w.shape[1] + 1)
    return np.stack([np.roll(first, r) for r in range(outputs)])


@wrong("cnn-basics.matrix", says="as many as a row of the map")
def as_matrix_with_the_width_of_the_map(w, height, width):
    rows, columns = height - w.shape[0] + 1, width - w.shape[1] + 1
    T = np.zeros((rows * columns, height * width))
    for r in range(len(T)):
        i, j = divmod(r, columns)
        for u in range(w.shape[0]):
            for v in range(w.shape[1]):
                T[r, (i + u) * columns + j + v] = w[u, v]
    return T


@wrong("cnn-basics.matrix", says="The pixels are numbered column by column")
def as_matrix_with_pixels_in_column_order(w, height, width):
    return rows_of(w, height, width).swapaxes(1, 2).reshape(-1, height * width)


@wrong("cnn-basics.matrix", says="The outputs are numbered column by column")
def as_matrix_with_outputs_in_column_order(w, height, width):
    T, columns = as_matrix_right(w, height, width), width - w.shape[1] + 1
    return np.concatenate([T[j::columns] for j in range(columns)])


@wrong("cnn-basics.matrix", says="side by side")
def as_matrix_with_the_kernel_in_one_piece(w, height, width):
    rows = []
    for i in range(height - w.shape[0] + 1):
        for j in range(width - w.shape[1] + 1):
            row = [0.0] * (height * width)
            for t, weight in enumerate(w.reshape(-1).tolist()):
                if i * width + j + t < len(row):
                    row[i * width + j + t] = weight
            rows.append(row)
    return np.array(rows)


@wrong("cnn-basics.matrix", says="an output for every pixel")
def as_matrix_with_windows_that_leave_the_picture(w, height, width):
    framed = np.zeros((height + w.shape[0], width + w.shape[1]))
    T = []
    for i in range(height):
        for j in range(width):
            picture = framed.copy()
            picture[i : i + w.shape[0], j : j + w.shape[1]] = w
            T.append(picture[:height, :width].ravel())
    return np.array(T)


@wrong("cnn-basics.matrix", says="The last row and column")
def as_matrix_of_a_map_that_is_one_too_small(w, height, width):
    rows, columns = height - w.shape[0], width - w.shape[1]
    T = np.zeros((rows * columns, height * width))
    for i in range(rows):
        for j in range(columns):
            for u in range(w.shape[0]):
                for v in range(w.shape[1]):
                    T[i * columns + j, (i + u) * width + j + v] = w[u, v]
    return T


# ---- A small network -----------------------------------------------------------------------------


def narrow(*head):
    """Convolutions with 800 numbers, and a head."""
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(6, 8, 3, 1, 1), nn.ReLU(), *head),
    )


def trained(n=1000, **look):
    """With batch normalization, for a moment."""
    from utils.data import load
    from utils.training import fit

    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 5, 2, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
    model = nn.Sequential(*layers, nn.Conv2d(4, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU())
    model.extend([nn.AdaptiveMaxPool2d((3, 3)), nn.Flatten(), nn.Linear(54, 10)])
    digits = load("glyphs", n=n, splits=(1, 0, 0), seed=1, **look).train
    fit(model, digits, epochs=3, lr=0.02, progress=False)
    return model


@wrong("cnn-basics.small-network", says="It stores 1,502 numbers")
def small_two_numbers_over_budget_with_its_buffer():
    model = narrow(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    model.register_buffer("table", torch.zeros(646))
    return model


@wrong("cnn-basics.small-network", says="the largest tensor has shape (10, 1176)")
def small_as_large_as_the_network_of_the_lab():
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1176, 10)),
    )


@wrong("cnn-basics.small-network", says="the largest tensor has shape (784, 10)")
def small_with_weights_that_are_no_parameters():
    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = [torch.randn(784, 10)]

        def forward(self, x):
            return x.flatten(1) @ self.weights[0]

    return Linear()


@wrong("cnn-basics.small-network", says="most are in no tensor")
def small_with_numbers_in_a_list():
    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = np.random.default_rng(0).normal(size=(784, 10)).tolist()

        def forward(self, x):
            return x.flatten(1) @ torch.tensor(self.weights)

    return Linear()


@wrong("cnn-basics.small-network", says="the same class")
def small_that_was_not_trained():
    model = narrow(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    model[-1].bias.data[3] = 5.0
    return model


@wrong("cnn-basics.small-network", says="better than guessing")
def small_trained_with_shuffled_labels():
    model = trained(jitter=2.0, translation=0.06, noise=0.2)
    model[-1].weight.data = model[-1].weight.data.roll(1, 0)
    return model


@wrong("cnn-basics.small-network", says="97% are asked for")
def small_trained_on_clean_digits_only():
    return trained(jitter=0.5)


@wrong("cnn-basics.small-network", says="expected shape (N, 10) = (2, 10), got")
def small_without_flattening():
    return narrow(nn.AdaptiveMaxPool2d(1), nn.Conv2d(8, 10, 1))


@wrong("cnn-basics.small-network", says="nan or infinite")
def small_that_diverged():
    model = narrow(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    for p in model.parameters():
        p.data *= 1e30
    return model
