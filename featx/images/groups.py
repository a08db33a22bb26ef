"""Groups of images, found in their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images.notes import counted


def number_groups(names: Sequence[str]) -> NDArray[np.int64]:
    """Give each group a number, and one of its own to each image without a name.

    Examples
    --------
    >>> number_groups(["bob", "ann", "bob", "", ""])
    array([1, 0, 1, 8, 9])
    """
    numbers = {name: i for i, name in enumerate(sorted(set(names) - {""}))}
    alone = range(len(names), 2 * len(names))  # more than there are names
    return np.array(
        [numbers.get(name, own) for name, own in zip(names, alone, strict=True)],
        np.int64,
    )


def groups_in_names(
    ids: Sequence[str], pattern: str, y: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Find the group of each image in its name.

    Parameters
    ----------
    ids : sequence of str
        Names of images, such as relative paths.
    pattern : str
        Regular expression; what its first group matches, or all of it where it has none.
    y : ndarray of int64, shape (n,), optional
        Classes of the images, below 0 where there is none.

    Returns
    -------
    groups : ndarray of int64, shape (n,)
        Numbers of groups; an image whose name does not match is a group of its own.
    notes : tuple of str
        How many groups there are, an example, and whether some hold several classes.

    Raises
    ------
    DataError
        If no name matches.

    Examples
    --------
    >>> ids = ["cat/ann-1.png", "cat/ann-2.png", "dog/bob-1.png"]
    >>> groups_in_names(ids, "([a-z]+)-[0-9]")
    (array([0, 0, 1]), ("2 groups of images, such as 2 of 'ann'",))
    """
    search = re.compile(pattern).search
    found = [
        match and (match[1] if match.re.groups else match[0])
        for match in map(search, ids)
    ]
    if not any(found):
        raise DataError(
            f"Got no image whose name matches {pattern!r}, such as {ids[0]}, but expected "
            "the group of each in its name."
        )
    without = [id_ for id_, name in zip(ids, found, strict=True) if not name]
    sizes = Counter(name for name in found if name)
    (largest, size), *_ = sizes.most_common(1)
    notes = [
        f"{counted(len(sizes), 'group')} of images, such as {size:,} of {largest!r}"
    ]
    if y is not None:
        notes += _of_several_classes(found, y)
    if without:
        notes.append(
            f"in no group, each on its own: {counted(len(without), 'image')}, such as "
            f"{without[0]}"
        )
    return number_groups([name or "" for name in found]), tuple(notes)


def _of_several_classes(
    names: Sequence[str | None], y: NDArray[np.int64]
) -> Iterator[str]:
    """Say so where groups hold several classes, as where numbers begin anew in each."""
    classes: dict[str, set[int]] = {}
    for name, label in zip(names, y.tolist(), strict=True):
        if name and label >= 0:
            classes.setdefault(name, set()).add(label)
    mixed = [name for name, labels in classes.items() if len(labels) > 1]
    if mixed:
        yield (
            f"images of several classes in {len(mixed):,} of {len(classes):,} groups, such "
            f"as {mixed[0]!r}: if that is not the same object in each class, let the "
            "group begin with the class, as in ([^/]+/...)"
        )
