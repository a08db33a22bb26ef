"""Paired tests between rows that were scored on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


@dataclass(frozen=True)
class Comparison:
    """McNemar's exact test between two rows [1]_.

    Parameters
    ----------
    row, other : str
        Names of the rows, ``"encoder + classifier"``.
    only_row, only_other : int
        Test images that just one of the two predicted right.
    p_value : float
        Two-sided, Holm-corrected over all comparisons made together.

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated
       proportions or percentages", Psychometrika 12 (1947).
    """

    row: str
    other: str
    only_row: int
    only_other: int
    p_value: float

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"`` or ``"no better"`` at the 5 % level."""
        if self.p_value >= 0.05:
            return "no better"
        return "better" if self.only_row > self.only_other else "worse"


def compare(
    right: Mapping[str, NDArray[np.bool_]], pairs: Sequence[tuple[str, str]]
) -> list[Comparison]:
    """Compare pairs of rows on the same test images.

    Parameters
    ----------
    right : mapping of str to ndarray of bool, shape (n_test,)
        For each row, which test images it predicted right.
    pairs : sequence of (str, str)
        The rows to compare; their p-values are corrected together (Holm).

    Returns
    -------
    list of Comparison
        One for each pair, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.ones(20, bool), np.arange(20) < 8
    >>> compare({"a": a, "b": b}, [("a", "b")])[0].verdict
    'better'
    """
    if not pairs:
        return []
    only_row = [int((right[a] & ~right[b]).sum()) for a, b in pairs]
    only_other = [int((right[b] & ~right[a]).sum()) for a, b in pairs]
    raw = [
        float(binomtest(b, b + c).pvalue) if b + c else 1.0
        for b, c in zip(only_row, only_other, strict=True)
    ]
    return [
        Comparison(a, b, x, y, float(p))
        for (a, b), x, y, p in zip(pairs, only_row, only_other, holm(raw), strict=True)
    ]


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Correct p-values for being looked at together, after Holm [1]_.

    Parameters
    ----------
    p_values : sequence of float, in [0, 1]
        Each as if it were alone.

    Returns
    -------
    ndarray of float64, in [0, 1]
        In the same order.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure",
       Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.04, 0.01, 0.03]).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    falling = np.arange(len(order), 0, -1)  # each of them bounds those that follow
    steps = np.maximum.accumulate(falling * np.asarray(p_values)[order])
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(steps, 1)
    return corrected
