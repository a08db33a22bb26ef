"""Data sets in shards: files that hold many labeled images each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx import remote
from featx.errors import DataError
from featx.images.backends import Folder
from featx.images.index import PART_FOLDERS, Index
from featx.images.options import Options
from featx.images.shard_files import (
    LABEL_COLUMNS,
    Label,
    Pieces,
    ShardIndex,
    index_shard,
)
from featx.images.split import TRAIN
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
    ``data/test-00000-of-00001.parquet``; where none does, all are `TRAIN`. Tables may bring
    names of classes of their own. Returns notes on what was left out, too.

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
    labels = [label for index in held for label in index.labels]
    y, class_names = _classes(labels, _names(root, held, names), root)
    whole = Index(
        [
            f"{s}/{id_}"
            for s, index in zip(parts, held, strict=True)
            for id_ in index.ids
        ],
        [],
        y,
        np.repeat(np.array(list(parts.values()), np.int8), counts),
        class_names,
        Pieces(
            files,
            np.repeat(np.arange(len(files), dtype=np.int32), counts),
            np.concatenate([index.at for index in held]),
        ),
    )
    labeled = np.flatnonzero(y >= 0)
    if len(labeled) < len(y):
        first = whole.ids[int(np.flatnonzero(y < 0)[0])]
        notes.append(
            f"left out, without a label: {len(y) - len(labeled):,} images, such as {first}"
        )
        whole = whole.take(labeled, whole.part[labeled])
    return whole, tuple(notes)


def _parts(root: Folder, shards: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Part of each shard that is used, and notes on the others."""
    named = {shard: _part(shard) for shard in shards}
    parts = {shard: part for shard, part in named.items() if part is not None}
    if len(shards) == 1 or not parts:
        return dict.fromkeys(shards, TRAIN), []
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
        if word in PART_FOLDERS:
            return PART_FOLDERS[word]
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


def _classes(
    labels: Sequence[Label], names: tuple[str, ...], root: Folder
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn labels into indices of the classes that occur, -1 where there is none."""
    kinds: dict[Label, Label] = {}
    for label in set(labels):
        number = isinstance(label, int) or (label or "").strip().isdecimal()
        kinds[label] = int(label) if number and label is not None else label
    values = {value for value in kinds.values() if value not in (None, -1)}
    if not values:
        raise DataError(
            f"Got no image with a label in {root}, but expected KEY.cls beside KEY.jpg in "
            f"a tar file, or a column {', '.join(LABEL_COLUMNS[:3])} in a table."
        )
    numbers = all(isinstance(value, int) for value in values)
    if not numbers:
        values = {str(value) for value in values}
    order: list[Any] = sorted(values)
    if numbers and names:
        if not 0 <= order[0] <= order[-1] < len(names):
            raise DataError(
                f"Got labels {order[0]} to {order[-1]} in {root}, but expected 0 to "
                f"{len(names) - 1} for the {len(names)} names of classes."
            )
        class_names = tuple(names[value] for value in order)
    else:
        class_names = tuple(map(str, order))
    place = {value: i for i, value in enumerate(order)}
    index = {
        label: place.get(value if numbers or value is None else str(value), -1)
        for label, value in kinds.items()
    }
    return np.array([index[label] for label in labels], np.int64), class_names
