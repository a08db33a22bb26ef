"""What people hand over as images -> one array, or a sentence that says what to do."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError

_LAYOUT = (
    "expected an array of shape (n, height, width) or (n, height, width, channels)"
)
_MODES = ("L", "RGB", "RGBA", "F", "I", "I;16")  # of Pillow, whose values are pixels


def stack_images(X: Any) -> Any:
    """Stack images that come one by one; arrays, tables of numbers and lists stay.

    X is array-like, or a sequence, array, Series or one-column DataFrame of images, which
    are arrays or of Pillow; scikit-learn validates what is returned.

    Raises
    ------
    DataError
        If X holds images that make no array: of several sizes, still in files, one by one
        in a data set of torch.

    Examples
    --------
    >>> stack_images([np.zeros((4, 3)), np.ones((4, 3))]).shape
    (2, 4, 3)
    """
    if hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2 and X.shape[1] == 1:
        column = X.iloc[:, 0]
        X = column if column.dtype == object else X
    if any(base.__module__.startswith("torch.utils.data") for base in type(X).__mro__):
        raise DataError(
            f"Got a {type(X).__name__} of torch, but {_LAYOUT}. Stack it: "
            "np.stack([np.asarray(image) for image, label in dataset]), and with channels "
            "first, X.transpose(0, 2, 3, 1)."
        )
    if _is_pillow(X):
        raise DataError(f"Got one image, but {_LAYOUT}. Write [image].")
    if hasattr(X, "__next__"):
        raise DataError(f"Got a {type(X).__name__}, but {_LAYOUT}. Write list(...).")
    numbers = getattr(getattr(X, "dtype", None), "kind", "O") in "biufc"
    one_by_one = isinstance(X, list | tuple) or getattr(X, "ndim", 0) == 1
    return _stack([*X]) if one_by_one and not numbers else X


def _stack(items: list[Any]) -> NDArray[Any]:
    if not items:
        raise DataError(f"Got no images, but {_LAYOUT}, n at least 1.")
    first = items[0]
    if isinstance(first, str | os.PathLike):
        raise DataError(
            f"Got paths such as {str(first)!r}, but {_LAYOUT}. Read them: "
            'np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths]), '
            "or give their folder to featx.load_dataset."
        )
    for item in items:
        if _is_pillow(item) and item.mode not in _MODES:
            raise DataError(
                f"Got an image of mode {item.mode!r}, but expected gray or RGB pixels. Use "
                'image.convert("RGB").'
            )
    try:
        arrays = [np.asarray(item) for item in items]
    except ValueError as error:  # as numpy refuses lists of several lengths
        raise DataError(
            f"Got a list of {type(first).__name__} that make no arrays, but {_LAYOUT}. "
            "Give the images alone, without labels."
        ) from error
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise DataError(
            f"Got images of {len(shapes)} shapes, such as {shapes[0]} and {shapes[1]}, but "
            "expected one. Resize them, for example with "
            'image.convert("RGB").resize((32, 32)) of Pillow.'
        )
    return np.stack(arrays)


def _is_pillow(value: object) -> bool:
    return hasattr(value, "convert") and hasattr(value, "mode")


def remedy(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say how images, (n, ...) together, get the expected shape (h, w, c).

    Examples
    --------
    >>> remedy((9, 3, 32, 32), (32, 32, 3))
    'Move the channels with X.transpose(0, 2, 3, 1).'
    """
    height, width, depth = expected
    if shape == expected:
        return "For one image write X[np.newaxis]."
    if shape[1:] == (depth, height, width):
        return "Move the channels with X.transpose(0, 2, 3, 1)."
    if shape[1:] == (width, height, depth):
        return "Swap height and width with X.swapaxes(1, 2)."
    return "Resize them, or fit anew on images of this size."


def check_layout(shape: tuple[int, ...]) -> None:
    """Raise DataError for a shape (n, ...) that images do not have."""
    if len(shape) > 4:
        raise DataError(f"Got X of shape {shape}, but {_LAYOUT}.")
    if len(shape) > 2 and not shape[0]:
        raise DataError(f"Got no images ({shape}), but {_LAYOUT}, n at least 1.")
    if len(shape) > 2 and 0 in shape:
        raise DataError(
            f"Got images of shape {shape[1:]}, but expected at least one pixel."
        )


def check_channels(shape: tuple[int, ...]) -> None:
    """Raise DataError for a shape (n, ...) of images whose channels come first."""
    if len(shape) == 4 and shape[1] in (3, 4) and min(shape[2:]) > 4:
        raise DataError(
            f"Got images of shape {shape[1:]}, but expected (height, width, channels). "
            "Move the channels with X.transpose(0, 2, 3, 1)."
        )


def pixel_range(images: NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest value that images have; of uint8, that they can have."""
    if images.dtype == np.uint8:
        return (0.0, 255.0)
    return (float(images.min()), float(images.max()))


def check_range(images: NDArray[Any], kind: str, known: tuple[float, float]) -> None:
    """Raise DataError for values that cannot be those that an encoder was fitted on.

    `kind` is that of the dtype in `fit` ("u", "i", "f" or "b"), `known` the `pixel_range`.
    """
    low, high = known
    if kind in "ui" and low >= 0 and high > 2 and images.dtype.kind == "f":
        if images.max() <= 1 and (images % 1).any():
            raise DataError(
                f"Got floats from {images.min():g} to {images.max():g}, but expected whole "
                f"numbers from {low:g} to {high:g} as in fit. Multiply by 255 and convert "
                "to uint8."
            )
    elif kind == "f" and low >= 0 and high <= 1:
        most = images.max()
        if most > (1 if images.dtype == np.uint8 else 2):
            raise DataError(
                f"Got {images.dtype} up to {most:g}, but expected floats from {low:g} to "
                f"{high:g} as in fit. Divide by 255, or fit anew on such images."
            )
