"""PatchAutoencoder: filters on whitened patches, rectified and pooled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from featx.autoencoders.autoencoder import N_DRAWN_FROM, Autoencoder
from featx.autoencoders.base import Array, Cost, check_number
from featx.autoencoders.patch_geometry import resolve_geometry

if TYPE_CHECKING:
    from featx.autoencoders.patch_network import PatchNetwork

_WORTH_FILTERS = 200  # that cutting and whitening the patches of an image costs
_PATCHES_PER_IMAGE = 60  # at most: more of few images teach nothing new


class PatchAutoencoder(Autoencoder):
    """Sparse autoencoder of small patches, its code pooled over the image.

    Patches are normalized in contrast and whitened; a sparse autoencoder with tied
    weights learns filters, of which at most `n_nonzero_coefs` rebuild a patch as well as
    possible [1]_. Then every patch of an image is encoded, responses are rectified on
    both sides of a threshold, and each is averaged over the cells of a grid [2]_. No
    backpropagation through images is needed: it trains in a minute, and its wide features
    suit linear classifiers.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Filters at the finest resolution; each coarser one has half as many as the one
        before. Each gives two features (above and below the threshold) in every cell of
        the grid: 1600 + 800 filters and 2 x 2 cells give 19,200 features. ``"auto"`` is
        16 for each value of a patch, at least 64 and at most 1600; at most a quarter of
        the images, where that is over 200.
    patch_size : int or "auto", default="auto"
        Height and width of a patch in pixels. ``"auto"`` is 6, less where the image has
        less.
    n_nonzero_coefs : int, default=1
        Filters that rebuild a patch in training. With 1, the strongest
        takes all.
    threshold : float, default=0.25
        Responses between minus and plus this do not count; whitened patches give
        responses of about 0.5.
    pooling : int, default=2
        Rows and columns of the grid.
    scales : int or "auto", default="auto"
        Resolutions, each half of the one before, with filters of their own. ``"auto"``
        is 2 if the shorter side is at least four patches long, 1 otherwise.
    downsample : int or "auto", default="auto"
        Images are first averaged over squares of this many pixels. ``"auto"`` reduces
        the longer side to at most 48.
    whitening_eps : float, default=0.3
        Added to the variances of normalized patches before they are made equal; more
        suppresses fine detail and noise.
    augment : {"auto", "flip", None}, default="auto"
        ``"flip"`` learns from mirrored images too and averages the features of an image
        and its mirror image; ``"auto"`` does so where mirrored images cannot be told
        from the others.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows; without it, rows are
        one-dimensional signals.
    n_patches : int, default=200_000
        Patches to learn from.
    max_epochs : int, default=15
        Passes over the patches. With 0, the filters are patches taken at random: the
        control of this encoder.
    batch_size : int, default=2048
        Patches per step; images per batch when encoding.
    learning_rate : float, default=2e-3
        Peak of the one-cycle schedule.
    validation_fraction : float, default=0.1
        Part of the patches set aside for early stopping, in [0, 0.9].
    early_stopping : bool, default=True
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
        Seed of the patches and of their order.
    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network, in evaluation mode.
    augment_ : str or None
        The augmentation in use.
    patch_shape_ : tuple of int
        Height and width of a patch, in pixels of the reduced image.
    downsample_ : int
        Pixels that one pixel of the reduced image stands for, along each axis.
    scales_ : int
        Number of resolutions.
    n_filters_ : tuple of int
        Number of filters at each resolution, the finest first.
    components_ : ndarray of float32, shape (n_filters_[0], ph, pw, c)
        Filters of the finest resolution, as they see whitened patches; each of length
        one.
    history_ : dict of str to list of float
        ``"loss"`` and ``"validation_loss"`` per epoch: the part of a patch's power that
        is lost. Empty without training.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.
    device_ : str
        Where it was trained.
    precision_ : str
        Number format it was fitted in: ``"float32"`` or ``"bfloat16"``.

    Notes
    -----
    The code of patches is pooled, so images are drawn from it by a linear read-out that
    is learned after the filters (`inverse_transform`): soft, but in place and in color.

    References
    ----------
    .. [1] A. Makhzani and B. Frey, "k-Sparse autoencoders", ICLR 2014.
    .. [2] A. Coates and A. Y. Ng, "The importance of encoding versus training with sparse
       coding and vector quantization", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import PatchAutoencoder
    >>> X = load_digits().images
    >>> encoder = PatchAutoencoder(n_components=32, max_epochs=1, random_state=0)
    >>> encoder.fit_transform(X).shape
    (1797, 256)
    """

    weight_decay = 0.0  # filters have unit norm
    max_epochs: int
    module_: PatchNetwork
    _fewest = 0  # without training, filters are random patches

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        patch_size: int | str = "auto",
        n_nonzero_coefs: int = 1,
        threshold: float = 0.25,
        pooling: int = 2,
        scales: int | str = "auto",
        downsample: int | str = "auto",
        whitening_eps: float = 0.3,
        augment: str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        n_patches: int = 200_000,
        max_epochs: int = 15,
        batch_size: int = 2048,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.1,
        early_stopping: bool = True,
        n_iter_no_change: int = 10,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.patch_size = patch_size
        self.n_nonzero_coefs = n_nonzero_coefs
        self.threshold = threshold
        self.pooling = pooling
        self.scales = scales
        self.downsample = downsample
        self.whitening_eps = whitening_eps
        self.augment = augment
        self.image_shape = image_shape
        self.n_patches = n_patches
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @property
    def components_(self) -> Array:
        """Filters of the finest resolution."""
        from torch.nn import functional as F

        from featx.autoencoders.patch_filters import PatchFilters

        finest = self.module_.scales[0]
        assert isinstance(finest, PatchFilters)
        filters = F.normalize(finest.filters.detach(), dim=1)
        shape = (*self.patch_shape_, self.image_shape_[2])
        return filters.cpu().numpy().reshape(-1, *shape)

    def _resolve(self, images: Array) -> None:
        check_number("threshold", self.threshold, 0)
        check_number("whitening_eps", self.whitening_eps, 1e-12)
        check_number("n_patches", self.n_patches, 1, integer=True)
        check_number("pooling", self.pooling, 1, integer=True)
        check_number("max_epochs", self.max_epochs, 0, integer=True)
        geometry = resolve_geometry(self, len(images))
        self.downsample_, reduced, self.patch_shape_, self.n_filters_ = geometry
        self.scales_ = len(self.n_filters_)
        self._n_nonzero_coefs = int(self.n_nonzero_coefs)
        self._threshold = float(self.threshold)
        self._pooling = int(self.pooling)
        self._n_drawn = min(256, len(images), int(np.prod(reduced)))

    def _count(self, n_images: int) -> Cost:
        height, width = self.patch_shape_
        n_values = height * width * self.image_shape_[2]
        encoding, n_features = 0.0, 0
        for level, n_filters in enumerate(self.n_filters_):
            shrink = self.downsample_ * 2**level
            rows, columns = (-(-side // shrink) for side in self.image_shape_[:2])
            positions = max(1, rows - height + 1), max(1, columns - width + 1)
            each = n_filters + _WORTH_FILTERS
            encoding += 2 * math.prod(positions) * n_values * each
            cells = math.prod(min(self.pooling, along) for along in positions)
            n_features += 2 * n_filters * cells
        n_filters = sum(self.n_filters_)
        n_patches = min(self.n_patches, _PATCHES_PER_IMAGE * n_images)
        training = 6.0 * n_patches * n_values * n_filters * self.max_epochs
        readout = 2 * encoding * min(n_images, N_DRAWN_FROM)
        return Cost(training + readout, 2 * encoding, n_features)

    def _build(self) -> PatchNetwork:
        from featx.autoencoders.patch_network import PatchNetwork

        return PatchNetwork(
            self.image_shape_,
            self.patch_shape_,
            n_components=self.n_filters_,
            n_nonzero_coefs=self._n_nonzero_coefs,
            threshold=self._threshold,
            pooling=self._pooling,
            downsample=self.downsample_,
            n_drawn=self._n_drawn,
        )

    def _resolve_epochs(self, n_images: int) -> int:
        return self.max_epochs  # of patches, whose number does not depend on the images

    def _samples(self, images: Array, seed: int) -> Array:
        """Cut patches, and let whitening and filters begin with them."""
        from featx.autoencoders.patch_sampling import cut_patches, start_filters

        n = min(self.n_patches, _PATCHES_PER_IMAGE * len(images))
        cuts = cut_patches(self.module_, images, n, seed)
        start_filters(self.module_, cuts, float(self.whitening_eps), seed)
        return cuts

    def _finish(self, images: Array, seed: int) -> None:
        self._learn_readout(images, seed + 2)
