"""PredictiveAutoencoder: a deep network that predicts what views have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featx.autoencoders.autoencoder import Autoencoder
from featx.autoencoders.base import MOST_CHANNELS, Array, Cost, batches, check_number
from featx.autoencoders.checkpoint import not_resumable
from featx.autoencoders.compact import CompactAutoencoder
from featx.autoencoders.stable import (
    ViewStability,
    basis_size,
    learning_operations,
    resolve_components,
    same_length,
)

if TYPE_CHECKING:
    from torch import Tensor

    from featx.autoencoders.predictive_network import PredictiveNetwork

_POSITIONS = 16  # along the longer side, at most, in the first stage
_LONGEST_DRAWN = 48  # larger images are drawn at this size and enlarged
_FASTER = 3  # wide convolutions than most of what is counted
_MOST_TARGETS = 256
_LEAST_FEATURES = 768  # unless there are fewer images
_TAUGHT = 512  # features of the teacher, of which all or some are features here
# share of the network's own features, by the number of images
_SHARES = {5000: 1 / 3, 15_000: 3 / 4}
_AT_ONCE = 1024  # images, as the teacher encodes well
_N_IMAGES = 10_000  # that the projection to features is learned from
# channels of the first stage for each position along the longer side, likewise
_CHANNELS = {5000: 8, 15_000: 10}
_MOVED = 16  # features are averaged over images moved by this part of a side


class PredictiveAutoencoder(Autoencoder):
    """Deep denoising autoencoder whose targets are features instead of pixels.

    A `CompactAutoencoder` learns first, in closed form, what the views of an image have in
    common. Then a convolutional network sees changed views only (moved, mirrored where
    that is natural, in other light and color) and is trained to predict those features
    of the image itself. What it needs for that, the outputs of its three stages, is more
    than it was taught. Their means and standard deviations in the four quarters of the
    image are its code, and its features are what this code has in common between views,
    averaged over the image as it is and moved by a sixteenth of its side each way. Beside
    them stand those of the teacher, which knows details that are too small for the network
    to learn from few images: two thirds of the features of up to 5,000 images, a quarter
    of those of 15,000 or more.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Features; fewer where there are fewer images. ``"auto"`` is one for
        every 5 images, at least 768 and at most 1,024.
    n_filters : int or "auto", default="auto"
        Patch filters of the teacher, see `CompactAutoencoder`.
    n_channels : int or "auto", default="auto"
        Channels of the first stage; the second has twice, the third four times as many.
        ``"auto"`` is 8 for every position along the longer side, and 10 for 15,000 images
        or more: at most 160.
    patch_size : int or "auto", default="auto"
        Side of the squares of pixels that become channels of one position before the
        first stage. ``"auto"`` makes at most 16 positions along the longer side.
    view_eps : float, default=0.1
        See `CompactAutoencoder`; here of the features of the network.
    augment : {"auto", "flip", None}, default="auto"
        ``"flip"`` mirrors half of the views and averages the features of an image and its
        mirror image; ``"auto"`` does so where mirrored images cannot be told from the
        others.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows; without it, rows are
        one-dimensional signals.
    max_epochs : int or "auto", default="auto"
        Passes over the images; ``"auto"`` is about 60,000 views in all, but at most 200
        epochs, at least 16 of up to 5,000 images, and at least 8 of more.
    batch_size : int, default=128
        Images per step, and per batch when encoding.
    learning_rate : float, default=3e-3
        Peak of the one-cycle schedule.
    weight_decay : float, default=0.05
        Decoupled weight decay.
    validation_fraction : float, default=0.1
        Part of the images set aside for early stopping, in [0, 0.9].
    early_stopping : bool, default=False
        Stop when the validation loss has not improved for `n_iter_no_change` epochs and
        keep the weights of the best epoch.
    n_iter_no_change : int, default=10
        See `early_stopping`.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format of the matrix products. ``"auto"`` is bfloat16 where the device has
        instructions for it, float32 elsewhere.
    random_state : int, RandomState or None, default=None
        Seed of the teacher, of the weights, of the order of the images and of the views.
    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network, in evaluation mode.
    history_ : dict of str to list of float
        ``"loss"``, and ``"validation_loss"`` with early stopping, per epoch: the part of
        the targets' variance that is not predicted.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.
    channels_ : tuple of int
        Channels of each stage.
    patch_size_ : int
        The patch size in use, in pixels.
    teacher_ : CompactAutoencoder
        The fitted teacher.
    ratios_ : ndarray of float32, shape (n_learned,)
        Variance between images, in units of that between views, of each of the network's
        own features.
    augment_ : str or None
        The augmentation in use.
    device_ : str
        Where it was trained.
    precision_ : str
        Number format it was fitted in: ``"float32"`` or ``"bfloat16"``.

    See Also
    --------
    CompactAutoencoder : The teacher, much faster.
    ConvAutoencoder : The targets are pixels.

    Notes
    -----
    Targets are fixed before the network is trained, so nothing can collapse, and neither
    negatives nor a second network are needed. Masked and denoising autoencoders with
    features as targets were found to learn more than those with pixels [1]_.

    References
    ----------
    .. [1] C. Wei et al., "Masked feature prediction for self-supervised visual
       pre-training", CVPR 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import PredictiveAutoencoder
    >>> X = load_digits().images[:300]
    >>> encoder = PredictiveAutoencoder(
    ...     n_components=32, n_channels=8, max_epochs=1, random_state=0
    ... )
    >>> encoder.fit_transform(X).shape
    (300, 32)
    """

    module_: PredictiveNetwork

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        n_filters: int | str = "auto",
        n_channels: int | str = "auto",
        patch_size: int | str = "auto",
        view_eps: float = 0.1,
        augment: str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.05,
        validation_fraction: float = 0.1,
        early_stopping: bool = False,
        n_iter_no_change: int = 10,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.n_filters = n_filters
        self.n_channels = n_channels
        self.patch_size = patch_size
        self.view_eps = view_eps
        self.augment = augment
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _resolve(self, images: Array) -> None:
        n, shape = len(images), self.image_shape_
        wanted = resolve_components(self.n_components, n, least=_LEAST_FEATURES)
        check_number("view_eps", self.view_eps, 1e-6)
        longer = max(shape[:2])
        self.patch_size_ = -(-longer // _POSITIONS)
        if self.patch_size != "auto":
            check_number("patch_size", self.patch_size, 1, longer, integer=True)
            self.patch_size_ = int(self.patch_size)
        width = round(_by_number(n, _CHANNELS)) * -(-longer // self.patch_size_)
        if self.n_channels != "auto":
            check_number("n_channels", self.n_channels, 1, MOST_CHANNELS, integer=True)
            width = int(self.n_channels)
        self.channels_ = (width, 2 * width, 4 * width)
        self._n_code = 8 * sum(self.channels_)  # means and deviations of four cells
        n_learned = max(1, round(wanted * _by_number(n, _SHARES)))
        taught = self._unfitted_teacher().cost(n, shape)
        self._widths = (
            min(n_learned, basis_size(n, _N_IMAGES, self._n_code)),
            min(wanted - n_learned, taught.n_features),
        )
        shrink = -(-longer // _LONGEST_DRAWN)
        n_pixels = int(np.prod([-(-side // shrink) for side in shape[:2]])) * shape[2]
        self._drawn = (shrink, min(256, n, n_pixels))

    def _build(self) -> PredictiveNetwork:
        from featx.autoencoders.predictive_network import PredictiveNetwork

        return PredictiveNetwork(
            self.image_shape_,
            n_channels=self.channels_[0],
            widths=self._widths,
            patch_size=self.patch_size_,
            value_range=self.pixel_range_,
            drawn=self._drawn,
            shifts=encoding_shifts(self.image_shape_),
        )

    def _resolve_epochs(self, n_images: int) -> int:
        """About 60,000 views of few images, 8 of each of many."""
        if self.max_epochs != "auto":
            return int(self.max_epochs)
        few = min(max(60_000 / n_images, 16), 200)
        return int(max(8, min(few, 80_000 / n_images)))

    def _unfitted_teacher(self) -> CompactAutoencoder:
        return CompactAutoencoder(
            _TAUGHT,
            n_filters=self.n_filters,
            augment=self.augment,
            device=self.device,
            precision=self.precision,
        )

    def _prepare(self, images: Array, seed: int) -> None:
        self.module_.normalization.learn(images)

    def _targets(self, images: Array, seed: int) -> NDArray[np.float32]:
        """Return what the teacher says of the images, and give the network a head."""
        import torch

        teacher = self._unfitted_teacher().set_params(random_state=seed)
        with not_resumable():  # the state that is kept is that of the network
            self.teacher_ = teacher.fit(images)
        targets = half_whitened(self.teacher_.transform(images), _MOST_TARGETS)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + 1)
            self.module_.add_head(targets.shape[1])
        self.module_.to(self.device_)
        return targets

    def _finish(self, images: Array, seed: int) -> None:
        self.module_.head = None  # for training alone
        stability = ViewStability(
            self._code,
            self.pixel_range_,
            mirror=self.augment_ == "flip",
            n_components=self._widths[0],
            view_eps=float(self.view_eps),
            n_images=_N_IMAGES,
        )
        learned = stability.learn(images, np.random.default_rng(seed + 1))
        self.ratios_ = learned.ratios
        self.module_.project(learned)
        self._learn_readout(images, seed + 2)

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Encode images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images like those seen in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            Features: first those of the network, then those of the teacher. The mean of
            their squares is one for every image. They do not depend on the batch size or
            on the other rows beyond rounding: 1e-4 at float32, 1e-2 of the largest at
            bfloat16.

        Raises
        ------
        ValueError
            If the images differ in shape from those seen in `fit`.
        """
        images = self._check_fitted_images(X)
        features = np.empty((len(images), sum(self._widths)), np.float32)
        for rows in batches(len(images), _AT_ONCE):
            features[rows] = self._features(images[rows])
        return features

    def _features(self, images: Array) -> NDArray[np.float32]:
        """Put what the network and what its teacher say side by side."""
        n_learned, n_taught = self._widths
        features = np.empty((len(images), n_learned + n_taught), np.float32)
        self._encode_into(features[:, :n_learned], "encode", images)
        self.teacher_.set_params(device=self.device)
        features[:, n_learned:] = self.teacher_.transform(images)[:, :n_taught]
        same_length(features[:, :n_learned])
        if n_taught:
            same_length(features[:, n_learned:])
        return features

    def _drawn_from(self, images: Array) -> Tensor:
        import torch

        return torch.from_numpy(self._features(images))

    def _code(self, images: Array) -> NDArray[np.float32]:
        codes = np.empty((len(images), self._n_code), np.float32)
        self._encode_into(codes, "code", images)
        return codes

    def _count(self, n_images: int) -> Cost:
        taught = self._unfitted_teacher().cost(n_images, self.image_shape_)
        forward = self._forward_operations() / _FASTER
        views = n_images * self._resolve_epochs(n_images)
        seen = min(n_images, _N_IMAGES)
        learning = learning_operations(seen, self._n_code, 2 * forward)
        projecting = 2.0 * self._n_code * self._widths[0]
        n_moved = len(encoding_shifts(self.image_shape_))
        return Cost(
            taught.training
            + taught.encoding * n_images
            + 3 * forward * views
            + learning,
            2 * n_moved * forward + projecting + taught.encoding,
            sum(self._widths),
        )

    def _forward_operations(self) -> float:
        """Count what the stages take for one image."""
        width, side = self.channels_[0], self.patch_size_
        places = int(np.prod([-(-one // side) for one in self.image_shape_[:2]]))
        quarter, sixteenth = max(1, places / 4), max(1, places / 16)
        products = float(places * side**2 * self.image_shape_[2] * width)
        products += (quarter * (2 + 8) + sixteenth * 8) * width**2
        return 18.0 * products


def _by_number(n_images: int, known: Mapping[int, float]) -> float:
    """Interpolate between what is known for two numbers of images."""
    return float(np.interp(n_images, list(known), list(known.values())))


def half_whitened(features: Array, most: int) -> NDArray[np.float32]:
    """Center features (n, d) and take the root of how much their directions differ.

    Between features as they are, of which a few directions would be all that counts, and
    white ones, where noise would count as much as they do. At most so many directions are
    kept, those that differ most; the mean square is one.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(1000, 2)) * [16, 1] + 3
    >>> half_whitened(features, 2).var(axis=0).round(1)
    array([0.1, 1.9], dtype=float32)
    """
    centered = features - features.mean(axis=0)
    variances, directions = np.linalg.eigh(
        np.atleast_2d(np.cov(centered, rowvar=False, ddof=0))
    )
    variances, directions = variances[-most:], directions[:, -most:]
    floor = max(float(variances.max()) * 1e-6, 1e-12)
    targets = centered @ (directions / np.maximum(variances, floor) ** 0.25)
    targets /= max(np.sqrt(np.mean(targets**2)), 1e-6)
    whole: NDArray[np.float32] = targets.astype(np.float32)
    return whole


def encoding_shifts(image_shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Say how far, down and to the right, an image is moved for its features.

    Examples
    --------
    >>> encoding_shifts((32, 32, 3))
    [(0, 0), (-2, 0), (2, 0), (0, -2), (0, 2)]
    >>> encoding_shifts((1, 20, 1))
    [(0, 0), (0, -1), (0, 1)]
    """
    height, width = image_shape[:2]
    shifts = [(0, 0)]
    if height > 1:
        down = max(1, height // _MOVED)
        shifts += [(-down, 0), (down, 0)]
    if width > 1:
        right = max(1, width // _MOVED)
        shifts += [(0, -right), (0, right)]
    return shifts
