"""featx: autoencoder features for your own images, compared honestly.

The public names load on first use, so that ``import featx`` does not import torch.
"""

from importlib import import_module
from typing import Any

from featx._version import __version__ as __version__

_HOMES = {
    "Backend": "featx.experiment",
    "Budget": "featx.experiment",
    "ConvAutoencoder": "featx.autoencoders",
    "Dataset": "featx.images",
    "DenoisingAutoencoder": "featx.autoencoders",
    "FeatureCache": "featx.features",
    "FeatxError": "featx.errors",
    "ImageSet": "featx.images",
    "MaskedAutoencoder": "featx.autoencoders",
    "Model": "featx.bundle",
    "Observer": "featx.experiment",
    "PatchAutoencoder": "featx.autoencoders",
    "Protocol": "featx.experiment",
    "RawPixels": "featx.autoencoders",
    "UntrainedAutoencoder": "featx.autoencoders",
    "VariationalAutoencoder": "featx.autoencoders",
    "bench": "featx.experiment",
    "encode": "featx.features",
    "load": "featx.bundle",
    "load_dataset": "featx.images",
    "make_classifier": "featx.classifiers",
    "resumable": "featx.autoencoders",
    "save": "featx.bundle",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'featx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
