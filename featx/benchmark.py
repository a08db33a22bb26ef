"""Encoders x classifiers -> results: what ``featx bench`` runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx._version import __version__
from featx.budget import Budget, TimeLeft, expected_seconds, plan_encoders
from featx.classifiers import SharedReduction, accelerated, check_classifiers
from featx.errors import CacheError, ParameterError
from featx.evaluation import (
    CONTROLS,
    N_QUERIES,
    BenchResults,
    Result,
    compare_with_controls,
    draw_evenly,
    is_uneven,
)
from featx.features import EncodedDataset, FeatureCache, encode
from featx.features.progress import Progress
from featx.fitting import FittedRow, Job, check_backend, fit_row, fit_rows, kept
from featx.images import Dataset
from featx.machine import describe_machine
from featx.pictures import pictures_of
from featx.rows import Row, duplicates_of, evidence_of, recall_row, row_key


def bench(
    dataset: Dataset,
    encoders: Mapping[str, BaseEstimator],
    classifiers: Sequence[str] = ("linear-svm", "svm", "mlp"),
    *,
    controls: Sequence[str] = CONTROLS,
    cache: FeatureCache | None = None,
    tune: bool = False,
    seed: int = 0,
    budget: float | None = None,
    n_examples: int = 48,
    examine: bool = True,
    engine: str = "local",
    address: str | None = None,
    joblib_backend: str | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    keep: Callable[[BaseEstimator, FittedRow], None] | None = None,
) -> BenchResults:
    """Compare encoders with classifiers on the same images.

    Encoders see the training images without labels. Classifiers are fitted on all
    training images; with `tune`, their settings are first chosen on the validation part.
    The test part is scored once, at the end of each row.

    Parameters
    ----------
    dataset : Dataset
        As `load_dataset` returns it.
    encoders : mapping of str to estimator
        Unfitted transformers with a seed, by name.
    classifiers : sequence of str, default=("linear-svm", "svm", "mlp")
        Names of classifiers.
    controls : sequence of str
        Names among `encoders` that the others are tested against.
    cache : FeatureCache, default=None
        Where encoders, features and rows are kept; the user's cache by default.
    tune : bool, default=False
        Search each classifier's small space on the validation part.
    seed : int, default=0
        Seed of the classifiers and of the choice of examples.
    budget : float, default=None
        Seconds that the whole table may take, about. Epochs and filters that are left
        to the encoders, and the images that a classifier is fitted on, are chosen to fit.
    n_examples : int, default=48
        Test images that are kept with their reconstructions, for the figures.
    examine : bool, default=True
        Look into the features of the best row: for a map, the nearest neighbours of some
        images, and images that spoil the comparison.
    engine : {"local", "ray"}, default="local"
        Where images are encoded and, by default, classifiers are fitted.
    address : str, default=None
        Of the Ray cluster; without it Ray is started on this machine.
    joblib_backend : str, default=None
        Fit the classifiers side by side with this back end of joblib, such as "loky"; with
        Ray where that is the engine, one after another otherwise.
    device : str, default=None
        Such as "cuda": find the scaling and the components of wide features there, and fit
        `logreg` and `ridge`. Needs SCIPY_ARRAY_API=1 in the environment.
    progress : callable, default=None
        Called with a description, the steps done and the steps in all.
    tell : callable, default=None
        Called with a line for each encoder: what was chosen for these images.
    keep : callable, default=None
        Called with the fitted encoder and the `FittedRow` of each row. Rows are not kept
        otherwise: they can be large.

    Returns
    -------
    BenchResults
        Scores, paired tests, predictions and what the figures need.

    Raises
    ------
    ParameterError
        If a classifier is not known.
    CacheError
        If the cache cannot be written or an entry is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, bench, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = load_dataset("digits", cache_dir=folder)
    ...     cache = FeatureCache(folder)
    ...     results = bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache)
    >>> results.best.name, results.best.scores.accuracy > 0.95
    ('raw + knn', True)
    """
    check_classifiers(classifiers)
    if not encoders or not classifiers:
        raise ParameterError(
            f"Got {len(encoders)} encoders and {len(classifiers)} classifiers, but "
            "expected at least one of each."
        )
    if tune and budget is not None:
        raise ParameterError(
            "Got both tune and a budget, but searches cannot be kept to a time. Use one "
            "of them."
        )
    if engine == "ray" and joblib_backend is None:
        joblib_backend = "ray"
    if budget is not None and joblib_backend:
        raise ParameterError(
            f"Got a budget and fits side by side with {joblib_backend!r}, which share the "
            "time in no known way. Use one of them."
        )
    if joblib_backend:
        check_backend(joblib_backend)  # where every row is cached, nobody else would
    if tune or joblib_backend:
        device = None  # scikit-learn's searches take no tensors; many workers, one GPU
    cache = cache or FeatureCache()
    rng = np.random.default_rng(seed)
    n_examples = min(n_examples, len(dataset.test))
    example_rows = draw_evenly(dataset.test.y, n_examples, rng)
    examples = np.array(dataset.test.X[example_rows])
    balanced = is_uneven(dataset.train.class_counts)
    rows: dict[tuple[str, str], Row | None] = {}
    jobs: list[tuple[Job, Path]] = []
    histories: dict[str, dict[str, list[float]]] = {}
    reconstructions: dict[str, NDArray[np.uint8]] = {}
    filters: dict[str, NDArray[np.uint8]] = {}
    every: dict[str, EncodedDataset] = {}
    if progress:
        progress("look for copies", 0, 0)
    duplicates = duplicates_of(cache.folder, dataset)
    if tell and (found := duplicates.describe()):
        tell(found)
    names_width = max(map(len, encoders)), max(map(len, classifiers))
    n_rows = len(encoders) * len(classifiers)
    if budget is not None:
        plan = plan_encoders(encoders, classifiers, dataset, budget)
        encoders = plan.encoders
        if tell:
            for note in plan.notes:
                tell(note)
    seconds = {
        name: expected_seconds(encoder, classifiers, dataset, device or "auto")
        for name, encoder in encoders.items()
    }
    purse = None if budget is None else Budget(budget, seconds)
    left = TimeLeft(seconds, len(classifiers))
    for encoder_name in sorted(encoders, key=seconds.__getitem__):  # cheap ones first
        encoder = encoders[encoder_name]
        share = purse.share(encoder_name) if purse else math.inf
        start = time.perf_counter()
        encoded = encode(
            dataset,
            encoder,
            cache=cache,
            name=encoder_name,
            progress=progress,
            engine=engine,
            address=address,
        )
        every[encoder_name] = encoded
        if encoded.encoder.history:
            histories[encoder_name] = encoded.encoder.history
            if n_examples:
                restored, learned = pictures_of(cache.folder, encoded.encoder, examples)
                reconstructions[encoder_name] = restored
                if learned is not None:
                    filters[encoder_name] = learned
        if tell and encoded.encoder.choices:
            tell(f"{encoder_name}: {encoded.encoder.choices}")
        shared = SharedReduction(device)
        for position, name in enumerate(classifiers):
            if progress:
                progress(f"fit {name} on {encoder_name}", len(rows), n_rows)
            how: dict[str, Any] = {"tune": tune, "balanced": balanced, "seed": seed}
            folder = (
                cache.folder
                / "rows"
                / row_key(dataset, encoded, name, device=device, **how)
            )
            # with a budget, a row depends on the time there is; and whoever keeps the
            # classifier needs it fitted
            known = (
                None
                if purse or keep
                else recall_row(folder, dataset, encoded, (encoder_name, name))
            )
            job = Job(
                encoder_name,
                name,
                encoded,
                dataset.class_names,
                dataset.validation,
                **how,
            )
            if known is None and joblib_backend and not keep:
                jobs.append((job, folder))
            elif known is None:
                fitted = fit_row(
                    job,
                    seconds=(share - (time.perf_counter() - start))
                    / (len(classifiers) - position),
                    shared=shared,
                )
                if keep:
                    keep(encoded.encoder.encoder, fitted)
                known = fitted.row if purse else kept(folder, fitted.row)
            rows[encoder_name, name] = known
            left.done(encoder_name)
            if tell and known is not None:
                tell(_row_line(known.result, len(rows), n_rows, left, names_width))
    if jobs and joblib_backend:
        if progress:
            progress(f"fit {len(jobs)} rows side by side", 0, 0)
        fits = fit_rows(jobs, joblib_backend, address)
        for (job, _), row in zip(jobs, fits, strict=True):
            rows[job.encoder, job.classifier] = row
    if progress:
        progress("fit", n_rows, n_rows)
    made = [
        made_row
        for name in encoders
        for classifier in classifiers
        if (made_row := rows[name, classifier]) is not None
    ]
    results = [row.result for row in made]
    predictions = {row.result.name: row.predicted for row in made}
    confidences = {row.result.name: row.confidence for row in made}
    evidence = None
    if examine:
        best = max(results, key=lambda row: row.scores.accuracy).encoder
        if progress:
            progress(f"look into the features of {best}", 0, 0)
        try:
            evidence = evidence_of(
                cache.folder,
                dataset,
                every[best],
                best,
                example_rows[:N_QUERIES],
                seed=seed,
            )
        except (CacheError, MemoryError) as error:  # the table itself is whole
            if tell:
                tell(f"The features of {best} were not looked into: {error}")
    return BenchResults(
        version=__version__,
        data=dataset.describe(),
        protocol=_protocol(balanced, tune, seed)
        | {"controls": [name for name in controls if name in encoders]},
        machine=describe_machine(),
        results=results,
        comparisons=compare_with_controls(
            results, predictions, dataset.test.y, controls
        ),
        ids=dataset.test.ids,
        y_true=dataset.test.y,
        predictions=predictions,
        confidences=confidences,
        histories=histories,
        reconstructions=reconstructions,
        filters=filters,
        evidence=evidence,
        duplicates=duplicates,
        examples=examples,
        example_rows=example_rows,
    )


def _row_line(
    row: Result, done: int, n_rows: int, left: TimeLeft, widths: tuple[int, int]
) -> str:
    """One line of the table that grows while the comparison runs."""
    seconds = row.train_seconds + row.encode_seconds + row.fit_seconds
    more = f", {left}" if done < n_rows else ""
    return (
        f"{row.encoder:<{widths[0]}}  {row.classifier:<{widths[1]}}  "
        f"{100 * row.scores.accuracy:5.1f} %  {seconds:5.0f} s  "
        f"({done} of {n_rows} rows{more})"
    )


def _protocol(balanced: bool, tune: bool, seed: int) -> dict[str, Any]:
    return {
        "encoder_sees": "training images without labels",
        "tuned": tune,
        "class_weight": "chosen for each row" if balanced else None,
        "interval": "Wilson, 95 %",
        "test": "McNemar, exact, Holm-corrected",
        "test_part_read": "once per row, after every choice was made",
        "seed": seed,
        "scikit_learn_intelex": accelerated(),
    }
