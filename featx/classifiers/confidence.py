"""Predicted labels, and how sure a classifier is of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline

from featx.classifiers.calibration import Array, Calibration, Columns, Said
from featx.classifiers.pairs import couple, score_pairs
from featx.errors import DataError

_BATCH_VALUES = 2**25  # scores of pairs, or a quarter of the features, at once


def predict_with_confidence(
    classifier: ClassifierMixin,
    X: NDArray[Any],
    *,
    own: bool = False,
    calibration: Calibration | None = None,
) -> tuple[NDArray[Any], Array]:
    """Predict labels and say how clear each is, in one pass over the features.

    Parameters
    ----------
    classifier : estimator
        Fitted, with ``predict_proba`` or ``decision_function``. Of one of somebody's own
        without either, every confidence is 1 before it is calibrated.
    X : ndarray, shape (n, n_features)
        Features.
    own : bool, default=False
        It is none of featx: its labels are those that it predicts, whatever its scores.
    calibration : Calibration, default=None
        Makes probabilities of its scores.

    Returns
    -------
    labels : ndarray, shape (n,)
        The classes of highest probability or score.
    confidence : ndarray of float64, shape (n,)
        Probability of that class in [0, 1] where there is a calibration, or the classifier
        gives one; else its score, of which only the order among images means something.

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
    classes = _classes(classifier)
    named: list[Columns] = [np.empty(0, np.int64)]
    confidence: list[Array] = [np.empty(0)]
    for said in _batches(classifier, X, own):
        named.append(said.named)
        if calibration is not None:
            said = calibration.calibrated(said)
        confidence.append(said.confidence)
    return classes[np.concatenate(named)], np.concatenate(confidence)


def class_scores(
    classifier: ClassifierMixin, X: NDArray[Any], *, own: bool = False
) -> Said:
    """Score every class for every image, and name one, as `predict_with_confidence` does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from featx import make_classifier
    >>> X, y = load_iris(return_X_y=True)
    >>> svm = make_classifier("svm", n_features=4, n_images=150).fit(X, y)
    >>> class_scores(svm, X).scores.shape
    (150, 3)
    """
    n_classes = len(_classes(classifier))
    parts = [Said(np.empty(0, np.int64), np.empty((0, n_classes)), False)]
    parts += _batches(classifier, X, own)
    named, scores, are_probabilities = zip(*parts, strict=True)
    return Said(np.concatenate(named), np.concatenate(scores), are_probabilities[-1])


def _classes(classifier: ClassifierMixin) -> NDArray[Any]:
    """Give the classes that a fitted classifier knows."""
    try:
        return np.asarray(classifier.classes_)
    except AttributeError as error:
        raise DataError(
            "Got a fitted classifier without classes_, but expected one that keeps "
            "scikit-learn's conventions. Set self.classes_ = np.unique(y) in its fit."
        ) from error


def columns_of(labels: NDArray[Any], classes: NDArray[Any]) -> Columns:
    """Find labels among the classes, in whatever order these are; -1 where not there.

    Examples
    --------
    >>> columns_of(np.array([0, 2, 7]), np.array([2, 0, 1]))
    array([ 1,  0, -1])
    """
    order = np.argsort(classes)
    places = np.searchsorted(classes, labels, sorter=order).clip(max=len(classes) - 1)
    columns: Columns = order[places]
    return np.where(classes[columns] == labels, columns, -1)


def _batches(classifier: ClassifierMixin, X: NDArray[Any], own: bool) -> Iterator[Said]:
    # an SVM compares every pair of classes for every image
    n_classes = len(classifier.classes_)
    n_pairs = max(1, n_classes * (n_classes - 1) // 2)
    n_landmarks = max(
        (len(one.components_) for _, one in _kernels(classifier)), default=0
    )
    size = max(1, _BATCH_VALUES // max(n_pairs, X.shape[1] // 4, n_landmarks))
    for start in range(0, len(X), size):
        part = X[start : start + size]
        said = _scores(classifier, part)
        if own:
            named = columns_of(
                np.asarray(classifier.predict(part)), classifier.classes_
            )
            if (named < 0).any():
                raise DataError(
                    f"Got a label from {type(classifier).__name__} that is not among its "
                    "classes_, but expected one of them."
                )
            if said is None:  # it names a class, and says nothing else
                one_hot = (named[:, None] == np.arange(n_classes)).astype(float)
                said = Said(named, one_hot, True)
            said = said._replace(named=named)
        elif said is None:
            raise DataError(
                f"Got a classifier of {n_classes} classes that does not score each of "
                "them, but expected one that does. Fit it anew."
            )
        yield said


def _kernels(classifier: ClassifierMixin) -> list[tuple[int, Nystroem]]:
    """List the kernels among the steps of a classifier, each with its place."""
    steps = classifier.steps if isinstance(classifier, Pipeline) else []
    return [(n, one) for n, (_, one) in enumerate(steps) if isinstance(one, Nystroem)]


def at_the_kernel(
    classifier: ClassifierMixin, X: NDArray[Any]
) -> tuple[ClassifierMixin, NDArray[Any]]:
    """Do the steps before a kernel, so that it and all after it are in float64.

    What undoes the kernel of images that are alike is large, and of both signs: in float32
    what is left of the sum is rounding.
    """
    for place, _ in _kernels(classifier):
        before = classifier[:place].transform(X) if place else X
        return classifier[place:], np.asarray(before, np.float64)
    return classifier, X


def _scores(classifier: ClassifierMixin, X: NDArray[Any]) -> Said | None:
    """Score every class; None if the classifier has no scores by class."""
    n_classes = len(classifier.classes_)
    classifier, X = at_the_kernel(classifier, X)
    pairs = score_pairs(classifier, X)
    if pairs is not None:
        scores = couple(pairs, n_classes)
        return Said(scores.argmax(axis=1), scores, False)
    for method in ("predict_proba", "decision_function"):
        if not hasattr(classifier, method):
            continue
        scores = np.asarray(getattr(classifier, method)(X), np.float64)
        if scores.shape == (len(X),) and n_classes == 2:
            scores = np.stack([-scores, scores], axis=1)
        if scores.shape == (len(X), n_classes):
            # above nought it is the second of two, else the first
            return Said(scores.argmax(axis=1), scores, method == "predict_proba")
    return None
