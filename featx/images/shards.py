"""Shards: files that hold many labelled images each, WebDataset tars or Parquet tables."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx import remote
from featx.errors import DataError, missing_library
from featx.images.listing import PART_FOLDERS, Listing
from featx.images.options import Options
from featx.images.pixels import Source
from featx.images.places import AT_ONCE
from featx.images.split import TRAIN
from featx.images.trees import Tree, extensions
from featx.workers import map_serial

LABEL_COLUMNS = ("label", "labels", "cls", "class", "target", "fine_label")
NAMES_FILE = "classnames.txt"  # a class per line, in the order of the labels
Label = int | str | None


class Index(NamedTuple):
    """What one shard holds.

    Parameters
    ----------
    ids : list of str
        A name for each image within the shard.
    labels : list of int, str or None
        Its label; None where the shard says none.
    at : ndarray of int64, shape (n, 2)
        Where it lies: offset and length in bytes in a tar, row group and row in it in a
        table.
    names : tuple of str
        Names of the classes, where the shard knows them.
    """

    ids: list[str]
    labels: list[Label]
    at: NDArray[np.int64]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pieces:
    """Images within shards.

    Parameters
    ----------
    files : tuple of str
        Paths or URLs of the shards.
    shard : ndarray of int32, shape (n,)
        Which of them holds the image.
    at : ndarray of int64, shape (n, 2)
        Where, see `Index`.
    """

    files: tuple[str, ...]
    shard: NDArray[np.int32]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.shard)

    def take(self, rows: Sequence[int]) -> Pieces:
        """Return the places at `rows`, in that order."""
        used, shard = np.unique(self.shard[rows], return_inverse=True)
        files = tuple(self.files[i] for i in used)
        return Pieces(files, shard.astype(np.int32), self.at[rows])

    def open(self) -> Iterator[Source | Exception]:
        """Give the content of each image, read some at once."""
        for shard, group in groupby(range(len(self)), key=lambda i: self.shard[i]):
            rows = list(group)
            for start in range(0, len(rows), AT_ONCE):
                at = self.at[rows[start : start + AT_ONCE]]
                for content in _contents(self.files[shard], at):
                    yield (
                        DataError("no image in this row")
                        if content is None
                        else io.BytesIO(content)
                    )


def _contents(file: str, at: NDArray[np.int64]) -> Sequence[bytes | None]:
    if _is_table(file):
        contents: list[bytes | None] = []
        for row_group, rows in groupby(at.tolist(), key=lambda one: one[0]):
            column = _image_column(file, row_group)
            contents += [column[row].as_py() for _, row in rows]
        return contents
    return remote.read_pieces(
        file, [(start, start + size) for start, size in at.tolist()]
    )


def _is_table(file: str) -> bool:
    return file.lower().endswith(".parquet")


def read_names(root: Tree) -> tuple[str, ...]:
    """Read the names of the classes from a file beside the shards, if there is one.

    Parameters
    ----------
    root : Tree
        The folder of the shards.

    Returns
    -------
    tuple of str
        In the order of the labels.
    """
    try:
        text = remote.read_from(root.place(NAMES_FILE), lambda file: file.read())
    except FileNotFoundError:
        return ()
    lines = text.decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def list_shards(
    root: Tree, shards: Sequence[str], names: tuple[str, ...], options: Options
) -> tuple[Listing, tuple[str, ...]]:
    """List the images of all shards.

    Parameters
    ----------
    root : Tree
        The folder of the shards.
    shards : sequence of str
        Their paths below it. A word of the path may name the part:
        ``train-00000.tar``, ``val/0.tar``, ``data/test-00000-of-00001.parquet``.
    names : tuple of str
        Names of the classes as `read_names` found them; tables may bring their own.
    options : Options
        Its `progress` and `executor`.

    Returns
    -------
    listing : Listing
        In the order of the shards; parts are all `TRAIN` where no name tells one.
    notes : tuple of str
        What was left out.

    Raises
    ------
    DataError
        If a shard is damaged, or no image has a label.
    DependencyError
        If a table is to be read without pyarrow.
    """
    parts = {shard: _part(shard) for shard in shards}
    notes = []
    if len(shards) > 1 and any(part is not None for part in parts.values()):
        if TRAIN not in parts.values():
            raise DataError(
                f"Got shards of no part train in {root}, but expected one, such as "
                f"train-00000.tar beside {shards[0]}."
            )
        without = [shard for shard, part in parts.items() if part is None]
        if without:
            notes.append(f"left out, of no part: {', '.join(without)}")
    else:
        parts = dict.fromkeys(shards, TRAIN)
    used = [shard for shard, part in parts.items() if part is not None]
    files = tuple(root.place(shard) for shard in used)
    execute = options.executor if len(files) > 1 else map_serial
    read: dict[int, Index] = {}
    for number, index in execute(_index, [(file,) for file in files]):
        read[number] = index
        options.progress("listing shards", len(read), len(files))
    found = [read[number] for number in range(len(files))]

    labels = [label for index in found for label in index.labels]
    y, class_names = _classes(labels, _names(root, found, names), root)
    listing = Listing(
        [
            f"{s}/{id_}"
            for s, index in zip(used, found, strict=True)
            for id_ in index.ids
        ],
        [],
        y,
        np.repeat(
            np.array([parts[shard] for shard in used], np.int8),
            [len(index.ids) for index in found],
        ),
        class_names,
        Pieces(
            files,
            np.repeat(
                np.arange(len(files), dtype=np.int32),
                [len(index.ids) for index in found],
            ),
            np.concatenate([index.at for index in found]),
        ),
    )
    labelled = np.flatnonzero(y >= 0)
    if len(labelled) < len(y):
        first = listing.ids[int(np.flatnonzero(y < 0)[0])]
        notes.append(
            f"left out, without a label: {len(y) - len(labelled):,} images, such as {first}"
        )
        listing = listing.take(labelled, listing.part[labelled])
    return listing, tuple(notes)


def _part(shard: str) -> int | None:
    """Find the part that a path names, such as 1 for ``data/val-0.tar``."""
    for step in shard.lower().split("/"):
        (word,) = re.findall("^[a-z]*", step)
        if word in PART_FOLDERS:
            return PART_FOLDERS[word]
    return None


def _names(
    root: Tree, found: Sequence[Index], names: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of the classes by their labels; what tables say goes first."""
    told = {index.names for index in found if index.names}
    if len(told) > 1:
        first, second, *_ = sorted(told)
        raise DataError(
            f"Got shards with different names of classes in {root}, such as "
            f"{', '.join(first[:5])} and {', '.join(second[:5])}, but expected the same."
        )
    return told.pop() if told else names


def _classes(
    labels: Sequence[Label], names: tuple[str, ...], root: Tree
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
        called = tuple(names[value] for value in order)
    else:
        called = tuple(map(str, order))
    place = {value: i for i, value in enumerate(order)}
    index = {
        label: place.get(value if numbers or value is None else str(value), -1)
        for label, value in kinds.items()
    }
    return np.array([index[label] for label in labels], np.int64), called


def _index(file: str) -> Index:
    try:
        if _is_table(file):
            return remote.read_from(file, lambda stream: _index_table(stream, file))
        return remote.read_from(file, _index_tar)
    except tarfile.TarError as error:
        raise DataError(
            f"Got {file}, which is no whole tar file without compression ({error}). "
            "Unpack a compressed one, fetch a damaged one again, or move it away."
        ) from error


def _index_tar(stream: IO[bytes]) -> Index:
    """Find images by their extension, and their labels in ``.cls`` files of their key."""
    ids: list[str] = []
    at: list[tuple[int, int]] = []
    labels: dict[str, Label] = {}
    keys: dict[str, None] = {}
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        while (member := tar.next()) is not None:
            vars(tar)["members"].clear()  # or it would keep them all
            folder, slash, name = member.name.rpartition("/")
            key, _, end = name.partition(".")
            key = folder + slash + key
            if not member.isreg() or not key or not name or name.startswith("."):
                continue
            if f".{end.lower()}" in extensions() and key not in keys:
                keys[key] = None
                ids.append(member.name)
                at.append((member.offset_data, member.size))
            elif end.lower() == "cls":
                stream.seek(member.offset_data)
                text = stream.read(min(member.size, 1000))
                labels[key] = text.decode("utf-8", "replace").strip()
        stream.seek(tar.offset)
        end_mark = stream.read(tarfile.BLOCKSIZE)
    if not end_mark or end_mark.strip(b"\0"):  # tarfile itself would be content
        raise tarfile.ReadError(f"it breaks off at byte {tar.offset:,}")
    return Index(
        ids,
        [labels.get(key) for key in keys],
        np.array(at, np.int64).reshape(-1, 2),
    )


def _index_table(stream: IO[bytes], file: str) -> Index:
    """Find the columns of images and labels; the images are not read."""
    with _open_table(stream, file) as table:
        _, label = _columns(table.schema_arrow, file)
        labels = table.read(columns=[label]).column(label).to_pylist()
        sizes = [
            table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)
        ]
        names = _names_in(table.schema_arrow.metadata or {}, label)
    at = np.array([(g, row) for g, size in enumerate(sizes) for row in range(size)])
    return Index(
        [str(row) for row in range(len(labels))], labels, at.reshape(-1, 2), names
    )


def _columns(schema: Any, file: str) -> tuple[str, str]:
    """Names of the columns of images and of labels."""
    from pyarrow import types

    def holds_images(kind: Any) -> bool:
        if types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return types.is_binary(kind) or types.is_large_binary(kind)

    def holds_labels(kind: Any) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        return (
            types.is_integer(kind)
            or types.is_string(kind)
            or types.is_large_string(kind)
        )

    images = [field.name for field in schema if holds_images(field.type)]
    labels = [field.name for field in schema if holds_labels(field.type)]
    if len(labels) > 1:
        known = [name for name in LABEL_COLUMNS if name in labels]
        labels = known[:1] or labels
    if len(images) != 1 or len(labels) != 1:
        raise DataError(
            f"Got columns {', '.join(map(str, schema.names))} in {file}, but expected one "
            "of images (the bytes of an image file) and one of labels (integers or "
            f"strings, called {', '.join(LABEL_COLUMNS)} if there are more). Leave the "
            "others out."
        )
    return images[0], labels[0]


def _names_in(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...]:
    """Names of the classes as the library datasets writes them into a table."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[label]["names"]))
    except (KeyError, ValueError, TypeError):
        return ()


@lru_cache(maxsize=2)  # chunks of images follow each other within a row group
def _image_column(file: str, row_group: int) -> Any:
    def read(stream: IO[bytes]) -> Any:
        with _open_table(stream, file) as table:
            image, _ = _columns(table.schema_arrow, file)
            column = table.read_row_group(row_group, columns=[image]).column(image)
        flat = column.combine_chunks()
        return flat.field("bytes") if hasattr(flat.type, "fields") else flat

    return remote.read_from(file, read)


@contextmanager
def _open_table(stream: IO[bytes], file: str) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        need = f"Reading {file} needs pyarrow"
        raise missing_library(need, error, "featx[parquet]") from error
    try:
        yield parquet.ParquetFile(stream)
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and remote.is_remote(file):
            raise  # perhaps the storage, which will be asked again
        why = " ".join(str(error).split())
        raise DataError(
            f"Got {file}, which is no whole Parquet table ({why}). Fetch it again, or "
            "move it away."
        ) from error
