"""Encode images once and keep the features."""

from featx.features.cache import FeatureCache, plain_params
from featx.features.encode import EncodedDataset, encode
from featx.features.entries import CachedEncoder, CachedFeatures, Entry
from featx.features.tables import export

__all__ = [
    "CachedEncoder",
    "CachedFeatures",
    "EncodedDataset",
    "Entry",
    "FeatureCache",
    "encode",
    "export",
    "plain_params",
]
