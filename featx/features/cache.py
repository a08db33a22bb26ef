"""The cache: encoders and features, each under a key that names its content."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

import featx.autoencoders
from featx.autoencoders.checkpoint import resumable
from featx.autoencoders.registry import describe_choices
from featx.errors import (
    CacheError,
    DataError,
    FeatxError,
    FeatxWarning,
    ParameterError,
    TrainingError,
)
from featx.features.chunks import encode_chunks
from featx.features.code import full_name
from featx.features.digest import (
    UnknownContentError,
    digest_estimator,
    digest_json,
    digest_params,
)
from featx.features.engines import Engine, encode_here
from featx.features.entries import CachedEncoder, CachedFeatures, Entry
from featx.features.progress import Progress, training_progress
from featx.images import ImageSet
from featx.seals import damage
from featx.storage import (
    FORMAT,
    MANIFEST,
    PARTIAL,
    cache_errors,
    default_cache_dir,
    load_array,
    new_folder,
    partial_folder,
    provenance,
    read_manifest,
    remove_entry,
    sole_maker,
    write_json,
)

_WITHOUT_EFFECT = {"verbose", "device"}  # on what an encoder learns
KINDS = (
    *("images", "encoders", "features", "rows", "evidence"),
    "pictures",
)
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
    resume : bool, default=True
        Continue trainings and encodings that were interrupted; else begin them anew.

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
        self.folder = Path(folder) if folder is not None else default_cache_dir()
        self.resume = resume

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
        for parameter, value in encoder.get_params().items():
            if isinstance(value, np.random.RandomState):
                raise ParameterError(
                    f"Got {parameter} as a RandomState, but what is cached must be found "
                    "again. Use an integer."
                )
        name = name or type(encoder).__name__
        params = plain_params(encoder)
        reason = _unseeded(encoder)
        content = ""
        try:
            content = digest_params(encoder)
            encoder = clone(encoder)
        except UnknownContentError as error:
            reason = reason or str(error)
        if reason:
            _warn_unkept(name, reason)
            learned = _learn(encoder, images, name, params, progress)
            return _cached_encoder(learned, "", partial(_same, encoder), encoder)
        key = digest_json(
            {"format": FORMAT, "images": images.digest, "encoder": content}
        )
        folder = self.folder / "encoders" / key
        fitted = None
        if not _is_first():
            found: _Found | None = _fit_along(folder, encoder, images, name)
        else:
            found = _recall(folder, encoder)
        if found is None:
            with sole_maker(folder, f"train {name}", progress):
                found = _recall(folder, encoder)  # another process may have made it
                if found is None:
                    self._begin(folder)
                    _tell("fit")
                    manifest = _train(encoder, images, name, params, folder, progress)
                    fitted = encoder
                    found = _recall(folder, encoder) or (
                        manifest,
                        partial(_same, fitted),
                    )
        if _is_first():
            _tell("done")
        manifest, load = found
        return _cached_encoder(manifest | {"params": params}, key, load, fitted)

    def _begin(self, folder: Path) -> None:
        """Forget how far an interrupted process came, if that is wanted."""
        if not self.resume:
            shutil.rmtree(partial_folder(folder), ignore_errors=True)

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
        folder = self.folder / "features" / key
        found = _recall_features(folder)
        if found is None:
            with sole_maker(folder, f"encode {name}", progress):
                found = _recall_features(folder)  # another process may have made it
                if found is None:
                    self._begin(folder)
                    with cache_errors(folder.parent):
                        manifest = encode_chunks(
                            folder, encoder, images, name, progress, engine
                        )
                        file = folder / "features.npy"
                        found = manifest, load_array(file, "features", mapped=True)
        manifest, X = found
        seconds = manifest["encode_seconds"]
        n_encoded = manifest.get("n_encoded", 0)
        return CachedFeatures(X, images.y, images.ids, key, seconds, n_encoded)

    def entries(self) -> list[Entry]:
        """List what is in the cache, oldest first.

        Returns
        -------
        list of Entry
            Whole entries, and encodings that can be resumed. Those that other processes
            remove meanwhile are left out.

        Raises
        ------
        CacheError
            If the folder is no folder, or cannot be looked into.
        """
        with cache_errors(self.folder), suppress(FileNotFoundError):
            os.scandir(self.folder).close()
        found = {}
        for kind in KINDS:
            for folder in sorted((self.folder / kind).glob("[!.]*")):
                whole = folder.with_name(folder.name.removesuffix(PARTIAL))
                # it may just have got its name
                entry = _listed(folder) or _listed(whole)
                if entry:
                    found[kind, entry.key, entry.complete] = entry
        return sorted(found.values(), key=lambda entry: entry.created)

    def remove(self, key: str) -> list[Entry]:
        """Remove the entries whose key begins with `key`.

        Parameters
        ----------
        key : str
            At least 4 hexadecimal digits.

        Returns
        -------
        list of Entry
            What was removed. An entry that another process is making stays, and a
            `FeatxWarning` says so.

        Raises
        ------
        ParameterError
            If the key is too short or no entry begins with it.
        CacheError
            If an entry cannot be removed.
        """
        entries = _chosen(self.entries(), key)
        removed = [entry for entry in entries if remove_entry(self._folder_of(entry))]
        self._warn_of_kept(entries, removed)
        return removed

    def verify(
        self, keys: Sequence[str] = (), *, progress: Progress | None = None
    ) -> list[tuple[Entry, list[str]]]:
        """Read every byte of whole entries and find those that are not as written.

        Parameters
        ----------
        keys : sequence of str, default=()
            Beginnings of the keys to look at; all by default.
        progress : callable, default=None
            Called with a description, the entries done and the entries in all.

        Returns
        -------
        list of (Entry, list of str)
            The damaged entries, and for each what is wrong with it. Those that other
            processes remove meanwhile are left out.

        Raises
        ------
        ParameterError
            If no entry begins with one of the keys.
        CacheError
            If the cache cannot be read.
        """
        entries = self.entries()
        for key in keys:
            _chosen(entries, key)
        whole = [
            entry
            for entry in entries
            if entry.complete and (not keys or entry.key.startswith(tuple(keys)))
        ]
        found = []
        for number, entry in enumerate(whole):
            if progress:
                progress("verify", number, len(whole))
            with cache_errors(self.folder), suppress(FileNotFoundError):
                if wrong := damage(self._folder_of(entry)):
                    found.append((entry, wrong))
        if progress:
            progress("verify", len(whole), len(whole))
        return found

    def prune(
        self,
        *,
        max_size: int | None = None,
        older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> list[Entry]:
        """Remove what was not used for long, or for longest.

        Parameters
        ----------
        max_size : int, default=None
            Bytes that may stay; entries go in the order of their last use.
        older_than : timedelta, default=None
            Entries go that were not used for so long.
        dry_run : bool, default=False
            Remove nothing, only say what would go.

        Returns
        -------
        list of Entry
            What was removed, the longest unused first. Entries that other processes are
            making stay, and a `FeatxWarning` says so.

        Raises
        ------
        CacheError
            If an entry cannot be removed.
        """
        entries = sorted(self.entries(), key=lambda entry: entry.used)
        left = sum(entry.size for entry in entries)
        now = datetime.now(UTC)
        chosen, removed = [], []
        for entry in entries:
            unused = now - datetime.fromisoformat(entry.used)
            too_old = older_than is not None and unused > older_than
            if too_old or (max_size is not None and left > max_size):
                chosen.append(entry)
                if dry_run or remove_entry(self._folder_of(entry)):
                    removed.append(entry)
                left -= entry.size
        self._warn_of_kept(chosen, removed)
        return removed

    def _folder_of(self, entry: Entry) -> Path:
        end = "" if entry.complete else PARTIAL
        return self.folder / entry.kind / f"{entry.key}{end}"

    def _warn_of_kept(self, chosen: Sequence[Entry], removed: Sequence[Entry]) -> None:
        """Say what was not removed, but for what others removed meanwhile."""
        gone = set(removed)
        kept = [
            f"{entry.kind} {entry.key[:12]}"
            for entry in chosen
            if entry not in gone and self._folder_of(entry).exists()
        ]
        if kept:
            more = ", ..." if len(kept) > 3 else ""
            warnings.warn(
                f"Got {len(kept)} of {len(chosen)} entries that another process is making "
                f"({', '.join(kept[:3])}{more}); they stay. Run this again when it ends.",
                FeatxWarning,
                stacklevel=3,
            )


def _chosen(entries: Sequence[Entry], key: str) -> list[Entry]:
    chosen = [e for e in entries if len(key) > 3 and e.key.startswith(key)]
    if not chosen:
        raise ParameterError(
            f"Got key {key!r}, but expected the first 4 or more digits of a key "
            "that 'featx cache ls' lists."
        )
    return chosen


def _listed(folder: Path) -> Entry | None:
    """Look at an entry, for listings; None if another process removes it meanwhile."""
    manifest = _peek(folder)
    size = 0
    with suppress(FileNotFoundError):
        for file in folder.rglob("*"):
            with suppress(FileNotFoundError):  # the maker of a part replaces files
                size += file.stat().st_size if file.is_file() else 0
    try:
        used = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    if str(_peek(folder)) != str(manifest):  # made anew meanwhile
        return _listed(folder)
    return Entry(
        folder.parent.name,
        folder.name.removesuffix(PARTIAL),
        size,
        str(manifest.get("created", "")),
        used.isoformat(timespec="seconds"),
        str(manifest.get("what", manifest.get("source", ""))),
        not folder.name.endswith(PARTIAL),
    )


def _peek(folder: Path) -> dict[str, Any]:
    """Read what a manifest says, for listings; of a damaged one, nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


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


def _train(
    encoder: BaseEstimator,
    images: ImageSet,
    name: str,
    params: dict[str, Any],
    folder: Path,
    progress: Progress | None,
) -> dict[str, Any]:
    """Fit an encoder and keep it, if it can be kept; return its manifest."""
    partial = partial_folder(folder)
    try:
        with (
            cache_errors(folder.parent),
            resumable(partial / "training.state") as checkpoint,
        ):
            manifest = _learn(encoder, images, name, params, progress)
            manifest["train_seconds"] += checkpoint.seconds
            try:
                content = _dump(encoder, manifest["digest"])
            except UnknownContentError as error:
                _warn_unkept(name, str(error))
            else:
                with new_folder(folder) as work:
                    (work / "encoder.skops").write_bytes(content)
                    write_json(work / MANIFEST, manifest)
    except (DataError, ParameterError, TrainingError):
        shutil.rmtree(partial, ignore_errors=True)  # it would go wrong again
        raise
    shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _learn(
    encoder: BaseEstimator,
    images: ImageSet,
    name: str,
    params: dict[str, Any],
    progress: Progress | None,
) -> dict[str, Any]:
    """Fit an encoder; return what its manifest says."""
    start = time.perf_counter()
    with training_progress(encoder, name, progress):
        _fit(encoder, images, name)
    try:
        digest = digest_estimator(encoder)
    except UnknownContentError:
        digest = secrets.token_hex(32)  # its features are found by nobody else
    return {
        "what": f"{name} on {len(images):,} images",
        "params": params,
        "images": images.digest,
        "digest": digest,
        "train_seconds": time.perf_counter() - start,
        "history": getattr(encoder, "history_", {}),
        "choices": describe_choices(encoder),
    } | provenance()


def _unseeded(encoder: BaseEstimator) -> str:
    """Say which parameter makes every fit another one; empty if none does."""
    for parameter, value in encoder.get_params().items():
        if parameter.rpartition("__")[2] == "random_state" and value is None:
            return (
                f"With {parameter}=None every fit differs. Give an integer, such as "
                f"{parameter}=0."
            )
    return ""


def _warn_unkept(name: str, reason: str) -> None:
    warnings.warn(
        f"The encoder {name} is fitted each time and not kept in the cache. {reason}",
        FeatxWarning,
        stacklevel=3,
    )


def _cached_encoder(
    manifest: dict[str, Any],
    key: str,
    load: Callable[[], BaseEstimator],
    fitted: BaseEstimator | None,
) -> CachedEncoder:
    found = CachedEncoder(
        load,
        manifest["params"],
        manifest.get("choices", ""),
        key,
        manifest["digest"],
        manifest["train_seconds"],
        manifest["history"],
        fitted is None,
    )
    if fitted is not None:
        vars(found)["encoder"] = fitted
    return found


def _same(encoder: BaseEstimator) -> BaseEstimator:
    return encoder


def _own_types(encoder: BaseEstimator) -> list[str]:
    """Names of the classes and functions that the caller has put into an encoder."""
    given = [encoder, *encoder.get_params().values()]
    return sorted(
        {full_name(v if isinstance(v, type | FunctionType) else type(v)) for v in given}
    )


def _dump(encoder: BaseEstimator, digest: str) -> bytes:
    """Write a fitted encoder with skops.

    Raises
    ------
    UnknownContentError
        If it could not be read back as it is.
    """
    import skops.io

    try:
        content: bytes = skops.io.dumps(encoder)
    except Exception as error:  # whatever skops raises for what it does not know
        raise UnknownContentError(f"skops cannot write it: {error}") from error
    known = {*ENCODER_TYPES, *_own_types(encoder)}
    strange = set(skops.io.get_untrusted_types(data=content)) - known
    if strange:
        raise UnknownContentError(
            f"It holds {', '.join(sorted(strange))}, which would not be read back. Keep "
            "arrays, numbers and text in its attributes."
        )
    if set(skops.io.get_untrusted_types(data=content)) - {*ENCODER_TYPES}:
        try:
            again = digest_estimator(skops.io.loads(content, trusted=sorted(known)))
        except Exception as error:  # whatever the caller's own class raises
            raise UnknownContentError(f"It cannot be read back: {error}") from error
        if again != digest:
            raise UnknownContentError("It does not come back from a file as it was.")
    return content


_Found = tuple[dict[str, Any], Callable[[], BaseEstimator]]  # manifest, what loads it


def _recall(folder: Path, encoder: BaseEstimator) -> _Found | None:
    """Find an encoder that was fitted before; None if it is not there."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    given = encoder.get_params()
    here = {k: v for k, v in given.items() if k in _WITHOUT_EFFECT}
    file = folder / "encoder.skops"
    try:
        return manifest, _EncoderFile(file, here, _own_types(encoder), _mapped(file))
    except FileNotFoundError:  # another process has just removed it
        return None


def _recall_features(folder: Path) -> tuple[dict[str, Any], NDArray[Any]] | None:
    """Find features that were encoded before; None if they are not there."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    try:
        return manifest, load_array(folder / "features.npy", "features", mapped=True)
    except FileNotFoundError:  # another process has just removed them
        return None


@dataclass(frozen=True)
class _EncoderFile:
    """Reads a fitted encoder from its file, when it is called.

    The file is mapped, so that it can be read where others removed it meanwhile. Only its
    name travels to another process.
    """

    file: Path
    params: dict[str, Any]
    types: list[str]
    content: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"content": None}

    def __call__(self) -> BaseEstimator:
        import skops.io

        trusted = [*ENCODER_TYPES, *self.types]
        folder = self.file.parent
        try:
            content = _mapped(self.file) if self.content is None else self.content
            encoder = skops.io.load(io.BytesIO(content.data), trusted=trusted)
        except Exception as error:  # whatever a damaged file makes the reader raise
            raise CacheError(
                f"Got an encoder that cannot be read in {folder} ({error}). Remove it "
                f"with 'featx cache rm {folder.name}' and run again."
            ) from error
        return encoder.set_params(**self.params)


def _mapped(file: Path) -> NDArray[np.uint8]:
    return np.memmap(file, np.uint8, "r")


def _fit(encoder: BaseEstimator, images: ImageSet, name: str) -> None:
    try:
        with np.errstate(invalid="ignore"):  # PCA of constant images: a share of none
            encoder.fit(images.X)
    except FeatxError:
        raise
    except ValueError as error:  # scikit-learn's own check of a parameter
        raise ParameterError(f"The encoder {name} cannot be fitted: {error}") from error


def _is_first() -> bool:
    """Whether this process is the only one, or the first of those that train together."""
    if "torch" not in sys.modules:
        return True
    from featx.autoencoders.processes import Processes

    return Processes().rank == 0


def _tell(word: str = "") -> Any:
    """Tell the processes that train together a word; all but the first are told it."""
    if "torch" not in sys.modules:
        return word
    from featx.autoencoders.processes import Processes

    return Processes().first(word)


def _fit_along(
    folder: Path, encoder: BaseEstimator, images: ImageSet, name: str
) -> _Found:
    """Take a share of the training that the first process keeps in the cache."""
    while _tell() == "fit":
        _fit(encoder, images, name)
    found = _recall(folder, encoder)
    if found is None:
        raise CacheError(
            f"Got no {folder} here, though the first process has just made it. Put the "
            "cache on storage that all processes see, with --cache-dir or FEATX_CACHE."
        )
    return found
