"""How far the probabilities of predictions can be trusted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import interval_of_mean, variance_over_folds

N_BINS = 15
_TIMES = 1000  # that images are drawn anew, for the interval

Array = NDArray[np.float64]


class Reliability(NamedTuple):
    """Probabilities that were said, beside how often they came true.

    Parameters
    ----------
    error : float
        Expected calibration error [1]_: mean distance between the two, over the images.
    ci95 : tuple of float
        Its 95 % interval.
    n_images : ndarray of int64, shape (15,)
        How many images got a probability in each fifteenth of 0 to 1.
    said : ndarray of float64, shape (15,)
        Mean of their probabilities; NaN where there is no image.
    right : ndarray of float64, shape (15,)
        How many of them were right, in [0, 1]; NaN where there is no image.
    right_ci95 : ndarray of float64, shape (2, 15)
        95 % intervals of that; NaN where there is no image.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated
       probabilities using Bayesian binning", AAAI (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from featx.evaluation import reliability
    >>> said, right = np.full(10, 0.9), np.arange(10) > 0
    >>> abs(reliability(said, right).error) < 1e-9
    True
    """

    error: float
    ci95: tuple[float, float]
    n_images: NDArray[np.int64]
    said: Array
    right: Array
    right_ci95: Array

    def to_dict(self) -> dict[str, Any]:
        """Flatten to plain data; of the bins those with images."""
        filled = zip(self.n_images, self.said, self.right, strict=True)
        return {
            "error": self.error,
            "ci95": list(self.ci95),
            "bins": [
                {"n_images": int(n), "said": float(said), "right": float(right)}
                for n, said, right in filled
                if n
            ],
        }


def reliability(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> Reliability:
    """Compare probabilities with what came true.

    Of a finite number of images the error is never nought, however good the probabilities
    are [1]_. So the lower end of the interval is the error less as much as chance adds to
    one of nought (97.5 % quantile); the upper end is as far above it as the error of images
    that are drawn anew may be below their mean (2.5 % quantile). Drawn are images, or
    groups of them.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the class that was named, in [0, 1].
    right : ndarray of bool, shape (n,)
        Whether it was the right one.
    groups : ndarray of int64, shape (n,), optional
        Groups of images that have something in common.
    n_folds : int, default=1
        Folds that the images were judged in, see `variance_over_folds`.

    Returns
    -------
    Reliability
        The error, its interval, and the bins of the diagram.

    References
    ----------
    .. [1] A. Kumar, P. Liang and T. Ma, "Verified uncertainty calibration", NeurIPS (2019).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> said = rng.uniform(0.5, 1, 2000)
    >>> honest = reliability(said, rng.random(2000) < said)
    >>> honest.error < 0.05 and honest.ci95[0] == 0
    True
    >>> boastful = reliability(said, rng.random(2000) < said - 0.2)
    >>> boastful.ci95[0] < 0.2 < boastful.ci95[1]
    True
    """
    n = len(right)
    bins = np.minimum((N_BINS * np.asarray(confidence, float)).astype(int), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    with np.errstate(invalid="ignore"):
        said = np.bincount(bins, confidence, N_BINS) / counts
        came_true = np.bincount(bins, right, N_BINS) / counts
    of = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(of)
    gaps = np.zeros(
        (len(sizes), N_BINS)
    )  # by unit and bin: what was said, less what is
    np.add.at(gaps, (of, bins), (confidence - right) / n)
    whole = gaps.sum(axis=0)
    error = float(np.abs(whole).sum())
    # sums over units that are drawn anew, by their covariance
    spread = gaps - np.outer(sizes / n, whole)
    covariance = spread.T @ spread * len(sizes) / max(len(sizes) - 1, 1)
    # no less than single images would have if all that was said came true
    expected = np.bincount(bins, confidence * (1 - confidence), N_BINS) / n**2
    lacking = np.maximum(expected - covariance.diagonal(), 0)
    covariance[np.diag_indices(N_BINS)] += lacking
    covariance *= variance_over_folds(n_folds)
    rng = np.random.default_rng(0)
    noise = rng.multivariate_normal(np.zeros(N_BINS), covariance, _TIMES, method="eigh")
    drawn = np.abs(whole + noise).sum(axis=1)
    low = error - float(np.quantile(np.abs(noise).sum(axis=1), 0.975))
    high = error + float(drawn.mean() - np.quantile(drawn, 0.025))
    ends = max(0.0, low), max(error, min(1.0, high))
    each = np.full((N_BINS, 2), np.nan)
    for one in np.flatnonzero(counts):
        some = bins == one
        own = None if groups is None else groups[some]
        each[one] = interval_of_mean(right[None, some], own, n_folds)
    return Reliability(error, ends, counts, said, came_true, each.T)
