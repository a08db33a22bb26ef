"""RawPixels: the control that does nothing."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted

from featx.autoencoders.base import ReconstructingTransformer


class RawPixels(ReconstructingTransformer):
    """Pixels as features: the control that every encoder should beat.

    Parameters
    ----------
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows.

    Attributes
    ----------
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels of the images seen in `fit`.
    scale_ : float
        What a pixel is multiplied by: 1/255 for uint8, else 1.

    See Also
    --------
    UntrainedAutoencoder : The control with the shape of an encoder.

    Examples
    --------
    >>> import numpy as np
    >>> from featx import RawPixels
    >>> X = np.full((4, 2, 2, 3), 255, dtype=np.uint8)
    >>> RawPixels().fit_transform(X).shape
    (4, 12)
    """

    def __init__(self, *, image_shape: tuple[int, ...] | None = None) -> None:
        self.image_shape = image_shape

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the shape of the images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : RawPixels
            Fitted.

        Raises
        ------
        ValueError
            If X is not numeric, not finite or of the wrong shape.
        """
        images = self._check_images(X, reset=True)
        self.scale_ = 1 / 255 if images.dtype == np.uint8 else 1.0
        self._n_features_out = self.n_features_in_
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Flatten images to rows of float32.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images.

        Returns
        -------
        ndarray of float32, shape (n, h * w * c)
            uint8 images in [0, 1], others in their own range.
        """
        images = self._check_fitted_images(X)
        rows = images.reshape(len(images), -1).astype(np.float32)
        rows *= np.float32(self.scale_)
        return rows

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Turn rows back into images in their own range.

        Parameters
        ----------
        X : array-like, shape (n, h * w * c)
            Features.

        Returns
        -------
        ndarray of float32, shape (n, ...) as X had it in `fit`
            Images.
        """
        check_is_fitted(self)
        rows = check_array(X, dtype=np.float32) / np.float32(self.scale_)
        return rows.reshape(len(rows), *self.row_shape_)
