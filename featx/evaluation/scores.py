"""Scores of predictions on the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from featx.evaluation.intervals import interval_of_mean

UNEVEN = 1.1  # times as many images of the largest class as of the smallest


def is_uneven(class_counts: NDArray[np.int64]) -> bool:
    """Whether the class counts differ by more than a stratified split makes them differ.

    Examples
    --------
    >>> import numpy as np
    >>> is_uneven(np.array([5000, 2500])), is_uneven(np.array([146, 142]))
    (True, False)
    """
    return bool(class_counts.max() > UNEVEN * class_counts.min())


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class.

    Parameters
    ----------
    precision, recall, f1 : float
        In [0, 1]; recall is what is often called the class's accuracy.
    support : int
        Number of test images of this class; with several seeds, of predictions.
    recall_ci95 : tuple of float
        95 % interval of the recall; of a class without test images, as if it had one that
        was predicted wrong.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> cat = example_results().best.scores.per_class["cat"]
    >>> cat.recall, cat.support
    (0.75, 4)
    """

    precision: float
    recall: float
    f1: float
    support: int
    recall_ci95: tuple[float, float]


@dataclass(frozen=True)
class Scores:
    """Scores of one row of the table; with several seeds, their means.

    Parameters
    ----------
    accuracy : float
        Fraction of test images predicted right, in [0, 1].
    accuracy_ci95 : tuple of float
        Wilson's 95 % interval of the accuracy [1]_; with several seeds or groups,
        `interval_of_mean`.
    balanced_accuracy : float
        Mean recall over the classes.
    macro_f1 : float
        Mean F1 over the classes.
    per_class : dict of str to ClassScores
        In the order of the class names.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Rows are true classes, columns predicted ones; with several seeds, the sum.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", J. Am. Stat. Assoc. 22 (1927).

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> scores = example_results().best.scores
    >>> scores.accuracy, scores.confusion.tolist()
    (0.875, [[3, 1], [0, 4]])
    """

    accuracy: float
    accuracy_ci95: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScores]
    confusion: NDArray[np.int64]


def score(
    y_true: NDArray[np.int64],
    y_pred: NDArray[np.int64],
    class_names: Sequence[str],
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> Scores:
    """Score predicted labels, indices into `class_names`, against the true ones.

    Parameters
    ----------
    y_true : ndarray of int64, shape (n,)
        Labels.
    y_pred : ndarray of int64, shape (n,) or (n_seeds, n)
        Predictions. Of several seeds, scores are means; the confusion matrix and the scores
        of single classes come from the predictions of all seeds together.
    class_names : sequence of str
        Names of the classes in the order of the labels.
    groups : ndarray of int64, shape (n,), optional
        Groups of test images that have something in common, for the intervals.
    n_folds : int, default=1
        Folds that the images were judged in, for the intervals.

    Returns
    -------
    Scores
        All scores.

    Examples
    --------
    >>> import numpy as np
    >>> s = score(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["cat", "dog"])
    >>> s.accuracy, s.per_class["cat"].recall
    (0.75, 0.5)
    >>> s.confusion.tolist()
    [[1, 1], [0, 2]]
    """
    labels, seeds = np.arange(len(class_names)), np.atleast_2d(y_pred)
    right = seeds == y_true
    true, said = np.tile(y_true, len(seeds)), seeds.ravel()
    columns = precision_recall_fscore_support(
        true, said, labels=labels, zero_division=0.0
    )
    present = columns[3] > 0  # in the test part

    def interval(of: NDArray[np.bool_]) -> tuple[float, float]:
        """Give the interval of the accuracy on some images."""
        if not of.any():
            return interval_of_mean(np.zeros((1, 1), bool))
        own = None if groups is None else groups[of]
        return interval_of_mean(right[:, of], own, n_folds)

    per_class = {
        name: ClassScores(
            float(precision),
            float(recall),
            float(f1),
            int(support),
            interval(y_true == label),
        )
        for label, name, precision, recall, f1, support in zip(
            labels, class_names, *columns, strict=True
        )
    }
    return Scores(
        accuracy=float(right.mean()),
        accuracy_ci95=interval(np.ones(len(y_true), bool)),
        balanced_accuracy=float(columns[1][present].mean()),
        macro_f1=float(np.mean([_macro_f1(y_true, one, labels) for one in seeds])),
        per_class=per_class,
        confusion=confusion_matrix(true, said, labels=labels),
    )


def _macro_f1(
    y_true: NDArray[np.int64], y_pred: NDArray[np.int64], labels: NDArray[np.int64]
) -> float:
    """Mean F1 over the classes that are there or were named."""
    f1 = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=0.0
    )[2]
    known = np.isin(labels, y_true) | np.isin(labels, y_pred)
    return float(f1[known].mean())
