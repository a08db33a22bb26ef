"""Features of several encoders side by side, made of those that are in the cache."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion

from featx.autoencoders.base import batches
from featx.errors import ParameterError
from featx.features.cache import FeatureCache
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.digest import digest_json
from featx.memory_maps import load_array, release_pages, reserve
from featx.store import FORMAT, cache_errors

if TYPE_CHECKING:
    from featx.features.encode import EncodedDataset

_BATCH_VALUES = 2**24


def parts_of(union: FeatureUnion) -> dict[str, BaseEstimator]:
    """Give the encoders of a union by name.

    Raises
    ------
    ParameterError
        If one is a word such as ``"drop"``.

    Examples
    --------
    >>> from featx import RawPixels
    >>> parts_of(FeatureUnion([("pixels", RawPixels())]))
    {'pixels': RawPixels()}
    """
    for name, one in union.transformer_list:
        if isinstance(one, str):
            raise ParameterError(
                f"Got {one!r} as {name} of a FeatureUnion, but expected an encoder. "
                "Leave it out, or use RawPixels()."
            )
    return dict(union.transformer_list)


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
    encoders = [one.encoder for one in parts.values()]
    learned_from = [_learned_from(one).key for one in parts.values()]
    digest = digest_json(
        {
            "format": FORMAT,
            "side by side": [one.digest for one in encoders],
            "weighed on": learned_from,
            "weights": union.transformer_weights,
        }
    )
    weights = _weights(union, parts, cache, digest)
    params: dict[str, Any] = {"class": "FeatureUnion"} | {
        name: one.encoder.params for name, one in parts.items()
    }
    encoder = CachedEncoder(
        load=partial(
            _union, union, {n: one.encoder for n, one in parts.items()}, weights
        ),
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


def _union(
    union: FeatureUnion,
    encoders: Mapping[str, CachedEncoder],
    weights: dict[str, float],
) -> FeatureUnion:
    """Put fitted encoders into a union."""
    fitted = copy.copy(union)
    fitted.transformer_list = [(name, one.encoder) for name, one in encoders.items()]
    fitted.transformer_weights = weights
    return fitted


def _learned_from(encoded: EncodedDataset) -> CachedFeatures:
    """Return the features that weights are learned from; never those of test images."""
    return encoded.parts.get("train") or encoded.parts["unlabeled"]


def _weights(
    union: FeatureUnion,
    parts: Mapping[str, EncodedDataset],
    cache: FeatureCache,
    digest: str,
) -> dict[str, float]:
    """Weigh encoders, or recall how; the user's own weights count beside."""

    def make() -> NDArray[np.float64]:
        return np.array(
            [_weight(_learned_from(one).X, len(parts)) for one in parts.values()]
        )

    found = cache.store.get_or_make(
        "diagnostics",
        digest,
        f"weights of {' + '.join(parts)}",
        read=lambda folder, _: load_array(folder / "weights.npy", "weights"),
        make=make,
        write=lambda work, made: np.save(work / "weights.npy", made),
    )
    own = union.transformer_weights or {}
    return {
        name: float(weight) * own.get(name, 1)
        for name, weight in zip(parts, found, strict=True)
    }


def _weight(X: NDArray[np.float32], n_encoders: int) -> float:
    """Return what gives the columns the variance 1 / n_encoders in all; 1 for none."""
    mean, square = np.zeros(X.shape[1]), 0.0
    for rows in batches(len(X), max(1, _BATCH_VALUES // X.shape[1])):
        part = np.asarray(X[rows], float)
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
            file = work / "features.npy"
            reserve(file, (len(first.y), width), np.float32)
            _write_weighed(file, [one.X for one in features], weights)
        return read(cache.store.path("features", key), None)

    X = cache.store.get_or_make_alone("features", key, f"join {name}", read, make)
    seconds = sum(one.encode_seconds for one in features)
    n_encoded = sum(one.n_encoded for one in features)
    return CachedFeatures(X, first.y, first.ids, key, seconds, n_encoded)


def _write_weighed(
    file: Path, arrays: Sequence[NDArray[np.float32]], weights: Sequence[float]
) -> None:
    """Write arrays side by side into a file; afterwards it is no longer mapped."""
    whole = np.load(file, mmap_mode="r+")
    for rows in batches(len(whole), max(1, _BATCH_VALUES // whole.shape[1])):
        pairs = zip(arrays, weights, strict=True)
        weighed = [one[rows] * np.float32(weight) for one, weight in pairs]
        whole[rows] = np.concatenate(weighed, axis=1)
        for used in (whole, *arrays):
            release_pages(used)
    whole.flush()
