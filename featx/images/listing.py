"""The images of a class-per-folder tree, listed without opening any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images.places import Files, Places
from featx.images.split import TEST, TRAIN, VALIDATION
from featx.images.trees import EXTENSIONS, Stamp, Tree, is_image

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
    stamps : list of (int, int or str)
        Size in bytes and what changes with the content: time of change, or a tag. Empty
        for the images of shards.
    y : ndarray of int64, shape (n,)
        Labels.
    part : ndarray of int8, shape (n,)
        `TRAIN`, `VALIDATION` or `TEST`.
    class_names : tuple of str
        Names of the classes, sorted.
    places : Places
        Where the images are read.
    """

    ids: list[str]
    stamps: list[Stamp]
    y: NDArray[np.int64]
    part: NDArray[np.int8]
    class_names: tuple[str, ...]
    places: Places

    def take(self, rows: NDArray[np.int64], part: NDArray[np.int8]) -> Listing:
        """Return some rows, which now belong to `part`."""
        if np.array_equal(rows, np.arange(len(self.ids))):
            return replace(self, part=part)  # all of them: nothing to copy
        return Listing(
            [self.ids[i] for i in rows],
            [self.stamps[i] for i in rows] if self.stamps else [],
            self.y[rows],
            part,
            self.class_names,
            self.places.take(rows.tolist()),
        )


def list_images(root: Tree) -> tuple[Listing, tuple[str, ...]]:
    """List a tree of images, one folder per class.

    Parameters
    ----------
    root : Tree
        The folder, here or on another machine.

    Returns
    -------
    listing : Listing
        Sorted by path, the test part last; parts are all `TRAIN` where the tree has no
        part folders.
    notes : tuple of str
        Folders that were left out.

    Raises
    ------
    DataError
        If there is no class folder with images.
    """
    folders = root.subfolders()
    parts = {f: PART_FOLDERS[f.lower()] for f in folders if f.lower() in PART_FOLDERS}
    if parts and TRAIN not in parts.values():
        raise DataError(
            f"Got a folder {', '.join(parts)} but no folder train in {root}, "
            f"{LAYOUT}. Add train/ or give the folder that holds the classes."
        )
    classes: list[tuple[str, str, int]] = []  # folder, class name, part
    if parts:
        # test images last, as they are needed, so that nothing has to be reordered
        for folder, part in sorted(parts.items(), key=lambda one: one[1] == TEST):
            classes += [
                (f"{folder}/{name}", name, part) for name in root.subfolders(folder)
            ]
    else:
        classes = [(name, name, TRAIN) for name in folders]

    found: dict[str, list[tuple[str, Stamp]]] = {}
    for folder, _, _ in classes:
        found[folder] = sorted(root.images(folder))
    if not any(found.values()):
        raise _nothing_found(root)
    without = sorted(folder for folder, files in found.items() if not files)
    without += [f for f in folders if parts and f not in parts]
    notes = (
        (f"left out, no class with images: {', '.join(without)}",) if without else ()
    )

    names = sorted({name for folder, name, _ in classes if found[folder]})
    label = {name: i for i, name in enumerate(names)}
    filled = [one for one in classes if found[one[0]]]
    often = [len(found[folder]) for folder, _, _ in filled]
    files = list(chain.from_iterable(found[folder] for folder, _, _ in filled))
    ids = [id_ for id_, _ in files]
    listing = Listing(
        ids,
        [stamp for _, stamp in files],
        np.repeat(np.array([label[name] for _, name, _ in filled], np.int64), often),
        np.repeat(np.array([part for _, _, part in filled], np.int8), often),
        tuple(names),
        Files(ids, root.place("")),
    )
    return listing, notes


def _nothing_found(root: Tree) -> DataError:
    """Say what lies in a folder without class folders of images."""
    names = root.names()
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
