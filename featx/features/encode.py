"""Images of a data set -> features of its parts, through the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion

from featx.features.cache import FeatureCache
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.engines import make_engine
from featx.features.progress import Progress
from featx.features.side_by_side import join, parts_of
from featx.images import Dataset, ImageSet


@dataclass(frozen=True)
class EncodedDataset:
    """A data set as features.

    Parameters
    ----------
    encoder : CachedEncoder
        Fitted on the training images, without labels.
    train, test : CachedFeatures
        Features of both parts; of no images where no image has a label.
    unlabeled : CachedFeatures or None
        Features of images without a label; None if there are none or they were not wanted.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, encode, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = load_dataset("digits", cache_dir=folder, limit=20)
    ...     encoded = encode(digits, RawPixels(), cache=FeatureCache(folder))
    >>> sorted(encoded.parts)
    ['test', 'train']
    """

    encoder: CachedEncoder
    train: CachedFeatures
    test: CachedFeatures
    unlabeled: CachedFeatures | None = None

    @property
    def parts(self) -> dict[str, CachedFeatures]:
        """All features by the name of their part, without empty ones."""
        parts = {"unlabeled": self.unlabeled, "train": self.train, "test": self.test}
        return {
            name: one for name, one in parts.items() if one is not None and len(one.y)
        }

    @property
    def cached(self) -> dict[str, bool]:
        """Whether the encoder and all feature arrays came from the cache."""
        return {
            "encoder": self.encoder.cached,
            "features": all(one.cached for one in self.parts.values()),
        }

    @property
    def n_encoded(self) -> int:
        """Images that were encoded this time; the others were found in the cache."""
        return sum(one.n_encoded for one in self.parts.values())

    @property
    def encode_seconds(self) -> float:
        """Wall time of encoding all parts, when that was done."""
        return sum(one.encode_seconds for one in self.parts.values())

    @property
    def images_per_second(self) -> float:
        """Throughput of the encoding."""
        n_images = sum(len(one.y) for one in self.parts.values())
        return n_images / max(self.encode_seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Summarize as plain data; under ``"features"`` the file of each part."""
        return {
            "n_features": max(
                (one.X.shape[1] for one in self.parts.values()), default=0
            ),
            "train_seconds": self.encoder.train_seconds,
            "encode_seconds": self.encode_seconds,
            "encode_images_per_second": self.images_per_second,
            "cached": self.cached,
            "n_encoded": self.n_encoded,
            "features": {name: one.file for name, one in self.parts.items()},
        }


def encode(
    dataset: Dataset,
    encoder: BaseEstimator,
    *,
    cache: FeatureCache | None = None,
    name: str = "",
    progress: Progress | None = None,
    unlabeled: bool = True,
    engine: str = "local",
    address: str | None = None,
) -> EncodedDataset:
    """Fit an encoder on the images to learn from and encode all, or load it all.

    An encoder learns from training images and from those without a label. Those of a
    `FeatureUnion` are fitted and encode one by one, as if they were alone, and so are found
    in the cache; their features then stand side by side, each encoder's with the same
    variance in all.

    Parameters
    ----------
    dataset : Dataset
        As `load_dataset` returns it.
    encoder : estimator
        Unfitted transformer with a seed.
    cache : FeatureCache, default=None
        Where encoders and features are kept; the user's cache by default.
    name : str
        What to call the encoder in listings and progress.
    progress : callable, default=None
        Called with a description, the steps done and the steps in all.
    unlabeled : bool, default=True
        Encode the images without a label, too, if there are some.
    engine : {"local", "ray"}, default="local"
        Where images are encoded: in this process, or in the workers of a Ray cluster.
        Training runs here either way.
    address : str, default=None
        Of the cluster; without it Ray is started on this machine.

    Returns
    -------
    EncodedDataset
        Features as read-only memory maps.

    Raises
    ------
    CacheError
        If the cache cannot be written or an entry is damaged.
    DependencyError
        If Ray is wanted and not installed.
    ParameterError
        If a union holds a word such as ``"drop"``.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, encode, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = load_dataset("digits", cache_dir=folder)
    ...     encode(dataset, RawPixels(), cache=FeatureCache(folder)).train.X.shape
    (1438, 64)
    """
    cache = cache or FeatureCache()
    if isinstance(encoder, FeatureUnion):
        how: dict[str, Any] = {
            "cache": cache,
            "progress": progress,
            "unlabeled": unlabeled,
            "engine": engine,
            "address": address,
        }
        parts = {
            step: encode(dataset, one, name=step, **how)
            for step, one in parts_of(encoder).items()
        }
        joined, features = join(encoder, parts, cache)
        return EncodedDataset(
            joined,
            features.get("train", _no_features(dataset.train)),
            features.get("test", _no_features(dataset.test)),
            features.get("unlabeled"),
        )
    chosen = make_engine(engine, address)
    fitted = cache.fit(encoder, dataset.learning_images, name=name, progress=progress)

    def encoded(part: ImageSet, label: str) -> CachedFeatures:
        if not len(part):
            return _no_features(part)
        what = f"{name} {label}".strip()
        return cache.encode(fitted, part, name=what, progress=progress, engine=chosen)

    wanted = unlabeled and len(dataset.unlabeled)
    return EncodedDataset(
        fitted,
        encoded(dataset.train, "train"),
        encoded(dataset.test, "test"),
        encoded(dataset.unlabeled, "unlabeled") if wanted else None,
    )


def _no_features(part: ImageSet) -> CachedFeatures:
    empty = np.empty((0, 0), np.float32)
    return CachedFeatures(
        empty, part.y, part.ids, key="", encode_seconds=0, n_encoded=0
    )
