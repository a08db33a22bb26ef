"""CompactAutoencoder: few features that rebuild what a changed view does not change."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from featx.autoencoders.base import (
    MOST_CHANNELS,
    Array,
    Cost,
    ReconstructingTransformer,
    batches,
    check_number,
)
from featx.autoencoders.mirror import resolve_augment
from featx.autoencoders.patch import PatchAutoencoder
from featx.autoencoders.stable import (
    ViewStability,
    basis_size,
    learning_operations,
    resolve_components,
    same_length,
    seen_images,
)

_MOST_FILTERS = 400
_AT_ONCE = 2**24  # values of codes at a time, when encoding


class CompactAutoencoder(ReconstructingTransformer):
    """A linear denoising autoencoder on the code of another encoder.

    Its input is the code of a changed view of an image: moved a little, mirrored where
    that is natural, in other light and color. Its target is the whitened code of the image
    itself. The few features between the two are found in closed form: they are the
    directions in which the codes of different images differ most against the codes of views
    of one image. So a handful of features serves classifiers as well as the whole
    code or better, most of all with few labels.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Features; fewer where there are fewer images or the code is narrower. ``"auto"``
        is one for every 5 images, at least 256 and at most 1,024.
    encoder : estimator, default=None
        Makes the code: a transformer of images with `inverse_transform`, unfitted. None
        stands for a `PatchAutoencoder` with `n_filters` filters.
    n_filters : int or "auto", default="auto"
        Of the `PatchAutoencoder`, where `encoder` is None. ``"auto"`` chooses as it
        does, but at most 400: more cost time and make the features no better.
    downsample : int or "auto", default="auto"
        Of the `PatchAutoencoder`, where `encoder` is None: squares of so many pixels are
        averaged to one first. ``"auto"`` reduces the longer side to at most 48. With 2
        instead of 1 photographs of 32 pixels took a third of the time, and 3 to 5 points
        of accuracy were lost.
    augment : {"auto", "flip", None}, default="auto"
        ``"flip"`` mirrors half of the views; ``"auto"`` does so where mirrored images
        cannot be told from the others.
    n_views : int or "auto", default="auto"
        Changed views of every image. ``"auto"`` makes 10,000 in all, but at most ten of
        each image.
    view_eps : float, default=0.1
        Added to the variance between views, in units of the variance of one standardized
        value of the code: more keeps fewer fine details.
    n_images : int, default=10_000
        Images to learn the features from; fewer where their codes would take more than
        1 GiB.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows; without it, rows are
        one-dimensional signals.
    device : str, default="auto"
        Of the encoder, where None was given: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Likewise, number format of its matrix products.
    random_state : int, RandomState or None, default=None
        Seed of the encoder, where None was given, of the views and of the rotation.

    Attributes
    ----------
    encoder_ : estimator
        The fitted encoder.
    augment_ : str or None
        The augmentation in use.
    n_views_ : int
        Views of each image.
    mean_, scale_ : ndarray of float32, shape (n_code,)
        What standardizes the code.
    components_ : ndarray of float32, shape (n_code, n_features)
        Standardized code -> features.
    decoder_ : ndarray of float32, shape (n_features, n_code)
        Features -> standardized code.
    ratios_ : ndarray of float32, shape (n_features,)
        Variance between images, in units of that between views, of each direction.
    precision_ : str
        Number format that the encoder was fitted in: ``"float32"`` or ``"bfloat16"``.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.

    Notes
    -----
    With S the covariance of the codes and W that of their change between views,
    the directions v maximize v'Sv / v'(W + eps)v. They are those of the linear autoencoder
    that rebuilds the whitened code of an image best from the code of a view (reduced-rank
    regression), and those of Fisher's discriminant if each image is a class [1]_.
    They are scaled so that views vary alike along each, and rotated, so that the features
    have about the same variance: a `StandardScaler` does no harm. At last the features of
    every image get the same length, the mean of their squares is one: distances between
    images then compare what they show and not how much contrast they have.

    References
    ----------
    .. [1] R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals
       of Eugenics 7 (1936).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import CompactAutoencoder
    >>> X = load_digits().images[:600]
    >>> encoder = CompactAutoencoder(n_components=32, n_filters=64, random_state=0)
    >>> encoder.fit_transform(X).shape
    (600, 32)
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        encoder: BaseEstimator | None = None,
        n_filters: int | str = "auto",
        downsample: int | str = "auto",
        augment: str | None = "auto",
        n_views: int | str = "auto",
        view_eps: float = 0.1,
        n_images: int = 10_000,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.encoder = encoder
        self.n_filters = n_filters
        self.downsample = downsample
        self.augment = augment
        self.n_views = n_views
        self.view_eps = view_eps
        self.n_images = n_images
        self.image_shape = image_shape
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the encoder on images, then the features on its codes; labels are ignored.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            At least two images, uint8 or float, in any range.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : CompactAutoencoder
            Fitted.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used.
        """
        images = self._check_images(X, reset=True, minimum=2)
        self._check_parameters()
        n_components = resolve_components(self.n_components, len(images))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.augment_ = resolve_augment(self.augment, images, seed)
        encoder = self._unfitted(len(images), self.image_shape_)
        if self.encoder is None:
            encoder.set_params(random_state=seed)
        self.encoder_: Any = encoder.fit(images)
        self.precision_ = getattr(self.encoder_, "precision_", "float32")
        stability = ViewStability(
            self._code,
            self.pixel_range_,
            mirror=self.augment_ == "flip",
            n_components=n_components,
            view_eps=float(self.view_eps),
            n_images=int(self.n_images),
            n_views=None if self.n_views == "auto" else int(self.n_views),
        )
        learned = stability.learn(images, np.random.default_rng(seed))
        self.mean_, self.scale_, self.components_ = learned[:3]
        self.decoder_, self.ratios_ = learned.decoder, learned.ratios
        self.n_views_ = learned.n_views
        self._n_features_out = self.components_.shape[1]
        return self

    def _check_parameters(self) -> None:
        if self.n_filters != "auto":
            check_number("n_filters", self.n_filters, 1, MOST_CHANNELS, integer=True)
        if self.downsample != "auto":
            check_number("downsample", self.downsample, 1, integer=True)
        if self.n_views != "auto":
            check_number("n_views", self.n_views, 1, integer=True)
        check_number("view_eps", self.view_eps, 1e-6)
        check_number("n_images", self.n_images, 2, integer=True)

    def _unfitted(self, n_images: int, image_shape: tuple[int, int, int]) -> Any:
        if self.encoder is not None:
            return clone(self.encoder)
        patches = PatchAutoencoder(
            self.n_filters,
            downsample=self.downsample,
            augment=self.augment,
            device=self.device,
            precision=self.precision,
        )
        if self.n_filters == "auto":
            n_filters = patches.resolved(n_images, image_shape).n_filters_[0]
            patches.set_params(n_components=min(_MOST_FILTERS, n_filters))
        return patches

    def _code(self, images: Array) -> NDArray[np.float32]:
        if self.encoder is None:  # this machine may lack the device it was fitted on
            self.encoder_.set_params(device=self.device)
        return np.asarray(self.encoder_.transform(images), np.float32)

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Encode images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images like those seen in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            Features.

        Raises
        ------
        ValueError
            If the images differ in shape from those seen in `fit`.
        """
        images = self._check_fitted_images(X)
        features = np.empty((len(images), self._n_features_out), np.float32)
        for rows in batches(len(images), max(1, _AT_ONCE // len(self.mean_))):
            code = self._code(images[rows])
            features[rows] = ((code - self.mean_) / self.scale_) @ self.components_
        return same_length(features)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Decode features to images, by way of the code.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features as `transform` makes them.

        Returns
        -------
        ndarray of float32, shape (n, ...) as X had it in `fit`
            Reconstructions in the range of the images: [0, 255] after uint8.

        Raises
        ------
        ValueError
            If the number of features is not that of `transform`.
        """
        features = self._check_features(X)
        images = np.empty((len(features), *self.row_shape_), np.float32)
        for rows in batches(len(features), max(1, _AT_ONCE // len(self.mean_))):
            code = features[rows] @ self.decoder_ * self.scale_ + self.mean_
            drawn = self.encoder_.inverse_transform(code)
            images[rows] = drawn.reshape(-1, *self.row_shape_)
        return images

    def resolved(self, n_images: int, image_shape: tuple[int, int, int]) -> Any:
        """Return the encoder, with its shape chosen for such images, but not fitted."""
        return self._unfitted(n_images, image_shape).resolved(n_images, image_shape)

    def cost(self, n_images: int, image_shape: tuple[int, int, int]) -> Cost:
        """Say what training and encoding cost, without doing them."""
        self._check_parameters()
        encoder = self._unfitted(n_images, image_shape)
        base: Cost = encoder.cost(n_images, image_shape)
        n = seen_images(n_images, self.n_images, base.n_features)
        n_views = None if self.n_views == "auto" else int(self.n_views)
        n_basis = basis_size(n_images, self.n_images, base.n_features)
        k = min(resolve_components(self.n_components, n_images), n_basis)
        learning = learning_operations(n, base.n_features, base.encoding, n_views)
        projecting = 2.0 * base.n_features * k
        return Cost(base.training + learning, base.encoding + projecting, k)
