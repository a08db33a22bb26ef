"""`featx encode` when everything is cached, against the first time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks import synthetic
from benchmarks.command_line import featx
from benchmarks.measure import Done, Work

SAYS = (
    "featx encode of a folder of 60,000 images from the cache, against the first time"
)
UNIT = "images"
BAR = None  # the promise is a time
LIMITS = {"seconds": 2.0}
FULL = {"n_train": 50_000, "n_test": 10_000}
QUICK = {"n_train": 40, "n_test": 20}


class Encode:
    """The command, in a temporary folder with a tree of images in it."""

    def __init__(self, n_train: int, n_test: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.n_images = n_train + n_test
        synthetic.write_tree(self.folder / "images", n_train, n_test)

    def run(self) -> Done:
        """Encode every image, through the cache."""
        words = ["encode", str(self.folder / "images"), "--encoder", "untrained"]
        featx(words, self.folder / "cache")
        return Done(self.n_images)


def ours(n_train: int, n_test: int) -> Work:
    """Run it again and again with the same cache."""
    encode = Encode(n_train, n_test)
    encode.run()
    return encode.run


def plain(n_train: int, n_test: int) -> Work:
    """Run it with an empty cache every time."""
    encode = Encode(n_train, n_test)

    def work() -> Done:
        shutil.rmtree(encode.folder / "cache", ignore_errors=True)
        return encode.run()

    return work
