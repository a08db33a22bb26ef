"""Encode images into an array on disk, chunk by chunk, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from featx.features.digest import digest_array
from featx.features.engines import Engine, Rows
from featx.features.entries import CachedEncoder
from featx.features.known_rows import find_known_rows
from featx.features.progress import Progress
from featx.images import ImageSet
from featx.images.imageset import row_digests
from featx.seals import seal
from featx.storage import (
    MANIFEST,
    partial_folder,
    provenance,
    rename_folder,
    reserve,
    write_json,
)

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
    again: its features are copied. A chunk is written while the next one is encoded.
    """
    work = partial_folder(folder)
    work.mkdir(parents=True, exist_ok=True)
    state = work / "progress.json"
    done = _whole_chunks(work, state)
    path = work / "features.npy"
    digests = row_digests(images.X)
    first = _first_occurrences(digests)
    known = find_known_rows(folder.parent, encoder.digest, digests)
    new = (known.entry < 0) & (first == np.arange(len(images)))
    whole = hashlib.sha256()  # of the file, as it grows

    def write(begin: int, chunk: NDArray[np.float32], seconds: float) -> None:
        if not path.is_file():
            reserve(path, (len(images), chunk.shape[1]), np.float32)
        if not begin:
            whole.update(_header(path))
        array = open_memmap(path, mode="r+")
        array[begin : begin + len(chunk)] = chunk
        array.flush()
        whole.update(np.ascontiguousarray(chunk).data)
        done["checksums"].append(digest_array(chunk))
        done["seconds"] += seconds
        write_json(state, done)

    seen = [*known.arrays]  # features of some images, whichever
    if done["checksums"]:
        whole.update(_header(path))
        array = np.load(path, mmap_mode="r")
        seen.append(array)
        for i in range(len(done["checksums"])):
            whole.update(np.ascontiguousarray(_chunk(array, i)).data)
    todo = range(len(done["checksums"]) * CHUNK_ROWS, len(images), CHUNK_ROWS)
    unseen = [_rows(new, begin) for begin in todo]
    n_encoded = int(new[todo.start :].sum())
    features = engine(encoder, images.X, [rows for rows in unseen if _count(rows)])

    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for begin, rows in zip(todo, unseen, strict=True):
            if progress:
                progress(f"encode {name}", begin, len(images))
            start = time.perf_counter()
            chunk = next(features) if _count(rows) else seen[0][:0]
            if writing:
                writing.result()  # one chunk waits, not more: memory is bounded
            seconds = time.perf_counter() - start
            if not isinstance(rows, slice):
                here = slice(begin, min(begin + CHUNK_ROWS, len(images)))
                encoded = chunk
                chunk = np.empty((here.stop - begin, encoded.shape[1]), np.float32)
                chunk[rows - begin] = encoded
                seconds += known.copy(here, chunk)
                again = np.flatnonzero(~new[here] & (known.entry[here] < 0))
                _copy_repeated(path, chunk, begin, again, first[here][again])
            seen = seen or [chunk[:0].copy()]
            writing = writer.submit(write, begin, chunk, seconds)
        start = time.perf_counter()
        if writing:
            writing.result()
            done["seconds"] += time.perf_counter() - start
    if progress:
        progress(f"encode {name}", len(images), len(images))
    np.savez(work / "rows.npz", y=images.y, ids=images.ids, digests=digests)
    manifest = {
        "what": f"{name}, {len(images):,} images",
        "images": images.digest,
        "encoder": encoder.key,
        "encoder_digest": encoder.digest,
        "class_names": list(images.class_names),
        "chunk_rows": CHUNK_ROWS,
        "checksums": done["checksums"],
        "encode_seconds": done["seconds"],
    } | provenance()
    write_json(work / MANIFEST, manifest)
    # the state stays: whoever is killed before the folder has its name begins there
    seal(work, {path.name: whole.hexdigest()})
    rename_folder(work, folder)
    return manifest | {"n_encoded": n_encoded}


def _rows(new: NDArray[np.bool_], begin: int) -> Rows:
    """Rows of a chunk that must be encoded; a slice where that is all of them."""
    here = slice(begin, min(begin + CHUNK_ROWS, len(new)))
    return here if new[here].all() else begin + np.flatnonzero(new[here])


def _count(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _copy_repeated(
    path: Path,
    chunk: NDArray[np.float32],
    begin: int,
    rows: NDArray[np.int64],
    sources: NDArray[np.int64],
) -> None:
    """Fill `rows` of a chunk from `sources`: from itself, or from chunks on disk."""
    earlier = sources < begin
    if earlier.any():
        chunk[rows[earlier]] = np.load(path, mmap_mode="r")[sources[earlier]]
    chunk[rows[~earlier]] = chunk[sources[~earlier] - begin]


def _first_occurrences(digests: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """For each image the first one of the same content; shape (n,)."""
    _, first, of = np.unique(digests, return_index=True, return_inverse=True)
    return first[of].astype(np.int64)


def _whole_chunks(work: Path, state: Path) -> dict[str, Any]:
    """Read how far an interrupted encoding came; start anew if its file does not say."""
    try:
        done: dict[str, Any] = json.loads(state.read_text(encoding="utf-8"))
        array = np.load(work / "features.npy", mmap_mode="r")
        whole = [digest_array(_chunk(array, i)) for i in range(len(done["checksums"]))]
        if whole == done["checksums"]:
            return done
    except (FileNotFoundError, ValueError):
        pass  # nothing was finished
    (work / "features.npy").unlink(missing_ok=True)
    return {"checksums": [], "seconds": 0.0}


def _chunk(array: NDArray[np.float32], i: int) -> NDArray[np.float32]:
    return array[i * CHUNK_ROWS : (i + 1) * CHUNK_ROWS]


def _header(path: Path) -> bytes:
    """Read what stands before the array in a ``.npy`` file."""
    with path.open("rb") as file:
        return file.read(np.load(path, mmap_mode="r").offset)
