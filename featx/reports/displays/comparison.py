"""All rows of a comparison with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

from featx.evaluation.results import BenchResults
from featx.reports.canvas import (
    ABOVE,
    BLUE,
    GRAY,
    WHISKERS,
    label,
    labels,
    rows_for,
    styled,
)

_LOOKS = {"learned encoder": (BLUE, "o"), "control": (GRAY, "s")}


class ComparisonDisplay:
    """The accuracy of every row with its 95 % interval, the highest on top.

    Parameters
    ----------
    names : sequence of str, length n_rows
        Names of the rows.
    accuracy : array-like of float, shape (n_rows,)
        In [0, 1].
    interval : array-like of float, shape (2, n_rows)
        Lower and upper ends, in [0, 1].
    is_control : array-like of bool, shape (n_rows,), default=False
        Rows that the others are compared with; none by default.
    title : str, default=""
        What was compared on.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    points_ : matplotlib PathCollection
        A dot for each row, in percent; gray squares are controls.
    errorbar_ : matplotlib ErrorbarContainer
        The intervals.
    text_ : list of matplotlib Annotation
        The accuracies as text.

    See Also
    --------
    LearningCurveDisplay : The same rows by the number of labels.

    Examples
    --------
    >>> from featx.reports import ComparisonDisplay
    >>> from featx.reports.examples import example_results
    >>> display = ComparisonDisplay.from_results(example_results())
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['conv + svm', 'raw + svm']
    """

    ax_: Axes
    figure_: Figure | SubFigure
    points_: PathCollection
    errorbar_: ErrorbarContainer
    text_: list[Annotation]

    def __init__(
        self,
        names: Sequence[str],
        accuracy: ArrayLike,
        interval: ArrayLike,
        *,
        is_control: ArrayLike = False,
        title: str = "",
    ) -> None:
        self.names = names
        self.accuracy = accuracy
        self.interval = interval
        self.is_control = is_control
        self.title = title

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        point_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the comparison.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        point_kw : dict, default=None
            Passed on to `seaborn.scatterplot`.
        errorbar_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        ComparisonDisplay
            With its artists.
        """
        order = np.argsort(-np.asarray(self.accuracy, float), kind="stable")
        accuracy = 100 * np.asarray(self.accuracy, float)[order]
        ends = 100 * np.asarray(self.interval, float)[:, order]
        is_control = np.broadcast_to(self.is_control, len(order))[order]
        kinds = np.where(is_control, "control", "learned encoder")
        ax, size = rows_for(ax, len(order))
        look: dict[str, Any] = {"s": 50, "zorder": 3, **(point_kw or {})}
        sns.scatterplot(
            x=accuracy,
            y=labels([self.names[row] for row in order], 40),
            hue=kinds,
            style=kinds,
            palette={kind: color for kind, (color, _) in _LOOKS.items()},
            markers={kind: marker for kind, (_, marker) in _LOOKS.items()},
            ax=ax,
            **look,
        )
        self.points_ = next(
            one for one in reversed(ax.collections) if isinstance(one, PathCollection)
        )
        self.errorbar_ = ax.errorbar(
            accuracy,
            range(len(order)),
            xerr=np.abs(ends - accuracy),
            **{"ecolor": GRAY, **WHISKERS, **(errorbar_kw or {})},
        )
        place: Any = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        self.text_ = [
            ax.annotate(f"{value:.1f}", (end, row), fontsize=size - 1, **place)
            for row, (value, end) in enumerate(zip(accuracy, ends[1], strict=True))
        ]
        ax.margins(x=0.12)
        ax.set(ylim=(len(order) - 0.5, -0.5), ylabel="")
        ax.set_xlabel("test accuracy (%), with 95 % interval")
        ax.set_title(label(self.title, 40) or "Comparison")
        ax.legend(**ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_results(
        cls,
        results: BenchResults,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw all rows of a comparison.

        Parameters
        ----------
        results : BenchResults
            As `bench` returns it.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ComparisonDisplay
            Drawn.
        """
        rows = results.rows
        display = cls(
            [row.name for row in rows],
            [row.scores.accuracy for row in rows],
            np.transpose([row.scores.accuracy_ci95 for row in rows]),
            is_control=[row.encoder in results.controls for row in rows],
            title=str(results.data.get("name", "")),
        )
        return display.plot(ax, **kwargs)
