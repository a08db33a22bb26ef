"""What the page shows of learning curves: accuracy by the number of labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from featx.evaluation.learning_curve import CurveRow, LearningCurve
from featx.reports.curve import curve_lines

_WIDTH, _HEIGHT = 640, 300
_DASHES = ("6 4", "2 3", "12 3 2 3", "16 4")  # of controls, which all are gray
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 625, 15, 255  # of the axes


def curve_view(curve: LearningCurve) -> dict[str, Any]:
    """Collect the drawing, the table and the sentences."""
    drawn = curve.highest
    ends = np.concatenate(
        [
            100 * (row.means + sign * np.nan_to_num(row.spreads))
            for row in drawn
            for sign in (-1, 1)
        ]
    )
    step = next(s for s in (1, 2, 5, 10, 20, 50) if np.ptp(ends) <= 6 * s or s == 50)
    low = max(0, int(np.floor(ends.min() / step)) * step)
    high = max(low + step, min(100, int(np.ceil(ends.max() / step)) * step))
    n_labels = drawn[0].n_labels
    first = float(np.log(n_labels[0]))
    span = float(np.log(n_labels[-1])) - first or 1.0

    def across(n: float) -> float:
        return _LEFT + 12 + (_RIGHT - _LEFT - 24) * (float(np.log(n)) - first) / span

    def up(percent: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (percent - low) / (high - low)

    return {
        "size": (_WIDTH, _HEIGHT),
        "axes": (_LEFT, _RIGHT, _TOP, _BOTTOM),
        "across": [(across(n), f"{n:,}") for n in n_labels.tolist()],
        "up": [(up(tick), tick) for tick in range(low, high + 1, step)],
        "lines": [_line(curve, row, i, across, up) for i, row in enumerate(drawn)],
        "points": [f"{n:,}" if n else "all" for n in curve.labels],
        "rows": [
            {
                "name": row.name,
                "control": row.encoder in curve.controls,
                "cells": row.percents(),
            }
            for row in curve.rows
        ],
        "draws": curve.protocol["draws"],
        "said": curve_lines(curve),
    }


def _line(
    curve: LearningCurve, row: CurveRow, number: int, across: Any, up: Any
) -> dict[str, Any]:
    """Return a row's points and bars of one standard deviation, for the drawing."""
    places = [
        (
            across(n),
            up(100 * mean),
            up(100 * (mean - spread)),
            up(100 * (mean + spread)),
        )
        for n, mean, spread in zip(
            row.n_labels, row.means, np.nan_to_num(row.spreads), strict=True
        )
    ]
    control = row.encoder in curve.controls
    order = curve.controls.index(row.encoder) if control else 0
    return {
        "name": row.name,
        "kind": "plain" if control else f"c{number % 8}",
        "dashes": _DASHES[order % len(_DASHES)] if control else "none",
        "points": " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places),
        "bars": [[f"{value:.1f}" for value in place] for place in places],
    }
