"""What a comparison found before, kept under all that it depends on."""

from __future__ import annotations

from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx._version import __version__
from featx.classifiers import CHOICE, accelerated, make_classifier, search_space
from featx.evaluation import (
    Duplicates,
    Evidence,
    Result,
    find_duplicates,
    look_into,
    score,
)
from featx.evaluation.duplicates import CHANCE, LIKENESS
from featx.features import EncodedDataset
from featx.features.digest import digest_array, digest_json, digest_params
from featx.images import Dataset
from featx.machine import rows_in_memory
from featx.storage import (
    FORMAT,
    MANIFEST,
    cache_errors,
    load_array,
    new_folder,
    provenance,
    read_manifest,
    recall_or_make,
    write_json,
)


class Row(NamedTuple):
    """A row of the table, and what was said of every test image.

    Parameters
    ----------
    result : Result
        The row.
    predicted : ndarray of int64, shape (n_test,)
        Predicted labels.
    confidence : ndarray of float32, shape (n_test,)
        How clear each was, see `predict_with_confidence`.
    """

    result: Result
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]


def row_key(
    dataset: Dataset,
    encoded: EncodedDataset,
    classifier: str,
    *,
    tune: bool,
    balanced: bool,
    seed: int,
    device: str | None = None,
) -> str:
    """Hash all that the predictions of a row depend on.

    Parameters
    ----------
    dataset : Dataset
        Its labels and its validation part.
    encoded : EncodedDataset
        Its features.
    classifier : str
        Its name.
    tune, balanced : bool
        As for `fit_row`.
    seed : int
        Of the classifier.
    device : str, default=None
        As for `SharedReduction`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    size = {"n_features": encoded.train.X.shape[1], "n_images": len(encoded.train.y)}
    built = make_classifier(
        classifier,
        balanced=balanced,
        random_state=seed,
        on_device=device is not None,
        **size,
    )
    in_memory = rows_in_memory(size["n_features"])
    return digest_json(
        {
            "format": FORMAT,
            "holds": ["predicted", "confidence"],
            "featx": __version__,
            "scikit-learn": version("scikit-learn"),
            "intelex": version("scikit-learn-intelex") if accelerated() else None,
            "features": [encoded.train.key, encoded.test.key],
            "labels": digest_array(encoded.train.y),
            "in_memory": in_memory if size["n_images"] > in_memory else None,
            "classifier": digest_params(built),
            "device": device,
            "uneven": balanced,
            "choice": search_space(classifier, uneven=balanced, **size)
            if tune
            else CHOICE,
            "validation": digest_array(dataset.validation) if tune else None,
        }
    )


def recall_row(
    folder: Path, dataset: Dataset, encoded: EncodedDataset, names: tuple[str, str]
) -> Row | None:
    """Read a row that was kept, and score its predictions.

    Parameters
    ----------
    folder : Path
        Where it is, if it was kept.
    dataset : Dataset
        For the class names.
    encoded : EncodedDataset
        Its encoder and its labels.
    names : tuple of str
        Encoder and classifier, as the table calls them.

    Returns
    -------
    Row or None
        With the times it took when it was made; None if it was not kept, or is removed
        by another process meanwhile.

    Raises
    ------
    CacheError
        If it is damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    try:
        predicted = load_array(folder / "predicted.npy", "predictions")
        confidence = load_array(folder / "confidence.npy", "predictions")
    except FileNotFoundError:
        return None
    result = Result(
        encoder=names[0],
        classifier=names[1],
        n_features=encoded.train.X.shape[1],
        scores=score(encoded.test.y, predicted, dataset.class_names),
        train_seconds=encoded.encoder.train_seconds,
        encode_seconds=encoded.encode_seconds,
        encode_images_per_second=encoded.images_per_second,
        fit_seconds=manifest["fit_seconds"],
        predict_seconds=manifest["predict_seconds"],
        encoder_params=encoded.encoder.params,
        classifier_params=manifest["classifier_params"],
        cached=encoded.cached | {"classifier": True},
        notes=tuple(manifest["notes"]),
    )
    return Row(result, predicted, confidence)


def keep_row(folder: Path, row: Row) -> None:
    """Keep a row.

    Parameters
    ----------
    folder : Path
        Named by its key.
    row : Row
        A row that was just made.

    Raises
    ------
    CacheError
        If the cache cannot be written.
    """
    result = row.result
    manifest = {
        "what": f"{result.name}, {100 * result.scores.accuracy:.1f} %",
        "fit_seconds": result.fit_seconds,
        "predict_seconds": result.predict_seconds,
        "classifier_params": result.classifier_params,
        "notes": list(result.notes),
    } | provenance()
    with new_folder(folder) as work, cache_errors(folder.parent):
        np.save(work / "predicted.npy", row.predicted)
        np.save(work / "confidence.npy", row.confidence)
        write_json(work / MANIFEST, manifest)


def evidence_of(
    cache_folder: Path,
    dataset: Dataset,
    encoded: EncodedDataset,
    encoder: str,
    query_rows: NDArray[np.int64],
    *,
    seed: int,
) -> Evidence:
    """Look into the features of an encoder, or recall what was seen there before.

    Parameters
    ----------
    cache_folder : Path
        Folder of the cache.
    dataset, encoded, encoder, query_rows, seed
        As for `look_into`.

    Returns
    -------
    Evidence
        What was seen.

    Raises
    ------
    CacheError
        If the entry is damaged.
    """
    key = digest_json(
        {
            "format": FORMAT,
            "holds": [one.name for one in fields(Evidence)],
            "featx": __version__,
            "features": [encoded.train.key, encoded.test.key],
            "images": [dataset.train.digest, dataset.test.digest],
            "labels": digest_array(dataset.train.y),
            "encoder": encoder,
            "queries": digest_array(query_rows),
            "seed": seed,
        }
    )
    name = "evidence.npz"
    return recall_or_make(
        cache_folder / "evidence" / key,
        f"{encoder} on {dataset.name}",
        read=lambda folder: Evidence.from_npz(folder / name),
        make=lambda: look_into(dataset, encoded, encoder, query_rows, seed=seed),
        write=lambda work, found: (work / name).write_bytes(found.to_npz()),
    )


def duplicates_of(cache_folder: Path, dataset: Dataset) -> Duplicates:
    """Find test images that are copies of training images, or recall them.

    Parameters
    ----------
    cache_folder : Path
        Folder of the cache.
    dataset : Dataset
        The images.

    Returns
    -------
    Duplicates
        See `find_duplicates`.

    Raises
    ------
    CacheError
        If the entry is damaged.
    """
    key = digest_json(
        {
            "format": FORMAT,
            "featx": __version__,
            "images": [dataset.train.digest, dataset.test.digest],
            "duplicates": [LIKENESS, CHANCE],
        }
    )

    def read(folder: Path) -> Duplicates:
        of = load_array(folder / "of.npy", "copies")
        return Duplicates(of, load_array(folder / "likeness.npy", "copies"))

    def write(work: Path, found: Duplicates) -> None:
        np.save(work / "of.npy", found.of)
        np.save(work / "likeness.npy", found.likeness)

    return recall_or_make(
        cache_folder / "evidence" / key,
        f"copies in {dataset.name}",
        read=read,
        make=lambda: find_duplicates(dataset.train.X, dataset.test.X),
        write=write,
    )
