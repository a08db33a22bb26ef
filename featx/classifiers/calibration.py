"""Scores of classes -> probabilities that hold on images that nothing was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

_LEAST_SMOOTHING = 1e-6  # that is added to a classifier's own probabilities
_MOST_SCORES = 2**22  # that are looked at
_USUAL_SMOOTHING = 0.05  # where the search begins
_SPREADS = (1e-12, 1e12)  # of scores, at least and at most

Array = NDArray[np.float64]
Columns = NDArray[np.int64]


class Said(NamedTuple):
    """What a classifier says of some images.

    Parameters
    ----------
    named : ndarray of int64, shape (n,)
        The class that it names, as its position among `classes_`.
    scores : ndarray of float64, shape (n, n_classes)
        How clear each class is: the higher, the clearer.
    are_probabilities : bool
        Whether the scores of each image are probabilities.
    """

    named: Columns
    scores: Array
    are_probabilities: bool

    def logits(self, smoothing: float) -> Array:
        """Give scores of any size, of which only differences count.

        They are the logarithms of probabilities, to each of which `smoothing` is added.
        """
        if not self.are_probabilities:
            return self.scores
        return np.log(np.maximum(self.scores, 0) + smoothing)

    @property
    def confidence(self) -> Array:
        """The score of the class that is named, shape (n,)."""
        return _at(self.scores, self.named)


@dataclass(frozen=True)
class Calibration:
    """From scores to probabilities: scaled, the named class raised, none quite nought.

    The probabilities are ``(1 - floor) * softmax(slope * scores + bonus * named) + floor /
    n_classes``, where `named` is 1 for the class that is named, and of a classifier with
    probabilities of its own the scores are ``log(probabilities + smoothing)``. Temperature
    scaling [1]_ is the slope alone. The bonus suits scores that say little but which class
    is named, as those of scikit-learn's NuSVC and SGDClassifier; no classifier of featx
    needs it. The floor suits those that may be quite sure and wrong; the smoothing suits
    probabilities that are shares of a few, as of neighbors or trees: a class without any
    is not impossible.

    Parameters
    ----------
    slope : float
        Above 0.
    bonus : float
        At least 0.
    floor : float
        In [0, 1].
    smoothing : float, default=1e-6
        Above 0; without effect on scores that are no probabilities.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML (2017).
    """

    slope: float
    bonus: float
    floor: float
    smoothing: float = _LEAST_SMOOTHING

    @classmethod
    def of(cls, parts: Sequence[Said], true: Sequence[Columns]) -> Self:
        """Find what makes the true classes of images most likely.

        Parameters
        ----------
        parts : sequence of Said
            What was said of images that the classifier was not fitted on, by one fit or
            several.
        true : sequence of ndarray of int64, each of shape (n,)
            For each part the true classes, as positions among `classes_`; -1 for one that
            is not among them.

        Returns
        -------
        Calibration
            No class gets more than ``(n + 1) / (n + 2)``: that n images were all right does
            not mean that the next one is [1]_. Of very many classes some images are enough.

        References
        ----------
        .. [1] P.-S. Laplace, "Essai philosophique sur les probabilités" (1814): the rule of
           succession.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> true = rng.integers(0, 2, 1000)
        >>> named = np.where(rng.random(1000) < 0.8, true, 1 - true)
        >>> said = Said(named, 5.0 * np.eye(2)[named], are_probabilities=False)
        >>> calibration = Calibration.of([said], [true])
        >>> round(float(calibration.probabilities(said).max()), 2)  # 80 % were right
        0.8
        """
        n_images = [len(said.named) for said in parts]
        n_classes = max(said.scores.shape[1] for said in parts)
        share = min(1.0, _MOST_SCORES / (sum(n_images) * n_classes))
        rng = np.random.default_rng(0)
        drawn = [rng.permutation(n)[: max(1, int(share * n))] for n in n_images]
        some = [
            (
                Said(said.named[rows], said.scores[rows], said.are_probabilities),
                of[rows],
            )
            for rows, said, of in zip(drawn, parts, true, strict=True)
        ]
        usual = _USUAL_SMOOTHING if parts[0].are_probabilities else _LEAST_SMOOTHING
        logits = [said.logits(usual) for said, _ in some]
        apart = [one - one.mean(axis=1, keepdims=True) for one in logits]
        spread = float(np.clip(np.concatenate(apart, None).std() or 1.0, *_SPREADS))
        least = n_classes / (max(n_classes - 1, 1) * (sum(n_images) + 2))

        def loss(at: Array) -> tuple[float, Array]:
            calibration = cls(np.exp(at[0]) / spread, at[1], at[2], np.exp(at[3]))
            values, slopes = zip(
                *(calibration._loss(*one) for one in some), strict=True
            )
            mean: Array = np.average(slopes, axis=0, weights=n_images)
            return float(np.average(values, weights=n_images)), mean

        best = minimize(
            loss,
            [0.0, 0.0, max(least, 0.01), np.log(usual)],
            jac=True,
            method="L-BFGS-B",
            bounds=[(-7, 7), (0, 10), (least, 1), (np.log(_LEAST_SMOOTHING), 0)],
        )
        scale, bonus, floor, smoothing = map(float, best.x)
        return cls(
            float(np.exp(scale)) / spread, bonus, floor, float(np.exp(smoothing))
        )

    def _loss(self, said: Said, true: Columns) -> tuple[float, Array]:
        """Give the mean negative log-likelihood, and its slopes by parameters.

        Those by `slope` and `smoothing` are by their logarithms.
        """
        logits, shares = said.logits(self.smoothing), self._shares(said)
        of_true = np.where(true >= 0, _at(shares, true), 0.0)
        likelihood = (1 - self.floor) * of_true + self.floor / shares.shape[1]

        def ahead(values: Array) -> Array:
            return _at(values, true) - (shares * values).sum(axis=1)

        by_shares = [
            self.slope * ahead(logits),
            (true == said.named) - _at(shares, said.named),
            np.zeros(len(true)),
        ]
        if said.are_probabilities:
            added = self.smoothing / (said.scores + self.smoothing)
            by_shares[2] = self.slope * ahead(added)
        scale, bonus, smoothing = (1 - self.floor) * of_true * np.stack(by_shares)
        floor = 1 / shares.shape[1] - of_true
        slopes = np.stack([scale, bonus, floor, smoothing]) / likelihood
        return -float(np.log(likelihood).mean()), -slopes.mean(axis=1)

    def _shares(self, said: Said) -> Array:
        raised = self.slope * said.logits(self.smoothing)
        raised[np.arange(len(raised)), said.named] += self.bonus
        shares: Array = softmax(raised, axis=1)
        return shares

    def probabilities(self, said: Said) -> Array:
        """Give the probability of every class, shape (n, n_classes); each in [0, 1]."""
        shares = self._shares(said)
        return (1 - self.floor) * shares + self.floor / shares.shape[1]

    def calibrated(self, said: Said) -> Said:
        """Return the same with probabilities for scores."""
        return Said(said.named, self.probabilities(said), True)


def _at(values: Array, columns: Columns) -> Array:
    """Take one value of each row."""
    taken: Array = values[np.arange(len(values)), columns]
    return taken
