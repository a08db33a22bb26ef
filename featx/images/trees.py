"""Folders of images, on this machine or another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from featx import remote
from featx.errors import MissingDataError

EXTENSIONS = (
    *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg"),
    *(".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"),
)
_TAGS = (  # what storages call a hash of the content, or a time; the better ones first
    *("ETag", "etag", "md5Hash", "content_md5", "md5", "sha256", "blob_id"),
    *("mtime", "LastModified", "last_modified", "updated", "created"),
)
SHARDS = (".parquet", ".tar")
Stamp = tuple[int, int | str]  # bytes, and what changes with the content


def is_image(name: str) -> bool:
    """Whether a file that is not hidden has the extension of an image."""
    return name.lower().endswith(EXTENSIONS)  # millions are asked: no splitting


def is_shard(name: str) -> bool:
    """Whether a file has the extension of a shard, which holds many images."""
    return os.path.splitext(name)[1].lower() in SHARDS


class Tree(Protocol):
    """A folder of images; ``str`` of it is what the user called it.

    Paths below it are relative, with forward slashes; hidden files and folders are left
    out.

    Attributes
    ----------
    key : str
        Its one name, however it was reached.
    """

    key: str

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""

    def images(self, folder: str) -> Iterator[tuple[str, Stamp]]:
        """Path and stamp of every image below a folder, at any depth."""

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""

    def place(self, path: str) -> str:
        """Return what to open for a path; of an empty one, what any path is added to."""


class LocalTree:
    """A folder on this machine.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = str(root.resolve())

    def __str__(self) -> str:
        return str(self.root)

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""
        with os.scandir(self.root / folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")

    def images(self, folder: str) -> Iterator[tuple[str, Stamp]]:
        """Path and stamp of every image below a folder, at any depth."""
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self.images(f"{folder}/{name}")
                elif is_image(name) and entry.is_file():
                    stat = entry.stat()
                    yield f"{folder}/{name}", (stat.st_size, stat.st_mtime_ns)

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        found: dict[str, Stamp] = {}
        with os.scandir(self.root / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name[0] != "." and is_shard(entry.name) and entry.is_file():
                    stat = entry.stat()
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    found[path] = (stat.st_size, stat.st_mtime_ns)
        return found

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        every = self.root.rglob("*")
        return [p.name for p in every if p.is_file() and p.name[0] != "."]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return os.path.join(self.root, path)


class RemoteTree:
    """A folder on another machine; it is listed once.

    Parameters
    ----------
    url : str
        Of the folder.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is nothing below the URL.
    """

    def __init__(self, url: str) -> None:
        self.key = url.rstrip("/")
        try:
            found = remote.list_files(self.key)
        except (FileNotFoundError, PermissionError) as error:
            raise MissingDataError(
                f"Got {url}, but cannot read it: {error}."
            ) from error
        self.files = {
            path: info
            for path, info in found.items()
            if path and not any(name.startswith(".") for name in path.split("/"))
        }
        if not self.files:
            raise MissingDataError(
                f"Got {url}, but there are no files below it. Check the address."
            )

    def __str__(self) -> str:
        return self.key

    @cached_property
    def _folders(self) -> dict[str, dict[str, None]]:
        """Folders inside each folder."""
        inside: dict[str, dict[str, None]] = {}
        for path in self.files:
            steps = path.split("/")[:-1]
            for depth, name in enumerate(steps):
                inside.setdefault("/".join(steps[:depth]), {})[name] = None
        return inside

    @cached_property
    def _images(self) -> dict[str, list[tuple[str, Stamp]]]:
        """Images below each folder of the first two levels, where classes are."""
        below: dict[str, list[tuple[str, Stamp]]] = {}
        for path, info in self.files.items():
            if is_image(path):
                stamp = _stamp(info)
                steps = path.split("/")[:-1]
                for depth in (1, 2):
                    if len(steps) >= depth:
                        below.setdefault("/".join(steps[:depth]), []).append(
                            (path, stamp)
                        )
        return below

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""
        return sorted(self._folders.get(folder, ()))

    def images(self, folder: str) -> Iterator[tuple[str, Stamp]]:
        """Path and stamp of every image below a folder, at any depth."""
        return iter(self._images.get(folder, ()))

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        return {
            path: _stamp(self.files[path])
            for path in sorted(self.files)
            if is_shard(path) and path.rpartition("/")[0] == folder
        }

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        return [path.rpartition("/")[2] for path in self.files]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return f"{self.key}/{path}"


class OneFile:
    """A single file, as a folder that holds nothing else.

    Parameters
    ----------
    place : str
        Path or URL.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is no such file.
    """

    def __init__(self, place: str) -> None:
        self.key = place
        self._folder, _, self.name = place.rpartition("/")
        if remote.is_remote(place):
            info = remote.list_files(place).get("")
            if info is None:
                raise MissingDataError(f"Got {place}, but there is no such file.")
            self.stamp = _stamp(info)
        else:
            stat = os.stat(place)
            self.stamp = (stat.st_size, stat.st_mtime_ns)

    def __str__(self) -> str:
        return self.key

    def subfolders(self, folder: str = "") -> list[str]:
        """Return an empty list."""
        return []

    def images(self, folder: str) -> Iterator[tuple[str, Stamp]]:
        """Return an empty iterator."""
        return iter(())

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of the file."""
        return {self.name: self.stamp}

    def names(self) -> list[str]:
        """Name of the file."""
        return [self.name]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return f"{self._folder}/{path}"


def _stamp(info: dict[str, Any]) -> Stamp:
    tag = next((info[key] for key in _TAGS if info.get(key)), "")
    return int(info.get("size") or 0), str(tag)
