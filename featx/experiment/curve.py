"""How accuracy grows with the number of labels: what ``featx curve`` runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from featx._version import __version__
from featx.autoencoders.base import batches
from featx.classifiers import (
    CHOICE,
    SharedReduction,
    accelerated,
    choose_settings,
    make_classifier,
)
from featx.errors import ParameterError
from featx.evaluation import is_uneven
from featx.evaluation.learning_curve import (
    CurveRow,
    LearningCurve,
    compare_by_labels,
)
from featx.experiment.budget import Budget
from featx.experiment.encoder_runs import encode_planned
from featx.experiment.fit_notes import notes_of
from featx.experiment.plan import Plan
from featx.experiment.protocol import Backend, Observer, Protocol
from featx.features import EncodedDataset, FeatureCache
from featx.features.digest import (
    UnknownContentError,
    digest_array,
    digest_json,
    digest_params,
)
from featx.images import Dataset
from featx.images.split import draw, rng_for
from featx.machine import describe_machine
from featx.memory_maps import load_array
from featx.store import FORMAT

LABELS = (5, 10, 25, 50, 100, 250, 1000)
DRAWS = 10
_AT_ONCE = 2**24  # features that are predicted from

Rows = NDArray[np.int64]


def learning_curve(
    dataset: Dataset,
    encoders: Mapping[str, BaseEstimator] | Sequence[str] | None = None,
    classifiers: Mapping[str, BaseEstimator | None] | Sequence[str] | None = None,
    *,
    labels: Sequence[int] = LABELS,
    draws: int = DRAWS,
    protocol: Protocol = Protocol(),  # noqa: B008, it cannot be changed
    backend: Backend = Backend(),  # noqa: B008
    cache: FeatureCache | None = None,
    budget: Budget | float | None = None,
    observer: Observer = Observer(),  # noqa: B008
) -> LearningCurve:
    """Measure accuracy against the number of labels.

    Encoders learn once, without labels, from everything but the test part. Then labels are
    drawn at random, so many of each class, for all rows the same and each draw part of the
    next larger one, and classifiers are fitted on these alone, settings included.

    Parameters
    ----------
    dataset : Dataset
        As `load_dataset` returns it.
    encoders, classifiers, protocol, backend, cache, budget, observer : object
        As for `bench`. Of the protocol, `seed` and `controls` count.
    labels : sequence of int
        Labels of each class, at most; all labels are always the last point.
    draws : int, default=10
        How often labels are drawn; all labels are one draw.

    Returns
    -------
    LearningCurve
        Accuracies, paired tests, and what more labels may give.

    Raises
    ------
    ParameterError
        If an argument is out of range, or two do not go together.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, learning_curve, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = load_dataset("digits", cache_dir=folder)
    ...     cache = FeatureCache(folder)
    ...     curve = learning_curve(dataset, ["raw"], ["knn"], labels=[5, 50], cache=cache)
    >>> curve.labels, [len(one) for one in curve.rows[0].accuracies]
    ([5, 50, 0], [10, 10, 1])
    """
    if draws < 2:
        raise ParameterError(f"Got draws={draws}, but expected 2 or more.")
    wanted = sorted(set(labels))
    if not wanted or wanted[0] < 1:
        raise ParameterError(
            f"Got labels={list(labels)}, but expected numbers of at least 1."
        )
    counts = dataset.train.class_counts
    points = [*(n for n in wanted if n < counts.max()), 0]
    if isinstance(budget, int | float):
        budget = Budget(budget)
    if budget is not None:
        sizes = [int(np.minimum(counts, n).sum()) for n in points[:-1]]
        budget = replace(budget, further_fits=tuple(sizes) * draws)
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
    measured = [
        row for name in plan.encoders for row in _rows(plan, name, points, draws)
    ]
    rows = [row for row, _ in measured]
    controls = tuple(name for name in protocol.controls if name in plan.encoders)
    return LearningCurve(
        version=__version__,
        data=dataset.describe(),
        protocol=_describe(plan, draws),
        machine=describe_machine(),
        labels=points,
        rows=rows,
        controls=controls,
        comparisons=compare_by_labels(
            rows, [right for _, right in measured], controls, dataset.test.groups
        ),
    )


def _describe(plan: Plan, draws: int) -> dict[str, Any]:
    """Describe the protocol as plain data."""
    whole, grouped = plan.describe(), plan.dataset.test.groups is not None
    kept = (
        "encoder_sees",
        "seed",
        "scikit_learn_intelex",
        "controls",
        "outside_data",
        "reduced",
        "time",
    )
    return {
        "draws": draws,
        "labels_drawn": "nested, the same for every row",
        "settings_chosen": "on the labels drawn",
        "test": "sign flips of the "
        + ("groups'" if grouped else "images'")
        + " differences, counted over all draws, Holm-corrected",
        "test_part_read": "once for every row and draw; nothing was chosen on it",
        **{key: whole[key] for key in kept},
    }


def _rows(
    plan: Plan, name: str, points: list[int], draws: int
) -> Iterator[tuple[CurveRow, NDArray[np.int64]]]:
    """Encode with one encoder, and measure each classifier on its features.

    Beside a row stands how often each test image was named rightly, (n_points, n_test).
    """
    encoded = encode_planned(plan, name)
    y, y_test = plan.dataset.train.y, plan.dataset.test.y
    for classifier in plan.classifiers:
        accuracies: list[NDArray[np.float64]] = []
        right, n_labels = [], []
        for point in points:
            what = f"{classifier} on {name}, {point or 'all'} labels"
            plan.observer.on_progress(what, len(accuracies), len(points))
            drawn = list(
                draw_labels(y, point, draws if point else 1, plan.protocol.seed)
            )
            task = _Task(plan, encoded, classifier, drawn)
            predicted = task.predicted()
            accuracies.append((predicted == y_test).mean(axis=1))
            right.append((predicted == y_test).sum(axis=0))
            n_labels.append(len(drawn[0]))
        row = CurveRow(name, classifier, np.array(n_labels), accuracies)
        means = ", ".join(f"{100 * mean:.1f}" for mean in row.means)
        plan.observer.on_message(f"{row.name}: {means} %")
        yield row, np.array(right, np.int64)


def draw_labels(y: Rows, n: int, draws: int, seed: int) -> Iterator[Rows]:
    """Draw the rows of at most n images of each class, several times; 0 are all.

    The draws of fewer images are parts of those of more.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> [len(rows) for rows in draw_labels(y, 2, 3, seed=0)]
    [3, 3, 3]
    """
    counts = np.bincount(y)
    for number in range(draws):
        yield draw(y, np.minimum(counts, n or len(y)), rng_for(seed + number))


@dataclass(frozen=True)
class _Task:
    """One classifier on several draws of as many labels."""

    plan: Plan
    encoded: EncodedDataset
    classifier: str
    drawn: list[Rows]

    def predicted(self) -> NDArray[np.int64]:
        """Labels that each draw gives the test images, from the cache or anew."""
        store = self.plan.cache.store
        what = f"{self.classifier} on {len(self.drawn[0]):,} labels"

        def read(folder: Path, _: object) -> NDArray[np.int64]:
            return load_array(folder / "predicted.npy", "predictions")

        def write(work: Path, predicted: NDArray[np.int64]) -> None:
            np.save(work / "predicted.npy", predicted)

        try:
            key = self.key
        except UnknownContentError:  # it could not be found again
            return self._predict()
        return store.get_or_make("rows", key, what, read, self._predict, write)

    @property
    def key(self) -> str:
        train, test = self.encoded.train, self.encoded.test
        return digest_json(
            {
                "format": FORMAT,
                "holds": ["predicted by draws"],
                "featx": __version__,
                "features": [train.key, test.key],
                "labels": digest_array(train.y),
                "groups": None if self.groups is None else digest_array(self.groups),
                "drawn": [digest_array(rows) for rows in self.drawn],
                "classifier": digest_params(self._make(self.drawn[0])),
                "choice": CHOICE,
                "scikit-learn": version("scikit-learn"),
                "intelex": version("scikit-learn-intelex") if accelerated() else None,
            }
        )

    def _predict(self) -> NDArray[np.int64]:
        return np.stack([self._predict_one(rows) for rows in self.drawn])

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """Groups of all training images."""
        return self.plan.dataset.train.groups

    def _make(self, rows: Rows) -> Pipeline:
        return make_classifier(
            self.classifier,
            n_features=self.encoded.train.X.shape[1],
            n_images=len(rows),
            balanced=is_uneven(np.bincount(self.encoded.train.y[rows])),
            random_state=self.plan.protocol.seed,
            own=self.plan.classifiers[self.classifier],
        )

    def _predict_one(self, rows: Rows) -> NDArray[np.int64]:
        X, y = np.asarray(self.encoded.train.X[rows]), self.encoded.train.y[rows]
        classifier = self._make(rows)
        choose = partial(
            choose_settings,
            uneven=is_uneven(np.bincount(y)),
            groups=None if self.groups is None else self.groups[rows],
        )
        notes_of(lambda: SharedReduction().fit(classifier, X, y, choose))
        X_test = self.encoded.test.X
        parts = [
            classifier.predict(np.asarray(X_test[rows]))
            for rows in batches(len(X_test), max(1, _AT_ONCE // X_test.shape[1]))
        ]
        predicted: NDArray[np.int64] = np.concatenate(parts).astype(np.int64)
        return predicted
