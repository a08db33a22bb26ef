"""Figures made of images. Lengths are inches: one unit of the axes is one inch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from rich.cells import cell_len

from featx.reports.canvas import BLUE, VERMILLION, axes_for, labels, styled

_GAP = 0.05
_TITLE = 0.35
_BLOCK = 20


def _show(
    ax: Axes, image: NDArray[np.uint8], x: float, y: float, width: float, height: float
) -> None:
    """Draw one image with its upper left corner at x, y."""
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    if max(pixels.shape[:2]) > 256:
        small = Image.fromarray(pixels)
        small.thumbnail((256, 256))
        pixels = np.asarray(small)
    ax.imshow(
        pixels,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(x, x + width, y + height, y),
        interpolation="nearest" if max(pixels.shape[:2]) < 128 else "auto",
    )


def _frame(ax: Axes | None, width: float, height: float, title: str) -> Axes:
    """Return bare axes of that size, y downwards, the title at the top."""
    ax = axes_for(ax, width, height, bare=True)
    ax.text(0, 0.05, title, va="top", fontsize=11)
    return ax


def _fit(ax: Axes, width: float, height: float) -> None:
    """Set the limits, which every image drawn has moved."""
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")


def _text_width(names: Sequence[str], size: float) -> float:
    """Inches that the longest name takes, generously."""
    return max(map(cell_len, names)) * size * 0.62 / 72 + 0.15


def _shape(images: NDArray[np.uint8], height: float) -> tuple[float, float]:
    """Width and height of a tile; panoramas are made lower, not wider."""
    ratio = images.shape[2] / images.shape[1]
    return (height * ratio, height) if ratio <= 2 else (2 * height, 2 * height / ratio)


@styled
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
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        A row for each class, in blocks side by side from 21 classes on.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.zeros((6, 8, 8, 3), np.uint8)
    >>> ax = plot_samples(X, [0, 0, 0, 1, 1, 1], ["cat", "dog"], per_class=2)
    >>> len(ax.images)
    4
    """
    y, rng = np.asarray(y), np.random.default_rng(0)
    few = len(class_names) <= _BLOCK
    tile_w, tile_h = _shape(X, 0.75 if few else 0.45)
    size = 10.0 if few else 8.0
    names = labels(class_names, 24 if few else 16)
    text = _text_width(names, size)
    block = text + per_class * (tile_w + _GAP) + 0.1
    n_blocks = math.ceil(len(names) / _BLOCK)
    in_block = math.ceil(len(names) / n_blocks)
    width, height = n_blocks * block, _TITLE + in_block * (tile_h + _GAP)
    ax = _frame(ax, width, height, "Samples of each class")
    for c, name in enumerate(names):
        rows = np.flatnonzero(y == c)
        chosen = np.sort(rng.choice(rows, min(per_class, len(rows)), replace=False))
        left = c // in_block * block + text
        top = _TITLE + c % in_block * (tile_h + _GAP)
        ax.text(
            left - 0.1, top + tile_h / 2, name, ha="right", va="center", fontsize=size
        )
        for k, row in enumerate(chosen):
            _show(ax, X[row], left + k * (tile_w + _GAP), top, tile_w, tile_h)
    _fit(ax, width, height)
    return ax


@styled
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
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        Right ones have a thin blue frame and a tick, wrong ones a thick orange-red
        frame and a cross.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.zeros((2, 8, 8, 3), np.uint8)
    >>> ax = plot_predictions(X, [0, 1], [0, 0], ["cat", "dog"])
    >>> [text.get_text() for text in ax.texts][1:]
    ['✓ cat', '✗ cat\ntrue: dog']
    """
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    names = labels(class_names, 13)
    tile_w, tile_h = _shape(images, 1.2)
    step_w, step_h = max(tile_w, 1.25) + 0.2, tile_h + 0.48
    columns = min(6, len(images))
    rows = math.ceil(len(images) / columns)
    width, height = max(columns * step_w, 3.6), _TITLE + rows * step_h
    right = int((true == predicted).sum())
    title = f"Predictions: {right} right (✓), {len(true) - right} wrong (✗)"
    ax = _frame(ax, width, height, title)
    for k, (image, t, p) in enumerate(zip(images, true, predicted, strict=True)):
        x = k % columns * step_w + (step_w - tile_w) / 2
        y = _TITLE + k // columns * step_h + 0.03
        _show(ax, image, x, y, tile_w, tile_h)
        colour = BLUE if t == p else VERMILLION
        border = Rectangle(
            (x, y),
            tile_w,
            tile_h,
            fill=False,
            edgecolor=colour,
            linewidth=1.2 if t == p else 3.5,
        )
        ax.add_patch(border)
        says = f"✓ {names[p]}" if t == p else f"✗ {names[p]}\ntrue: {names[t]}"
        ax.text(
            x + tile_w / 2,
            y + tile_h + 0.05,
            says,
            ha="center",
            va="top",
            fontsize=9,
            color="black" if t == p else "#A33F00",
        )
    _fit(ax, width, height)
    return ax


@styled
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
        Where to draw, by default on a new figure.

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
    tile_w, tile_h = _shape(inputs, 0.85)
    columns = min(10, len(inputs))
    bands = math.ceil(len(inputs) / columns)
    text = _text_width(["reconstruction"], 9)
    band = 2 * (tile_h + _GAP) + 0.15
    width = max(text + columns * (tile_w + _GAP), 3.6)
    height = _TITLE + bands * band
    ax = _frame(ax, width, height, labels([title], 60)[0])
    for row, name in enumerate(["input", "reconstruction"] * bands):
        top = _TITLE + row // 2 * band + row % 2 * (tile_h + _GAP)
        ax.text(text - 0.1, top + tile_h / 2, name, ha="right", va="center", fontsize=9)
    for k, pair in enumerate(zip(inputs, outputs, strict=True)):
        x = text + k % columns * (tile_w + _GAP)
        top = _TITLE + k // columns * band
        for row, image in enumerate(pair):
            _show(ax, image, x, top + row * (tile_h + _GAP), tile_w, tile_h)
    _fit(ax, width, height)
    return ax
