"""Images that need no encoding, found by their content: seen before, or repeated."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from featx.features.engines import Rows
from featx.memory_maps import release_pages
from featx.store.checksums import damage
from featx.store.folders import MANIFEST, PARTIAL, note_use


@dataclass(frozen=True)
class KnownRows:
    """Where the features of some images are.

    Parameters
    ----------
    arrays : list of memmap, shape (m, n_features)
        Features in other entries of the cache.
    seconds : list of float
        What it took to encode one image of each.
    entry : ndarray of int64, shape (n,)
        For each image the position in `arrays`, -1 if it was never encoded.
    row : ndarray of int64, shape (n,)
        For each image its row there.
    first : ndarray of int64, shape (n,)
        For each image the first one of the same content.
    """

    arrays: list[NDArray[np.float32]]
    seconds: list[float]
    entry: NDArray[np.int64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """Whether an image must be encoded; shape (n,)."""
        return (self.entry < 0) & (self.first == np.arange(len(self.first)))

    def complete(
        self, here: slice, rows: Rows, encoded: NDArray[np.float32] | None, file: Path
    ) -> tuple[NDArray[np.float32], float]:
        """Put what was encoded of a chunk, `rows` of the images `here`, beside the others.

        `file` is the array that this chunk is for, with all chunks before it. Returns the
        whole chunk, and what it took to encode rows of other entries, in seconds.
        """
        if encoded is None:
            whole = self.arrays[0] if self.arrays else np.load(file, mmap_mode="r")
            encoded = whole[:0]
        chunk = np.empty((here.stop - here.start, encoded.shape[1]), np.float32)
        chunk[np.asarray(rows, np.int64) - here.start] = encoded
        entry, row = self.entry[here], self.row[here]
        seconds = 0.0
        for i in np.unique(entry[entry >= 0]).tolist():
            chunk[entry == i] = self.arrays[i][row[entry == i]]
            release_pages(self.arrays[i])
            seconds += self.seconds[i] * int((entry == i).sum())
        again = np.flatnonzero(~self.new[here] & (entry < 0))
        source = self.first[here][again]
        earlier = source < here.start
        if earlier.any():
            chunk[again[earlier]] = np.load(file, mmap_mode="r")[source[earlier]]
        chunk[again[~earlier]] = chunk[source[~earlier] - here.start]
        return chunk, seconds


def find_known_rows(
    folder: Path, encoder_digest: str, digests: NDArray[np.bytes_]
) -> KnownRows:
    """Look for images, by their digests, in what one encoder has encoded.

    `folder` is the cache's, of features. Every byte of an entry is checked before
    anything is copied from it.
    """
    _, first, of = np.unique(digests, return_index=True, return_inverse=True)
    nowhere = np.full(len(digests), -1, np.int64)
    known = KnownRows(
        [], [], nowhere, np.zeros_like(nowhere), first[of].astype(np.int64)
    )
    for path in sorted(folder.glob(f"[!.]*/{MANIFEST}")):
        if path.parent.name.endswith(PARTIAL):
            continue  # it changes, or gets another name, which it cannot while it is mapped
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if manifest["encoder_digest"] != encoder_digest:
                continue
            file = path.with_name("rows.npz")
            with file.open("rb") as stream, np.load(stream) as rows:
                there = rows["digests"]
            X = np.load(path.with_name("features.npy"), mmap_mode="r")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            continue  # an entry that is damaged, of another format, or just removed
        order = np.argsort(there, kind="stable")
        at = np.searchsorted(there, digests, sorter=order)
        at = order[np.minimum(at, len(order) - 1)]
        new = (there[at] == digests) & (known.entry < 0)
        if not new.any() or not _whole(path.parent):
            continue
        note_use(path.parent)
        known.entry[new] = len(known.arrays)
        known.row[new] = at[new]
        known.arrays.append(X)
        known.seconds.append(manifest["encode_seconds"] / len(there))
    return known


def _whole(folder: Path) -> bool:
    try:
        return not damage(folder)
    except FileNotFoundError:  # another process removed it meanwhile
        return False
