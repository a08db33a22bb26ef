"""Requests that get no answer but why."""

from __future__ import annotations

from featx.errors import FeatxError


class Refused(FeatxError):
    """A request that gets no answer but why.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
        What was got, what was expected, and what to do.
    retry : bool, default=False
        Whether the same request may succeed a second later.
    """

    def __init__(self, status: int, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.status, self.retry = status, retry


def too_slow(arrived: bool, seconds: float) -> Refused:
    """Refuse a request that did not arrive in time, or whose answer is not ready.

    Examples
    --------
    >>> too_slow(False, 30).status, too_slow(True, 30).status
    (408, 503)
    """
    if arrived:
        return Refused(
            503,
            f"Got no answer ready in {seconds:g} s, but expected one. Send fewer images, "
            "or try again later.",
            retry=True,
        )
    return Refused(
        408,
        f"Got part of a request in {seconds:g} s, but expected all of it. Send smaller "
        "images, or use a faster connection.",
    )
