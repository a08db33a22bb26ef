"""Encoders that are no autoencoders of ours: any torch module, any transformer by name."""

from featx.encoders.networks import pretrained
from featx.encoders.registry import make_encoders
from featx.encoders.torch_encoder import TorchEncoder

__all__ = ["TorchEncoder", "make_encoders", "pretrained"]
