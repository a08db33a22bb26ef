"""Scores of predictions on the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from featx.evaluation.intervals import interval_of_mean, wilson

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
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """Scores of one row of the table; with several seeds, their means.

    Parameters
    ----------
    accuracy : float
        Fraction of test images predicted right, in [0, 1].
    accuracy_ci95 : tuple of float
        Wilson's 95 % interval of the accuracy [1]_; with several seeds, `interval_of_mean`.
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
    """

    accuracy: float
    accuracy_ci95: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScores]
    confusion: NDArray[np.int64]


def score(
    y_true: NDArray[np.int64], y_pred: NDArray[np.int64], class_names: Sequence[str]
) -> Scores:
    """Score predicted labels, indices into `class_names`, against the true ones.

    Examples
    --------
    >>> import numpy as np
    >>> s = score(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["cat", "dog"])
    >>> s.accuracy, s.per_class["cat"].recall
    (0.75, 0.5)
    >>> s.confusion.tolist()
    [[1, 1], [0, 2]]
    """
    labels = np.arange(len(class_names))
    right = int((y_true == y_pred).sum())
    low, high = wilson(right, len(y_true))
    columns = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=0.0
    )
    present = columns[3] > 0  # in the test part
    known = present | np.isin(labels, y_pred)
    per_class = {
        name: ClassScores(float(p), float(r), float(f), int(s))
        for name, p, r, f, s in zip(class_names, *columns, strict=True)
    }
    return Scores(
        accuracy=right / len(y_true),
        accuracy_ci95=(float(low), float(high)),
        balanced_accuracy=float(columns[1][present].mean()),
        macro_f1=float(columns[2][known].mean()),
        per_class=per_class,
        confusion=confusion_matrix(y_true, y_pred, labels=labels),
    )


def score_seeds(
    y_true: NDArray[np.int64], y_pred: NDArray[np.int64], class_names: Sequence[str]
) -> Scores:
    """Score predictions that were made under several seeds, of shape (n_seeds, n).

    Scores are means over the seeds; the confusion matrix and the scores of single classes
    come from the predictions of all seeds together.
    """
    together = score(np.tile(y_true, len(y_pred)), y_pred.ravel(), class_names)
    scores = [score(y_true, predicted, class_names) for predicted in y_pred]
    return replace(
        together,
        accuracy_ci95=interval_of_mean(y_pred == y_true),
        macro_f1=float(np.mean([each.macro_f1 for each in scores])),
    )
