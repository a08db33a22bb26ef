"""Figures that color a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.metrics import ConfusionMatrixDisplay

from featx.evaluation.result import Result
from featx.reports.canvas import (
    FEW,
    GRAY,
    MANY,
    axes_for,
    label,
    labels,
    rows_for,
    styled,
)


def _heat_map(
    ax: Axes, shares: ArrayLike, names: Sequence[str], size: float, **options: Any
) -> None:
    """Color shares in [0, 1] and name their rows, with thin white lines if they are few."""
    few = len(names) <= FEW
    sns.heatmap(
        shares,
        cmap="Blues",
        vmin=0,
        vmax=1,
        fmt="",
        linewidths=0.5 if few else 0,
        rasterized=not few,  # an SVG file would hold a path for each cell
        xticklabels=False,
        yticklabels=False,
        ax=ax,
        **options,
    )
    ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=size)


@styled()
def plot_confusion(
    confusion: ArrayLike,
    class_names: Sequence[str],
    *,
    title: str = "Confusion",
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix: colored by the share of the true class.

    Parameters
    ----------
    confusion : array-like of int, shape (n_classes, n_classes)
        Rows are the true classes, columns the predicted ones.
    class_names : sequence of str
        Names of the classes; of more than about a hundred, some are left out.
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
    >>> ax.collections[0].get_array().tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    >>> [text.get_text() for text in ax.texts]
    ['3', '1', '0', '4']
    """
    counts, n = np.asarray(confusion), len(class_names)
    written = np.array([f"{count:,}" for count in counts.ravel()]).reshape(n, n)
    few, number = n <= FEW, 10.0 if n <= 12 else 7.5
    cell = max(0.42, (len(max(written.ravel(), key=len)) + 1) * number * 0.62 / 72)
    side = max(2.6, n * cell) if few else min(n * 0.115, 14)
    ax = axes_for(ax, side + 2.6, side + 1.6)
    names = labels(class_names, 18)
    size = 10.0 if n <= 15 else 8.5 if few else 6.0
    _heat_map(
        ax,
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1),
        names,
        size,
        annot=written if few else None,
        annot_kws={"fontsize": number},
        cbar_kws={
            "label": "share of the true class",
            "fraction": 0.04,
            "shrink": 0.6,
            "format": "{x:.0%}",
        },
    )
    step = max(1, math.ceil(n / 120))  # so many names fit
    ticks = np.arange(0, n, step) + 0.5
    ax.set_yticks(ticks, names[::step], fontsize=size)
    ax.set_xticks(ticks, names[::step], fontsize=size, rotation=90)
    for text in ax.texts:
        if text.get_text() == "0":
            text.set_color(GRAY)
    ax.set(xlabel="predicted class", ylabel="true class", title=label(title, 60))
    return ax


@styled()
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
        A heat map with a row for each class; the support is written, not colored. Of
        more than 200 classes nothing is written.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_classification_report(example_results().best)
    >>> [text.get_text() for text in ax.texts]
    ['100.0', '75.0', '85.7', '4', '80.0', '100.0', '88.9', '4']
    """
    classes = result.scores.per_class
    shares = np.array([[c.precision, c.recall, c.f1, 0] for c in classes.values()])
    written = np.vectorize("{:.1f}".format, otypes=[object])(100 * shares)
    written[:, 3] = [f"{one.support:,}" for one in classes.values()]
    ax, size = rows_for(ax, len(classes))
    annot = written if len(classes) <= MANY else None
    annotations = {"annot": annot, "annot_kws": {"fontsize": size}}
    _heat_map(ax, shares, labels(list(classes)), size, cbar=False, **annotations)
    ax.set_xticks(
        np.arange(4) + 0.5, ["precision %", "recall %", "F1 %", "test images"]
    )
    ax.tick_params(axis="x", labeltop=True, labelbottom=False)
    ax.set_title(label(result.name, 60))
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
    names = list(result.scores.per_class)
    return ConfusionMatrixDisplay(result.scores.confusion, display_labels=names)
