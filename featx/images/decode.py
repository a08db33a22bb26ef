"""Many image files at once, in parallel: headers first, then pixels into a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.lib.format import open_memmap

from featx.errors import DataError
from featx.images.index import Locations
from featx.images.options import Options
from featx.images.pixels import (
    Header,
    read_header,
    read_pixels,
    reason,
    strict_pillow,
)
from featx.workers import map_serial

CHUNK = 256  # images per task, fewer where they are large
SERIAL = 2048  # starting processes does not pay below this many images,
SERIAL_PIXELS = 500_000_000  # nor below this many pixels in all

Damage = dict[int, str]  # row -> what is wrong with its image


def survey(
    locations: Locations, options: Options
) -> tuple[Counter[tuple[int, int]], bool, Damage]:
    """Read the headers of all images.

    Returns
    -------
    sizes : Counter of (height, width)
        How many images have each size.
    gray : bool
        True if no image has color.
    damage : dict of int to str
        Reasons by row, for the files that are no images.
    """
    headers: Counter[Header] = Counter()
    damage: Damage = {}
    for seen, broken in _in_chunks(
        _survey_chunk, locations, options, "reading headers"
    ):
        headers.update(seen)
        damage.update(broken)
    sizes: Counter[tuple[int, int]] = Counter()
    for header, count in headers.items():
        sizes[header.size] += count
    return sizes, all(header.gray for header in headers), damage


def decode(
    locations: Locations,
    file: Path,
    shape: tuple[int, ...],
    options: Options,
    n_pixels: int,
) -> Damage:
    """Decode all images into an existing ``.npy`` file, uint8 of shape (n, h, w, c).

    `shape` is (h, w, c), and `n_pixels` those of all images as they are. Returns reasons by
    row for the images that are damaged; their rows are undefined.
    """
    damage: Damage = {}
    for broken in _in_chunks(
        _decode_chunk,
        locations,
        options,
        "decoding images",
        *(file, shape, options.fit),
        n_pixels=n_pixels,
    ):
        damage.update(broken)
    return damage


def _in_chunks(
    work: Callable[..., Any],
    locations: Locations,
    options: Options,
    what: str,
    *extra: object,
    n_pixels: int = 0,
) -> Iterator[Any]:
    """Yield ``work(start, locations of a chunk, *extra)`` for all chunks, any order.

    Small images keep Python busier than the codecs, so threads would wait for each
    other; processes do not, and only row numbers travel between them.
    """
    done, total = 0, len(locations)
    # large images in small chunks: all cores are kept busy to the end
    size = int(min(CHUNK, max(4, CHUNK * SERIAL_PIXELS // (32 * (n_pixels + 1)))))
    starts = range(0, total, size)
    few = total < SERIAL and n_pixels < SERIAL_PIXELS
    execute = map_serial if few else options.executor
    for number, result in execute(work, _Tasks(locations, starts, extra)):
        done += min(size, total - starts[number])
        options.progress(what, done, total)
        yield result


@dataclass(frozen=True)
class _Tasks(Sequence[tuple[Any, ...]]):
    """Arguments of the work on each chunk, made when they are asked for."""

    locations: Locations
    starts: range
    extra: tuple[object, ...]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: Any) -> tuple[Any, ...]:
        start = self.starts[number]
        rows = range(start, min(start + self.starts.step, len(self.locations)))
        return start, self.locations.take(rows), *self.extra


def _survey_chunk(start: int, locations: Locations) -> tuple[Counter[Header], Damage]:
    headers: Counter[Header] = Counter()
    damage: Damage = {}
    with strict_pillow():
        for row, source in enumerate(locations.open(), start):
            if isinstance(source, Exception):
                damage[row] = reason(source)
                continue
            try:
                headers[read_header(source)] += 1
            except Exception as error:  # a damaged file makes Pillow raise anything
                damage[row] = reason(error)
    return headers, damage


def _decode_chunk(
    start: int, locations: Locations, file: Path, shape: tuple[int, int, int], fit: str
) -> Damage:
    try:
        images = open_memmap(file, mode="r+")
    except FileNotFoundError as error:
        raise DataError(
            f"Got no file {file} in a worker of the cluster, but expected all to see the "
            "cache folder. Put it on storage that they share, with --cache-dir."
        ) from error
    damage: Damage = {}
    with strict_pillow():
        for row, source in enumerate(locations.open(), start):
            if isinstance(source, Exception):  # raised, it would keep the file mapped
                damage[row] = reason(source)
                continue
            try:
                pixels = read_pixels(source, shape[:2], shape[2], fit)
            except Exception as error:  # a damaged file makes Pillow raise anything
                damage[row] = reason(error)
            else:
                images[row] = pixels
    return damage
