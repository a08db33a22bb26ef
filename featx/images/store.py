"""Decoded images on disk: complete or absent, read as a memory map."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from featx.seals import check
from featx.storage import (
    FORMAT,
    MANIFEST,
    cache_errors,
    new_folder,
    note_use,
    provenance,
    reserve,
    sole_maker,
    write_json,
)


@dataclass(frozen=True)
class Entry:
    """One decoded image set.

    Parameters
    ----------
    X : memmap of uint8, shape (n, h, w, c)
        Images: training, then validation, then test.
    y : ndarray of int64, shape (n,)
        Labels.
    ids : ndarray of str, shape (n,)
        Relative paths.
    part : ndarray of int8, shape (n,)
        Parts as the source says.
    manifest : dict
        Provenance, class names, notes, skipped images, digests.
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]
    part: NDArray[np.int8]
    manifest: dict[str, Any]


def open_entry(folder: Path) -> Entry | None:
    """Open a decoded image set.

    Parameters
    ----------
    folder : Path
        Its folder in the cache.

    Returns
    -------
    Entry or None
        None if it is absent or cannot be used.
    """
    try:
        check(folder)
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        # Opened here, because np.load leaves a file open that is no zip file.
        with (
            (folder / "rows.npz").open("rb") as stream,
            np.load(stream, allow_pickle=False) as rows,
        ):
            y, ids, part = rows["labels"], rows["ids"], rows["part"]
        X = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        usable = manifest["format"] == FORMAT and len(X) == len(y)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not usable:
        return None
    note_use(folder)
    return Entry(X, y, ids, part, manifest)


def write_entry(folder: Path, fill: Callable[[Path], Any]) -> Entry | None:
    """Let `fill` write a folder that appears complete or not at all; open it.

    Parameters
    ----------
    folder : Path
        The folder to make; an unusable one is replaced.
    fill : callable
        Called with a temporary folder beside it.

    Returns
    -------
    Entry or None
        The images; None if they cannot be read after all. They are opened before anybody
        may remove them.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    with sole_maker(folder, "decode the images", None):
        with cache_errors(folder.parent):
            if folder.exists():
                entry = open_entry(folder)
                if entry is not None:
                    return entry  # another process made it meanwhile
                shutil.rmtree(folder)
        with new_folder(folder) as scratch:
            fill(scratch)
        return open_entry(folder)


def drop_rows(file: Path, bad: Sequence[int]) -> None:
    """Remove some rows of a ``.npy`` file of images.

    Parameters
    ----------
    file : Path
        A uint8 ``.npy`` file of shape (n, h, w, c).
    bad : sequence of int
        Rows to remove.

    Raises
    ------
    CacheError
        If there is no room for the copy.
    """
    source = np.load(file, mmap_mode="r")
    good = np.setdiff1d(np.arange(len(source)), bad)
    kept = file.with_name("kept.npy")
    reserve(kept, (len(good), *source.shape[1:]), np.uint8)
    target = open_memmap(kept, mode="r+")
    for start in range(0, len(good), 4096):
        target[start : start + 4096] = source[good[start : start + 4096]]
    del source, target
    with cache_errors(file.parent.parent):
        os.replace(kept, file)


def write_rows(folder: Path, manifest: dict[str, Any], **rows: NDArray[Any]) -> None:
    """Write labels, ids and parts, then the manifest.

    Parameters
    ----------
    folder : Path
        The temporary folder.
    manifest : dict
        Plain data; format and time are added.
    **rows : ndarray, shape (n,)
        ``labels``, ``ids`` and ``part``.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    with cache_errors(folder.parent):
        np.savez(folder / "rows.npz", **rows)  # type: ignore[arg-type]
        write_json(folder / MANIFEST, provenance() | manifest)
