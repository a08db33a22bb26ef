"""Wrong names among the surest, by how many are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from featx.errors import DataError
from featx.evaluation.results import BenchResults
from featx.evaluation.risk_coverage import RiskCoverageCurve, risk_coverage
from featx.reports.canvas import axes_for, label, styled
from featx.reports.displays.predictions import ConfidenceDisplay, are_right


class RiskCoverageDisplay(ConfidenceDisplay):
    """Risk-coverage curve: how many of the surest names are wrong, by how many are given.

    Parameters
    ----------
    curve : RiskCoverageCurve
        As `featx.evaluation.risk_coverage` returns it.
    name : str, default=""
        Whose names they are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    line_ : matplotlib Line2D
        Share of wrong names by the share of images that are named, both in percent.
    fill_between_ : matplotlib FillBetweenPolyCollection
        95 % intervals, each for itself.

    See Also
    --------
    ReliabilityDisplay : Whether the probabilities come true.

    Examples
    --------
    >>> from featx.reports import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_predictions(
    ...     [0, 0, 1, 1], [0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6]
    ... )
    >>> display.line_.get_ydata().tolist()
    [0.0, 0.0, 0.0, 0.0, 25.0]
    """

    ax_: Axes
    figure_: Figure | SubFigure
    line_: Line2D
    fill_between_: FillBetweenPolyCollection

    def __init__(self, curve: RiskCoverageCurve, *, name: str = "") -> None:
        self.curve = curve
        self.name = name

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure. Others may be on it already.
        line_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.plot`.
        fill_between_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        RiskCoverageDisplay
            With its artists.
        """
        ax = axes_for(ax, 5.6, 4.0)
        curve = self.curve
        # of the surest, which are equally sure, any may be taken first
        coverage = 100 * np.append(0, curve.coverage)
        risk, low, high = (
            100 * np.append(one[0], one) for one in (curve.risk, *curve.risk_ci95)
        )
        area = f"AURC = {curve.aurc:.4f}"
        text = f"{label(self.name, 30)} ({area})" if self.name else area
        look: dict[str, Any] = {"label": text, "linewidth": 1.8, **(line_kw or {})}
        (self.line_,) = ax.plot(coverage, risk, **look)
        band = {"color": self.line_.get_color(), "alpha": 0.13, "linewidth": 0}
        self.fill_between_ = ax.fill_between(
            coverage, low, high, **{**band, **(fill_between_kw or {})}
        )
        # a few of the surest names prove little, and their intervals would fill all
        seen = coverage >= 10
        top = min(100.0, max(1.6 * float(risk[seen].max()), 2.0))
        if len(ax.lines) > 1:  # others are there
            top = max(top, ax.get_ylim()[1])
        ax.set(xlim=(0, 101), ylim=(0, top))
        ax.set(xlabel="images that are named (%)", ylabel="wrong names among them (%)")
        ax.legend(loc="upper left")
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
        """Draw the curve of a row, of several seeds that of the first.

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
        RiskCoverageDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there is no such row.
        DataError
            If it is not known how sure the row was.
        """
        name = results.row(row).name
        if name not in results.confidences:
            raise DataError(
                f"Got {name} without confidences, but expected results that have them. "
                "Make them anew with bench."
            )
        right = results.predictions[name] == results.y_true
        curve = risk_coverage(
            results.confidences[name], right, results.groups, results.n_folds
        )
        return cls(curve, name=name).plot(ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        confidence: ArrayLike,
        *,
        groups: NDArray[np.int64] | None = None,
        name: str = "",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curve of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (n,)
            Labels.
        confidence : array-like of float, shape (n,)
            How sure each prediction is; only the order counts.
        groups : ndarray of int64, shape (n,), default=None
            Groups of images that have something in common; none by default.
        name : str, default=""
            Whose predictions they are.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        RiskCoverageDisplay
            Drawn.

        Raises
        ------
        DataError
            If there is not one value each for every image.
        """
        right, sure = are_right(y_true, y_pred, confidence)
        return cls(risk_coverage(sure, right, groups), name=name).plot(ax, **kwargs)
