"""Transformers that turn images into features."""

from featx.autoencoders.checkpoint import resumable
from featx.autoencoders.compact import CompactAutoencoder
from featx.autoencoders.conv import ConvAutoencoder
from featx.autoencoders.patch import PatchAutoencoder
from featx.autoencoders.predictive import PredictiveAutoencoder
from featx.autoencoders.raw import RawPixels
from featx.autoencoders.untrained import UntrainedAutoencoder

__all__ = [
    "CompactAutoencoder",
    "ConvAutoencoder",
    "PatchAutoencoder",
    "PredictiveAutoencoder",
    "RawPixels",
    "UntrainedAutoencoder",
    "resumable",
]
