"""Words of the notes on a data set, which stay short however much there is to say."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 3  # things that a note names at most


def counted(count: int, what: str) -> str:
    """Say how many.

    Examples
    --------
    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def first_of(items: Sequence[str], between: str = ", ") -> str:
    """List the first three, and say how many more there are.

    Examples
    --------
    >>> first_of(["a", "b", "c", "d", "e"])
    'a, b, c, and 2 more'
    """
    more = [f"and {len(items) - _NAMED:,} more"] if len(items) > _NAMED else []
    return between.join([*items[:_NAMED], *more])
