"""The images of a listing, decoded once into the cache."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images import decode
from featx.images.backends import Folder
from featx.images.imageset import (
    Dataset,
    ImageSet,
    Skipped,
    content_digest,
    row_digests,
)
from featx.images.index import Index
from featx.images.options import Options
from featx.images.selection import copies_note, copies_of_labeled
from featx.images.split import TEST, UNLABELED, check_classes, validation_mask
from featx.images.working_size import size_notes, working_size
from featx.memory_maps import load_array, reserve
from featx.store import Store, cache_errors
from featx.system import when_free

# manifest, images, and the arrays "labels", "ids" and "part" of a decoded image set
_Found = tuple[dict[str, Any], NDArray[np.uint8], dict[str, NDArray[Any]]]


def decoded_once(
    store: Store,
    key: str,
    root: Folder,
    list_: Callable[[], tuple[Index, tuple[str, ...]]],
    options: Options,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Open decoded images as slices of one memory map, or decode them first.

    `key` is of all that they depend on. `list_` returns what is to be decoded, training
    images first, and notes; it is called only if that is to be done. `notes` are of today
    and are not kept. A damaged entry is made anew. DataError if there are not at least two
    classes of readable images, CacheError if the cache cannot be written.
    """

    def make() -> _Found:
        listing, notes = list_()
        manifest: dict[str, Any] = {"what": root.key}
        with store.new_entry("images", key, manifest) as scratch:
            manifest |= _decode(scratch, root, listing, options, notes)
        found = store.get("images", key, _read)  # before anybody may remove it
        if found is None:
            raise DataError(f"Got no images in {store.path('images', key)}. Try again.")
        return found

    task, progress = "decode the images", options.progress
    found = store.get_or_make_alone(
        "images", key, task, _read, make, progress, replace_damaged=True
    )
    return _dataset(*found, root, options, notes)


def _read(folder: Path, manifest: dict[str, Any]) -> _Found:
    with np.load(folder / "rows.npz") as rows:
        X = load_array(folder / "images.npy", "images", mapped=True)
        return manifest, X, dict(rows)


def _decode(
    scratch: Path,
    root: Folder,
    listing: Index,
    options: Options,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    """Decode all images of the listing into a folder; return what the manifest says."""
    skipped: list[Skipped] = []

    def without(listing: Index, damage: decode.Damage) -> Index:
        skipped.extend(Skipped(listing.ids[i], damage[i]) for i in sorted(damage))
        good = np.setdiff1d(np.arange(len(listing.ids)), sorted(damage))
        if not len(good):
            raise DataError(
                f"Got {len(skipped)} images in {root}, but none can be read "
                f"({skipped[0].id}: {skipped[0].reason}). Check the files."
            )
        return listing.take(good, listing.part[good])

    file = scratch / "images.npy"
    sizes, n_pixels, gray, damage = _survey(listing, options)
    readable = without(listing, damage)
    if skipped and listing.class_names and options.split:
        _check(readable, root, skipped)
    longest = options.most_pixels(len(readable.ids))
    size = options.size or working_size(sizes, longest)
    shape = (*size, 1 if gray else 3)
    reserve(file, (len(readable.ids), *shape), np.uint8)
    damage = decode.decode(readable.locations, file, shape, options, n_pixels)
    if damage:
        readable = without(readable, damage)
        _drop_rows(file, sorted(damage))
        if readable.class_names and options.split:
            _check(readable, root, skipped)
    rows = row_digests(np.load(file, mmap_mode="r"))
    if len(copies := copies_of_labeled(rows, readable.part)):
        _drop_rows(file, copies)
        good = np.setdiff1d(np.arange(len(rows)), copies)
        readable, rows = readable.take(good, readable.part[good]), rows[good]
    X = np.load(file, mmap_mode="r")
    n_unlabeled = int((readable.part == UNLABELED).sum())
    n_test = int((readable.part == TEST).sum())
    end = len(X) - n_test  # of what encoders learn from
    ids = np.array(readable.ids, dtype=np.str_)
    arrays = {"labels": readable.y, "ids": ids, "part": readable.part}
    if readable.groups is not None:
        arrays["groups"] = readable.groups
    with cache_errors(scratch.parent):
        np.savez(scratch / "rows.npz", **arrays)  # type: ignore[arg-type]
    size_told = size_notes(sizes, size, options.size is not None, options.fit)
    return {
        "size": list(size),
        "channels": shape[2],
        "n_unlabeled": n_unlabeled,
        "n_train": end - n_unlabeled,
        "n_test": n_test,
        "test_given": readable.test_given,
        "class_names": list(readable.class_names),
        "notes": [*notes, *size_told, *copies_note(len(copies))],
        "skipped": [[s.id, s.reason] for s in skipped],
        "digests": {
            "unlabeled": content_digest(X[:n_unlabeled], rows[:n_unlabeled]),
            "train": content_digest(X[n_unlabeled:end], rows[n_unlabeled:end]),
            "labeled": content_digest(X[n_unlabeled:], rows[n_unlabeled:]),
            "learning": content_digest(X[:end], rows[:end]),
            "test": content_digest(X[end:], rows[end:]),
        },
    }


def _survey(
    listing: Index, options: Options
) -> tuple[Counter[tuple[int, int]], int, bool, decode.Damage]:
    """Read all headers; give sizes, pixels in all, whether images are gray, and damage.

    Sizes and colors are those of labeled images, where there are any: others do not decide
    what the images of a comparison look like.
    """
    sizes, n_pixels, gray = Counter[tuple[int, int]](), 0, True
    damage: decode.Damage = {}
    for unlabeled in (True, False):
        rows = np.flatnonzero((listing.part == UNLABELED) == unlabeled)
        some = listing.take(rows, listing.part[rows]).locations
        found, all_gray, broken = decode.survey(some, options)
        n_pixels += sum(height * width * n for (height, width), n in found.items())
        damage |= {int(rows[row]): reason for row, reason in broken.items()}
        if found:
            sizes, gray = found, all_gray
    return sizes, n_pixels, gray, damage


def _drop_rows(file: Path, bad: Sequence[int] | NDArray[np.int64]) -> None:
    """Remove some rows of a ``.npy`` file of images; CacheError if there is no room."""
    source = np.load(file, mmap_mode="r")
    good = np.setdiff1d(np.arange(len(source)), bad)
    kept = file.with_name("kept.npy")
    reserve(kept, (len(good), *source.shape[1:]), np.uint8)
    target = open_memmap(kept, mode="r+")
    for start in range(0, len(good), 4096):
        target[start : start + 4096] = source[good[start : start + 4096]]
    del source, target
    with cache_errors(file.parent.parent):
        when_free(os.replace, kept, file)


def _check(readable: Index, root: Folder, skipped: Sequence[Skipped]) -> None:
    """Check the classes again when damaged images are gone."""
    try:
        if not (readable.part == TEST).any():
            raise DataError(f"Got no readable test image in {root}.")
        check_classes(readable.y, readable.part, readable.class_names, root)
    except DataError as error:
        raise DataError(
            f"{error} {len(skipped)} damaged images were skipped, such as "
            f"{skipped[0].id}: {skipped[0].reason}."
        ) from None


def _dataset(
    manifest: dict[str, Any],
    X: NDArray[np.uint8],
    rows: dict[str, NDArray[Any]],
    root: Folder,
    options: Options,
    today: tuple[str, ...],
) -> Dataset:
    """Cut the parts out of the memory map."""
    y, ids, part, groups = rows["labels"], rows["ids"], rows["part"], rows.get("groups")
    names, unlabeled = tuple(manifest["class_names"]), manifest["n_unlabeled"]
    end = unlabeled + manifest["n_train"]  # of what encoders learn from

    def cut(name: str, start: int, stop: int | None) -> ImageSet:
        some = slice(start, stop)
        own = None if groups is None else groups[some]
        images = ImageSet(X[some], y[some], ids[some], names, own)
        digest = manifest["digests"][name]
        vars(images)["digest"] = digest  # known: spare reading all pixels again
        return images

    train = cut("train", unlabeled, end)
    dataset = Dataset(
        name=root.key,
        train=train,
        test=cut("test", end, None),
        validation=validation_mask(
            train.y,
            part[unlabeled:end],
            options.validation_fraction,
            options.seed,
            train.groups,
        ),
        unlabeled=cut("unlabeled", 0, unlabeled),
        test_given=manifest["test_given"],
        skipped=tuple(Skipped(id_, why) for id_, why in manifest["skipped"]),
        notes=today + tuple(manifest["notes"]),
    )
    # no copies of them
    vars(dataset)["labeled_images"] = cut("labeled", unlabeled, None)
    if unlabeled:
        vars(dataset)["learning_images"] = cut("learning", 0, end)
    return dataset
