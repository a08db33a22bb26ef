"""Image files that belong to no data set: found and decoded for prediction."""

from __future__ import annotations

import glob
import io
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from featx import remote
from featx.errors import DataError, MissingDataError, StorageError
from featx.images.backends import is_image
from featx.images.imageset import Skipped
from featx.images.pixels import read_pixels, reason, strict_pillow
from featx.system import decode_path

_AT_ONCE = 256  # images
_PIXELS_AT_ONCE = 2**26  # values of them


@dataclass(frozen=True)
class ImageBatch:
    """Some decoded image files.

    Parameters
    ----------
    ids : list of str
        Paths as they were given or found.
    X : ndarray of uint8, shape (n, h, w, c)
        Their pixels.
    skipped : list of Skipped
        Files among them that cannot be read, and why.
    """

    ids: list[str]
    X: NDArray[np.uint8]
    skipped: list[Skipped]


def find_images(places: Iterable[str]) -> Iterator[str]:
    """Find image files.

    Parameters
    ----------
    places : iterable of str
        Files, whatever they are called; folders, which are searched at any depth for
        files with the extension of an image, hidden ones left out; or patterns such as
        ``scans/*.png``. All may be URLs that fsspec knows.

    Returns
    -------
    iterator of str
        Paths: in the order of `places`, and sorted within a folder or pattern. A place that
        is not there is among them as it was given, if another one is there: who reads it
        will tell.

    Raises
    ------
    MissingDataError
        If there are places, and none of them is there.
    """
    paths, missing = [], []
    for place in places:
        if remote.is_remote(place):
            matches = [url for url in remote.find_files(place) if is_image(url)]
        else:
            matches = [place] if os.path.lexists(place) else sorted(glob.glob(place))
        if not matches:
            missing.append(place)
        paths += matches or [place]
    if missing and len(missing) == len(paths):
        raise MissingDataError(
            f"Got {', '.join(map(repr, missing[:3]))}, but expected a file, a folder or a "
            "pattern that some files match. Check the path."
        )
    return chain.from_iterable(
        _below(path) if os.path.isdir(path) else [path] for path in paths
    )


def _below(folder: str) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(files):
            if name[0] != "." and is_image(name):
                yield os.path.join(path, name)


def read_list(stream: IO[bytes], *, nul: bool = False) -> Iterator[str]:
    r"""Read names of files from a list, as its beginning arrives.

    Parameters
    ----------
    stream : binary file
        A name per line, whatever ends the lines; or names that end with NUL, as
        ``find -print0`` writes them, which is seen from the first ones.
    nul : bool, default=False
        Whether names end with NUL and with nothing else.

    Yields
    ------
    str
        The names in their order; empty ones are left out.

    Examples
    --------
    >>> list(read_list(io.BytesIO(b"a.png\r\nb.png\r\n")))
    ['a.png', 'b.png']
    >>> list(read_list(io.BytesIO(b"a\nb.png\0c.png\0")))
    ['a\nb.png', 'c.png']
    """
    end, left = b"\0" if nul else b"", b""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined]
        left += chunk
        end = end or next((sign for sign in (b"\0", b"\n") if sign in left), b"")
        if end:
            *whole, left = left.split(end)
            yield from _names(whole, end)
    yield from _names([left], end)


def _names(names: list[bytes], end: bytes) -> Iterator[str]:
    for name in names:
        name = name if end == b"\0" else name.removesuffix(b"\r")
        if name:
            yield decode_path(name)


def read_images(
    paths: Iterable[str], shape: tuple[int, int, int], fit: str = "stretch"
) -> Iterator[ImageBatch]:
    """Decode image files in batches, several at once, the next batch ahead.

    Parameters
    ----------
    paths : iterable of str
        Image files.
    shape : tuple of int
        Height, width and channels (1 or 3) that they get.
    fit : {"stretch", "pad", "crop"}, default="stretch"
        What becomes of an image in another shape.

    Yields
    ------
    ImageBatch
        In the order of `paths`; a file that cannot be read is skipped and listed.

    Raises
    ------
    DataError
        If images in files have no such number of channels.
    """
    check_channels(shape)
    size = max(1, min(_AT_ONCE, _PIXELS_AT_ONCE // int(np.prod(shape))))
    read = partial(_read, shape=shape, fit=fit)
    pool = ThreadPoolExecutor()
    try:
        with strict_pillow():
            ahead: deque[tuple[list[str], list[Future[Any]]]] = deque()
            for batch in _batches(paths, size):
                ahead.append((batch, [pool.submit(read, path) for path in batch]))
                if len(ahead) > 1:  # one is read while the one before it is used
                    yield _joined(*ahead.popleft(), shape)
            while ahead:
                yield _joined(*ahead.popleft(), shape)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(paths: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(paths)
    while batch := list(islice(rest, size)):
        yield batch


def check_channels(shape: tuple[int, int, int]) -> None:
    """Raise DataError if image files cannot be read as images of a shape."""
    if shape[2] not in (1, 3):
        raise DataError(
            f"Got a model of images with {shape[2]} channels, but files are read with 1 "
            "or 3. Give it arrays, in Python, with featx.load(...).predict(X)."
        )


def _read(
    path: str, shape: tuple[int, int, int], fit: str
) -> NDArray[np.uint8] | Skipped:
    there = remote.is_remote(path)
    if not there and not os.path.isfile(path):  # a pipe would be waited for
        return Skipped(path, "no file")
    try:
        source = io.BytesIO(remote.read_file(path)) if there else path
        return read_pixels(source, shape[:2], shape[2], fit)
    except StorageError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise anything
        return Skipped(path, reason(error))


def _joined(
    paths: Sequence[str], read: Sequence[Future[Any]], shape: tuple[int, int, int]
) -> ImageBatch:
    ids, X, skipped = [], [], []
    for path, future in zip(paths, read, strict=True):
        pixels = future.result()
        if isinstance(pixels, Skipped):
            skipped.append(pixels)
        else:
            ids.append(path)
            X.append(pixels)
    return ImageBatch(ids, np.array(X, np.uint8).reshape(-1, *shape), skipped)
