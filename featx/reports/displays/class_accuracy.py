"""The accuracy of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from featx.evaluation.results import BenchResults
from featx.evaluation.scores import Scores, score
from featx.reports.canvas import (
    ABOVE,
    BLUE,
    MANY,
    VERMILION,
    WHISKERS,
    label,
    labels,
    rows_for,
    styled,
)
from featx.reports.displays.predictions import positions


class ClassAccuracyDisplay:
    """The accuracy of each class, its recall, as a bar with a 95 % interval.

    Parameters
    ----------
    recall : array-like of float, shape (n_classes,)
        In [0, 1].
    interval : array-like of float, shape (2, n_classes)
        Lower and upper ends, in [0, 1]; NaN for a class without test images.
    accuracy : float
        Over all images, in [0, 1].
    display_labels : sequence of str, length n_classes
        Names of the classes.
    title : str, default=""
        Whose accuracy it is.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    bars_ : matplotlib BarContainer
        Recalls, in percent.
    errorbar_ : matplotlib ErrorbarContainer
        The intervals.
    line_ : matplotlib Line2D
        The accuracy over all classes.
    text_ : list of matplotlib Text
        The recalls as text, of at most 200 classes.

    See Also
    --------
    ConfusionDisplay : Which classes are taken for which.
    ClassificationReportDisplay : Precision and F1, too.

    Examples
    --------
    >>> from featx.reports import ClassAccuracyDisplay
    >>> from featx.reports.examples import example_results
    >>> display = ClassAccuracyDisplay.from_results(example_results())
    >>> [float(bar.get_width()) for bar in display.bars_]
    [75.0, 100.0]
    """

    ax_: Axes
    figure_: Figure | SubFigure
    bars_: BarContainer
    errorbar_: ErrorbarContainer
    line_: Line2D
    text_: list[Text]

    def __init__(
        self,
        recall: ArrayLike,
        interval: ArrayLike,
        accuracy: float,
        display_labels: Sequence[str],
        *,
        title: str = "",
    ) -> None:
        self.recall = recall
        self.interval = interval
        self.accuracy = accuracy
        self.display_labels = display_labels
        self.title = title

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        bar_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        bar_kw : dict, default=None
            Passed on to `seaborn.barplot`.
        errorbar_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        ClassAccuracyDisplay
            With its artists.
        """
        recall = 100 * np.asarray(self.recall, float)
        low, high = 100 * np.asarray(self.interval, float)
        n_classes = len(recall)
        ax, size = rows_for(ax, n_classes)
        look = {"color": BLUE, "alpha": 0.75, "saturation": 1, **(bar_kw or {})}
        sns.barplot(
            x=recall, y=labels(self.display_labels), errorbar=None, ax=ax, **look
        )
        bars: Any = ax.containers[-1]
        self.bars_ = bars
        self.errorbar_ = ax.errorbar(
            recall,
            np.arange(n_classes),
            xerr=np.abs([low - recall, high - recall]),
            label="95 % interval",
            **{"ecolor": "black", **WHISKERS, **(errorbar_kw or {})},
        )
        overall = f"all classes: {100 * self.accuracy:.1f} %"
        self.line_ = ax.axvline(
            100 * self.accuracy, color=VERMILION, linestyle="--", label=overall
        )
        self.text_ = []
        white: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        for row, (value, end) in enumerate(zip(recall, high, strict=True)):
            if n_classes > MANY:
                break
            text = f"{value:.1f}" if end == end else "no test images"
            x = np.nan_to_num(end) + 1.2
            self.text_.append(
                ax.text(x, row, text, va="center", fontsize=size - 1, bbox=white)
            )
        ax.set(xlim=(0, 109), xticks=range(0, 101, 20), ylim=(n_classes - 0.5, -0.5))
        ax.set(xlabel="accuracy (%)", ylabel="", title=label(self.title, 40))
        ax.legend(**ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_results(
        cls,
        results: BenchResults,
        row: str | None = None,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the classes of a row.

        Parameters
        ----------
        results : BenchResults
            As `bench` returns it.
        row : str, default=None
            Name of the row, such as ``"patch + svm"``; by default the one to use.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ClassAccuracyDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there is no such row.
        """
        found = results.row(row)
        display = cls._of(found.scores, found.name)
        return display.plot(ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        display_labels: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the classes of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (n,)
            Labels; each image is taken to be on its own.
        display_labels : sequence of str, default=None
            Names of the classes that occur, in the order of the labels; these by default.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ClassAccuracyDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there are not as many names as classes.

        Examples
        --------
        >>> from featx.reports import ClassAccuracyDisplay
        >>> display = ClassAccuracyDisplay.from_predictions(["a", "b"], ["a", "a"])
        >>> display.recall
        [1.0, 0.0]
        """
        scores = score(*positions(y_true, y_pred, display_labels))
        return cls._of(scores, "").plot(ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        display_labels: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the classes of a fitted classifier, such as a `Model`.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        X : array-like
            What it takes.
        y : array-like, shape (n,)
            True labels.
        display_labels : sequence of str, default=None
            As for `from_predictions`.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ClassAccuracyDisplay
            Drawn.
        """
        predicted = estimator.predict(X)
        return cls.from_predictions(
            y, predicted, display_labels=display_labels, ax=ax, **kwargs
        )

    @classmethod
    def _of(cls, scores: Scores, title: str) -> Self:
        of_classes = scores.per_class.values()
        there = [1.0 if one.support else np.nan for one in of_classes]
        return cls(
            [one.recall for one in of_classes],
            np.transpose([one.recall_ci95 for one in of_classes]) * there,
            scores.accuracy,
            list(scores.per_class),
            title=title,
        )
