"""What the transformers share: images in as scikit-learn passes them, features out."""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from featx.autoencoders.inputs import (
    check_channels,
    check_layout,
    check_range,
    pixel_range,
    remedy,
    stack_images,
)
from featx.errors import DataError, ParameterError

Array = NDArray[Any]

MOST_CHANNELS = 2**20  # of one layer, and filters: far beyond what any memory holds
_MOST_WHOLE = 2**31 - 1  # that torch takes everywhere
_MOST = 1e30  # that float32 holds, some products with it too


class Cost(NamedTuple):
    """What an encoder costs, in floating-point operations.

    Parameters
    ----------
    training : float
        Of the whole training.
    encoding : float
        Of encoding one image.
    n_features : int
        Columns of the feature array.
    """

    training: float
    encoding: float
    n_features: int


class ImageTransformer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Base of every transformer of images. Think twice before adding to it.

    A subclass has `transform`, a parameter `image_shape`, and the attributes below after
    `_check_images(X, reset=True)`.
    """

    image_shape: tuple[int, ...] | None
    n_features_in_: int
    image_shape_: tuple[int, int, int]
    row_shape_: tuple[int, ...]
    pixel_kind_: str  # "u", "i" or "f": the kind of dtype
    pixel_range_: tuple[float, float]
    _n_features_out: int
    transform: Any  # X -> features

    def _check_images(self, X: ArrayLike, *, reset: bool, minimum: int = 1) -> Array:
        """Validate X and return it as images (n, h, w, c) in the dtype they came in.

        Without copying where it can be helped. `reset` is True in `fit`, which learns the
        shape; False afterwards, which checks it.
        """
        data: Any = stack_images(X)
        shape = tuple(data.shape if hasattr(data, "shape") else np.asarray(data).shape)
        check_layout(shape)
        if len(shape) in (3, 4):
            if reset:
                check_channels(shape)
            known = () if reset else (self.row_shape_, self.image_shape_)
            if not reset and self.image_shape_[2] == 1:
                known = (*known, self.image_shape_[:2])
            if not reset and shape[1:] not in known:
                raise DataError(
                    f"Got images of shape {shape[1:]}, but expected {self.row_shape_} "
                    f"as in fit. {remedy(shape, self.image_shape_)}"
                )
            data = np.asarray(data).reshape(shape[0], -1)
        data = validate_data(
            self, data, reset=reset, dtype="numeric", ensure_min_samples=minimum
        )
        if reset:
            self.row_shape_ = tuple(int(s) for s in shape[1:])
            self.image_shape_ = self._resolve_shape(self.row_shape_)
            self.pixel_kind_ = data.dtype.kind
            self.pixel_range_ = pixel_range(data)
        else:
            check_range(data, self.pixel_kind_, self.pixel_range_)
        return data.reshape(len(data), *self.image_shape_)

    def _resolve_shape(self, row_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Height, width and channels of images whose rows have `row_shape`."""
        image_shape = self.image_shape
        if len(row_shape) == 1 and image_shape is None:
            return (1, row_shape[0], 1)  # one-dimensional signals
        shape = row_shape if image_shape is None else _sides(image_shape)
        if len(shape) == 2:
            shape = (*shape, 1)
        as_given = len(row_shape) > 1 and (*row_shape, 1)[:3] != shape
        if len(shape) != 3 or as_given or math.prod(shape) != math.prod(row_shape):
            raise ParameterError(
                f"Got image_shape={reprlib.repr(image_shape)}, but expected (height, "
                f"width) or (height, width, channels) with {math.prod(row_shape)} values "
                f"as in the rows of X, which have shape {row_shape}."
            )
        return shape

    def _check_fitted_images(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self._check_images(X, reset=False)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class ReconstructingTransformer(ImageTransformer):
    """A transformer that also makes images of features, by `inverse_transform`."""

    inverse_transform: Any  # features -> images in the range of X

    def _check_features(self, X: ArrayLike) -> NDArray[np.float32]:
        """Validate X as features that `transform` makes."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float32)
        if features.shape[1] != self._n_features_out:
            raise DataError(
                f"Got {features.shape[1]} features, but expected {self._n_features_out} "
                "as transform makes them."
            )
        return features

    def reconstruct(self, X: ArrayLike) -> NDArray[np.float32]:
        """Encode and decode images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images like those seen in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, ...) as X had it in `fit`
            Reconstructions in the range of the images.

        Raises
        ------
        ValueError
            If the images differ in shape from those seen in `fit`.
        """
        restored: NDArray[np.float32] = self.inverse_transform(self.transform(X))
        return restored

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Negative mean squared reconstruction error, in squared units of X.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        float
            At most 0; higher is better, as scikit-learn expects of a score.
        """
        images = self._check_fitted_images(X)
        total = 0.0
        for rows in batches(len(images), max(1, min(512, 2**24 // images[0].size))):
            part = images[rows]
            restored = self.reconstruct(part)
            residual = part.astype(np.float64) - restored.reshape(part.shape)
            total += float((residual**2).sum())
        return -total / images.size


def batches(n: int, size: int) -> Iterator[slice]:
    """Cut n rows into slices of at most `size`.

    Examples
    --------
    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def check_number(
    name: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    integer: bool = False,
) -> None:
    """Raise ParameterError unless `value` is a number in [low, high] and of use.

    Without `high`, whole numbers go up to 2**31 - 1 and others to 1e30.

    Examples
    --------
    >>> check_number("batch_size", 0, 1, integer=True)
    Traceback (most recent call last):
    featx.errors.ParameterError: Got batch_size=0, but expected an integer of at least
    1.
    """
    kind: Any = numbers.Integral if integer else numbers.Real
    most = high if high < math.inf else _MOST_WHOLE if integer else _MOST
    too_large = False
    if isinstance(value, kind) and not isinstance(value, bool):
        if low <= value <= most:
            return
        too_large = bool(value > most)
    what = "an integer" if integer else "a number"
    open_end = high >= MOST_CHANNELS and not too_large
    bounds = f"of at least {low}" if open_end else f"from {low} to {most}"
    raise ParameterError(
        f"Got {name}={reprlib.repr(value)}, but expected {what} {bounds}."
    )


def check_switch(name: str, value: object) -> None:
    """Raise ParameterError unless `value` is true or false, and not only taken for it.

    Examples
    --------
    >>> check_switch("early_stopping", "no")
    Traceback (most recent call last):
    featx.errors.ParameterError: Got early_stopping='no', but expected true or false.
    """
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(
            f"Got {name}={reprlib.repr(value)}, but expected true or false."
        )


def _sides(image_shape: object) -> tuple[int, ...]:
    """Sides as they were given; empty for what cannot be sides."""
    if not isinstance(image_shape, list | tuple | np.ndarray):
        return ()
    sides: list[Any] = list(image_shape)
    whole = [
        type(one) is not bool and isinstance(one, numbers.Integral) for one in sides
    ]
    return tuple(map(int, sides)) if all(whole) and min(sides, default=0) > 0 else ()
