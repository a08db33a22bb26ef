"""Encoders x classifiers -> results: what ``featx bench`` runs."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from featx._version import __version__
from featx.budget import Budget, fit_to, rows_within
from featx.classifiers import (
    SharedReduction,
    accelerated,
    can_balance,
    check_classifiers,
    make_classifier,
    predict_with_confidence,
    search_space,
)
from featx.errors import CacheError, DataError, ParameterError
from featx.evaluation import (
    CONTROLS,
    N_QUERIES,
    BenchResults,
    Result,
    compare_with_controls,
    score,
)
from featx.features import (
    EncodedDataset,
    FeatureCache,
    encode,
    plain_params,
)
from featx.features.progress import Progress
from featx.images import Dataset
from featx.machine import describe_machine
from featx.rows import Row, evidence_of, keep_row, recall_row, row_key

UNEQUAL = 1.1  # classes are weighed when the largest has this many times the smallest


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
        Seconds that the whole table may take, about. Epochs, filters and the images that
        a classifier is fitted on are chosen to fit, after short measurements.
    n_examples : int, default=48
        Test images that are kept with their reconstructions, for the figures.
    examine : bool, default=True
        Look into the features of the best row: for a map, the nearest neighbours of some
        images, and images that spoil the comparison.
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
    cache = cache or FeatureCache()
    rng = np.random.default_rng(seed)
    n_examples = min(n_examples, len(dataset.test))
    example_rows = np.sort(
        rng.choice(len(dataset.test), n_examples, replace=False)
    ).astype(np.int64)
    examples = np.array(dataset.test.X[example_rows])
    balanced = is_unequal(dataset.train.class_counts)
    results: list[Result] = []
    predictions: dict[str, NDArray[np.int64]] = {}
    confidences: dict[str, NDArray[np.float32]] = {}
    histories: dict[str, dict[str, list[float]]] = {}
    reconstructions: dict[str, NDArray[np.uint8]] = {}
    filters: dict[str, NDArray[np.uint8]] = {}
    every: dict[str, EncodedDataset] = {}
    n_rows = len(encoders) * len(classifiers)
    purse = None
    if budget is not None:
        purse = Budget(
            budget, {name: 1 if name in controls else 3 for name in encoders}
        )
    for encoder_name, encoder in encoders.items():
        share = purse.share(encoder_name) if purse else math.inf
        start = time.perf_counter()
        if purse:
            encoder = fit_to(encoder, dataset, share / 2)
        encoded = encode(
            dataset, encoder, cache=cache, name=encoder_name, progress=progress
        )
        every[encoder_name] = encoded
        if encoded.encoder.history:
            histories[encoder_name] = encoded.encoder.history
            if n_examples:
                reconstructions[encoder_name] = reconstruct(encoded, examples)
                learned = filter_pictures(encoded.encoder.encoder)
                if learned is not None:
                    filters[encoder_name] = learned
        if tell and encoded.encoder.choices:
            tell(f"{encoder_name}: {encoded.encoder.choices}")
        shared = SharedReduction()
        for position, name in enumerate(classifiers):
            if progress:
                progress(f"fit {name} on {encoder_name}", len(results), n_rows)
            how: dict[str, Any] = {"tune": tune, "balanced": balanced, "seed": seed}
            folder = cache.folder / "rows" / row_key(dataset, encoded, name, **how)
            # with a budget, a row depends on the time there is; and whoever keeps the
            # classifier needs it fitted
            known = (
                None
                if purse or keep
                else recall_row(folder, dataset, encoded, (encoder_name, name))
            )
            if known is None:
                fitted = fit_row(
                    dataset,
                    encoded,
                    encoder_name,
                    name,
                    **how,
                    seconds=(share - (time.perf_counter() - start))
                    / (len(classifiers) - position),
                    shared=shared,
                )
                if keep:
                    keep(encoded.encoder.encoder, fitted)
                known = fitted.row
                if purse is None:
                    known = _kept(folder, known)
            results.append(known.result)
            predictions[known.result.name] = known.predicted
            confidences[known.result.name] = known.confidence
    if progress:
        progress("fit", n_rows, n_rows)
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
        protocol=_protocol(balanced, tune, seed),
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
        examples=examples,
        example_rows=example_rows,
    )


def fit_row(
    dataset: Dataset,
    encoded: EncodedDataset,
    encoder_name: str,
    name: str,
    *,
    tune: bool,
    balanced: bool,
    seed: int,
    seconds: float = math.inf,
    shared: SharedReduction | None = None,
) -> FittedRow:
    """Fit one classifier on the training features and score it on the test part.

    Parameters
    ----------
    dataset : Dataset
        For the validation part and the class names.
    encoded : EncodedDataset
        Its features.
    encoder_name, name : str
        Names of encoder and classifier.
    tune : bool
        Search the classifier's space on the validation part first.
    balanced : bool
        Weigh the classes, where the classifier can.
    seed : int
        Seed of the classifier.
    seconds : float
        Time for the fit; if it is short, fewer images are fitted on, and a note says so.
    shared : SharedReduction, default=None
        What other classifiers were fitted with on the same features. The row's time is
        still that of a fit alone.

    Returns
    -------
    FittedRow
        The row of the table and what it was made with.
    """
    train, test = encoded.train, encoded.test
    n_validation = int(dataset.validation.sum()) if tune else 0

    def make(n_images: int) -> Pipeline:
        return make_classifier(
            name,
            n_features=train.X.shape[1],
            n_images=n_images,
            balanced=balanced,
            random_state=seed,
        )

    X, y, notes, saved = np.asarray(train.X), train.y, [], 0.0
    start = time.perf_counter()
    if seconds < math.inf:
        rows = rows_within(name, make, X, y, seconds)
        if len(rows) < len(y):
            X, y = X[rows], y[rows]
            notes.append(
                f"fitted on {len(y):,} of {len(train.y):,} images, to fit the budget"
            )
    n_images = len(y) - n_validation
    classifier = make(n_images)
    if balanced and not can_balance(classifier):
        notes.append(f"{name} takes no class weights, though the class counts differ")
    if tune:
        if len(np.unique(y[~dataset.validation])) < 2:
            raise DataError(
                "Got images of one class outside the validation part, but expected at "
                "least two to choose settings. Give another validation part, or leave "
                "tune out."
            )
        search = GridSearchCV(
            classifier,
            search_space(name, n_features=X.shape[1], n_images=n_images),
            cv=PredefinedSplit(np.where(dataset.validation, 0, -1)),
            error_score="raise",
        )
        notes += _notes_of(lambda: search.fit(X, y))
        classifier = search.best_estimator_
        chosen = ", ".join(
            f"{key.partition('__')[2]}={value:g}"
            for key, value in search.best_params_.items()
        )
        notes.append(
            f"{chosen} chosen on {n_validation:,} validation images "
            f"({100 * search.best_score_:.1f} % right there)"
        )
    else:
        if shared is None or len(y) < len(train.y):
            shared = SharedReduction()
        before = shared.seconds_saved
        notes += _notes_of(lambda: shared.fit(classifier, X, y))
        saved = shared.seconds_saved - before
    fit_seconds = time.perf_counter() - start + saved
    start = time.perf_counter()
    predicted, confidence = predict_with_confidence(classifier, np.asarray(test.X))
    predict_seconds = time.perf_counter() - start
    result = Result(
        encoder=encoder_name,
        classifier=name,
        n_features=train.X.shape[1],
        scores=score(test.y, predicted.astype(np.int64), dataset.class_names),
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


def is_unequal(class_counts: NDArray[np.int64]) -> bool:
    """Whether the class counts differ by more than chance of a stratified split.

    Examples
    --------
    >>> import numpy as np
    >>> is_unequal(np.array([5000, 2500])), is_unequal(np.array([146, 142]))
    (True, False)
    """
    return bool(class_counts.max() > UNEQUAL * class_counts.min())


def reconstruct(
    encoded: EncodedDataset, images: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Encode and decode images.

    Parameters
    ----------
    encoded : EncodedDataset
        With an encoder that has a decoder.
    images : ndarray of uint8, shape (k, h, w, c)
        Images.

    Returns
    -------
    ndarray of uint8, shape (k, h, w, c)
        Reconstructions.
    """
    encoder = encoded.encoder.encoder
    restored = encoder.reconstruct(images)
    return np.rint(np.clip(restored, 0, 255)).astype(np.uint8).reshape(images.shape)


def filter_pictures(encoder: BaseEstimator, k: int = 64) -> NDArray[np.uint8] | None:
    """Draw the first filters of an encoder.

    Parameters
    ----------
    encoder : estimator
        Fitted.
    k : int, default=64
        Filters to draw.

    Returns
    -------
    ndarray of uint8, shape (k, h, w, c), or None
        Each filter scaled so that its strongest value is white or black and nought is
        grey; None if the encoder has no ``components_`` in the shape of images.
    """
    components = getattr(encoder, "components_", None)
    if components is None or np.ndim(components) != 4:
        return None
    shown = np.asarray(components[:k], np.float64)
    strongest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 * (1 + shown / np.maximum(strongest, 1e-12))).astype(np.uint8)


def _kept(folder: Path, row: Row) -> Row:
    """Keep a row; where that cannot be done, it says so, and is not lost."""
    try:
        keep_row(folder, row)
    except CacheError as error:
        notes = (*row.result.notes, f"not kept in the cache: {error.__cause__}")
        return row._replace(result=replace(row.result, notes=notes))
    return row


def _protocol(balanced: bool, tune: bool, seed: int) -> dict[str, Any]:
    return {
        "encoder_sees": "training images without labels",
        "tuned": tune,
        "class_weight": "balanced" if balanced else None,
        "interval": "Wilson, 95 %",
        "test": "McNemar, exact, Holm-corrected",
        "test_part_read": "once per row, after every choice was made",
        "seed": seed,
        "scikit_learn_intelex": accelerated(),
    }
