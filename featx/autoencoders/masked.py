"""MaskedAutoencoder: paints what is hidden of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from featx.autoencoders.autoencoder import Autoencoder
from featx.autoencoders.base import Array, check_number
from featx.autoencoders.conv import ConvTransformer, resolve_mask_size


class MaskedAutoencoder(ConvTransformer, Autoencoder):
    """Convolutional autoencoder that paints what is hidden of an image.

    The network of `ConvAutoencoder` sees images with most of their blocks hidden and is
    judged by the hidden blocks alone [1]_. Features are made from whole images.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Channels of the code. ``"auto"`` is twice the channels of the stage before, at
        most 256.
    hidden_channels : tuple of int or "auto", default="auto"
        Channels of the stages before the code. ``"auto"`` halves until the longer side
        is at most 4, with 64, 128, 256, 256, ... channels.
    mask_fraction : float, default=0.6
        Part of the blocks that is hidden, in [0.01, 1].
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
    augment_ : str or None
        The augmentation in use.
    device_ : str
        Where it was trained.
    precision_ : str
        Number format it was fitted in: ``"float32"`` or ``"bfloat16"``.

    See Also
    --------
    DenoisingAutoencoder : Noise and holes, judged by the whole image.
    UntrainedAutoencoder : The control of the same shape.

    References
    ----------
    .. [1] K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import MaskedAutoencoder
    >>> X = load_digits().images
    >>> encoder = MaskedAutoencoder(n_components=16, max_epochs=2, random_state=0)
    >>> encoder.fit_transform(X).shape
    (1797, 256)
    """

    _network = "MaskedNetwork"

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        hidden_channels: tuple[int, ...] | str = "auto",
        mask_fraction: float = 0.6,
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
        check_number("mask_fraction", self.mask_fraction, 0.01, 1)
        self.mask_size_ = resolve_mask_size(self.mask_size, self.image_shape_)

    def _network_options(self) -> dict[str, Any]:
        return {
            "mask_fraction": float(self.mask_fraction),
            "mask_size": self.mask_size_,
        }
