"""What holds for every request and answer: who may ask, and what browsers may do."""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",  # blob: is the picture that somebody chose
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests under a foreign name, and tells browsers to load nothing foreign.

    A page of another site cannot read answers, as there is no CORS; but its name can be
    made to mean this machine (DNS rebinding), and its forms can be sent here. Both show in
    the headers Host and Origin.

    Parameters
    ----------
    app : ASGI application
        What answers.
    hosts : collection of str, or None
        Names that requests may call the server by; None for any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        foreign = self._foreign(Headers(scope=scope))
        if foreign is None:
            await self._app(scope, receive, send_guarded)
            return
        error = (
            f"Got a request {foreign}, but expected one of this server's own names. Name "
            "others with --allow-host."
        )
        refusal = Response(json.dumps({"error": error}), 403, None, "application/json")
        await refusal(scope, receive, send_guarded)

    def _foreign(self, headers: Headers) -> str | None:
        """Say which foreign name a request has, if any."""
        if self._hosts is None:
            return None
        host, origin = headers.get("host", ""), headers.get("origin")
        if host_name(f"//{host}") not in self._hosts:
            return f"for {host[:100]!r}"
        if origin is not None and host_name(origin) not in self._hosts:
            return f"from a page of {origin[:100]!r}"
        return None


def host_name(url: str) -> str | None:
    """Return the name of the machine in a URL, if it has one.

    Examples
    --------
    >>> host_name("//LOCALHOST:8000"), host_name("//[::1]:80"), host_name("null")
    ('localhost', '::1', None)
    >>> host_name("//[")
    """
    try:
        return urlsplit(url).hostname
    except ValueError:  # as of brackets that are not closed
        return None
