"""Features for other tools: tables of ids, classes and features, here or elsewhere."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from featx import remote
from featx.errors import CacheError, missing_library
from featx.features.cached import CachedFeatures
from featx.features.encode import EncodedDataset
from featx.features.progress import Progress
from featx.output_files import write_out

FILE_BYTES = 2**27  # of features in one file


def export(
    encoded: EncodedDataset,
    class_names: tuple[str, ...],
    place: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> list[str]:
    """Write features as Parquet tables, some 128 MB each.

    Parameters
    ----------
    encoded : EncodedDataset
        As `encode` returns it.
    class_names : tuple of str
        Names of the classes in the order of the labels.
    place : str or path-like
        A folder or URL, such as ``s3://bucket/features``. It gets
        ``train-00000-of-00003.parquet`` and so on, with the columns ``id`` (string),
        ``class`` (string, empty without a label) and ``features`` (a list of float32 of
        one length). Each file is whole or absent.
    progress : callable, default=None
        Called with a description, the files written and the files in all.

    Returns
    -------
    list of str
        Paths or URLs of the files.

    Raises
    ------
    DependencyError
        If pyarrow is not installed.
    CacheError
        If a file cannot be written here.
    StorageError
        If the storage of a URL does not answer or refuses.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        need = "Writing Parquet tables needs pyarrow"
        raise missing_library(need, error, "featx[parquet]") from error
    root = str(place).rstrip("/")
    if not remote.is_remote(root):
        try:
            Path(root).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(
                f"Got {error.strerror or error} at {root}, but expected a folder or the "
                "right to make it. Give another place."
            ) from error
    names = np.array([*map(_as_text, class_names), ""])  # the last of those without one
    files = _files(encoded)
    written: list[str] = []
    for name, features, rows in files:
        X = np.ascontiguousarray(features.X[rows])
        ids = [_as_text(one) for one in features.ids[rows].tolist()]
        columns = {
            "id": pa.array(ids, pa.string()),
            "class": pa.array(names[features.y[rows]].tolist(), pa.string()),
            "features": pa.FixedSizeListArray.from_arrays(
                pa.array(X.ravel()), X.shape[1]
            ),
        }
        stream = io.BytesIO()
        parquet.write_table(pa.table(columns), stream, use_dictionary=["class"])
        write_out(f"{root}/{name}", stream.getvalue())
        written.append(f"{root}/{name}")
        if progress:
            progress("write features", len(written), len(files))
    return written


def _files(encoded: EncodedDataset) -> list[tuple[str, CachedFeatures, slice]]:
    """List the files by name, each with the rows that it gets."""
    files = []
    for part, features in encoded.parts.items():
        step = max(1, FILE_BYTES // (4 * features.X.shape[1]))
        starts = range(0, len(features.X), step)
        for i, start in enumerate(starts):
            name = f"{part}-{i:05}-of-{len(starts):05}.parquet"
            files.append((name, features, slice(start, start + step)))
    return files


def _as_text(name: str) -> str:
    r"""Escape what is no text in the name of a file: a table holds UTF-8 alone.

    >>> print(_as_text("b\udcff.png"))
    b\udcff.png
    """
    return name.encode(errors="backslashreplace").decode()
