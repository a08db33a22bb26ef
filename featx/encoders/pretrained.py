"""Networks that others have trained on other images, by name, with weights from a file."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from featx.encoders.named import first_line
from featx.encoders.torch_encoder import TorchEncoder
from featx.encoders.weights import load_weights
from featx.errors import DependencyError, MissingDataError, ParameterError

if TYPE_CHECKING:
    from torch import Tensor, nn

SOURCES = ("torchvision", "timm")
VARIABLE = "FEATX_WEIGHTS"  # of the environment: a folder of files of weights
_ENDS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class PretrainedModel:
    """Makes a network with its weights, when it is called, without its last layer.

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

    def __call__(self) -> nn.Module:
        """Make it; MissingDataError where there are no weights."""
        if self.source == "timm":
            module = _timm(self.name, pretrained=False)
        else:
            module = _torchvision(self.name)
        load_weights(module, self.place or find_weights(self), str(self))
        return module if self.whole else without_head(module)

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
    preset : torchvision.transforms._presets.ImageClassification
        Resizes, crops to the middle, and normalizes.
    """

    preset: Any

    def __call__(self, images: Tensor) -> Tensor:
        """Preprocess images (B, C, H, W) in [0, 1]; as bytes, as others do it."""
        import torch

        whole: Tensor = self.preset((images * 255).round().to(torch.uint8))
        return whole

    def at_size(self, images: Tensor) -> Tensor:
        """Normalize images that were resized already."""
        from torchvision.transforms import functional

        normal: Tensor = functional.normalize(images, self.preset.mean, self.preset.std)
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
    return TorchEncoder(
        PretrainedModel(source, model, whole=bool(layer)),
        weights=weights,
        layers=[layer] if layer else None,
        preprocess=_preprocess(source, model),
        precision="auto",
    )


def uses_outside_data(encoder: BaseEstimator) -> bool:
    """Whether an encoder, or one of several side by side, is a pretrained network.

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
    return isinstance(encoder, TorchEncoder) and isinstance(
        encoder.module, PretrainedModel
    )


def find_weights(model: PretrainedModel) -> str:
    """Find the file of a network's weights.

    In the folder that ``FEATX_WEIGHTS`` names, under the name of the architecture; in the
    cache of torch; else from the internet.

    Raises
    ------
    MissingDataError
        If there is none, and it cannot be fetched.
    """
    folder = os.environ.get(VARIABLE, "")
    for end in _ENDS if folder else ():
        file = Path(folder) / f"{model.name}{end}"
        if file.is_file():
            return str(file)
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

    if model.source == "timm":
        made = _timm(model.name, pretrained=True)
        file = Path(torch.hub.get_dir()) / "featx" / f"{model.name}.pth"
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(made.state_dict(), file)
        return str(file)
    url = _torchvision_weights(model.name).url
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), progress=False)
    return str(file)


def weights_at_hand(name: str) -> bool:
    """Whether a network's weights are on this machine; looks at names of files alone.

    Examples
    --------
    >>> weights_at_hand("torchvision:no_such_network")
    False
    """
    model = name.rpartition(":")[2]
    folder = os.environ.get(VARIABLE, "")
    if folder and any((Path(folder) / f"{model}{end}").is_file() for end in _ENDS):
        return True
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    home = os.environ.get("TORCH_HOME") or Path(caches) / "torch"
    return any((Path(home) / "hub" / "checkpoints").glob(f"{model}-*.pth"))


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
        return WeightsTransform(_torchvision_weights(name).transforms())
    module = _timm(name, pretrained=False)
    from timm.data import resolve_model_data_config
    from torchvision.transforms._presets import ImageClassification

    config = resolve_model_data_config(module)
    side = int(config["input_size"][-1])
    preset = ImageClassification(
        crop_size=side,
        resize_size=round(side / config["crop_pct"]),
        mean=config["mean"],
        std=config["std"],
    )
    return WeightsTransform(preset)


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    _torchvision_weights(name)
    module: nn.Module = models.get_model(name, weights=None)
    return module


def _torchvision_weights(name: str) -> Any:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ParameterError(
            f"Got torchvision:{name}, but torchvision has no such network.{hint}"
        )
    return models.get_model_weights(name).DEFAULT


def _timm(name: str, *, pretrained: bool) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise DependencyError(
            f"Got timm:{name}, but the package timm is not installed. Install featx with "
            "its extra pretrained."
        ) from error
    known = timm.list_models(pretrained=False)
    if name.partition(".")[0] not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ParameterError(f"Got timm:{name}, but timm has no such network.{hint}")
    module: nn.Module = timm.create_model(name, pretrained=pretrained)
    return module
