"""One process at a time makes an entry, and nobody removes it meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from featx.store.folders import cache_errors, partial_folder, whole_folder
from featx.system import is_in_use, when_free


@contextmanager
def sole_maker(
    folder: Path, what: str, progress: Callable[[str, int, int], None] | None
) -> Iterator[None]:
    """Let one process at a time make an entry of the cache.

    The lock is the system's own, so it is gone when its process is, however that ended.
    Whoever had to wait, of which `progress` is told, should look whether the entry is
    there now. Until the end of the block nobody removes it, see `remove_entry`. A cache
    that cannot be written is a CacheError.
    """
    with cache_errors(folder.parent):
        lock = _lock_of(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if progress:
                progress(f"wait for another process to {what}", 0, 0)
            lock.acquire()
    try:
        for left in folder.parent.glob(f".{folder.name[:16]}-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
        yield
    finally:
        lock.release()


def _lock_of(folder: Path) -> FileLock:
    locks = folder.parent.parent / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{folder.parent.name}-{folder.name}")


def remove_entry(folder: Path) -> bool:
    """Remove an entry of the cache, unless a process is making it.

    It disappears under its name at once: whoever reads it finds it whole or not at all,
    and what is mapped into memory stays there (not on network file systems when another
    machine removes it). On Windows nobody removes what a process has mapped. If this
    process is killed, the rest is listed as a partial entry.

    `folder` is the entry's, or its partial one. False if it is locked by whoever makes it,
    in use, or was gone already; CacheError if it cannot be removed.
    """
    final = whole_folder(folder)
    rest = partial_folder(final)
    with cache_errors(folder.parent):
        lock = _lock_of(final)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        try:
            if not folder.exists():
                return False
            if folder == final:
                if rest.exists():
                    shutil.rmtree(rest)
                try:
                    when_free(os.rename, final, rest)
                except OSError as error:
                    if is_in_use(error):
                        return False
                    raise
            shutil.rmtree(rest, ignore_errors=True)
            if rest.exists():  # a reader may just have noted there what it has seen
                shutil.rmtree(rest)
        finally:
            lock.release()
    return True
