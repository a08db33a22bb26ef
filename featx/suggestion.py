"""Which images are most worth a label: typical ones first, uncertain ones later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array

from featx.errors import DataError, ParameterError
from featx.evaluation.nearness import CopyDistance
from featx.known_images import reduction

TYPICAL, UNCERTAIN = "typical", "uncertain"
ENOUGH = 5  # labels for each class: from then on uncertain images are chosen
MOST_SEARCHED = 50_000  # images without a label, and as many with one
_MOST_CLUSTERS = 500
_FEW_CLUSTERS = 50  # which plain k-means finds quickly
_N_NEAREST = 20  # whose mean distance says how typical an image is
_FEWEST_DIRECTIONS = 8  # numbers of each image, from 80 images on
_PENALTY = 0.1  # C of the logistic regression, on features of variance one
_AT_ONCE = 2**24  # distances

Rows = NDArray[np.int64]
Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Suggestions:
    """Images that are most worth a label, the best first.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Which images they are.
    why : {"typical", "uncertain"}
        Why these: typical of many others that have no label, or of uncertain class.
    guess : ndarray of int64, shape (n,)
        The most probable class of each, as its label, or as its column where probabilities
        were given; -1 where there are none.
    probability : ndarray of float64, shape (n,)
        Of that class; NaN where there are no probabilities.
    """

    rows: Rows
    why: str
    guess: Rows
    probability: NDArray[np.float64]


def suggest(
    X: ArrayLike,
    y: ArrayLike | None = None,
    k: int = 20,
    *,
    probabilities: ArrayLike | None = None,
    random_state: int = 0,
) -> Suggestions:
    """Choose the images that are most worth a label, by their features.

    As long as there are fewer than five labels for each class, on average, typical images
    are chosen (TypiClust [1]_): all images are clustered, into as many clusters as there
    are labels and wanted images, 500 at most. Of the largest clusters without a label,
    that image is taken whose neighbors are nearest. After that, the images without a label
    are clustered into k, 500 at most, each with the weight of its uncertainty, and the
    most uncertain one of each cluster is taken. Uncertainty is one minus the margin between
    the first two probabilities [2]_; clusters keep the choice diverse [3]_. Distances are
    those between the directions of images in at most 64 whitened principal components, one
    for ten images; where there are fewer than 8, between the images themselves.

    No two chosen images are copies of each other, nor is one of an image with a label: of
    copies, fewer than 1 in 1,000 would be so near by chance.

    Parameters
    ----------
    X : array-like, shape (n, n_features)
        Features of all images.
    y : array-like of int, shape (n,), optional
        Labels; -1 where there is none. By default no image has one.
    k : int, default=20
        How many images.
    probabilities : array-like, shape (n, n_classes), optional
        Of the classes, as a fitted model gives them. By default those of a logistic
        regression on the labels, where there are enough; they are not calibrated.
    random_state : int, default=0
        Seed of the clusters, and of which images are looked at where more than 50,000 have
        no label.

    Returns
    -------
    Suggestions
        Rows and the reason. There are fewer than k where there are not so many images
        without a label that are no copies.

    Raises
    ------
    ParameterError
        If k is less than one.
    DataError
        If no image is without a label, or the arrays do not belong together.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite
       strategies suit high and low budgets", ICML (2022).
    .. [2] T. Scheffer, C. Decomain and S. Wrobel, "Active hidden Markov models for
       information extraction", IDA (2001).
    .. [3] F. Zhdanov, "Diverse mini-batch active learning", arXiv:1901.05954 (2019).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> first = suggest(X, k=6)
    >>> first.why, sorted(set(y[first.rows].tolist()))
    ('typical', [0, 1, 2])
    >>> known = np.where(np.arange(150) % 5 == 0, y, -1)
    >>> second = suggest(X, known, k=4)
    >>> second.why, {1, 2} <= set(y[second.rows].tolist())
    ('uncertain', True)
    """
    X, y, given = _checked(X, y, k, probabilities)
    rng = np.random.default_rng(random_state)
    free, labeled = (
        np.sort(rng.permutation(np.flatnonzero(which))[:MOST_SEARCHED])
        for which in (y < 0, y >= 0)
    )
    rows = np.concatenate([labeled, free])
    points = _points(X, rows, random_state)
    labels = y[rows]
    n_classes = len(np.unique(y[labeled]))
    is_enough = n_classes > 1 and len(labeled) >= ENOUGH * n_classes
    said = None if given is None else given[rows]
    if said is None and is_enough:
        said = _told(points, labels)
    if is_enough and said is not None:
        why, ranked = UNCERTAIN, _uncertain(points, labels, k, said, random_state)
    else:
        why, ranked = TYPICAL, _typical(points, labels, k, random_state)
    chosen = _without_copies(points, labels, ranked, k)
    if said is None:
        guess, probability = np.full(len(chosen), -1), np.full(len(chosen), np.nan)
    else:
        guess, probability = said[chosen].argmax(axis=1), said[chosen].max(axis=1)
        if given is None:
            guess = np.unique(y[labeled])[guess]
    return Suggestions(rows[chosen], why, guess, probability)


def _checked(
    X: ArrayLike, y: ArrayLike | None, k: int, probabilities: ArrayLike | None
) -> tuple[NDArray[Any], Rows, NDArray[np.float64] | None]:
    """Give what is asked about as arrays; raise what `suggest` raises."""
    if k < 1:
        raise ParameterError(f"Got k={k}, but expected at least 1 image.")
    features: NDArray[Any] = check_array(X, ensure_min_samples=0)
    n = len(features)
    labels = np.full(n, -1) if y is None else np.asarray(y)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"Got labels of shape {labels.shape} and dtype {labels.dtype} for {n} "
            "images, but expected a whole number for each, -1 where there is no label."
        )
    if not (labels < 0).any():
        raise DataError(
            f"Got {n:,} images that all have a label, but expected some without. "
            "Mark those with -1."
        )
    if probabilities is None:
        return features, labels.astype(np.int64), None
    said = check_array(probabilities, dtype=np.float64)
    if len(said) != n or said.shape[1] < 2:
        raise DataError(
            f"Got probabilities of shape {said.shape} for {n} images, but expected a "
            "row for each, of two classes or more."
        )
    return features, labels.astype(np.int64), said


def _points(X: NDArray[Any], rows: Rows, seed: int) -> Points:
    """Reduce the features of some images to few numbers: directions, all of one length.

    By these, typical images were more worth a label than by distances: differences in
    strength, such as contrast, count less. Few images have too few numbers for that.
    """
    if len(rows) < 2:
        return np.zeros((len(rows), 1), np.float32)
    points, _ = reduction(X, rows, seed).of_rows(X, rows)
    if points.shape[1] >= _FEWEST_DIRECTIONS:
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        points /= np.where(lengths > 0, lengths, 1) / points.shape[1] ** 0.5
    return points.astype(np.float32, copy=False)


def _told(points: Points, labels: Rows) -> NDArray[np.float64]:
    """Learn from the labels; give the probabilities of all images."""
    known = labels >= 0
    model = LogisticRegression(C=_PENALTY, max_iter=1000)
    model.fit(points[known], labels[known])
    probabilities: NDArray[np.float64] = model.predict_proba(points).astype(float)
    return probabilities


def _typical(points: Points, labels: Rows, k: int, seed: int) -> list[int]:
    """Rank images without a label: clusters with few labels first, the largest first."""
    n_labeled = int((labels >= 0).sum())
    clusters = _clusters(points, min(n_labeled + k, _MOST_CLUSTERS), seed)
    n_clusters = int(clusters.max()) + 1
    sizes = np.bincount(clusters, minlength=n_clusters)
    n_known = np.bincount(clusters[labels >= 0], minlength=n_clusters)
    order = []  # labels in its cluster by then, place of the cluster, row
    for place, cluster in enumerate(np.lexsort((-sizes, n_known)).tolist()):
        rows = np.flatnonzero(clusters == cluster)
        rows = rows[np.argsort(_mean_distance(points[rows]), kind="stable")]
        free = rows[labels[rows] < 0].tolist()
        order += [(n, place, row) for n, row in enumerate(free, int(n_known[cluster]))]
    return [row for _, _, row in sorted(order)]


def _uncertain(
    points: Points,
    labels: Rows,
    k: int,
    probabilities: NDArray[np.float64],
    seed: int,
) -> list[int]:
    """Rank images without a label: the most uncertain of each cluster, then the next."""
    free = np.flatnonzero(labels < 0)
    first_two = np.sort(probabilities[free], axis=1)[:, -2:]
    uncertainty = 1 - (first_two[:, 1] - first_two[:, 0])
    weights = np.maximum(uncertainty, 1e-6)
    clusters = _clusters(points[free], min(k, _MOST_CLUSTERS), seed, weights)
    order = np.argsort(-uncertainty, kind="stable")
    taken = np.zeros(int(clusters.max()) + 1, np.int64)
    turns = np.empty(len(free), np.int64)
    for row in order.tolist():
        turns[row] = taken[clusters[row]]
        taken[clusters[row]] += 1
    ranked: list[int] = free[np.lexsort((-uncertainty, turns))].tolist()
    return ranked


def _clusters(
    points: Points, n: int, seed: int, weights: NDArray[np.float64] | None = None
) -> Rows:
    """Find at most n clusters; give that of each point."""
    n = min(n, len(np.unique(points, axis=0)))
    kind = KMeans if n <= _FEW_CLUSTERS else MiniBatchKMeans
    more = {} if n <= _FEW_CLUSTERS else {"batch_size": 4096}
    means = kind(n, n_init=1, random_state=seed, **more)
    clusters: Rows = means.fit_predict(points, sample_weight=weights).astype(np.int64)
    return clusters


def _mean_distance(points: Points) -> NDArray[np.float64]:
    """Mean distance of each point to the nearest others: small for typical ones."""
    k = min(_N_NEAREST, len(points) - 1)
    if k < 1:  # there are clusters of one image, and of none
        return np.zeros(len(points))
    distances, _ = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()
    return distances.mean(axis=1).astype(float)


def _without_copies(points: Points, labels: Rows, ranked: list[int], k: int) -> Rows:
    """Take the first k images, but no copies of taken ones or of those with a label."""
    near = CopyDistance.of(points)
    labeled = points[labels >= 0]
    taken: list[int] = []
    size = max(1, _AT_ONCE // len(points))
    for start in range(0, len(ranked), size):
        rows = np.array(ranked[start : start + size])
        within = near.around(points[rows])
        if len(labeled):
            apart = euclidean_distances(points[rows], labeled).min(axis=1) > within
            rows, within = rows[apart], within[apart]
        for row, distance in zip(rows.tolist(), within.tolist(), strict=True):
            others = np.linalg.norm(points[taken] - points[row], axis=1)
            if not (others <= distance).any():
                taken.append(row)
            if len(taken) == k:
                return np.array(taken)
    return np.array(taken, np.int64)
