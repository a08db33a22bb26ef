"""Figures made of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray
from rich.cells import cell_len

from featx.reports.canvas import BLUE, VERMILION, axes_for, labels, styled

_GAP = 0.05  # inches between images


def _grid(
    ax: Axes | None,
    captions: Sequence[str],
    strips: Sequence[NDArray[np.uint8]],
    tile: float,
    colors: Sequence[str] = (),
) -> Axes:
    """Draw strips of images under their captions; one unit of the axes is one inch.

    Images are `tile` inches high, panoramas lower; those with a color get a frame of it.
    """
    ratio = strips[0].shape[2] / strips[0].shape[1]
    height = min(tile, 2 * tile / ratio)
    width = height * ratio
    head = 0.19 * (1 + max(caption.count("\n") for caption in captions))
    text = max(cell_len(line) for one in captions for line in one.split("\n"))
    step_x = max(max(map(len, strips)) * (width + _GAP), text * 0.078) + 0.15
    step_y = head + height + 0.12
    n_columns = max(1, round(math.sqrt(len(strips) * step_y / step_x)))
    total_x, total_y = n_columns * step_x, math.ceil(len(strips) / n_columns) * step_y
    ax = axes_for(ax, max(total_x, 3.6) + 0.3, total_y + 0.6)
    for i, (caption, strip) in enumerate(zip(captions, strips, strict=True)):
        x, y = i % n_columns * step_x, i // n_columns * step_y + head
        ax.text(x, y - 0.04, caption, va="bottom", fontsize=9)
        for k, image in enumerate(strip):
            left = x + k * (width + _GAP)
            place = (left, left + width, y + height, y)
            ax.imshow(image, cmap="gray", vmin=0, vmax=255, extent=place)
        if colors:
            thick = 1.2 if colors[i] == BLUE else 3.5
            style: Any = {"fill": False, "edgecolor": colors[i], "linewidth": thick}
            ax.add_patch(Rectangle((x, y), width, height, **style))
    ax.set(xlim=(0, total_x), ylim=(total_y, 0), aspect="equal", anchor="NW")
    ax.set_axis_off()
    return ax


@styled()
def plot_samples(
    X: NDArray[np.uint8],
    y: ArrayLike,
    class_names: Sequence[str],
    per_class: int = 8,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw some images of each class.

    Parameters
    ----------
    X : ndarray or memmap of uint8, shape (n, h, w, c)
        Images.
    y : array-like of int, shape (n,)
        Labels, indices into `class_names`.
    class_names : sequence of str
        Names of the classes.
    per_class : int, default=8
        Images to draw of each class, the same ones every time.
    ax : Axes, optional
        Where to draw, by default on a new figure of pyplot.

    Returns
    -------
    Axes
        With a strip of images for each class.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.zeros((6, 8, 8, 3), np.uint8)
    >>> ax = plot_samples(X, [0, 0, 0, 1, 1, 1], ["cat", "dog"], per_class=2)
    >>> len(ax.images)
    4
    """
    y, rng, strips = np.asarray(y), np.random.default_rng(0), []
    for c in range(len(class_names)):
        rows = np.flatnonzero(y == c)
        chosen = rng.choice(rows, min(per_class, len(rows)), replace=False)
        strips.append(X[np.sort(chosen)])
    ax = _grid(ax, labels(class_names), strips, 0.75 if len(strips) <= 20 else 0.45)
    ax.set_title("Samples of each class")
    return ax


@styled()
def plot_predictions(
    images: NDArray[np.uint8],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw images with their predicted class, and the true one where it differs.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, h, w, c)
        Test images.
    y_true, y_pred : array-like of int, shape (n,)
        Labels, indices into `class_names`.
    class_names : sequence of str
        Names of the classes.
    ax : Axes, optional
        Where to draw, by default on a new figure of pyplot.

    Returns
    -------
    Axes
        Right ones have a tick and a thin blue frame, wrong ones a cross and a thick
        orange-red frame.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.zeros((2, 8, 8, 3), np.uint8)
    >>> ax = plot_predictions(X, [0, 1], [0, 0], ["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['✓ cat', '✗ cat\ntrue: dog']
    """
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    right, names = true == predicted, labels(class_names, 13)
    captions = [
        f"✓ {names[p]}" if t == p else f"✗ {names[p]}\ntrue: {names[t]}"
        for t, p in zip(true, predicted, strict=True)
    ]
    colors = [BLUE if one else VERMILION for one in right]
    ax = _grid(ax, captions, list(images[:, None]), 1.2, colors)
    ax.set_title(f"Predictions: {right.sum()} right (✓), {(~right).sum()} wrong (✗)")
    return ax


@styled()
def plot_reconstructions(
    inputs: NDArray[np.uint8],
    outputs: NDArray[np.uint8],
    *,
    title: str = "Reconstructions",
    ax: Axes | None = None,
) -> Axes:
    """Draw each image above what the decoder makes of it.

    Parameters
    ----------
    inputs, outputs : ndarray of uint8, shape (k, h, w, c)
        Images and their reconstructions.
    title : str, default="Reconstructions"
        What is shown.
    ax : Axes, optional
        Where to draw, by default on a new figure of pyplot.

    Returns
    -------
    Axes
        Rows of up to ten images.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.zeros((3, 8, 8, 1), np.uint8)
    >>> len(plot_reconstructions(X, X).images)
    6
    """
    starts = range(0, len(inputs), 10)
    strips = [part[i : i + 10] for i in starts for part in (inputs, outputs)]
    ax = _grid(ax, ["input", "reconstruction"] * len(starts), strips, 0.85)
    ax.set_title(labels([title], 60)[0])
    return ax
