"""Encode images once and keep the features."""

from featx.features.cache import FeatureCache
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.encode import EncodedDataset, encode
from featx.features.encoder_fit import plain_params
from featx.features.tables import export

__all__ = [
    "CachedEncoder",
    "CachedFeatures",
    "EncodedDataset",
    "FeatureCache",
    "encode",
    "export",
    "plain_params",
]
