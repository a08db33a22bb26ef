"""The cache on disk: entries of several kinds, each whole or absent under its key."""

from featx.store.entries import KINDS, Entry
from featx.store.folders import FORMAT, cache_errors, default_cache_dir, provenance
from featx.store.store import Store

__all__ = [
    "FORMAT",
    "KINDS",
    "Entry",
    "Store",
    "cache_errors",
    "default_cache_dir",
    "provenance",
]
