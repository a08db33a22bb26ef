"""Where images are encoded: in this process, or in the workers of a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx.errors import DataError, unknown_name
from featx.features.cached import CachedEncoder
from featx.memory_maps import release_pages
from featx.own_code import send_along
from featx.workers import ENGINES, as_featx_error, import_ray, start_ray

Rows = slice | NDArray[np.int64]
Features = NDArray[np.float32]
# fitted encoder, all images, the rows of each chunk -> features of the chunks, in order,
# float32 of shape (rows, n_features)
Engine = Callable[
    [CachedEncoder, NDArray[np.uint8], Sequence[Rows]], Iterator[Features]
]


def make_engine(name: str, address: str | None = None) -> Engine:
    """Choose where images are encoded: in this process, or by a Ray cluster's workers.

    Raises
    ------
    ParameterError
        If the name is not known.
    DependencyError
        If Ray is wanted and not installed.

    Examples
    --------
    >>> make_engine("local").__name__
    'encode_here'
    """
    if name == "local":
        return encode_here
    if name == "ray":
        import_ray()
        return RayEngine(address)
    raise unknown_name("engine", name, ENGINES)


def encode_here(
    encoder: CachedEncoder, X: NDArray[np.uint8], chunks: Sequence[Rows]
) -> Iterator[Features]:
    """Encode chunk after chunk in this process."""
    fitted = encoder.encoder  # read from disk, if need be, before time is taken
    return (_transform(fitted, X, rows) for rows in chunks)


def _transform(fitted: BaseEstimator, X: NDArray[np.uint8], rows: Rows) -> Features:
    part = X[rows]
    given = fitted.transform(part)
    release_pages(part)
    return _checked(given, len(part), type(fitted).__name__)


def _checked(given: Any, n_images: int, name: str) -> Features:
    """Refuse features of anyone's transformer that are none."""
    if hasattr(given, "toarray"):  # a sparse matrix
        given = given.toarray()
    try:
        features = np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Got {type(given).__name__} of {name}, but expected an array of numbers."
        ) from error
    if features.ndim != 2 or len(features) != n_images or not features.shape[1]:
        raise DataError(
            f"Got an array of shape {features.shape} of {name} for {n_images} images, but "
            "expected (images, features)."
        )
    if not np.isfinite(features).all():
        raise DataError(
            f"Got features of {name} that are no finite numbers, but expected numbers "
            "that float32 holds. Check what it does with the images."
        )
    return features


@dataclass(frozen=True)
class RayEngine:
    """Encodes chunks with Ray Data, in workers that hold one encoder each.

    A worker has one processor core, or one GPU where the cluster has any. Chunks come back
    in order; a chunk whose worker died is given to another.
    Without an `address`, Ray is started on this machine, unless it runs already.
    """

    address: str | None = None

    def __call__(
        self, encoder: CachedEncoder, X: NDArray[np.uint8], chunks: Sequence[Rows]
    ) -> Iterator[Features]:
        """Encode as `encode_here` does.

        Raises
        ------
        FeatxError
            If the cluster cannot be reached or a worker cannot read the images.
        """
        if not len(chunks):  # all images are known, as in a second fold
            return iter(())
        ray = start_ray(self.address)
        gpus = ray.cluster_resources().get("GPU", 0)
        workers = int(gpus or ray.cluster_resources().get("CPU", 1))
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        send_along(ray.cloudpickle)
        given = ray.put((encoder.encoder, _Images.of(X, ray), list(chunks)))
        # not ray.data.range: it would need cores of its own, so that not all workers start
        numbers = ray.data.from_items(
            [{"id": i} for i in range(len(chunks))], override_num_blocks=len(chunks)
        )
        features = numbers.map_batches(
            _Worker,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=max(1, min(workers, len(chunks)))),
            fn_constructor_args=([given],),  # in a list, or Ray would warn of restarts
            num_cpus=None if gpus else 1,
            num_gpus=1 if gpus else None,
        )
        return _in_order(features, given, ray)


class _Worker:
    """What a worker of Ray keeps: the encoder, and where the images are."""

    def __init__(self, given: list[Any]) -> None:
        import ray

        self.encoder, images, self.chunks = ray.get(given[0])
        self.X = images.open(ray)

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, Any]:
        rows = self.chunks[int(batch["id"][0])]
        return {"features": _transform(self.encoder, self.X, rows)[None]}


@dataclass(frozen=True)
class _Images:
    """Where workers find the images: a file that all of them see, or Ray's own store."""

    shape: tuple[int, ...]
    file: str = ""
    offset: int = 0
    stored: Any = None

    @classmethod
    def of(cls, X: NDArray[np.uint8], ray: Any) -> _Images:
        if not isinstance(X, np.memmap) or not X.flags.c_contiguous:
            return cls(X.shape, stored=ray.put(np.ascontiguousarray(X)))
        assert X.filename is not None
        whole: Any = X
        while isinstance(whole.base, np.memmap):  # X may be a part of the file
            whole = whole.base
        skipped = (
            X.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        )
        file = str(Path(X.filename).resolve())
        return cls(X.shape, file, whole.offset + skipped)

    def open(self, ray: Any) -> NDArray[np.uint8]:
        if self.stored is not None:
            stored: NDArray[np.uint8] = ray.get(self.stored)
            return stored
        try:
            return np.memmap(self.file, np.uint8, "r", self.offset, self.shape)
        except OSError as error:
            raise DataError(
                f"Got {error.strerror} at {self.file}, but expected every worker of the "
                "cluster to see the cache folder. Put it on storage that they share, "
                "with --cache-dir."
            ) from error


def _in_order(dataset: Any, given: Any, ray: Any) -> Iterator[Features]:
    """Hand out the features of chunk after chunk; `given` must live as long."""
    try:
        for row in dataset.iter_rows():
            yield np.asarray(row["features"], np.float32)
    except ray.exceptions.RayError as error:
        raise as_featx_error(error) from error
    del given
