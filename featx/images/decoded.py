"""The images of a listing, decoded once into the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx import storage
from featx.errors import DataError
from featx.images import decoding, store
from featx.images.imageset import Dataset, ImageSet, Skipped, content_digest
from featx.images.listing import Listing
from featx.images.options import Options
from featx.images.split import TEST, check_classes, validation_mask
from featx.images.trees import Tree
from featx.images.working_size import size_notes, working_size


def decoded_once(
    folder: Path,
    root: Tree,
    list_: Callable[[], tuple[Listing, tuple[str, ...]]],
    options: Options,
) -> Dataset:
    """Open decoded images, or decode them first.

    Parameters
    ----------
    folder : Path
        Where they are in the cache, named by all that they depend on.
    root : Tree
        Where they come from, for messages and the manifest.
    list_ : callable
        Returns what is to be decoded, training images first, and notes; called only if
        that is to be done.
    options : Options
        What was asked for.

    Returns
    -------
    Dataset
        Its images are slices of one memory map.

    Raises
    ------
    DataError
        If there are not at least two classes of readable images.
    CacheError
        If the cache cannot be written.
    """
    entry = store.open_entry(folder)
    if entry is None:
        listing, notes = list_()
        entry = _decode(folder, root, listing, options, notes)
    if entry is None:
        raise DataError(f"Got an unreadable folder {folder}. Remove it and try again.")
    return _dataset(entry, options)


def _decode(
    folder: Path,
    root: Tree,
    listing: Listing,
    options: Options,
    notes: tuple[str, ...],
) -> store.Entry | None:
    """Decode all images of the listing into a new cache folder, and open it."""
    skipped: list[Skipped] = []

    def without(listing: Listing, damage: decoding.Damage) -> Listing:
        skipped.extend(Skipped(listing.ids[i], damage[i]) for i in sorted(damage))
        good = np.setdiff1d(np.arange(len(listing.ids)), sorted(damage))
        if not len(good):
            raise DataError(
                f"Got {len(skipped)} images in {root}, but none can be read "
                f"({skipped[0].id}: {skipped[0].reason}). Check the files."
            )
        return listing.take(good, listing.part[good])

    def fill(scratch: Path) -> None:
        file = scratch / "images.npy"
        sizes, grey, damage = decoding.survey(listing.places, options)
        readable = without(listing, damage)
        longest = options.most_pixels(len(readable.ids))
        size = options.size or working_size(sizes, longest)
        said = size_notes(sizes, size, options.size is not None, options.fit)
        shape = (*size, 1 if grey else 3)
        storage.reserve(file, (len(readable.ids), *shape), np.uint8)
        n_pixels = sum(h * w * n for (h, w), n in sizes.items())
        damage = decoding.decode(readable.places, file, shape, options, n_pixels)
        if damage:
            readable = without(readable, damage)
            store.drop_rows(file, sorted(damage))
        if skipped:
            _check(readable, root, skipped)
        X = np.load(file, mmap_mode="r")
        n_test = int((readable.part == TEST).sum())
        n_train = len(X) - n_test
        store.write_rows(
            scratch,
            {
                "kind": "images",
                "source": root.key,
                "size": list(size),
                "channels": shape[2],
                "n_train": n_train,
                "n_test": n_test,
                "class_names": list(readable.class_names),
                "notes": [*notes, *said],
                "skipped": [[s.id, s.reason] for s in skipped],
                "train_digest": content_digest(X[:n_train]),
                "test_digest": content_digest(X[n_train:]),
            },
            labels=readable.y,
            ids=np.array(readable.ids, dtype=np.str_),
            part=readable.part,
        )

    return store.write_entry(folder, fill)


def _check(readable: Listing, root: Tree, skipped: Sequence[Skipped]) -> None:
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


def _dataset(entry: store.Entry, options: Options) -> Dataset:
    """Cut the parts out of the memory map."""
    manifest: dict[str, Any] = entry.manifest
    n_train, names = manifest["n_train"], tuple(manifest["class_names"])

    def cut(rows: slice, digest: str) -> ImageSet:
        images = ImageSet(entry.X[rows], entry.y[rows], entry.ids[rows], names)
        images.__dict__["digest"] = digest  # known: spare reading all pixels again
        return images

    train = cut(slice(0, n_train), manifest["train_digest"])
    part: NDArray[np.int8] = entry.part[:n_train]
    return Dataset(
        name=manifest["source"],
        train=train,
        test=cut(slice(n_train, None), manifest["test_digest"]),
        validation=validation_mask(
            train.y, part, options.validation_fraction, options.seed
        ),
        skipped=tuple(Skipped(id_, why) for id_, why in manifest["skipped"]),
        notes=tuple(manifest["notes"]),
    )
