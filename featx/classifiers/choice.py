"""Settings of a classifier, chosen on the images that it is fitted on and no others.

How well a classifier tells an image that it was not fitted on is what settings are judged
by. For a ridge regression on the classes, of features or of a kernel, that needs no
fitting again and again: what it would say of every image, had that image been left out,
follows from one inverse. Its best penalty, its best kernel width and whether classes are
best weighted carry over to the support vector machines and to logistic regression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy import linalg
from sklearn.base import clone
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline

from featx.classifiers.merit import Judge, Judgment, best
from featx.classifiers.ridge import Array

Settings = dict[str, Any]
Weights = tuple[str | None, ...]  # of the classes, to be tried

ROWS = (800, 2000)  # images that the choice looks at: so many, of many a twentieth
FEWEST = 20  # images; of fewer it would be chance
# Multiples of the usual value, that first: of settings that do about as well, the first
# one is taken.
PENALTIES = (1.0, 4.0, 1 / 4, 16.0, 1 / 16, 64.0)
KERNEL_PENALTIES = (1.0, 0.3, 0.1, 0.03)
WIDTHS = (1.0, 1 / 4, 1 / 16)  # of gamma; wider kernels need smaller penalties
NEIGHBORS = (10, 5, 20, 3, 1)
_LARGEST_GROUP = 1000  # images; of larger ones too many neighbors would be looked for
# classifiers that have settings to choose
CHOSEN = ("linear-svm", "logreg", "ridge", "svm", "kernel-ridge", "knn")
CHOICE = {  # what settings depend on besides images and seed; count up for other code
    "version": 4,
    "rows": [FEWEST, *ROWS],
    "tried": [PENALTIES, KERNEL_PENALTIES, WIDTHS, NEIGHBORS],
}


def choose_settings(
    classifier: Pipeline,
    X: Array,
    y: Array,
    *,
    uneven: bool = False,
    groups: Array | None = None,
) -> Settings:
    """Choose settings of a classifier that suit these images.

    Penalties of the linear classifiers, penalty and kernel width of ``svm`` and
    ``kernel-ridge`` and the number of neighbors of ``knn`` are chosen; with `uneven`, also
    whether the classes are weighted. ``mlp`` finds when to stop by itself. Images, or
    groups of them, are left out one at a time and told by the others, on 800 to 2,000
    images; see `merit` for what is compared. The best kernel width is taken; of other
    settings, those nearest to the usual ones that are within one standard error of the
    best. Chance has no part in it.

    Parameters
    ----------
    classifier : Pipeline
        Unfitted, as `make_classifier` builds it, or the rest of one, from any step on.
    X : ndarray, shape (n, n_features)
        Features, as its first step takes them.
    y : ndarray, shape (n,)
        Labels.
    uneven : bool, default=False
        The class counts differ.
    groups : ndarray of int64, shape (n,), optional
        Groups of images that have something in common.

    Returns
    -------
    dict of str to object
        Parameters for ``classifier.set_params``; empty for fewer than 20 images, a
        single class or a single group.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from featx import make_classifier
    >>> from featx.classifiers import choose_settings
    >>> X, y = load_iris(return_X_y=True)
    >>> svm = make_classifier("svm", n_features=4, n_images=150)
    >>> choose_settings(svm, X, y)
    {'svm__C': 12.0, 'svm__gamma': 0.0625}
    """
    name = classifier.steps[-1][0]
    classes, numbers = np.unique(y, return_inverse=True)
    if name not in CHOSEN or len(y) < FEWEST or len(classes) < 2:
        return {}
    rows = _spread(numbers, int(np.clip(len(y) // 20, *ROWS)))
    if groups is not None and len(np.unique(groups[rows])) < 2:
        return {}  # nothing would be left to learn from
    judge = Judge(numbers[rows], uneven)
    heads = [step for key, step in classifier.steps[:-1] if key != "rbf"]
    if name == "knn":
        return _choose_neighbors(heads, X, numbers, rows, judge, groups)
    features = np.asarray(X[rows])
    for step in heads:
        features = clone(step).fit_transform(features, y[rows])
    features = features.astype(np.float32, copy=False)
    weights: Weights = ("balanced", None) if uneven else (None,)
    left_out = _LeftOut(judge, None if groups is None else groups[rows])
    if "rbf" in classifier.named_steps or name == "svm":
        return _choose_kernel(classifier, features, weights, left_out)
    return _choose_linear(name, features, len(y), weights, left_out)


def leave_one_out(
    kernel: Array,
    sides: Array,
    weight: Array,
    alpha: float,
    groups: Array | None = None,
) -> Array:
    """Score every image by a ridge regression fitted on all the others.

    With an intercept that is not penalized, in closed form [1]_. With `groups`, the other
    images of its group are left out as well.

    Parameters
    ----------
    kernel : ndarray, shape (n, n)
        Products of the features, or a kernel.
    sides : ndarray, shape (n, k)
        Targets.
    weight : ndarray, shape (n,)
        Weights of the images, above 0.
    alpha : float
        Penalty, as of ``sklearn.linear_model.Ridge``.
    groups : ndarray of int64, shape (n,), optional
        Groups of images.

    Returns
    -------
    ndarray, shape (n, k)
        Scores, in the dtype of the kernel.

    References
    ----------
    .. [1] G. C. Cawley, "Leave-one-out cross-validation based model selection criteria for
       weighted LS-SVMs", IJCNN 2006.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X, y, w = np.array([[0.0], [1], [3], [4]]), np.arange(4.0), np.ones(4)
    >>> left_out = leave_one_out(X @ X.T, y[:, None], w, alpha=2.0)[0]
    >>> bool(np.isclose(left_out, Ridge(2.0).fit(X[1:], y[1:]).predict(X[:1]))[0])
    True
    """
    system = kernel.T.copy(order="F")  # as LAPACK has it
    diagonal = np.einsum("ii->i", system)
    # at least what rounding may take from a kernel that is nearly singular
    least = 10 * np.finfo(system.dtype).eps * diagonal.sum()
    diagonal += np.maximum(alpha / weight, least)
    (factorize, invert) = linalg.get_lapack_funcs(("potrf", "potri"), (system,))
    (multiply,) = linalg.get_blas_funcs(("symm",), (system,))
    factor, _ = factorize(system, lower=True, overwrite_a=True, clean=False)
    inverse, _ = invert(factor, lower=True, overwrite_c=True)  # its lower triangle
    columns = np.column_stack([sides, np.ones(len(sides), sides.dtype)])
    products = multiply(1.0, inverse, columns, lower=True)
    errors, total = products[:, :-1], products[:, -1]
    errors -= total[:, None] * (errors.sum(axis=0) / total.sum())
    own = np.einsum("ii->i", inverse) - total**2 / total.sum()
    scores: Array = sides - errors / own[:, None]
    if groups is not None:
        for rows in _of_each(groups):
            block = np.tril(inverse[np.ix_(rows, rows)])
            block = block + np.tril(block, -1).T
            block -= np.outer(total[rows], total[rows] / total.sum())
            scores[rows] = sides[rows] - np.linalg.solve(block, errors[rows])
    return scores


def _of_each(groups: Array) -> Iterator[Array]:
    """Yield the rows of every group of more than one."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    yield from (rows for rows in np.split(order, starts) if len(rows) > 1)


class _LeftOut:
    """How well classes of images (n,) are told by a kernel without their own image."""

    def __init__(self, judge: Judge, groups: Array | None) -> None:
        self.groups = groups
        self.judge, n = judge, len(judge.labels)
        own = judge.labels[:, None] == judge.classes
        self.sides = np.where(own, 1, -1).astype(np.float32)
        balanced = n / (len(judge.classes) * judge.counts[judge.numbers])
        self.weights = {None: np.ones(n), "balanced": balanced}

    def judge_ridge(self, kernel: Array, alpha: float, weight: str | None) -> Judgment:
        each = self.weights[weight].astype(kernel.dtype)
        scores = leave_one_out(kernel, self.sides, each, alpha, self.groups)
        return self.judge(self.judge.classes[scores.argmax(axis=1)])


def _choose_linear(
    name: str, X: Array, n_images: int, weights: Weights, left_out: _LeftOut
) -> Settings:
    X -= X.mean(axis=0)
    kernel = X @ X.T
    usual = 4 * X.shape[1]  # over the root of the number of images
    factor, weight = best(
        {
            (factor, weight): left_out.judge_ridge(
                kernel, factor * usual / len(X) ** 0.5, weight
            )
            for factor, weight in product(PENALTIES, weights)
        }
    )
    alpha = factor * usual / n_images**0.5
    penalty = {
        "ridge": ("alpha", alpha),
        "linear-svm": ("C", 1 / (2 * alpha)),  # the same problem, but for the hinge
        "logreg": ("C", 8 / alpha),  # about where its scores are as large
    }[name]
    return _named(name, dict([penalty]), weight, weights)


def _choose_kernel(
    classifier: Pipeline, X: Array, weights: Weights, left_out: _LeftOut
) -> Settings:
    name, model = classifier.steps[-1]
    usual = 1 / (X.shape[1] * float(X.var()) or 1.0)
    distances = euclidean_distances(X, squared=True)
    penalty = model.alpha if name == "kernel-ridge" else 1 / model.C

    def search(
        widths: Iterable[float], factors: Any, weights: Any
    ) -> dict[Any, Judgment]:
        judgments = {}
        for width in widths:
            kernel = np.exp(-width * usual * distances)
            for factor, weight in product(factors, weights):
                judgments[width, factor, weight] = left_out.judge_ridge(
                    kernel, width * factor * penalty, weight
                )
        return judgments

    by_width = search(WIDTHS, KERNEL_PENALTIES[::2], [None])
    width, _, _ = max(by_width, key=lambda key: by_width[key].merit)
    _, factor, weight = best(search([width], KERNEL_PENALTIES, weights))
    factor *= width
    own: Settings = (
        {"alpha": factor * penalty}
        if name == "kernel-ridge"
        else {"C": model.C / factor}
    )
    if "rbf" in classifier.named_steps:
        gamma: Settings = {"rbf__gamma": width * usual}
    else:
        gamma = {f"{name}__gamma": "scale" if width == 1 else width * usual}
    return _named(name, own, weight, weights) | gamma


def _choose_neighbors(
    heads: list[Any],
    X: Array,
    numbers: Array,
    rows: Array,
    judge: Judge,
    groups: Array | None,
) -> Settings:
    """Tell some images by their neighbors among all the others, or other groups."""
    for step in heads:
        X = clone(step).fit_transform(X, numbers)
    groups = np.arange(len(X)) if groups is None else groups
    largest = int(np.unique(groups, return_counts=True)[1].max())
    most = min(max(NEIGHBORS), len(X) - largest)
    if most < 1 or largest > _LARGEST_GROUP:
        return {}
    search = NearestNeighbors(n_neighbors=most + largest).fit(X)
    distances, neighbors = search.kneighbors(X[rows])
    # an image is its own neighbor; among many at no distance it may not be the first
    own = groups[neighbors] == groups[rows][:, None]
    others = np.argsort(own, axis=1, kind="stable")[:, :most]
    distances = np.take_along_axis(distances, others, axis=1)
    classes = numbers[np.take_along_axis(neighbors, others, axis=1)]
    closeness = 1 / np.maximum(distances, np.finfo(np.float32).tiny)
    judgments = {}
    for k in (k for k in NEIGHBORS if k <= most):
        votes = np.zeros((len(rows), numbers.max() + 1))
        for j in range(k):
            votes[np.arange(len(rows)), classes[:, j]] += closeness[:, j]
        judgments[k] = judge(votes.argmax(axis=1))
    return {"knn__n_neighbors": best(judgments)}


def _named(name: str, own: Settings, weight: str | None, weights: Weights) -> Settings:
    settings = {f"{name}__{key}": value for key, value in own.items()}
    if len(weights) > 1:
        settings[f"{name}__class_weight"] = weight
    return settings


def _spread(numbers: Array, n_rows: int) -> Array:
    """Rows spread evenly over each class, of small classes relatively more."""
    if len(numbers) <= n_rows:
        return np.arange(len(numbers))
    counts = np.bincount(numbers)
    least = max(1, min(5, n_rows // (2 * len(counts))))
    chosen = []
    for label, count in enumerate(counts):
        size = min(count, max(least, round(n_rows * count / len(numbers))))
        places = np.linspace(0, count - 1, size).round().astype(np.int64)
        chosen.append(np.flatnonzero(numbers == label)[places])
    return np.sort(np.concatenate(chosen))
