"""Runs that judged different images -> one comparison over all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.controls import compare_with_controls
from featx.evaluation.duplicates import Duplicates
from featx.evaluation.repeats import how_judged, joined_row
from featx.evaluation.results import BenchResults
from featx.evaluation.scores import score

Rows = NDArray[np.int64]


def with_folds(
    runs: Sequence[BenchResults],
    rows: Sequence[tuple[Rows, Rows]],
    data: dict[str, Any],
) -> BenchResults:
    """Join the runs of all folds: every image was judged once, by what never saw it.

    Scores, intervals and tests are over all images; times are means over the folds.
    Parameters, pictures and what was seen in the features are those of the first fold.

    Parameters
    ----------
    runs : sequence of BenchResults
        One for each fold, with the same rows in the same order.
    rows : sequence of (ndarray of int64, ndarray of int64)
        Training and test images of each fold, as rows among all images.
    data : dict
        Describes all images.

    Returns
    -------
    BenchResults
        In the order of all images.
    """
    first, tested = runs[0], [test for _, test in rows]

    def joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Put what is said of each fold's test images in the order of all images."""
        together = np.concatenate(parts)
        whole = np.empty_like(together)
        whole[np.concatenate(tested)] = together
        return whole

    y_true = joined([run.y_true for run in runs])
    groups = None
    if first.groups is not None:
        groups = joined([run.groups for run in runs if run.groups is not None])
    predictions = {
        name: joined([run.predictions[name] for run in runs])
        for name in first.predictions
    }
    names = data["class_names"]
    n_folds = len(runs)
    results = [
        joined_row(
            of_row,
            score(y_true, predictions[of_row[0].name], names, groups, n_folds),
        )
        for of_row in zip(*(run.rows for run in runs), strict=True)
    ]
    return replace(
        first,
        data=data,
        protocol=first.protocol
        | {"folds": n_folds}
        | how_judged(1, groups is not None, n_folds),
        rows=results,
        comparisons=compare_with_controls(
            results,
            predictions,
            y_true,
            first.controls,
            first.ablated,
            groups,
            n_folds,
        ),
        ids=joined([run.ids for run in runs]),
        y_true=y_true,
        groups=groups,
        predictions=predictions,
        answers=joined([run.predictions[run.chosen.name] for run in runs]),
        confidences={
            name: joined([run.confidences[name] for run in runs])
            for name in first.confidences
        },
        example_rows=tested[0][first.example_rows],
        duplicates=_duplicates(runs, rows, joined),
        **_diagnosed(first, *rows[0]),
    )


def _duplicates(
    runs: Sequence[BenchResults], rows: Sequence[tuple[Rows, Rows]], joined: Any
) -> Duplicates | None:
    """Put the copies that were found in each fold together."""
    found = [run.duplicates for run in runs]
    if any(one is None for one in found):
        return None
    known = [one for one in found if one is not None]
    of = [
        np.where(one.of >= 0, train[np.maximum(one.of, 0)], -1)
        for one, (train, _) in zip(known, rows, strict=True)
    ]
    return Duplicates(joined(of), joined([one.similarity for one in known]))


def _diagnosed(first: BenchResults, train: Rows, test: Rows) -> dict[str, Any]:
    """Name the images that diagnostics show by their rows among all images."""
    found = first.diagnostics
    if found is None:
        return {}
    return {
        "diagnostics": replace(
            found,
            map_rows=test[found.map_rows],
            query_rows=test[found.query_rows],
            neighbor_rows=train[found.neighbor_rows],
            issue_rows=train[found.issue_rows],
        )
    }
