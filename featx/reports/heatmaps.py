"""Figures that colour a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import ConfusionMatrixDisplay

from featx.evaluation.results import Result
from featx.reports.canvas import axes_for, label, labels, styled

_MAX_ANNOTATED = 30


def _colour(ax: Axes, shares: NDArray[np.float64]) -> AxesImage:
    """Colour shares in [0, 1] and leave a thin white line between the cells."""
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    n_rows, n_columns = shares.shape
    if n_rows <= _MAX_ANNOTATED or n_columns <= 4:
        ax.set_xticks(np.arange(1, n_columns) - 0.5, minor=True)
        ax.set_yticks(np.arange(1, n_rows) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return image


def _ink(share: float) -> str:
    """Black on light cells, white on dark ones."""
    return "white" if share > 0.65 else "black"


@styled
def plot_confusion(
    confusion: ArrayLike,
    class_names: Sequence[str],
    *,
    title: str = "Confusion",
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix: coloured by the share of the true class.

    Parameters
    ----------
    confusion : array-like of int, shape (n_classes, n_classes)
        Rows are the true classes, columns the predicted ones.
    class_names : sequence of str
        Names of the classes.
    title : str, default="Confusion"
        What is shown.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        With the counts written in the cells, up to 30 classes.

    Examples
    --------
    >>> ax = plot_confusion([[3, 1], [0, 4]], ["cat", "dog"])
    >>> ax.images[0].get_array().tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    >>> [text.get_text() for text in ax.texts]
    ['3', '1', '0', '4']
    """
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(class_names)
    digits = len(f"{counts.max():,}")
    annotated = n <= _MAX_ANNOTATED
    number = 10.0 if n <= 12 else 7.5
    cell = max(0.42, (digits + 1) * number * 0.62 / 72) if annotated else 0.115
    side = max(2.6, n * cell)
    ax = axes_for(ax, side + 2.6, side + 1.6)
    image = _colour(ax, shares)
    names = labels(class_names, 18)
    size = 10.0 if n <= 15 else 8.5 if annotated else 6.0
    ax.set_xticks(
        range(n), names, rotation=45 if annotated else 90, fontsize=size, ha="right"
    )
    for text in ax.get_xticklabels():
        text.set_rotation_mode("anchor")
        text.set_verticalalignment("top" if annotated else "center")
    ax.set_yticks(range(n), names, fontsize=size)
    if annotated:
        for i, j in np.ndindex(n, n):
            colour = _ink(shares[i, j]) if counts[i, j] else "#999999"
            ax.text(
                j,
                i,
                f"{counts[i, j]:,}",
                ha="center",
                va="center",
                color=colour,
                fontsize=number,
            )
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.set_title(label(title, 60))
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, shrink=0.6)
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    bar.set_label("share of the true class (%)")
    bar.outline.set_visible(False)
    return ax


@styled
def plot_classification_report(result: Result, *, ax: Axes | None = None) -> Axes:
    """Draw precision, recall, F1 and support of every class.

    Parameters
    ----------
    result : Result
        A row of the comparison.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        A heat map with a row for each class; the support is written, not coloured.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_classification_report(example_results().best)
    >>> [text.get_text() for text in ax.texts]
    ['100.0', '75.0', '85.7', '4', '80.0', '100.0', '88.9', '4']
    """
    per_class = result.scores.per_class
    shares = np.array(
        [[one.precision, one.recall, one.f1, np.nan] for one in per_class.values()]
    )
    n = len(per_class)
    few = n <= _MAX_ANNOTATED
    size = 10.0 if few else 6.5
    ax = axes_for(ax, 6.2, 1.1 + n * (0.34 if few else 0.145))
    _colour(ax, shares)
    for i, one in enumerate(per_class.values()):
        for j, share in enumerate((one.precision, one.recall, one.f1)):
            ax.text(
                j,
                i,
                f"{100 * share:.1f}",
                ha="center",
                va="center",
                color=_ink(share),
                fontsize=size,
            )
        ax.text(3, i, f"{one.support:,}", ha="center", va="center", fontsize=size)
    ax.set_xticks(range(4), ["precision %", "recall %", "F1 %", "test images"])
    ax.xaxis.tick_top()
    ax.set_yticks(range(n), labels(list(per_class)), fontsize=size)
    ax.tick_params(which="both", length=0)
    ax.set_title(label(result.name, 60), pad=10)
    return ax


def confusion_display(result: Result) -> ConfusionMatrixDisplay:
    """Give the confusion matrix of a row as scikit-learn's own display.

    Parameters
    ----------
    result : Result
        A row of the comparison.

    Returns
    -------
    sklearn.metrics.ConfusionMatrixDisplay
        Its ``plot`` draws with pyplot, in matplotlib's own style.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> confusion_display(example_results().best).confusion_matrix
    array([[3, 1],
           [0, 4]])
    """
    return ConfusionMatrixDisplay(
        result.scores.confusion, display_labels=list(result.scores.per_class)
    )
