"""Classifiers on a few labels of each class, drawn several times from the same features."""

from __future__ import annotations

import base64
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from featx import make_classifier
from featx.classifiers import SharedReduction, choose_settings
from featx.evaluation import is_uneven

CLASSIFIERS = ("linear-svm", "svm")
Labels = NDArray[np.int64]
Part = tuple[NDArray[np.float32], Labels]  # features and labels of some images


def draws(y: Labels, n: int, n_draws: int) -> Iterator[NDArray[np.int64]]:
    """Give the rows of several draws of at most n images of each class.

    The draws of fewer images are parts of those of more.

    Examples
    --------
    >>> [len(rows) for rows in draws(np.array([0, 0, 0, 1]), 2, 3)]
    [3, 3, 3]
    """
    for draw in range(n_draws):
        order = np.random.default_rng(draw).permutation(len(y))
        of_class = [order[y[order] == label][:n] for label in np.unique(y)]
        yield np.sort(np.concatenate(of_class))


def predicted(name: str, train: Part, judged: NDArray[np.float32]) -> Labels:
    """Fit a classifier with its defaults; give the labels of what it did not see."""
    X, y = train
    skewed = is_uneven(np.bincount(y))
    classifier = make_classifier(name, n_features=X.shape[1], n_images=len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        SharedReduction().fit(
            classifier, X.copy(), y, lambda *what: choose_settings(*what, uneven=skewed)
        )
    labels: Labels = classifier.predict(judged)
    return labels


def learn(train: Part, judged: Part, n: int, n_draws: int) -> list[dict[str, Any]]:
    """Fit each classifier on several draws of n labels of each class.

    Each row says how accurate the draws were, in %, and, packed, in how many of them each
    image was named rightly.
    """
    X, y = train
    rows = []
    for name in CLASSIFIERS:
        right = np.array(
            [
                predicted(name, (X[drawn], y[drawn]), judged[0]) == judged[1]
                for drawn in draws(y, n, n_draws)
            ]
        )
        rows.append(row_of(n, name, right))
    return rows


def row_of(n: int, classifier: str, right: NDArray[np.bool_]) -> dict[str, Any]:
    """Say of n labels which images (n_draws, n_images) were named rightly."""
    return {
        "labels": n,
        "classifier": classifier,
        "accuracies": (100 * right.mean(axis=1)).round(2).tolist(),
        "times_right": packed(right.sum(axis=0)),
    }


def packed(counts: NDArray[Any]) -> str:
    """Write small numbers as text.

    >>> unpacked(packed(np.array([3, 0, 10])))
    array([ 3,  0, 10])
    """
    small = zlib.compress(counts.astype(np.uint8).tobytes(), 9)
    return base64.b64encode(small).decode()


def unpacked(text: str) -> NDArray[np.int64]:
    """Read what `packed` wrote."""
    small = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(small, np.uint8).astype(np.int64)
