"""UntrainedAutoencoder: the control that has the shape but not the training."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from featx.autoencoders.conv import ConvTransformer


class UntrainedAutoencoder(ConvTransformer):
    """The network of `ConvAutoencoder` with its random initial weights.

    What a trained encoder adds beyond its architecture shows only beside this one.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Channels of the code, as in `ConvAutoencoder`.
    hidden_channels : tuple of int or "auto", default="auto"
        Channels of the stages before the code.
    layers : {"all", "code"}, default="all"
        Features are the outputs of every stage, each averaged over the grid of the code,
        or the code alone. Early stages see what the code has lost.
    pooling : int, default=None
        Average over a grid of this many rows and columns instead of the code's.
    augment : {"auto", "flip", None}, default="auto"
        ``"flip"`` averages the features of an image and its mirror image; ``"auto"``
        does so where mirrored images cannot be told from the others.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows.
    batch_size : int, default=128
        Images per batch when encoding.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format of the matrix products. ``"auto"`` is bfloat16 where the device has
        instructions for it, float32 elsewhere.
    random_state : int, RandomState or None, default=None
        Seed of the weights; with the same one, they are those from which
        `ConvAutoencoder` starts.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network, in evaluation mode.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.
    channels_ : tuple of int
        Channels of each stage; the last one is the code's.
    augment_ : str or None
        The augmentation in use.
    device_ : str
        Where it runs.
    precision_ : str
        Number format it was fitted in: ``"float32"`` or ``"bfloat16"``.

    See Also
    --------
    ConvAutoencoder : The same network, trained.

    Examples
    --------
    >>> import numpy as np
    >>> from featx import UntrainedAutoencoder
    >>> X = np.zeros((3, 8, 8), dtype=np.uint8)
    >>> UntrainedAutoencoder(random_state=0).fit_transform(X).shape
    (3, 1024)
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        hidden_channels: tuple[int, ...] | str = "auto",
        layers: str = "all",
        pooling: int | None = None,
        augment: str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        batch_size: int = 128,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.hidden_channels = hidden_channels
        self.layers = layers
        self.pooling = pooling
        self.augment = augment
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the weights and learn the mean and spread of the channels.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : UntrainedAutoencoder
            Fitted.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used.
        """
        self._initialize(self._check_images(X, reset=True))
        return self
