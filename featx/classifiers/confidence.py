"""Predicted labels, and how sure a classifier is of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin


def predict_with_confidence(
    classifier: ClassifierMixin, X: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Predict labels and say how clear each is, in one pass over the features.

    Parameters
    ----------
    classifier : estimator
        Fitted, with ``predict_proba`` or ``decision_function``.
    X : ndarray, shape (n, n_features)
        Features.

    Returns
    -------
    labels : ndarray, shape (n,)
        The classes of highest probability or score.
    confidence : ndarray of float64, shape (n,)
        Probability of that class in [0, 1] where the classifier gives one, else its
        score, of which only the order among images means something.

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
    has_probability = hasattr(classifier, "predict_proba")
    say = classifier.predict_proba if has_probability else classifier.decision_function
    scores = np.asarray(say(X), np.float64)
    if scores.ndim == 1:  # two classes: above nought it is the second one
        return classifier.classes_[(scores > 0).astype(int)], np.abs(scores)
    return classifier.classes_[scores.argmax(axis=1)], scores.max(axis=1)
