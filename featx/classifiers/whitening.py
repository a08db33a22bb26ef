"""WhitenedPCA: wide features to fewer, equally weighty ones."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.errors import ParameterError


class WhitenedPCA(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Principal components, the strong ones divided by their spread.

    A few components carry most of the variance of wide image features: how much contrast
    there is, and where. Distances and kernels see little else. Dividing every component
    by ``sqrt(variance + floor)`` makes those well above the floor equally weighty and
    leaves those below it small, so that noise is not blown up as by plain whitening.

    Parameters
    ----------
    n_components : int, default=1024
        Components; fewer if the data have fewer rows or columns.
    floor : float, default=1.0
        Variance below which components fade; 1 is the variance of one standardised
        feature.
    random_state : int, RandomState or None, default=None
        Seed of the randomised decomposition.

    Attributes
    ----------
    pca_ : PCA
        The components.
    scale_ : ndarray of shape (n_components,)
        What they are multiplied by.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 3)) * [100, 10, 0.1]
    >>> WhitenedPCA().fit_transform(X).std(axis=0).round(1)
    array([1. , 1. , 0.1])
    """

    def __init__(
        self,
        n_components: int = 1024,
        *,
        floor: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.floor = floor
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the components and their spread.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features, standardised as a rule.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : WhitenedPCA
            Fitted.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used.
        """
        if not self.floor > 0:
            raise ParameterError(
                f"Got floor={self.floor!r}, but expected a number above 0."
            )
        data = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        self.pca_ = PCA(
            min(self.n_components, *data.shape),
            iterated_power=2,
            random_state=self.random_state,
        ).fit(data)
        self.scale_ = 1 / np.sqrt(self.pca_.explained_variance_ + self.floor)
        self._n_features_out = len(self.scale_)
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Project features on the components and scale them.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features like those seen in `fit`.

        Returns
        -------
        ndarray, shape (n, n_components)
            In the dtype of X where that is float32.
        """
        check_is_fitted(self)
        data = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        scores: NDArray[Any] = self.pca_.transform(data)
        scores *= self.scale_.astype(scores.dtype)
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
