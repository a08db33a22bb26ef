"""Accuracy against the number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike

from featx.evaluation.learning_curve import LearningCurve
from featx.reports.canvas import GRAY, axes_for, label, styled


class LearningCurveDisplay:
    """Accuracy against the number of labels, a line for each row.

    Parameters
    ----------
    n_labels : array-like of int, shape (n_points,)
        Labels in all.
    accuracy : array-like of float, shape (n_rows, n_points)
        Means over draws of labels, in [0, 1].
    spread : array-like of float, shape (n_rows, n_points)
        Standard deviation between draws; NaN where there is one draw.
    names : sequence of str, length n_rows
        Names of the rows.
    is_control : array-like of bool, shape (n_rows,), default=False
        Rows that are drawn in gray and dashed; none by default.
    title : str, default=""
        What was learned from.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        The means, in percent.
    fill_between_ : list of matplotlib FillBetweenPolyCollection
        One standard deviation between draws on each side.

    See Also
    --------
    ComparisonDisplay : Rows with all labels.
    sklearn.model_selection.LearningCurveDisplay : One estimator on arrays, in folds.

    Examples
    --------
    >>> from featx.reports import LearningCurveDisplay
    >>> from featx.reports.examples import example_curve
    >>> display = LearningCurveDisplay.from_results(example_curve())
    >>> display.ax_.get_xscale(), [line.get_label() for line in display.lines_]
    ('log', ['raw + svm', 'conv + svm'])
    """

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: list[Line2D]
    fill_between_: list[FillBetweenPolyCollection]

    def __init__(
        self,
        n_labels: ArrayLike,
        accuracy: ArrayLike,
        spread: ArrayLike,
        names: Sequence[str],
        *,
        is_control: ArrayLike = False,
        title: str = "",
    ) -> None:
        self.n_labels = n_labels
        self.accuracy = accuracy
        self.spread = spread
        self.names = names
        self.is_control = is_control
        self.title = title

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        line_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.plot`.
        fill_between_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        LearningCurveDisplay
            With its artists.
        """
        ax = axes_for(ax, 6.5, 4.2)
        n_labels = np.asarray(self.n_labels)
        accuracy = 100 * np.asarray(self.accuracy, float)
        spread = 100 * np.nan_to_num(np.asarray(self.spread, float))
        is_control = np.broadcast_to(self.is_control, len(accuracy))
        colors = iter(sns.color_palette("colorblind", len(accuracy)))
        markers = iter("sDv^<>" * len(accuracy))  # of controls, which are all gray
        self.lines_, self.fill_between_ = [], []
        for name, control, mean, reach in zip(
            self.names, is_control, accuracy, spread, strict=True
        ):
            look: dict[str, Any] = {
                "color": GRAY if control else next(colors),
                "linestyle": "--" if control else "-",
                "marker": next(markers) if control else "o",
                "markersize": 4.5,
                "linewidth": 1.2 if control else 1.8,
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(n_labels, mean, label=label(name, 40), **look)
            band = {
                "color": look["color"],
                "alpha": 0.12 if control else 0.2,
                "linewidth": 0,
                **(fill_between_kw or {}),
            }
            low, high = mean - reach, mean + reach
            self.fill_between_.append(ax.fill_between(n_labels, low, high, **band))
        ax.set(xscale="log", xlabel="labels in all", ylabel="test accuracy (%)")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_title(label(self.title, 60))
        ax.legend(loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_results(
        cls,
        curve: LearningCurve,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the best row of each encoder.

        Parameters
        ----------
        curve : LearningCurve
            As `learning_curve` returns it.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        LearningCurveDisplay
            Drawn.
        """
        rows = curve.highest
        display = cls(
            rows[0].n_labels,
            [row.means for row in rows],
            [row.spreads for row in rows],
            [row.name for row in rows],
            is_control=[row.encoder in curve.controls for row in rows],
            title=str(curve.data.get("name", "")),
        )
        return display.plot(ax, **kwargs)
