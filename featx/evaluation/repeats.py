"""Runs that differ in their seed -> one comparison that counts all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from featx.evaluation.controls import compare_with_controls
from featx.evaluation.intervals import variance_over_folds
from featx.evaluation.result import MEASURED, HeldOut, Result
from featx.evaluation.results import BenchResults
from featx.evaluation.scores import Scores, score


def with_repeats(runs: Sequence[BenchResults]) -> BenchResults:
    """Join runs of one comparison that differ in their seed; one run comes back as it is.

    They have the same rows in the same order, on the same test images. Scores and times
    are means over the seeds, and intervals and tests use the predictions of all of them;
    test images are their units. Parameters, pictures and what was seen in the features
    are those of the first seed.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from featx.reports.examples import example_results
    >>> runs = [replace(example_results(), protocol={"seed": i}) for i in range(3)]
    >>> joined = with_repeats(runs)
    >>> joined.best.name, joined.best.repeats
    ('conv + svm', (0.875, 0.875, 0.875))
    """
    first = runs[0]
    if len(runs) == 1:
        return first
    predictions = {
        row.name: np.stack([run.predictions[row.name] for run in runs])
        for row in first.rows
    }
    names = first.data["class_names"]
    results = [
        joined_row(
            rows,
            score(
                first.y_true,
                predictions[rows[0].name],
                names,
                first.groups,
                first.n_folds,
            ),
            repeats=tuple(row.scores.accuracy for row in rows),
        )
        for rows in zip(*(run.rows for run in runs), strict=True)
    ]
    return replace(
        first,
        rows=results,
        comparisons=compare_with_controls(
            results,
            predictions,
            first.y_true,
            first.controls,
            first.ablated,
            first.groups,
            first.n_folds,
        ),
        repeat_predictions=predictions,
        answers=None
        if first.answers is None
        else np.stack([run.answers for run in runs if run.answers is not None]),
        protocol=first.protocol
        | {"seeds": [run.protocol["seed"] for run in runs]}
        | how_judged(len(runs), first.groups is not None, first.n_folds),
    )


def how_judged(n_seeds: int, grouped: bool, n_folds: int = 1) -> dict[str, str]:
    """Describe intervals and tests.

    >>> how_judged(1, grouped=False)
    {'interval': 'Wilson, 95 %', 'test': 'McNemar, exact, Holm-corrected'}
    """
    unit = "groups" if grouped else "images"
    interval, test = "Wilson", "McNemar, exact"
    if n_seeds > 1 or grouped:
        interval = f"Wilson with an effective number of test {unit}"
        test = f"sign flips of the {unit}' differences, exact"
    if n_folds > 1:
        times = (
            f", variance times {variance_over_folds(n_folds):.2g} for shared training"
        )
        interval, test = interval + times, test + times
    return {"interval": f"{interval}, 95 %", "test": f"{test}, Holm-corrected"}


def joined_row(rows: Sequence[Result], scores: Scores, **changes: Any) -> Result:
    """Join the same row of several runs: their notes, and the means of their times."""
    means: dict[str, Any] = {
        name: float(np.mean([getattr(row, name) for row in rows])) for name in MEASURED
    }
    return replace(
        rows[0],
        scores=scores,
        cached={
            part: all(row.cached.get(part, False) for row in rows)
            for part in rows[0].cached
        },
        notes=tuple(dict.fromkeys(note for row in rows for note in row.notes)),
        held_out=_joined_held_out([row.held_out for row in rows]),
        calibrated=all(row.calibrated for row in rows),
        **means,
        **changes,
    )


def _joined_held_out(found: Sequence[HeldOut | None]) -> HeldOut | None:
    """Join accuracies on held-out images, which are much the same ones in every run."""
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    accuracy = float(np.mean([one.accuracy for one in known]))
    return HeldOut(accuracy, round(float(np.mean([one.n_images for one in known]))))
