"""What a comparison found in images and features, recalled or computed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx._version import __version__
from featx.evaluation import Duplicates, FeatureDiagnostics, diagnose, find_duplicates
from featx.evaluation.duplicates import SIMILARITY
from featx.evaluation.nearness import CHANCE
from featx.features import EncodedDataset
from featx.features.digest import digest_array, digest_json
from featx.images import Dataset
from featx.memory_maps import load_array
from featx.store import FORMAT, Store


def diagnostics_of(
    store: Store,
    dataset: Dataset,
    encoded: EncodedDataset,
    encoder: str,
    query_rows: NDArray[np.int64],
    *,
    seed: int,
) -> FeatureDiagnostics:
    """Look into the features of an encoder as `diagnose`, or recall what was seen.

    CacheError if the entry is damaged.
    """
    key = digest_json(
        {
            "format": FORMAT,
            "holds": [one.name for one in fields(FeatureDiagnostics)],
            "featx": __version__,
            "features": [encoded.train.key, encoded.test.key],
            "images": [dataset.train.digest, dataset.test.digest],
            "labels": digest_array(dataset.train.y),
            "encoder": encoder,
            "queries": digest_array(query_rows),
            "seed": seed,
        }
    )
    name = "diagnostics.npz"
    return store.get_or_make(
        "diagnostics",
        key,
        f"{encoder} on {dataset.name}",
        read=lambda folder, _: FeatureDiagnostics.from_npz(folder / name),
        make=lambda: diagnose(dataset, encoded, encoder, query_rows, seed=seed),
        write=lambda work, found: (work / name).write_bytes(found.to_npz()),
    )


def duplicates_of(store: Store, dataset: Dataset) -> Duplicates:
    """Find test images that are copies of training images, or recall them.

    CacheError if the entry is damaged.
    """
    key = digest_json(
        {
            "format": FORMAT,
            "featx": __version__,
            "images": [dataset.train.digest, dataset.test.digest],
            "duplicates": [SIMILARITY, CHANCE],
        }
    )

    def read(folder: Path, _: object) -> Duplicates:
        of = load_array(folder / "of.npy", "copies")
        return Duplicates(of, load_array(folder / "similarity.npy", "copies"))

    def write(work: Path, found: Duplicates) -> None:
        np.save(work / "of.npy", found.of)
        np.save(work / "similarity.npy", found.similarity)

    def make() -> Duplicates:
        return find_duplicates(dataset.train.X, dataset.test.X)

    what = f"copies in {dataset.name}"
    return store.get_or_make("diagnostics", key, what, read, make, write)
