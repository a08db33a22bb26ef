"""Support vector machines: features -> scores of pairs of classes -> of classes."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from featx.classifiers.kernels import rbf_values

SHARPNESS = 4.0  # the logit of a pair whose margin is 1
_BYTES = 2**27  # of kernel values at a time

Array = NDArray[Any]


def score_pairs(classifier: ClassifierMixin, X: Array) -> Array | None:
    """Score every pair of classes with a support vector machine.

    Parameters
    ----------
    classifier : estimator
        Fitted, alone or the last step of a Pipeline.
    X : ndarray, shape (n, n_features)
        Features.

    Returns
    -------
    ndarray, shape (n, n_classes * (n_classes - 1) / 2), or None
        In the order of ``np.triu_indices(n_classes, 1)``; above nought it is the first
        class of the pair. None if the classifier is no `sklearn.svm.SVC` of three classes
        or more, or gives probabilities by itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> score_pairs(SVC().fit(X, y), X).shape
    (150, 3)
    >>> score_pairs(SVC().fit(X[:100], y[:100]), X) is None  # two classes
    True
    """
    whole = (
        classifier if isinstance(classifier, Pipeline) else Pipeline([("", classifier)])
    )
    last = whole[-1]
    if not isinstance(last, SVC) or hasattr(last, "predict_proba"):
        return None
    if len(last.classes_) < 3:
        return None
    if len(whole) > 1:
        X = whole[:-1].transform(X)
    if last.kernel == "rbf":
        return score_rbf_pairs(last, np.asarray(X))
    svm = copy(last).set_params(decision_function_shape="ovo")
    return np.asarray(svm.decision_function(X))


def score_rbf_pairs(svm: SVC, X: Array) -> Array:
    """Score every pair of classes, of three or more, by radial basis functions.

    scikit-learn does it image by image, on one core, which takes tens of times as long.

    Parameters
    ----------
    svm : SVC
        Fitted, with the kernel ``"rbf"``.
    X : ndarray of float32 or float64, shape (n, n_features)
        Features.

    Returns
    -------
    ndarray, shape (n, n_classes * (n_classes - 1) / 2)
        As `score_pairs` gives them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> svm = SVC(decision_function_shape="ovo").fit(X, y)
    >>> np.allclose(score_rbf_pairs(svm, X), svm.decision_function(X))
    True
    """
    size = max(1, _BYTES // (X.itemsize * max(1, len(svm.support_vectors_))))
    n_classes = len(svm.classes_)
    parts = [np.empty((0, n_classes * (n_classes - 1) // 2), X.dtype)]
    for start in range(0, len(X), size):
        parts.append(_score_rbf_pairs(svm, X[start : start + size]))
    return np.concatenate(parts)


def _score_rbf_pairs(svm: SVC, X: Array) -> Array:
    kernel = rbf_values(X, np.asarray(svm.support_vectors_, X.dtype), svm._gamma)
    duals = np.asarray(svm.dual_coef_, X.dtype)
    ends = np.cumsum(svm.n_support_)
    by_class = [  # what the support vectors of one class say of the others
        kernel[:, end - count : end] @ duals[:, end - count : end].T
        for end, count in zip(ends, svm.n_support_, strict=True)
    ]
    first, second = np.triu_indices(len(svm.classes_), 1)
    sums = [
        by_class[i][:, j - 1] + by_class[j][:, i]
        for i, j in zip(first, second, strict=True)
    ]
    return np.asarray(np.stack(sums, axis=1) + svm.intercept_)


def count_votes(pairs: Array, n_classes: int) -> Array:
    """Count the pairs that each class wins; by how much decides between equals.

    This is what `sklearn.svm.SVC` names classes by with ``break_ties=True``.

    Parameters
    ----------
    pairs : ndarray, shape (n, n_classes * (n_classes - 1) / 2)
        As `score_pairs` gives them.
    n_classes : int
        At least 2.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        Votes, and less than one third of a vote more or less.

    Examples
    --------
    >>> count_votes(np.array([[1.0, 2.0, -3.0]]), 3).round(2)
    array([[ 2.25, -0.27,  1.17]])
    """
    scores = np.zeros((len(pairs), n_classes))
    for label, (margins, won) in enumerate(_margins(pairs, n_classes)):
        scores[:, label] = _votes(margins, won)
    return scores


def couple(pairs: Array, n_classes: int) -> Array:
    """Give the logarithm of a probability for each class, by pairwise coupling [1]_.

    Votes say which class is named, and hardly how clearly: nearly every image is won by a
    class that beats all others. Where `r_ij` is the probability of class i against class j,
    here the logistic function of 4 times the score, that of class i is
    ``1 / (sum_j 1 / r_ij - (n_classes - 2))``. They are not scaled to sum to 1.

    Parameters
    ----------
    pairs, n_classes
        As for `count_votes`.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        At most 0. Of the class that `count_votes` names it is the highest: in the few
        images (3 in 100 of a hard set) where another would be above it, the two change
        places.

    References
    ----------
    .. [1] D. Price, S. Knerr, L. Personnaz and G. Dreyfus, "Pairwise neural network
       classifiers with probabilistic outputs", NeurIPS 7 (1994).

    Examples
    --------
    >>> couple(np.array([[1.0, 2.0, -3.0]]), 3).round(2)
    array([[ -0.02, -12.  ,  -8.  ]])
    """
    scores = np.zeros((len(pairs), n_classes))
    votes = np.zeros_like(scores)
    for label, (margins, won) in enumerate(_margins(pairs, n_classes)):
        against = logsumexp(-SHARPNESS * margins, axis=1)
        scores[:, label] = -np.logaddexp(0, against)
        votes[:, label] = _votes(margins, won)
    rows = np.arange(len(pairs))
    named = votes.argmax(axis=1)
    highest = scores.argmax(axis=1)
    scores[rows, named], scores[rows, highest] = (
        scores[rows, highest],
        scores[rows, named],
    )
    return scores


def _votes(margins: Array, won: Array) -> Array:
    """Count what one class wins, and by how much, less than one third of a vote."""
    total = margins.sum(axis=1)
    return won.sum(axis=1) + total / (3 * (np.abs(total) + 1))


def _margins(pairs: Array, n_classes: int) -> Iterator[tuple[Array, Array]]:
    """Give for each class its margin over every other, and whether it wins that pair."""
    lower = np.arange(n_classes)
    # where the pairs begin that a class is the first of
    starts = lower * (n_classes - 1) - lower * (lower - 1) // 2
    for label, start in enumerate(starts):
        ahead = pairs[:, start : start + n_classes - 1 - label]
        behind = pairs[:, (starts + label - 1 - lower)[:label]]
        yield (
            np.concatenate([-behind, ahead], axis=1).astype(np.float64),
            np.concatenate([behind < 0, ahead >= 0], axis=1),
        )
