"""Whitened patches, k-means, triangle activations, a linear SVM (Coates & Ng 2011)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch.nn import functional as F

from benchmarks.rivals import read

SIDE = 6


def normalized(patches: Any) -> Any:
    """Rows of equal contrast, of nought mean."""
    patches = patches - patches.mean(1, keepdims=True)
    return patches / np.sqrt(patches.var(1, keepdims=True) + 10)


def main(folder: str, n_filters: int) -> float:
    """Return the test accuracy in %."""
    (X, y), (Z, z) = (read(folder, part) for part in ("train", "test"))
    rng = np.random.default_rng(0)
    some = torch.from_numpy(X[rng.choice(len(X), min(len(X), 5000), replace=False)])
    cuts = F.unfold(some.permute(0, 3, 1, 2).float(), SIDE)  # (n, values, positions)
    cuts = (
        cuts[:, :, rng.choice(cuts.shape[2], 80)].permute(0, 2, 1).flatten(0, 1).numpy()
    )
    rows = normalized(cuts)
    mean = rows.mean(0)
    values, vectors = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    whiten = (vectors / np.sqrt(values + 0.1)) @ vectors.T
    kmeans = MiniBatchKMeans(n_filters, batch_size=4096, n_init=1, random_state=0)
    centers = kmeans.fit((rows - mean) @ whiten).cluster_centers_
    weights = torch.from_numpy((whiten @ centers.T).astype(np.float32))
    lengths = torch.from_numpy((centers**2).sum(1).astype(np.float32))
    white, shift = (torch.from_numpy(a.astype(np.float32)) for a in (whiten, mean))

    def encode(images: Any) -> Any:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        p = F.unfold(x, SIDE).permute(0, 2, 1)
        p = p - p.mean(2, keepdim=True)
        p = p / (p.var(2, keepdim=True) + 10).sqrt() - shift
        power = (p @ white).square().sum(2, keepdim=True)
        distance = (power - 2 * (p @ weights) + lengths).clamp(min=0).sqrt()
        active = F.relu(distance.mean(2, keepdim=True) - distance)
        side = int(active.shape[1] ** 0.5)
        maps = active.permute(0, 2, 1).unflatten(2, (side, side))
        return F.adaptive_avg_pool2d(maps, 2).flatten(1).numpy()

    features, judged = (
        np.concatenate([encode(a[i : i + 100]) for i in range(0, len(a), 100)])
        for a in (X, Z)
    )
    head = make_pipeline(StandardScaler(), LinearSVC(C=0.003, dual=False))
    return 100 * float(head.fit(features, y).score(judged, z))


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
