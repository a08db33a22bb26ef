"""The rows of the table as the page shows them: the answer, bars, two runs compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featx.evaluation import CONTROLS
from featx.evaluation.comparisons import compare
from featx.evaluation.intervals import wilson
from featx.evaluation.results import BenchResults, Result
from featx.reports.sentences import against_controls, remarks


def answer(results: BenchResults) -> dict[str, Any]:
    """Say which row to use, and how sure that is, in words the numbers carry."""
    ranked = sorted(results.results, key=lambda row: -row.scores.accuracy)
    best = ranked[0]
    low, high = best.scores.accuracy_ci95
    lines = []
    if len(ranked) > 1:
        pair = {best.name, ranked[1].name}
        told = [
            line
            for line, test in zip(remarks(results), results.comparisons, strict=True)
            if {test.row, test.other} == pair
        ]
        lines += told or [f"It was not tested against {ranked[1].name}, the runner-up."]
        tests = [test for test in results.comparisons if {test.row, test.other} == pair]
        clear = any(
            (test.row == best.name and test.verdict == "better")
            or (test.other == best.name and test.verdict == "worse")
            for test in tests
        )
    else:
        lines.append("It is the only row, so there is nothing to compare it with.")
        clear = False
    versus = against_controls(best, results)
    if best.encoder in CONTROLS:
        if any(row.encoder not in CONTROLS for row in ranked):
            lines.append("It is a control: no learned encoder has a higher accuracy.")
    elif versus.startswith("better"):
        lines.append("It is better than every control with the same classifier.")
    elif versus:
        lines.append(f"Against the controls with the same classifier: {versus}.")
    else:
        lines.append("No control stands in this table with the same classifier.")
    return {
        "name": best.name,
        "percent": f"{100 * best.scores.accuracy:.1f}",
        "interval": f"{100 * low:.1f} to {100 * high:.1f}",
        "n_test": f"{len(results.y_true):,}",
        "verdict": "is better than the runner-up"
        if clear
        else "has the highest accuracy",
        "lines": lines,
    }


def row_view(
    row: Result, results: BenchResults, names: Sequence[str], axis: tuple[float, float]
) -> dict[str, Any]:
    """Collect what the table and the section of a row show; `axis` in percent."""
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
        "control": row.encoder in CONTROLS,
        "features": row.n_features,
        "accuracy": 100 * scores.accuracy,
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
        "notes": row.notes,
        "bars": _bars(row, names),
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
    support = row.scores.confusion.sum(axis=1)
    right = row.scores.confusion.diagonal()
    low, high = wilson(right, np.maximum(support, 1))
    return [
        {
            "name": name,
            "percent": 100 * one.recall,
            "low": 100 * low[i],
            "high": 100 * high[i],
            "right": int(right[i]),
            "support": one.support,
            "precision": 100 * one.precision,
            "f1": 100 * one.f1,
        }
        for i, (name, one) in enumerate(
            zip(names, row.scores.per_class.values(), strict=True)
        )
    ]


def compared(mine: BenchResults, other: BenchResults) -> dict[str, Any]:
    """Set two runs side by side; tested in pairs where the test images are the same."""
    theirs = {row.name: row for row in other.results}
    both = [row for row in mine.results if row.name in theirs]
    same = (
        np.array_equal(mine.ids, other.ids)
        and np.array_equal(mine.y_true, other.y_true)
        and mine.data.get("class_names") == other.data.get("class_names")
    )
    tests = {}
    if same:
        right = {}
        for row in both:
            right[row.name, 0] = mine.predictions[row.name] == mine.y_true
            right[row.name, 1] = other.predictions[row.name] == other.y_true
        named = {f"{name}#{k}": hits for (name, k), hits in right.items()}
        pairs = [(f"{row.name}#0", f"{row.name}#1") for row in both]
        tests = {
            row.name: test
            for row, test in zip(both, compare(named, pairs), strict=True)
        }
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
    names = {row.name for row in mine.results}
    return {
        "rows": rows,
        "same": same,
        "pixels": mine.data.get("test_digest") == other.data.get("test_digest"),
        "only_mine": [row.name for row in mine.results if row.name not in theirs],
        "only_other": [row.name for row in other.results if row.name not in names],
    }
