"""Archives of plain data, checked before anything is read from them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import IO

import numpy as np
from numpy.lib import format as npy

from featx.errors import BundleError

_SCHEMA = "schema.json"
_MOST_SCHEMA = 2**26  # bytes of a description, far beyond any that featx writes


def open_checked_zip(stream: IO[bytes], what: str) -> zipfile.ZipFile:
    """Open a zip file whose members are plain, whole and uncompressed files.

    So none can unpack to more than the file holds. Anything else raises BundleError, in
    which `what` names the archive.
    """
    try:
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
        size = stream.seek(0, io.SEEK_END)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise bundle_error(what, f"an incomplete archive ({error})") from error
    for info in infos:
        name = info.filename
        if not name.strip(".") or set(name) & set("/\\:\0"):
            raise bundle_error(what, f"a member named {name!r}")
        if info.external_attr >> 16 & 0o170000 not in (0, 0o100000):
            raise bundle_error(what, f"a member that is not a file, {name!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise bundle_error(what, f"a compressed or encrypted member, {name!r}")
        if info.file_size != info.compress_size:
            raise bundle_error(what, f"sizes of {name!r} that differ")
    if len({info.filename for info in infos}) < len(infos):
        raise bundle_error(what, "two members of the same name")
    if sum(info.file_size for info in infos) > size:
        raise bundle_error(what, "members larger than the file")
    try:
        damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise bundle_error(what, f"an incomplete archive ({error})") from error
    if damaged is not None:
        raise bundle_error(what, f"a wrong checksum of {damaged!r}")
    return archive


def check_estimator(content: bytes, what: str) -> None:
    """Check an estimator that skops wrote before it is read: a description and arrays.

    Raises BundleError, in which `what` names it, for anything else and for arrays that are
    not as long as they say.
    """
    with open_checked_zip(io.BytesIO(content), what) as archive:
        for info in archive.infolist():
            if info.filename == _SCHEMA:
                if info.file_size > _MOST_SCHEMA:
                    raise bundle_error(
                        what, f"a description of {info.file_size:,} bytes"
                    )
                _check_json(archive.read(info), what)
            elif info.filename.endswith(".npy"):
                with archive.open(info) as stream:
                    _check_array(stream, info.file_size, f"{what}, {info.filename}")
            else:
                raise bundle_error(what, f"a member named {info.filename!r}")


def _check_json(text: bytes, what: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bundle_error(
            what, f"a description that cannot be read ({error})"
        ) from error


def _check_array(stream: IO[bytes], size: int, what: str) -> None:
    try:
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, dtype = read[npy.read_magic(stream)](stream)
    except (ValueError, KeyError, EOFError) as error:
        raise bundle_error(what, f"an array that cannot be read ({error})") from error
    if dtype.hasobject:
        raise bundle_error(what, "an array of Python objects")
    if dtype.kind not in "biufSU":
        raise bundle_error(what, f"an array of {dtype}")
    n_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
    if min(shape, default=0) < 0 or stream.tell() + n_bytes != size:
        raise bundle_error(
            what, f"{size:,} bytes for an array of shape {shape}, {dtype}"
        )
    if dtype.kind == "f" and n_bytes:
        if np.isnan(np.frombuffer(stream.read(), dtype)).any():
            raise bundle_error(what, "an array with NaN")


def bundle_error(what: str, found: str) -> BundleError:
    """Build the error for a file that is not the bundle that was expected."""
    return BundleError(
        f"Got {what} with {found}, but expected a bundle as 'featx fit --save' writes it. "
        "Nothing in it was run. Copy the file again from where it was made."
    )
