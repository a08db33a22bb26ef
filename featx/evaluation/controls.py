"""Which rows are tested against which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.comparisons import Comparison, compare
from featx.evaluation.result import Result, choose_row

CONTROLS = ("raw", "pca", "untrained", "random-patches")


def compare_with_controls(
    results: Sequence[Result],
    predictions: Mapping[str, NDArray[np.int64]],
    y_true: NDArray[np.int64],
    controls: Sequence[str],
    ablated: Mapping[str, str] = MappingProxyType({}),
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> list[Comparison]:
    """Test every row against the controls with its classifier, and the chosen against all.

    `ablated` names encoders that lack something, and what each is with it: the two are
    tested, too. `predictions` are labels by row name, of shape (n_test,) or
    (n_seeds, n_test), `groups` are those of the test images, of shape (n_test,), which were
    judged in `n_folds`. No pair is tested twice, and all p-values are corrected together.
    """
    by_name = {result.name: result for result in results}
    pairs = [
        (result.name, f"{control} + {result.classifier}")
        for result in results
        for control in controls
        if result.encoder not in controls
        and f"{control} + {result.classifier}" in by_name
    ]
    pairs += [
        (f"{whole} + {result.classifier}", result.name)
        for result in results
        if (whole := ablated.get(result.encoder, ""))
    ]
    chosen = choose_row(results)
    others = sorted(results, key=lambda row: -row.scores.accuracy)
    others.remove(chosen)
    tested = set(map(frozenset, pairs))
    pairs += [
        (chosen.name, other.name)
        for other in others
        if frozenset((chosen.name, other.name)) not in tested
    ]
    right = {name: predicted == y_true for name, predicted in predictions.items()}
    return compare(right, pairs, groups, n_folds)
