"""Fits on features that do not fit into memory: read from disk block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline

from featx.memory_maps import release_pages

_VALUES = 2**25  # features at once
_SAMPLE = 50_000  # rows that a step learns from which needs them at once


class Blocks:
    """Rows of a feature array, prepared by fitted steps as they are read.

    Parameters
    ----------
    X : ndarray or memmap of float32, shape (n, n_features)
        Features.
    steps : sequence of transformers
        Fitted; each row goes through all of them.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.ones((5, 2**24), np.float32)
    >>> [(rows.start, rows.stop, block.shape[0]) for rows, block in Blocks(X)]
    [(0, 2, 2), (2, 4, 2), (4, 5, 1)]
    """

    def __init__(self, X: NDArray[Any], steps: Sequence[Any] = ()) -> None:
        self.X = X
        self.steps = tuple(steps)
        self.shape = (len(X), self.prepare(X[:1]).shape[1])

    def prepare(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Send some rows through the steps."""
        for step in self.steps:
            rows = step.transform(rows)
        return rows

    def __iter__(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Give slices of rows and the rows, prepared."""
        size = max(1, _VALUES // max(self.X.shape[1], self.shape[1]))
        for start in range(0, len(self.X), size):
            rows = slice(start, min(start + size, len(self.X)))
            yield rows, self.prepare(self.X[rows])
            release_pages(self.X)


def can_fit_in_blocks(classifier: Pipeline, X: NDArray[Any]) -> bool:
    """Whether the last step learns from blocks, and there are rows enough for it."""
    return hasattr(classifier[-1], "fit_blocks") and X.shape[0] >= X.shape[1]


def fit_in_blocks(
    classifier: Pipeline, X: NDArray[Any], y: NDArray[Any], n_in_memory: int
) -> None:
    """Fit a classifier in place on features that do not fit into memory.

    Scaling is learned from all rows. Components and landmarks, which need their rows at
    once, are learned from 50,000 of them, evenly spread, or as many as memory holds.

    Parameters
    ----------
    classifier : Pipeline
        As `make_classifier` builds it, its last step with `fit_blocks`.
    X : memmap of float32, shape (n, n_features)
        Features, at least as many rows as columns.
    y : ndarray, shape (n,)
        Labels.
    n_in_memory : int
        Rows that a classifier could be fitted on in memory.

    Examples
    --------
    >>> import numpy as np
    >>> from featx import make_classifier
    >>> X = np.random.default_rng(0).normal(size=(900, 20)).astype("float32")
    >>> y = X[:, 0] + X[:, 1] > 0
    >>> classifier = make_classifier("linear-svm", n_features=20, n_images=900)
    >>> fit_in_blocks(classifier, X, y, n_in_memory=100)
    >>> classifier.score(X, y) > 0.95
    True
    """
    n_rows = min(len(X), _SAMPLE, n_in_memory)
    sample = np.linspace(0, len(X) - 1, n_rows).astype(np.int64)
    fitted: list[Any] = []
    for _, step in classifier.steps[:-1]:
        blocks = Blocks(X, fitted)
        if hasattr(step, "partial_fit"):
            for _, block in blocks:
                step.partial_fit(block)
        else:
            if isinstance(step, Nystroem) and step.n_components > n_rows:
                step.set_params(n_components=n_rows)
            step.fit(blocks.prepare(X[sample]), y[sample])
        fitted.append(step)
    classifier[-1].fit_blocks(Blocks(X, fitted), y)
