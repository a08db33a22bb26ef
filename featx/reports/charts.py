"""Figures of numbers: heat maps, bars, dots and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.canvas import (
    BLUE,
    FEW,
    GRAY,
    MANY,
    ORANGE,
    VERMILION,
    axes_for,
    label,
    labels,
    rows_for,
    styled,
)

_ABOVE: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2}  # a legend
_WHISKERS: Any = {"fmt": "none", "elinewidth": 1, "capsize": 2}


@styled()
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
    >>> [[int(bar.get_width()) for bar in bars] for bars in ax.containers]
    [[40, 20], [10, 10]]
    """
    names, parts = labels(class_names), {"training": train_counts, "test": test_counts}
    table = pd.DataFrame(
        {f"{part}, {np.sum(n):,} images": np.asarray(n) for part, n in parts.items()},
        names,
    )
    ax, size = rows_for(ax, len(names), 0.45)
    sns.barplot(
        table.melt(var_name="part", value_name="images", ignore_index=False),
        x="images",
        y=names * 2,
        hue="part",
        palette=[BLUE, ORANGE],
        saturation=1,
        errorbar=None,
        ax=ax,
    )
    bars: Any
    for bars in ax.containers if len(names) <= FEW else ():
        ax.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=size - 2)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.1)
    ax.set(ylabel="", title="Images per class")
    sns.move_legend(ax, title=None, **_ABOVE)
    return ax


@styled()
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
        Bars in percent, labeled up to 200 classes, with Wilson's 95 % interval, and a
        line at the accuracy over all classes.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_class_accuracy(example_results().best)
    >>> [float(bar.get_width()) for bar in ax.patches]
    [75.0, 100.0]
    """
    scores = result.scores
    recall = 100 * np.array([one.recall for one in scores.per_class.values()])
    # A class without test images has no interval.
    known = np.where(scores.confusion.sum(axis=1) > 0, 100, np.nan)
    low, high = result.class_intervals() * known
    ax, size = rows_for(ax, len(recall))
    names = labels(class_names or list(scores.per_class))
    look = {"color": BLUE, "alpha": 0.75, "saturation": 1, "errorbar": None}
    sns.barplot(x=recall, y=names, ax=ax, **look)
    ends = np.abs([low - recall, high - recall])
    rows = np.arange(len(names))
    ax.errorbar(
        recall, rows, xerr=ends, ecolor="black", label="95 % interval", **_WHISKERS
    )
    overall = f"all classes: {100 * scores.accuracy:.1f} %"
    ax.axvline(100 * scores.accuracy, color=VERMILION, linestyle="--", label=overall)
    white: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for row, (value, end) in enumerate(zip(recall, high, strict=True)):
        if len(names) > MANY:
            break
        text = f"{value:.1f}" if end == end else "no test images"
        x = np.nan_to_num(end) + 1.2
        ax.text(x, row, text, va="center", fontsize=size - 1, bbox=white)
    ax.set(xlim=(0, 109), xticks=range(0, 101, 20), ylim=(len(names) - 0.5, -0.5))
    ax.set_xlabel("accuracy (%)")
    ax.set_title(label(result.name, 40))
    ax.legend(**_ABOVE)
    return ax


@styled()
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
        A dot for each row in percent; gray squares are controls.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> ax = plot_comparison(example_results())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['conv + svm', 'raw + svm']
    """
    rows = results.ranked
    accuracy = 100 * np.array([row.scores.accuracy for row in rows])
    ends = 100 * np.array([row.scores.accuracy_ci95 for row in rows]).T
    ax, size = rows_for(ax, len(rows))
    looks = {"learned encoder": (BLUE, "o"), "control": (GRAY, "s")}
    kinds = [
        "control" if row.encoder in results.controls else "learned encoder"
        for row in rows
    ]
    sns.scatterplot(
        x=accuracy,
        y=labels([row.name for row in rows]),
        hue=kinds,
        style=kinds,
        palette={kind: color for kind, (color, _) in looks.items()},
        markers={kind: marker for kind, (_, marker) in looks.items()},
        s=50,
        zorder=3,
        ax=ax,
    )
    whiskers = np.abs(ends - accuracy)
    ax.errorbar(accuracy, range(len(rows)), xerr=whiskers, ecolor=GRAY, **_WHISKERS)
    for i, (value, end) in enumerate(zip(accuracy, ends[1], strict=True)):
        place: Any = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(f"{value:.1f}", (end, i), fontsize=size - 1, **place)
    ax.margins(x=0.12)
    ax.set(ylim=(len(rows) - 0.5, -0.5), ylabel="")
    ax.set_xlabel("test accuracy (%), with 95 % interval")
    ax.set_title(label(str(results.data.get("name", "")), 40) or "Comparison")
    ax.legend(**_ABOVE)
    return ax


@styled()
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
    names = {"loss": "training loss", "validation_loss": "validation loss"}
    table = pd.DataFrame(
        {names[key]: pd.Series(history.get(key, ()), dtype=float) for key in names}
    ).dropna(axis="columns", how="all")
    table.index += 1
    if len(table.columns):
        palette, few = [BLUE, VERMILION][: len(table.columns)], len(table) <= FEW
        sns.lineplot(table, palette=palette, markers=few, ax=ax)
        name, judged = list(table.items())[-1]
        best = judged.idxmin()
        text = f"best epoch: {best}, {name} {judged[best]:.3g}"
        ax.axvline(best, color=GRAY, linewidth=1, linestyle=":")
        ax.plot(best, judged[best], "k*", markersize=12, linestyle="", label=text)
        ax.legend()
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    beside = max(0.5, len(table) / 40)
    ax.set_xlim(1 - beside, max(len(table), 1) + beside)
    ax.set(xlabel="epoch", ylabel="loss", title=label(title, 70))
    return ax


@styled()
def plot_curve(curve: LearningCurve, *, ax: Axes | None = None) -> Axes:
    """Draw accuracy against the number of labels, a line for the best of each encoder.

    Parameters
    ----------
    curve : LearningCurve
        What was measured.
    ax : Axes, optional
        Where to draw, by default on a new figure.

    Returns
    -------
    Axes
        Means in percent, with bars of one standard deviation between draws; controls are
        gray and dashed.

    Examples
    --------
    >>> from featx.reports.examples import example_curve
    >>> ax = plot_curve(example_curve())
    >>> ax.get_xscale(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('log', ['raw + svm', 'conv + svm'])
    """
    ax = axes_for(ax, 6.0, 4.0)
    colors = sns.color_palette("colorblind", len(curve.highest))
    for color, row in zip(colors, curve.highest, strict=True):
        control = row.encoder in curve.controls
        ax.errorbar(
            row.n_labels,
            100 * row.means,
            yerr=100 * np.nan_to_num(row.spreads),
            label=row.name,
            color=GRAY if control else color,
            linestyle="--" if control else "-",
            marker="s" if control else "o",
            markersize=4,
            capsize=2,
        )
    ax.set(xscale="log", xlabel="labels in all", ylabel="test accuracy (%)")
    ax.legend(frameon=False)
    return ax
