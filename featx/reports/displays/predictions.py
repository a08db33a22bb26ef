"""What displays take of predictions and of estimators, checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import unique_labels

from featx.errors import DataError, ParameterError


class Named(NamedTuple):
    """What a classifier said of some images.

    Parameters
    ----------
    labels : ndarray, shape (n,)
        The class that it named.
    confidence : ndarray of float64, shape (n,)
        Its probability, in [0, 1].
    """

    labels: NDArray[Any]
    confidence: NDArray[np.float64]


def named_by(estimator: BaseEstimator, X: ArrayLike) -> Named:
    """Ask a fitted classifier for classes and their probabilities.

    Raises ParameterError if it has no ``predict_proba``.
    """
    if not hasattr(estimator, "predict_proba"):
        raise ParameterError(
            f"Got {type(estimator).__name__} without predict_proba, but expected a "
            "classifier with probabilities. Wrap it in CalibratedClassifierCV, or give "
            "from_predictions a confidence."
        )
    probabilities = np.asarray(estimator.predict_proba(X), float)
    best = probabilities.argmax(axis=1)
    return Named(np.asarray(estimator.classes_)[best], probabilities.max(axis=1))


class ConfidenceDisplay(ABC):
    """A figure of how sure a classifier was, and how often it was right."""

    @classmethod
    @abstractmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        confidence: ArrayLike,
        *,
        groups: NDArray[np.int64] | None = None,
        name: str = "",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw predictions and how sure each was."""

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str = "",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what a fitted classifier says, such as a `Model`.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``predict_proba``.
        X : array-like
            What it takes.
        y : array-like, shape (n,)
            True labels.
        name : str, default=""
            What to call it; the name of its class by default.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **kwargs : dict
            As for `plot`.

        Returns
        -------
        display
            Drawn.

        Raises
        ------
        ParameterError
            If it has no ``predict_proba``.
        """
        name = name or type(estimator).__name__
        return cls.from_predictions(
            y, *named_by(estimator, X), name=name, ax=ax, **kwargs
        )


def are_right(
    y_true: ArrayLike, y_pred: ArrayLike, confidence: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Say which predictions are right; give this and the confidence as arrays.

    Raises DataError if the arrays are not of one length.
    """
    true, named = np.asarray(y_true), np.asarray(y_pred)
    sure = np.asarray(confidence, float)
    if not true.shape == named.shape == sure.shape or true.ndim != 1 or not true.size:
        raise DataError(
            f"Got labels, predictions and confidences of shapes {true.shape}, "
            f"{named.shape} and {sure.shape}, but expected one value each for every image."
        )
    return true == named, sure


def positions(
    y_true: ArrayLike, y_pred: ArrayLike, display_labels: Sequence[str] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Turn labels into positions among all that occur, and name these.

    Raises ParameterError if there are more or fewer names than classes.

    Examples
    --------
    >>> true, named, names = positions(["dog", "cat"], ["dog", "dog"], None)
    >>> true.tolist(), named.tolist(), names
    ([1, 0], [1, 1], ['cat', 'dog'])
    """
    known = unique_labels(y_true, y_pred)
    names = [str(one) for one in known.tolist()]
    if display_labels is not None:
        if len(display_labels) != len(known):
            raise ParameterError(
                f"Got {len(display_labels)} display_labels for {len(known)} classes that "
                "occur, but expected one for each."
            )
        names = list(display_labels)
    return np.searchsorted(known, y_true), np.searchsorted(known, y_pred), names
