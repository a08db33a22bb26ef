"""One thread that works on what waits, together."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_Work = Callable[[NDArray[np.uint8]], Sequence[Any]]


class _Waiting(NamedTuple):
    """An image, and who waits for its answer."""

    pixels: NDArray[np.uint8]
    future: Future[Any]


class Batcher:
    """One thread that works on images; those that wait are taken together.

    A batch of one starts at once; while it is worked on, others come to wait. An image that
    makes the work fail fails alone.

    Parameters
    ----------
    work : callable
        Images (n, height, width, channels) -> n answers.
    size : int
        Most images of a batch.

    Examples
    --------
    >>> batcher = Batcher(lambda images: images.mean(axis=(1, 2, 3)).tolist(), size=8)
    >>> futures = [batcher.submit(np.full((2, 2, 1), n, np.uint8)) for n in range(3)]
    >>> [future.result() for future in futures]
    [0.0, 1.0, 2.0]
    >>> batcher.close()
    >>> batcher.n_images, 1 <= batcher.n_batches <= 3
    (3, True)
    """

    def __init__(self, work: _Work, size: int) -> None:
        self.n_images = self.n_batches = 0  # that are done
        self._work, self._size = work, size
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def submit(self, pixels: NDArray[np.uint8]) -> Future[Any]:
        """Let an image (height, width, channels) wait; its answer comes later.

        A future that is canceled before its batch starts costs nothing.
        """
        future: Future[Any] = Future()
        self._queue.put(_Waiting(pixels, future))
        return future

    def is_alive(self) -> bool:
        """Whether it works."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finish what waits, then end the thread. Nothing may be submitted any more."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            wanted = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if wanted:
                self._finish(wanted)

    def _next(self) -> list[_Waiting]:
        """Wait for an image, and take those behind it; nothing at the end."""
        batch: list[_Waiting] = []
        one = self._queue.get()
        while one is not None:
            batch.append(one)
            if len(batch) == self._size:
                return batch
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)  # the end is met again, after this batch
        return batch

    def _finish(self, batch: list[_Waiting]) -> None:
        try:
            answers = self._work(np.stack([one.pixels for one in batch]))
        except Exception as error:  # whoever waits gets it
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for one in batch:
                self._finish([one])
            return
        self.n_batches += 1
        self.n_images += len(batch)
        for one, answer in zip(batch, answers, strict=True):
            one.future.set_result(answer)
