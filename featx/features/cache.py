"""The cache: encoders and features, each under a key that names its content."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import featx.autoencoders
from featx.autoencoders.registry import describe_choices
from featx.errors import CacheError, FeatxError, ParameterError
from featx.features.chunks import encode_chunks
from featx.features.digest import digest_estimator, digest_json
from featx.features.entries import CachedEncoder, CachedFeatures, Entry
from featx.features.progress import Progress, training_progress
from featx.images import ImageSet
from featx.storage import (
    FORMAT,
    MANIFEST,
    cache_errors,
    default_cache_dir,
    new_folder,
    provenance,
    read_manifest,
    write_json,
)

_WITHOUT_EFFECT = {"verbose", "device"}  # on what an encoder learns
KINDS = ("images", "encoders", "features", "rows", "evidence")
ENCODER_TYPES = [
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in (getattr(featx.autoencoders, n) for n in featx.autoencoders.__all__)
    if isinstance(kind, type)
]


class FeatureCache:
    """Fitted encoders and encoded features on disk.

    Parameters
    ----------
    folder : str or Path, default=None
        Where to keep them; ``FEATX_CACHE`` or the system's cache folder by default.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images = load_dataset("digits", cache_dir=folder).test
    ...     cache = FeatureCache(folder)
    ...     encoder = cache.fit(RawPixels(), images)
    ...     first = cache.encode(encoder, images)
    ...     second = cache.encode(encoder, images)
    ...     first.X.shape, first.cached, second.cached
    ((359, 64), False, True)
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_cache_dir()

    def fit(
        self,
        encoder: BaseEstimator,
        images: ImageSet,
        *,
        name: str = "",
        progress: Progress | None = None,
    ) -> CachedEncoder:
        """Fit an encoder, or load it if the same one was fitted on the same images.

        Parameters
        ----------
        encoder : estimator
            Unfitted transformer; with a seed, else every fit would differ.
        images : ImageSet
            Training images. Their labels are not looked at.
        name : str
            What to call it in listings and progress; the class's name by default.
        progress : callable, default=None
            Called with a description, the steps of training done and the steps in all.

        Returns
        -------
        CachedEncoder
            Fitted.

        Raises
        ------
        ParameterError
            If the encoder refuses a parameter or the images.
        CacheError
            If the cache cannot be written or an entry is damaged.
        """
        for parameter, value in encoder.get_params().items():
            if isinstance(value, np.random.RandomState):
                raise ParameterError(
                    f"Got {parameter} as a RandomState, but what is cached must be found "
                    "again. Use an integer."
                )
        params = plain_params(encoder)
        decisive = {k: v for k, v in params.items() if k not in _WITHOUT_EFFECT}
        key = digest_json(
            {"format": FORMAT, "images": images.digest, "params": decisive}
        )
        folder = self.folder / "encoders" / key
        manifest = read_manifest(folder)
        if manifest is None:
            name = name or type(encoder).__name__
            start = time.perf_counter()
            with training_progress(encoder, name, progress):
                _fit(encoder, images, name)
            manifest = {
                "what": f"{name} on {len(images):,} images",
                "params": params,
                "images": images.digest,
                "digest": digest_estimator(encoder),
                "train_seconds": time.perf_counter() - start,
                "history": getattr(encoder, "history_", {}),
                "choices": describe_choices(encoder),
            } | provenance()
            import skops.io

            with new_folder(folder) as work, cache_errors(folder.parent):
                skops.io.dump(encoder, work / "encoder.skops")
                write_json(work / MANIFEST, manifest)
            cached, load = False, lambda: encoder
        else:
            here = {k: v for k, v in params.items() if k in _WITHOUT_EFFECT}
            cached, load = True, lambda: self._load(folder).set_params(**here)
        return CachedEncoder(
            load,
            params,
            manifest.get("choices", ""),
            key,
            manifest["digest"],
            manifest["train_seconds"],
            manifest["history"],
            cached,
        )

    def _load(self, folder: Path) -> BaseEstimator:
        import skops.io

        try:
            return skops.io.load(folder / "encoder.skops", trusted=ENCODER_TYPES)
        except Exception as error:  # whatever a damaged file makes the reader raise
            raise CacheError(
                f"Got an encoder that cannot be read in {folder} ({error}). Remove it "
                f"with 'featx cache rm {folder.name}' and run again."
            ) from error

    def encode(
        self,
        encoder: CachedEncoder,
        images: ImageSet,
        *,
        name: str = "",
        progress: Progress | None = None,
    ) -> CachedFeatures:
        """Encode images, or open the features if they were encoded before.

        The array is written in chunks; an interrupted encoding continues from its last
        whole chunk.

        Parameters
        ----------
        encoder : CachedEncoder
            As `fit` returns it.
        images : ImageSet
            Images of the shape the encoder was fitted on.
        name : str
            What to call the encoder in listings and progress.
        progress : callable, default=None
            Called with a description, the images done and the images in all.

        Returns
        -------
        CachedFeatures
            Features as a read-only memory map.

        Raises
        ------
        CacheError
            If the cache cannot be written or an entry is damaged.
        """
        name = name or encoder.params["class"]
        key = digest_json(
            {"format": FORMAT, "images": images.digest, "encoder": encoder.digest}
        )
        folder = self.folder / "features" / key
        manifest = read_manifest(folder)
        cached = manifest is not None
        if manifest is None:
            with cache_errors(folder.parent):
                manifest = encode_chunks(folder, encoder, images, name, progress)
        with cache_errors(folder):
            try:
                X = np.load(folder / "features.npy", mmap_mode="r")
            except ValueError as error:
                raise CacheError(
                    f"Got features that cannot be read in {folder} ({error}). Remove "
                    f"them with 'featx cache rm {folder.name}' and run again."
                ) from error
        seconds = manifest["encode_seconds"]
        return CachedFeatures(X, images.y, images.ids, key, seconds, cached)

    def entries(self) -> list[Entry]:
        """List what is in the cache, oldest first.

        Returns
        -------
        list of Entry
            Whole entries, and encodings that can be resumed.
        """
        found = []
        for kind in KINDS:
            for folder in sorted((self.folder / kind).glob("[!.]*")):
                manifest = read_manifest(folder) or {}
                size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
                found.append(
                    Entry(
                        kind,
                        folder.name.removesuffix(".partial"),
                        size,
                        str(manifest.get("created", "")),
                        str(manifest.get("what", manifest.get("source", ""))),
                        (folder / MANIFEST).is_file(),
                    )
                )
        return sorted(found, key=lambda entry: entry.created)

    def remove(self, key: str) -> list[Entry]:
        """Remove the entries whose key begins with `key`.

        Parameters
        ----------
        key : str
            At least 4 hexadecimal digits.

        Returns
        -------
        list of Entry
            What was removed.

        Raises
        ------
        ParameterError
            If the key is too short or no entry begins with it.
        """
        chosen = [e for e in self.entries() if len(key) > 3 and e.key.startswith(key)]
        if not chosen:
            raise ParameterError(
                f"Got key {key!r}, but expected the first 4 or more digits of a key "
                "that 'featx cache ls' lists."
            )
        with cache_errors(self.folder):
            for entry in chosen:
                folder = self.folder / entry.kind / entry.key
                if not entry.complete:
                    folder = folder.with_name(folder.name + ".partial")
                shutil.rmtree(folder)
        return chosen


def plain_params(estimator: BaseEstimator) -> dict[str, Any]:
    """Parameters of an estimator as JSON can hold them, nested steps by their names."""
    flat = {
        name: value
        for name, value in estimator.get_params().items()
        if not isinstance(value, BaseEstimator) and name not in ("steps", "memory")
    }
    plain: dict[str, Any] = json.loads(json.dumps(flat, default=str))
    kinds = {
        name: type(value).__name__
        for name, value in estimator.get_params().items()
        if isinstance(value, BaseEstimator)
    }
    return {"class": type(estimator).__name__} | kinds | plain


def _fit(encoder: BaseEstimator, images: ImageSet, name: str) -> None:
    try:
        encoder.fit(images.X)
    except FeatxError:
        raise
    except ValueError as error:  # scikit-learn's own check of a parameter
        raise ParameterError(f"The encoder {name} cannot be fitted: {error}") from error
