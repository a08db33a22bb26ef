"""Precision, recall and F1 of every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from numpy.typing import ArrayLike

from featx.evaluation.results import BenchResults
from featx.evaluation.scores import ClassScores, score
from featx.reports.canvas import FEW, MANY, label, labels, rows_for, styled
from featx.reports.displays.predictions import positions

_COLUMNS = ("precision %", "recall %", "F1 %", "test images")


class ClassificationReportDisplay:
    """Precision, recall, F1 and support of every class, as a heat map.

    Parameters
    ----------
    per_class : mapping of str to ClassScores
        By the names of the classes.
    title : str, default=""
        Whose scores they are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib QuadMesh
        The scores, in [0, 1]; the column of the support has no color.
    text_ : list of matplotlib Text
        The scores in percent, and the support; none of more than 200 classes.

    See Also
    --------
    ClassAccuracyDisplay : Recall with its interval.
    sklearn.metrics.classification_report : The same as text.

    Examples
    --------
    >>> from featx.reports import ClassificationReportDisplay
    >>> from featx.reports.examples import example_results
    >>> display = ClassificationReportDisplay.from_results(example_results())
    >>> [text.get_text() for text in display.text_]
    ['100.0', '75.0', '85.7', '4', '80.0', '100.0', '88.9', '4']
    """

    ax_: Axes
    figure_: Figure | SubFigure
    im_: QuadMesh
    text_: list[Text]

    def __init__(
        self, per_class: Mapping[str, ClassScores], *, title: str = ""
    ) -> None:
        self.per_class = per_class
        self.title = title

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: str = "Blues",
        im_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colors, from nought to one.
        im_kw : dict, default=None
            Passed on to `seaborn.heatmap`.

        Returns
        -------
        ClassificationReportDisplay
            With its artists.
        """
        of_classes = list(self.per_class.values())
        n = len(of_classes)
        shares = np.array([[c.precision, c.recall, c.f1, 0] for c in of_classes])
        written = np.vectorize("{:.1f}".format, otypes=[object])(100 * shares)
        written[:, 3] = [f"{one.support:,}" for one in of_classes]
        ax, size = rows_for(ax, n)
        few, n_before = n <= FEW, len(ax.texts)
        sns.heatmap(
            shares,
            cmap=cmap,
            vmin=0,
            vmax=1,
            annot=written if n <= MANY else None,
            annot_kws={"fontsize": size},
            fmt="",
            linewidths=0.5 if few else 0,
            rasterized=not few,  # an SVG file would hold a path for each cell
            xticklabels=False,
            yticklabels=False,
            cbar=False,
            ax=ax,
            **(im_kw or {}),
        )
        mesh: Any = ax.collections[-1]
        self.im_, self.text_ = mesh, list(ax.texts[n_before:])
        names = labels(list(self.per_class))
        ax.set_yticks(np.arange(n) + 0.5, names, fontsize=size)
        ax.set_xticks(np.arange(4) + 0.5, _COLUMNS)
        ax.tick_params(axis="x", labeltop=True, labelbottom=False)
        ax.set_title(label(self.title, 60))
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
        """Draw the scores of a row.

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
        ClassificationReportDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there is no such row.
        """
        found = results.row(row)
        display = cls(found.scores.per_class, title=found.name)
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
        """Draw the scores of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (n,)
            Labels.
        display_labels : sequence of str, default=None
            Names of the classes that occur, in the order of the labels; these by default.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ClassificationReportDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there are not as many names as classes.
        """
        scores = score(*positions(y_true, y_pred, display_labels))
        return cls(scores.per_class).plot(ax, **kwargs)
