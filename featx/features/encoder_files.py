"""Fitted encoders in files, without pickle: written and read by skops."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

import featx.autoencoders
from featx.errors import CacheError
from featx.features.code import full_name
from featx.features.digest import UnknownContentError, digest_estimator

FILE = "encoder.skops"
ENCODER_TYPES = [
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in (getattr(featx.autoencoders, n) for n in featx.autoencoders.__all__)
    if isinstance(kind, type)
]
_WITHOUT_EFFECT = {"verbose", "device"}  # on what an encoder learns


def dump_encoder(encoder: BaseEstimator, digest: str) -> bytes:
    """Write a fitted encoder; UnknownContentError if it could not be read back as it is."""
    import skops.io

    try:
        content: bytes = skops.io.dumps(encoder)
    except Exception as error:  # whatever skops raises for what it does not know
        raise UnknownContentError(f"skops cannot write it: {error}") from error
    untrusted = set(skops.io.get_untrusted_types(data=content))
    known = {*ENCODER_TYPES, *_own_types(encoder)}
    if strange := untrusted - known:
        raise UnknownContentError(
            f"It holds {', '.join(sorted(strange))}, which would not be read back. Keep "
            "arrays, numbers and text in its attributes."
        )
    if untrusted - {*ENCODER_TYPES}:
        try:
            again = digest_estimator(skops.io.loads(content, trusted=sorted(known)))
        except Exception as error:  # whatever the caller's own class raises
            raise UnknownContentError(f"It cannot be read back: {error}") from error
        if again != digest:
            raise UnknownContentError("It does not come back from a file as it was.")
    return content


def _own_types(encoder: BaseEstimator) -> list[str]:
    """Names of the classes and functions that the caller has put into an encoder."""
    given = [encoder, *encoder.get_params().values()]
    return sorted(
        {full_name(v if isinstance(v, type | FunctionType) else type(v)) for v in given}
    )


@dataclass(frozen=True)
class EncoderFile:
    """Reads a fitted encoder from its file, when it is called.

    The file is mapped, so that it can be read where others removed it meanwhile. Only its
    name travels to another process.
    """

    file: Path
    params: dict[str, Any]
    types: list[str]
    content: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def find(cls, folder: Path, encoder: BaseEstimator) -> EncoderFile:
        """Find the file of an entry, for a caller who has the unfitted `encoder`."""
        here = {k: v for k, v in encoder.get_params().items() if k in _WITHOUT_EFFECT}
        file = folder / FILE
        return cls(file, here, _own_types(encoder), _mapped(file))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"content": None}

    def __call__(self) -> BaseEstimator:
        """Read it; CacheError if it cannot be read."""
        import skops.io

        trusted = [*ENCODER_TYPES, *self.types]
        folder = self.file.parent
        try:
            content = _mapped(self.file) if self.content is None else self.content
            encoder = skops.io.load(io.BytesIO(content.data), trusted=trusted)
        except Exception as error:  # whatever a damaged file makes the reader raise
            raise CacheError(
                f"Got an encoder that cannot be read in {folder} ({error}). Remove it "
                f"with 'featx cache rm {folder.name}' and run again."
            ) from error
        return encoder.set_params(**self.params)


def _mapped(file: Path) -> NDArray[np.uint8]:
    return np.memmap(file, np.uint8, "r")
