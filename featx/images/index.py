"""Index: the images of a data set with labels and parts, before any is opened."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images import heif
from featx.images.backends import Folder, extensions, is_image
from featx.images.locations import Files, Several
from featx.images.notes import counted, first_of
from featx.images.shard_files import Pieces
from featx.images.split import TEST, TRAIN, UNLABELED, VALIDATION
from featx.images.stamps import Stamp

PART_FOLDERS = {
    "train": TRAIN,
    "val": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
# Pictures and films that are not read; HEIC is, where pillow-heif is installed.
_OTHER_KINDS = frozenset(
    ".heic .heif .hif .raw .cr2 .cr3 .nef .dng .arw .orf .rw2 .svg .pdf .psd .eps .ico "
    ".tga .exr .jxl .mp4 .mov .avi .mkv .webm".split()
)
# where images lie, small, for they travel to workers
Locations = Files | Pieces | Several
LAYOUT = "but expected CLASS/*.png, or train/CLASS/* and test/CLASS/*"


@dataclass(frozen=True)
class Index:
    """Images with their labels and parts.

    Parameters
    ----------
    ids : list of str
        Paths relative to the root, with forward slashes.
    stamps : list of tuple
        Size in bytes and what changes with the content: number and times of the file,
        a tag, or a digest. Empty for the images of shards.
    y : ndarray of int64, shape (n,)
        Labels; -1 where there is none.
    part : ndarray of int8, shape (n,)
        `UNLABELED`, `TRAIN`, `VALIDATION` or `TEST`.
    class_names : tuple of str
        Names of the classes, sorted.
    locations : Locations
        Where the images are read.
    groups : ndarray of int64, shape (n,), optional
        Numbers of the groups that images belong to.
    test_given : bool, default=True
        The test part is that of the source; else it was split off.
    """

    ids: list[str]
    stamps: list[Stamp]
    y: NDArray[np.int64]
    part: NDArray[np.int8]
    class_names: tuple[str, ...]
    locations: Locations
    groups: NDArray[np.int64] | None = None
    test_given: bool = True

    def take(self, rows: NDArray[np.int64], part: NDArray[np.int8]) -> Index:
        """Return some rows, which now belong to `part`."""
        if np.array_equal(rows, np.arange(len(self.ids))):
            return replace(self, part=part)  # all of them: nothing to copy
        return Index(
            [self.ids[i] for i in rows],
            [self.stamps[i] for i in rows] if self.stamps else [],
            self.y[rows],
            part,
            self.class_names,
            self.locations.take(rows.tolist()),
            None if self.groups is None else self.groups[rows],
            self.test_given,
        )

    def followed_by(self, other: Index) -> Index:
        """Return these images, which have no label, and then others."""
        return Index(
            self.ids + other.ids,
            self.stamps + other.stamps if other.stamps else [],
            np.concatenate([self.y, other.y]),
            np.concatenate([self.part, other.part]),
            other.class_names,
            Several((self.locations, other.locations)),
            None
            if other.groups is None
            else np.concatenate([np.full(len(self.ids), -1), other.groups]),
        )


def index_images(
    root: Folder, *, need_labels: bool = True
) -> tuple[Index, tuple[str, ...]]:
    """Index a folder of images, one folder per class.

    Images in folders ``unlabeled/``, beside the classes or the parts, have no class. Where
    labels are not needed, a folder without classes holds nothing else.

    Returns
    -------
    index : Index
        Unlabeled images first, the test part last, each sorted by path; other parts are all
        `TRAIN` where there are no folders of parts.
    notes : tuple of str
        What was left out, or taken for something that its owner may not expect.

    Raises
    ------
    DataError
        If there is no class folder with images.
    """
    folders = [f for f in root.subfolders() if not is_unlabeled(f)]
    parts = {f: PART_FOLDERS[f.lower()] for f in folders if f.lower() in PART_FOLDERS}
    notes = []
    if parts and _are_classes(root, parts, folders):
        notes.append(
            f"{', '.join(parts)}: taken for a class, not for a part, because it holds "
            "images and no folders of classes"
        )
        parts = {}
    if parts and TRAIN not in parts.values():
        raise DataError(
            f"Got a folder {', '.join(parts)} but no folder train in {root}, "
            f"{LAYOUT}. Add train/ or give the folder that holds the classes."
        )
    # test images last, as they are needed, so that nothing has to be reordered
    homes = sorted(parts, key=lambda part: parts[part] == TEST) or [""]
    classes = [
        (f"{home}/{name}" if home else name, name, parts.get(home, TRAIN))
        for home in homes
        for name in root.subfolders(home)
        if not is_unlabeled(name)
    ]
    contents = {folder: _list(root, folder) for folder, _, _ in classes}
    if not any(one.images for one in contents.values()):
        if need_labels:
            raise _nothing_found(root)
        return index_unlabeled(root), ()
    without = sorted(folder for folder, one in contents.items() if not one.images)
    without += [f for f in folders if parts and f not in parts]
    if without:
        notes.append(f"left out, no class with images: {', '.join(without)}")
    notes += _notes_on_loose(root, ["", *parts])
    notes += _notes_on_merged(contents)
    unlabeled, more = _unlabeled_folders(root, parts)
    contents = unlabeled | contents
    notes += more
    notes += _notes_on_others(chain.from_iterable(o.others for o in contents.values()))
    places = [(folder, "", UNLABELED) for folder in unlabeled]
    return _index(root, places + classes, contents), tuple(notes)


def index_unlabeled(root: Folder) -> Index:
    """Index all images of a folder, at any depth, as images without a label.

    Raises
    ------
    DataError
        If there are none.
    """
    held = _list(root, "")
    if not held.images:
        raise _nothing_found(root)
    return _index(root, [("", "", UNLABELED)], {"": held})


def index_unlabeled_folders(root: Folder) -> Index | None:
    """Index the images in folders called unlabeled; None if there are none."""
    held, _ = _unlabeled_folders(root, {})
    if not held:
        return None
    return _index(root, [(folder, "", UNLABELED) for folder in held], held)


def joined(first: Index | None, second: Index | None) -> Index | None:
    """Put the images of two places together, of which either may be none."""
    if first is None or second is None:
        return first or second
    return first.followed_by(second)


def is_unlabeled(folder: str) -> bool:
    """Whether a folder is called as those of images without a label."""
    return folder.lower() in ("unlabeled", "unlabelled")


def _unlabeled_folders(
    root: Folder, parts: Mapping[str, int]
) -> tuple[dict[str, _Held], list[str]]:
    """Folders of images without a label, and notes on them; those of the test part stay."""
    held, notes = {}, []
    for home in dict.fromkeys(["", *parts]):
        for name in filter(is_unlabeled, root.subfolders(home)):
            folder = f"{home}/{name}" if home else name
            found = _list(root, folder)
            images = counted(len(found.images), "image")
            if parts.get(home) == TEST:
                notes.append(f"left out, {folder}: {images} of the test part")
            elif found.images:
                held[folder] = found
                notes.append(f"{folder}: {images} without a label")
    return held, notes


class _Held(NamedTuple):
    """What lies in the folder of a class."""

    images: list[tuple[str, Stamp]]
    others: list[str]


def _list(root: Folder, folder: str) -> _Held:
    contents = _Held([], [])
    for path, stamp in root.files(folder):
        if stamp is None:
            contents.others.append(path)
        else:
            contents.images.append((path, stamp))
    contents.images.sort()
    return contents


def holds_images(root: Folder, folder: str) -> bool:
    """Whether there is an image below a folder, at any depth."""
    return any(stamp is not None for _, stamp in root.files(folder))


def _are_classes(root: Folder, parts: Iterable[str], folders: Sequence[str]) -> bool:
    """Whether folders that are called as parts hold images among folders that do."""
    beside = [f for f in folders if f not in parts]
    return not any(root.subfolders(part) for part in parts) and any(
        holds_images(root, folder) for folder in beside
    )


def _index(
    root: Folder, classes: Sequence[tuple[str, str, int]], contents: dict[str, _Held]
) -> Index:
    filled = [one for one in classes if contents[one[0]].images]
    names = sorted({name for _, name, part in filled if part != UNLABELED})
    label = {name: i for i, name in enumerate(names)}
    labels = [label.get(name, -1) for _, name, _ in filled]
    often = [len(contents[folder].images) for folder, _, _ in filled]
    files = list(chain.from_iterable(contents[path].images for path, _, _ in filled))
    ids = [id_ for id_, _ in files]
    return Index(
        ids,
        [stamp for _, stamp in files],
        np.repeat(np.array(labels, np.int64), often),
        np.repeat(np.array([part for _, _, part in filled], np.int8), often),
        tuple(names),
        Files(ids, root.locate("")),
    )


def _notes_on_loose(root: Folder, homes: Sequence[str]) -> list[str]:
    """Images that lie beside the folders of classes."""
    counts = {home: root.count_images(home) for home in homes}
    return [
        f"left out, in no folder of a class: {counted(count, 'image')} right in "
        f"{home or root}"
        for home, count in counts.items()
        if count
    ]


def _notes_on_merged(contents: dict[str, _Held]) -> list[str]:
    """Images in folders inside the folder of a class."""
    notes = []
    for folder, (images, _) in contents.items():
        homes = Counter(path.rpartition("/")[0] for path, _ in images)
        del homes[folder]
        if homes:
            notes.append(
                f"{folder}: {counted(homes.total(), 'image')} in "
                f"{counted(len(homes), 'folder')} inside it were counted as "
                f"{folder.rpartition('/')[2]}"
            )
    return [first_of(notes, "; ")] if notes else []


def _notes_on_others(others: Iterable[str]) -> list[str]:
    """Files that are perhaps meant as images, and links to folders."""
    paths = list(others)
    links = sorted(path for path in paths if path.endswith("/"))
    notes = [f"left out, links to folders: {first_of(links)}"] if links else []
    kinds = _kinds(paths)
    if kinds:
        total = sum(kinds.values())
        notes.append(
            f"{counted(total, 'file')} {'was' if total == 1 else 'were'} left out: "
            f"{_describe(kinds)}"
        )
    return notes


def _kinds(paths: Iterable[str]) -> Counter[str]:
    """Count files that are perhaps meant as images, by what they are."""
    kinds: Counter[str] = Counter()
    for path in paths:
        name = path.rpartition("/")[2]
        end = os.path.splitext(name)[1].lower()
        if name and is_image(name):
            kinds[f"{end} that is no file"] += 1  # a link to nothing
        elif name and not end:
            kinds["without extension"] += 1
        elif end in _OTHER_KINDS:
            kinds[end] += 1
    return kinds


def _describe(kinds: Counter[str]) -> str:
    order = sorted(kinds, key=lambda kind: (-kinds[kind], kind))
    text = ", ".join(f"{kinds[kind]:,} {kind}" for kind in order)
    if any(kind in heif.EXTENSIONS for kind in kinds):
        text += f"; {heif.REMEDY} to read {heif.EXTENSIONS[0]}"
    return text


def _nothing_found(root: Folder) -> DataError:
    """Say what lies in a folder without class folders of images."""
    names = root.names()
    images = [name for name in names if is_image(name)]
    if images:
        return DataError(
            f"Got {len(images)} images in {root} but no folder per class, {LAYOUT}. "
            "Move the images of each class into a folder with its name."
        )
    if names:
        kinds = _kinds(names)
        what = f" ({_describe(kinds)})" if kinds else ""
        return DataError(
            f"Got {len(names)} files but no images in {root}{what}, {LAYOUT}. Known "
            f"extensions: {' '.join(extensions())}."
        )
    return DataError(f"Got an empty folder {root}, {LAYOUT}.")
