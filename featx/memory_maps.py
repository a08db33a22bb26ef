"""Arrays in files that are mapped into memory."""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from featx.errors import CacheError
from featx.store import cache_errors


def reserve(file: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Create a ``.npy`` file in the cache and take its space on the disk.

    A full disk is noticed here, as a CacheError; later it would kill the process that
    writes into the memory map.
    """
    dtype = np.dtype(dtype)
    can_take = hasattr(os, "posix_fallocate")  # neither on macOS nor on Windows
    with cache_errors(file.parent):
        free = shutil.disk_usage(file.parent).free
        if not can_take and free < math.prod(shape) * dtype.itemsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        open_memmap(file, mode="w+", dtype=dtype, shape=shape)
        if can_take:
            with file.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


def load_array(file: Path, what: str, *, mapped: bool = False) -> NDArray[Any]:
    """Read a ``.npy`` file of a cache entry, or map it for reading.

    `what` it holds, for people, is in the plural. What is no array is a CacheError.
    """
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r" if mapped else None)
    except (ValueError, EOFError) as error:
        folder = file.parent
        raise CacheError(
            f"Got {what} that cannot be read in {folder} ({error}). Remove them with "
            f"'featx cache rm {folder.name}' and run again."
        ) from error
    return array


def release_pages(array: NDArray[Any]) -> None:
    """Let go of what was read or written of a memory map, if the array views one.

    The system keeps such pages as long as it has room for them anyway; as long as they
    are mapped, they also count as memory of the process, up to the whole file.
    """
    owner: Any = array
    while owner is not None and not isinstance(owner, np.memmap):
        owner = getattr(owner, "base", None)  # validation makes plain arrays of maps
    if owner is not None and owner.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        pages: mmap.mmap = owner._mmap  # type: ignore[attr-defined]
        pages.madvise(mmap.MADV_DONTNEED)


def take_rows(array: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Copy rows from anywhere in an array, with little of a memory map mapped at a time.

    The system maps a large block of the file around each row that is read.

    Examples
    --------
    >>> take_rows(np.arange(6).reshape(3, 2), np.array([2, 0]))
    array([[4, 5],
           [0, 1]])
    """
    taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), 64):
        part = slice(start, start + 64)
        taken[part] = array[rows[part]]
        release_pages(array)
    return taken
