"""Paired tests between rows that were scored on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

from featx.evaluation.intervals import interval_of_difference, variance_over_folds


@dataclass(frozen=True)
class Comparison:
    """A paired test between two rows: McNemar's exact test [1]_, or `sign_flips`.

    Parameters
    ----------
    row, other : str
        Names of the rows, ``"encoder + classifier"``.
    only_row, only_other : int
        Test images that only one of the two predicted right; with several seeds,
        predictions.
    p_value : float
        Two-sided, Holm-corrected over all comparisons made together.
    difference_ci95 : tuple of float
        95 % interval of the first accuracy minus the second, see `interval_of_difference`;
        not corrected.

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated
       proportions or percentages", Psychometrika 12 (1947).

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> test = example_results().comparison_of("conv + svm", "raw + svm")
    >>> test.only_row, test.only_other, test.verdict
    (2, 1, 'no better')
    """

    row: str
    other: str
    only_row: int
    only_other: int
    p_value: float
    difference_ci95: tuple[float, float]

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
        known = {key: value for key, value in plain.items() if key != "verdict"}
        return cls(**known | {"difference_ci95": tuple(known["difference_ci95"])})

    def seen_from(self, row: str) -> Comparison:
        """Return the comparison with `row` first."""
        if row == self.row:
            return self
        low, high = self.difference_ci95
        return Comparison(
            self.other,
            self.row,
            self.only_other,
            self.only_row,
            self.p_value,
            (-high, -low),
        )


def compare(
    right: Mapping[str, NDArray[np.bool_]],
    pairs: Sequence[tuple[str, str]],
    groups: NDArray[np.int64] | None = None,
    n_folds: int = 1,
) -> list[Comparison]:
    """Compare pairs of rows on the same test images, with p-values corrected together.

    `right` says for each row which test images it predicted right, as booleans of shape
    (n_test,) or (n_seeds, n_test). Images of one of the `groups` count as one unit. Where
    images were judged in folds, p-values are those of a normal variable that varies more,
    see `variance_over_folds`.

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
    times = {
        name: np.atleast_2d(one).sum(axis=0, dtype=np.int64)
        for name, one in right.items()
    }
    n_seeds = len(np.atleast_2d(right[pairs[0][0]]))
    differences = [times[a] - times[b] for a, b in pairs]
    raw = np.array([sign_flips(sum_groups(one, groups)) for one in differences])
    if n_folds > 1:
        raw = 2 * ndtr(ndtri(raw / 2) / variance_over_folds(n_folds) ** 0.5)
    ends = [
        interval_of_difference(one, n_seeds, groups, n_folds) for one in differences
    ]
    return [
        Comparison(a, b, x, y, float(p), between)
        for (a, b), x, y, p, between in zip(
            pairs, only_row, only_other, holm(raw), ends, strict=True
        )
    ]


def sum_groups(
    counts: NDArray[np.int64], groups: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Add up the counts of the images of each group; None leaves them as they are.

    Examples
    --------
    >>> import numpy as np
    >>> sum_groups(np.array([1, -2, 3]), np.array([7, 5, 7]))
    array([-2,  4])
    """
    if groups is None:
        return counts
    _, of = np.unique(groups, return_inverse=True)
    return np.bincount(of, counts).astype(np.int64)


def sign_flips(differences: NDArray[np.int64]) -> float:
    """Test exactly whether paired differences favor one side [1]_; two-sided.

    If neither row is better, each image's difference could as well have had the other
    sign, however dependent an image's predictions are under several seeds, or those of the
    images of a group. `differences`, of shape (n,), are how often one row was right about
    each image or group, minus how often the other was. If none exceeds one, this is
    McNemar's exact test.

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
    most, total = int(sizes @ counts), abs(int(differences.sum()))
    angles = 2 * np.pi * np.arange(most + 1) / (2 * most + 1)
    waves = np.cos(np.outer(sizes, angles)) ** counts[:, None]
    chances = np.fft.irfft(waves.prod(axis=0), 2 * most + 1)  # of 0, 1, ..., -2, -1
    p_value = 2 * float(chances[total : most + 1].sum())
    return min(1.0, max(0.0, p_value)) if total else 1.0


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct p-values for multiple tests, after Holm [1]_; the order stays.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure",
       Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.04, 0.01, 0.03]).tolist()
    [0.06, 0.03, 0.06]
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    steps = np.maximum.accumulate(factors * p_values[order])
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(steps, 1)
    return corrected
