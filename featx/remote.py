"""Files on other machines, by their URL: ``s3://``, ``gs://``, ``hf://``, ``https://``, ...

fsspec finds the library for each kind of storage. A storage that does not answer is asked
again for two minutes, and is an error after that: images are never skipped because of it.
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
_GAP = 65536  # bytes between two pieces that are read along rather than asked for apart
T = TypeVar("T")


def is_remote(place: object) -> bool:
    """Whether a place is a URL and no path.

    Examples
    --------
    >>> is_remote("s3://bucket/images"), is_remote("images/cats")
    (True, False)
    """
    return "://" in str(place)


def connect(url: str) -> tuple[Any, str]:
    """Find the storage of a URL.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/images``.

    Returns
    -------
    (fsspec.AbstractFileSystem, str)
        The storage, and the path in it.

    Raises
    ------
    DependencyError
        If a library for this kind of storage is missing.
    StorageError
        If nothing knows this kind of storage.
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
            f"Got {url}, but expected storage that fsspec knows ({error}). Check what "
            "stands before ://."
        ) from error
    return storage, path.rstrip("/")


def list_files(url: str) -> dict[str, dict[str, Any]]:
    """List all files below a URL.

    Parameters
    ----------
    url : str
        A folder.

    Returns
    -------
    dict of str to dict
        What the storage says of each file, by its path below the folder.

    Raises
    ------
    StorageError
        If the storage does not answer.
    """
    storage, root = connect(url)
    found = _patiently(lambda: _listed(storage, root), url)
    return {name[len(root) :].lstrip("/"): info for name, info in found.items()}


def find_files(url: str) -> list[str]:
    """Find files by a URL.

    Parameters
    ----------
    url : str
        A file, a folder, or a pattern such as ``s3://scans/*.png``.

    Returns
    -------
    list of str
        URLs, sorted; those of hidden files left out below a folder.

    Raises
    ------
    StorageError
        If the storage does not answer.
    """
    storage, path = connect(url)

    def find() -> list[str]:
        storage.invalidate_cache()
        if any(mark in path for mark in "*?["):
            return list(storage.glob(path))
        if storage.isfile(path):
            return [path]
        below = storage.find(path)
        return [one for one in below if "/." not in one[len(path) :]]

    return [storage.unstrip_protocol(one) for one in sorted(_patiently(find, url))]


def _listed(storage: Any, root: str) -> dict[str, dict[str, Any]]:
    storage.invalidate_cache()  # what was listed before may have changed
    found: dict[str, dict[str, Any]] = storage.find(root, detail=True)
    return found


def read_files(urls: Sequence[str]) -> list[bytes | Exception]:
    """Read files of one storage, many at once.

    Parameters
    ----------
    urls : sequence of str
        Files.

    Returns
    -------
    list of bytes or Exception
        The content of each, or why it is missing.

    Raises
    ------
    StorageError
        If the storage does not answer.
    """
    if not urls:
        return []
    storage, _ = connect(urls[0])
    paths = {url: connect(url)[1] for url in urls}

    def read() -> list[bytes | Exception]:
        found = storage.cat(list(paths.values()), on_error="return")
        if isinstance(found, bytes):  # of a single file
            return [found]
        contents = [found[path] for path in paths.values()]
        for content in contents:
            if isinstance(content, Exception) and not isinstance(content, _MISSING):
                raise content
        return contents

    return _patiently(read, urls[0])


def read_file(url: str) -> bytes:
    """Read one file.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    StorageError
        If the storage does not answer.
    """
    (content,) = read_files([url])
    if isinstance(content, Exception):
        raise content
    return content


def read_from(place: str, work: Callable[[IO[bytes]], T]) -> T:
    """Open a file here or on another machine and let `work` read from it.

    Parameters
    ----------
    place : str
        Path or URL.
    work : callable
        Called with the open file; called again if the storage failed meanwhile.

    Returns
    -------
    object
        What `work` returns.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    StorageError
        If the storage does not answer.
    """
    if not is_remote(place):
        with open(place, "rb") as file:
            return work(file)
    storage, path = connect(place)

    def read() -> T:
        with storage.open(path, "rb") as file:
            return work(file)

    found: T = _patiently(read, place)
    return found


def read_pieces(place: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """Read pieces of a file here or on another machine.

    Parameters
    ----------
    place : str
        Path or URL.
    spans : sequence of (int, int)
        Where each begins and ends, in bytes. Those close to each other are read at once.

    Returns
    -------
    list of bytes
        The pieces.

    Raises
    ------
    StorageError
        If the storage does not answer.
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
    read: list[bytes] = _patiently(
        lambda: storage.cat_ranges(
            [path] * len(runs), firsts, [last for _, last in runs], on_error="raise"
        ),
        place,
    )

    def cut(start: int, end: int) -> bytes:
        run = bisect_right(firsts, start) - 1
        return read[run][start - firsts[run] : end - firsts[run]]

    return [cut(*span) for span in spans]


def write_file(url: str, content: bytes) -> None:
    """Write a file, which is whole or absent where the storage promises that.

    Raises
    ------
    StorageError
        If the storage does not answer or refuses.
    """
    storage, path = connect(url)
    try:
        _patiently(lambda: storage.pipe_file(path, content), url)
    except _MISSING as error:
        raise StorageError(
            f"Got {error} at {url}, but expected to write there."
        ) from error


def _patiently(work: Callable[[], Any], url: str) -> Any:
    start, pause = time.monotonic(), 1.0
    while True:
        try:
            return work()
        except (*_MISSING, FeatxError, tarfile.TarError):
            raise  # another time would end the same
        except Exception as error:  # every library has errors of its own
            waited = time.monotonic() - start
            hopeless = re.search("credential|auth|token", type(error).__name__, re.I)
            if hopeless or waited + pause > _PATIENCE:
                raise StorageError(
                    f"Got {type(error).__name__} ({error}) at {url}, after {waited:.0f} "
                    "seconds of asking. Look whether the storage answers you; the same "
                    "command goes on from what is finished."
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
