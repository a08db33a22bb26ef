"""Predicted labels, and how sure a classifier is of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from featx.errors import DataError

PROBABILITIES = ("logreg", "mlp", "knn")  # the others' confidence is a score
_BATCH_VALUES = 2**25  # scores of pairs, or a quarter of the features, at once


def predict_with_confidence(
    classifier: ClassifierMixin, X: NDArray[Any], *, own: bool = False
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Predict labels and say how clear each is, in one pass over the features.

    Parameters
    ----------
    classifier : estimator
        Fitted, with ``predict_proba`` or ``decision_function``. Of one of somebody's own
        without either, every confidence is 1.
    X : ndarray, shape (n, n_features)
        Features.
    own : bool, default=False
        It is none of featx: its labels are those that it predicts, whatever its scores.

    Returns
    -------
    labels : ndarray, shape (n,)
        The classes of highest probability or score.
    confidence : ndarray of float64, shape (n,)
        Probability of that class in [0, 1] where the classifier gives one, else its
        score, of which only the order among images means something.

    Raises
    ------
    DataError
        If the classifier does not score its classes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from featx import make_classifier
    >>> X, y = load_iris(return_X_y=True)
    >>> knn = make_classifier("knn", n_features=4, n_images=150).fit(X, y)
    >>> labels, confidence = predict_with_confidence(knn, X)
    >>> bool((labels == knn.predict(X)).all()), float(confidence.max())
    (True, 1.0)
    """
    if own:
        return _own_words(classifier, X)
    has_probability = hasattr(classifier, "predict_proba")
    score = (
        classifier.predict_proba if has_probability else classifier.decision_function
    )
    # an SVM compares every pair of classes for every image
    n_pairs = max(1, len(classifier.classes_) * (len(classifier.classes_) - 1) // 2)
    size = max(1, _BATCH_VALUES // max(n_pairs, X.shape[1] // 4))
    labels: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    confidence: list[NDArray[np.float64]] = [np.empty(0)]
    for start in range(0, len(X), size):
        part = X[start : start + size]
        scores, n_classes = (
            np.asarray(score(part), np.float64),
            len(classifier.classes_),
        )
        expected = (len(part), n_classes) if scores.ndim > 1 else (len(part),)
        if scores.shape != expected or (scores.ndim == 1 and n_classes != 2):
            raise DataError(
                f"Got scores of shape {scores.shape} from a classifier of {n_classes} "
                f"classes for {len(part)} images, but expected one of each. Fit it anew."
            )
        if scores.ndim == 1:  # two classes: above nought it is the second one
            labels.append((scores > 0).astype(np.int64))
            confidence.append(np.abs(scores))
        else:
            labels.append(scores.argmax(axis=1))
            confidence.append(scores.max(axis=1))
    return classifier.classes_[np.concatenate(labels)], np.concatenate(confidence)


def _own_words(
    classifier: ClassifierMixin, X: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Take labels from ``predict``, and what scores say of them where they are by class."""
    labels = np.asarray(classifier.predict(X))
    for method in ("predict_proba", "decision_function"):
        if not hasattr(classifier, method):
            continue
        scores = np.asarray(getattr(classifier, method)(X), np.float64)
        if scores.shape == (len(X), len(classifier.classes_)):
            places = np.searchsorted(classifier.classes_, labels)
            return labels, scores[np.arange(len(X)), places]
        if scores.shape == (len(X),):
            return labels, np.abs(scores)
    return labels, np.ones(len(labels))
