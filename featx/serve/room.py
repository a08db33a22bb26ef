"""What the requests of one moment hold: places among others, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from featx.serve.limits import RequestLimits
from featx.serve.refusals import Refused


class Room:
    """What the requests of one moment hold.

    Only requests that have arrived count as worked on, so that slow clients keep no place
    of others; while they arrive, what counts are the bytes that they hold.

    Parameters
    ----------
    limits : RequestLimits
        How much there is.

    Examples
    --------
    >>> room = Room(RequestLimits(requests=1))
    >>> with room.request(), room.request():
    ...     pass
    Traceback (most recent call last):
    featx.serve.refusals.Refused: Got more than 1 request at once, but expected at most so
    many. Try again in a second.
    """

    def __init__(self, limits: RequestLimits) -> None:
        self.limits = limits
        self.n_requests = self.n_bytes = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as worked on."""
        self.check_requests()
        self.n_requests += 1
        try:
            yield
        finally:
            self.n_requests -= 1

    @contextmanager
    def body(self) -> Iterator[Body]:
        """Give room for the body of a request."""
        self.check_requests()
        body = Body(self)
        try:
            yield body
        finally:
            self.n_bytes -= body.n_bytes

    def check_requests(self) -> None:
        """Refuse one request too many."""
        most = self.limits.requests
        if self.n_requests >= most:
            raise Refused(
                503,
                f"Got more than {most:,} request{'s' * (most > 1)} at once, but expected "
                "at most so many. Try again in a second.",
                retry=True,
            )


@dataclass
class Body:
    """The body of a request, as it arrives."""

    room: Room
    data: bytearray = field(default_factory=bytearray)
    n_bytes: int = 0  # that count in the room

    def check(self, n_bytes: int) -> None:
        """Refuse a body that is too large."""
        most = self.room.limits.n_bytes
        if n_bytes > most:
            raise Refused(
                413,
                f"Got a request of {n_bytes:,} bytes or more, but expected at most "
                f"{most:,}. Send fewer or smaller images.",
            )

    def add(self, chunk: bytes) -> None:
        """Take what has arrived."""
        self.check(self.n_bytes + len(chunk))
        room = self.room
        most = room.limits.n_bytes * room.limits.requests
        if room.n_bytes + len(chunk) > most:
            raise Refused(
                503,
                f"Got requests of more than {most:,} bytes at once, but expected at most "
                "so many. Try again in a second.",
                retry=True,
            )
        room.n_bytes += len(chunk)
        self.n_bytes += len(chunk)
        self.data += chunk
