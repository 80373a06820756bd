"""What is wrong with a result, in words that name the mistake where one can tell.

Arrays and tensors come from another process, so they are first made plain; then two results are
compared, type before shape before values, and the first difference is put into a sentence.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np


class Tensor(np.ndarray):
    """The values of a torch tensor."""


@dataclass(frozen=True)
class Other:
    """What no exercise returns: all that is kept of it is what it was."""

    what: str


def plain(value: Any) -> Any:
    """Numbers, strings, lists, tuples and dictionaries as they are; tensors as :class:`Tensor`."""
    torch = sys.modules.get("torch")
    if value is None or value is ... or isinstance(value, (bool, int, float, complex, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return value.copy() if isinstance(value, np.ndarray) else np.asarray(value)
    if torch is not None and isinstance(value, torch.Tensor):
        try:
            return value.detach().cpu().numpy().copy().view(Tensor)
        except (TypeError, RuntimeError):
            return Other(f"a tensor of {value.dtype}")
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, type) or callable(value):
        return Other(f"the {'class' if isinstance(value, type) else 'function'} itself")
    return Other(f"a {type(value).__name__}")


def convert(value: Any, kind: str) -> Any:
    """A copy of the arguments with arrays of this kind: "numpy", "torch" or "cuda"."""
    if isinstance(value, np.ndarray):
        if kind == "numpy":
            return value.copy()
        import torch

        return torch.tensor(value, device="cuda" if kind == "cuda" else "cpu")
    if type(value) in (list, tuple):
        return type(value)(convert(item, kind) for item in value)
    return value


def describe(value: Any) -> str:
    """What a value is, in a few words: ``an array of shape (3, 5)``."""
    if isinstance(value, Other):
        return value.what
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{'a tensor' if isinstance(value, Tensor) else 'an array'} of shape {value.shape}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return str(value)


def short(value: Any, digits: int = 4) -> str:
    """A number with the digits that one reads."""
    number = np.asarray(value)
    return f"{number[()]:.{digits}g}" if number.dtype.kind in "fc" else str(number[()])


def apart(a: Any, b: Any) -> tuple[str, str]:
    """Two numbers with the digits that one reads, or as many more as it takes to see that they
    differ."""
    return next(
        ((x, y) for n in range(4, 18) if (x := short(a, n)) != (y := short(b, n))),
        (short(a, 17), short(b, 17)),
    )


def situation(call: str, args: tuple) -> str:
    """The arguments of one case, small ones in full: ``with z = [[1000, 0]]``."""
    names = [part.split("=")[0].strip(" )") for part in call.split("(", 1)[1].split(",")]
    parts = []
    for name, value in zip(names, args):
        if isinstance(value, np.ndarray) and value.size > 9:
            parts.append(f"{name} of shape {value.shape}")
        elif isinstance(value, np.ndarray):
            parts.append(f"{name} = {np.array2string(value, precision=3, separator=', ')}")
        elif isinstance(value, (bool, int, float, str, list, tuple, dict)):
            parts.append(f"{name} = {value!r}")
    text = " ".join(", ".join(parts).split())
    return f" (with {text})" if 0 < len(text) <= 200 else ""


KINDS = {"b": "truth values", "i": "whole numbers", "f": "floating-point numbers"}


def fault(want: Any, got: Any, names: tuple[str, ...], rtol: float | None) -> str | None:
    """What is wrong with a result, type before shape before values; None where nothing is.

    Args:
        want: the right result: a number, an array, a text, or a tuple, list or dict of such.
        got: the answer's.
        names: a name and a shape for each part, see ``Exercise.returns``.
        rtol: the difference allowed, relative to the largest magnitude in ``want``; with None only
            types and shapes are compared.
    """
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            listed = f" ({', '.join(names)})" if len(names) == len(want) else ""
            number = "1 value" if len(want) == 1 else f"{len(want)} values"
            return f"Expected {number}{listed}, got {describe(got)}."
        parts = names if len(names) == len(want) else [f"{names[0]}[{i}]" for i in range(len(want))]
        faults = (fault(w, g, (name,), rtol) for w, g, name in zip(want, got, parts))
        return next(filter(None, faults), None)
    name = names[0].split(" (")[0]
    if want is None or isinstance(want, str):
        right = type(got) is type(want) and (rtol is None or got == want)
        return None if right else f"{name}: expected {describe(want)}, got {describe(got)}."
    if isinstance(got, (list, tuple, dict, str, Other)) or got is None or got is ...:
        return f"{name}: expected {_form(want)}, got {describe(got)}."
    a, b = np.asarray(want), np.asarray(got)
    if a.shape != b.shape:
        return f"{name}: expected shape {_shape(names[0], a.shape)}, got {_got(names[0], a, b)}."
    if isinstance(want, Tensor) != isinstance(got, Tensor) and isinstance(want, Tensor):
        return f"{name}: expected a torch.Tensor, got a NumPy array or a plain number."
    kind = {"u": "i"}.get(a.dtype.kind, a.dtype.kind)
    given = {"u": "i"}.get(b.dtype.kind, b.dtype.kind)
    exact = kind == "f" and given == "i" and not a.ndim  # the number 0 where 0.0 is right
    if (kind != given and not exact) or (kind == "f" and b.dtype.itemsize < 4 and given == "f"):
        return f"{name}: expected {KINDS.get(kind, a.dtype)}, got {b.dtype}."
    return None if rtol is None else _values(name, a, b, rtol)


def unchanged(before: Any, after: Any) -> bool:
    """Whether an argument is what it was before the call."""
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=before.dtype.kind in "fc")
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return before == after


def _values(name: str, a: np.ndarray, b: np.ndarray, rtol: float) -> str | None:
    """Where two arrays of one shape differ; a float32 result may be that much less exact."""
    if a.dtype.kind != "f":
        wrong = a != b
    else:
        finite = np.abs(a[np.isfinite(a)])
        rtol = max(rtol, 1e-4) if b.dtype == np.float32 else rtol
        wrong = ~np.isclose(b, a, rtol=rtol, atol=rtol * finite.max(initial=0), equal_nan=True)
    if not wrong.any():
        return None
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at {list(where)}" if where else ""
    if a.dtype.kind == "f" and np.isfinite(a[where]) and not np.isfinite(b[where]):
        return (
            f"{name} is {b[where]}{place}, expected {short(a[where])}: something overflows, or is "
            "divided by zero."
        )
    verb = "values differ" if where else "the value differs"
    expected, given = apart(a[where], b[where])
    return f"{name}: {verb}{place}: {expected} expected, {given} given."


def pattern(want: list[Any], got: list[Any], names: tuple[str, ...], rtol: float) -> str | None:
    """A mistake that explains all wrong results at once: a sign, a factor, an order.

    Args:
        want, got: the right and the given results of all cases that went wrong. Of results in
            several parts the first part that is wrong counts.
        names, rtol: see :func:`fault`.
    """
    parts = zip(_parts(want[0]), _parts(got[0]))
    wrong = [i for i, (w, g) in enumerate(parts) if fault(w, g, ("",), rtol)]
    both = []
    for w, g in zip(want, got):
        w, g = np.asarray(_parts(w)[wrong[0]]), np.asarray(_parts(g)[wrong[0]])
        if w.dtype.kind != "f" or g.dtype.kind != "f" or w.shape != g.shape:
            return None
        if np.isfinite(g).all() and np.abs(w).max(initial=0) > 0:
            both.append((w.ravel(), g.ravel()))
    if not both:
        return None
    part = names[wrong[0]].split(" (")[0] + ": " if 1 < len(names) > wrong[0] else ""
    if all(np.allclose(g, -w, rtol=1e-4) for w, g in both):
        return f"{part}The sign is reversed."
    factors = np.array([np.abs(g).max() / np.abs(w).max() for w, g in both])
    if factors.all() and all(np.allclose(g, k * w, rtol=1e-4) for k, (w, g) in zip(factors, both)):
        large, small = (
            "large: a sum where the mean is wanted",
            "small: a mean where the sum is wanted",
        )
        for n, what in ((factors, large), (1 / factors, small)):
            if np.all(n > 1.5) and np.allclose(n, n.round(), atol=1e-3):
                return f"{part}Right but for a factor: {n[0]:.0f} times too {what}?"
    if all(w.size > 1 and np.allclose(np.sort(g), np.sort(w), rtol=1e-4) for w, g in both):
        return f"{part}The right values stand in the wrong places: a transposed or reversed axis?"
    return None


def _parts(value: Any) -> list[Any]:
    """The arrays and numbers of a result, in order."""
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in _parts(item)]
    return [value]


def _form(want: Any) -> str:
    a = np.asarray(want)
    if not a.ndim:
        return {"b": "True or False", "i": "a whole number"}.get(a.dtype.kind, "a number")
    return f"{'a tensor' if isinstance(want, Tensor) else 'an array'} of shape {a.shape}"


def _letters(name: str) -> list[str]:
    inside = name.partition(" (")[2].rstrip(")")
    return [letter.strip() for letter in inside.split(",") if letter.strip()]


def _shape(name: str, shape: tuple[int, ...]) -> str:
    """``(N, K) = (3, 5)`` where the exercise names its axes."""
    letters = _letters(name)
    named = f"({', '.join(letters)}{',' * (len(letters) == 1)}) = "
    return (named if letters and len(letters) == len(shape) else "") + str(shape)


def _got(name: str, a: np.ndarray, b: np.ndarray) -> str:
    """The wrong shape, in the exercise's letters where they are clear, and what it looks like."""
    if not b.ndim:
        return "a single number"
    letters, sizes = _letters(name), list(a.shape)
    clear = len(set(sizes)) == len(sizes) == len(letters) and set(b.shape) <= set(sizes)
    words = ", ".join(dict(zip(sizes, letters))[n] for n in b.shape) if clear else ""
    text = f"({words}{',' * (b.ndim == 1)}) = {b.shape}" if clear else str(b.shape)
    if b.shape == a.shape[::-1] and a.ndim > 1:
        return f"{text}: transposed"
    if b.ndim == a.ndim and all(m in (n, 1) for n, m in zip(a.shape, b.shape)):
        return f"{text}: was an axis summed away that should stay?"
    same = [n for n in b.shape if n != 1] == [n for n in a.shape if n != 1]
    if same and b.ndim != a.ndim:
        return f"{text}: an axis of length 1 is {'left' if b.ndim > a.ndim else 'missing'}"
    return text
