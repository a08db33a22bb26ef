"""Stratified splits: the test part when there is none, the validation part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError

UNLABELED, TRAIN, VALIDATION, TEST = -1, 0, 1, 2

TEST_FRACTION = 0.2
TEST_SEED = 0  # not the caller's: results stay comparable over seeds


def draw(
    y: NDArray[np.int64], counts: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw so many rows of each class at random; return them sorted.

    Examples
    --------
    >>> y = np.array([0, 0, 1, 1, 1])
    >>> y[draw(y, np.array([1, 2]), np.random.default_rng(0))]
    array([0, 1, 1])
    """
    # One stable sort instead of a search per class: 1,000 classes stay cheap.
    by_class = np.split(
        np.argsort(y, kind="stable"),
        np.cumsum(np.bincount(y, minlength=len(counts)))[:-1],
    )
    drawn = [
        rng.permutation(rows)[:count]
        for rows, count in zip(by_class, counts, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def draw_fraction(
    y: NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the same fraction in (0, 1) of every class; return the rows sorted.

    At least one row of each class is drawn, and one stays behind.
    """
    counts = np.bincount(y)
    n_rows = np.maximum(np.rint(counts * fraction).astype(np.int64), 1)
    return draw(y, np.minimum(n_rows, np.maximum(counts - 1, 0)), rng)


def add_test_part(
    y: NDArray[np.int64],
    part: NDArray[np.int8],
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int8]:
    """Turn a fifth of the training rows into test rows, stratified, always the same.

    Whole `groups`, where there are any.

    Raises
    ------
    DataError
        If a class is in too few groups.
    """
    train = np.flatnonzero(part == TRAIN)
    part = part.copy()
    if groups is None:
        drawn = draw_fraction(y[train], TEST_FRACTION, rng_for(TEST_SEED))
    else:
        of_groups = draw_groups(y[train], groups[train], TEST_FRACTION, TEST_SEED)
        if of_groups is None:
            raise DataError(
                f"Got {len(np.unique(groups[train]))} groups, but no way to set some aside "
                "so that every class is on both sides. Each class needs images in at least "
                "two groups, better in five."
            )
        drawn = of_groups
    part[train[drawn]] = TEST
    return part


def draw_groups(
    y: NDArray[np.int64], groups: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.int64] | None:
    """Draw about a fraction in (0, 1) of the rows, in whole groups; return them sorted.

    Groups are taken in random order as long as they bring the classes nearer to that
    fraction of each, and then one for each class that has none. None if a class is in one
    group only: it cannot be on both sides.

    Examples
    --------
    >>> y, groups = np.tile([0, 1], 10), np.repeat(np.arange(5), 4)
    >>> drawn = draw_groups(y, groups, 0.2, seed=0)
    >>> len(drawn), len(set(groups[drawn]))
    (4, 1)
    """
    from scipy.sparse import coo_array  # slow

    numbers, of = np.unique(groups, return_inverse=True)
    classes, label = np.unique(y, return_inverse=True)
    shape = (len(numbers), len(classes))
    held = coo_array((np.ones(len(y), np.int64), (of, label)), shape).tocsr()
    totals = np.bincount(label)
    taken, wanted = np.zeros(len(classes)), fraction * totals
    chosen = np.zeros(len(numbers), bool)

    def fits(group: int, *, needed: bool) -> bool:
        """Take a group if it leaves some of each class and brings the shares nearer."""
        row = slice(held.indptr[group], held.indptr[group + 1])
        which, counts = held.indices[row], held.data[row]
        after = taken[which] + counts
        if (after >= totals[which]).any():
            return False
        before = (taken[which] - wanted[which]) / totals[which]
        gained = np.sum(before**2) - np.sum(
            ((after - wanted[which]) / totals[which]) ** 2
        )
        if gained <= 0 and not needed:
            return False
        taken[which] = after
        chosen[group] = True
        return True

    order = rng_for(seed).permutation(len(numbers))
    for group in order:
        fits(group, needed=False)
    columns = held.tocsc()
    for label_without in np.flatnonzero(taken == 0):
        if taken[label_without]:  # came with the group of another class
            continue
        row = slice(columns.indptr[label_without], columns.indptr[label_without + 1])
        small_first = columns.indices[row][np.argsort(columns.data[row], kind="stable")]
        if not any(fits(group, needed=True) for group in small_first):
            return None
    return np.flatnonzero(chosen[of])


def split_into_folds(
    y: NDArray[np.int64], groups: NDArray[np.int64] | None, n_folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split rows into folds, stratified, and never within a group.

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
        For each fold the rows outside and those inside of it. There are fewer folds where
        no class has as many rows, and none where there are fewer than two.

    Examples
    --------
    >>> folds = split_into_folds(np.arange(9) % 2, None, 3, seed=0)
    >>> [(len(outside), len(inside)) for outside, inside in folds]
    [(6, 3), (6, 3), (6, 3)]
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # slow

    n_folds = min(n_folds, int(np.bincount(y).max()))
    if n_folds < 2:
        return []
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer rows than folds
        return list(splitter.split(y, y, groups))


def validation_mask(
    y: NDArray[np.int64],
    part: NDArray[np.int8],
    fraction: float,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Mark the training rows on which settings are chosen.

    They are the `VALIDATION` rows of `part`, or a fraction in (0, 1) where there are none:
    whole `groups`, if there are any. There is no such row where groups cannot be split.

    Examples
    --------
    >>> y = np.repeat([0, 1], 10)
    >>> validation_mask(y, np.zeros(20, np.int8), 0.1, seed=0).sum()
    np.int64(2)
    """
    mask: NDArray[np.bool_] = part == VALIDATION
    if len(y) and not mask.any():
        if groups is None:
            mask[draw_fraction(y, fraction, rng_for(seed))] = True
        elif (drawn := draw_groups(y, groups, fraction, seed)) is not None:
            mask[drawn] = True
    return mask


def check_classes(
    y: NDArray[np.int64],
    part: NDArray[np.int8],
    class_names: Sequence[str],
    where: object,
) -> None:
    """Refuse labels that cannot be compared on.

    Without `TEST` in `part`, a test part is still to be split off; without `VALIDATION`, a
    validation part.

    Raises
    ------
    DataError
        If there are fewer than two classes, if the parts have different classes, or if a
        class has too few images to be split.
    """
    if len(class_names) < 2:
        raise DataError(
            f"Got {len(class_names)} class ({', '.join(class_names)}) in {where}, but "
            "expected at least 2 to tell apart."
        )
    has_test, has_validation = (part == TEST).any(), (part == VALIDATION).any()
    counts = [
        np.bincount(y[part == p], minlength=len(class_names))
        for p in (TRAIN, VALIDATION, TEST)
    ]
    for other, name in ((VALIDATION, "validation"), (TEST, "test")):
        more = [c for c, n, t in zip(class_names, counts[other], counts[TRAIN],
                                     strict=True) if n and not t]  # fmt: skip
        less = [c for c, n in zip(class_names, counts[TEST], strict=True)
                if not n and other == TEST and has_test]  # fmt: skip
        if more or less:
            differences = [f"only in {name}: {', '.join(more)}"] if more else []
            differences += [f"not in {name}: {', '.join(less)}"] if less else []
            raise DataError(
                f"Got different classes in the parts of {where} "
                f"({'; '.join(differences)}), but expected the same in all. Rename, "
                "complete or remove them."
            )
    minimum = 1 + (not has_validation) + (not has_test)
    smallest = int(counts[TRAIN].argmin())
    if counts[TRAIN][smallest] < minimum:
        uses = ["to train on", "to choose settings on", "to test on"][:minimum]
        if has_validation and not has_test:
            uses = ["to train on", "to test on"]
        raise DataError(
            f"Got {counts[TRAIN][smallest]} training images of class "
            f"{class_names[smallest]!r} in {where}, but expected at least {minimum} "
            f"(one {', one '.join(uses)}). Add images or remove the class."
        )


def check_groups(
    groups: NDArray[np.int64], part: NDArray[np.int8], where: object
) -> None:
    """Refuse groups that are all one, or torn between parts that the source tells.

    Raises
    ------
    DataError
        If there is one group only, or images of one group lie in different parts.
    """
    labeled = part != UNLABELED
    numbers, of = np.unique(groups[labeled], return_inverse=True)
    if len(numbers) < 2:
        raise DataError(
            f"Got all {int(labeled.sum()):,} images of {where} in one group, but expected "
            "several: groups are never torn between training and test part."
        )
    seen = np.zeros((len(numbers), 3), bool)
    seen[of, part[labeled]] = True
    torn = int((seen.sum(axis=1) > 1).sum())
    if torn:
        raise DataError(
            f"Got {torn:,} of {len(numbers):,} groups in several parts of {where}, but "
            "expected each in one. Move their images, or leave the parts out and let "
            "groups be split."
        )


def rng_for(seed: int) -> np.random.Generator:
    """Return a generator that leaves numpy's global state alone."""
    return np.random.default_rng(seed)
