"""Encode images once and keep the features."""

from featx.features.cache import FeatureCache, plain_params
from featx.features.encode import EncodedDataset, encode
from featx.features.entries import CachedEncoder, CachedFeatures, Entry

__all__ = [
    "CachedEncoder",
    "CachedFeatures",
    "EncodedDataset",
    "Entry",
    "FeatureCache",
    "encode",
    "plain_params",
]
