"""Connections that end when nothing comes of them."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 500  # connections at once; the usual limit of open files is 1024
_GRACE = 1.0  # seconds more than a request may take


def connections(seconds: float, most: int = MOST) -> type[asyncio.Protocol]:
    """Make the kind of connection that ends when nothing comes of it.

    uvicorn ends a connection that is idle between two requests, but would wait for ever
    for the first one, for the rest of its headers, and for a client that does not read.

    Parameters
    ----------
    seconds : float
        That a request may take.
    most : int, default=500
        Connections at once. Beyond, the oldest one without a request under way ends, or
        else the newest.

    Examples
    --------
    >>> issubclass(connections(30), H11Protocol)
    True
    """
    opened: dict[Connection, None] = {}  # from the oldest on

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._look_later()
            opened[self] = None
            if len(opened) > most:
                spare = next((one for one in opened if one.is_idle()), self)
                del opened[spare]
                spare.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            opened.pop(self, None)
            self._timer.cancel()
            super().connection_lost(exc)

        def is_idle(self) -> bool:
            """Whether no request is under way."""
            return self.cycle is None or self.cycle.response_complete

        def send_400_response(self, msg: str) -> None:
            """Refuse what is no HTTP, unless an answer has begun; that is the only one."""
            if self.cycle is not None:
                self.cycle.disconnected = True  # its answer would be a second one
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                super().send_400_response(msg)
            else:
                self.transport.close()

        def _look_later(self) -> None:
            self._timer = self.loop.call_later(seconds + _GRACE, self._look, self.cycle)

        def _look(self, last: object) -> None:
            """End it if there was no new request since this was asked for."""
            if self.cycle is last:
                self.transport.abort()
            else:
                self._look_later()

    return Connection
