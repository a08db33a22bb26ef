"""What shards hold: WebDataset tars and Parquet tables."""

from __future__ import annotations

import io
import json
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
from featx.images.backends import extensions
from featx.images.labels import Label
from featx.images.locations import AT_ONCE
from featx.images.pixels import Source

LABEL_COLUMNS = ("label", "labels", "cls", "class", "target", "fine_label")


class ShardIndex(NamedTuple):
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
        Where, see `ShardIndex`.
    """

    files: tuple[str, ...]
    shard: NDArray[np.int32]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.shard)

    def take(self, rows: Sequence[int]) -> Pieces:
        """Return the locations at `rows`, in that order."""
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


def index_shard(file: str) -> ShardIndex:
    """Find the images of a shard and their labels.

    Raises
    ------
    DataError
        If the shard is damaged.
    DependencyError
        If it is a table and pyarrow is not installed.
    """
    try:
        if _is_table(file):
            return remote.read_from(file, lambda stream: _index_table(stream, file))
        return remote.read_from(file, _index_tar)
    except tarfile.TarError as error:
        raise DataError(
            f"Got {file}, which is no whole tar file without compression ({error}). "
            "Unpack a compressed one, fetch a damaged one again, or move it away."
        ) from error


def _index_tar(stream: IO[bytes]) -> ShardIndex:
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
    return ShardIndex(
        ids,
        [labels.get(key) for key in keys],
        np.array(at, np.int64).reshape(-1, 2),
    )


def _index_table(stream: IO[bytes], file: str) -> ShardIndex:
    """Find the columns of images and labels; the images are not read."""
    with open_table(stream, file) as table:
        _, label = _columns(table.schema_arrow, file)
        labels: list[Label] = [None] * table.metadata.num_rows
        if label:
            labels = table.read(columns=[label]).column(label).to_pylist()
        sizes = [
            table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)
        ]
        names = _names_in(table.schema_arrow.metadata or {}, label)
    at = np.array([(g, row) for g, size in enumerate(sizes) for row in range(size)])
    return ShardIndex(
        [str(row) for row in range(len(labels))], labels, at.reshape(-1, 2), names
    )


def image_columns(schema: Any) -> list[str]:
    """Names of the columns of a Parquet table that hold image files."""
    from pyarrow import types

    def is_one(kind: Any) -> bool:
        if types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return types.is_binary(kind) or types.is_large_binary(kind)

    return [field.name for field in schema if is_one(field.type)]


def _columns(schema: Any, file: str) -> tuple[str, str]:
    """Names of the columns of images and of labels; without labels, an empty one."""
    from pyarrow import types

    def holds_labels(kind: Any) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        return (
            types.is_integer(kind)
            or types.is_string(kind)
            or types.is_large_string(kind)
        )

    images = image_columns(schema)
    labels = [field.name for field in schema if holds_labels(field.type)]
    if len(labels) > 1:
        known = [name for name in LABEL_COLUMNS if name in labels]
        labels = known[:1] or labels
    if len(images) != 1 or len(labels) > 1:
        raise DataError(
            f"Got columns {', '.join(map(str, schema.names))} in {file}, but expected one "
            "of images (the bytes of an image file) and one of labels (integers or "
            f"strings, called {', '.join(LABEL_COLUMNS)} if there are more). Leave the "
            "others out."
        )
    return images[0], labels[0] if labels else ""


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
        with open_table(stream, file) as table:
            image, _ = _columns(table.schema_arrow, file)
            column = table.read_row_group(row_group, columns=[image]).column(image)
        flat = column.combine_chunks()
        return flat.field("bytes") if hasattr(flat.type, "fields") else flat

    return remote.read_from(file, read)


@contextmanager
def open_table(stream: IO[bytes], file: str) -> Iterator[Any]:
    """Open a Parquet table; DataError if it is damaged."""
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
