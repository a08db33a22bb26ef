"""Encoders x classifiers -> results: what ``featx bench`` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx._version import __version__
from featx.errors import CacheError
from featx.evaluation import (
    N_QUERIES,
    BenchResults,
    Duplicates,
    FeatureDiagnostics,
    choose_row,
    compare_with_controls,
    draw_evenly,
    with_folds,
    with_repeats,
)
from featx.experiment.budget import Budget
from featx.experiment.clock import TimeShares
from featx.experiment.diagnostics import diagnostics_of, duplicates_of
from featx.experiment.encoder_runs import EncoderRun, RowCounter, run_encoder
from featx.experiment.folds import split_folds, uneven_folds
from featx.experiment.parallel import executor_of, fit_rows
from featx.experiment.plan import Plan
from featx.experiment.protocol import Backend, Observer, Protocol
from featx.features import FeatureCache
from featx.images import Dataset
from featx.machine import describe_machine


def bench(
    dataset: Dataset,
    encoders: Mapping[str, BaseEstimator] | Sequence[str] | None = None,
    classifiers: Mapping[str, BaseEstimator | None] | Sequence[str] | None = None,
    *,
    protocol: Protocol = Protocol(),  # noqa: B008, it cannot be changed
    backend: Backend = Backend(),  # noqa: B008
    cache: FeatureCache | None = None,
    budget: Budget | float | None = None,
    observer: Observer = Observer(),  # noqa: B008
) -> BenchResults:
    """Compare encoders with classifiers on the same images.

    Encoders see the training images without labels. Classifiers are fitted on all
    training images. The test part is scored once, at the end of each row; with folds,
    each of them is the test part of its own.

    Parameters
    ----------
    dataset : Dataset
        As `load_dataset` returns it.
    encoders : mapping of str to estimator, or sequence of str, default=None
        Unfitted transformers with a seed, by name; or names that `make_encoders` knows,
        with the seed of the protocol. By default raw, pca, untrained, random-patches,
        patch, compact and predictive.
    classifiers : sequence of str, or mapping of str to estimator or None, default=None
        Names of classifiers, ``"package.module:Class"`` among them, or classifiers of
        scikit-learn's kind by names (None for one of featx). By default ``linear-svm`` and
        ``svm``, or ``logreg`` instead of the latter for very many images.
    protocol : Protocol
        How rows are judged: tuning, repeats, seed, controls.
    backend : Backend
        Where it runs: this machine or a cluster, one fit after another or side by side.
    cache : FeatureCache, default=None
        Where encoders, features and rows are kept; by default the user's cache.
    budget : Budget or float, default=None
        Minutes that the whole table may take, about. Epochs, filters and resolution that
        are ``"auto"``, and the number of images that a classifier is fitted on, are
        chosen to fit.
    observer : Observer
        Is told of the progress and of every row.

    Returns
    -------
    BenchResults
        Scores, paired tests, predictions and what the figures need.

    Raises
    ------
    ParameterError
        If an encoder or classifier is not known, or two arguments do not go together.
    CacheError
        If the cache cannot be written or an entry is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, bench, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = load_dataset("digits", cache_dir=folder)
    ...     cache = FeatureCache(folder)
    ...     results = bench(dataset, ["raw"], ["knn"], cache=cache)
    >>> results.best.name, results.best.scores.accuracy > 0.95
    ('raw + knn', True)
    """
    plan = Plan.check(
        dataset,
        encoders,
        classifiers,
        protocol=protocol,
        backend=backend,
        cache=cache,
        budget=budget,
        observer=observer,
    )
    for note in plan.notes:
        observer.on_message(note)
    if protocol.folds:
        return with_repeats([_run_folds(repeat) for repeat in plan.repeats()])
    duplicates = _find_duplicates(plan)
    return with_repeats([_run(repeat, duplicates) for repeat in plan.repeats()])


def _run_folds(plan: Plan) -> BenchResults:
    """Make the table of every fold, and join them."""
    folds = split_folds(plan.dataset, plan.protocol.folds, plan.protocol.seed)
    whole = plan.dataset.whole
    if note := uneven_folds(folds):
        plan.observer.on_message(f"{note[0].upper()}{note[1:]}.")
        whole = replace(whole, notes=(*whole.notes, note))
    runs = []
    for number, fold in enumerate(folds):
        plan.observer.on_message(f"Fold {number + 1} of {len(folds)}")
        own = plan.for_fold(number, fold.dataset)
        runs.append(_run(own, _find_duplicates(own)))
    rows = [(fold.train_rows, fold.test_rows) for fold in folds]
    return with_folds(runs, rows, whole.describe())


def _find_duplicates(plan: Plan) -> Duplicates:
    plan.observer.on_progress("look for copies", 0, 0)
    duplicates = duplicates_of(plan.cache.store, plan.dataset)
    if found := duplicates.describe():
        plan.observer.on_message(found)
    return duplicates


def _run(plan: Plan, duplicates: Duplicates) -> BenchResults:
    """Make the table for one seed."""
    dataset, protocol = plan.dataset, plan.protocol
    rng = np.random.default_rng(protocol.seed)
    n_examples = min(protocol.n_examples, len(dataset.test))
    example_rows = draw_evenly(dataset.test.y, n_examples, rng)
    examples = np.array(dataset.test.X[example_rows])
    runs = _run_encoders(plan, examples)
    rows = [run.rows[classifier] for run in runs for classifier in plan.classifiers]
    results = [row.result for row in rows]
    predictions = {row.result.name: row.predicted for row in rows}
    tests = compare_with_controls(
        results,
        predictions,
        dataset.test.y,
        protocol.controls,
        plan.ablated,
        dataset.test.groups,
    )
    chosen = choose_row(results).encoder
    (diagnosed,) = (run for run in runs if run.encoder == chosen)
    return BenchResults(
        version=__version__,
        data=dataset.describe(),
        protocol=plan.describe(),
        machine=describe_machine(),
        rows=results,
        comparisons=tests,
        ids=dataset.test.ids,
        y_true=dataset.test.y,
        predictions=predictions,
        confidences={row.result.name: row.confidence for row in rows},
        histories={
            run.encoder: history
            for run in runs
            if (history := run.encoded.encoder.history)
        },
        reconstructions=_pictures(runs, "reconstructions"),
        filters=_pictures(runs, "filters"),
        diagnostics=_diagnose(plan, diagnosed, example_rows),
        duplicates=duplicates,
        groups=dataset.test.groups,
        examples=examples,
        example_rows=example_rows,
    )


def _run_encoders(plan: Plan, examples: NDArray[np.uint8]) -> list[EncoderRun]:
    """Run every encoder, cheap ones first; return the runs in the plan's order."""
    seconds, counter, runs = plan.seconds, RowCounter(plan), dict[str, EncoderRun]()
    shares = None
    if plan.budget is not None and not plan.keeps_rows:
        to_fit = plan.budget.seconds_to_fit(len(plan.dataset))
        shares = TimeShares(to_fit, seconds)
    for name in sorted(plan.encoders, key=seconds.__getitem__):
        share = {} if shares is None else {"seconds": shares.share(name)}
        runs[name] = run_encoder(plan, name, examples, counter, **share)
    _fit_side_by_side(plan, list(runs.values()))
    plan.observer.on_progress("fit", plan.n_rows, plan.n_rows)
    return [runs[name] for name in plan.encoders]


def _fit_side_by_side(plan: Plan, runs: list[EncoderRun]) -> None:
    """Fit the tasks that the runs left for workers."""
    tasks = [task for run in runs for task in run.tasks.values()]
    if not tasks or plan.backend.joblib is None:
        return
    plan.observer.on_progress(f"fit {len(tasks)} rows side by side", 0, 0)
    executor = executor_of(plan.backend.joblib, plan.backend.address)
    rows = iter(fit_rows(tasks, plan.cache.store, executor))
    for run in runs:
        run.rows |= {classifier: next(rows) for classifier in run.tasks}


def _pictures(runs: list[EncoderRun], name: str) -> dict[str, NDArray[np.uint8]]:
    """Collect the pictures of the runs that have some."""
    return {
        run.encoder: pictures
        for run in runs
        if (pictures := getattr(run, name)) is not None
    }


def _diagnose(
    plan: Plan, run: EncoderRun, example_rows: NDArray[np.int64]
) -> FeatureDiagnostics | None:
    """Look into the features of a run; the table is complete without that."""
    if not plan.protocol.diagnose:
        return None
    plan.observer.on_progress(f"look into the features of {run.encoder}", 0, 0)
    try:
        return diagnostics_of(
            plan.cache.store,
            plan.dataset,
            run.encoded,
            run.encoder,
            example_rows[:N_QUERIES],
            seed=plan.protocol.seed,
        )
    except (CacheError, MemoryError) as error:
        plan.observer.on_message(
            f"The features of {run.encoder} could not be looked into: {error}"
        )
        return None
