"""What one request may ask for, and all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

from featx.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """What one request may ask for, and all of them at once.

    Parameters
    ----------
    megabytes : float, default=32
        Of the body of a request; one of 1,000,000 bytes.
    megapixels : float, default=64
        Of an image; one of 1,000,000 pixels.
    images : int, default=64
        Of a request.
    requests : int, default=64
        That are worked on at once.
    seconds : float, default=30
        For a request to arrive, and for its answer.

    Raises
    ------
    ParameterError
        If one is not above zero.

    Examples
    --------
    >>> RequestLimits(megabytes=0.5).n_bytes
    500000
    """

    megabytes: float = 32.0
    megapixels: float = 64.0
    images: int = 64
    requests: int = 64
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 1e9:  # NaN is neither
                raise ParameterError(
                    f"Got a limit of {value:g} {name}, but expected a number above 0 and "
                    f"below a billion. The usual one is {getattr(type(self), name):g}."
                )

    @property
    def n_bytes(self) -> int:
        """Bytes of the body of a request."""
        return int(self.megabytes * 1e6)

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        return int(self.megapixels * 1e6)
