"""The loss by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from sklearn.base import BaseEstimator

from featx.errors import ParameterError, unknown_name
from featx.evaluation.results import BenchResults
from featx.reports.canvas import BLUE, FEW, GRAY, VERMILION, axes_for, label, styled


class LossDisplay:
    """The loss by epoch, the best epoch marked.

    The best epoch is the one of lowest validation loss, or of lowest training loss where
    there is no validation.

    Parameters
    ----------
    loss : sequence of float, length n_epochs
        Training loss.
    validation_loss : sequence of float, length n_epochs, default=()
        Validation loss, where there was one.
    title : str, default=""
        What was trained.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        A line for each loss.
    best_ : matplotlib Line2D or None
        A star at the best epoch; None where no loss is finite.

    Examples
    --------
    >>> from featx.reports import LossDisplay
    >>> display = LossDisplay([3.0, 2.0], [2.5, 2.6], title="conv").plot()
    >>> display.best_.get_label()
    'best epoch: 1, validation loss 2.5'
    """

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: list[Line2D]
    best_: Line2D | None

    def __init__(
        self,
        loss: Sequence[float],
        validation_loss: Sequence[float] = (),
        *,
        title: str = "",
    ) -> None:
        self.loss = loss
        self.validation_loss = validation_loss
        self.title = title

    @styled()
    def plot(
        self, ax: Axes | None = None, *, line_kw: Mapping[str, Any] | None = None
    ) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        line_kw : dict, default=None
            Passed on to `seaborn.lineplot`.

        Returns
        -------
        LossDisplay
            With its artists.
        """
        ax = axes_for(ax, 7.0, 4.0)
        losses = {"training loss": self.loss, "validation loss": self.validation_loss}
        table = pd.DataFrame(
            {name: pd.Series(one, dtype=float) for name, one in losses.items()}
        ).dropna(axis="columns", how="all")
        table.index += 1
        n_before = len(ax.lines)
        self.lines_, self.best_ = [], None
        if len(table.columns):
            palette, few = [BLUE, VERMILION][: len(table.columns)], len(table) <= FEW
            look = {"palette": palette, "markers": few, **(line_kw or {})}
            sns.lineplot(table, ax=ax, **look)
            drawn = ax.lines[n_before:]
            self.lines_ = [line for line in drawn if np.size(line.get_xdata())]
            name, judged = list(table.items())[-1]
            best = judged.idxmin()
            text = f"best epoch: {best}, {name} {judged[best]:.3g}"
            ax.axvline(best, color=GRAY, linewidth=1, linestyle=":")
            star: dict[str, Any] = {"markersize": 12, "linestyle": "", "label": text}
            (self.best_,) = ax.plot(best, judged[best], "k*", **star)
            ax.legend()
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
        beside = max(0.5, len(table) / 40)
        ax.set_xlim(1 - beside, max(len(table), 1) + beside)
        ax.set(xlabel="epoch", ylabel="loss", title=label(self.title, 70))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_results(
        cls,
        results: BenchResults,
        encoder: str,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the training of an encoder.

        Parameters
        ----------
        results : BenchResults
            As `bench` returns it.
        encoder : str
            Name of the encoder, one of ``results.histories``.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        LossDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If no such encoder was trained by epochs.
        """
        if encoder not in results.histories:
            raise unknown_name("trained encoder", encoder, results.histories)
        display = cls._of(results.histories[encoder], f"{encoder}: training")
        return display.plot(ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        title: str = "",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the training of a fitted autoencoder.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``history_``.
        title : str, default=""
            What to call it; the name of its class by default.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        LossDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If it has no ``history_``.
        """
        name = type(estimator).__name__
        history = getattr(estimator, "history_", None)
        if history is None:
            raise ParameterError(
                f"Got {name} without history_, but expected a fitted autoencoder that "
                "learns by epochs. Fit it first."
            )
        return cls._of(history, title or name).plot(ax, **kwargs)

    @classmethod
    def _of(cls, history: Mapping[str, Sequence[float]], title: str) -> Self:
        losses = history.get("loss", ()), history.get("validation_loss", ())
        return cls(*losses, title=title)
