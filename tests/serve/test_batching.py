"""One thread works on what waits, together."""

import threading

import numpy as np
import pytest

from featx.serve.batching import Batcher


class Slow:
    """Work that waits for a word, and notes its batches."""

    def __init__(self):
        self.batches, self.go = [], threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def __call__(self, images):
        self.begun.release()
        self.go.acquire()
        values = images[:, 0, 0, 0].tolist()
        self.batches.append(values)
        if 99 in values:
            raise ValueError("no 99")
        return values


@pytest.fixture
def slow():
    return Slow()


def image(value):
    return np.full((2, 2, 1), value, np.uint8)


def start(slow, size):
    """Begin a batch of one, so that others come to wait."""
    batcher = Batcher(slow, size)
    first = batcher.submit(image(0))
    slow.begun.acquire()
    return batcher, first


def test_what_waits_is_taken_together_up_to_the_size(slow):
    batcher, first = start(slow, 3)
    others = [batcher.submit(image(value)) for value in range(1, 6)]
    slow.go.release(10)
    assert [future.result(5) for future in (first, *others)] == list(range(6))
    assert slow.batches == [[0], [1, 2, 3], [4, 5]]
    batcher.close()
    assert (batcher.n_images, batcher.n_batches) == (6, 3)


def test_one_that_fails_fails_alone(slow):
    batcher, _ = start(slow, 3)
    futures = [batcher.submit(image(value)) for value in (1, 99, 2)]
    slow.go.release(10)
    assert (futures[0].result(5), futures[2].result(5)) == (1, 2)
    with pytest.raises(ValueError, match="no 99"):
        futures[1].result(5)
    assert batcher.is_alive()
    batcher.close()


def test_one_that_nobody_waits_for_costs_nothing(slow):
    batcher, _ = start(slow, 3)
    futures = [batcher.submit(image(value)) for value in (1, 2)]
    assert futures[0].cancel()
    slow.go.release(10)
    assert futures[1].result(5) == 2
    assert slow.batches == [[0], [2]]
    batcher.close()


def test_nothing_is_lost_at_the_end(slow):
    batcher, _ = start(slow, 2)
    futures = [batcher.submit(image(value)) for value in range(1, 5)]
    slow.go.release(10)
    batcher.close()
    assert [future.result(0) for future in futures] == [1, 2, 3, 4]
    assert not batcher.is_alive()
