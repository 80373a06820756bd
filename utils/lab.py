"""Start a lab: seeds, device and profile; and the two ways in which a lab proves what it says."""

from __future__ import annotations

import difflib
import os
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
PROFILES = ("quick", "full")


@dataclass(frozen=True)
class Lab:
    """What a lab needs to know about where it runs.

    Attributes:
        seed: the seed that everything was seeded with.
        profile: ``"quick"`` (minutes of CPU, no download) or ``"full"`` (benchmark data).
        device: where models and batches live: CUDA, Apple's MPS or the CPU.
        rng: a NumPy generator of the lab's own, seeded with ``seed``.
    """

    seed: int
    profile: str
    device: torch.device
    rng: np.random.Generator = field(repr=False)

    def choose(self, quick: T, full: T) -> T:
        """Return the value for the current profile: ``epochs = lab.choose(quick=5, full=20)``."""
        return full if self.profile == "full" else quick


def start(seed: int = 0) -> Lab:
    """Seed everything, pick the device, read the profile and set the figure style.

    It also starts the process that checks exercises, so that the first check need not wait for it.

    Args:
        seed: seeds Python, NumPy and PyTorch. ``COURSE_SEED`` in the environment overrides it, to
            see whether a lab's claims hold for other seeds.

    Returns:
        A :class:`Lab`; its ``choose`` picks between quick and full settings.

    Raises:
        ValueError: ``COURSE_PROFILE`` or ``COURSE_SEED`` holds something else than it should.
    """
    import torch

    from utils import exercises, plots

    profile = _profile()
    seed = _seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (libraries that still draw from the global state)
    torch.manual_seed(seed)
    # Equality proofs compare with float32 to the last digits: no silent 10-bit mantissas on a GPU.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    plots.use_style()
    exercises.warm_up()
    print(f"Ready: profile {profile}, seed {seed}.")
    return Lab(seed=seed, profile=profile, device=_device(), rng=np.random.default_rng(seed))


def claim(text: str, holds: object, **measured: object) -> None:
    """State a result and check it: print ``text ✓``, or fail with what was measured.

    The printed line is the same wherever the claim holds, so that it can be compared strictly,
    while the measured value may differ between machines.

    Args:
        text: the claim in words, with its threshold: ``"test accuracy ≥ 0.95"``.
        holds: whether it is true (one value; an array must be reduced with ``all()`` or ``any()``).
        measured: the values behind it, shown when the claim fails.

    Raises:
        AssertionError: the claim is false.
        ValueError: ``holds`` is an array of several values.
    """
    if np.size(_array(holds)) != 1:
        raise ValueError(
            f"claim({text!r}, …) was given {np.size(_array(holds))} truth values; "
            "it takes one: reduce them with .all() or .any()."
        )
    if not bool(holds):
        values = ", ".join(f"{name} = {value}" for name, value in measured.items())
        raise AssertionError(f"claim failed: {text}" + (f" (measured: {values})" if values else ""))
    print(f"{text} ✓")


def same(
    name: str,
    ours: object,
    theirs: object,
    *,
    rtol: float = 1e-5,
    atol: float | None = None,
    against: str = "the library's",
) -> None:
    """Prove two results equal up to rounding: print a fixed verdict, or say where they differ.

    Args:
        name: what is compared: ``"gradient of W1"``.
        ours: the from-scratch result: a NumPy array, a tensor or a number, of any shape.
        theirs: the library's, of the same shape.
        rtol: largest difference allowed, relative to the largest magnitude in ``theirs``: single
            entries near zero are sums that cancel, and carry the rounding of their large terms.
        atol: largest difference allowed besides; 1e-6, or ``rtol`` where that is stricter, so that
            a proof to twelve digits is one for small numbers too.
        against: how the verdict names the other side.

    Raises:
        AssertionError: shapes differ, a value is not finite, or a difference is too large.
    """
    a, b = _array(ours), _array(theirs)
    atol = min(rtol, 1e-6) if atol is None else atol
    if a.shape != b.shape:
        raise AssertionError(f"{name}: our shape is {a.shape}, {against} is {b.shape}")
    for values, whose in ((a, "ours"), (b, against)):
        if not np.all(np.isfinite(values)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise AssertionError(f"{name}: {whose} is not finite at {list(where)}")
    if a.size:
        a, b = a.astype(np.float64), b.astype(np.float64)
        difference = np.abs(a - b)
        if difference.max() > atol + rtol * np.abs(b).max():
            where = np.unravel_index(difference.argmax(), difference.shape)
            raise AssertionError(
                f"{name}: not equal to {against}; largest difference {difference.max():.3g} "
                f"at {[int(i) for i in where]}: ours {a[where]:.6g}, {against} {b[where]:.6g}"
            )
    print(f"{name}: same as {against} ✓")


def nearest(word: str, valid: tuple[str, ...] | list[str]) -> str:
    """Return a sentence that names the valid words, the most similar first, for error messages."""
    close = difflib.get_close_matches(str(word), valid, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{guess}Valid: {', '.join(map(repr, valid))}."


def _array(value: object) -> np.ndarray:
    """A NumPy view of a tensor, array or number; a tensor may need a gradient or live on a GPU."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _profile() -> str:
    profile = os.environ.get("COURSE_PROFILE", "quick") or "quick"
    if profile not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {profile!r}. {nearest(profile, PROFILES)}")
    return profile


def _seed(seed: int) -> int:
    text = os.environ.get("COURSE_SEED", "") or str(seed)
    if not text.isdecimal() or int(text) >= 2**32:
        raise ValueError(f"the seed is {text!r}; it must be a whole number from 0 to 2**32 - 1.")
    return int(text)


def _device() -> torch.device:
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
