"""Tables of labels: a row for each image file, with its class, group and part."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from featx import remote
from featx.errors import DataError, DependencyError, ParameterError
from featx.images.backends import Folder
from featx.images.groups import number_groups
from featx.images.index import PART_FOLDERS, Index, is_unlabeled
from featx.images.labels import index_labels
from featx.images.locations import Files
from featx.images.notes import counted, first_of
from featx.images.options import COLUMNS
from featx.images.shard_files import image_columns, open_table
from featx.images.split import TEST, TRAIN, UNLABELED
from featx.images.stamps import Stamp

_LONGEST_HEAD = 2**20  # bytes of the first line
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

    def read(stream: IO[bytes]) -> bool:
        with open_table(stream, place) as file:
            schema = file.schema_arrow
            named = columns.get("file_name", "file_name") in schema.names
            return named and not image_columns(schema)

    try:
        return remote.read_from(place, read)
    except (FileNotFoundError, PermissionError):
        return False  # whoever opens it will say so


def tables_inside(root: Folder, columns: Mapping[str, str]) -> list[str]:
    """Find the tables that name files and labels, right in a folder or in its parts."""
    folders = ["", *(f for f in root.subfolders() if f.lower() in PART_FOLDERS)]
    found = []
    for folder in folders:
        for name in _INSIDE:
            path = f"{folder}/{name}" if folder else name
            if root.stamp(path) is not None and _tells_labels(root, path, columns):
                found.append(path)
                break
    return found


def _tells_labels(root: Folder, path: str, columns: Mapping[str, str]) -> bool:
    """Whether a file that was not asked for is a table of labels."""
    place = root.locate(path)
    if not is_text_table(path):
        try:
            names, _ = _read_parquet(root, path)
            label = columns.get("label", "label")
            return is_label_table(place, columns) and label in names
        except (DataError, DependencyError):
            return False
    head = remote.read_from(place, lambda stream: stream.readline(_LONGEST_HEAD))
    names = _header(head.decode("utf-8-sig", "replace"))
    wanted = {columns.get(one, one) for one in ("file_name", "label")}
    return wanted <= set(names)


def _header(line: str) -> list[str]:
    """Split the first line of a table into the names of columns."""
    reader = csv.reader([line.rstrip("\r\n")], delimiter=_separator(line))
    return [name.strip() for name in next(reader, [])]


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)


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
    kept = [row for row, stamp in zip(rows, stamps, strict=True) if stamp is not None]
    without = [row for row in kept if _part(row) == TEST and not row.label]
    if without:
        there = [f"{row.file} ({row.place})" for row in without]
        notes.append(f"left out, test images without a label: {first_of(there)}")
    left_out = set(without)
    # by part and name: the order of the lines says nothing
    kept = sorted(
        (row for row in kept if row not in left_out),
        key=lambda row: (_part(row), row.file),
    )
    return _index(root, kept, dict(zip(rows, stamps, strict=True)), tables), tuple(
        notes
    )


def _index(
    root: Folder,
    rows: Sequence[_Row],
    stamps: Mapping[_Row, Stamp | None],
    tables: Sequence[str],
) -> Index:
    """Turn rows of tables into an index, unlabeled images first."""
    part = np.array([_part(row) for row in rows], np.int8)
    said = [
        row.label if row.label and own != UNLABELED else None
        for row, own in zip(rows, part, strict=True)
    ]
    y, class_names = index_labels(said, ", ".join(tables))
    part[y < 0] = UNLABELED
    names = [row.group for row in rows]
    ids = [row.file for row in rows]
    order = np.argsort(part, kind="stable")
    return Index(
        ids,
        [stamp for row in rows if (stamp := stamps[row]) is not None],
        y,
        part,
        class_names,
        Files([root.locate(file) for file in ids]),
        number_groups(names) if any(names) else None,
    ).take(order, part[order])


def _rows(
    root: Folder, table: str, columns: Mapping[str, str], notes: list[str]
) -> Iterator[_Row]:
    """Pick what is used out of the lines of a table."""
    names, lines = _read(root, table)
    chosen = {one: columns.get(one, one) for one in COLUMNS}
    asked = ["file_name", *(one for one in columns if one != "file_name")]
    if missing := [one for one in asked if chosen[one] not in names]:
        raise ParameterError(
            f"Got no column {chosen[missing[0]]} in {table}, but "
            f"{', '.join(names) or 'none'}. Name it with --column {missing[0]}=NAME."
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
        file = said["file_name"].replace("\\", "/")
        yield _Row(
            place,
            posixpath.normpath(posixpath.join(folder, file)),
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
        if _told(before) != _told(row):
            raise DataError(
                f"Got {row.file} twice: {_words(before)} in {before.place}, but "
                f"{_words(row)} in {row.place}. Remove one of them."
            )
        doubles.append(f"{row.file} ({row.place})")
    if doubles:
        notes.append(f"named twice, used once: {first_of(doubles)}")
    return list(first.values())


def _told(row: _Row) -> tuple[str, str, int]:
    return row.label, row.group, _part(row)


def _words(row: _Row) -> str:
    said = {"label": row.label, "group": row.group, "split": row.split}
    words = [f"{name} {word}" for name, word in said.items() if word]
    return ", ".join(words) or "nothing"


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
    separator = _separator(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)

    def lines() -> Iterator[tuple[int, list[str]]]:
        try:
            for cells in reader:
                if any(cells):
                    yield reader.line_num, cells
        except csv.Error as error:
            raise DataError(
                f"Got {table} that cannot be read in line {reader.line_num} ({error}). "
                "Look for a quotation mark that is not closed."
            ) from error

    _, names = next(lines(), (0, []))
    return [name.strip() for name in names], lines()


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
    columns = [list(map(_as_text, column.to_pylist())) for column in held.columns]
    lines = enumerate(map(list, zip(*columns, strict=True)), 1)
    return list(held.column_names), iter(lines)


def _as_text(value: Any) -> str:
    """Write a cell as people would: nothing for no number, 3 for 3.0."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
