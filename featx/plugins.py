"""Names that other packages add, by entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from featx.errors import DependencyError
from featx.own_code import first_line

ENCODERS_GROUP, CLASSIFIERS_GROUP = "featx.encoders", "featx.classifiers"


@cache
def plugins(group: str) -> dict[str, EntryPoint]:
    """List the entry points of a group by name; the first of two alike.

    Examples
    --------
    >>> plugins("featx.no_such_group")
    {}
    """
    found: dict[str, EntryPoint] = {}
    for one in entry_points(group=group):
        found.setdefault(one.name, one)
    return found


def load_plugin(point: EntryPoint) -> Any:
    """Import what an entry point names.

    Raises
    ------
    DependencyError
        If it cannot be imported.
    """
    try:
        return point.load()
    except Exception as error:  # whatever the other package raises
        raise DependencyError(
            f"Got {point.name!r}, which another package adds as {point.value}, but it "
            f"cannot be imported, {type(error).__name__}: {first_line(error)}."
        ) from error
