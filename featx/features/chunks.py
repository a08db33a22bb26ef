"""Encode images into an array on disk, chunk by chunk, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from featx.features.cached import CachedEncoder
from featx.features.engines import Engine, Rows
from featx.features.known_rows import KnownRows, find_known_rows
from featx.features.progress import Progress
from featx.images import ImageSet
from featx.images.imageset import row_digests
from featx.memory_maps import reserve
from featx.store.checksums import hash_file
from featx.store.folders import finish_folder, partial_folder, write_json

CHUNK_ROWS = 4096


def encode_chunks(
    folder: Path,
    encoder: CachedEncoder,
    images: ImageSet,
    name: str,
    progress: Progress | None,
    engine: Engine,
) -> dict[str, Any]:
    """Encode into a folder beside `folder`, chunk by chunk, then give it its name.

    An image that the encoder has seen before, here or in another entry, is not encoded
    again: its features are copied. Returns the manifest, with ``"n_encoded"`` images.
    """
    work = partial_folder(folder)
    work.mkdir(parents=True, exist_ok=True)
    features = _FeaturesFile(work, len(images))
    digests = row_digests(images.X)
    known = find_known_rows(folder.parent, encoder.digest, digests)
    begins = range(features.n_chunks * CHUNK_ROWS, len(images), CHUNK_ROWS)
    todo = [_rows(known.new, begin) for begin in begins]
    encoded = engine(encoder, images.X, [rows for rows in todo if _count(rows)])

    def tell(n_done: int) -> None:
        if progress:
            progress(f"encode {name}", n_done, len(images))

    _write_all(features, encoded, begins, todo, known, tell)
    tell(len(images))
    np.savez(work / "rows.npz", y=images.y, ids=images.ids, digests=digests)
    manifest = {
        "what": f"{name}, {len(images):,} images",
        "images": images.digest,
        "encoder": encoder.key,
        "encoder_digest": encoder.digest,
        "class_names": list(images.class_names),
        "encode_seconds": features.seconds,
    }
    # the state stays: whoever is killed before the folder has its name begins there
    known_sums = {features.path.name: features.digest.hexdigest()}
    finish_folder(work, folder, manifest, known_sums)
    return manifest | {"n_encoded": int(known.new[begins.start :].sum())}


def _write_all(
    features: _FeaturesFile,
    encoded: Iterator[NDArray[np.float32]],
    begins: range,
    todo: list[Rows],
    known: KnownRows,
    tell: Callable[[int], None],
) -> None:
    """Write each chunk while the next is encoded; tell where it begins, before that."""
    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for begin, rows in zip(begins, todo, strict=True):
            tell(begin)
            start = time.perf_counter()
            chunk = next(encoded) if _count(rows) else None
            if writing:
                writing.result()  # one chunk waits, not more: memory is bounded
            seconds = time.perf_counter() - start
            if chunk is None or not isinstance(rows, slice):
                here = slice(begin, min(begin + CHUNK_ROWS, len(known.new)))
                chunk, more = known.complete(here, rows, chunk, features.path)
                seconds += more
            writing = writer.submit(features.append, chunk, seconds)
        start = time.perf_counter()
        if writing:
            writing.result()
            features.seconds += time.perf_counter() - start


class _FeaturesFile:
    """An array on disk that grows chunk by chunk, and goes on where it was interrupted.

    Its one checksum, of the file as far as it is written, goes to a file beside it after
    each chunk. Where the two do not agree, the array is begun anew.
    """

    def __init__(self, work: Path, n_rows: int) -> None:
        self.path = work / "features.npy"
        self._n_rows = n_rows
        self._state = work / "progress.json"
        self.n_chunks, self.seconds, self.digest = self._written()
        if not self.n_chunks:
            self.path.unlink(missing_ok=True)

    def _written(self) -> tuple[int, float, hashlib._Hash]:
        """Count the chunks that are whole; with what they took, and their checksum.

        When it returns, the file is no longer mapped: Windows removes none that is.
        """
        try:
            state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
            array = np.load(self.path, mmap_mode="r")
            whole = array[: state["n_chunks"] * CHUNK_ROWS]
            digest = hash_file(self.path, array.offset + whole.nbytes)
            if digest.hexdigest() == state["sha256"]:
                return state["n_chunks"], state["seconds"], digest
        except (FileNotFoundError, ValueError, KeyError):
            pass  # nothing was finished
        return 0, 0.0, hashlib.sha256()

    def append(self, chunk: NDArray[np.float32], seconds: float) -> None:
        """Write the next chunk, which took so many seconds, and what is whole now."""
        if not self.path.is_file():
            reserve(self.path, (self._n_rows, chunk.shape[1]), np.float32)
        array = open_memmap(self.path, mode="r+")
        if not self.n_chunks:
            self.digest = hash_file(self.path, array.offset)  # what stands before it
        begin = self.n_chunks * CHUNK_ROWS
        array[begin : begin + len(chunk)] = chunk
        array.flush()
        self.digest.update(np.ascontiguousarray(chunk).data)
        self.n_chunks += 1
        self.seconds += seconds
        state = {"n_chunks": self.n_chunks, "sha256": self.digest.hexdigest()}
        write_json(self._state, state | {"seconds": self.seconds})


def _rows(new: NDArray[np.bool_], begin: int) -> Rows:
    """Rows of a chunk that must be encoded; a slice where that is all of them."""
    here = slice(begin, min(begin + CHUNK_ROWS, len(new)))
    return here if new[here].all() else begin + np.flatnonzero(new[here])


def _count(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)
