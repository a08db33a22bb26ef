"""ConvAutoencoder: strided convolutions down to a wide spatial code and back."""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.autoencoders.autoencoder import Autoencoder
from featx.autoencoders.base import MOST_CHANNELS, Array, Cost, check_number
from featx.autoencoders.network_transformer import NetworkTransformer
from featx.errors import ParameterError
from featx.memory_maps import take_rows

if TYPE_CHECKING:
    from featx.autoencoders.conv_network import ConvNetwork

_WHITENED_VALUES = 50_000_000  # pixels, at most about, that whitening is learned from


class ConvTransformer(NetworkTransformer):
    """A transformer whose network halves the image in convolutional stages."""

    hidden_channels: tuple[int, ...] | str
    layers: str
    pooling: int | None
    module_: ConvNetwork

    def _resolve(self, images: Array) -> None:
        """Channels of each halving stage, from `hidden_channels` and `n_components`."""
        if self.layers not in ("all", "code"):
            raise ParameterError(
                f"Got layers={self.layers!r}, but expected 'all' or 'code'."
            )
        if self.pooling is not None:
            check_number("pooling", self.pooling, 1, integer=True)
        if isinstance(self.hidden_channels, list | tuple | np.ndarray):
            hidden = tuple(self.hidden_channels)
            for count in hidden:
                check_number("hidden_channels", count, 1, MOST_CHANNELS, integer=True)
        elif self.hidden_channels == "auto":
            # halve until the longer side is at most 4; 64, 128, 256, 256, ... channels
            longer = max(self.image_shape_[:2])
            stages = max(1, math.ceil(math.log2(longer / 4)))
            hidden = tuple(min(64 * 2**i, 256) for i in range(stages - 1))
        else:
            raise ParameterError(
                f"Got hidden_channels={reprlib.repr(self.hidden_channels)}, but expected "
                "'auto' or a tuple of channel counts such as (64, 128)."
            )
        if self.n_components == "auto":
            code = min(2 * hidden[-1], 256) if hidden else 64
        else:
            check_number(
                "n_components", self.n_components, 1, MOST_CHANNELS, integer=True
            )
            code = int(self.n_components)
        self.channels_ = (*hidden, code)
        self._all_layers = self.layers == "all"
        self._pooling = self.pooling

    def _count(self, n_images: int) -> Cost:
        channels = self.channels_
        height, width, depth = self.image_shape_
        forward = 0.0
        for count in channels:
            height, width = math.ceil(height / 2), math.ceil(width / 2)
            forward += 2 * 9 * height * width * depth * count
            depth = count
        n_positions = self.pooling**2 if self.pooling else height * width
        n_features = n_positions * (
            sum(channels) if self.layers == "all" else channels[-1]
        )
        resolve_epochs = getattr(self, "_resolve_epochs", None)
        epochs = resolve_epochs(n_images) if resolve_epochs else 0
        # there and back, and twice more for the gradients
        return Cost(6 * forward * n_images * epochs, 2 * forward, n_features)

    def _build(self) -> ConvNetwork:
        from featx.autoencoders.conv_network import ConvNetwork

        return ConvNetwork(
            self.image_shape_,
            self.channels_,
            pooling=self._pooling,
            all_layers=self._all_layers,
            **self._corruption(),
        )

    def _prepare(self, images: Array, seed: int) -> None:
        """Learn the statistics of the channels and what to whiten by."""
        from featx.autoencoders.tensors import to_tensor

        network = self.module_
        network.normalization.learn(images)
        n = min(len(images), max(16, _WHITENED_VALUES // images[0].size), 2000)
        rng = np.random.default_rng(seed)
        some = take_rows(images, np.sort(rng.choice(len(images), n, replace=False)))
        network.whitening.learn(network.normalization(to_tensor(some)))

    def _corruption(self) -> dict[str, Any]:
        """Return what the network does to the images it learns from."""
        return {}


class ConvAutoencoder(ConvTransformer, Autoencoder):
    """Deep convolutional autoencoder that restores noisy images with holes.

    The encoder halves the image in each stage (3x3 convolution, batch normalization,
    ReLU) down to a grid of about 4 x 4 positions with many channels [1]_, and the decoder
    mirrors it. What it sees in training is noisy and partly hidden, mirrored too where
    that is natural, while it is judged by the clean image [2]_: copying does not help.
    Trained with AdamW and a one-cycle schedule, by the mean squared error of pixels and
    of locally whitened pixels, in which fine detail counts as much as large areas.
    Features are made from clean images. With ``noise=0, mask_fraction=0`` it is a plain
    autoencoder, whose features are worse.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Channels of the code. ``"auto"`` is twice the channels of the stage before, at
        most 256.
    hidden_channels : tuple of int or "auto", default="auto"
        Channels of the stages before the code. ``"auto"`` halves until the longer side
        is at most 4, with 64, 128, 256, 256, ... channels.
    noise : float, default=0.5
        Standard deviation of the noise, in those of the channels.
    mask_fraction : float, default=0.5
        Part of the blocks that is hidden, in [0, 1].
    mask_size : int or "auto", default="auto"
        Side of a hidden block in pixels; ``"auto"`` is an eighth of the longer side.
    layers : {"all", "code"}, default="all"
        Features are the outputs of every stage, each averaged over the grid of the code,
        or the code alone. Early stages see what the code has lost.
    pooling : int, default=None
        Average over a grid of this many rows and columns instead of the code's.
    augment : {"auto", "flip", None}, default="auto"
        ``"flip"`` mirrors half of the images while training and averages the features of
        an image and its mirror image; ``"auto"`` does so where mirrored images cannot be
        told from the others.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows; without it, rows are
        one-dimensional signals.
    max_epochs : int or "auto", default="auto"
        Passes over the images; ``"auto"`` is about 400,000 image views, at least 5
        and at most 50 epochs.
    batch_size : int, default=128
        Images per step, and per batch when encoding.
    learning_rate : float, default=2e-3
        Peak of the one-cycle schedule.
    weight_decay : float, default=1e-4
        Decoupled weight decay.
    validation_fraction : float, default=0.1
        Part of the images set aside for early stopping, in [0, 0.9].
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
        Seed of the weights, of the validation part and of the order of the images.
    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network, in evaluation mode.
    history_ : dict of str to list of float
        ``"loss"`` and ``"validation_loss"`` per epoch, of standardized images.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.
    channels_ : tuple of int
        Channels of each stage; the last one is the code's.
    mask_size_ : int
        Side of a hidden block in pixels.
    augment_ : str or None
        The augmentation in use.
    device_ : str
        Where it was trained.
    precision_ : str
        Number format it was fitted in: ``"float32"`` or ``"bfloat16"``.

    See Also
    --------
    PredictiveAutoencoder : The targets are features instead of pixels.
    UntrainedAutoencoder : The control of the same shape.

    References
    ----------
    .. [1] J. Masci et al., "Stacked convolutional auto-encoders for hierarchical feature
       extraction", ICANN 2011.
    .. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import ConvAutoencoder
    >>> X = load_digits().images
    >>> encoder = ConvAutoencoder(n_components=16, max_epochs=2, random_state=0)
    >>> encoder.fit_transform(X).shape
    (1797, 256)
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        hidden_channels: tuple[int, ...] | str = "auto",
        noise: float = 0.5,
        mask_fraction: float = 0.5,
        mask_size: int | str = "auto",
        layers: str = "all",
        pooling: int | None = None,
        augment: str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-4,
        validation_fraction: float = 0.1,
        early_stopping: bool = True,
        n_iter_no_change: int = 10,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_channels = hidden_channels
        self.noise = noise
        self.mask_fraction = mask_fraction
        self.mask_size = mask_size
        self.layers = layers
        self.pooling = pooling
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
        super()._resolve(images)
        check_number("noise", self.noise, 0)
        check_number("mask_fraction", self.mask_fraction, 0, 1)
        longer = max(self.image_shape_[:2])
        self.mask_size_ = max(1, round(longer / 8))
        if self.mask_size != "auto":
            check_number("mask_size", self.mask_size, 1, integer=True)
            self.mask_size_ = min(int(self.mask_size), longer)

    def _corruption(self) -> dict[str, Any]:
        return {
            "noise": float(self.noise),
            "mask_fraction": float(self.mask_fraction),
            "mask_size": self.mask_size_,
        }
