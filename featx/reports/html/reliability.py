"""What a page shows of probabilities: what came true, and of the surest names."""

from __future__ import annotations

from typing import Any

import numpy as np

from featx.classifiers import RiskCoverage
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults

_SIDE, _LEFT, _TOP = 240, 44, 8  # of the square that is drawn into
_POINTS = 60  # of a curve, at most


def reliability_view(results: BenchResults, row: Result) -> dict[str, Any] | None:
    """Collect the drawings and their sentences; None where a row has scores alone."""
    found = results.reliability_of(row.name)
    if found is None:
        return None
    low, high = found.ci95
    filled = np.flatnonzero(found.n_images)
    ends = found.right_ci95[:, filled]
    return {
        "error": f"{found.error:.3f}",
        "interval": f"{low:.3f} to {high:.3f}",
        "size": (_LEFT + _SIDE + 12, _TOP + _SIDE + 44),
        "axes": (_LEFT, _LEFT + _SIDE, _TOP, _TOP + _SIDE),
        "ticks": [(_across(tick / 4), _up(tick / 4), 25 * tick) for tick in range(5)],
        "points": [
            {
                "x": _across(found.said[number]),
                "y": _up(found.right[number]),
                "low": _up(bottom),
                "high": _up(top),
                "text": f"{found.n_images[number]:,} images: "
                f"{100 * found.said[number]:.1f} % said, "
                f"{100 * found.right[number]:.1f} % right",
            }
            for number, bottom, top in zip(filled, *ends, strict=True)
        ],
        "surest": _surest(results, row),
    }


def _surest(results: BenchResults, row: Result) -> str:
    """Draw how many of the surest names are right, by how many are given."""
    right = results.predictions[row.name] == results.y_true
    found = RiskCoverage.of(results.confidences[row.name], right)
    some = np.linspace(0, len(found.places) - 1, _POINTS).round().astype(int)
    named = found.places[np.unique(some)] + 1
    shares = np.cumsum(found.right)[named - 1] / named
    return " ".join(
        f"{_across(n / len(right))},{_up(share)}"
        for n, share in zip(named.tolist(), shares.tolist(), strict=True)
    )


def _across(share: float) -> str:
    return f"{_LEFT + _SIDE * share:.1f}"


def _up(share: float) -> str:
    return f"{_TOP + _SIDE * (1 - share):.1f}"
