"""How good predictions are: one score of accuracy and of the recalls of classes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, TypeVar

import numpy as np

from featx.classifiers.ridge import Array

Key = TypeVar("Key", bound=Hashable)


class Judgment(NamedTuple):
    """How good predictions are, and what each image adds to that if it is right."""

    merit: float
    right: Array


class Judge:
    """Judges predictions for images (n,) with these labels, see `merit`."""

    def __init__(self, labels: Array, uneven: bool) -> None:
        self.labels, self.uneven = labels, uneven
        self.classes, self.numbers, self.counts = np.unique(
            labels, return_inverse=True, return_counts=True
        )

    def __call__(self, predicted: Array) -> Judgment:
        """Judge one prediction (n,)."""
        right = self.labels == predicted
        n, accuracy = len(right), float(right.mean())
        share = np.full(n, 1 / n)
        if not self.uneven:
            return Judgment(accuracy, share * right)
        share = (share + 1 / (len(self.counts) * self.counts[self.numbers])) / 2
        recalls = np.bincount(self.numbers, weights=right) / self.counts
        lacking = max(0.0, float(self.counts.max()) / n - accuracy)
        score = (accuracy + float(recalls.mean())) / 2 - lacking
        return Judgment(score, share * right)


def best(judgments: dict[Key, Judgment]) -> Key:
    """Give the first key that is within one standard error of the best."""
    top = max(judgments.values(), key=lambda one: one.merit)

    def as_good(one: Judgment) -> bool:
        error = float(np.sqrt(np.square(top.right - one.right).sum()))
        return one.merit >= top.merit - error

    return next(key for key, one in judgments.items() if as_good(one))


def merit(y: Array, predicted: Array, *, uneven: bool) -> float:
    """Say how good predictions are, for the choice of settings; at most 1.

    Where classes are even, by accuracy. Where they are uneven, by the mean of accuracy and
    balanced accuracy, less what accuracy lacks of the share of the largest class: finding
    rare classes is worth mistakes in others, but not more of them than not looking makes.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> merit(y, np.array([0, 0, 0, 0]), uneven=False)
    0.75
    >>> merit(y, np.array([0, 0, 0, 0]), uneven=True)
    0.625
    >>> round(merit(y, np.array([0, 1, 1, 1]), uneven=True), 3)
    0.333
    """
    return Judge(y, uneven)(predicted).merit
