"""Encoding with many patch filters, against few: time of a feature."""

from __future__ import annotations

from benchmarks import patch_encoding, synthetic
from benchmarks.measure import Done, Work

SAYS = "time per feature of 1,600 patch filters against that of 200"
UNIT = "features"
BAR = None  # measured, not promised
FULL = {"n_images": 1024, "many": 1600, "few": 200}
QUICK = {"n_images": 32, "many": 32, "few": 16}
GROWTH = [{"n_images": 1024, "many": n, "few": n} for n in (100, 200, 400, 800)]


def ours(n_images: int, many: int, few: int) -> Work:
    """Encode with many filters."""
    return _encoding(n_images, many)


def plain(n_images: int, many: int, few: int) -> Work:
    """Encode with few filters."""
    return _encoding(n_images, few)


def _encoding(n_images: int, n_filters: int) -> Work:
    X = synthetic.images(n_images)
    fitted = patch_encoding.encoder(n_filters).fit(X)
    fitted.transform(X[:64])

    def work() -> Done:
        return Done(fitted.transform(X).size)

    return work
