"""Folders of images, one folder per class or in shards: listed, chosen, decoded once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from featx.errors import DataError, FeatxError
from featx.images.decoded import decoded_once
from featx.images.imageset import Dataset
from featx.images.listing import (
    PART_FOLDERS,
    Listing,
    holds_images,
    list_images,
)
from featx.images.options import Options
from featx.images.selection import choose_rows
from featx.images.shards import list_shards, read_names
from featx.images.trees import Stamp, Tree
from featx.remote import is_remote
from featx.store import FORMAT, Store

_TICK = 0.05  # seconds; clocks of file systems advance a hundred times a second or more


def load_folder(root: Tree, options: Options, store: Store) -> Dataset:
    """Load a tree of images, one folder per class, or of shards.

    The tree is ``CLASS/*.png``, or ``train/CLASS/*`` with or without ``test/`` and
    ``val/``; or ``*.tar`` or ``*.parquet``, right there, in ``data/`` or in folders of
    parts. Images are slices of one memory map, decoded into the cache.

    Raises
    ------
    DataError
        If the tree does not hold at least two classes of readable images.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    CacheError
        If the cache cannot be written.
    """
    with _readable(root):
        shards = _shards(root)
    if shards:
        return _load_shards(root, shards, options, store)
    with _readable(root):
        listing, notes = list_images(root)
    listing, more = _choose(listing, options, root)
    key = _key(
        (FORMAT, root.key, *_pixels(options)),
        zip(listing.ids, listing.part.tolist(), listing.stamps, strict=True),
    )

    def list_() -> tuple[Listing, tuple[str, ...]]:
        _wait_a_tick(root)
        return listing, ()

    data = decoded_once(store, key, root, list_, options)
    # Notes are of today: what they tell of is not in the key.
    return replace(data, notes=notes + more + data.notes)


def _load_shards(
    root: Tree, shards: Mapping[str, Stamp], options: Options, store: Store
) -> Dataset:
    # The shards are listed only if they changed: that means reading all of them.
    with _readable(root):
        names = read_names(root)
    drawn = (options.limit, dict(options.keep), options.seed)
    chosen = drawn if options.limit is not None or options.keep else ()
    first = (FORMAT, root.key, *_pixels(options), chosen, names)
    key = _key(first, shards.items())

    def list_() -> tuple[Listing, tuple[str, ...]]:
        _wait_a_tick(root)
        with _readable(root):
            listing, notes = list_shards(root, list(shards), names, options)
        listing, more = _choose(listing, options, root)
        return listing, notes + more

    return decoded_once(store, key, root, list_, options)


def _shards(root: Tree) -> dict[str, Stamp]:
    """Find the shards of a folder, unless it is one of classes."""
    folders = root.subfolders()
    inside = [f for f in folders if f.lower() in PART_FOLDERS or f == "data"]
    found = root.shards()
    for folder in inside:
        found |= root.shards(folder)
    if found and any(holds_images(root, folder) for folder in folders):
        return {}
    return found


@contextmanager
def _readable(root: Tree) -> Iterator[None]:
    try:
        yield
    except FeatxError:
        raise
    except OSError as error:
        raise DataError(
            f"Got {error.strerror or error} while listing {error.filename or root}, "
            "but expected the right to read it. Change its rights or leave it out."
        ) from error


def _choose(
    listing: Listing, options: Options, root: Tree
) -> tuple[Listing, tuple[str, ...]]:
    rows, part, notes = choose_rows(
        listing.y, listing.part, listing.class_names, options, root
    )
    return listing.take(rows, part), notes


def _pixels(options: Options) -> tuple[object, ...]:
    """List what the pixels depend on beside the files."""
    if options.size:
        return options.size, options.fit
    on_gpu = options.device.startswith(("cuda", "mps"))
    return options.longest_side, on_gpu, options.fit


def _wait_a_tick(root: Tree) -> None:
    """Wait between listing and decoding until the clock of the files has moved on.

    A change before that is decoded, and one after it gets another time of change than
    the listing has, so that no later listing finds what was decoded here.
    """
    if not is_remote(root.key):
        time.sleep(_TICK)


def _key(first: object, rest: Iterable[object]) -> str:
    """Hash all that decoded images depend on."""
    digest = hashlib.sha256(repr(first).encode())
    texts = map(repr, rest)
    while some := "".join(islice(texts, 4096)):
        digest.update(some.encode())
    return digest.hexdigest()
