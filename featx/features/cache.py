"""The cache of encoders and features, each under a key that names its content."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from featx.autoencoders.checkpoint import resumable
from featx.errors import (
    CacheError,
    DataError,
    FeatxWarning,
    ParameterError,
    TrainingError,
)
from featx.features.cached import CachedEncoder, CachedFeatures
from featx.features.chunks import encode_chunks
from featx.features.digest import UnknownContentError, digest_json, digest_params
from featx.features.encoder_files import FILE, EncoderFile, dump_encoder
from featx.features.encoder_fit import (
    broadcast_word,
    fit_along,
    fit_encoder,
    is_first,
    plain_params,
    unseeded,
)
from featx.features.engines import Engine, encode_here
from featx.features.progress import Progress
from featx.images import ImageSet
from featx.memory_maps import load_array
from featx.store import FORMAT, Store, cache_errors
from featx.store.folders import partial_folder

# an encoder's manifest, what loads it if it was kept, and itself if it was just fitted
_Found = tuple[dict[str, Any], EncoderFile | None, BaseEstimator | None]
_Features = tuple[dict[str, Any], NDArray[Any]]  # manifest and array


class FeatureCache:
    """Fitted encoders and encoded features on disk.

    Parameters
    ----------
    folder : str or Path, default=None
        Where to keep them; ``FEATX_CACHE`` or the system's cache folder by default.
    resume : bool, default=True
        Continue trainings and encodings that were interrupted; else begin them anew.

    Attributes
    ----------
    store : Store
        All that is kept in the folder: `Store.entries` lists it, `Store.remove` and
        `Store.prune` remove of it, `Store.verify` reads every byte.

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

    def __init__(
        self, folder: str | Path | None = None, *, resume: bool = True
    ) -> None:
        self.store = Store(folder)
        self.resume = resume

    @property
    def folder(self) -> Path:
        """Where all is kept."""
        return self.store.folder

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
            Transformer, of which a clone is fitted. What cannot be found again is fitted
            each time and not kept, and a `FeatxWarning` says why: ``random_state=None``,
            a class that is in no file, an open file as a parameter.
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
        name = name or type(encoder).__name__
        params = plain_params(encoder)
        content, reason = "", unseeded(encoder)
        try:
            content = digest_params(encoder)
            encoder = clone(encoder)
        except UnknownContentError as error:
            reason = reason or str(error)
        if reason:
            _warn_unkept(name, reason)
            manifest = fit_encoder(encoder, images, name, progress)
            return CachedEncoder.of("", manifest, fitted=encoder)
        key = digest_json(
            {"format": FORMAT, "images": images.digest, "encoder": content}
        )

        def read(folder: Path, manifest: dict[str, Any]) -> _Found:
            return manifest, EncoderFile.find(folder, encoder), None

        def make() -> _Found:
            self._begin("encoders", key)
            broadcast_word("fit")
            manifest = self._train(key, encoder, images, name, progress)
            kept = self.store.get("encoders", key, read)
            return manifest, kept and kept[1], encoder

        if is_first():
            found = self.store.get_or_make_alone(
                "encoders", key, f"train {name}", read, make, progress
            )
            broadcast_word("done")
        else:
            fit_along(encoder, images, name)
            kept = self.store.get("encoders", key, read)
            if kept is None:
                raise CacheError(
                    f"Got no {self.store.path('encoders', key)} here, though the first "
                    "process has just made it. Put the cache on storage that all "
                    "processes see, with --cache-dir or FEATX_CACHE."
                )
            found = kept
        manifest, load, fitted = found
        return CachedEncoder.of(key, manifest | {"params": params}, load, fitted)

    def _begin(self, kind: str, key: str) -> None:
        """Forget how far an interrupted process came, if that is wanted."""
        if not self.resume:
            rest = partial_folder(self.store.path(kind, key))
            shutil.rmtree(rest, ignore_errors=True)

    def _train(
        self,
        key: str,
        encoder: BaseEstimator,
        images: ImageSet,
        name: str,
        progress: Progress | None,
    ) -> dict[str, Any]:
        """Fit an encoder and keep it, if it can be kept; return its manifest."""
        rest = partial_folder(self.store.path("encoders", key))
        try:
            with (
                cache_errors(rest.parent),
                resumable(rest / "training.state") as checkpoint,
            ):
                manifest = fit_encoder(encoder, images, name, progress)
                manifest["train_seconds"] += checkpoint.seconds
                if not getattr(encoder, "learns", True):
                    return manifest  # it is made anew as fast as it is read
                try:
                    content = dump_encoder(encoder, manifest["digest"])
                except UnknownContentError as error:
                    _warn_unkept(name, str(error))
                else:
                    with self.store.new_entry("encoders", key, manifest) as work:
                        (work / FILE).write_bytes(content)
        except (DataError, ParameterError, TrainingError):
            shutil.rmtree(rest, ignore_errors=True)  # it would go wrong again
            raise
        shutil.rmtree(rest, ignore_errors=True)
        return manifest

    def encode(
        self,
        encoder: CachedEncoder,
        images: ImageSet,
        *,
        name: str = "",
        progress: Progress | None = None,
        engine: Engine = encode_here,
    ) -> CachedFeatures:
        """Encode images, or open the features if they were encoded before.

        Images that this encoder has seen before, in whatever order or company, are not
        encoded again. The array is written in chunks; an interrupted encoding continues
        from its last whole chunk.

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
        engine : callable, default=encode_here
            Where images are encoded, see `make_engine`.

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
        folder = self.store.path("features", key)

        def read(folder: Path, manifest: dict[str, Any]) -> _Features:
            file = folder / "features.npy"
            return manifest, load_array(file, "features", mapped=True)

        def make() -> _Features:
            self._begin("features", key)
            with cache_errors(folder.parent):
                manifest = encode_chunks(
                    folder, encoder, images, name, progress, engine
                )
                return read(folder, manifest)

        manifest, X = self.store.get_or_make_alone(
            "features", key, f"encode {name}", read, make, progress
        )
        seconds = manifest["encode_seconds"]
        n_encoded = manifest.get("n_encoded", 0)
        return CachedFeatures(X, images.y, images.ids, key, seconds, n_encoded)


def _warn_unkept(name: str, reason: str) -> None:
    warnings.warn(
        f"The encoder {name} is fitted each time and not kept in the cache. {reason}",
        FeatxWarning,
        stacklevel=3,
    )
