"""The state of a training, kept after its epochs, so that an interrupted one continues."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from featx.system import when_free

_DIGEST = 32  # bytes before the state
_SHARE = 0.05  # of the time may go into keeping states


class Checkpoint:
    """A file that holds how far a training came.

    Parameters
    ----------
    file : Path
        Where; it need not be there.

    Attributes
    ----------
    epoch : int
        Epochs that an interrupted training had done when it was continued.
    seconds : float
        What they took.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.epoch = 0
        self.seconds = 0.0
        self._start = self._kept = time.perf_counter()
        self._cost = 0.0

    def read(self, training: str) -> dict[str, Any] | None:
        """Return the state that `keep` was last given for this training.

        None if there is none, or it is damaged or of another training.
        """
        import skops.io

        self._start = self._kept = time.perf_counter()
        try:
            content = self.file.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        kept = skops.io.loads(content[_DIGEST:], trusted=[])
        if kept["training"] != training:
            return None
        self.epoch, self.seconds = kept["state"]["epoch"], kept["seconds"]
        state: dict[str, Any] = kept["state"]
        return state

    def keep(self, training: str, state: dict[str, Any]) -> None:
        """Keep the state after an epoch, unless that would take much of the time.

        It holds arrays, numbers, text and containers of them; ``"epoch"`` among them.
        """
        import skops.io

        start = time.perf_counter()
        if self._cost > _SHARE * (start - self._kept):
            return
        seconds = self.seconds + start - self._start
        content = skops.io.dumps(
            {"training": training, "state": state, "seconds": seconds}
        )
        part = self.file.with_name(self.file.name + ".part")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(hashlib.sha256(content).digest() + content)
            when_free(os.replace, part, self.file)
        finally:
            part.unlink(missing_ok=True)
        self._kept = time.perf_counter()
        self._cost = self._kept - start


_current: ContextVar[Checkpoint | None] = ContextVar("checkpoint", default=None)


def current_checkpoint() -> Checkpoint | None:
    """Return the checkpoint of the `resumable` block that this is called in."""
    return _current.get()


@contextmanager
def not_resumable() -> Iterator[None]:
    """Keep no state of what is trained inside, even within a `resumable` block."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def resumable(file: str | Path) -> Iterator[Checkpoint]:
    """Let an autoencoder that is fitted inside continue where it was interrupted.

    After each epoch its state goes to a file, though never more than a twentieth of the
    time. If the process is killed, fitting the same autoencoder to the same images in the
    same block continues after the last epoch that was kept, and ends with the very
    weights of an undisturbed training (on a CPU). The file is removed at the end.
    Where several processes train one network, the first one's file counts, and the same
    number of them must go on.

    Parameters
    ----------
    file : str or Path
        Where the state is kept. One of other images or parameters, or a damaged one, is
        not used and will be replaced.

    Returns
    -------
    context manager of Checkpoint
        Which epochs were already done.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from featx import ConvAutoencoder, resumable
    >>> X = load_digits().images[:100]
    >>> encoder = ConvAutoencoder(n_components=4, max_epochs=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with resumable(folder + "/training.state"):
    ...         encoder.fit(X).n_iter_
    2
    """
    checkpoint = Checkpoint(Path(file))
    token = _current.set(checkpoint)
    try:
        yield checkpoint
    finally:
        _current.reset(token)
    checkpoint.file.unlink(missing_ok=True)
