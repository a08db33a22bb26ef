"""Networks that others have trained on other images, by name, with weights from a file."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from featx.autoencoders.base import check_number
from featx.catalog import SOURCES
from featx.encoders.torch_encoder import MOST_SIDE, TorchEncoder
from featx.encoders.weights import load_weights
from featx.errors import (
    DependencyError,
    MissingDataError,
    ParameterError,
    did_you_mean,
)
from featx.own_code import first_line
from featx.system import when_free

if TYPE_CHECKING:
    from torch import Tensor, nn

VARIABLE = "FEATX_WEIGHTS"  # of the environment: a folder of files of weights
_MOST_PIXELS = 2**26  # of an image that was resized
_ENDS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class PretrainedModel:
    """Makes a network with its weights, without its last layer.

    It is no function: what is read from a file should hold none that does anything.

    Parameters
    ----------
    source : {"torchvision", "timm"}
        The package that has the architecture.
    name : str
        The architecture as the package names it.
    place : str
        A file of weights; where it is empty they are looked for, see `find_weights`.
    whole : bool
        Keep the last layer, which names the classes of the other images.
    """

    source: str
    name: str
    place: str = ""
    whole: bool = False

    def made(self) -> nn.Module:
        """Make it; MissingDataError where there are no weights."""
        module = self._architecture()
        load_weights(module, self.place or find_weights(self), str(self))
        return self._without_last_layer(module)

    def _architecture(self) -> nn.Module:
        return {"torchvision": _torchvision, "timm": _timm}[self.source](self.name)

    def _without_last_layer(self, module: nn.Module) -> nn.Module:
        if self.whole:
            return module
        if self.source != "timm":
            return without_head(module)
        network: Any = module
        network.reset_classifier(0)
        return module

    def _loaded(self, tensors: Any, *, assign: bool) -> nn.Module:
        module = self._without_last_layer(self._architecture())
        tensors._metadata = getattr(module.state_dict(), "_metadata", None)
        module.load_state_dict(tensors, assign=assign)
        return module

    def rebuilt(self, state: Mapping[str, NDArray[Any]]) -> nn.Module:
        """Make it again from its `state_dict` as arrays, without a file of weights.

        Raises
        ------
        RuntimeError
            If the arrays are those of another architecture.
        """
        import torch

        tensors: Any = OrderedDict(
            (name, torch.as_tensor(array)) for name, array in state.items()
        )
        try:
            with torch.device("meta"):  # takes no memory: only what fits is made
                self._loaded(tensors, assign=True)
        except NotImplementedError:  # RegNets need numbers to be made; none is huge
            if self.source != "torchvision":
                raise
        with torch.random.fork_rng(devices=[]):
            module = self._loaded(tensors, assign=False)
        return module.float().eval().requires_grad_(False)

    def with_weights(self, place: str | os.PathLike[str]) -> PretrainedModel:
        """Return one that takes its weights from this file."""
        return replace(self, place=os.fspath(place))

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


@dataclass(frozen=True)
class WeightsTransform:
    """The preprocessing that weights were trained with.

    Parameters
    ----------
    resize_size : int
        Pixels that the shorter side of images is resized to.
    crop_size : int
        Height and width of their middle, which is taken.
    mean, std : tuple of float
        By channel, for pixels in [0, 1].
    interpolation : str
        As `torchvision.transforms.InterpolationMode` has it.
    """

    resize_size: int
    crop_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    @property
    def side(self) -> int:
        """Pixels of the longer side of what it makes, for images as high as wide."""
        return max(self.resize_size, self.crop_size)

    @classmethod
    def of(cls, preset: Any) -> Self:
        """Take the numbers of an `ImageClassification` of torchvision."""
        (resize_size,), (crop_size,) = preset.resize_size, preset.crop_size
        mean, std = (tuple(map(float, one)) for one in (preset.mean, preset.std))
        return cls(resize_size, crop_size, mean, std, preset.interpolation.value)

    def resized(self, images: Tensor) -> Tensor:
        """Resize images (B, C, H, W) and take their middle, with the dtype they have."""
        from torchvision.transforms import InterpolationMode, functional

        check_number("resize_size", self.resize_size, 1, MOST_SIDE, integer=True)
        check_number("crop_size", self.crop_size, 1, MOST_SIDE, integer=True)
        sides = images.shape[2:]
        pixels = self.resize_size**2 * max(sides) // min(sides)
        if pixels > _MOST_PIXELS:
            raise ParameterError(
                f"Got images of {sides[0]} x {sides[1]} pixels, which would be resized to "
                f"{pixels:,}, but expected {_MOST_PIXELS:,} at most. Set size."
            )
        how = InterpolationMode(self.interpolation)
        images = functional.resize(images, [self.resize_size], how, antialias=True)
        middle: Tensor = functional.center_crop(images, [self.crop_size])
        return middle

    def __call__(self, images: Tensor) -> Tensor:
        """Preprocess images (B, C, H, W) in [0, 1]; as bytes, as others do it."""
        import torch

        bytes_ = (images.clamp(0, 1) * 255).round().to(torch.uint8)
        return self.at_size(self.resized(bytes_).float() / 255)

    def at_size(self, images: Tensor) -> Tensor:
        """Normalize images that were resized already."""
        from torchvision.transforms import functional

        normal: Tensor = functional.normalize(images, self.mean, self.std)
        return normal


def pretrained(
    name: str, *, weights: str | os.PathLike[str] | None = None
) -> TorchEncoder:
    """Build the encoder of a pretrained network, unfitted.

    Parameters
    ----------
    name : str
        ``"torchvision:resnet18"``, ``"timm:vit_tiny_patch16_224"``; with ``"@layer4"``
        behind it, what that layer says, instead of what the last layer is given.
    weights : path-like, optional
        File of weights; else see `find_weights`.

    Returns
    -------
    TorchEncoder
        With the preprocessing that the weights were trained with.

    Raises
    ------
    ParameterError
        If the name is not known.
    DependencyError
        If the package is not installed.

    Examples
    --------
    >>> encoder = pretrained("torchvision:resnet18@layer4", weights="resnet18.pth")
    >>> str(encoder.module), encoder.layers
    ('torchvision:resnet18', ['layer4'])
    """
    source, _, rest = name.partition(":")
    model, _, layer = rest.partition("@")
    if source not in SOURCES or not model:
        raise ParameterError(
            f"Got encoder {name!r}, but expected torchvision:NAME or timm:NAME."
        )
    network: Any = PretrainedModel(source, model, whole=bool(layer))
    return TorchEncoder(
        network,
        weights=weights,
        layers=[layer] if layer else None,
        preprocess=_preprocess(source, model),
        precision="auto",
    )


def uses_outside_data(encoder: BaseEstimator) -> bool:
    """Whether an encoder, or one of several side by side, was made elsewhere.

    So it is for every torch module: nobody knows what its weights were learned from.

    Examples
    --------
    >>> from featx import RawPixels
    >>> uses_outside_data(RawPixels())
    False
    """
    if isinstance(encoder, FeatureUnion):
        return any(uses_outside_data(one) for _, one in encoder.transformer_list)
    if isinstance(encoder, Pipeline):
        return any(uses_outside_data(one) for _, one in encoder.steps)
    return isinstance(encoder, TorchEncoder)


def find_weights(model: PretrainedModel) -> str:
    """Find the file of a network's weights.

    In the folder that ``FEATX_WEIGHTS`` names, under the name of the architecture, those of
    timm in its folder ``timm``; in the cache of torch; else from the internet.

    Raises
    ------
    MissingDataError
        If there is none, and it cannot be fetched.
    """
    own = _own_file(model.source, model.name)
    if own is not None:
        return str(own)
    try:
        return _fetched(model)
    except Exception as error:  # whatever a hub or a machine without network raises
        raise MissingDataError(
            f"Got {model}, but its weights are not here and cannot be fetched "
            f"({first_line(error)}). Name a file with --weights, or put "
            f"{model.name}.safetensors or {model.name}.pth into a folder and name that in "
            f"{VARIABLE}."
        ) from error


def _fetched(model: PretrainedModel) -> str:
    """Return the file in the cache of torch, fetched if need be."""
    import torch

    hub = Path(torch.hub.get_dir())
    if model.source == "timm":
        file = hub / "featx" / f"{model.name}.pth"
        if not file.is_file():
            made = _timm(model.name, pretrained=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            whole = file.with_suffix(f".{os.getpid()}")
            torch.save(made.state_dict(), whole)
            when_free(os.replace, whole, file)
        return str(file)
    file = _cached_file(model.name)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        # the name of the file has the beginning of its hash
        begins = file.stem.rpartition("-")[2]
        url = _torchvision_weights(model.name).url
        torch.hub.download_url_to_file(url, str(file), begins, progress=False)
    return str(file)


def _cached_file(name: str) -> Path:
    """Name the file in which torch keeps the weights of a network of torchvision."""
    import torch

    file: str = _torchvision_weights(name).url.rpartition("/")[2]
    return Path(torch.hub.get_dir()) / "checkpoints" / file


def _own_file(source: str, name: str) -> Path | None:
    """Find a file of weights in the user's folder; those of timm are in one of theirs."""
    folder = os.environ.get(VARIABLE, "")
    if not folder:
        return None
    there = Path(folder).expanduser() / ("timm" if source == "timm" else "")
    files = [there / f"{name}{end}" for end in _ENDS]
    return next((file for file in files if file.is_file()), None)


def weights_at_hand(name: str) -> bool:
    """Whether a network of torchvision has its weights on this machine.

    Examples
    --------
    >>> weights_at_hand("torchvision:no_such_network")
    False
    """
    source, _, model = name.partition(":")
    if _own_file(source, model) is not None:
        return True
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    home = os.environ.get("TORCH_HOME") or Path(caches) / "torch"
    # looked for by name first: to know which file it should be takes seconds
    some = any((Path(home) / "hub" / "checkpoints").glob(f"{model}-*.pth"))
    return some and _cached_file(model).is_file()


def without_head(module: nn.Module) -> nn.Module:
    """Replace the last linear layer by nothing, so that its input comes out.

    Raises
    ------
    ParameterError
        If there is none.

    Examples
    --------
    >>> from torch import nn
    >>> without_head(nn.Sequential(nn.ReLU(), nn.Linear(8, 10)))
    Sequential(
      (0): ReLU()
      (1): Identity()
    )
    """
    from torch import nn

    linear = [
        name for name, one in module.named_modules() if isinstance(one, nn.Linear)
    ]
    if not linear:
        raise ParameterError(
            f"Got {type(module).__name__}, which has no linear layer at its end. Name the "
            "layer whose output is wanted, as in torchvision:squeezenet1_1@features."
        )
    home, _, last = linear[-1].rpartition(".")
    setattr(module.get_submodule(home), last, nn.Identity())
    return module


def _preprocess(source: str, name: str) -> WeightsTransform:
    """Return what the weights were trained with."""
    if source == "torchvision":
        return WeightsTransform.of(_torchvision_weights(name).transforms())
    _check_timm(name)
    from timm.data import resolve_data_config
    from timm.models import get_pretrained_cfg

    known = get_pretrained_cfg(name)
    config = resolve_data_config(pretrained_cfg=known.to_dict() if known else {})
    side = int(config["input_size"][-1])
    smooth = config["interpolation"] == "bilinear"
    return WeightsTransform(
        resize_size=round(side / config["crop_pct"]),
        crop_size=side,
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
        interpolation="bilinear" if smooth else "bicubic",
    )


def _torchvision(name: str) -> nn.Module:
    """Make a network as torchvision makes it for these weights."""
    from torchvision import models

    weights = _torchvision_weights(name)
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"transform_input": True, "init_weights": False}
    elif name.startswith("vit_"):
        options = {"image_size": weights.meta["min_size"][0]}
    module: nn.Module = models.get_model(name, weights=None, **options)
    return module


def _torchvision_weights(name: str) -> Any:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        hint = did_you_mean(name, known)
        raise ParameterError(
            f"Got torchvision:{name}, but torchvision has no such network.{hint}"
        )
    return models.get_model_weights(name).DEFAULT


def _timm(name: str, *, pretrained: bool = False) -> nn.Module:
    _check_timm(name)
    import timm

    module: nn.Module = timm.create_model(name, pretrained=pretrained)
    return module


def _check_timm(name: str) -> None:
    """Refuse what timm does not know."""
    try:
        import timm
    except ImportError as error:
        raise DependencyError(
            f"Got timm:{name}, but the package timm is not installed. Install featx with "
            "its extra pretrained."
        ) from error
    known = timm.list_models(pretrained=False)
    if name.partition(".")[0] not in known:
        hint = did_you_mean(name, known)
        raise ParameterError(f"Got timm:{name}, but timm has no such network.{hint}")
