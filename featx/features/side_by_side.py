"""Features of several encoders side by side, made of those that are in the cache."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion

from featx.features.cache import FeatureCache
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.digest import digest_json
from featx.memory_maps import load_array, release_pages
from featx.store import FORMAT, cache_errors

if TYPE_CHECKING:
    from featx.features.encode import EncodedDataset

_BATCH_VALUES = 2**24


def join(
    union: FeatureUnion, parts: Mapping[str, EncodedDataset], cache: FeatureCache
) -> tuple[CachedEncoder, dict[str, CachedFeatures]]:
    """Put features side by side, each encoder's with the same variance in all.

    Parameters
    ----------
    union : FeatureUnion
        The encoders, unfitted.
    parts : mapping of str to EncodedDataset
        What each of them says of the same images.
    cache : FeatureCache
        Where the joined features are kept.

    Returns
    -------
    encoder : CachedEncoder
        A fitted union, which says the same.
    features : dict of str to CachedFeatures
        By part of the data set.
    """
    weights = {name: _weight(one.train.X, len(parts)) for name, one in parts.items()}
    encoders = [one.encoder for one in parts.values()]
    digest = digest_json(
        {"side by side": [one.digest for one in encoders], "weights": weights}
    )

    def load() -> FeatureUnion:
        fitted = copy.copy(union)
        fitted.transformer_list = [
            (name, one.encoder.encoder) for name, one in parts.items()
        ]
        fitted.transformer_weights = weights
        return fitted

    params: dict[str, Any] = {"class": "FeatureUnion"} | {
        name: one.encoder.params for name, one in parts.items()
    }
    encoder = CachedEncoder(
        load=load,
        params=params,
        choices="; ".join(one.choices for one in encoders if one.choices),
        key=digest,
        digest=digest,
        train_seconds=sum(one.train_seconds for one in encoders),
        history={},
        cached=all(one.cached for one in encoders),
    )
    labels = next(iter(parts.values())).parts
    features = {
        label: _joined(
            [one.parts[label] for one in parts.values()],
            list(weights.values()),
            encoder,
            "+".join(parts),
            cache,
        )
        for label in labels
    }
    return encoder, features


def _weight(X: NDArray[np.float32], n_encoders: int) -> float:
    """Return what gives the columns the variance 1 / n_encoders in all; 1 for none."""
    mean, square = np.zeros(X.shape[1]), 0.0
    for start in range(0, len(X), max(1, _BATCH_VALUES // X.shape[1])):
        part = np.asarray(X[start : start + max(1, _BATCH_VALUES // X.shape[1])], float)
        mean += part.sum(axis=0) / len(X)
        square += float(np.square(part).sum()) / len(X)
        release_pages(X)
    variance = square - float(np.square(mean).sum())
    return float(1 / np.sqrt(n_encoders * variance)) if variance > 1e-12 else 1.0


def _joined(
    features: Sequence[CachedFeatures],
    weights: Sequence[float],
    encoder: CachedEncoder,
    name: str,
    cache: FeatureCache,
) -> CachedFeatures:
    """Write one part of the data set, or find it in the cache."""
    key = digest_json(
        {
            "format": FORMAT,
            "features": [one.key for one in features],
            "weights": list(weights),
        }
    )
    first = features[0]
    width = sum(one.X.shape[1] for one in features)

    def read(folder: Path, _: object) -> NDArray[np.float32]:
        return load_array(folder / "features.npy", "features", mapped=True)

    def make() -> NDArray[np.float32]:
        manifest = {
            "what": f"{name}, {len(first.y):,} images",
            "encoder_digest": encoder.digest,
            "encode_seconds": sum(one.encode_seconds for one in features),
        }
        with (
            cache_errors(cache.folder),
            cache.store.new_entry("features", key, manifest) as work,
        ):
            whole = open_memmap(
                work / "features.npy", "w+", np.float32, (len(first.y), width)
            )
            left = 0
            for one, weight in zip(features, weights, strict=True):
                columns = slice(left, left := left + one.X.shape[1])
                size = max(1, _BATCH_VALUES // one.X.shape[1])
                for start in range(0, len(whole), size):
                    rows = slice(start, start + size)
                    whole[rows, columns] = one.X[rows] * np.float32(weight)
                    release_pages(one.X)
            whole.flush()
        return read(cache.store.path("features", key), None)

    X = cache.store.get_or_make_alone("features", key, f"join {name}", read, make)
    seconds = sum(one.encode_seconds for one in features)
    n_encoded = sum(one.n_encoded for one in features)
    return CachedFeatures(X, first.y, first.ids, key, seconds, n_encoded)
