"""What a reader of the table should know about a fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning


def notes_of(fit: Callable[[], Any]) -> list[str]:
    """Call `fit`, and return what a reader of the table should know about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        # wide features share a few strong components; the penalty copes with that
        warnings.simplefilter("ignore", LinAlgWarning)
        fit()
    unfinished = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    for other in caught:
        if not issubclass(other.category, ConvergenceWarning):
            warnings.warn_explicit(
                other.message, other.category, other.filename, other.lineno
            )
    return (
        ["stopped at the limit of iterations, before it converged"]
        if unfinished
        else []
    )
