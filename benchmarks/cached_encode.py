"""`featx encode` when everything is cached, against the first time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image

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
    """The command, in a temporary folder with a folder of images per class in it."""

    def __init__(self, n_train: int, n_test: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="featx-encode-"))
        self.n_images = n_train + n_test
        images = synthetic.dataset(n_train, n_test)
        for name, part in (("train", images.train), ("test", images.test)):
            for label in images.class_names:
                (self.folder / "images" / name / label).mkdir(parents=True)
            for x, label, id_ in zip(part.X, part.y, part.ids, strict=True):
                folder = self.folder / "images" / name / images.class_names[label]
                Image.fromarray(x).save(folder / id_, compress_level=1)

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
