"""Images of a data set -> features of its parts, through the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator

from featx.features.cache import FeatureCache
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.engines import make_engine
from featx.features.progress import Progress
from featx.images import Dataset


@dataclass(frozen=True)
class EncodedDataset:
    """A data set as features.

    Parameters
    ----------
    encoder : CachedEncoder
        Fitted on the training images, without labels.
    train, test : CachedFeatures
        Features of both parts.
    """

    encoder: CachedEncoder
    train: CachedFeatures
    test: CachedFeatures

    @property
    def cached(self) -> dict[str, bool]:
        """Whether the encoder and both feature arrays came from the cache."""
        return {
            "encoder": self.encoder.cached,
            "features": self.train.cached and self.test.cached,
        }

    @property
    def n_encoded(self) -> int:
        """Images that were encoded this time; the others were found in the cache."""
        return self.train.n_encoded + self.test.n_encoded

    @property
    def encode_seconds(self) -> float:
        """Wall time of encoding both parts, when that was done."""
        return self.train.encode_seconds + self.test.encode_seconds

    @property
    def images_per_second(self) -> float:
        """Throughput of the encoding."""
        return (len(self.train.y) + len(self.test.y)) / max(self.encode_seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Summarize as plain data; under ``"features"`` the file of each part."""
        return {
            "n_features": self.train.X.shape[1],
            "train_seconds": self.encoder.train_seconds,
            "encode_seconds": self.encode_seconds,
            "encode_images_per_second": self.images_per_second,
            "cached": self.cached,
            "n_encoded": self.n_encoded,
            "features": {"train": self.train.file, "test": self.test.file},
        }


def encode(
    dataset: Dataset,
    encoder: BaseEstimator,
    *,
    cache: FeatureCache | None = None,
    name: str = "",
    progress: Progress | None = None,
    engine: str = "local",
    address: str | None = None,
) -> EncodedDataset:
    """Fit an encoder on the training images and encode both parts, or load it all.

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
    chosen = make_engine(engine, address)
    fitted = cache.fit(encoder, dataset.train, name=name, progress=progress)
    train, test = (
        cache.encode(
            fitted,
            part,
            name=f"{name} {label}".strip(),
            progress=progress,
            engine=chosen,
        )
        for part, label in ((dataset.train, "train"), (dataset.test, "test"))
    )
    return EncodedDataset(fitted, train, test)
