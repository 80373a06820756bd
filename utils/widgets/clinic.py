"""Small networks, each with a hidden fault: train, run tests, name the fault.

Every patient is a network with one hidden layer on the same four classes in the plane. What it
suffers from follows from its number, so that the first six patients have all six conditions (one
of them is in good health). The script trains in the page, and Python takes the same steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from traitlets import Enum, Int, List, Unicode

from utils.widgets.figure import Figure
from utils.widgets.playground import chance, normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Array = np.ndarray
FAULTS = {
    "healthy": "nothing: it is healthy",
    "softmax": "softmax applied twice",
    "kept": "old gradients never cleared",
    "labels": "labels shuffled against inputs",
    "dead": "hidden units dead from the start",
    "path": "inputs scaled in training only",
}
TESTS = ("first", "fit", "twice", "dead", "path")
CLASSES, HIDDEN, TRAIN, VAL, BATCH = 4, 12, 80, 40, 20
STEPS, RATE, EVERY, FITTED = 200, 0.3, 4, 6  # FITTED: examples of the test on one batch
CENTER, SPREAD = (40.0, 3.0), (12.0, 0.8)  # of the two measurements


def fault_of(patient: int) -> str:
    """The condition of a patient, numbered from 1: six in a row have six different ones."""
    block, place = divmod(patient - 1, len(FAULTS))
    draw, order = chance(101 + block), list(FAULTS)
    for i in range(len(order) - 1, 0, -1):
        j = int(draw() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order[place]


class Patient:
    """One network with its data and its way to train."""

    def __init__(self, fault: str, seed: int) -> None:
        self.fault, draw = fault, chance(seed)
        rows = []
        for i in range(TRAIN + VAL):
            angle = math.pi * (0.25 + 0.5 * (i % CLASSES))
            u, v = (1.1 * f(angle) + 0.42 * normal(draw) for f in (math.cos, math.sin))
            rows.append([CENTER[0] + SPREAD[0] * u, CENTER[1] + SPREAD[1] * v, i % CLASSES])
        table = np.array(rows)
        self.raw, self.y = table[:, :2], table[:, 2].astype(int)
        self.W1 = np.array([[normal(draw) for _ in range(2)] for _ in range(HIDDEN)])
        self.b1 = np.array([0.3 * normal(draw) - 9 * (fault == "dead") for _ in range(HIDDEN)])
        self.W2 = np.array(
            [[0.4 * normal(draw) / math.sqrt(HIDDEN) for _ in range(HIDDEN)] for _ in range(4)]
        )
        self.b2 = np.zeros(CLASSES)
        self.targets = self.y.copy()  # those that training sees
        if fault == "labels":
            for i in range(TRAIN - 1, 0, -1):
                j = int(draw() * (i + 1))
                self.targets[[i, j]] = self.targets[[j, i]]
        self.start = [w.copy() for w in self.weights]
        self.gradients = [np.zeros_like(w) for w in self.weights]

    @property
    def weights(self) -> list[Array]:
        return [self.W1, self.b1, self.W2, self.b2]

    def again(self) -> None:
        """Back to the first weights."""
        for w, start, g in zip(self.weights, self.start, self.gradients):
            w[:], g[:] = start, 0

    def inputs(self, rows: slice, training: bool) -> Array:
        x = self.raw[rows]
        scaled = training or self.fault != "path"
        return (x - CENTER) / np.array(SPREAD) if scaled else x

    def scores(self, x: Array) -> tuple[Array, Array]:
        a = np.maximum(x @ self.W1.T + self.b1, 0)  # (N, HIDDEN)
        return a, a @ self.W2.T + self.b2

    def loss(self, z: Array, y: Array) -> float:
        z = softmax(z) if self.fault == "softmax" else z
        top = z.max(axis=1)
        log_sum = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
        return float(np.mean(log_sum - z[np.arange(len(y)), y]))

    def backward(self, rows: slice) -> float:
        """Add the gradient of these rows to what is stored; returns the length of the sum."""
        x, y = self.inputs(rows, True), self.targets[rows]
        a, z = self.scores(x)
        p = softmax(z)
        q = softmax(p) if self.fault == "softmax" else p
        d = (q - np.eye(CLASSES)[y]) / len(y)
        if self.fault == "softmax":
            d = p * (d - (p * d).sum(axis=1, keepdims=True))
        da = d @ self.W2 * (a > 0)
        for g, new in zip(self.gradients, (da.T @ x, da.sum(0), d.T @ a, d.sum(0))):
            g += new
        return math.sqrt(sum(float(np.square(g).sum()) for g in self.gradients))

    def step(self, rows: slice) -> None:
        if self.fault != "kept":
            for g in self.gradients:
                g[:] = 0
        self.backward(rows)
        for w, g in zip(self.weights, self.gradients):
            w -= RATE * g

    def right(self, rows: slice, targets: Array, training: bool) -> float:
        z = self.scores(self.inputs(rows, training))[1]
        return float(np.mean(z.argmax(axis=1) == targets[rows]))

    def train(self) -> list[list[float]]:
        """[step, training loss, validation loss], from the first weights on."""
        self.again()
        train, val, found = slice(0, TRAIN), slice(TRAIN, TRAIN + VAL), []
        for step in range(STEPS + 1):
            if step % EVERY == 0:
                z = self.scores(self.inputs(train, True))[1]
                held = self.scores(self.inputs(val, False))[1]
                losses = self.loss(z, self.targets[train]), self.loss(held, self.y[val])
                found.append([step, *losses])
            begin = step * BATCH % TRAIN
            self.step(slice(begin, begin + BATCH))
        return found

    def vitals(self) -> dict[str, float]:
        """Everything that the tests measure."""
        train, few = slice(0, TRAIN), slice(0, FITTED)
        with np.errstate(all="ignore"):
            self.again()
            a, z = self.scores(self.inputs(train, True))
            found = {"first": self.loss(z, self.targets[train])}
            found["dead"] = float(np.mean(~(a > 0).any(axis=0)))
            lengths = []
            for _ in range(2):  # two passes over one batch, with no step between them
                if self.fault != "kept":
                    self.gradients = [np.zeros_like(w) for w in self.weights]
                lengths.append(self.backward(few))
            found["twice"] = lengths[1] / lengths[0]
            self.again()
            for _ in range(5 * STEPS):
                self.step(few)
            z = self.scores(self.inputs(few, True))[1]
            found["fit_loss"] = self.loss(z, self.targets[few])
            found["fit_right"] = self.right(few, self.targets, True)
            self.train()
            found["train"] = self.right(train, self.targets, True)
            found["path"] = self.right(train, self.targets, False)
            found["val"] = self.right(slice(TRAIN, TRAIN + VAL), self.y, False)
        return found


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Clinic(Figure):
    """A clinic for networks: run tests on a patient, then name its fault.

    >>> sorted({Clinic(patient=n).fault for n in range(1, 7)}) == sorted(FAULTS)
    True
    """

    heights = (600, 930)

    patient = Int(1, min=1, max=9999, help="the number of the patient").tag(sync=True)
    tests = List(Enum(TESTS), help="the tests that were run on it, by name").tag(sync=True)
    guess = Unicode("", help="the diagnosis that was given, or nothing yet").tag(sync=True)
    solved = List(Int(), help="patients whose first diagnosis was right").tag(sync=True)
    seen = List(Int(), help="patients who got a diagnosis").tag(sync=True)

    @property
    def fault(self) -> str:
        """What the patient suffers from: a key of FAULTS."""
        return fault_of(self.patient)

    def examine(self) -> Patient:
        """The patient itself, to train and to measure."""
        return Patient(self.fault, self.patient)

    def picture(self, figure: Drawing) -> None:
        from utils.plots import INK

        figure.suptitle(f"Patient {self.patient}: what is wrong?", x=0.01, ha="left", size="large")
        ax, side = figure.subplots(1, 2)
        steps, train, val = np.array(self.examine().train()).T
        ax.plot(steps, np.minimum(train, 3), label="training")
        ax.plot(steps, np.minimum(val, 3), "--", label="validation")
        ax.axhline(math.log(CLASSES), color=INK, lw=1, ls=":", label="a guess, log 4")
        ax.set(xlabel="step", ylabel="loss", ylim=(0, 3), title="Its training")
        ax.legend(fontsize=8)
        side.set_axis_off()
        side.set_title("Tests and possible diagnoses")
        lines = ["First loss", "Fit one batch", "Gradient twice, no step", "Count dead units"]
        lines += ["Training data, evaluated", "", *FAULTS.values()]
        side.text(0, 0.97, "\n".join(lines), va="top", size=10, linespacing=1.7)
