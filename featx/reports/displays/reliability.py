"""Probabilities beside what came true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from featx.errors import DataError
from featx.evaluation.reliability import N_BINS, Reliability, reliability
from featx.evaluation.results import BenchResults
from featx.reports.canvas import GRAY, WHISKERS, axes_for, label, styled
from featx.reports.displays.predictions import ConfidenceDisplay, are_right


class ReliabilityDisplay(ConfidenceDisplay):
    """Reliability diagram: how often the class was right that got some probability.

    Parameters
    ----------
    reliability : Reliability
        As `featx.evaluation.reliability` returns it.
    name : str, default=""
        Whose probabilities they are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    points_ : matplotlib PathCollection
        The share that was right in each fifteenth of the probabilities; the more images,
        the larger.
    errorbar_ : matplotlib ErrorbarContainer
        Its 95 % intervals.
    line_ : matplotlib Line2D or None
        Where all that was said came true; None where it is not drawn.
    bars_ : matplotlib BarContainer or None
        The share of the images in each fifteenth; None where it is not drawn.

    See Also
    --------
    RiskCoverageDisplay : How many of the surest names are wrong.
    sklearn.calibration.CalibrationDisplay : The probability of one of two classes.

    Examples
    --------
    >>> import numpy as np
    >>> from featx.reports import ReliabilityDisplay
    >>> y_true, y_pred = np.ones(10), np.arange(10) < 8
    >>> display = ReliabilityDisplay.from_predictions(y_true, y_pred, np.full(10, 0.9))
    >>> round(display.reliability.error, 3)
    0.1
    """

    ax_: Axes
    figure_: Figure | SubFigure
    points_: PathCollection
    errorbar_: ErrorbarContainer
    line_: Line2D | None
    bars_: BarContainer | None

    def __init__(self, reliability: Reliability, *, name: str = "") -> None:
        self.reliability = reliability
        self.name = name

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        ref_line: bool = True,
        shares: bool = True,
        point_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure. Others may be on it already.
        ref_line : bool, default=True
            Draw where all that was said comes true.
        shares : bool, default=True
            Draw the share of the images in each fifteenth, as gray bars.
        point_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.scatter`.
        errorbar_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        ReliabilityDisplay
            With its artists.
        """
        ax = axes_for(ax, 4.8, 5.4)
        found = self.reliability
        filled = np.flatnonzero(found.n_images)
        said, right = found.said[filled], found.right[filled]
        self.line_ = self.bars_ = None
        if shares:
            self.bars_ = ax.bar(
                (np.arange(N_BINS) + 0.5) / N_BINS,
                found.n_images / found.n_images.sum(),
                width=0.9 / N_BINS,
                color="0.85",
                zorder=0,
                label="share of the images",
            )
        if ref_line:
            (self.line_,) = ax.plot(
                [0, 1], [0, 1], color=GRAY, linestyle=":", label="all comes true"
            )
        low, high = found.ci95
        text = f"error {found.error:.3f} [{low:.3f}, {high:.3f}]"
        share = found.n_images[filled] / found.n_images.sum()
        look: dict[str, Any] = {
            "s": 14 + 130 * share,
            "zorder": 3,
            "label": f"{label(self.name, 30)}\n{text}".strip(),
            **(point_kw or {}),
        }
        self.points_ = ax.scatter(said, right, **look)
        whiskers: dict[str, Any] = {
            "ecolor": self.points_.get_facecolor()[0],
            "alpha": 0.6,
            **WHISKERS,
            **(errorbar_kw or {}),
        }
        ends = np.abs(found.right_ci95[:, filled] - right)
        self.errorbar_ = ax.errorbar(said, right, yerr=ends, **whiskers)
        ax.set(xlim=(0, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        ax.set(xlabel="probability of the class named", ylabel="share that was right")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=1)
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
        """Draw the probabilities of a row.

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
        ReliabilityDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there is no such row.
        DataError
            If the row has no probabilities.
        """
        name = results.row(row).name
        found = results.reliability_of(name)
        if found is None:
            raise DataError(
                f"Got {name}, which has no probabilities, but expected some: too few "
                "images could be held out to find them. Choose another row."
            )
        return cls(found, name=name).plot(ax, **kwargs)

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
        """Draw the probabilities of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (n,)
            Labels.
        confidence : array-like of float, shape (n,)
            Probability of the class that was named, in [0, 1].
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
        ReliabilityDisplay
            Drawn.

        Raises
        ------
        DataError
            If there is not one value each for every image, or one is no probability.
        """
        right, sure = are_right(y_true, y_pred, confidence)
        if not ((sure >= 0) & (sure <= 1)).all():
            raise DataError(
                f"Got confidences from {sure.min():g} to {sure.max():g}, but expected "
                "probabilities from 0 to 1."
            )
        return cls(reliability(sure, right, groups), name=name).plot(ax, **kwargs)
