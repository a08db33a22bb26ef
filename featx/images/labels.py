"""Labels as a source writes them -> indices of classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError

Label = int | str | None
_NUMBER = re.compile("-1|[0-9]+")


def index_labels(
    labels: Sequence[Label], where: object, names: Sequence[str] = ()
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn labels into indices of the classes that occur, -1 where there is none.

    Parameters
    ----------
    labels : sequence of int, str or None
        None and -1 are no labels; "7" is the number 7, if all others are numbers, too.
    where : object
        The source, for messages.
    names : sequence of str
        Names of the classes 0, 1, ..., if they are known.

    Returns
    -------
    y : ndarray of int64, shape (n,)
        Indices of `class_names`.
    class_names : tuple of str
        In the order of the numbers or of the alphabet.

    Raises
    ------
    DataError
        If a number has no name.

    Examples
    --------
    >>> index_labels(["10", None, "9"], "a table")
    (array([ 1, -1,  0]), ('9', '10'))
    >>> index_labels([1, 0], "a table", ["cat", "dog"])
    (array([1, 0]), ('cat', 'dog'))
    """
    kinds: dict[Label, Label] = {}
    for label in set(labels):
        number = isinstance(label, int) or _NUMBER.fullmatch((label or "").strip())
        kinds[label] = int(label) if number and label is not None else label
    values = {value for value in kinds.values() if value not in (None, -1)}
    numbers = all(isinstance(value, int) for value in values)
    if not numbers:
        values = {str(value) for value in values}
    order: list[Any] = sorted(values)
    if order and numbers and names:
        if not 0 <= order[0] <= order[-1] < len(names):
            raise DataError(
                f"Got labels {order[0]} to {order[-1]} in {where}, but expected 0 to "
                f"{len(names) - 1} for the {len(names)} names of classes."
            )
        class_names = tuple(names[value] for value in order)
    else:
        class_names = tuple(map(str, order))
    place = {value: i for i, value in enumerate(order)}
    index = {
        label: place.get(value if numbers or value is None else str(value), -1)
        for label, value in kinds.items()
    }
    return np.array([index[label] for label in labels], np.int64), class_names
