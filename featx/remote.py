"""Files on other machines, by their URL: ``s3://``, ``gs://``, ``hf://``, ``https://``, ...

fsspec finds the library for each kind of storage. Requests that fail are repeated for
two minutes, then StorageError is raised: images are never skipped because of it.
"""

from __future__ import annotations

import re
import tarfile
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

from featx.errors import DependencyError, FeatxError, StorageError, missing_library

_PATIENCE = 120.0  # seconds; the libraries ask several times by themselves, too
_LONGEST_PAUSE = 30.0
_MISSING = (FileNotFoundError, IsADirectoryError, PermissionError)
_GAP = 65536  # bytes between pieces up to which one request reads both
T = TypeVar("T")


def is_remote(place: object) -> bool:
    """Whether a place is a URL, not a path.

    Examples
    --------
    >>> is_remote("s3://bucket/images"), is_remote("images/cats"), is_remote("C://cats")
    (True, False, False)
    """
    storage, slashes, _ = str(place).partition("://")
    return bool(slashes) and len(storage) != 1  # that is a drive of Windows


def connect(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it.

    Raises DependencyError if the library for this storage is missing, StorageError if
    fsspec does not know this kind.
    """
    import fsspec

    try:
        storage, path = fsspec.url_to_fs(url)
    except ImportError as error:
        need = f"{url} cannot be reached"
        if url.startswith(("s3:", "s3a:")):
            raise missing_library(need, error, "featx[s3]") from error
        raise DependencyError(f"{need}: {error}.") from error
    except ValueError as error:
        raise StorageError(
            f"Got {url}, but expected a kind of storage that fsspec knows ({error}). "
            "Check what stands before ://."
        ) from error
    return storage, path.rstrip("/")


def list_files(url: str) -> dict[str, dict[str, Any]]:
    """List the files below a URL: what the storage says of each, by its path there."""
    storage, root = connect(url)

    def find() -> dict[str, dict[str, Any]]:
        storage.invalidate_cache()  # earlier listings may be out of date
        return storage.find(root, detail=True)

    files = _patiently(find, url)
    return {name[len(root) :].lstrip("/"): info for name, info in files.items()}


def find_files(url: str) -> list[str]:
    """Return the sorted URLs of a file, a folder or a pattern such as ``s3://scans/*.png``.

    Hidden files of a folder are left out.
    """
    storage, path = connect(url)

    def find() -> list[str]:
        storage.invalidate_cache()
        if any(mark in path for mark in "*?["):
            return list(storage.glob(path))
        if storage.isfile(path):
            return [path]
        files = storage.find(path)
        return [file for file in files if "/." not in file[len(path) :]]

    return [storage.unstrip_protocol(file) for file in sorted(_patiently(find, url))]


def read_files(urls: Sequence[str]) -> list[bytes | Exception]:
    """Read files of one storage at once: the content of each, or why it is missing."""
    if not urls:
        return []
    storage, _ = connect(urls[0])
    paths = {url: connect(url)[1] for url in urls}

    def read() -> list[bytes | Exception]:
        files = storage.cat(list(paths.values()), on_error="return")
        if isinstance(files, bytes):  # of a single file
            return [files]
        contents = [files[path] for path in paths.values()]
        for content in contents:
            if isinstance(content, Exception) and not isinstance(content, _MISSING):
                raise content
        return contents

    return _patiently(read, urls[0])


def read_file(url: str) -> bytes:
    """Read one file; raise FileNotFoundError if it is missing."""
    (content,) = read_files([url])
    if isinstance(content, Exception):
        raise content
    return content


def read_from(place: str, work: Callable[[IO[bytes]], T]) -> T:
    """Call `work` with a file, open for reading, of this or another machine.

    If the storage fails meanwhile, `work` is called again. Raises FileNotFoundError if
    the file is missing.
    """
    if not is_remote(place):
        with open(place, "rb") as file:
            return work(file)
    storage, path = connect(place)

    def read() -> T:
        with storage.open(path, "rb") as file:
            return work(file)

    return _patiently(read, place)


def read_pieces(place: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """Read pieces of a file of this or another machine, given as (start, end) in bytes.

    Pieces close to each other are read in one request.
    """
    if not is_remote(place):
        with open(place, "rb") as file:
            pieces = []
            for start, end in spans:
                file.seek(start)
                pieces.append(file.read(end - start))
            return pieces
    runs: list[list[int]] = []
    for start, end in sorted(spans):
        if runs and start - runs[-1][1] <= _GAP:
            runs[-1][1] = max(end, runs[-1][1])
        else:
            runs.append([start, end])
    storage, path = connect(place)
    firsts = [first for first, _ in runs]
    lasts = [last for _, last in runs]
    read: list[bytes] = _patiently(
        lambda: storage.cat_ranges([path] * len(runs), firsts, lasts, on_error="raise"),
        place,
    )

    def cut(start: int, end: int) -> bytes:
        run = bisect_right(firsts, start) - 1
        return read[run][start - firsts[run] : end - firsts[run]]

    return [cut(*span) for span in spans]


def write_file(url: str, content: bytes) -> None:
    """Write a file, which is whole or absent if the storage guarantees that."""
    storage, path = connect(url)
    try:
        _patiently(lambda: storage.pipe_file(path, content), url)
    except _MISSING as error:
        raise StorageError(
            f"Cannot write {url}: {error}. Check that you may write there."
        ) from error


def _patiently(work: Callable[[], Any], url: str) -> Any:
    """Repeat requests that fail, with growing pauses; raise StorageError in the end."""
    start, pause = time.monotonic(), 1.0
    while True:
        try:
            return work()
        except (*_MISSING, FeatxError, tarfile.TarError):
            raise  # repeating would not help
        except Exception as error:  # every library has errors of its own
            waited = time.monotonic() - start
            is_refusal = re.search("credential|auth|token", type(error).__name__, re.I)
            if is_refusal or waited + pause > _PATIENCE:
                raise StorageError(
                    f"Cannot reach {url} ({type(error).__name__}: {error}) after trying "
                    f"for {waited:.0f} seconds. Check the storage, then rerun the same "
                    "command to resume."
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
