"""Many image files at once, in parallel: headers first, then pixels into a file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
from numpy.lib.format import open_memmap

from featx import remote
from featx.images.options import Progress
from featx.images.pixels import (
    Header,
    Source,
    read_header,
    read_pixels,
    reason,
    strict_pillow,
)

CHUNK = 256  # images per task
AT_ONCE = 64  # files that are fetched from another machine together
SERIAL = 2048  # starting processes does not pay below this many images

Damage = dict[int, str]  # row -> what is wrong with its image


def survey(
    paths: Sequence[str], progress: Progress
) -> tuple[Counter[tuple[int, int]], bool, Damage]:
    """Read the headers of all images.

    Parameters
    ----------
    paths : sequence of str
        Image files.
    progress : callable
        Called as ``progress(what, done, total)``.

    Returns
    -------
    sizes : Counter of (height, width)
        How many images have each size.
    grey : bool
        True if no image has colour.
    damage : dict of int to str
        Reasons by row, for the files that are no images.
    """
    headers: Counter[Header] = Counter()
    damage: Damage = {}
    for seen, broken in _in_chunks(_survey_chunk, paths, progress, "reading headers"):
        headers.update(seen)
        damage.update(broken)
    sizes: Counter[tuple[int, int]] = Counter()
    for header, count in headers.items():
        sizes[header.size] += count
    return sizes, all(header.grey for header in headers), damage


def decode(
    paths: Sequence[str], file: Path, shape: tuple[int, ...], progress: Progress
) -> Damage:
    """Decode all images into an existing ``.npy`` file.

    Parameters
    ----------
    paths : sequence of str
        Image files, one per row.
    file : Path
        A uint8 ``.npy`` file of shape (n, h, w, c), written in place.
    shape : tuple of int
        Height, width and channels.
    progress : callable
        Called as ``progress(what, done, total)``.

    Returns
    -------
    dict of int to str
        Reasons by row, for the images that are damaged; their rows are undefined.
    """
    damage: Damage = {}
    for broken in _in_chunks(
        _decode_chunk, paths, progress, "decoding images", file, shape
    ):
        damage.update(broken)
    return damage


def _in_chunks(
    work: Callable[..., Any],
    paths: Sequence[str],
    progress: Progress,
    what: str,
    *extra: object,
) -> Iterator[Any]:
    """Yield ``work(start, paths[start:stop], *extra)`` for all chunks, any order.

    Small images keep Python busier than the codecs, so threads would wait for each
    other; processes do not, and only row numbers travel between them.
    """
    done, total = 0, len(paths)
    pool = joblib.Parallel(
        n_jobs=1 if total < SERIAL else -1, return_as="generator_unordered"
    )
    tasks = (
        joblib.delayed(_counted)(work, start, paths[start : start + CHUNK], *extra)
        for start in range(0, total, CHUNK)
    )
    for count, result in pool(tasks):
        done += count
        progress(what, done, total)
        yield result


def _counted(
    work: Callable[..., Any], start: int, paths: Sequence[str], *extra: object
) -> tuple[int, Any]:
    return len(paths), work(start, paths, *extra)


def _sources(paths: Sequence[str]) -> Iterator[Source | Exception]:
    """Give what Pillow opens; files on other machines are fetched, some at once."""
    if not paths or not remote.is_remote(paths[0]):
        yield from paths
        return
    for start in range(0, len(paths), AT_ONCE):
        for content in remote.read_files(paths[start : start + AT_ONCE]):
            yield io.BytesIO(content) if isinstance(content, bytes) else content


def _found(source: Source | Exception) -> Source:
    if isinstance(source, Exception):
        raise source
    return source


def _survey_chunk(start: int, paths: Sequence[str]) -> tuple[Counter[Header], Damage]:
    headers: Counter[Header] = Counter()
    damage: Damage = {}
    with strict_pillow():
        for row, source in enumerate(_sources(paths), start):
            try:
                headers[read_header(_found(source))] += 1
            except Exception as error:  # a damaged file makes Pillow raise anything
                damage[row] = reason(error)
    return headers, damage


def _decode_chunk(
    start: int, paths: Sequence[str], file: Path, shape: tuple[int, int, int]
) -> Damage:
    images = open_memmap(file, mode="r+")
    damage: Damage = {}
    with strict_pillow():
        for row, source in enumerate(_sources(paths), start):
            try:
                pixels = read_pixels(_found(source), shape[:2], shape[2])
            except Exception as error:  # a damaged file makes Pillow raise anything
                damage[row] = reason(error)
            else:
                images[row] = pixels
    return damage
