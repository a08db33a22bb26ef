"""How many images each class has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from featx.evaluation.results import BenchResults
from featx.images import Dataset
from featx.reports.canvas import (
    ABOVE,
    BLUE,
    FEW,
    ORANGE,
    labels,
    rows_for,
    styled,
)


class ClassCountsDisplay:
    """How many training and test images each class has.

    Parameters
    ----------
    train_counts, test_counts : array-like of int, shape (n_classes,)
        Images per class.
    display_labels : sequence of str, length n_classes
        Names of the classes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.
    bars_ : list of matplotlib BarContainer
        Those of the training part and those of the test part.

    Examples
    --------
    >>> from featx.reports import ClassCountsDisplay
    >>> display = ClassCountsDisplay([40, 20], [10, 10], ["cat", "dog"]).plot()
    >>> [[int(bar.get_width()) for bar in bars] for bars in display.bars_]
    [[40, 20], [10, 10]]
    """

    ax_: Axes
    figure_: Figure | SubFigure
    bars_: list[BarContainer]

    def __init__(
        self,
        train_counts: ArrayLike,
        test_counts: ArrayLike,
        display_labels: Sequence[str],
    ) -> None:
        self.train_counts = train_counts
        self.test_counts = test_counts
        self.display_labels = display_labels

    @styled()
    def plot(
        self, ax: Axes | None = None, *, bar_kw: Mapping[str, Any] | None = None
    ) -> Self:
        """Draw two bars for each class.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        bar_kw : dict, default=None
            Passed on to `seaborn.barplot`.

        Returns
        -------
        ClassCountsDisplay
            With its artists.
        """
        names = labels(self.display_labels)
        parts = {"training": self.train_counts, "test": self.test_counts}
        table = pd.DataFrame(
            {
                f"{part}, {np.sum(n):,} images": np.asarray(n)
                for part, n in parts.items()
            },
            names,
        )
        ax, size = rows_for(ax, len(names), 0.45)
        look = {"palette": [BLUE, ORANGE], "saturation": 1, **(bar_kw or {})}
        sns.barplot(
            table.melt(var_name="part", value_name="images", ignore_index=False),
            x="images",
            y=names * 2,
            hue="part",
            errorbar=None,
            ax=ax,
            **look,
        )
        bars: Any = ax.containers[-2:]
        self.bars_ = bars
        for one in self.bars_ if len(names) <= FEW else ():
            ax.bar_label(one, fmt="{:,.0f}", padding=3, fontsize=size - 2)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.margins(x=0.1)
        ax.set(ylabel="", title="Images per class")
        sns.move_legend(ax, title=None, **ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_results(
        cls, results: BenchResults, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw what a comparison was made on.

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
        ClassCountsDisplay
            Drawn.
        """
        data = results.data
        counts = data["train_per_class"], data["test_per_class"]
        return cls(*counts, data["class_names"]).plot(ax, **kwargs)

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the classes of a data set.

        Parameters
        ----------
        dataset : Dataset
            As `load_dataset` returns it.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        ClassCountsDisplay
            Drawn.
        """
        counts = dataset.train.class_counts, dataset.test.class_counts
        return cls(*counts, dataset.class_names).plot(ax, **kwargs)
