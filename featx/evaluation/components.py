"""Features of any width -> the few components in which images are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx.classifiers import WhitenedPCA
from featx.memory_maps import release_pages

N_COMPONENTS = 256
_FLOOR = 30.0  # components far above it weigh the same, those below it fade
_FIT_ROWS = 8192
_BATCH_VALUES = 2**25


def components(
    train: NDArray[Any], test: NDArray[Any], *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reduce training and test features to at most 256 components, without labels.

    They are whitened principal components, learned from at most 8,192 training rows.
    Memory maps are read in pieces.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    >>> [part.shape for part in components(X[:30], X[30:])]
    [(30, 5), (10, 5)]
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(train), min(len(train), _FIT_ROWS), replace=False))
    reduce = make_pipeline(
        StandardScaler(), WhitenedPCA(N_COMPONENTS, floor=_FLOOR, random_state=seed)
    ).fit(np.asarray(train[rows], np.float32))

    def reduced(X: NDArray[Any]) -> NDArray[np.float32]:
        size = max(1, _BATCH_VALUES // X.shape[1])
        parts = []
        for start in range(0, len(X), size):
            part = np.asarray(X[start : start + size], np.float32)
            parts.append(reduce.transform(part))
            release_pages(X)
        return np.concatenate(parts)

    return reduced(train), reduced(test)
