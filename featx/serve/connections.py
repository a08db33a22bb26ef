"""Connections that end when nothing comes of them."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

_GRACE = 1.0  # seconds more than a request may take


def connections(seconds: float) -> type[asyncio.Protocol]:
    """Make the kind of connection that ends when nothing comes of it.

    uvicorn ends a connection that is idle between two requests, but would wait for ever
    for the first one, for the rest of its headers, and for a client that does not read.

    Parameters
    ----------
    seconds : float
        That a request may take.

    Examples
    --------
    >>> issubclass(connections(30), H11Protocol)
    True
    """

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._look_later()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _look_later(self) -> None:
            self._timer = self.loop.call_later(seconds + _GRACE, self._look, self.cycle)

        def _look(self, last: object) -> None:
            """End it if there was no new request since this was asked for."""
            if self.cycle is last:
                self.transport.abort()
            else:
                self._look_later()

    return Connection
