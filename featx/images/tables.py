"""Tables of labels: a row for each image file, with its class, group and part."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from featx import remote
from featx.errors import DataError, ParameterError
from featx.images.backends import Folder
from featx.images.groups import number_groups
from featx.images.index import PART_FOLDERS, Index, is_unlabeled
from featx.images.labels import index_labels
from featx.images.locations import Files
from featx.images.notes import counted, first_of
from featx.images.options import COLUMNS
from featx.images.shard_files import image_columns, open_table
from featx.images.split import TRAIN, UNLABELED

_INSIDE = ("metadata.csv", "metadata.parquet")  # as the library datasets calls them


class _Row(NamedTuple):
    """A row of a table; what it does not say is empty.

    `place` says where it stands, for messages.
    """

    place: str
    file: str
    label: str
    group: str
    split: str


def is_text_table(name: str) -> bool:
    """Whether a file has the extension of a table that people write."""
    return name.lower().endswith((".csv", ".tsv"))


def is_label_table(place: str, columns: Mapping[str, str]) -> bool:
    """Whether a file or URL is a Parquet table that names image files, and holds none."""
    if not place.lower().endswith(".parquet"):
        return False

    def read(stream: IO[bytes]) -> tuple[bool, bool]:
        with open_table(stream, place) as file:
            schema = file.schema_arrow
            named = columns.get("file_name", "file_name") in schema.names
            return named, bool(image_columns(schema))

    try:
        named, images = remote.read_from(place, read)
    except FileNotFoundError:
        return False
    return named and not images


def tables_inside(root: Folder, columns: Mapping[str, str]) -> list[str]:
    """Find the tables that name labels of images right in a folder, or in its parts."""
    folders = [""] + [f for f in root.subfolders() if f.lower() in PART_FOLDERS]
    label = columns.get("label", "label")
    found = []
    for folder in folders:
        for name in _INSIDE:
            path = f"{folder}/{name}" if folder else name
            if root.stamp(path) is not None and label in _read(root, path)[0]:
                found.append(path)
                break
    return found


def index_tables(
    root: Folder, tables: Sequence[str], columns: Mapping[str, str]
) -> tuple[Index, tuple[str, ...]]:
    """Index the images that tables name.

    Parameters
    ----------
    root : Folder
        The folder of the tables.
    tables : sequence of str
        Paths below it. Files are relative to their table; a table in a folder of a part is
        of that part.
    columns : mapping of str to str
        By what they tell (`COLUMNS`), the names of columns that are called otherwise.

    Returns
    -------
    index : Index
        Sorted by part, unlabeled images first.
    notes : tuple of str
        What was left out.

    Raises
    ------
    DataError
        If a table cannot be read or contradicts itself, or no file is there.
    ParameterError
        If it has no such column.
    DependencyError
        If it is a Parquet table and pyarrow is not installed.
    """
    notes: list[str] = []
    rows = [row for table in tables for row in _rows(root, table, columns, notes)]
    if not rows:
        raise DataError(
            f"Got no rows in {', '.join(tables)}, but expected one for each image."
        )
    rows = _without_doubles(rows, notes)
    stamps = [root.stamp(row.file) for row in rows]
    missing = [row for row, stamp in zip(rows, stamps, strict=True) if stamp is None]
    if missing:
        there = [f"{row.file} ({row.place})" for row in missing]
        if len(missing) == len(rows):
            raise DataError(
                f"Got {counted(len(rows), 'file name')} but no such file in {root}, such "
                f"as {there[0]}. Files are looked for beside the table."
            )
        notes.append(f"left out, no such file: {first_of(there)}")
    found = [pair for pair in zip(rows, stamps, strict=True) if pair[1] is not None]
    rows = [row for row, _ in found]
    part = np.array([_part(row) for row in rows], np.int8)
    where = ", ".join(tables)
    y, class_names = index_labels([row.label or None for row in rows], where)
    part[y < 0] = UNLABELED
    y[part == UNLABELED] = -1
    ids, names = [row.file for row in rows], [row.group for row in rows]
    groups = number_groups(names) if any(names) else None
    index = Index(
        ids,
        [stamp for _, stamp in found if stamp is not None],
        y,
        part,
        class_names,
        Files(ids, root.locate("")),
        groups,
    )
    order = np.argsort(part, kind="stable")
    return index.take(order, part[order]), tuple(notes)


def _rows(
    root: Folder, table: str, columns: Mapping[str, str], notes: list[str]
) -> Iterator[_Row]:
    """Pick what is used out of the lines of a table."""
    names, lines = _read(root, table)
    chosen = {one: columns.get(one, one) for one in COLUMNS}
    asked = ["file_name", *(one for one in columns if one != "file_name")]
    if missing := [chosen[one] for one in asked if chosen[one] not in names]:
        raise ParameterError(
            f"Got no column {missing[0]} in {table}, but {', '.join(names) or 'none'}. "
            f"Name it with --column {asked[0]}=NAME."
        )
    at = {one: names.index(name) for one, name in chosen.items() if name in names}
    if unused := [name for name in names if name not in chosen.values()]:
        notes.append(f"{table}, columns that are not used: {first_of(unused)}")
    folder, _, _ = table.rpartition("/")
    for number, cells in lines:
        place = f"line {number} of {table}"
        if len(cells) != len(names):
            raise DataError(
                f"Got {len(cells)} cells in {place}, but expected {len(names)}, as its "
                "first line has."
            )
        said = {one: cells[i].strip() for one, i in at.items()}
        if not said["file_name"]:
            raise DataError(
                f"Got no file name in {place}, but expected one. Fill it in, or remove "
                "the line."
            )
        file = said["file_name"].replace("\\", "/").removeprefix("./")
        yield _Row(
            place,
            f"{folder}/{file}" if folder and not file.startswith("/") else file,
            said.get("label", ""),
            said.get("group", ""),
            said.get("split", "") or folder,
        )


def _without_doubles(rows: Sequence[_Row], notes: list[str]) -> list[_Row]:
    """Take each file once; refuse one that is said to be two things."""
    first: dict[str, _Row] = {}
    doubles = []
    for row in rows:
        before = first.setdefault(row.file, row)
        if before is row:
            continue
        if before[2:] != row[2:]:
            raise DataError(
                f"Got {row.file} twice with different words: {_words(before)} in "
                f"{before.place}, {_words(row)} in {row.place}. Remove one of them."
            )
        doubles.append(f"{row.file} ({row.place})")
    if doubles:
        notes.append(f"named twice, used once: {first_of(doubles)}")
    return list(first.values())


def _words(row: _Row) -> str:
    return ", ".join(word or "nothing" for word in (row.label, row.group, row.split))


def _part(row: _Row) -> int:
    """Read the part; without one it is that of training images."""
    word = row.split.lower()
    if not word or word in PART_FOLDERS:
        return PART_FOLDERS.get(word, TRAIN)
    if is_unlabeled(word):
        return UNLABELED
    raise DataError(
        f"Got split {row.split!r} in {row.place}, but expected one of "
        f"{', '.join(PART_FOLDERS)} or unlabeled."
    )


def _read(
    root: Folder, table: str
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Read the names of the columns, and the numbered lines of cells."""
    if not is_text_table(table):
        return _read_parquet(root, table)
    content = remote.read_from(root.locate(table), lambda stream: stream.read())
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Got {table} with the byte {content[error.start]:#x}, which is not UTF-8. "
            "Save it as UTF-8."
        ) from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [name.strip() for name in next(reader, [])]
    return names, ((reader.line_num, cells) for cells in reader if any(cells))


def _read_parquet(
    root: Folder, table: str
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    place = root.locate(table)

    def read(stream: IO[bytes]) -> Any:
        from pyarrow import types

        with open_table(stream, place) as file:
            plain = [
                one.name for one in file.schema_arrow if not types.is_nested(one.type)
            ]
            return file.read(columns=plain)

    held = remote.read_from(place, read)
    columns = [
        ["" if value is None else str(value) for value in column.to_pylist()]
        for column in held.columns
    ]
    lines = enumerate(map(list, zip(*columns, strict=True)), 1)
    return list(held.column_names), iter(lines)
