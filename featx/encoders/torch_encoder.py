"""TorchEncoder: any torch module as a transformer of images."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featx.autoencoders.base import (
    Array,
    Cost,
    ImageTransformer,
    batches,
    check_number,
)
from featx.encoders.weights import load_weights
from featx.errors import DataError, FeatxError, ParameterError
from featx.own_code import first_line, import_named, made

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean, standard deviation
_BATCH_PIXELS = 2**25  # that go through a module at once, at most
MOST_SIDE = 2**12  # of images that are resized
_MOST_POOL = 64  # rows and columns of cells: maps are hardly larger


class TorchEncoder(ImageTransformer):
    """Any `torch.nn.Module` as an encoder: frozen, in evaluation mode.

    Images become float tensors of shape (B, C, H, W) in [0, 1], then what `preprocess`
    makes of them. What the module says, or what some of its layers say, is averaged over a
    grid and becomes features. Nothing is trained.

    Parameters
    ----------
    module : torch.nn.Module, callable or str
        The module; a function without parameters that makes it; or the name of one,
        ``"package.module:function"``.
    weights : path-like, default=None
        File of weights for the module, a `state_dict` as `torch.save` or safetensors
        write it.
    layers : sequence of str, default=None
        Names of layers, as `named_modules` has them, whose outputs become features, side
        by side; without it, the output of the module.
    pool : int, default=1
        Outputs of shape (B, C, H, W) are averaged over so many rows and columns of cells.
        Outputs of shape (B, tokens, C) are averaged over the tokens. Layers whose maps
        are (B, H, W, C), as those of Swin transformers are, are no layers for this.
    size : int or tuple of int, default=None
        Height and width that images are resized to; as they are without it.
    preprocess : callable or "imagenet", default=None
        Takes and returns images as tensors of shape (B, C, H, W); ``"imagenet"`` subtracts
        the mean of each color of that set and divides by its deviation. A gray image has
        one channel; where the module begins with a convolution of three channels, it is
        repeated.
    image_shape : tuple of int, default=None
        Height, width (and channels) when images come as flat rows; without it, rows are
        one-dimensional signals.
    batch_size : int, default=128
        Images per batch.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    precision : {"auto", "float32", "bfloat16"}, default="float32"
        Number format of the matrix products. ``"auto"`` is bfloat16 where the device has
        instructions for it.

    Attributes
    ----------
    module_ : torch.nn.Module
        A copy of the module, in evaluation mode.
    precision_ : str
        Number format of the products, chosen in `fit`.
    n_features_in_ : int
        Values per image.
    image_shape_ : tuple of int
        Height, width and channels.

    See Also
    --------
    PredictiveAutoencoder : A network that learns from the images themselves.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from featx import TorchEncoder
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     module = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3), torch.nn.ReLU())
    >>> X = load_digits().images.astype("uint8")
    >>> TorchEncoder(module, pool=2).fit_transform(X).shape
    (1797, 64)
    >>> TorchEncoder(module, layers=["0", "1"]).fit_transform(X).shape
    (1797, 32)
    """

    module_: nn.Module
    precision_: str
    learns = False  # so nothing is lost where it cannot be kept

    def __init__(
        self,
        module: nn.Module | Callable[[], nn.Module] | str,
        *,
        weights: str | os.PathLike[str] | None = None,
        layers: Sequence[str] | None = None,
        pool: int = 1,
        size: int | tuple[int, int] | None = None,
        preprocess: Callable[[Tensor], Tensor] | str | None = None,
        image_shape: tuple[int, ...] | None = None,
        batch_size: int = 128,
        device: str = "auto",
        precision: str = "float32",
    ) -> None:
        self.module = module
        self.weights = weights
        self.layers = layers
        self.pool = pool
        self.size = size
        self.preprocess = preprocess
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.device = device
        self.precision = precision

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Copy the module and find out how many features it gives; nothing is learned.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images; two of them are looked at.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : TorchEncoder
            Fitted.

        Raises
        ------
        ParameterError
            If the module cannot be made, or a layer does not exist.
        MissingDataError
            If there is no file of weights.
        DataError
            If the module does not take the images, or gives no tensor of their number.
        """
        import torch

        from featx.autoencoders.device import choose_device, choose_dtype

        images = self._check_images(X, reset=True)
        self._check_parameters()
        dtype = choose_dtype(self.precision, choose_device(self.device))
        self.precision_ = str(dtype).removeprefix("torch.")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            self.module_ = _made(self.module, self.weights).cpu().float().eval()
            if self.layers is not None:
                _check_layers(self.module_, self.layers)
            few = images[:2]
            with torch.no_grad():
                self._said(self.module_, self._prepared(few))  # lazy layers take shape
            self.module_.requires_grad_(False)
            self._n_features_out = self._encoded(few).shape[1]
        return self

    def _check_parameters(self) -> None:
        check_number("batch_size", self.batch_size, 1, integer=True)
        check_number("pool", self.pool, 1, _MOST_POOL, integer=True)
        sides = self.size if isinstance(self.size, tuple | list) else (self.size,) * 2
        if self.size is not None:
            for side in sides:
                check_number("size", side, 1, MOST_SIDE, integer=True)
        known = self.preprocess is None or self.preprocess == "imagenet"
        if not known and not callable(self.preprocess):
            raise ParameterError(
                f"Got preprocess={self.preprocess!r}, but expected 'imagenet', a callable "
                "or None."
            )
        names = self.layers
        if isinstance(names, str) or (
            names is not None and not 0 < len(names) == len({*names})
        ):
            raise ParameterError(
                f"Got layers={names!r}, but expected a list of different names of layers."
            )

    def cost(self, n_images: int, image_shape: tuple[int, int, int]) -> Cost:
        """Count what encoding costs, by running the module on one image of noise."""
        from torch.utils.flop_counter import FlopCounterMode

        fitted = copy.copy(self)
        noise = np.random.default_rng(0).integers(0, 256, (1, *image_shape), np.uint8)
        with FlopCounterMode(display=False) as counter:
            fitted.fit(noise)
        passes = 2  # of that one image in fit
        operations = counter.get_total_flops() / passes
        return Cost(0.0, operations, fitted._n_features_out)

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
        DataError
            If the module gives values that are no numbers.
        """
        images = self._check_fitted_images(X)
        features = np.empty((len(images), self._n_features_out), np.float32)
        for rows in self._batches(len(images)):
            features[rows] = self._encoded(images[rows])
        return features

    def _batches(self, n: int) -> Iterator[slice]:
        height, width, depth = self.image_shape_
        if self.size is not None:
            height, width = _sides(self.size)
        elif (side := getattr(self.preprocess, "side", None)) is not None:
            height = width = side
        most = _BATCH_PIXELS // (height * width * depth)
        return batches(n, max(1, min(self.batch_size, most)))

    def _encoded(self, images: Array) -> NDArray[np.float32]:
        """Run one batch through the module; its features (B, n_features)."""
        import torch

        from featx.autoencoders.device import choose_device, tell_out_of_memory

        found: NDArray[np.float32] | None = None
        try:
            found = self._run(images)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
        if found is None:  # after the except, which keeps what took the memory
            halves = np.array_split(images, 2)
            tell_out_of_memory(choose_device(self.device), len(halves[0]))
            return np.concatenate([self._encoded(half) for half in halves])
        if len(found) != len(images):
            raise DataError(
                f"Got {len(found)} rows of {_name(self.module)} for {len(images)} images, "
                "but expected one for each image."
            )
        if not np.isfinite(found).all():
            raise DataError(
                f"Got values of {_name(self.module)} that are no finite numbers, but "
                "expected features. Check its weights, and how images are preprocessed."
            )
        return found

    def _run(self, images: Array) -> NDArray[np.float32]:
        import torch

        from featx.autoencoders.device import choose_device

        device = choose_device(self.device)
        half = self.precision_ == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=half),
        ):
            module = self.module_.to(device)
            said = self._said(module, self._prepared(images).to(device))
            found: NDArray[np.float32] = torch.cat(said, dim=1).float().cpu().numpy()
        return found

    def _prepared(self, images: Array) -> Tensor:
        """(B, h, w, c) -> what the module is given (B, C, H, W), float32."""
        import torch

        from featx.autoencoders.tensors import to_tensor

        x = to_tensor(images).permute(0, 3, 1, 2).float()
        low, high = self._scale()
        x = self._in_color((x - low) / (high - low))
        if self.size is not None:
            x = self._interpolated(x)
        if self.preprocess == "imagenet":
            mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGENET)
            x = (x - mean) / deviation
        elif callable(self.preprocess):
            at_size = getattr(self.preprocess, "at_size", self.preprocess)
            x = (self.preprocess if self.size is None else at_size)(x)
        return x.contiguous()

    def _in_color(self, x: Tensor) -> Tensor:
        """Repeat the one channel of gray images where the module takes three."""
        gray = x.shape[1] == 1 and _first_channels(self.module_) == 3
        return x.expand(-1, 3, -1, -1) if gray else x

    def _interpolated(self, x: Tensor) -> Tensor:
        """Resize images (B, C, H, W) to `size`."""
        from torch.nn import functional as F

        assert self.size is not None
        how: dict[str, Any] = {"align_corners": False, "antialias": True}
        return F.interpolate(x, _sides(self.size), mode="bilinear", **how)

    def _scale(self) -> tuple[float, float]:
        """Return the values that become 0 and 1."""
        low, high = self.pixel_range_
        if self.pixel_kind_ == "b" or (low >= 0 and high <= 1):
            return 0.0, 1.0
        if self.pixel_kind_ in "ui" and low >= 0 and high <= 255:
            return 0.0, 255.0
        return (low, high) if high > low else (low, low + 1.0)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "module_" not in state:
            return state
        # it may be read where there is no such device
        if is_named(self.module):
            tensors = self.module_.state_dict().items()
            state["module_"] = {name: tensor.cpu().numpy() for name, tensor in tensors}
        else:
            state["module_"] = copy.deepcopy(self.module_).cpu()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(module := state.get("module_"), dict):
            self._check_parameters()
            architecture: Any = self.module
            self.module_ = architecture.rebuilt(module)

    def _said(self, module: nn.Module, x: Tensor) -> list[Tensor]:
        """Return what the module says, or its layers, pooled: (B, n_features) each."""
        import torch

        pooled: dict[str, Tensor] = {}
        hooks: list[Any] = []

        def pool(output: Any, name: str) -> None:
            # at once: a layer that follows may work in place
            _check_output(output, f"{_name(self.module)}, {name}")
            pooled[name] = _pooled(output, self.pool)

        for name in self.layers or ():

            def keep(_: Any, __: Any, output: Any, name: str = name) -> None:
                pool(output, name)

            hooks.append(module.get_submodule(name).register_forward_hook(keep))
        try:
            whole = module(x)
        except (FeatxError, torch.OutOfMemoryError):  # no fault of the images
            raise
        except Exception as error:  # whatever the module's own code raises
            raise DataError(
                f"Got images of shape {tuple(x.shape[1:])} that {_name(self.module)} "
                f"cannot take, {type(error).__name__}: {first_line(error)}. Set size, or "
                "give it other images."
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
        if self.layers is None:
            pool(whole, "its output")
        unused = [name for name in self.layers or () if name not in pooled]
        if unused:
            raise DataError(
                f"Got layer {unused[0]!r}, which {_name(self.module)} does not use for "
                "these images, but expected an output of it."
            )
        return [pooled[name] for name in self.layers or ("its output",)]


def is_named(module: Any) -> bool:
    """Whether a module can be made again from its name and arrays, without its code.

    Examples
    --------
    >>> from torch import nn
    >>> is_named(nn.Flatten())
    False
    """
    return hasattr(module, "rebuilt")


def _made(module: Any, weights: str | os.PathLike[str] | None) -> nn.Module:
    """Copy or make the module, and load its weights."""
    from torch import nn

    named = import_named(module) if isinstance(module, str) else module
    if weights is not None and hasattr(named, "with_weights"):
        named, weights = named.with_weights(weights), None
    if isinstance(named, nn.Module):
        network: Any = copy.deepcopy(named)
    elif is_named(named):
        network = named.made()
    else:
        network = made(named, _name(module))
    if not isinstance(network, nn.Module):
        raise ParameterError(
            f"Got {_name(module)}, which gives {type(network).__name__}, but expected a "
            "torch.nn.Module or what makes one."
        )
    if weights is not None:
        load_weights(network, weights, _name(module))
    return network


def _check_layers(module: nn.Module, layers: Sequence[str]) -> None:
    names = [name for name, _ in module.named_modules() if name]
    for layer in layers:
        if layer not in names:
            near = difflib.get_close_matches(str(layer), names, n=3, cutoff=0.3)
            raise ParameterError(
                f"Got layer {layer!r}, but expected one of the module's {len(names)}, such "
                f"as {', '.join(near or names[-3:])}."
            )


def _check_output(output: Any, what: str) -> None:
    import torch

    if not isinstance(output, torch.Tensor):
        kind = "nothing" if output is None else type(output).__name__
        raise DataError(
            f"Got {kind} from {what}, but expected a tensor. Name a layer whose output is "
            "one, or wrap the module."
        )
    if output.ndim < 2 or not output.dtype.is_floating_point:
        raise DataError(
            f"Got {output.dtype} of shape {tuple(output.shape)} from {what}, but expected "
            "floating-point numbers with one row for each image."
        )


def _pooled(output: Tensor, pool: int) -> Tensor:
    """Average over a grid of cells, or over tokens: (B, n_features)."""
    from featx.autoencoders.layers import average_cells

    if output.ndim == 4:
        output = average_cells(output.float(), pool)
    elif output.ndim == 3:
        output = output.float().mean(dim=1)
    return output.flatten(1)


def _first_channels(module: nn.Module) -> int | None:
    """Channels that the first convolution takes; None without one."""
    from torch import nn

    for one in module.modules():
        if isinstance(one, nn.Conv2d):
            return one.in_channels
    return None


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = size if isinstance(size, tuple | list) else (size, size)
    return int(height), int(width)


def _name(module: Any) -> str:
    """Name a module for people."""
    if isinstance(module, str):
        return module
    named = (
        module if callable(module) and hasattr(module, "__qualname__") else type(module)
    )
    return str(named.__qualname__)
