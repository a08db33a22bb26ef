"""Which images to name, so that few of the names are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import ParameterError

_HAIR = 1e-6  # of a confidence: features are rounded


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """How sure a classifier was of held-out images, and which it named rightly [1]_.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        From the surest to the least sure.
    right : ndarray of bool, shape (n,)
        Whether each was named rightly.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks",
       NeurIPS (2017).

    Examples
    --------
    >>> sure = np.linspace(1, 0.51, 50)
    >>> found = RiskCoverage.of(sure, np.arange(50) < 30)  # the surest 30 are right
    >>> round(found.threshold(0.05), 2), round(found.threshold(0.2), 2)
    (0.71, 0.65)
    """

    confidence: NDArray[np.floating]
    right: NDArray[np.bool_]

    @classmethod
    def of(cls, confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> Self:
        """Sort images by how sure the classifier was."""
        order = np.argsort(-confidence, kind="stable")
        return cls(confidence[order], right[order])

    @property
    def risk(self) -> NDArray[np.float64]:
        """Share of wrong names among so many of the surest images, shape (n,).

        With one more wrong and one more right: a few that are right prove little.
        """
        n = np.arange(1, len(self.right) + 1)
        return (np.cumsum(~self.right) + 1) / (n + 2)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where one may stop naming: at the last of equally sure images."""
        last_of_equals = np.append(self.confidence[1:] < self.confidence[:-1], True)
        return np.flatnonzero(last_of_equals)

    @property
    def least_rate(self) -> float:
        """The smallest share of wrong names that can be had."""
        return float(self.risk[self.places].min())

    def threshold(self, rate: float) -> float:
        """Find the confidence from which on about this share of names is wrong at most.

        Parameters
        ----------
        rate : float
            In [0, 1].

        Returns
        -------
        float
            The least one with which that is so, less a hair that rounding may take; minus
            infinity if it is so of all images, infinity if of none.

        Raises
        ------
        ParameterError
            If `rate` is no share.
        """
        if not 0 <= rate <= 1:
            raise ParameterError(
                f"Got a rate of {rate}, but expected a share of errors from 0 to 1."
            )
        kept = self.places[self.risk[self.places] <= rate]
        if not len(kept):
            return float("inf")
        if kept[-1] == len(self.right) - 1:
            return float("-inf")
        return float(self.confidence[kept[-1]]) - _HAIR
