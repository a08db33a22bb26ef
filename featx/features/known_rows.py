"""Features that were encoded before, found by the content of each image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.seals import damage
from featx.storage import MANIFEST, note_use, release_pages


@dataclass(frozen=True)
class KnownRows:
    """Where in other entries of the cache the features of some images are.

    Parameters
    ----------
    arrays : list of memmap, shape (m, n_features)
        Features in those entries.
    seconds : list of float
        What it took to encode one image of each.
    entry : ndarray of int64, shape (n,)
        For each image the position in `arrays`, -1 if it was never encoded.
    row : ndarray of int64, shape (n,)
        For each image its row there.
    """

    arrays: list[NDArray[np.float32]]
    seconds: list[float]
    entry: NDArray[np.int64]
    row: NDArray[np.int64]

    def copy(self, images: slice, chunk: NDArray[np.float32]) -> float:
        """Copy what is known of these images into a chunk of features.

        Returns
        -------
        float
            Seconds that it took to encode them, when that was done.
        """
        entry, row = self.entry[images], self.row[images]
        seconds = 0.0
        for i in np.unique(entry[entry >= 0]).tolist():
            here = entry == i
            chunk[here] = self.arrays[i][row[here]]
            release_pages(self.arrays[i])
            seconds += self.seconds[i] * int(here.sum())
        return seconds


def find_known_rows(
    folder: Path, encoder_digest: str, digests: NDArray[np.bytes_]
) -> KnownRows:
    """Look for images in what one encoder has encoded.

    Every byte of an entry is checked before anything is copied from it.

    Parameters
    ----------
    folder : Path
        The cache's folder of features.
    encoder_digest : str
        What the encoder is.
    digests : ndarray of bytes, shape (n,)
        Digest of each image.

    Returns
    -------
    KnownRows
        For all of them.
    """
    known = KnownRows(
        [], [], np.full(len(digests), -1, np.int64), np.zeros(len(digests), np.int64)
    )
    for path in sorted(folder.glob(f"[!.]*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if manifest["encoder_digest"] != encoder_digest:
                continue
            with np.load(path.with_name("rows.npz")) as rows:
                there = rows["digests"]
            X = np.load(path.with_name("features.npy"), mmap_mode="r")
        except (OSError, ValueError, KeyError):
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
