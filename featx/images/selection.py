"""Which rows of a source are used: thinned classes, a limit, the order of parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import ParameterError, unknown_name
from featx.images.notes import counted, first_of
from featx.images.options import Options
from featx.images.split import (
    TEST,
    TEST_FRACTION,
    TRAIN,
    UNLABELED,
    VALIDATION,
    add_test_part,
    check_classes,
    check_groups,
    draw,
    rng_for,
)

NO_TEST_NOTE = (
    "no test part: 20 % of each class were set aside, the same images for every seed, "
    "others when images come or go"
)
NO_TEST_NOTE_OF_GROUPS = (
    "no test part: about a fifth of the groups were set aside, the same for every seed, "
    "others when images come or go"
)
FEW_TRAIN, FEW_TEST = 10, 5  # images of a class; with fewer its figures are noise


class Choice(NamedTuple):
    """Which rows of a source are used.

    Parameters
    ----------
    rows : ndarray of int64, shape (m,)
        Rows to use: unlabeled, training, then validation, then test images.
    part : ndarray of int8, shape (m,)
        Their parts.
    notes : tuple of str
        What the user should know.
    test_given : bool
        The source has a test part; else one was split off.
    """

    rows: NDArray[np.int64]
    part: NDArray[np.int8]
    notes: tuple[str, ...]
    test_given: bool


def choose_rows(
    y: NDArray[np.int64],
    part: NDArray[np.int8],
    class_names: Sequence[str],
    options: Options,
    where: object,
    groups: NDArray[np.int64] | None = None,
) -> Choice:
    """Split off a test part where there is none, thin classes, apply the limit.

    Parameters
    ----------
    y : ndarray of int64, shape (n,)
        Labels of everything the source holds; -1 where there is none.
    part : ndarray of int8, shape (n,)
        `UNLABELED`, `TRAIN`, `VALIDATION` or `TEST` as the source says.
    class_names : sequence of str
        Names of the classes.
    options : Options
        Its `keep`, `limit` and `seed`.
    where : object
        The source, for messages.
    groups : ndarray of int64, shape (n,), optional
        Groups that parts must not tear.

    Returns
    -------
    Choice
        All of it.

    Raises
    ------
    DataError
        If a class has too few images, or the parts have different classes.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    """
    unlabeled = np.flatnonzero((part == UNLABELED) & options.unlabeled)
    if len(unlabeled) and (part == UNLABELED).all():
        if options.limit is not None:
            unlabeled = _drawn(unlabeled, options.limit, options.seed)
        return Choice(unlabeled, part[unlabeled], ("no image has a label",), False)
    if options.split:
        check_classes(y, part, class_names, where)
    notes: tuple[str, ...] = ()
    if groups is not None and options.split:
        check_groups(groups, part, where)
    test_given = bool((part == TEST).any())
    if not test_given and options.split:
        part = add_test_part(y, part, groups)
        notes = (NO_TEST_NOTE if groups is None else NO_TEST_NOTE_OF_GROUPS,)
        if groups is not None:
            notes += uneven_note(y, part, class_names)

    train = np.flatnonzero((part == TRAIN) | (part == VALIDATION))
    test = np.flatnonzero(part == TEST)
    if groups is not None:
        of_test = np.isin(groups[unlabeled], groups[test])
        if of_test.any():
            images = counted(int(of_test.sum()), "unlabeled image")
            notes += (f"left out, of a group in the test part: {images}",)
            unlabeled = unlabeled[~of_test]
    train = train[thin(y[train], class_names, options.keep, options.seed)]
    if options.limit is not None:
        minimum = 1 if (part == VALIDATION).any() or not options.split else 2
        train = train[limited(y[train], options.limit, minimum, options.seed)]
        test = test[limited(y[test], options.limit, 1, options.seed)]
        unlabeled = _drawn(unlabeled, options.limit, options.seed)
    rows = np.concatenate([unlabeled, train, test])
    rows = rows[np.argsort(part[rows], kind="stable")]
    if options.split:
        check_classes(y[rows], part[rows], class_names, where)
        notes += few_note(y[rows], part[rows], class_names)
    return Choice(rows, part[rows], notes, test_given)


def _drawn(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Draw at most so many of some rows; return them sorted."""
    return np.sort(rng_for(seed).permutation(rows)[:most])


def uneven_note(
    y: NDArray[np.int64], part: NDArray[np.int8], class_names: Sequence[str]
) -> tuple[str, ...]:
    """Say of which classes far more or less than a fifth is tested, as groups stay whole.

    One note, with at most three classes, or none.

    Examples
    --------
    >>> y, part = np.repeat([0, 1], 20), np.zeros(40, np.int8)
    >>> part[[0, 1, 2, 3, 20]] = TEST
    >>> uneven_note(y, part, ["yak", "zebra"])
    ("tested unevenly, as groups stay whole: 1 of 20 of 'zebra'",)
    """
    labeled = part != UNLABELED
    n_classes = len(class_names)
    whole = np.bincount(y[labeled], minlength=n_classes)
    tested = np.bincount(y[part == TEST], minlength=n_classes)
    told = [
        f"{tested[i]} of {whole[i]} of {name!r}"
        for i, name in enumerate(class_names)
        if whole[i]
        and not TEST_FRACTION / 2 <= tested[i] / whole[i] <= 2 * TEST_FRACTION
    ]
    if not told:
        return ()
    return (f"tested unevenly, as groups stay whole: {first_of(told)}",)


def few_note(
    y: NDArray[np.int64], part: NDArray[np.int8], class_names: Sequence[str]
) -> tuple[str, ...]:
    """Say which classes have so few images that their scores mean little.

    One note, with at most three classes, or none.

    Examples
    --------
    >>> y = np.repeat([0, 1], 23)
    >>> part = np.repeat([0, 2, 0, 2], [20, 3, 8, 15])
    >>> few_note(y, part, ["yak", "zebra"])[0]
    "few images: 'yak' has 3 test images, 'zebra' has 8 training images; ..."
    """
    tested = part == TEST
    trained = ~tested & (part != UNLABELED)
    kinds = ((trained, FEW_TRAIN, "training image"), (tested, FEW_TEST, "test image"))
    counts = [np.bincount(y[rows], minlength=len(class_names)) for rows, *_ in kinds]
    few: list[tuple[int, str]] = []
    for name, *has in zip(class_names, *counts, strict=True):
        short = [
            counted(int(count), what)
            for count, (_, least, what) in zip(has, kinds, strict=True)
            if count < least
        ]
        if short:
            few.append((min(has), f"{name!r} has {' and '.join(short)}"))
    if not few:
        return ()
    classes = first_of([text for _, text in sorted(few, key=lambda one: one[0])])
    return (
        f"few images: {classes}; figures of such classes mean little, and those of the "
        "whole hang on them: add images, or take the classes out",
    )


def thin(
    y: NDArray[np.int64],
    class_names: Sequence[str],
    keep: Mapping[str, float],
    seed: int,
) -> NDArray[np.int64]:
    """Keep a fraction in (0, 1] of some classes, others whole; return sorted rows.

    Raises
    ------
    ParameterError
        If a class is not known.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> y[thin(y, ["bird", "cat"], {"bird": 0.5}, seed=0)]
    array([0, 0, 1, 1])
    """
    counts = np.bincount(y, minlength=len(class_names))
    for name, fraction in keep.items():
        if name not in class_names:
            raise unknown_name("class", name, class_names)
        label = list(class_names).index(name)
        counts[label] = round(int(counts[label]) * fraction)
    return draw(y, counts, rng_for(seed))


def limited(
    y: NDArray[np.int64], limit: int, minimum: int, seed: int
) -> NDArray[np.int64]:
    """Keep at most `limit` rows, the classes in proportion; return them sorted.

    Every class has `minimum` rows or more, and keeps as many at least.

    Raises
    ------
    ParameterError
        If `limit` leaves less than `minimum` rows for each class.

    Examples
    --------
    >>> y = np.repeat([0, 1], [30, 10])
    >>> np.bincount(y[limited(y, 8, 1, seed=0)])
    array([6, 2])
    """
    counts = np.bincount(y)
    if limit >= len(y):
        return np.arange(len(y))
    if limit < minimum * len(counts):
        raise ParameterError(
            f"Got limit={limit!r}, but expected at least {minimum * len(counts)}: "
            f"{minimum} for each of the {len(counts)} classes."
        )
    quota = counts * (limit / len(y))
    kept = np.maximum(np.floor(quota).astype(np.int64), np.minimum(minimum, counts))
    missing = limit - int(kept.sum())
    if missing > 0:  # to the classes that rounding down hurt most
        kept[np.argsort(kept - quota, kind="stable")[:missing]] += 1
    for _ in range(-missing):  # small classes were lifted to the minimum
        kept[kept.argmax()] -= 1
    return draw(y, kept, rng_for(seed))


def copies_of_labeled(
    digests: NDArray[np.bytes_], part: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Find rows without a label whose pixels are those of an image with one.

    What an encoder learns from holds no image that it will be judged on.

    Examples
    --------
    >>> digests = np.array([b"one", b"two", b"three", b"two"])
    >>> copies_of_labeled(digests, np.array([UNLABELED, UNLABELED, 0, 2]))
    array([1])
    """
    unlabeled = part == UNLABELED
    rows = np.flatnonzero(unlabeled)
    return rows[np.isin(digests[rows], digests[~unlabeled])] if len(rows) else rows


def copies_note(n_copies: int) -> tuple[str, ...]:
    """Say how many unlabeled images were left out as copies; nothing if none was."""
    if not n_copies:
        return ()
    images = counted(n_copies, "unlabeled image")
    return (f"left out, with the same pixels as a labeled image: {images}",)
