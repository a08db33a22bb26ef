"""Folders of images, one folder per class or in shards: listed, chosen, decoded once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from featx.errors import DataError, FeatxError, ParameterError
from featx.images.backends import Folder
from featx.images.decoded import decoded_once
from featx.images.groups import groups_in_names
from featx.images.imageset import Dataset
from featx.images.index import (
    PART_FOLDERS,
    Index,
    holds_images,
    index_images,
    index_unlabeled,
    index_unlabeled_folders,
    is_unlabeled,
    joined,
)
from featx.images.options import Options
from featx.images.selection import choose_rows
from featx.images.shards import index_shards, read_names
from featx.images.split import UNLABELED
from featx.images.stamps import Stamp
from featx.images.tables import index_tables, tables_inside
from featx.remote import is_remote
from featx.store import FORMAT, Store

_TICK = 0.05  # seconds; clocks of file systems advance a hundred times a second or more


def load_folder(
    root: Folder,
    options: Options,
    store: Store,
    *,
    table: str = "",
    more: Folder | None = None,
) -> Dataset:
    """Load a folder of images, one folder per class, or of shards.

    It holds ``CLASS/*.png``, or ``train/CLASS/*`` with or without ``test/`` and
    ``val/``; or ``*.tar`` or ``*.parquet``, right there, in ``data/`` or in folders of
    parts; or `table` or ``metadata.csv`` says of which class its images are. Images without
    a label lie in ``unlabeled/`` and in `more`, another folder, at any depth. The decoded
    images go to the cache.

    Raises
    ------
    DataError
        If it does not hold at least two classes of readable images.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    CacheError
        If the cache cannot be written.
    """
    with _readable(root):
        shards = {} if table else _shards(root)
        tables = [table] if table else tables_inside(root, options.columns)
    if options.columns and not tables:
        raise ParameterError(
            f"Got names of columns for {root}, but expected a table of labels: a .csv or "
            ".parquet file, or metadata.csv in the folder."
        )
    beside = None if more is None else _without_labels(more, options)
    if shards or tables:  # which say nothing of these
        with _readable(root):
            beside = joined(beside, index_unlabeled_folders(root))
    if shards and not tables:
        return _load_shards(root, shards, options, store, beside)
    with _readable(root):
        if tables:
            index, notes = index_tables(root, tables, options.columns)
            _check_labels(index, options, root)
        else:
            index, notes = index_images(root, need_labels=options.need_labels)
    index, chosen = _choose(index, options, root, beside)
    told = (index.class_names, index.y.tolist()) if tables else ()
    groups = None if index.groups is None else index.groups.tolist()
    key = _key(
        (FORMAT, root.key, *_pixels(options), told, groups, index.test_given),
        zip(index.ids, index.part.tolist(), index.stamps, strict=True),
    )

    def list_() -> tuple[Index, tuple[str, ...]]:
        _wait_a_tick(root)
        return index, ()

    # Notes are of today: what they tell of is not in the key.
    dataset = decoded_once(store, key, root, list_, options, notes + chosen)
    return replace(dataset, name=f"{root.key}/{table}") if table else dataset


def _load_shards(
    root: Folder,
    shards: Mapping[str, Stamp],
    options: Options,
    store: Store,
    beside: Index | None,
) -> Dataset:
    # The shards are listed only if they changed: that means reading all of them.
    with _readable(root):
        names = read_names(root)
    drawn = (options.limit, dict(options.keep), options.seed)
    chosen = drawn if options.limit is not None or options.keep else ()
    asked = (options.group_by, options.unlabeled, options.need_labels, options.split)
    first = (FORMAT, root.key, *_pixels(options), chosen, names, asked)
    others = () if beside is None else zip(beside.ids, beside.stamps, strict=True)
    key = _key(first, chain(shards.items(), others))

    def list_() -> tuple[Index, tuple[str, ...]]:
        _wait_a_tick(root)
        with _readable(root):
            index, notes = index_shards(root, list(shards), names, options)
        index, more = _choose(index, options, root, beside)
        return index, notes + more

    return decoded_once(store, key, root, list_, options)


def _without_labels(root: Folder, options: Options) -> Index:
    """List another place, a folder of images or of shards, as images without a label."""
    with _readable(root):
        shards = _shards(root)
        if not shards:
            index = index_unlabeled(root)
        else:
            free = replace(options, need_labels=False)
            index, _ = index_shards(root, list(shards), (), free)
            index = replace(index, stamps=[_of_shard(shards, id_) for id_ in index.ids])
    n = len(index.ids)
    return replace(
        index,
        ids=[f"{root}/{id_}" for id_ in index.ids],
        y=np.full(n, -1),
        part=np.full(n, UNLABELED, np.int8),
        class_names=(),
    )


def _of_shard(shards: Mapping[str, Stamp], id_: str) -> Stamp:
    """Return the stamp of the shard that holds an image, right in the folder or below."""
    first, second, *_ = id_.split("/")
    return shards[first] if first in shards else shards[f"{first}/{second}"]


def _shards(root: Folder) -> dict[str, Stamp]:
    """Find the shards of a folder, unless it is one of classes."""
    folders = [f for f in root.subfolders() if not is_unlabeled(f)]
    inside = [f for f in folders if f.lower() in PART_FOLDERS or f == "data"]
    inside += [f for f in root.subfolders() if is_unlabeled(f)]
    shards = root.shards()
    for folder in inside:
        shards |= root.shards(folder)
    if shards and any(holds_images(root, folder) for folder in folders):
        return {}
    return shards


@contextmanager
def _readable(root: Folder) -> Iterator[None]:
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
    index: Index, options: Options, root: Folder, beside: Index | None
) -> tuple[Index, tuple[str, ...]]:
    """Choose among the images of a place, and those beside it that have no label."""
    if beside is not None:
        index = beside.followed_by(index)
    notes: tuple[str, ...] = ()
    if options.group_by is not None:
        groups, notes = groups_in_names(index.ids, options.group_by, index.y)
        index = replace(index, groups=groups)
    choice = choose_rows(
        index.y, index.part, index.class_names, options, root, index.groups
    )
    chosen = replace(index.take(choice.rows, choice.part), test_given=choice.test_given)
    return chosen, notes + choice.notes


def _check_labels(index: Index, options: Options, root: Folder) -> None:
    if options.need_labels and not index.class_names:
        raise DataError(
            f"Got {len(index.ids):,} images but no label in {root}. Name the "
            "column of labels with --column label=NAME."
        )


def _pixels(options: Options) -> tuple[object, ...]:
    """List what the pixels depend on beside the files."""
    if options.size:
        return options.size, options.fit
    on_gpu = options.device.startswith(("cuda", "mps"))
    return options.longest_side, on_gpu, options.fit


def _wait_a_tick(root: Folder) -> None:
    """Wait between listing and decoding until the clock of the files has moved on.

    A change before that is decoded, and one after it gets another time of change than
    the listing has, so that no later index finds what was decoded here.
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
