"""SIGTERM ends the process as Ctrl-C does, and within seconds."""

import atexit
import os
import signal
import sys
import threading
import time

from featx.cli.output import print_line

TERMINATED = 128 + signal.SIGTERM  # the exit code
STOP_SECONDS = 3.0  # that a process has to clean up after SIGTERM
_stopped = threading.Event()  # and it was told


def stop_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, and end the process where that takes too long."""
    received, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _stop)
    os.register_at_fork(
        before=lambda: _mask(signal.SIG_BLOCK),
        after_in_parent=lambda: _mask(signal.SIG_UNBLOCK),
        after_in_child=_restore,
    )
    atexit.register(_skip_teardown)  # the first to be registered is the last to run
    threading.Thread(target=_stop_late, args=(received,), daemon=True).start()


def ending(how: str) -> str:
    """Say how the process ended, and what to do then; a server has nothing to resume."""
    is_server = sys.argv[1:2] == ["serve"]
    return f"{how}." if is_server else f"{how}. Rerun the same command to resume."


def tell_stopped() -> None:
    """Say once that the process was terminated."""
    if not _stopped.is_set():
        _stopped.set()
        print_line(ending("Terminated"), "yellow")


def _restore() -> None:
    """Undo it in a process that is forked: its signals would be taken for ours."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _mask(signal.SIG_UNBLOCK)


def _mask(action: int) -> None:
    signal.pthread_sigmask(action, {signal.SIGTERM})


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; it cleans up
    raise SystemExit(TERMINATED)


def _stop_late(received: int) -> None:
    """End the process where Python does not come to it, as amid a long fit.

    Nothing is lost by that: what is in the cache is whole or absent, and workers end with
    the process that started them.
    """
    while signal.SIGTERM not in os.read(received, 64):
        pass
    time.sleep(STOP_SECONDS)
    tell_stopped()
    os._exit(TERMINATED)


def _skip_teardown() -> None:
    """Spare what Python and large libraries do last, for seconds where cores are busy."""
    if _stopped.is_set():
        sys.stderr.flush()
        os._exit(TERMINATED)
