"""How many of the surest names are wrong, by how many are given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.classifiers import RiskCoverage
from featx.evaluation.intervals import interval_of_mean

_POINTS = 100  # of a curve, at most

Array = NDArray[np.float64]


class RiskCoverageCurve(NamedTuple):
    """The share of wrong names among the surest, by how many are given [1]_.

    Parameters
    ----------
    coverage : ndarray of float64, shape (n_points,)
        Share of the images that are named, the surest first; in (0, 1], at most 100.
    risk : ndarray of float64, shape (n_points,)
        Share of their names that are wrong, in [0, 1].
    risk_ci95 : ndarray of float64, shape (2, n_points)
        95 % intervals of that, each for itself.
    aurc : float
        Area under the curve: mean risk over all coverages, in [0, 1]; the lower the better.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks",
       NeurIPS (2017).
    """

    coverage: Array
    risk: Array
    risk_ci95: Array
    aurc: float


def risk_coverage(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> RiskCoverageCurve:
    """Name the surest images first, and count the wrong names.

    Equally sure images are named together.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        How sure each name is; only the order counts.
    right : ndarray of bool, shape (n,)
        Whether it is the right one.
    groups : ndarray of int64, shape (n,), optional
        Groups of images that have something in common.
    n_folds : int, default=1
        Folds that the images were judged in, see `variance_over_folds`.

    Returns
    -------
    RiskCoverageCurve
        At most 100 points of it, the last one that of all images.

    Examples
    --------
    >>> sure = np.array([0.9, 0.8, 0.7, 0.6])
    >>> found = risk_coverage(sure, np.array([True, True, True, False]))
    >>> found.coverage.tolist(), found.risk.tolist(), found.aurc
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.25], 0.0625)
    """
    order = np.argsort(-confidence, kind="stable")
    right = right[order]
    places = RiskCoverage(confidence[order], right).places
    own = None if groups is None else groups[order]
    risk = 1 - np.cumsum(right)[places] / (places + 1)
    n_named_together = np.diff(places, prepend=-1)
    some = np.linspace(0, len(places) - 1, min(len(places), _POINTS)).round()
    shown = np.unique(some.astype(np.int64))
    ends = [
        interval_of_mean(~right[None, :n], None if own is None else own[:n], n_folds)
        for n in (places[shown] + 1).tolist()
    ]
    return RiskCoverageCurve(
        (places[shown] + 1) / len(right),
        risk[shown],
        np.array(ends).T,
        float(np.average(risk, weights=n_named_together)),
    )
