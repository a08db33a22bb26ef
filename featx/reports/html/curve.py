"""What a page shows of learning curves: accuracy by the number of labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featx.evaluation.learning_curve import CurveRow, LearningCurve
from featx.reports.curve import curve_lines
from featx.reports.sentences import OUTSIDE
from featx.system import for_shell

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 625, 15, 255  # of the axes
_APART = 45  # between two numbers below the axis
_STEPS = (1, 2, 5, 10, 20)  # percent between two lines
_COLORS = ("c0", "c1", "c2", "c3", "c4", "c5", "c7")  # not the gray one
_DASHES = ("none", "6 4", "2 3", "12 3 2 3", "16 4")


class _Axes(NamedTuple):
    """Places of numbers of labels and percents in the drawing."""

    first: float
    span: float
    low: int
    high: int

    def across(self, n: float) -> float:
        """Place a number of labels."""
        share = (float(np.log(n)) - self.first) / self.span
        return _LEFT + 12 + (_RIGHT - _LEFT - 24) * share

    def up(self, percent: float) -> float:
        """Place a percentage; what is outside of the axis is put at its end."""
        share = (min(max(percent, self.low), self.high) - self.low) / (
            self.high - self.low
        )
        return _BOTTOM - (_BOTTOM - _TOP) * share


def curve_view(curve: LearningCurve) -> dict[str, Any]:
    """Collect the drawing, the table and the sentences."""
    drawn = curve.highest
    n_labels = drawn[0].n_labels
    step, low, high = _percents(drawn)
    first = float(np.log(n_labels[0]))
    axes = _Axes(first, float(np.log(n_labels[-1])) - first or 1.0, low, high)
    numbers: list[tuple[float, str]] = []
    for n in reversed(n_labels.tolist()):
        if not numbers or numbers[-1][0] - axes.across(n) >= _APART:
            numbers.append((axes.across(n), f"{n:,}"))
    learned = [row.encoder for row in drawn if row.encoder not in curve.controls]
    return {
        "size": (640, 300),
        "axes": (_LEFT, _RIGHT, _TOP, _BOTTOM),
        "across": numbers,
        "up": [(axes.up(tick), tick) for tick in range(low, high + 1, step)],
        "lines": [
            {"name": row.name, **_style(row, curve, learned), **_places(row, axes)}
            for row in drawn
        ],
        "points": curve.points,
        "rows": [
            {
                "name": row.name,
                "mark": _mark(row, curve),
                "cells": row.percents(),
            }
            for row in curve.rows
        ],
        "draws": curve.protocol["draws"],
        "said": curve_lines(curve),
        "command": for_shell(curve.command),
    }


def _mark(row: CurveRow, curve: LearningCurve) -> str:
    """Say what a row is, if it is not one that learned from the images at hand."""
    if row.encoder in curve.outside_data:
        return OUTSIDE
    return "control" if row.encoder in curve.controls else ""


def _percents(rows: list[CurveRow]) -> tuple[int, int, int]:
    """Choose the step, the least and the most of the axis of percents.

    Examples
    --------
    >>> perfect = CurveRow("raw", "svm", np.array([9]), [np.ones(2)])
    >>> _percents([perfect])
    (1, 99, 100)
    """
    ends = np.concatenate(
        [
            100 * (row.means + sign * np.nan_to_num(row.spreads))
            for row in rows
            for sign in (-1, 1)
        ]
    ).clip(0, 100)
    step = next((step for step in _STEPS if np.ptp(ends) <= 6 * step), _STEPS[-1])
    low = min(int(ends.min() / step) * step, 100 - step)
    high = max(int(np.ceil(ends.max() / step)) * step, low + step)
    return step, low, high


def _style(row: CurveRow, curve: LearningCurve, learned: list[str]) -> dict[str, str]:
    """Draw controls gray and dashed, others in colors, dashed when these end."""
    if row.encoder in curve.controls:
        number = curve.controls.index(row.encoder)
        dashes = _DASHES[1 + number % (len(_DASHES) - 1)]
        return {"kind": "plain", "dashes": dashes}
    turn, color = divmod(learned.index(row.encoder), len(_COLORS))
    return {"kind": _COLORS[color], "dashes": _DASHES[turn % len(_DASHES)]}


def _places(row: CurveRow, axes: _Axes) -> dict[str, Any]:
    """Return a row's points, and bars of one standard deviation."""
    spreads = np.nan_to_num(row.spreads)
    bars = [
        [
            f"{axes.across(n):.1f}",
            *(f"{axes.up(100 * (mean + k * spread)):.1f}" for k in (0, -1, 1)),
        ]
        for n, mean, spread in zip(row.n_labels, row.means, spreads, strict=True)
    ]
    return {"points": " ".join(f"{x},{y}" for x, y, *_ in bars), "bars": bars}
