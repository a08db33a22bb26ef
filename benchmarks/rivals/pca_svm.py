"""Whitened principal components of pixels and a kernel SVM on some of the images."""

from __future__ import annotations

import sys

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from benchmarks.rivals import read


def main(folder: str, n_images: int) -> float:
    """Return the test accuracy in %."""
    (X, y), (Z, z) = (read(folder, part) for part in ("train", "test"))
    X, Z = (a.reshape(len(a), -1).astype(np.float32) / 255 for a in (X, Z))
    model = make_pipeline(PCA(100, whiten=True, random_state=0), SVC(C=10))
    return 100 * float(model.fit(X[:n_images], y[:n_images]).score(Z, z))


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
