"""Confidence intervals of proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

_Z = float(ndtri(0.975))


def wilson(right: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the ends of each proportion's 95 % interval, shape (2, k) or (2,) [1]_.

    `right` of `n`, each of shape (k,) or (), need not be whole: means over seeds are not.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22 (1927).

    Examples
    --------
    >>> wilson([9, 0], [10, 10]).round(3)
    array([[0.596, 0.   ],
           [0.982, 0.278]])
    """
    right, n = np.broadcast_arrays(np.asarray(right, float), np.asarray(n, float))
    share = right / n
    middle = share + _Z**2 / (2 * n)
    reach = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = np.array([middle - reach, middle + reach]) / (1 + _Z**2 / n)
    # exactly 0 and 1, which rounding would miss
    return np.stack([np.where(right == 0, 0, low), np.where(right == n, 1, high)])


def variance_over_folds(n_folds: int) -> float:
    """Say how many times larger the variance of a mean is where images came from folds.

    An image that is judged in one fold is a training image of all others, so folds are
    right and wrong together: their correlation is taken to be the share of the images that
    a fold judges [1]_. Accuracies of folds have no variance that the data tell without
    assumptions [2]_. In simulations (300 images, 2 to 10 classes, three kinds of
    classifiers) it was 0.9 to 2 times that of independent images.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
       Learning 52 (2003).
    .. [2] Y. Bengio and Y. Grandvalet, "No unbiased estimator of the variance of K-fold
       cross-validation", Journal of Machine Learning Research 5 (2004).

    Examples
    --------
    >>> variance_over_folds(1), variance_over_folds(5)
    (1.0, 1.8)
    """
    return 1 + (n_folds - 1) / n_folds


def interval_of_mean(
    right: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of an accuracy over seeds.

    It is Wilson's interval with an effective number of images [1]_: the number of single
    predictions whose mean would have the same variance as this one. The units are the test
    images; with `groups` they are the groups, whose images have something in common, and
    the number is reduced once more where groups are few. For one seed without groups it is
    Wilson's interval.

    Parameters
    ----------
    right : ndarray of bool, shape (n_seeds, n_test)
        Which test images were predicted right.
    groups : ndarray of int64, shape (n_test,), optional
        Numbers of the groups of images.
    n_folds : int, default=1
        Folds that the images were judged in, see `variance_over_folds`.

    Returns
    -------
    low, high : float
        In [0, 1].

    References
    ----------
    .. [1] E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with
       small expected number of positive counts estimated from survey data", Survey
       Methodology 24 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> once = np.arange(10)[None] < 9
    >>> tuple(round(end, 3) for end in interval_of_mean(np.repeat(once, 3, axis=0)))
    (0.596, 0.982)
    >>> pairs = np.repeat(np.arange(20) < 18, 2)[None]  # two images say the same
    >>> tuple(round(end, 3) for end in interval_of_mean(pairs, np.arange(40) // 2))
    (0.684, 0.974)
    """
    n_seeds, n = right.shape
    shares = right.mean(axis=0)
    mean = float(shares.mean())
    n_groups = n
    if groups is None:
        variance = float(shares.var()) / n
    else:
        _, of = np.unique(groups, return_inverse=True)
        sizes = np.bincount(of)
        n_groups = len(sizes)
        deviations = np.bincount(of, shares) - mean * sizes
        variance = float(deviations @ deviations) / n**2
        variance *= n_groups / max(n_groups - 1, 1)
    effective: float = n * n_seeds if 0 < mean < 1 else n
    if groups is not None and not variance:
        effective = n_groups
    if variance:
        effective = min(effective, mean * (1 - mean) / variance)
    if groups is not None:
        few, many = stdtrit([max(n_groups - 1, 1), max(n - 1, 1)], 0.975)
        effective *= (many / few) ** 2
    effective /= variance_over_folds(n_folds)
    low, high = wilson(mean * effective, effective)
    return float(low), float(high)


def interval_of_difference(
    differences: NDArray[np.int64],
    n_times: int,
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the difference between two accuracies.

    One image that only the first got right, and one that only the second did, are added
    [1]_; the variance is that between images, or between `groups`, whose images have
    something in common.

    Parameters
    ----------
    differences : ndarray of int64, shape (n_test,)
        How often the first was right about each image, minus how often the second was.
    n_times : int
        How often each was asked, under as many seeds or draws.
    groups : ndarray of int64, shape (n_test,), optional
        Numbers of the groups of images.
    n_folds : int, default=1
        Folds that the images were judged in, see `variance_over_folds`.

    Returns
    -------
    low, high : float
        In [-1, 1].

    References
    ----------
    .. [1] D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference
       of binomial proportions based on paired data", Journal of Educational and Behavioral
       Statistics 37 (2012).

    Examples
    --------
    >>> only_first, only_second, both = [1] * 20, [-1] * 10, [0] * 70
    >>> differences = np.array(only_first + only_second + both)
    >>> tuple(round(end, 3) for end in interval_of_difference(differences, 1))
    (-0.011, 0.207)
    """
    of = np.arange(len(differences))
    if groups is not None:
        _, of = np.unique(groups, return_inverse=True)
    sizes = np.append(np.bincount(of), [1, 1])
    won = np.append(np.bincount(of, differences) / n_times, [1.0, -1.0])
    n, n_units = sizes.sum(), len(sizes)
    mean = float(won.sum() / n)
    deviations = won - mean * sizes
    variance = n_units / (n_units - 1) * float(deviations @ deviations) / n**2
    variance *= variance_over_folds(n_folds)
    reach = float(stdtrit(max(n_units - 3, 1), 0.975)) * variance**0.5
    return max(-1.0, float(mean - reach)), min(1.0, float(mean + reach))
