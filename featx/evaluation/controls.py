"""Which rows are tested against which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.comparisons import Comparison, compare
from featx.evaluation.result import Result

CONTROLS = ("raw", "pca", "untrained", "random-patches")


def compare_with_controls(
    results: Sequence[Result],
    predictions: Mapping[str, NDArray[np.int64]],
    y_true: NDArray[np.int64],
    controls: Sequence[str],
) -> list[Comparison]:
    """Test every row against the controls with its classifier, and the best against all.

    No pair is tested twice; p-values are corrected together.

    Parameters
    ----------
    results : sequence of Result
        Rows of the table.
    predictions : mapping of str to ndarray of int64, shape (n_test,) or (n_seeds, n_test)
        Predicted labels by row name.
    y_true : ndarray of int64, shape (n_test,)
        True labels.
    controls : sequence of str
        Names of the encoders that serve as controls.
    """
    by_name = {result.name: result for result in results}
    pairs = [
        (result.name, f"{control} + {result.classifier}")
        for result in results
        for control in controls
        if result.encoder not in controls
        and f"{control} + {result.classifier}" in by_name
    ]
    best, *others = sorted(results, key=lambda r: -r.scores.accuracy)
    tested = set(map(frozenset, pairs))
    pairs += [
        (best.name, one.name)
        for one in others
        if frozenset((best.name, one.name)) not in tested
    ]
    right = {name: predicted == y_true for name, predicted in predictions.items()}
    return compare(right, pairs)
