"""Scores of pairs of classes -> scores of classes."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

SHARPNESS = 4.0  # the logit of a pair whose margin is 1

Array = NDArray[Any]


def with_pair_scores(classifier: ClassifierMixin) -> ClassifierMixin | None:
    """Give the same fitted classifier with a score for every pair of classes.

    Its ``decision_function`` then has a column for each pair, in the order of
    ``np.triu_indices(n_classes, 1)``; above nought it is the first class of the pair.

    Parameters
    ----------
    classifier : estimator
        Fitted, alone or the last step of a Pipeline.

    Returns
    -------
    estimator or None
        None if it is no `sklearn.svm.SVC` of three classes or more, or gives
        probabilities by itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> with_pair_scores(SVC().fit(X, y)).decision_function(X).shape
    (150, 3)
    >>> with_pair_scores(SVC().fit(X[:100], y[:100])) is None  # two classes
    True
    """
    steps = classifier[:-1] if isinstance(classifier, Pipeline) else []
    last = classifier[-1] if isinstance(classifier, Pipeline) else classifier
    if not isinstance(last, SVC) or hasattr(last, "predict_proba"):
        return None
    if len(last.classes_) < 3:
        return None
    last = copy(last).set_params(decision_function_shape="ovo")
    return make_pipeline(*steps, last) if len(steps) else last


def count_votes(pairs: Array, n_classes: int) -> Array:
    """Count the pairs that each class wins; by how much decides between equals.

    This is what `sklearn.svm.SVC` names classes by with ``break_ties=True``.

    Parameters
    ----------
    pairs : ndarray, shape (n, n_classes * (n_classes - 1) / 2)
        Scores of pairs, see `with_pair_scores`.
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
        total = margins.sum(axis=1)
        scores[:, label] = won.sum(axis=1) + total / (3 * (np.abs(total) + 1))
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
    for label, (margins, _) in enumerate(_margins(pairs, n_classes)):
        scores[:, label] = -_log_one_and_sum(-SHARPNESS * margins)
    rows = np.arange(len(pairs))
    named = count_votes(pairs, n_classes).argmax(axis=1)
    highest = scores.argmax(axis=1)
    scores[rows, named], scores[rows, highest] = (
        scores[rows, highest],
        scores[rows, named],
    )
    return scores


def _log_one_and_sum(logits: Array) -> Array:
    """Give ``log(1 + sum(exp(logits)))`` of each row."""
    most = np.maximum(logits.max(axis=1), 0)
    return np.asarray(
        most + np.log(np.exp(-most) + np.exp(logits - most[:, None]).sum(axis=1))
    )


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
