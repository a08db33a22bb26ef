"""One row of the table, or many at once: classifiers fitted on features and scored."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from featx.budget import rows_within, spread_rows
from featx.classifiers import (
    FEWEST,
    SharedReduction,
    accelerated,
    can_balance,
    can_fit_in_blocks,
    choose_settings,
    fit_in_blocks,
    make_classifier,
    merit,
    predict_with_confidence,
    search_space,
)
from featx.errors import CacheError, DataError, ParameterError
from featx.evaluation import Result, score
from featx.features import EncodedDataset, plain_params
from featx.machine import rows_in_memory
from featx.rows import Row, keep_row
from featx.workers import deaf_to_interrupts, end_with_parent, start_ray


class FittedRow(NamedTuple):
    """A row of the table, and the classifier it was made with.

    Parameters
    ----------
    row : Row
        The row, and what was said of every test image.
    classifier : Pipeline
        Fitted on the features of the training images.
    """

    row: Row
    classifier: Pipeline


@dataclass(frozen=True)
class Job:
    """A row of the table that is to be fitted: all that a worker needs to know.

    Parameters
    ----------
    encoder, classifier : str
        Their names.
    encoded : EncodedDataset
        The features; they travel as names of files.
    class_names : tuple of str
        Names of the classes.
    validation : ndarray of bool, shape (n_train,)
        The validation part.
    tune : bool
        Search the classifier's space on the validation part first.
    balanced : bool
        The class counts differ: whether classes are weighted is chosen, too, and all
        settings so that rare classes count; see `merit`.
    seed : int
        Seed of the classifier.
    """

    encoder: str
    classifier: str
    encoded: EncodedDataset
    class_names: tuple[str, ...]
    validation: NDArray[np.bool_]
    tune: bool = False
    balanced: bool = False
    seed: int = 0


def fit_row(
    job: Job,
    *,
    seconds: float = math.inf,
    shared: SharedReduction | None = None,
) -> FittedRow:
    """Fit one classifier on the training features and score it on the test part.

    Parameters
    ----------
    job : Job
        What to fit on what.
    seconds : float
        Time for the fit; if it is short, fewer images are fitted on, and a note says so.
    shared : SharedReduction, default=None
        What other classifiers were fitted with on the same features, and where. The row's
        time is still that of a fit alone.

    Returns
    -------
    FittedRow
        The row of the table and what it was made with.
    """
    name, encoded, tune = job.classifier, job.encoded, job.tune
    train, test = encoded.train, encoded.test
    n_validation = int(job.validation.sum()) if tune else 0
    device = None if shared is None or tune else shared.device

    def make(n_images: int) -> Pipeline:
        return make_classifier(
            name,
            n_features=train.X.shape[1],
            n_images=n_images,
            balanced=job.balanced,
            random_state=job.seed,
            on_device=device is not None,
        )

    X, y, notes, saved = np.asarray(train.X), train.y, [], 0.0
    start = time.perf_counter()
    n_in_memory = rows_in_memory(X.shape[1])
    if len(y) > n_in_memory:
        device = None  # nor would a GPU hold them
    if seconds < math.inf:
        rows = rows_within(name, make, X, y, seconds, n_in_memory)
        if len(rows) < len(y):
            X, y = X[rows], y[rows]
            notes.append(
                f"fitted on {len(y):,} of {len(train.y):,} images, to fit the budget"
            )
    in_blocks = len(y) > n_in_memory and not tune and can_fit_in_blocks(make(len(y)), X)
    if len(y) > n_in_memory and not in_blocks:
        rows = spread_rows(y, n_in_memory)
        notes.append(
            f"fitted on {len(rows):,} of {len(train.y):,} images, to fit into memory"
        )
        job = replace(job, validation=job.validation[rows])
        X, y = X[rows], y[rows]
        n_validation = int(job.validation.sum()) if tune else 0
    n_images = len(y) - n_validation
    classifier = make(n_images)
    choose = partial(choose_settings, uneven=job.balanced)
    if n_images < FEWEST and not tune:
        notes.append(f"settings as usual: {n_images} images are too few to choose by")
    if job.balanced and not can_balance(classifier):
        notes.append(f"{name} takes no class weights, though the class counts differ")
    if tune:
        if len(np.unique(y[~job.validation])) < 2:
            raise DataError(
                "Got images of one class outside the validation part, but expected at "
                "least two to choose settings. Give another validation part, or leave "
                "tune out."
            )
        search = GridSearchCV(
            classifier,
            search_space(
                name,
                n_features=X.shape[1],
                n_images=n_images,
                uneven=job.balanced,
            ),
            scoring=make_scorer(merit, uneven=job.balanced),
            cv=PredefinedSplit(np.where(job.validation, 0, -1)),
            error_score="raise",
        )
        notes += _notes_of(lambda: search.fit(X, y))
        classifier = search.best_estimator_
        chosen = ", ".join(
            f"{key.partition('__')[2]}="
            + (f"{value:g}" if isinstance(value, int | float) else str(value))
            for key, value in search.best_params_.items()
        )
        measure = "mean of accuracy and recall" if job.balanced else "right"
        notes.append(
            f"{chosen} chosen on {n_validation:,} validation images "
            f"({100 * search.best_score_:.1f} % {measure} there)"
        )
    elif in_blocks:
        notes.append("learned block by block from disk: the features exceed memory")
        source = train.X if len(y) == len(train.y) else X  # a map lets go of pages
        classifier.set_params(**choose(classifier, source, y))
        notes += _notes_of(lambda: fit_in_blocks(classifier, source, y, n_in_memory))
    else:
        if shared is None or len(y) < len(train.y):
            shared = SharedReduction(device)
        before = shared.seconds_saved
        notes += _notes_of(lambda: shared.fit(classifier, X, y, choose))
        saved = shared.seconds_saved - before
    if name == "svm" and "rbf" in classifier.named_steps:
        landmarks = classifier.named_steps["rbf"].n_components
        notes.append(f"kernel spanned by {landmarks:,} images (Nystroem)")
    fit_seconds = time.perf_counter() - start + saved
    start = time.perf_counter()
    predicted, confidence = predict_with_confidence(classifier, np.asarray(test.X))
    predict_seconds = time.perf_counter() - start
    result = Result(
        encoder=job.encoder,
        classifier=name,
        n_features=train.X.shape[1],
        scores=score(test.y, predicted.astype(np.int64), job.class_names),
        train_seconds=encoded.encoder.train_seconds,
        encode_seconds=encoded.encode_seconds,
        encode_images_per_second=encoded.images_per_second,
        fit_seconds=fit_seconds,
        predict_seconds=predict_seconds,
        encoder_params=encoded.encoder.params,
        classifier_params=plain_params(classifier),
        cached=encoded.cached | {"classifier": False},
        notes=tuple(notes),
    )
    row = Row(result, predicted.astype(np.int64), confidence.astype(np.float32))
    return FittedRow(row, classifier)


def _notes_of(fit: Callable[[], Any]) -> list[str]:
    """Fit, and return what a reader of the table should know of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        # wide features share a few strong components; the penalty is there for that
        warnings.simplefilter("ignore", LinAlgWarning)
        fit()
    unfinished = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    for other in caught:
        if not issubclass(other.category, ConvergenceWarning):
            warnings.warn_explicit(
                other.message, other.category, other.filename, other.lineno
            )
    return ["stopped at its limit of iterations"] if unfinished else []


def check_backend(backend: str) -> None:
    """Raise ParameterError for a back end that joblib does not know."""
    if backend == "ray":  # known once Ray has started
        return
    try:
        joblib.parallel_config(backend=backend).unregister()
    except (ValueError, KeyError, ImportError) as error:
        raise ParameterError(
            f"Got joblib back end {backend!r}, but expected 'loky', 'ray' or "
            "another that is registered with joblib."
        ) from error


def fit_rows(
    jobs: Sequence[tuple[Job, Path]],
    backend: str,
    address: str | None = None,
) -> list[Row]:
    """Fit many rows side by side and keep each as soon as it is done.

    Parameters
    ----------
    jobs : sequence of (Job, Path)
        What to fit, and where to keep each row.
    backend : str
        A back end of joblib: "loky" for processes on this machine, "ray", or any that was
        registered.
    address : str, default=None
        Of the Ray cluster.

    Returns
    -------
    list of Row
        In the order of the jobs.

    Raises
    ------
    ParameterError
        If joblib does not know the back end.
    """
    check_backend(backend)
    if backend == "ray":
        start_ray(address)
        from ray.util.joblib import register_ray

        register_ray()
    # no more processes than rows, so that few rows on many cores get several cores each
    n_jobs = min(len(jobs), joblib.cpu_count()) if backend == "loky" else -1
    own = backend == "loky"  # processes that are started here
    # before a worker imports anything; those of other back ends do it with their first row
    begin = {"initializer": end_with_parent} if own else {}
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        pool = joblib.Parallel(return_as="generator" if own else "list", **begin)
        with deaf_to_interrupts() if own else nullcontext():
            made = pool(
                joblib.delayed(_fit_and_keep)(job, folder) for job, folder in jobs
            )
        rows: list[Row | None] = list(made)
    return [
        kept(folder, fit_row(job).row) if row is None else row
        for (job, folder), row in zip(jobs, rows, strict=True)
    ]


def _fit_and_keep(job: Job, folder: Path) -> Row | None:
    """Fit a row in a worker; None if its features were removed from the cache meanwhile.

    Whoever has sent it still has them in memory maps.
    """
    end_with_parent()
    if job.encoded.train.gone or job.encoded.test.gone:
        return None
    limit_threads()
    return kept(folder, fit_row(job).row)


def limit_threads() -> None:
    """Keep scikit-learn-intelex to the threads that OMP_NUM_THREADS grants.

    Back ends of joblib share out the cores among their workers by that variable. BLAS,
    OpenMP and torch follow it; the threads of scikit-learn-intelex do not.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "")
    if accelerated() and granted.isdecimal():
        import daal4py

        daal4py.daalinit(int(granted))  # 0 changes nothing


def kept(folder: Path, row: Row) -> Row:
    """Keep a row; where that cannot be done, it says so, and is not lost."""
    try:
        keep_row(folder, row)
    except CacheError as error:
        notes = (*row.result.notes, f"not kept in the cache: {error.__cause__}")
        return row._replace(result=replace(row.result, notes=notes))
    return row
