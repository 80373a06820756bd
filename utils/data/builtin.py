"""Real data that arrives inside the dependencies."""

from __future__ import annotations

import numpy as np

from .core import Dataset, Info, Part

DIGITS = Info(
    name="digits",
    description="1,797 handwritten digits at 8×8, 17 gray levels",
    source="bundled with scikit-learn (sklearn.datasets.load_digits)",
    license="CC BY 4.0 (UCI Machine Learning Repository)",
    size="no download",
    citation="E. Alpaydin, C. Kaynak (1998). Optical Recognition of Handwritten Digits. UCI "
    "Machine Learning Repository",
    classes="10",
    builtin=True,
)


def digits() -> Dataset:
    """Scikit-learn's handwritten digits: x (N, 1, 8, 8), gray levels 0 to 16 scaled to [0, 1].

    The split is fixed and stratified: of each class, in an order shuffled once and for all, 20 %
    form the test part, 15 % the validation part, and the rest is for training. The same writers
    occur in all three parts, so the accuracy on strangers' handwriting would be lower.
    """
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    rows: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
    rng = np.random.default_rng(0)
    for k in range(10):
        members = rng.permutation(np.flatnonzero(targets == k))
        cuts = [round(0.20 * len(members)), round(0.35 * len(members))]
        for name, chosen in zip(("test", "val", "train"), np.split(members, cuts), strict=True):
            rows[name].append(chosen)
    x = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    y = targets.astype(np.int64)
    order = {name: rng.permutation(np.concatenate(chosen)) for name, chosen in rows.items()}
    parts = {name: Part(x[chosen], y[chosen]) for name, chosen in order.items()}
    return Dataset("digits", **parts, classes=tuple("0123456789"), info=DIGITS)
