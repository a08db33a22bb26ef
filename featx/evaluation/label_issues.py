"""Training images whose labels look wrong, and the neighbors of test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.neighbors import NearestNeighbors

_LANDMARKS = 1500
_PENALTIES = (1e-3, 1e-2, 1e-1)  # of the mean square of a feature, over all images
_BATCH = 8192


@dataclass(frozen=True)
class LabelIssues:
    """Training images that look mislabeled, the clearest first.

    Parameters
    ----------
    rows : ndarray of int64, shape (k,)
        Their rows among the training images.
    suggested : ndarray of int64, shape (k,)
        The class that each looks like.
    margin : ndarray of float32, shape (k,)
        By how much its score exceeds that of the label; above 0.
    accuracy : float
        Fraction of all training images whose label was predicted, in [0, 1]. The lower it
        is, the less a suspicion means.
    """

    rows: NDArray[np.int64]
    suggested: NDArray[np.int64]
    margin: NDArray[np.float32]
    accuracy: float


def find_label_issues(
    Z: NDArray[np.float32], y: NDArray[np.int64], n_classes: int, *, seed: int = 0
) -> LabelIssues:
    """Find images that look more like another class than like their own.

    Every image is judged by a kernel ridge regression (RBF kernel by Nystroem's method,
    one output per class) of all others: leaving one image out has a closed form. An
    image is listed if another class has the highest score, and that score is above the
    lower quartile of that class's own images. Confident learning [1]_ compares with their
    mean instead, which misses more.

    References
    ----------
    .. [1] C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating
       uncertainty in dataset labels", JAIR 70 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> y = np.repeat([0, 1], 50)
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(10.0 * y[:, None], size=(100, 2)).astype(np.float32)
    >>> y[7] = 1
    >>> find_label_issues(Z, y, 2).rows
    array([7])
    """
    scores = _left_out_scores(Z, y, n_classes, seed)
    best = scores.argmax(axis=1)
    rows = np.arange(len(y))
    own = scores[rows, y]
    usual = np.array(
        [
            np.quantile(own[y == c], 0.25) if (y == c).any() else np.inf
            for c in range(n_classes)
        ]
    )
    margin = scores[rows, best] - own
    found = np.flatnonzero((best != y) & (scores[rows, best] >= usual[best]))
    found = found[np.argsort(-margin[found], kind="stable")]
    return LabelIssues(
        found.astype(np.int64),
        best[found].astype(np.int64),
        margin[found].astype(np.float32),
        float((best == y).mean()),
    )


def _left_out_scores(
    Z: NDArray[np.float32], y: NDArray[np.int64], n_classes: int, seed: int
) -> NDArray[np.float32]:
    """Score each image by a regression on the others, shape (n, n_classes)."""
    n = len(y)
    spread = float(np.square(Z - Z.mean(axis=0)).sum(axis=1).mean())
    kernel = Nystroem(
        gamma=1 / max(spread, 1e-12),
        n_components=min(_LANDMARKS, max(1, n // 2)),
        random_state=seed,
    ).fit(Z)
    target = -np.ones((n, n_classes))
    target[np.arange(n), y] = 1
    offset = target.mean(axis=0)
    batches = [slice(start, start + _BATCH) for start in range(0, n, _BATCH)]
    n_features = len(kernel.components_)
    total, gram = np.zeros(n_features), np.zeros((n_features, n_features))
    product = np.zeros((n_features, n_classes))
    near = kernel.transform(Z[batches[0]]).mean(axis=0)  # to the mean: small sums
    for rows in batches:
        features = kernel.transform(Z[rows]) - near
        total += features.sum(axis=0)
        gram += features.T @ features
        # the mean of target - offset is nought, so these need no exact mean
        product += features.T @ (target[rows] - offset)
    mean = near + total / n
    values, vectors = np.linalg.eigh(gram - np.outer(total, total) / n)
    values = np.maximum(values, 0)
    rotated = vectors.T @ product

    def looked_at(rows: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        looked: NDArray[np.float64] = (kernel.transform(Z[rows]) - mean) @ vectors
        return looked

    def left_out(
        features: NDArray[np.float64], target: NDArray[np.float64], penalty: float
    ) -> NDArray[np.float32]:
        fitted = features @ (rotated / (values + penalty)[:, None]) + offset
        weight = np.square(features) @ (1 / (values + penalty)) + 1 / n
        rest = np.maximum(1 - weight, 1e-6)[:, None]
        return (target - (target - fitted) / rest).astype(np.float32)

    some = np.arange(0, n, -(-n // _BATCH))  # of all classes, even if sorted by class
    features, accuracy = looked_at(some), {}
    for share in _PENALTIES:
        penalty = share * max(values.mean(), 1e-12)
        scores = left_out(features, target[some], penalty)
        accuracy[penalty] = (scores.argmax(axis=1) == y[some]).mean()
    best = max(accuracy, key=accuracy.__getitem__)
    return np.concatenate(
        [left_out(looked_at(rows), target[rows], best) for rows in batches]
    )


def find_neighbors(
    train: NDArray[np.float32], test: NDArray[np.float32], k: int = 8
) -> NDArray[np.int64]:
    """Find the `k` training images nearest to each test image, the nearest first.

    The search is exact; if there are fewer training images, there are fewer neighbors.

    Examples
    --------
    >>> import numpy as np
    >>> train = np.array([[0.0], [1.0], [5.0]], np.float32)
    >>> find_neighbors(train, np.array([[0.9]], np.float32), 2)
    array([[1, 0]])
    """
    search = NearestNeighbors(n_neighbors=min(k, len(train)), algorithm="brute")
    rows: NDArray[np.int64] = search.fit(train).kneighbors(test, return_distance=False)
    return rows.astype(np.int64)
