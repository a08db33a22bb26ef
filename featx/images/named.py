"""Image sets known by name: digits from scikit-learn, the others from torchvision."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from featx.errors import DependencyError, MissingDataError
from featx.images.from_arrays import Part, from_arrays
from featx.images.imageset import Dataset
from featx.images.options import Options
from featx.images.split import TEST, TRAIN, UNLABELED

DIGITS = tuple("0123456789")

# Name -> torchvision's class, and how to ask it for each part.
_BY_FLAG = {TRAIN: {"train": True}, TEST: {"train": False}}
_BY_NAME = {TRAIN: {"split": "train"}, TEST: {"split": "test"}}
_TORCHVISION: dict[str, tuple[str, dict[int, dict[str, Any]]]] = {
    "cifar10": ("CIFAR10", _BY_FLAG),
    "cifar100": ("CIFAR100", _BY_FLAG),
    "fashion-mnist": ("FashionMNIST", _BY_FLAG),
    "mnist": ("MNIST", _BY_FLAG),
    "stl10": ("STL10", {UNLABELED: {"split": "unlabeled"}} | _BY_NAME),
    "svhn": ("SVHN", _BY_NAME),
}


def load_named(name: str, options: Options, data_dir: Path) -> Dataset:
    """Load one of `NAMED` into memory; what is absent is downloaded to `data_dir`.

    Raises
    ------
    MissingDataError
        If the set is absent or damaged and cannot be downloaded.
    DependencyError
        If torchvision does not import.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    """
    if name == "digits":
        parts, class_names = {TRAIN: _digits()}, DIGITS
    else:
        class_, asked = _TORCHVISION[name]
        read = {
            part: _torchvision(name, class_, data_dir, which)
            for part, which in asked.items()
            if part != UNLABELED or options.unlabeled
        }
        parts = {part: one for part, (one, _) in read.items()}
        class_names = read[TRAIN][1]
    return from_arrays(name, parts, class_names, options)


def _digits() -> Part:
    """Return the 1,797 digits of 8 x 8 pixels that come with scikit-learn."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    X = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    return Part(X, digits.target.astype(np.int64))


def _torchvision(
    name: str, class_: str, data_dir: Path, which: dict[str, Any]
) -> tuple[Part, tuple[str, ...]]:
    """Return one part of a torchvision set and its class names."""
    make = getattr(_datasets(), class_)

    def build(download: bool) -> Any:
        # torchvision may print; standard output belongs to the result.
        with contextlib.redirect_stdout(sys.stderr):
            return make(root=str(data_dir), download=download, **which)

    try:
        try:
            data = build(download=False)
        except RuntimeError:  # absent
            data_dir.mkdir(parents=True, exist_ok=True)
            data = build(download=True)
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        why = " ".join(str(error).split())
        raise MissingDataError(
            f"Got no usable copy of {name!r} in {data_dir}, and downloading it failed "
            f"({why}). Connect to the internet, remove damaged files there, or choose "
            "a folder that holds it with --data-dir."
        ) from error
    labels = data.labels if name in ("svhn", "stl10") else data.targets
    X, y = np.asarray(data.data), np.asarray(labels)
    if X.ndim == 3:
        X = X[..., np.newaxis]
    elif name in ("svhn", "stl10"):  # stored with the channels first
        X = np.ascontiguousarray(X.transpose(0, 2, 3, 1))
    names = DIGITS if name in ("mnist", "svhn") else tuple(map(str, data.classes))
    return Part(X.astype(np.uint8, copy=False), y.astype(np.int64)), names


def _datasets() -> Any:
    """Import torchvision, explaining the usual reason why it fails."""
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise DependencyError(
            f"torchvision does not import ({why}). A CPU-only torch does not fit the "
            "ordinary torchvision: install both from the same index, for example pip "
            "install --force-reinstall torch torchvision --index-url "
            "https://download.pytorch.org/whl/cpu. Folders, .npz files and 'digits' "
            "work without it."
        ) from error
    return datasets
