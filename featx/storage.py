"""Folders that are whole or absent, and the manifest inside each."""

from __future__ import annotations

import errno
import json
import mmap
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from featx import remote
from featx._version import __version__
from featx.errors import CacheError, FeatxError
from featx.seals import check, seal

FORMAT = 4  # of everything in the cache; a new number makes every entry anew
MANIFEST = "manifest.json"
PARTIAL = (
    ".partial"  # ends the name of a folder that an interrupted process can go on with
)

Made = TypeVar("Made")


def default_cache_dir() -> Path:
    """Folder of the cache: ``$FEATX_CACHE``, or where the system keeps caches."""
    named = os.environ.get("FEATX_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("featx"))


@contextmanager
def cache_errors(
    folder: Path, *, but: tuple[type[OSError], ...] = ()
) -> Iterator[None]:
    """Tell what the system says about a cache folder in one line, with the remedy.

    Errors of the types `but` are left to the caller.
    """
    try:
        yield
    except FeatxError:
        raise
    except OSError as error:
        if isinstance(error, but):
            raise
        raise CacheError(
            f"Got {error.strerror or error} at the cache folder {folder}, but expected "
            "room and the right to read and write there. Free some space, or give "
            "another folder with --cache-dir or FEATX_CACHE."
        ) from error


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Fill a folder out of sight; it appears under its name whole or not at all.

    Parameters
    ----------
    final : Path
        The name it shall have. One that is there already is kept: entries are named
        after their content, so both are the same.

    Yields
    ------
    Path
        An empty folder beside it, to be filled.

    Raises
    ------
    CacheError
        If the folder cannot be made.
    """
    with cache_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name[:16]}-", dir=final.parent))
    try:
        yield work
        with cache_errors(final.parent):
            seal(work)
            rename_folder(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def recall_or_make(
    folder: Path,
    what: str,
    *,
    read: Callable[[Path], Made],
    make: Callable[[], Made],
    write: Callable[[Path, Made], object],
) -> Made:
    """Read an entry of what can be made again; make it, and keep it, if it is not there.

    Parameters
    ----------
    folder : Path
        Folder of the entry, named by its key.
    what : str
        What it holds, for people.
    read : callable
        Reads it from the folder.
    make : callable
        Makes it anew, also where another process removes the entry while it is read.
    write : callable
        Called with a folder and what was made, to fill the folder.

    Returns
    -------
    object
        What was read or made.

    Raises
    ------
    CacheError
        If the entry is damaged.
    """
    if read_manifest(folder) is not None:
        with cache_errors(folder), suppress(FileNotFoundError):
            return read(folder)
    made = make()
    # where the cache cannot be written, it is made anew every time
    with suppress(CacheError), new_folder(folder) as work, cache_errors(folder.parent):
        write(work, made)
        write_json(work / MANIFEST, {"what": what} | provenance())
    return made


def load_array(file: Path, what: str, *, mapped: bool = False) -> NDArray[Any]:
    """Read an array of a cache entry.

    Parameters
    ----------
    file : Path
        A ``.npy`` file in the entry's folder.
    what : str
        What it holds, for people, in the plural.
    mapped : bool, default=False
        Whether it stays on disk, as a read-only memory map.

    Returns
    -------
    ndarray or memmap
        The array.

    Raises
    ------
    CacheError
        If it cannot be read.
    FileNotFoundError
        If it is not there: another process removed the entry since it was found.
    """
    folder = file.parent
    with cache_errors(folder, but=(FileNotFoundError,)):
        try:
            array: NDArray[Any] = np.load(file, mmap_mode="r" if mapped else None)
        except (ValueError, EOFError) as error:
            raise CacheError(
                f"Got {what} that cannot be read in {folder} ({error}). Remove them with "
                f"'featx cache rm {folder.name}' and run again."
            ) from error
    return array


def partial_folder(final: Path) -> Path:
    """Where the parts of an entry are until it is whole."""
    return final.with_name(final.name + PARTIAL)


def reserve(file: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Create a ``.npy`` file and take its space on the disk.

    A full disk is noticed here; later it would kill the process that writes into the
    memory map.

    Parameters
    ----------
    file : Path
        The file.
    shape : tuple of int
        Shape of the array.
    dtype : dtype-like
        Its dtype.

    Raises
    ------
    CacheError
        If there is no room or no right to write.
    """
    with cache_errors(file.parent):
        open_memmap(file, mode="w+", dtype=np.dtype(dtype), shape=shape)
        if hasattr(os, "posix_fallocate"):
            with file.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


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


def rename_folder(work: Path, final: Path) -> None:
    """Give a finished folder its name, unless one of that name is there already."""
    try:
        work.rename(final)
    except OSError as error:
        if (final / MANIFEST).is_file():
            return
        if final.exists() or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        rename_folder(work, final)  # one was there, and was removed just now


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    A new file gets the mode that the process gives to new files, an existing one keeps
    its own. The file behind a symbolic link is replaced, not the link. Pipes and devices
    are written to as they are.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as special:
            special.write(content)
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name[:16]}-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Find out whether files can be written in a folder; nothing of it stays behind.

    Parameters
    ----------
    folder : Path
        The folder; where it does not exist, it is made and removed again.

    Raises
    ------
    OSError
        If they cannot.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".featx-"):
            pass
    finally:
        for place in made:
            with suppress(OSError):  # not made, or another process uses it by now
                place.rmdir()


def check_out(place: str | os.PathLike[str]) -> None:
    """Find out whether `write_out` can write a file, before there is anything to write.

    Parameters
    ----------
    place : str or path-like
        Path or URL; of a URL nothing is known before it is written.

    Raises
    ------
    CacheError
        If the folder of the file is not there or cannot be written, or the place is a
        folder itself.
    """
    if remote.is_remote(place):
        return
    path = Path(place)
    with _told_out(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():  # a pipe or a device
            return
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        check_folder(folder)


def write_out(place: str | os.PathLike[str], content: bytes) -> None:
    """Write a file for the user, here or on another machine, whole or not at all.

    Parameters
    ----------
    place : str or path-like
        Path or URL; a file of that name is replaced.
    content : bytes
        What to write.

    Raises
    ------
    CacheError
        If it cannot be written here.
    StorageError
        If the storage of a URL does not answer or refuses.
    """
    if remote.is_remote(place):
        remote.write_file(str(place), content)
        return
    path = Path(place)
    with _told_out(path):
        write_whole(path, content)


@contextmanager
def _told_out(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"Got {error.strerror or error} at {path}, but expected room and the right to "
            "write there. Free some space, or give another path."
        ) from error


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that is whole or absent."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a whole folder; None if there is no such folder.

    Nor is there one if another process removes it while it is read.

    Raises
    ------
    CacheError
        If anything in the folder changed since it was written.
    """
    with cache_errors(folder.parent):
        if not folder.is_dir():
            return None
        try:
            check(folder)
            text = (folder / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
    note_use(folder)
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def note_use(folder: Path) -> None:
    """Let the time of a folder say when it was used last, where that can be set."""
    with suppress(
        OSError
    ):  # in a cache that may only be read, nothing is pruned either
        os.utime(folder)


@contextmanager
def sole_maker(
    folder: Path, what: str, progress: Callable[[str, int, int], None] | None
) -> Iterator[None]:
    """Let one process at a time make an entry of the cache.

    The lock is the system's own, so it is gone when its process is, however that ended.
    Whoever had to wait should look whether the entry is there now. Until the end of the
    block nobody removes it, see `remove_entry`.

    Parameters
    ----------
    folder : Path
        The entry's folder.
    what : str
        What is made, for the message to those who wait.
    progress : callable, optional
        Gets that message.

    Raises
    ------
    CacheError
        If the cache cannot be written.
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
    and what is mapped into memory stays there (not on Windows, nor on network file
    systems when another machine removes it). If this process is killed, the rest is
    listed as a partial entry.

    Parameters
    ----------
    folder : Path
        The entry's folder, or its partial one.

    Returns
    -------
    bool
        False if it is locked by whoever makes it, or was gone already.

    Raises
    ------
    CacheError
        If it cannot be removed.
    """
    final = folder.with_name(folder.name.removesuffix(PARTIAL))
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
                final.rename(rest)
            shutil.rmtree(rest, ignore_errors=True)
            if rest.exists():  # a reader may just have noted there what it has seen
                shutil.rmtree(rest)
        finally:
            lock.release()
    return True


def provenance() -> dict[str, Any]:
    """Return what every manifest says of its origin: format, version and time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"format": FORMAT, "featx": __version__, "created": now}
