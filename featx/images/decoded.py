"""The images of a listing, decoded once into the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images import decode
from featx.images.backends import Folder
from featx.images.imageset import Dataset, ImageSet, Skipped, content_digest
from featx.images.index import Index
from featx.images.options import Options
from featx.images.split import TEST, check_classes, validation_mask
from featx.images.working_size import size_notes, working_size
from featx.memory_maps import load_array, reserve
from featx.store import Store, cache_errors

# manifest, images, and the arrays "labels", "ids" and "part" of a decoded image set
_Found = tuple[dict[str, Any], NDArray[np.uint8], dict[str, NDArray[Any]]]


def decoded_once(
    store: Store,
    key: str,
    root: Folder,
    list_: Callable[[], tuple[Index, tuple[str, ...]]],
    options: Options,
) -> Dataset:
    """Open decoded images as slices of one memory map, or decode them first.

    `key` is of all that they depend on. `list_` returns what is to be decoded, training
    images first, and notes; it is called only if that is to be done. A damaged entry is
    made anew. DataError if there are not at least two classes of readable images,
    CacheError if the cache cannot be written.
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
    return _dataset(*found, root, options)


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
    sizes, gray, damage = decode.survey(listing.locations, options)
    readable = without(listing, damage)
    longest = options.most_pixels(len(readable.ids))
    size = options.size or working_size(sizes, longest)
    shape = (*size, 1 if gray else 3)
    reserve(file, (len(readable.ids), *shape), np.uint8)
    n_pixels = sum(h * w * n for (h, w), n in sizes.items())
    damage = decode.decode(readable.locations, file, shape, options, n_pixels)
    if damage:
        readable = without(readable, damage)
        _drop_rows(file, sorted(damage))
    if skipped:
        _check(readable, root, skipped)
    X = np.load(file, mmap_mode="r")
    n_test = int((readable.part == TEST).sum())
    n_train = len(X) - n_test
    ids = np.array(readable.ids, dtype=np.str_)
    with cache_errors(scratch.parent):
        np.savez(scratch / "rows.npz", labels=readable.y, ids=ids, part=readable.part)
    size_told = size_notes(sizes, size, options.size is not None, options.fit)
    return {
        "size": list(size),
        "channels": shape[2],
        "n_train": n_train,
        "n_test": n_test,
        "class_names": list(readable.class_names),
        "notes": [*notes, *size_told],
        "skipped": [[s.id, s.reason] for s in skipped],
        "train_digest": content_digest(X[:n_train]),
        "test_digest": content_digest(X[n_train:]),
    }


def _drop_rows(file: Path, bad: Sequence[int]) -> None:
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
        os.replace(kept, file)


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
) -> Dataset:
    """Cut the parts out of the memory map."""
    y, ids, part = rows["labels"], rows["ids"], rows["part"]
    n_train, names = manifest["n_train"], tuple(manifest["class_names"])

    def cut(some: slice, digest: str) -> ImageSet:
        images = ImageSet(X[some], y[some], ids[some], names)
        images.__dict__["digest"] = digest  # known: spare reading all pixels again
        return images

    train = cut(slice(0, n_train), manifest["train_digest"])
    return Dataset(
        name=root.key,
        train=train,
        test=cut(slice(n_train, None), manifest["test_digest"]),
        validation=validation_mask(
            train.y, part[:n_train], options.validation_fraction, options.seed
        ),
        skipped=tuple(Skipped(id_, why) for id_, why in manifest["skipped"]),
        notes=tuple(manifest["notes"]),
    )
