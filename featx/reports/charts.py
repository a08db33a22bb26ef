"""Figures of bars, dots and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from featx.evaluation.results import BenchResults, Result
from featx.reports.canvas import (
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    axes_for,
    label,
    labels,
    styled,
)


def _rows(ax: Axes, names: Sequence[str]) -> float:
    """Name the rows of a horizontal chart, first on top; return their font size."""
    size = 10.0 if len(names) <= 30 else 7.0
    ax.set_yticks(range(len(names)), labels(names), fontsize=size)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    return size


def _height(n_rows: int, row: float = 0.34) -> float:
    """Inches for so many rows, axis and title; narrower rows from 31 on."""
    return 1.3 + n_rows * (row if n_rows <= 30 else row / 2)


@styled
def plot_class_distribution(
    train_counts: ArrayLike,
    test_counts: ArrayLike,
    class_names: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many images each class has.

    Parameters
    ----------
    train_counts, test_counts : array-like of int, shape (n_classes,)
        Images per class.
    class_names : sequence of str
        Names of the classes.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        With two bars for each class.

    Examples
    --------
    >>> ax = plot_class_distribution([40, 20], [10, 10], ["cat", "dog"])
    >>> [int(bar.get_width()) for bar in ax.patches]
    [40, 20, 10, 10]
    """
    parts = [np.asarray(train_counts), np.asarray(test_counts)]
    n = len(class_names)
    ax = axes_for(ax, 7.5, _height(n, 0.45))
    size = _rows(ax, class_names)
    looks = [("training", BLUE, ""), ("test", ORANGE, "////")]
    for part, (name, colour, hatch), shift in zip(
        parts, looks, (-0.2, 0.2), strict=True
    ):
        bars = ax.barh(
            np.arange(n) + shift,
            part,
            0.38,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=f"{name}, {part.sum():,} images",
        )
        if n <= 30:
            ax.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=size - 2)
    ax.margins(x=0.1)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel("images")
    ax.set_title("Images per class")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return ax


@styled
def plot_loss(
    history: Mapping[str, Sequence[float]], title: str, *, ax: Axes | None = None
) -> Axes:
    """Draw the loss by epoch, the best epoch marked.

    Parameters
    ----------
    history : mapping of str to sequence of float
        ``"loss"`` and, where there was one, ``"validation_loss"``, a value per epoch.
    title : str
        What was trained.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        With a line for each loss; the best epoch is the one of lowest validation
        loss, or of lowest training loss where there is no validation.

    Examples
    --------
    >>> ax = plot_loss({"loss": [3.0, 2.0], "validation_loss": [2.5, 2.6]}, "conv")
    >>> ax.get_legend().get_texts()[-1].get_text()
    'best epoch: 1, validation loss 2.5'
    """
    ax = axes_for(ax, 7.0, 4.0)
    kinds = [
        ("loss", "training loss", BLUE, "-", "o"),
        ("validation_loss", "validation loss", VERMILLION, "--", "s"),
    ]
    judged, judged_name = np.empty(0), ""
    for key, name, colour, line, marker in kinds:
        values = np.asarray(history.get(key, ()), float)
        if not values.size:
            continue
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            line,
            color=colour,
            marker=marker if len(values) <= 30 else None,
            markersize=4,
            label=name,
        )
        judged, judged_name = values, name
    if np.isfinite(judged).any():
        best = int(np.nanargmin(judged))
        text = f"best epoch: {best + 1}, {judged_name} {judged[best]:.3g}"
        ax.axvline(best + 1, color=GREY, linewidth=1, linestyle=":")
        ax.plot(best + 1, judged[best], "k*", markersize=12, linestyle="", label=text)
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    last = max(len(judged), 1)
    ax.set_xlim(1 - max(0.5, last / 40), last + max(0.5, last / 40))
    ax.grid()
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.set_title(label(title, 70))
    if judged.size:
        ax.legend()
    return ax


@styled
def plot_class_accuracy(
    result: Result, class_names: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the accuracy of each class as a bar.

    Parameters
    ----------
    result : Result
        A row of the comparison.
    class_names : sequence of str, optional
        Names to show, by default those of the result.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        Bars in percent with Wilson's 95 % interval, and a line at the accuracy over
        all classes.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_class_accuracy(example_results().best)
    >>> [float(bar.get_width()) for bar in ax.patches]
    [75.0, 100.0]
    """
    scores = result.scores
    names = class_names or list(scores.per_class)
    recall = 100 * np.array([one.recall for one in scores.per_class.values()])
    low, high = result.class_intervals()
    known = scores.confusion.sum(axis=1) > 0  # the others have no interval to be seen
    ax = axes_for(ax, 7.5, _height(len(names)))
    size = _rows(ax, names)
    rows = np.arange(len(recall))
    ax.barh(rows, recall, 0.72, color=BLUE, alpha=0.75)
    whiskers = np.abs(np.stack([100 * low, 100 * high]) - recall)[:, known]
    ax.errorbar(
        recall[known],
        rows[known],
        xerr=whiskers,
        fmt="none",
        ecolor="black",
        elinewidth=1,
        capsize=2 if len(names) <= 30 else 0,
        label="95 % interval",
    )
    ax.axvline(
        100 * scores.accuracy,
        color=VERMILLION,
        linestyle="--",
        linewidth=1.3,
        label=f"all classes: {100 * scores.accuracy:.1f} %",
    )
    for row, (value, ends) in enumerate(zip(recall, 100 * high, strict=True)):
        ax.text(
            (ends if known[row] else 0) + 1.2,
            row,
            f"{value:.1f}" if known[row] else "no test images",
            va="center",
            fontsize=size - 1,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set_xlim(0, 109)
    ax.set_xticks(range(0, 101, 20))
    ax.set_xlabel("accuracy (%)")
    ax.set_title(label(result.name, 40))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return ax


@styled
def plot_comparison(results: BenchResults, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of every row with its interval, highest on top.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        A dot for each row in percent, open for the controls.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_comparison(example_results())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['conv + svm', 'raw + svm']
    """
    rows = sorted(results.rows, key=lambda row: -row.scores.accuracy)
    ax = axes_for(ax, 7.5, _height(len(rows)))
    size = _rows(ax, [row.name for row in rows])
    kinds = {"learned encoder": (BLUE, BLUE, "o"), "control": (GREY, "white", "s")}
    of = [
        "control" if row.encoder in results.controls else "learned encoder"
        for row in rows
    ]
    for kind, (colour, fill, marker) in kinds.items():
        mine = [i for i, one in enumerate(of) if one == kind]
        if not mine:
            continue
        at = 100 * np.array([rows[i].scores.accuracy for i in mine])
        ends = 100 * np.array([rows[i].scores.accuracy_ci95 for i in mine]).T
        ax.errorbar(
            at,
            mine,
            xerr=np.abs(ends - at),
            fmt=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=6,
            capsize=3,
            label=kind,
        )
    for i, row in enumerate(rows):
        ax.annotate(
            f"{100 * row.scores.accuracy:.1f}",
            (100 * row.scores.accuracy_ci95[1], i),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=size - 1,
        )
    ax.margins(x=0.12)
    ax.set_xlabel("test accuracy (%), with 95 % interval")
    ax.set_title(label(str(results.data.get("name", "")), 40) or "Comparison")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return ax
