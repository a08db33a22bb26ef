"""The rows of the table as the page shows them: the answer, bars, two runs compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from featx.evaluation.comparisons import compare
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.html.reliability import reliability_view
from featx.reports.recommendation import choice_lines, how_to_save
from featx.reports.sentences import (
    against_controls,
    below_majority,
    control_verdicts,
    majority_line,
    never_named_line,
)


def answer(results: BenchResults, command: str = "") -> dict[str, Any]:
    """Say which row to use, and how certain that is, no stronger than the numbers allow."""
    best, found = results.chosen, results.answer
    others = [row for row in results.ranked if row is not best]
    low, high = found.ci95
    test = results.comparison_of(best.name, others[0].name) if others else None
    n_seeds = results.n_seeds
    warnings = [majority_line(results), never_named_line(best)]
    return {
        "name": best.name,
        "percent": f"{100 * found.accuracy:.1f}"
        if results.answers is not None
        else best.percent,
        "balanced": f"{100 * best.scores.balanced_accuracy:.1f}"
        if results.uneven
        else "",
        "interval": f"{100 * low:.1f} to {100 * high:.1f}",
        "n_test": f"{len(results.y_true):,}",
        "seeds": f"mean over {n_seeds} seeds"
        + (", " if results.answers is not None else " ± their standard deviation, ")
        if n_seeds > 1
        else "",
        "verdict": "is better than the runner-up"
        if test is not None and test.verdict == "better"
        else "has the highest accuracy"
        if best.held_out is None
        else "was chosen on held-out training images and reaches",
        "lines": [
            *filter(None, warnings),
            *choice_lines(results),
            *_against_controls(best, results),
        ],
        "how_to_save": how_to_save(results, command),
    }


def _against_controls(best: Result, results: BenchResults) -> list[str]:
    """Say in a sentence how the best row compares with the controls."""
    controls = results.controls
    if best.encoder in controls:
        learned = any(row.encoder not in controls for row in results.rows)
        return ["It is a control: no learned encoder did better."] * learned
    verdicts = control_verdicts(best, results)
    if verdicts["better"] and not verdicts["worse"] + verdicts["no better"]:
        return ["It is better than every control with the same classifier."]
    parts = [f"{word}: {', '.join(names)}" for word, names in verdicts.items() if names]
    if parts:
        return [f"Against the controls with the same classifier: {'; '.join(parts)}."]
    return ["This table has no control with the same classifier."]


def _versus(row: Result, results: BenchResults) -> str:
    """Say in a few words, for the table, how a row compares with the controls."""
    parts = []
    if row.encoder in results.controls:
        parts.append("control")
    else:
        verdicts = control_verdicts(row, results)
        tested = sum(map(len, verdicts.values()))
        if tested:
            parts.append(f"beats {len(verdicts['better'])} of {tested}")
    if row.encoder in results.outside_data:
        parts.insert(0, "outside data")
    if below_majority(row, results):
        parts.append(f"below always '{results.majority.name}'")
    return "; ".join(parts)


def row_view(
    row: Result, results: BenchResults, names: Sequence[str], axis: tuple[float, float]
) -> dict[str, Any]:
    """Collect what the table and the section of a row show; `axis` is in percent."""
    scores = row.scores
    low, high = scores.accuracy_ci95
    width = axis[1] - axis[0]

    def at(share: float) -> str:
        return f"{100 * (100 * share - axis[0]) / width:.2f}"

    wrong = scores.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:8]
    pairs = [tuple(map(int, divmod(int(i), len(names)))) for i in order]
    return {
        "name": row.name,
        "encoder": row.encoder,
        "classifier": row.classifier,
        "control": row.encoder in results.controls,
        "features": row.n_features,
        "accuracy": 100 * scores.accuracy,
        "percent": row.percent,
        "low": 100 * low,
        "high": 100 * high,
        "at": {"dot": at(scores.accuracy), "low": at(low), "high": at(high)},
        "balanced": 100 * scores.balanced_accuracy,
        "f1": 100 * scores.macro_f1,
        "train": row.train_seconds,
        "encode": row.encode_seconds,
        "fit": row.fit_seconds,
        "cached": row.cached,
        "versus": against_controls(row, results),
        "versus_short": _versus(row, results),
        "notes": [*filter(None, [never_named_line(row)]), *row.notes],
        "bars": _bars(row, names),
        "reliability": reliability_view(results, row),
        "confused": [
            {
                "true": t,
                "predicted": p,
                "count": int(wrong[t, p]),
                "text": f"{names[t]} taken for {names[p]}",
            }
            for t, p in pairs
            if wrong[t, p]
        ],
    }


def _bars(row: Result, names: Sequence[str]) -> list[dict[str, Any]]:
    right = row.scores.confusion.diagonal()
    low, high = row.class_intervals()
    return [
        {
            "name": name,
            "percent": 100 * scores.recall,
            "low": 100 * low[i],
            "high": 100 * high[i],
            "right": int(right[i]),
            "support": scores.support,
            "precision": 100 * scores.precision,
            "f1": 100 * scores.f1,
        }
        for i, (name, scores) in enumerate(
            zip(names, row.scores.per_class.values(), strict=True)
        )
    ]


def compared(mine: BenchResults, other: BenchResults) -> dict[str, Any]:
    """Compare two runs, with paired tests if the test images are the same."""
    theirs = {row.name: row for row in other.rows}
    both = [row for row in mine.rows if row.name in theirs]
    same = (
        np.array_equal(mine.ids, other.ids)
        and np.array_equal(mine.y_true, other.y_true)
        and mine.data.get("class_names") == other.data.get("class_names")
    )
    tests = {}
    if same:
        n_seeds = math.lcm(mine.n_seeds, other.n_seeds)
        right = {
            f"{row.name}#{k}": np.tile(
                run.predictions_of(row.name) == run.y_true, (n_seeds // run.n_seeds, 1)
            )
            for row in both
            for k, run in enumerate((mine, other))
        }
        pairs = [(f"{row.name}#0", f"{row.name}#1") for row in both]
        n_folds = max(mine.n_folds, other.n_folds)
        tested = compare(right, pairs, mine.groups, n_folds)
        tests = {row.name: test for row, test in zip(both, tested, strict=True)}
    rows = []
    for row in both:
        before = theirs[row.name].scores
        test = tests.get(row.name)
        p = "" if test is None else f"{test.p_value:.3f}"
        rows.append(
            {
                "name": row.name,
                "mine": 100 * row.scores.accuracy,
                "other": 100 * before.accuracy,
                "difference": 100 * (row.scores.accuracy - before.accuracy),
                "p": "< 0.001" if test and test.p_value < 0.001 else p,
                "verdict": test.verdict if test else "not tested",
            }
        )
    names = {row.name for row in mine.rows}
    return {
        "rows": rows,
        "same": same,
        "pixels": mine.data.get("test_digest") == other.data.get("test_digest"),
        "only_mine": [row.name for row in mine.rows if row.name not in theirs],
        "only_other": [row.name for row in other.rows if row.name not in names],
    }
