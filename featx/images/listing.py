"""The images of a class-per-folder tree, listed without opening any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images.split import TEST, TRAIN, VALIDATION

EXTENSIONS = (
    ".avif .bmp .gif .jp2 .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split()
)  # fmt: skip
PART_FOLDERS = {
    "train": TRAIN,
    "val": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
LAYOUT = "but expected CLASS/*.png, or train/CLASS/* and test/CLASS/*"


@dataclass(frozen=True)
class Listing:
    """Image files with their labels and parts.

    Parameters
    ----------
    ids : list of str
        Paths relative to the root, with forward slashes.
    stamps : list of (int, int)
        Size in bytes and time of change in nanoseconds.
    y : ndarray of int64, shape (n,)
        Labels.
    part : ndarray of int8, shape (n,)
        `TRAIN`, `VALIDATION` or `TEST`.
    class_names : tuple of str
        Names of the classes, sorted.
    """

    ids: list[str]
    stamps: list[tuple[int, int]]
    y: NDArray[np.int64]
    part: NDArray[np.int8]
    class_names: tuple[str, ...]

    def take(self, rows: NDArray[np.int64], part: NDArray[np.int8]) -> Listing:
        """Return some rows, which now belong to `part`."""
        return Listing(
            [self.ids[i] for i in rows],
            [self.stamps[i] for i in rows],
            self.y[rows],
            part,
            self.class_names,
        )

    def paths(self, root: Path) -> list[str]:
        """Return the paths to open."""
        return [os.path.join(root, id_) for id_ in self.ids]


def list_images(root: Path) -> tuple[Listing, tuple[str, ...]]:
    """List a tree of images, one folder per class.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    listing : Listing
        Sorted by path; parts are all `TRAIN` where the tree has no part folders.
    notes : tuple of str
        Folders that were left out.

    Raises
    ------
    DataError
        If there is no class folder with images.
    """
    folders = _subfolders(root)
    parts = {f: PART_FOLDERS[f.lower()] for f in folders if f.lower() in PART_FOLDERS}
    if parts and TRAIN not in parts.values():
        raise DataError(
            f"Got a folder {', '.join(parts)} but no folder train in {root}, "
            f"{LAYOUT}. Add train/ or give the folder that holds the classes."
        )
    classes: list[tuple[str, str, int]] = []  # folder, class name, part
    if parts:
        for folder, part in parts.items():
            classes += [
                (f"{folder}/{name}", name, part) for name in _subfolders(root / folder)
            ]
    else:
        classes = [(name, name, TRAIN) for name in folders]

    found = {}
    for folder, _, _ in classes:
        found[folder] = sorted(_images(root, folder))
    if not any(found.values()):
        raise _nothing_found(root)
    without = [folder for folder, files in found.items() if not files]
    without += [f for f in folders if parts and f not in parts]
    notes = (
        (f"left out, no class with images: {', '.join(without)}",) if without else ()
    )

    names = sorted({name for folder, name, _ in classes if found[folder]})
    label = {name: i for i, name in enumerate(names)}
    rows = [
        (id_, stamp, label[name], part)
        for folder, name, part in classes
        for id_, stamp in found[folder]
    ]
    listing = Listing(
        [row[0] for row in rows],
        [row[1] for row in rows],
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.int8),
        tuple(names),
    )
    return listing, notes


def _subfolders(folder: Path) -> list[str]:
    """Names of the folders inside a folder, sorted, hidden ones left out."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")


def _images(root: Path, folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield path and stamp of every image below a folder, at any depth."""
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.name[0] == ".":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _images(root, path)
            elif is_image(entry.name) and entry.is_file():
                stat = entry.stat()
                yield path, (stat.st_size, stat.st_mtime_ns)


def is_image(name: str) -> bool:
    """Whether a file has the extension of an image."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def _nothing_found(root: Path) -> DataError:
    """Say what lies in a folder without class folders of images."""
    names = [p.name for p in root.rglob("*") if p.is_file() and p.name[0] != "."]
    images = [name for name in names if is_image(name)]
    if images:
        return DataError(
            f"Got {len(images)} images in {root} but no folder per class, {LAYOUT}. "
            "Move the images of each class into a folder with its name."
        )
    if names:
        return DataError(
            f"Got {len(names)} files but no images in {root}, {LAYOUT}. Known "
            f"extensions: {' '.join(EXTENSIONS)}."
        )
    return DataError(f"Got an empty folder {root}, {LAYOUT}.")
