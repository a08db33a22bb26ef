"""PatchAutoencoder: filters on whitened patches, rectified and pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.autoencoders.autoencoder import Autoencoder
from featx.autoencoders.base import MOST_CHANNELS, Cost, batches, check_number
from featx.errors import ParameterError
from featx.memory_maps import release_pages, take_rows

if TYPE_CHECKING:
    from featx.autoencoders.patch_network import PatchNetwork

Array = NDArray[Any]

_PATCHES_PER_IMAGE = 60  # at most: more of few images teach nothing new
_LONGER_SIDE = 48  # larger images are reduced to this before patches are cut
_N_READOUT = 2048  # images from which drawing is learned
_MOST_SCALES = 16  # of which the last one would see 32,768 pixels as one
_N_WHITENING = 100_000  # patches from which whitening is learned


class PatchAutoencoder(Autoencoder):
    """Sparse autoencoder of small patches, its code pooled over the image.

    Patches are normalised in contrast and whitened; a sparse autoencoder with tied
    weights learns filters, so few of which (`n_active`) rebuild a patch as well as
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
    n_active : int, default=1
        Filters that rebuild a patch in training: the sparsity. With 1, the strongest
        takes all.
    threshold : float, default=0.25
        Responses between minus and plus this do not count; whitened patches give
        responses of about 0.5.
    pooling : int, default=2
        Rows and columns of the grid.
    scales : int or "auto", default="auto"
        Resolutions, each half of the one before, with filters of their own. ``"auto"``
        is 2 if the shorter side is at least four patches long, 1 otherwise.
    reduction : int or "auto", default="auto"
        Images are first averaged over squares of this many pixels. ``"auto"`` reduces
        the longer side to at most 48.
    whitening : float, default=0.3
        Added to the variances of normalised patches before they are made equal; more
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
    reduction_ : int
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
    is learned after the filters (`inverse_transform`): soft, but in place and in colour.

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
        n_active: int = 1,
        threshold: float = 0.25,
        pooling: int = 2,
        scales: int | str = "auto",
        reduction: int | str = "auto",
        whitening: float = 0.3,
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
        self.n_active = n_active
        self.threshold = threshold
        self.pooling = pooling
        self.scales = scales
        self.reduction = reduction
        self.whitening = whitening
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
        check_number("whitening", self.whitening, 1e-12)
        check_number("n_patches", self.n_patches, 1, integer=True)
        check_number("pooling", self.pooling, 1, integer=True)
        check_number("max_epochs", self.max_epochs, 0, integer=True)
        height, width, depth = self.image_shape_
        if self.reduction == "auto":
            self.reduction_ = -(-max(height, width) // _LONGER_SIDE)
        else:
            most = max(height, width)
            check_number("reduction", self.reduction, 1, most, integer=True)
            self.reduction_ = int(self.reduction)
        reduced = [-(-side // self.reduction_) for side in (height, width)]
        if self.patch_size != "auto":
            check_number("patch_size", self.patch_size, 1, integer=True)
        size = 6 if self.patch_size == "auto" else int(self.patch_size)
        if self.patch_size != "auto" and size > max(reduced):
            raise ParameterError(
                f"Got patch_size={size}, but the images have {reduced[0]} x {reduced[1]} "
                f"pixels after reduction by {self.reduction_}. Use a smaller patch_size, "
                "or patch_size='auto'."
            )
        self.patch_shape_ = (min(size, reduced[0]), min(size, reduced[1]))
        self.scales_ = self._resolve_scales(reduced)
        n_values = self.patch_shape_[0] * self.patch_shape_[1] * depth
        if n_values == 1 and self.patch_size != "auto":
            raise ParameterError(
                "Got patch_size=1 for grey images, but a patch of one value has no "
                "contrast. Use a larger patch_size."
            )
        if self.n_components == "auto":
            # few images cannot tell many filters apart
            most = int(np.clip(len(images) // 4, 200, 1600))
            finest = int(np.clip(16 * n_values, 64, most))
        else:
            check_number(
                "n_components", self.n_components, 1, MOST_CHANNELS, integer=True
            )
            finest = int(self.n_components)
        check_number("n_active", self.n_active, 1, finest, integer=True)
        self._n_active = int(self.n_active)
        self.n_filters_ = tuple(
            max(self._n_active, finest // 2**level) for level in range(self.scales_)
        )
        self._threshold = float(self.threshold)
        self._pooling = int(self.pooling)
        self._n_drawn = min(256, len(images), int(np.prod(reduced)) * depth)

    def _resolve_scales(self, reduced: list[int]) -> int:
        if self.scales == "auto":
            return 2 if min(reduced) >= 4 * max(self.patch_shape_) else 1
        check_number("scales", self.scales, 1, _MOST_SCALES, integer=True)
        scales = int(self.scales)
        for patch, side in zip(self.patch_shape_, reduced, strict=True):
            if patch * 2 ** (scales - 1) > max(patch, side):
                raise ParameterError(
                    f"Got scales={scales}, but of {reduced[0]} x {reduced[1]} pixels after "
                    f"reduction by {self.reduction_} too few are left at the last one for "
                    f"patches of {self.patch_shape_[0]} x {self.patch_shape_[1]}. Use "
                    "fewer scales, a smaller patch_size, or scales='auto'."
                )
        return scales

    def _count(self, n_images: int) -> Cost:
        height, width = self.patch_shape_
        n_values = height * width * self.image_shape_[2]
        encoding = 0.0
        for level, n_filters in enumerate(self.n_filters_):
            shrink = self.reduction_ * 2**level
            rows, columns = (-(-side // shrink) for side in self.image_shape_[:2])
            n_positions = max(1, rows - height + 1) * max(1, columns - width + 1)
            encoding += 2 * n_positions * n_values * n_filters
        n_filters = sum(self.n_filters_)
        n_patches = min(self.n_patches, _PATCHES_PER_IMAGE * n_images)
        training = 6.0 * n_patches * n_values * n_filters * self.max_epochs
        readout = 2 * encoding * min(n_images, _N_READOUT)
        n_features = 2 * n_filters * self.pooling**2
        return Cost(training + readout, 2 * encoding, n_features)

    def _build(self) -> PatchNetwork:
        from featx.autoencoders.patch_network import PatchNetwork

        return PatchNetwork(
            self.image_shape_,
            self.patch_shape_,
            n_components=self.n_filters_,
            n_active=self._n_active,
            threshold=self._threshold,
            pooling=self._pooling,
            reduction=self.reduction_,
            n_drawn=self._n_drawn,
        )

    def _resolve_epochs(self, n_images: int) -> int:
        return self.max_epochs  # of patches, whose number does not depend on the images

    def _samples(self, images: Array, seed: int) -> Array:
        """Cut patches, and let whitening and filters begin with them."""
        import torch

        from featx.autoencoders.tensors import to_tensor

        cuts = self._cut(images, seed)
        network = self.module_
        device = next(network.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        rng = np.random.default_rng(seed + 1)
        some = rng.choice(len(cuts), min(len(cuts), _N_WHITENING), replace=False)
        for scale, patches in network.patches(to_tensor(cuts[some]).to(device)):
            scale.learn_whitening(patches, float(self.whitening))
        first = rng.choice(
            len(cuts), max(self.n_filters_), len(cuts) < max(self.n_filters_)
        )
        for scale, patches in network.patches(to_tensor(cuts[first]).to(device)):
            noise = torch.randn(scale.filters.shape, generator=generator).to(device)
            scale.start_from(patches[: len(noise)], noise)
        return cuts

    def _cut(self, images: Array, seed: int) -> Array:
        """Patches of the coarsest resolution from anywhere in reduced images.

        Shape (n_patches, height, width, c).
        """
        from featx.autoencoders.tensors import to_tensor

        rng = np.random.default_rng(seed)
        reduced = self.module_.reduced_shape
        spread = [
            min(patch * 2 ** (self.scales_ - 1), side)
            for patch, side in zip(self.patch_shape_, reduced, strict=False)
        ]
        shape = [
            min(size * self.reduction_, side)
            for size, side in zip(spread, images.shape[1:3], strict=True)
        ]
        n = min(self.n_patches, _PATCHES_PER_IMAGE * len(images))
        image = np.sort(rng.integers(len(images), size=n))  # reads a file forwards
        top, left = (
            rng.integers(side - size + 1, size=n)
            for side, size in zip(images.shape[1:3], shape, strict=True)
        )
        cuts = np.empty((n, *spread, images.shape[3]), np.float32)
        for part in batches(n, max(1, 2**22 // (shape[0] * shape[1]))):
            cut = images[
                image[part, None, None],
                top[part, None, None] + np.arange(shape[0])[:, None],
                left[part, None, None] + np.arange(shape[1]),
            ]
            release_pages(images)
            cuts[part] = self.module_.reduce(to_tensor(cut)).numpy()
        return cuts

    def _finish(self, images: Array, seed: int) -> None:
        import torch

        from featx.autoencoders.tensors import to_tensor

        rng = np.random.default_rng(seed + 2)
        n = min(len(images), _N_READOUT)
        some = np.sort(rng.choice(len(images), n, replace=False))
        pixels, features = [], []
        for part in self._batches(n):
            batch = take_rows(images, some[part])
            features.append(self._run("encode", batch).float())
            pixels.append(self.module_.reduce(to_tensor(batch)))
        device = next(self.module_.parameters()).device
        self.module_.learn_readout(
            torch.cat(pixels).to(device), torch.cat(features).to(device)
        )
