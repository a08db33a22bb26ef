"""Transformers that turn images into features."""

from featx.autoencoders.conv import ConvAutoencoder
from featx.autoencoders.raw import RawPixels
from featx.autoencoders.untrained import UntrainedAutoencoder

__all__ = ["ConvAutoencoder", "RawPixels", "UntrainedAutoencoder"]
