"""The book's figure style, and the few plots that many labs share.

One picture serves the light and the dark page: the background is transparent, and ink and palette
are of middle lightness, with contrast of at least 4.5:1 (text) and 3:1 (lines) on white and on
black. So draw with the default cycle, :data:`COLORS` and :data:`INK`; black or white vanish on one
of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#757575"
COLORS: dict[str, str] = {
    "blue": "#2b7bd3",
    "orange": "#c96a12",
    "green": "#1d8f5a",
    "pink": "#cf4377",
    "purple": "#8a63d2",
    "teal": "#12898c",
    "gray": "#7f7f7f",
}
_FAINT = "#75757544"  # grids and frames: ink at a quarter of its strength


def use_style() -> None:
    """Make the book's style matplotlib's default, in scripts and in notebooks."""
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.constrained_layout.use": True,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.edgecolor": _FAINT,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.grid": True,
            "grid.color": _FAINT,
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=list(COLORS.values())),
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "lines.linewidth": 2.0,
            "legend.frameon": False,
            "patch.edgecolor": INK,
            "boxplot.medianprops.color": INK,
            "font.family": "DejaVu Sans",
            "font.size": 10.0,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "svg.hashsalt": "course",
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    # The inline backend would otherwise crop every figure to its content, so that pictures of one
    # lab come out in different widths, and stamp the library's version into each file.
    InlineBackend.instance(parent=shell).print_figure_kwargs = {"bbox_inches": None}
    set_matplotlib_formats("png", bbox_inches=None, metadata={"Software": None})


def training_curves(
    history: Mapping[str, Sequence[float]], *, axes: Sequence[Axes] | None = None
) -> Figure:
    """Draw the losses, and beside them every metric, over the epochs.

    Args:
        history: what ``fit`` returned: lists with one value an epoch, under ``train_loss``,
            ``val_loss`` and ``train_NAME`` or ``val_NAME`` for every metric NAME.
        axes: where to draw (one axes for the loss, one for each metric); new ones by default.
    """
    import matplotlib.pyplot as plt

    groups: dict[str, dict[str, Sequence[float]]] = {}
    for key in history:
        part, _, name = key.partition("_")
        if part in ("train", "val") and name:
            groups.setdefault(name, {})[part] = history[key]
    if "loss" not in groups:
        raise ValueError(
            "training_curves needs the history that fit(…) returned, with 'train_loss'; "
            f"given keys: {sorted(history)}"
        )
    if axes is None:
        width = 6.4 if len(groups) == 1 else 8.0
        _, axes = plt.subplots(1, len(groups), figsize=(width, 3.2), squeeze=False)
        axes = axes[0]
    labels = {"train": "training", "val": "validation"}
    for ax, (name, curves) in zip(axes, groups.items()):
        for color, part in zip(("C0", "C1"), ("train", "val")):
            values = curves.get(part)
            if values is not None and len(values):
                epochs = np.arange(1, len(values) + 1)
                ax.plot(epochs, values, color=color, marker="o", ms=3, label=labels[part])
        best = getattr(history, "best_epoch", None)
        if best is not None and "val" in curves:
            ax.axvline(best, color=INK, lw=1, ls=":", label="best epoch")
        ax.set(xlabel="epoch", ylabel=name, title=name)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend()
    return axes[0].figure


def image_grid(
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    size: float = 0.9,
    cmap: str = "gray",
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Figure:
    """Draw images in rows, as a contact sheet.

    Args:
        images: shape ``(N, H, W)``, ``(N, 1, H, W)`` or ``(N, 3, H, W)``; tensor or array.
        titles: one short text for each image, drawn above it.
        columns: images in a row.
        size: width of one image in inches.
        cmap: the color map of images with one channel.
        limits: the values drawn as the map's two ends; None takes them from each image.
    """
    import matplotlib.pyplot as plt

    images = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] != 3) or not len(images):
        raise ValueError(
            "image_grid draws images of shape (N, H, W), (N, 1, H, W) or (N, 3, H, W), N ≥ 1; "
            f"given {images.shape}"
        )
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(images)} images, but {len(titles)} titles")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size * images.shape[1] / images.shape[2] + (0.24 if titles is not None else 0.05)
    fig, axes = plt.subplots(rows, columns, figsize=(size * columns, height * rows), squeeze=False)
    low, high = limits if limits is not None else (None, None)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(images):
            ax.imshow(images[i], cmap=cmap, vmin=low, vmax=high)
            if titles is not None:
                ax.set_title(titles[i], fontsize=8, fontweight="normal", loc="center", pad=2)
    return fig


def confusion_matrix(
    true: np.ndarray, predicted: np.ndarray, classes: Sequence[str], *, ax: Axes | None = None
) -> Figure:
    """Draw how often each class was taken for each: rows are true, columns predicted.

    The diagonal is left pale, so that the mistakes stand out; the numbers are counts.

    Args:
        true: class indices, shape ``(N,)``.
        predicted: class indices, shape ``(N,)``.
        classes: the K names.
        ax: where to draw; a new figure by default.
    """
    import matplotlib.pyplot as plt

    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(
            "confusion_matrix takes two arrays of class indices of one shape (N,); "
            f"given {true.shape} and {predicted.shape}"
        )
    k = len(classes)
    counts = np.zeros((k, k), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    if ax is None:
        side = max(3.2, 0.36 * k + 1.2)
        _, ax = plt.subplots(figsize=(side, side))
    mistakes = np.where(np.eye(k, dtype=bool), 0, counts)
    worst = max(int(mistakes.max()), 1)
    shade = plt.matplotlib.colors.to_rgb(COLORS["orange"])
    picture = np.zeros((k, k, 4))
    picture[..., :3] = shade
    picture[..., 3] = 0.32 * mistakes / worst
    np.einsum("iij->ij", picture)[:] = (*plt.matplotlib.colors.to_rgb(COLORS["blue"]), 0.16)
    ax.imshow(picture)
    for i, j in np.argwhere(counts):
        weight = "normal" if i == j else "bold"
        ax.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=8, weight=weight)
    ax.set_xticks(range(k), classes)
    ax.set_yticks(range(k), classes)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted class", ylabel="true class", title="Confusion matrix (counts)")
    return ax.figure


def decision_regions(
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    ax: Axes | None = None,
    margin: float = 0.15,
    resolution: int = 200,
) -> Axes:
    """Draw where in the plane a classifier answers what, with the examples on top.

    Args:
        predict: takes points, shape ``(M, 2)``, and returns M class indices.
        x: the examples, shape ``(N, 2)``.
        y: their class indices, shape ``(N,)``.
        classes: names for the legend.
        ax: where to draw; a new figure by default.
        margin: border around the examples, as a part of their range.
        resolution: points along each axis of the grid that ``predict`` is asked for.
    """
    import matplotlib.pyplot as plt

    x, y = np.asarray(x, dtype=float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != (len(x),):
        raise ValueError(
            "decision_regions takes x of shape (N, 2) and y of shape (N,); "
            f"given {x.shape} and {y.shape}"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(4.2, 3.6))
    low, high = x.min(axis=0), x.max(axis=0)
    pad = margin * np.maximum(high - low, 1e-9)
    low, high = low - pad, high + pad
    u, v = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2).astype(np.float32)
    answers = np.asarray(predict(grid))
    if answers.shape != (len(grid),):
        raise ValueError(
            f"predict was given {len(grid)} points, shape {grid.shape}, and must return one class "
            f"index for each, shape ({len(grid)},); it returned shape {answers.shape}"
        )
    palette = list(COLORS.values())
    rgb = np.array([plt.matplotlib.colors.to_rgb(c) for c in palette])
    picture = np.full((resolution, resolution, 4), 0.22)
    picture[..., :3] = rgb[answers.astype(int).reshape(resolution, resolution) % len(palette)]
    extent = (low[0], high[0], low[1], high[1])
    ax.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    markers = "os^Dvp*"
    for k in np.unique(y):
        label = classes[int(k)] if classes is not None else f"class {int(k)}"
        ax.scatter(
            *x[y == k].T,
            s=22,
            color=palette[int(k) % len(palette)],
            marker=markers[int(k) % 7],
            edgecolors=INK,
            linewidths=0.5,
            label=label,
        )
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.grid(False)
    return ax
