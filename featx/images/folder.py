"""Class-per-folder trees, decoded once into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx import storage
from featx.errors import DataError, FeatxError
from featx.images import decoding, store
from featx.images.imageset import Dataset, ImageSet, Skipped, content_digest
from featx.images.listing import Listing, list_images
from featx.images.options import Options
from featx.images.selection import choose_rows
from featx.images.split import TEST, check_classes, validation_mask
from featx.images.trees import Tree


def load_folder(root: Tree, options: Options, cache_dir: Path) -> Dataset:
    """Load a tree of images, one folder per class.

    Parameters
    ----------
    root : Tree
        ``CLASS/*.png``, or ``train/CLASS/*`` with or without ``test/`` and ``val/``.
    options : Options
        What was asked for.
    cache_dir : Path
        The decoded images go to ``cache_dir/images``.

    Returns
    -------
    Dataset
        Its images are slices of one memory map.

    Raises
    ------
    DataError
        If the tree does not hold at least two classes of readable images.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    CacheError
        If the cache cannot be written.
    """
    try:
        listing, notes = list_images(root)
    except FeatxError:
        raise
    except OSError as error:
        raise DataError(
            f"Got {error.strerror or error} while listing {error.filename or root}, "
            "but expected the right to read it. Change its rights or leave it out."
        ) from error
    rows, part, more = choose_rows(
        listing.y, listing.part, listing.class_names, options, root
    )
    listing = listing.take(rows, part)
    folder = cache_dir / "images" / _key(root, listing, options.size)
    entry = store.open_entry(folder)
    if entry is None:
        _decode(folder, root, listing, options, notes + more)
        entry = store.open_entry(folder)
    if entry is None:
        raise DataError(f"Got an unreadable folder {folder}. Remove it and try again.")
    return _dataset(entry, options)


def _key(root: Tree, listing: Listing, size: tuple[int, int] | None) -> str:
    """Hash all that the decoded images depend on; the chosen rows stand for options."""
    digest = hashlib.sha256(repr((storage.FORMAT, root.key, size)).encode())
    for id_, part, (length, mtime) in zip(
        listing.ids, listing.part.tolist(), listing.stamps, strict=True
    ):
        digest.update(repr((id_, part, length, mtime)).encode())
    return digest.hexdigest()


def _decode(
    folder: Path,
    root: Tree,
    listing: Listing,
    options: Options,
    notes: tuple[str, ...],
) -> None:
    """Decode all images of the listing into a new cache folder."""
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

    def places(listing: Listing) -> list[str]:
        return [root.place(id_) for id_ in listing.ids]

    def fill(scratch: Path) -> None:
        file = scratch / "images.npy"
        sizes, grey, damage = decoding.survey(places(listing), options.progress)
        readable = without(listing, damage)
        size, size_notes = _common_size(sizes, options.size)
        shape = (*size, 1 if grey else 3)
        storage.reserve(file, (len(readable.ids), *shape), np.uint8)
        damage = decoding.decode(places(readable), file, shape, options.progress)
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
                "notes": [*notes, *size_notes],
                "skipped": [[s.id, s.reason] for s in skipped],
                "train_digest": content_digest(X[:n_train]),
                "test_digest": content_digest(X[n_train:]),
            },
            labels=readable.y,
            ids=np.array(readable.ids, dtype=np.str_),
            part=readable.part,
        )

    store.write_entry(folder, fill)


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


def _common_size(
    sizes: dict[tuple[int, int], int], asked: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Choose the size of all images: as asked, else the most common one."""
    if asked is not None:
        return asked, ()
    # The larger one of two that are equally common, whatever order they came in.
    size = max(sizes, key=lambda s: (sizes[s], s))
    if len(sizes) == 1:
        return size, ()
    return size, (
        f"images have {len(sizes)} different sizes; resized to the most common, "
        f"{size[0]} x {size[1]}; use --size to choose",
    )


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
