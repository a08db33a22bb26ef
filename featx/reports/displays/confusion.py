"""Which classes are taken for which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import ConfusionMatrixDisplay

from featx.evaluation.results import BenchResults
from featx.reports.canvas import FEW, GRAY, axes_for, label, labels, styled


class ConfusionDisplay:
    """A confusion matrix colored by the share of the true class, so that rare ones show.

    It is scikit-learn's display of shares, with counts as text, and fit for a hundred
    classes and more.

    Parameters
    ----------
    confusion_matrix : array-like of int, shape (n_classes, n_classes)
        Rows are the true classes, columns the predicted ones.
    display_labels : sequence of str, length n_classes
        Names of the classes; of more than about a hundred, some are left out.
    title : str, default=""
        What is shown.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The shares, in [0, 1].
    text_ : ndarray of matplotlib Text, shape (n_classes, n_classes), or None
        The counts; None of more than 30 classes.

    See Also
    --------
    ClassAccuracyDisplay : Its diagonal with intervals.
    sklearn.metrics.ConfusionMatrixDisplay : Of labels and predictions in arrays.

    Examples
    --------
    >>> from featx.reports import ConfusionDisplay
    >>> display = ConfusionDisplay([[3, 1], [0, 4]], ["cat", "dog"]).plot()
    >>> display.im_.get_array().tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    >>> [text.get_text() for text in display.text_.ravel()]
    ['3', '1', '0', '4']
    """

    ax_: Axes
    figure_: Figure | SubFigure
    im_: AxesImage
    text_: NDArray[np.object_] | None

    def __init__(
        self,
        confusion_matrix: ArrayLike,
        display_labels: Sequence[str],
        *,
        title: str = "",
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.display_labels = display_labels
        self.title = title

    @styled()
    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: str = "Blues",
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colors, from a share of nought to one of all.
        colorbar : bool, default=True
            Draw what the colors mean.
        im_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Passed on to `matplotlib.axes.Axes.text`.

        Returns
        -------
        ConfusionDisplay
            With its artists.
        """
        counts = np.asarray(self.confusion_matrix)
        n = len(counts)
        longest = max(len(f"{count:,}") for count in (counts.min(), counts.max()))
        few, number = n <= FEW, 10.0 if n <= 12 else 7.5
        cell = max(0.42, (longest + 1) * number * 0.62 / 72)
        side = max(2.6, n * cell) if few else min(n * 0.115, 14)
        ax = axes_for(ax, side + 2.6, side + 1.6)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        drawn = ConfusionMatrixDisplay(shares).plot(
            include_values=few,
            cmap=cmap,
            ax=ax,
            colorbar=False,
            im_kw={"vmin": 0, "vmax": 1, **(im_kw or {})},
            text_kw={"fontsize": number, **(text_kw or {})},
        )
        self.im_, self.text_ = drawn.im_, drawn.text_
        if self.text_ is not None:
            self._write_counts(counts, shares, own_color="color" in (text_kw or {}))
        if colorbar:
            ax.figure.colorbar(
                self.im_,
                ax=ax,
                label="share of the true class",
                fraction=0.04,
                shrink=0.6,
                format="{x:.0%}",
            ).outline.set_visible(False)
        self._name_classes(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _write_counts(
        self, counts: NDArray[Any], shares: NDArray[np.float64], *, own_color: bool
    ) -> None:
        """Let the texts say counts, legible on the color of the share."""
        assert self.text_ is not None
        for text, count, share in zip(
            self.text_.ravel(), counts.ravel(), shares.ravel(), strict=True
        ):
            text.set_text(f"{count:,}")
            if not own_color:
                text.set_color("white" if share > 0.5 else ".15" if count else GRAY)

    def _name_classes(self, ax: Axes) -> None:
        """Write the names of the classes, as many as fit, and lines between few cells."""
        names = labels(self.display_labels, 18)
        n = len(names)
        size = 10.0 if n <= 15 else 8.5 if n <= FEW else 6.0
        step = max(1, math.ceil(n / 120))  # so many names fit
        ticks = np.arange(0, n, step)
        ax.set_yticks(ticks, names[::step], fontsize=size)
        ax.set_xticks(ticks, names[::step], fontsize=size, rotation=90)
        ax.grid(visible=False)
        if n <= FEW:
            ax.set_xticks(np.arange(n - 1) + 0.5, minor=True)
            ax.set_yticks(np.arange(n - 1) + 0.5, minor=True)
            ax.grid(which="minor", color="white", linewidth=1)
            ax.tick_params(which="minor", length=0)
        title = label(self.title, 60)
        ax.set(xlabel="predicted class", ylabel="true class", title=title)

    @classmethod
    def from_results(
        cls,
        results: BenchResults,
        row: str | None = None,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the matrix of a row; of several seeds it is their sum.

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
        ConfusionDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If there is no such row.
        """
        found = results.row(row)
        names = list(found.scores.per_class)
        display = cls(found.scores.confusion, names, title=found.name)
        return display.plot(ax, **kwargs)
