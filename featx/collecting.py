"""Python's search for garbage, put off where many objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cyclic garbage meanwhile; for imports and listings, which leave none.

    Every few hundred new objects Python looks through those it has: while scikit-learn is
    imported, or a large folder is listed, that is a tenth of the time.

    Examples
    --------
    >>> import gc
    >>> with uncollected():
    ...     inside = gc.isenabled()
    >>> inside, gc.isenabled()
    (False, True)
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
