"""The socket, and the server on it."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn

from featx import system
from featx.errors import ParameterError
from featx.images.pixels import strict_pillow
from featx.serve.app import Service
from featx.serve.connections import connections
from featx.serve.guard import LOOPBACK, Guard, host_name
from featx.serve.limits import RequestLimits

# Connections that wait; as many may be taken before the first is counted.
_BACKLOG = 256
_STOP_SECONDS = 2  # for what is under way; SIGTERM ends the process after three


def listen(host: str, port: int) -> socket.socket:
    """Open a socket; requests wait in it until there is a server.

    Parameters
    ----------
    host : str
        A name or an address of this machine.
    port : int
        0 for any that is free.

    Raises
    ------
    ParameterError
        If there is no such address, or the port is taken.

    Examples
    --------
    >>> with listen("127.0.0.1", 0) as opened:
    ...     listen("127.0.0.1", opened.getsockname()[1])
    Traceback (most recent call last):
    featx.errors.ParameterError: Got 127.0.0.1 and port ..., but expected an address of this
    machine and a free port (Address already in use). Choose others with --host and --port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host,
            port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,  # else asyncio lets answers wait, for 40 ms
            flags=socket.AI_PASSIVE,
        )[0]
        opened = socket.socket(family, kind, protocol)
        with ExitStack() as undo:
            undo.push(opened)
            if not system.WINDOWS:  # there it would share the port
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(_BACKLOG)
            undo.pop_all()
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ParameterError(
            f"Got {host} and port {port}, but expected an address of this machine and a "
            f"free port ({why}). Choose others with --host and --port."
        ) from error
    return opened


def url_of(opened: socket.socket) -> str:
    """Write the address of a socket as browsers want it.

    Examples
    --------
    >>> with listen("127.0.0.1", 0) as opened:
    ...     url_of(opened)
    'http://127.0.0.1:...'
    """
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allowed_hosts(opened: socket.socket, others: Collection[str]) -> set[str] | None:
    """Say by which names a server may be called; None for any.

    On the loopback, those of this machine and `others`; elsewhere `others`, if there are
    any.

    Raises
    ------
    ParameterError
        If one of the others is no name.

    Examples
    --------
    >>> with listen("127.0.0.1", 0) as opened:
    ...     sorted(allowed_hosts(opened, ["Pets.example", "https://b.example:8443"]))
    ['127.0.0.1', '::1', 'b.example', 'localhost', 'pets.example']
    """
    names = {_name(other) for other in others}
    address = opened.getsockname()[0]
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return names | LOOPBACK | {address}
    return names or None


def _name(other: str) -> str:
    """Take the name of a machine out of what may have a port, too, or be a URL."""
    name = host_name(other if "//" in other else f"//{other}")
    if not name:
        raise ParameterError(
            f"Got --allow-host {other!r}, but expected the name of a machine. Write it as "
            "in 'pets.example'."
        )
    return name


def run(
    service: Service,
    opened: socket.socket,
    limits: RequestLimits,
    hosts: Collection[str] = (),
) -> None:
    """Answer requests until SIGINT or SIGTERM; what is under way is finished, if it can.

    Parameters
    ----------
    service : Service
        What answers.
    opened : socket
        As `listen` opens it. It is closed at the end.
    limits : RequestLimits
        Of which those are used here that are of time.
    hosts : collection of str, optional
        Names that requests may call the server by, besides those of the loopback.
    """
    # what strangers send is told to them, not to the terminal
    for library in ("python_multipart", "PIL"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        Guard(service.app, allowed_hosts(opened, hosts)),
        backlog=_BACKLOG,
        loop="asyncio",
        http=connections(limits.seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    # filters of warnings belong to the whole process, and images are decoded in threads
    server = _Server(config)
    with opened, strict_pillow(), _ended_by_signals(server):
        server.run([opened])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them inside its event loop."""
        yield


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server, and then do what they do elsewhere."""
    seen: list[int] = []

    def end(number: int, _: object) -> None:
        server.should_exit, server.force_exit = True, bool(seen)
        seen.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if seen:
        signal.raise_signal(seen[0])
