"""`featx bench` again when everything is cached, against the first time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import synthetic
from benchmarks.command_line import featx
from benchmarks.measure import Done, Work

SAYS = "repeating featx bench when only the table is made again, against the first run"
UNIT = "runs"
BAR = 20.0
FULL = {"n_train": 2000, "n_test": 500, "encoders": "raw,patch,conv"}
QUICK = {"n_train": 40, "n_test": 20, "encoders": "raw"}


class Bench:
    """The command, in a temporary folder with images in it."""

    def __init__(self, n_train: int, n_test: int, encoders: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        images = synthetic.dataset(n_train, n_test)
        np.savez(
            self.folder / "images.npz",
            X_train=images.train.X,
            y_train=images.train.y,
            X_test=images.test.X,
            y_test=images.test.y,
        )
        self.words = ["bench", str(self.folder / "images.npz"), "--encoders", encoders]
        self.words += ["--clf", "linear-svm,svm", "--out", str(self.folder / "run")]

    def run(self) -> Done:
        """Run the command, through the cache."""
        featx(self.words, self.folder / "cache")
        shutil.rmtree(self.folder / "run")
        return Done(1)


def ours(n_train: int, n_test: int, encoders: str) -> Work:
    """Run it again and again with the same cache."""
    bench = Bench(n_train, n_test, encoders)
    bench.run()
    return bench.run


def plain(n_train: int, n_test: int, encoders: str) -> Work:
    """Run it with an empty cache every time."""
    bench = Bench(n_train, n_test, encoders)

    def work() -> Done:
        shutil.rmtree(bench.folder / "cache", ignore_errors=True)
        return bench.run()

    return work
