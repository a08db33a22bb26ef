"""Whether images may be mirrored: decided by looking at them, without labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featx.autoencoders.base import Array, batches
from featx.errors import ParameterError
from featx.memory_maps import take_rows

_N_IMAGES = 2000
_SIDE = 16  # the question is asked of images shrunk to about this size
_TELL_APART = 0.56  # a classifier right this often knows left from right


def mirroring_is_natural(images: Array, seed: int) -> bool:
    """Whether mirrored images look like images of the same collection.

    A linear classifier is trained on one half of the images (n, h, w, c), or of 2,000 of
    them, to tell an image from its mirror image and asked about the other half. Photographs
    taken from any side leave it guessing; digits, letters or chest radiographs do not, and
    mirroring those would mix up what should be told apart. Fewer than 20 images are too few
    to ask: then it is not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> mirroring_is_natural(load_digits().images[..., None], seed=0)
    False
    >>> noise = np.random.default_rng(0).random((500, 8, 8, 1))
    >>> mirroring_is_natural(noise, seed=0)
    True
    """
    n = min(len(images), _N_IMAGES)
    if n < 20 or images.shape[2] < 2:
        return False
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(images), n, replace=False))
    few = max(1, 2**24 // images[0].size)  # at a time: images may be huge
    small = np.concatenate(
        [_shrink(take_rows(images, chosen[part])) for part in batches(n, few)]
    )
    # what mirroring turns into its negative; mirrored pairs differ in nothing else
    odd = (small - small[:, :, ::-1]).reshape(n, -1)
    spread = odd.std()
    if spread == 0:
        return True  # every image is its own mirror image
    halves = np.array_split(rng.permutation(odd / spread), 2)
    right = [
        (np.sign(test @ _direction(train)) + 1).mean() / 2  # ties are guesses
        for train, test in (halves, reversed(halves))
    ]
    chance = 2 * 0.5 / np.sqrt(n)  # two standard errors
    return bool(np.mean(right) < _TELL_APART + chance)


def resolve_augment(augment: str | None, images: Array, seed: int) -> str | None:
    """Return "flip" or None; "auto" becomes one by looking at images (n, h, w, c)."""
    if augment == "auto":
        return "flip" if mirroring_is_natural(images, seed) else None
    if augment not in ("flip", None):
        raise ParameterError(
            f"Got augment={augment!r}, but expected 'auto', 'flip' or None."
        )
    return augment


def _shrink(images: Array) -> NDArray[np.float64]:
    """Gray images of at most about 16 x 16 pixels, from areas of the originals."""
    gray = images.mean(axis=3, dtype=np.float64)
    for axis in (1, 2):
        step = max(1, gray.shape[axis] // _SIDE)
        size = gray.shape[axis] // step
        extra = gray.shape[axis] - size * step
        # what is left over is cut on either side in turn: mirroring commutes with this
        cuts = []
        for begin in (extra // 2, extra - extra // 2):
            kept = np.take(gray, range(begin, begin + size * step), axis)
            shape = (*kept.shape[:axis], size, step, *kept.shape[axis + 1 :])
            cuts.append(kept.reshape(shape).mean(axis=axis + 1))
        gray = (cuts[0] + cuts[1]) / 2
    return gray


def _direction(odd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression through the origin of +1 on the odd parts of the images."""
    gram = odd @ odd.T
    ridge = 0.1 * np.trace(gram) / len(odd) * np.eye(len(odd))
    weights: NDArray[np.float64] = odd.T @ np.linalg.solve(
        gram + ridge, np.ones(len(odd))
    )
    return weights
