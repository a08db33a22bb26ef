"""Data sets in shards: files that hold many labeled images each."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from featx import remote
from featx.errors import DataError
from featx.images.backends import Folder
from featx.images.index import PART_FOLDERS, Index, is_unlabeled
from featx.images.labels import index_labels
from featx.images.notes import counted
from featx.images.options import Options
from featx.images.shard_files import (
    LABEL_COLUMNS,
    Pieces,
    ShardIndex,
    index_shard,
)
from featx.images.split import TEST, TRAIN, UNLABELED
from featx.workers import map_serial

NAMES_FILE = "classnames.txt"  # a class per line, in the order of the labels


def read_names(root: Folder) -> tuple[str, ...]:
    """Read the names of the classes from a file beside the shards, if there is one."""
    try:
        text = remote.read_from(root.locate(NAMES_FILE), lambda file: file.read())
    except FileNotFoundError:
        return ()
    lines = text.decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def index_shards(
    root: Folder, shards: Sequence[str], names: tuple[str, ...], options: Options
) -> tuple[Index, tuple[str, ...]]:
    """Index the images of all shards, in their order.

    A word of a shard's path may name the part: ``train-00000.tar``, ``val/0.tar``,
    ``unlabeled-0.tar``, ``data/test-00000-of-00001.parquet``; where none does, all are
    `TRAIN`. Tables may bring names of classes of their own. Images without a label come
    first. Returns notes on what was left out, too.

    Raises
    ------
    DataError
        If a shard is damaged, or no image has a label.
    DependencyError
        If a table is to be read without pyarrow.
    """
    parts, notes = _parts(root, shards)
    files = tuple(root.locate(shard) for shard in parts)
    execute = options.executor if len(files) > 1 else map_serial
    read: dict[int, ShardIndex] = {}
    for number, index in execute(index_shard, [(file,) for file in files]):
        read[number] = index
        options.progress("listing shards", len(read), len(files))
    held = [read[number] for number in range(len(files))]
    counts = [len(index.ids) for index in held]
    part = np.repeat(np.array(list(parts.values()), np.int8), counts)
    labels = [
        None if own == UNLABELED else label
        for own, index in zip(parts.values(), held, strict=True)
        for label in index.labels
    ]
    y, class_names = index_labels(labels, root, _names(root, held, names))
    if options.need_labels and not class_names:
        raise DataError(
            f"Got no image with a label in {root}, but expected KEY.cls beside KEY.jpg in "
            f"a tar file, or a column {', '.join(LABEL_COLUMNS[:3])} in a table."
        )
    whole = Index(
        [
            f"{s}/{id_}"
            for s, index in zip(parts, held, strict=True)
            for id_ in index.ids
        ],
        [],
        y,
        np.where((y < 0) & (part != TEST), UNLABELED, part).astype(np.int8),
        class_names,
        Pieces(
            files,
            np.repeat(np.arange(len(files), dtype=np.int32), counts),
            np.concatenate([index.at for index in held]),
        ),
    )
    without = np.flatnonzero(y < 0)
    if len(without):
        notes.append(
            f"without a label: {counted(len(without), 'image')}, such as "
            f"{whole.ids[without[0]]}; those of the test part are left out"
        )
    rows = np.flatnonzero((y >= 0) | (part != TEST))
    # unlabeled images first, as they are needed
    rows = rows[np.argsort(whole.part[rows] != UNLABELED, kind="stable")]
    return whole.take(rows, whole.part[rows]), tuple(notes)


def _parts(root: Folder, shards: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Part of each shard that is used, and notes on the others."""
    named = {shard: _part(shard) for shard in shards}
    parts = {shard: part for shard, part in named.items() if part is not None}
    if not parts or (len(shards) == 1 and UNLABELED not in parts.values()):
        return dict.fromkeys(shards, TRAIN), []
    if set(parts.values()) == {UNLABELED}:
        return {
            shard: TRAIN if part is None else part for shard, part in named.items()
        }, []
    if TRAIN not in parts.values():
        raise DataError(
            f"Got shards of no part train in {root}, but expected one, such as "
            f"train-00000.tar beside {shards[0]}."
        )
    without = [shard for shard, part in named.items() if part is None]
    return parts, [f"left out, of no part: {', '.join(without)}"] if without else []


def _part(shard: str) -> int | None:
    """Find the part that a path names, such as 1 for ``data/val-0.tar``."""
    for step in shard.lower().split("/"):
        (word,) = re.findall("^[a-z]*", step)
        if word in PART_FOLDERS or is_unlabeled(word):
            return PART_FOLDERS.get(word, UNLABELED)
    return None


def _names(
    root: Folder, held: Sequence[ShardIndex], names: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of the classes by their labels; what tables say goes first."""
    own = {index.names for index in held if index.names}
    if len(own) > 1:
        first, second, *_ = sorted(own)
        raise DataError(
            f"Got shards with different names of classes in {root}, such as "
            f"{', '.join(first[:5])} and {', '.join(second[:5])}, but expected the same."
        )
    return own.pop() if own else names
