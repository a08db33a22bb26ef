"""Which images to name, so that few of the names are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import ParameterError


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
    >>> sure = np.array([0.9, 0.8, 0.7, 0.6])
    >>> found = RiskCoverage.of(sure, np.array([True, True, False, True]))
    >>> found.threshold(0.1), found.threshold(0.3)
    (0.8, 0.6)
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
        """Share of wrong names among so many of the surest images, shape (n,)."""
        return np.cumsum(~self.right) / np.arange(1, len(self.right) + 1)

    def threshold(self, rate: float) -> float:
        """Find the confidence from which on at most this share of names is wrong.

        Parameters
        ----------
        rate : float
            In [0, 1].

        Returns
        -------
        float
            The least one with which that is so; above every confidence, infinite, if it
            is so with none.

        Raises
        ------
        ParameterError
            If `rate` is no share.
        """
        if not 0 <= rate <= 1:
            raise ParameterError(
                f"Got a rate of {rate}, but expected a share of errors from 0 to 1."
            )
        last_of_equals = np.append(self.confidence[1:] < self.confidence[:-1], True)
        kept = np.flatnonzero(last_of_equals & (self.risk <= rate))
        return float(self.confidence[kept[-1]]) if len(kept) else float("inf")
