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
    ImageTransformer,
    batches,
    check_number,
)
from featx.autoencoders.mirror import resolve_augment
from featx.autoencoders.patch import PatchAutoencoder
from featx.memory_maps import take_rows

_MOST_VALUES = 2**28  # of codes that are held at once in training
_MOST_BASIS = 2000  # principal components of the codes, at most
_IMAGES_PER_FEATURE = 40
_VIEWS = 10_000
_MOST_VIEWS = 10  # of one image
_AT_ONCE = 2**24  # values of codes at a time, when encoding


class CompactAutoencoder(ImageTransformer):
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
        is one for every 40 images, at least 256 and at most 1,024.
    encoder : estimator, default=None
        Makes the code: a transformer of images with `inverse_transform`, unfitted. None
        stands for a `PatchAutoencoder` with its defaults.
    n_filters : int or "auto", default="auto"
        Filters of that `PatchAutoencoder`, where None was given.
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
    have about the same variance: a `StandardScaler` does no harm.

    References
    ----------
    .. [1] R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals
       of Eugenics 7 (1936).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import CompactAutoencoder
    >>> X = load_digits().images
    >>> encoder = CompactAutoencoder(n_components=32, n_filters=64, random_state=0)
    >>> encoder.fit_transform(X).shape
    (1797, 32)
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        encoder: BaseEstimator | None = None,
        n_filters: int | str = "auto",
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
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.augment_ = resolve_augment(self.augment, images, seed)
        self.encoder_: Any = self._unfitted(seed).fit(images)
        self.precision_ = getattr(self.encoder_, "precision_", "float32")
        rng = np.random.default_rng(seed)
        first = self._code(images[:1])
        most = min(self.n_images, _MOST_VALUES // first.shape[1])
        rows = np.arange(len(images))
        if len(rows) > most:
            rows = np.sort(rng.choice(len(images), max(2, most), replace=False))
        self._learn(images, rows, rng)
        self._n_features_out = self.components_.shape[1]
        return self

    def _check_parameters(self) -> None:
        if self.n_components != "auto":
            check_number(
                "n_components", self.n_components, 1, MOST_CHANNELS, integer=True
            )
        if self.n_views != "auto":
            check_number("n_views", self.n_views, 1, integer=True)
        check_number("view_eps", self.view_eps, 1e-6)
        check_number("n_images", self.n_images, 2, integer=True)

    def _unfitted(self, seed: int | None) -> Any:
        if self.encoder is not None:
            return clone(self.encoder)
        return PatchAutoencoder(
            self.n_filters,
            augment=self.augment,
            device=self.device,
            precision=self.precision,
            random_state=seed,
        )

    def _learn(self, images: Array, rows: Array, rng: np.random.Generator) -> None:
        """Learn what standardizes codes, and the features, from some of the images."""
        from scipy.linalg import eigh
        from sklearn.decomposition import PCA

        parts = self._parts(len(rows))
        codes = np.concatenate([self._code(take_rows(images, rows[p])) for p in parts])
        self.mean_ = codes.mean(axis=0)
        spread = codes.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1).astype(np.float32)
        codes -= self.mean_
        codes /= self.scale_
        n_basis = min(_MOST_BASIS, max(1, len(rows) - 1), codes.shape[1])
        pca = PCA(n_basis, iterated_power=2, random_state=int(rng.integers(2**31)))
        with np.errstate(invalid="ignore"):  # of constant codes: a share of none
            scores = pca.fit_transform(codes)
        within = np.zeros((n_basis, n_basis))
        self.n_views_ = self._resolve_views(len(rows))
        for _ in range(self.n_views_):
            within += self._variance_of_views(images, rows, rng, pca, scores)
        within[np.diag_indices(n_basis)] += float(self.view_eps)
        variances, directions = eigh(np.cov(scores, rowvar=False, ddof=0), within)
        k = min(self._resolve_components(len(images)), n_basis)
        self.ratios_ = variances[::-1][:k].clip(0).astype(np.float32)
        rotation = np.linalg.qr(rng.normal(size=(k, k)))[0]
        power = max(float(self.ratios_.mean()), 1e-12)
        chosen = directions[:, ::-1][:, :k] @ rotation / np.sqrt(power)
        self.components_ = (pca.components_.T @ chosen).astype(np.float32)
        features = codes @ self.components_
        self.decoder_ = np.linalg.lstsq(features, codes, rcond=None)[0].astype(
            np.float32
        )

    def _variance_of_views(
        self,
        images: Array,
        rows: Array,
        rng: np.random.Generator,
        pca: Any,
        scores: Array,
    ) -> Array:
        """Covariance of half the change that a view makes to scores of the code."""
        from featx.autoencoders.views import changed_views

        total = np.zeros((scores.shape[1],) * 2)
        for part in self._parts(len(rows)):
            views = changed_views(
                take_rows(images, rows[part]), rng, mirror=self.augment_ == "flip"
            )
            codes = self._code(views)
            change = pca.transform((codes - self.mean_) / self.scale_) - scores[part]
            total += change.T @ change
        halved: Array = total / (2 * len(rows) * self.n_views_)
        return halved

    def _resolve_components(self, n_images: int) -> int:
        if self.n_components != "auto":
            return int(self.n_components)
        return int(np.clip(n_images // _IMAGES_PER_FEATURE, 256, 1024))

    def _resolve_views(self, n_images: int) -> int:
        if self.n_views != "auto":
            return int(self.n_views)
        return int(np.clip(_VIEWS // n_images, 1, _MOST_VIEWS))

    def _code(self, images: Array) -> NDArray[np.float32]:
        return np.asarray(self.encoder_.transform(images), np.float32)

    def _parts(self, n: int) -> Any:
        return batches(n, max(1, 2**24 // int(np.prod(self.image_shape_))))

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
        return features

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
        return self._unfitted(None).resolved(n_images, image_shape)

    def cost(self, n_images: int, image_shape: tuple[int, int, int]) -> Cost:
        """Say what training and encoding cost, without doing them."""
        base: Cost = self._unfitted(None).cost(n_images, image_shape)
        n = min(n_images, self.n_images, max(2, _MOST_VALUES // base.n_features))
        n_basis = min(_MOST_BASIS, n, base.n_features)
        k = min(self._resolve_components(n_images), n_basis)
        n_views = self._resolve_views(n)
        learning = n * base.n_features * n_basis * (14.0 + 2 * n_views)
        viewing = (1 + n_views) * n * base.encoding
        projecting = 2.0 * base.n_features * k
        return Cost(base.training + viewing + learning, base.encoding + projecting, k)
