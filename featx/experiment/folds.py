"""Folds: every image is judged once, by what never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError, ParameterError
from featx.images import Dataset, ImageSet
from featx.images.notes import first_of
from featx.images.split import split_into_folds, validation_mask

FOLDS = 5
FOLDS_BELOW = 1000  # images; of more, a fifth is enough to test on


@dataclass(frozen=True)
class Fold:
    """One part of the images to judge on, all others to learn from.

    Parameters
    ----------
    dataset : Dataset
        The images of this fold are its test part.
    train_rows, test_rows : ndarray of int64
        Where its images are among all labeled ones.
    """

    dataset: Dataset
    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]


def default_folds(dataset: Dataset) -> int:
    """Choose 5 folds where fewer than 1,000 images bring no test part, else none (0).

    There are fewer folds where a class has fewer images, or there are fewer groups.
    """
    n_images = len(dataset.train) + len(dataset.test)
    if dataset.test_given or n_images >= FOLDS_BELOW:
        return 0
    smallest = int((dataset.train.class_counts + dataset.test.class_counts).min())
    n_folds = min(FOLDS, smallest, dataset.n_groups or FOLDS)
    return n_folds if n_folds > 1 else 0


def check_folds(dataset: Dataset, n_folds: int) -> None:
    """Refuse folds that cannot be.

    Raises
    ------
    ParameterError
        If the data bring a test part, or there are more folds than groups or than images
        of a class.
    """
    if n_folds < 2:
        raise ParameterError(f"Got folds={n_folds}, but expected 2 or more, or none.")
    if dataset.test_given:
        raise ParameterError(
            f"Got {n_folds} folds for {dataset.name}, which brings a test part, but "
            "expected images of one part. Leave --folds out, or give the training part."
        )
    images = dataset.labeled_images
    if dataset.n_groups is not None and dataset.n_groups < n_folds:
        raise ParameterError(
            f"Got {n_folds} folds but {dataset.n_groups} groups of images, which are never "
            f"torn. Ask for at most {dataset.n_groups} folds."
        )
    fewest = int(images.class_counts.argmin())
    count = int(images.class_counts[fewest])
    if count < n_folds:
        raise ParameterError(
            f"Got {n_folds} folds but {count} images of class "
            f"{images.class_names[fewest]!r}. Ask for at most {count} folds, or add images."
        )


def split_folds(dataset: Dataset, n_folds: int, seed: int) -> list[Fold]:
    """Split all labeled images into folds, stratified, and never within a group.

    Raises
    ------
    DataError
        If a class is in one group only, so that a fold cannot learn it.

    Examples
    --------
    >>> from featx import load_dataset
    >>> folds = split_folds(load_dataset("digits"), 5, seed=0)
    >>> [len(fold.test_rows) for fold in folds]
    [360, 360, 359, 359, 359]
    """
    images = dataset.labeled_images
    folds = []
    rows = split_into_folds(images.y, images.groups, n_folds, seed)
    for train_rows, test_rows in rows:
        train = images.take(train_rows)
        if not train.class_counts.all():
            missing = images.class_names[int(train.class_counts.argmin())]
            raise DataError(
                f"Got all images of class {missing!r} in one fold, as they are in one "
                "group, but expected some to learn from. Add groups, or remove the class."
            )
        mask = validation_mask(
            train.y, np.zeros(len(train), np.int8), 0.1, seed, train.groups
        )
        test = images.take(test_rows)
        part = replace(
            dataset,
            train=train,
            test=test,
            validation=mask,
            unlabeled=_apart(dataset.unlabeled, test),
        )
        folds.append(Fold(part, train_rows, test_rows))
    return folds


def uneven_folds(folds: Sequence[Fold]) -> str:
    """Say which classes are spread unevenly over the folds, as groups stay whole.

    Named are those of which some fold judges less than half of a fold's share.
    """
    tests = [fold.dataset.test for fold in folds]
    counts = np.array([test.class_counts for test in tests])
    share = counts.sum(axis=0) / len(folds)
    told = [
        f"{name!r} ({counts[:, i].min()} to {counts[:, i].max()} images a fold)"
        for i, name in enumerate(tests[0].class_names)
        if share[i] >= 1 and 2 * counts[:, i].min() < share[i]
    ]
    return f"spread unevenly over folds: {first_of(told)}" if told else ""


def _apart(unlabeled: ImageSet, test: ImageSet) -> ImageSet:
    """Leave out images of the groups that are judged on."""
    if unlabeled.groups is None or test.groups is None:
        return unlabeled
    return unlabeled.take(np.flatnonzero(~np.isin(unlabeled.groups, test.groups)))


def all_to_learn(dataset: Dataset) -> Dataset:
    """Return the data set in which all labeled images are training images.

    Its test images are among them and judge nothing.
    """
    images = dataset.labeled_images
    mask = np.zeros(len(images), bool)
    mask[: len(dataset.validation)] = dataset.validation
    return replace(dataset, train=images, validation=mask)
