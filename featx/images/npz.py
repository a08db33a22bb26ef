"""Images and labels from an .npz file."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError, FeatxError, MissingDataError
from featx.images.from_arrays import Part, from_arrays
from featx.images.imageset import Dataset
from featx.images.options import Options
from featx.images.split import TEST, TRAIN, UNLABELED, VALIDATION
from featx.remote import is_remote, read_file

ARRAYS = {
    UNLABELED: ("X_unlabeled", ""),
    TRAIN: ("X_train", "y_train"),
    VALIDATION: ("X_val", "y_val"),
    TEST: ("X_test", "y_test"),
}
GROUPS = {TRAIN: "groups_train", VALIDATION: "groups_val", TEST: "groups_test"}
_MARGIN = 1e-3  # that floats may lie outside 0 to 1, as resizing leaves them
EXPECTED = "expected an .npz with X_train, y_train, X_test and y_test"


def load_npz(path: Path | str, options: Options) -> Dataset:
    """Load images and labels from an ``.npz`` file, here or at a URL.

    It holds ``X_train, y_train`` and, where there are any, ``X_test, y_test``, ``X_val,
    y_val``, ``X_unlabeled``, ``class_names``, and ``groups_train`` and so on. Images are
    (n, h, w) or (n, h, w, c) with 1, 3 or 4 channels, integers 0 to 255 or floats 0 to 1 or
    0 to 255, which the highest value of all parts decides.

    Raises
    ------
    DataError
        If the file or one of its arrays cannot be used.
    ParameterError
        If `keep` names an unknown class or `limit` is too small.
    """
    arrays = _read(path)
    if "X_train" not in arrays and (options.need_labels or "X_unlabeled" not in arrays):
        there = ", ".join(arrays) or "none that is known"
        raise DataError(f"Got arrays {there} in {path}, but {EXPECTED}.")
    for X, y in ARRAYS.values():
        if y and (X in arrays) != (y in arrays):
            there, missing = (X, y) if X in arrays else (y, X)
            raise DataError(f"Got {there} without {missing} in {path}, but {EXPECTED}.")
    used = {p: names for p, names in ARRAYS.items() if names[0] in arrays}
    if not options.unlabeled:
        used.pop(UNLABELED, None)

    labeled = [y for _, y in used.values() if y]
    class_names = _class_names(arrays, labeled) if labeled else []
    labels = {
        p: _labels(arrays[y], y, class_names) if y else np.full(len(arrays[X]), -1)
        for p, (X, y) in used.items()
    }
    scale, scale_notes = _scale({X: arrays[X] for X, _ in used.values()})
    groups = _groups(arrays, labels)
    parts = {
        p: Part(_pixels(arrays[X], X, scale), labels[p], groups.get(p))
        for p, (X, _) in used.items()
    }
    for p, (X, y) in used.items():
        if len(parts[p].X) != len(parts[p].y):
            raise DataError(
                f"Got {len(parts[p].X)} images in {X} and {len(parts[p].y)} labels in "
                f"{y}, but expected as many labels as images."
            )
    shapes = {used[p][0]: part.X.shape[1:] for p, part in parts.items()}
    if len(set(shapes.values())) > 1:
        text = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"Got images of different shapes ({text}), but expected one shape "
            "(height, width, channels) in all parts."
        )
    dataset = from_arrays(str(path), parts, tuple(map(str, class_names)), options)
    return replace(dataset, notes=(*dataset.notes, *scale_notes))


def _groups(
    arrays: dict[str, NDArray[Any]], labels: dict[int, NDArray[np.int64]]
) -> dict[int, NDArray[np.int64]]:
    """Give groups of all labeled parts numbers; nothing where there are none."""
    given = {p: arrays[name] for p, name in GROUPS.items() if name in arrays}
    expected = {p: len(labels[p]) for p in GROUPS if p in labels}
    if given and {p: one.shape for p, one in given.items()} != {
        p: (n,) for p, n in expected.items()
    }:
        raise DataError(
            f"Got {', '.join(f'{GROUPS[p]} {g.shape}' for p, g in given.items())}, but "
            f"expected {', '.join(f'{GROUPS[p]} ({n},)' for p, n in expected.items())}: a "
            "group for each labeled image."
        )
    if not given:
        return {}
    _, numbers = np.unique(np.concatenate(list(given.values())), return_inverse=True)
    ends = np.cumsum([len(one) for one in given.values()])[:-1]
    return dict(zip(given, np.split(numbers, ends), strict=True))


def _read(path: Path | str) -> dict[str, NDArray[Any]]:
    """Read the arrays featx knows; nothing is unpickled."""
    named = (*ARRAYS.values(), tuple(GROUPS.values()), ("class_names",))
    known = [name for names in named for name in names]
    if not str(path).lower().endswith(".npz"):
        raise DataError(
            f"Got file {path}, but expected a folder of images or an .npz file. Unpack "
            "an archive first."
        )
    arrays = {}
    name = ""
    try:
        with _opened(path) as stream:
            if not zipfile.is_zipfile(stream):
                raise DataError(
                    f"Got {path}, which is not an .npz file or is cut short, but "
                    f"{EXPECTED}. Write it with numpy.savez."
                )
            stream.seek(0)
            file = np.load(stream, allow_pickle=False)
            for name in known:
                if name in file.files:
                    arrays[name] = file[name]
    except FeatxError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error,
            NotImplementedError) as error:  # fmt: skip
        if "allow_pickle" in str(error):
            raise DataError(
                f"Got Python objects in {name} of {path}, but expected plain numbers "
                "or strings. Convert with .astype before saving; images need one size."
            ) from error
        raise DataError(
            f"Got a broken file {path} ({name}: {error}), but {EXPECTED}. Write it "
            "anew."
        ) from error
    return arrays


def _opened(path: Path | str) -> IO[bytes]:
    if is_remote(path):
        try:
            return io.BytesIO(read_file(str(path)))
        except (FileNotFoundError, PermissionError) as error:
            raise MissingDataError(
                f"Got {path}, but cannot read it: {error}."
            ) from error
    return open(path, "rb")


def _class_names(arrays: dict[str, NDArray[Any]], targets: list[str]) -> list[Any]:
    """Return the classes: as given, else the sorted labels themselves."""
    for name in targets:
        y = arrays[name]
        if y.dtype.kind not in "iuUS":
            raise DataError(
                f"Got {name} of dtype {y.dtype}, but expected integers or strings."
            )
        if y.ndim != 1 and not (y.ndim == 2 and y.shape[1] == 1):
            raise DataError(
                f"Got {name} of shape {y.shape}, but expected (n,): one label for each "
                "image. Turn one-hot rows into labels with .argmax(axis=1)."
            )
    if "class_names" in arrays:
        names = [str(n) for n in _text(arrays["class_names"], "class_names").ravel()]
        for name in names:
            if names.count(name) > 1:
                raise DataError(
                    f"Got {name!r} {names.count(name)} times in class_names, but expected "
                    "each name once. Rename one, or give both classes one label."
                )
        return names
    texts = [_text(arrays[name], name) for name in targets]
    kinds = {text.dtype.kind in "iu" for text in texts}
    if len(kinds) > 1:
        raise DataError(
            f"Got integers and strings as labels in {', '.join(targets)}, but expected "
            "one kind in all parts."
        )
    together = np.concatenate([text.ravel() for text in texts])
    return np.unique(together).tolist()


def _labels(y: NDArray[Any], name: str, classes: list[Any]) -> NDArray[np.int64]:
    """Turn labels into indices of `classes`."""
    y = _text(y, name).ravel()
    if y.dtype.kind in "iu" and classes and isinstance(classes[0], str):
        if len(y) and not (y.min() >= 0 and y.max() < len(classes)):
            raise DataError(
                f"Got labels {y.min()} to {y.max()} in {name}, but expected 0 to "
                f"{len(classes) - 1} for the {len(classes)} class_names."
            )
        return y.astype(np.int64)
    index = {c: i for i, c in enumerate(classes)}
    unknown = sorted({label for label in y.tolist() if label not in index})
    if unknown:
        raise DataError(
            f"Got label {unknown[0]!r} in {name}, but expected one of the class_names "
            f"{', '.join(map(str, classes))}."
        )
    return np.array([index[label] for label in y.tolist()], np.int64)


def _text(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Read bytes as text, leave the rest."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Got {error.object!r} in {name}, which is not UTF-8, but expected text. Save "
            f"np.char.decode({name}, 'latin-1') instead, or with the encoding that it has."
        ) from error


def _scale(images: dict[str, NDArray[Any]]) -> tuple[float, list[str]]:
    """Check the values of all parts; return the factor that makes them 0 to 255, notes."""
    lows, highs = [], []
    for name, X in images.items():
        if X.dtype.kind not in "iuf":
            raise DataError(
                f"Got {name} of dtype {X.dtype}, but expected uint8, or floats from 0 "
                "to 1 or from 0 to 255."
            )
        if X.ndim not in (3, 4) or (X.ndim == 4 and X.shape[3] not in (1, 3, 4)):
            first = X.ndim == 4 and X.shape[1] in (1, 3, 4)
            hint = " Move the channels with X.transpose(0, 2, 3, 1)." if first else ""
            raise DataError(
                f"Got {name} of shape {X.shape}, but expected (n, height, width) or "
                f"(n, height, width, channels) with 1, 3 or 4 channels.{hint}"
            )
        if not X.size:
            raise DataError(f"Got an empty {name} {X.shape}, but expected images.")
        lows.append(float(X.min()))
        highs.append(float(X.max()))
        if np.isnan(lows[-1]):
            raise DataError(
                f"Got NaN in {name}, but expected finite pixels. Replace them first, "
                "for example with numpy.nan_to_num."
            )
    low, high = min(lows), max(highs)
    floats = all(X.dtype.kind == "f" for X in images.values())
    if floats and low >= -_MARGIN and high <= 1 + _MARGIN:
        beyond = low < 0 or high > 1
        note = f"pixels from {low:.7g} to {high:.7g} are taken for 0 to 1 and clipped"
        return 255.0, [note] if beyond else []
    if low < 0 or high > 255:
        raise DataError(
            f"Got pixels from {low:g} to {high:g} in {', '.join(images)}, but expected "
            "0 to 255, or 0 to 1 for floats. Rescale them first."
        )
    for (name, X), most in zip(images.items(), highs, strict=True):
        if X.dtype.kind == "f" and 0 < (high if floats else most) <= 2:
            raise DataError(
                f"Got floats up to {most:.7g} in {name}, but expected 0 to 1 or 0 to 255 "
                f"in all of {', '.join(images)}. If 1 is white, save np.rint(255 * "
                f"{name}.clip(0, 1)).astype(np.uint8), else {name}.astype(np.uint8)."
            )
    return 1.0, []


def _pixels(X: NDArray[Any], name: str, scale: float) -> NDArray[np.uint8]:
    """Scale to uint8 (n, h, w, c); transparency is laid on white."""
    if X.ndim == 3:
        X = X[..., np.newaxis]
    if X.dtype.kind == "f":
        X = np.rint(np.clip(X * np.float32(scale), 0, 255))
    X = X.astype(np.uint8, copy=False)
    if X.shape[3] == 4:
        alpha = X[..., 3:].astype(np.float32) / 255
        X = np.rint(X[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return X
