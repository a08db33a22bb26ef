"""WhitenedPCA: wide features to fewer, equally weighty ones."""

from __future__ import annotations

import math
import numbers
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import label_binarize
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.classifiers.kernels import rbf_values
from featx.errors import ParameterError
from featx.features.tensors import to_numpy

_FLOORS = (math.inf, 300.0, 30.0, 3.0)  # the earlier one where they do equally well
_CHOICE_ROWS = 4500


class WhitenedPCA(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Principal components, the strong ones divided by their spread.

    A few components carry most of the variance of wide image features: how much contrast
    there is, and where. Distances and kernels see little else. Dividing every component
    by ``sqrt(variance + floor)`` makes those well above the floor equally weighty and
    leaves those below it small, so that noise is not blown up as by plain whitening. The
    result has variance one on the average, as kernels with ``gamma=1/n_features`` expect.

    Parameters
    ----------
    n_components : int, default=1024
        Components; fewer if the data have fewer rows or columns.
    floor : float or "auto", default="auto"
        Variance below which components fade; 1 is the variance of one standardized
        feature, and infinity leaves all components as they are. ``"auto"`` chooses from
        3, 30, 300 and infinity by the labels, and is infinity without labels.
    random_state : int, RandomState or None, default=None
        Seed of the randomized decomposition and of the rows for the choice.

    Attributes
    ----------
    pca_ : PCA
        The components.
    floor_ : float
        The floor in use.
    scale_ : ndarray of shape (n_components,)
        What they are multiplied by.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 3)) * [100, 10, 0.1]
    >>> WhitenedPCA(floor=1.0).fit_transform(X).std(axis=0).round(1)
    array([1.2, 1.2, 0.1])
    """

    def __init__(
        self,
        n_components: int = 1024,
        *,
        floor: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.floor = floor
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the components and their spread.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features, standardized as a rule.
        y : array-like of shape (n,), default=None
            Class labels, for ``floor="auto"``.

        Returns
        -------
        self : WhitenedPCA
            Fitted.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used.
        """
        if self.floor != "auto":
            if not isinstance(self.floor, numbers.Real) or not self.floor > 0:
                raise ParameterError(
                    f"Got floor={self.floor!r}, but expected 'auto' or a number above 0."
                )
        # tensors have dtypes of their own, and come as float32 from `fit_on_device`
        dtypes = None if hasattr(X, "detach") else [np.float64, np.float32]
        data = validate_data(self, X, dtype=dtypes, ensure_min_samples=2)
        self.pca_ = PCA(
            min(self.n_components, *data.shape),
            iterated_power=2,
            random_state=self.random_state,
        )
        with np.errstate(invalid="ignore"):  # of constant features: a share of none
            if dtypes and self.pca_.n_components > 0.8 * len(data):
                _fit_few_rows(self.pca_, data)
            else:
                self.pca_.fit(data)
        to_numpy(self.pca_)  # of tensors, see `fit_on_device`
        if self.floor != "auto":
            self.floor_ = float(self.floor)
        elif y is None or type_of_target(to_numpy(y)) not in ("binary", "multiclass"):
            self.floor_ = math.inf
        else:
            self.floor_ = self._choose_floor(data, np.asarray(to_numpy(y)))
        self.scale_ = self._scale(self.floor_)
        self._n_features_out = len(self.scale_)
        return self

    def _scale(self, floor: float) -> NDArray[Any]:
        variance = self.pca_.explained_variance_
        scale = np.ones_like(variance)
        if floor < math.inf:
            scale /= np.sqrt(variance + floor)
        power = (variance * scale**2).mean()
        scaled: NDArray[Any] = scale / np.sqrt(power) if power > 0 else scale
        return scaled

    def _choose_floor(self, data: NDArray[Any], y: NDArray[Any]) -> float:
        """Find the floor with which a kernel tells the classes apart best."""
        rng = check_random_state(self.random_state)
        rows = rng.permutation(len(data))[:_CHOICE_ROWS]
        scores = self.pca_.transform(to_numpy(data[rows]))
        labels = label_binarize(y[rows], classes=np.unique(y)) * 2.0 - 1.0
        labels = labels.astype(scores.dtype)  # else equations are solved in float64
        n_train = 2 * len(rows) // 3
        right = {}
        for floor in _FLOORS:
            scaled = scores * self._scale(floor).astype(scores.dtype)
            kernel = rbf_values(scaled, scaled[:n_train], 1 / scaled.shape[1])
            ridge = KernelRidge(kernel="precomputed", alpha=0.3)
            ridge.fit(kernel[:n_train], labels[:n_train])
            predicted = ridge.predict(kernel[n_train:])
            truth = labels[n_train:]
            if truth.shape[1] == 1:
                right[floor] = ((predicted > 0) == (truth > 0)).mean()
            else:
                right[floor] = (predicted.argmax(axis=1) == truth.argmax(axis=1)).mean()
        return max(right, key=lambda floor: right[floor])

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


def _fit_few_rows(pca: PCA, data: NDArray[Any]) -> None:
    """Fit components of rows with more columns: all that they say lies in as many axes.

    The rows are told by an orthonormal basis of them. scikit-learn would decompose the
    wide array itself, which takes several times as long.
    """
    mean = data.mean(axis=0)
    basis, coordinates = qr((data - mean).T, mode="economic", overwrite_a=True)
    pca.fit(coordinates.T)
    pca.components_ = pca.components_ @ basis.T
    pca.mean_, pca.n_features_in_ = mean, data.shape[1]
