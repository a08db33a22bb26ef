"""featx: autoencoder features for your own images, compared honestly.

The public names load on first use, so that ``import featx`` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from featx._version import __version__ as __version__

if TYPE_CHECKING:  # the same names once more, for type checkers and editors
    from featx.autoencoders import CompactAutoencoder as CompactAutoencoder
    from featx.autoencoders import ConvAutoencoder as ConvAutoencoder
    from featx.autoencoders import PatchAutoencoder as PatchAutoencoder
    from featx.autoencoders import PredictiveAutoencoder as PredictiveAutoencoder
    from featx.autoencoders import RawPixels as RawPixels
    from featx.autoencoders import UntrainedAutoencoder as UntrainedAutoencoder
    from featx.autoencoders import resumable as resumable
    from featx.bundle import load as load
    from featx.bundle import save as save
    from featx.classifiers import WhitenedPCA as WhitenedPCA
    from featx.classifiers import WideLinearSVC as WideLinearSVC
    from featx.classifiers import WideLogisticRegression as WideLogisticRegression
    from featx.classifiers import make_classifier as make_classifier
    from featx.encoders import TorchEncoder as TorchEncoder
    from featx.encoders import make_encoders as make_encoders
    from featx.errors import FeatxError as FeatxError
    from featx.errors import FeatxWarning as FeatxWarning
    from featx.evaluation import BenchResults as BenchResults
    from featx.experiment import Backend as Backend
    from featx.experiment import Budget as Budget
    from featx.experiment import Observer as Observer
    from featx.experiment import Protocol as Protocol
    from featx.experiment import bench as bench
    from featx.experiment import learning_curve as learning_curve
    from featx.export import export_onnx as export_onnx
    from featx.features import FeatureCache as FeatureCache
    from featx.features.encode import encode as encode
    from featx.images import Dataset as Dataset
    from featx.images import ImageSet as ImageSet
    from featx.images import load_dataset as load_dataset
    from featx.model import Model as Model
    from featx.suggestion import suggest as suggest

_HOMES = {
    "Backend": "featx.experiment",
    "BenchResults": "featx.evaluation",
    "Budget": "featx.experiment",
    "CompactAutoencoder": "featx.autoencoders",
    "ConvAutoencoder": "featx.autoencoders",
    "Dataset": "featx.images",
    "FeatureCache": "featx.features",
    "FeatxError": "featx.errors",
    "FeatxWarning": "featx.errors",
    "ImageSet": "featx.images",
    "Model": "featx.model",
    "Observer": "featx.experiment",
    "PatchAutoencoder": "featx.autoencoders",
    "PredictiveAutoencoder": "featx.autoencoders",
    "Protocol": "featx.experiment",
    "RawPixels": "featx.autoencoders",
    "TorchEncoder": "featx.encoders",
    "UntrainedAutoencoder": "featx.autoencoders",
    "WhitenedPCA": "featx.classifiers",
    "WideLinearSVC": "featx.classifiers",
    "WideLogisticRegression": "featx.classifiers",
    "bench": "featx.experiment",
    "encode": "featx.features.encode",
    "export_onnx": "featx.export",
    "learning_curve": "featx.experiment",
    "load": "featx.bundle",
    "load_dataset": "featx.images",
    "make_classifier": "featx.classifiers",
    "make_encoders": "featx.encoders",
    "resumable": "featx.autoencoders",
    "save": "featx.bundle",
    "suggest": "featx.suggestion",
}

__all__ = sorted([*_HOMES, "__version__"])


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'featx' has no attribute {name!r}")
