"""Paired tests between rows that were scored on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


@dataclass(frozen=True)
class Comparison:
    """A paired test between two rows: McNemar's exact one [1]_, or its like for seeds.

    Parameters
    ----------
    row, other : str
        Names of the rows, ``"encoder + classifier"``.
    only_row, only_other : int
        Test images that just one of the two predicted right; of several seeds,
        predictions, an image under a seed.
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

    def to_dict(self) -> dict[str, Any]:
        """Give the test and its verdict as plain data."""
        return asdict(self) | {"verdict": self.verdict}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Build a test of what `to_dict` made."""
        return cls(**{key: value for key, value in plain.items() if key != "verdict"})

    def seen_from(self, row: str) -> Comparison:
        """Turn the comparison round, if need be, so that `row` comes first."""
        if row == self.row:
            return self
        return Comparison(
            self.other, self.row, self.only_other, self.only_row, self.p_value
        )


def compare(
    right: Mapping[str, NDArray[np.bool_]], pairs: Sequence[tuple[str, str]]
) -> list[Comparison]:
    """Compare pairs of rows on the same test images.

    Parameters
    ----------
    right : mapping of str to ndarray of bool, shape (n_test,) or (n_seeds, n_test)
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
        sign_flips(_times_right(right[a]) - _times_right(right[b])) for a, b in pairs
    ]
    return [
        Comparison(a, b, x, y, float(p))
        for (a, b), x, y, p in zip(pairs, only_row, only_other, holm(raw), strict=True)
    ]


def _times_right(right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count under how many seeds each image was predicted right."""
    return np.atleast_2d(right).sum(axis=0, dtype=np.int64)


def sign_flips(differences: NDArray[np.int64]) -> float:
    """Test exactly whether paired differences are as often for as against [1]_.

    If neither row is better, each image's difference could as well have had the other
    sign, whatever the images have in common under several seeds.

    Parameters
    ----------
    differences : ndarray of int64, shape (n,)
        For each test image, under how many seeds more one row was right.

    Returns
    -------
    float
        Two-sided p-value. If no difference exceeds one, this is McNemar's exact test.

    References
    ----------
    .. [1] R. A. Fisher, "The Design of Experiments" (1935), section 21.

    Examples
    --------
    >>> import numpy as np
    >>> sign_flips(np.array([1, 1, 1, 1, 1])), round(sign_flips(np.array([3, 2, 1])), 9)
    (0.0625, 0.25)
    """
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if len(sizes) == 0:
        return 1.0
    if len(sizes) == 1:
        return float(binomtest(int((differences > 0).sum()), int(counts[0])).pvalue)
    # the distribution of the sum of sizes with random signs, by its characteristic function
    most, found = int(sizes @ counts), abs(int(differences.sum()))
    turns = 2 * np.pi * np.arange(most + 1) / (2 * most + 1)
    waves = np.cos(np.outer(sizes, turns)) ** counts[:, None]
    chances = np.fft.irfft(waves.prod(axis=0), 2 * most + 1)  # of 0, 1, ..., -2, -1
    beyond = 2 * float(chances[found : most + 1].sum())
    return min(1.0, max(0.0, beyond)) if found else 1.0


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
