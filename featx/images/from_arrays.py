"""From arrays in memory to a Dataset: the common end of named sets and .npz files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.images.imageset import Dataset, ImageSet, row_digests
from featx.images.options import Options
from featx.images.pixels import resize
from featx.images.selection import choose_rows, copies_note, copies_of_labeled
from featx.images.split import TEST, TRAIN, UNLABELED, VALIDATION, validation_mask
from featx.images.working_size import size_notes, working_size

PART_NAMES = {
    UNLABELED: "unlabeled",
    TRAIN: "train",
    VALIDATION: "val",
    TEST: "test",
}


@dataclass(frozen=True)
class Part:
    """Images of one part as they come from a source.

    Parameters
    ----------
    X : ndarray of uint8, shape (n, h, w, c)
        Images with 1 or 3 channels.
    y : ndarray of int64, shape (n,)
        Labels; -1 where there is none.
    groups : ndarray of int64, shape (n,), optional
        Groups that parts must not tear; given for all parts with labels, or for none.
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None


def from_arrays(
    name: str, parts: dict[int, Part], class_names: tuple[str, ...], options: Options
) -> Dataset:
    """Split, thin, limit and resize images in memory, all of one shape.

    Parts are known by `UNLABELED`, `TRAIN`, `VALIDATION` and `TEST`. Ids are part and row,
    such as ``train/17``.

    Raises
    ------
    DataError
        If a class has too few images, or the parts have different classes.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    """
    y = np.concatenate([p.y for p in parts.values()])
    source = np.repeat(
        np.array(list(parts), np.int8), [len(p.y) for p in parts.values()]
    )
    row = np.concatenate([np.arange(len(p.y)) for p in parts.values()])
    groups = _groups(parts)
    chosen, part, notes, test_given = choose_rows(
        y, source, class_names, options, name, groups
    )
    own: tuple[int, int] = next(iter(parts.values())).X.shape[1:3]
    size = options.size or working_size({own: 1}, options.most_pixels(len(chosen)))
    notes += size_notes({own: 1}, size, options.size is not None, options.fit)

    def cut(rows: NDArray[np.int64]) -> ImageSet:
        # Rows come sorted by part, so that pieces line up again when joined.
        pieces = [
            _resized(parts[s].X, row[rows[source[rows] == s]], size, options)
            for s in sorted(parts)
        ]
        ids = [f"{PART_NAMES[source[i]]}/{row[i]}" for i in rows.tolist()]
        named = np.array(ids, np.str_)
        own = None if groups is None else groups[rows]
        return ImageSet(np.concatenate(pieces), y[rows], named, class_names, own)

    if UNLABELED in parts and len(parts) > 1:
        pixels = [row_digests(parts[s].X) for s in parts]
        copies = copies_of_labeled(np.concatenate(pixels), source)
        kept = ~np.isin(chosen, copies)
        notes += copies_note(int((~kept).sum()))
        chosen, part = chosen[kept], part[kept]
    trained = (part == TRAIN) | (part == VALIDATION)
    train = cut(chosen[trained])
    return Dataset(
        name=name,
        train=train,
        test=cut(chosen[part == TEST]),
        validation=validation_mask(
            train.y,
            part[trained],
            options.validation_fraction,
            options.seed,
            train.groups,
        ),
        unlabeled=cut(chosen[part == UNLABELED]),
        test_given=test_given,
        notes=notes,
    )


def _groups(parts: dict[int, Part]) -> NDArray[np.int64] | None:
    """Put the groups of all parts together; images without a label have none."""
    if all(part.groups is None for part in parts.values()):
        return None
    return np.concatenate(
        [
            np.full(len(part.y), -1) if part.groups is None else part.groups
            for part in parts.values()
        ]
    )


def _resized(
    X: NDArray[np.uint8],
    rows: NDArray[np.int64],
    size: tuple[int, int],
    options: Options,
) -> NDArray[np.uint8]:
    """Take rows, in the size that all get."""
    if size == X.shape[1:3]:
        return X[rows]
    resized = np.empty((len(rows), *size, X.shape[3]), np.uint8)
    for i, pixels in enumerate(X[rows]):
        gray = pixels.shape[2] == 1
        image = Image.fromarray(pixels[:, :, 0] if gray else pixels)
        resized[i] = resize(image, size, options.fit)
        if i % 1000 == 999 or i == len(rows) - 1:
            options.progress("resizing images", i + 1, len(rows))
    return resized
