"""Fitting a comparison into the time there is: what each encoder may cost, before it runs.

Costs are counted in operations of a processor, not measured: so the same command gives the
same table every time, and finds what it made before in the cache.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from featx.autoencoders.base import Cost
from featx.classifiers.registry import WIDE
from featx.images import Dataset
from featx.machine import operations_per_second

_EPOCHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50)
_FILTERS = (50, 100, 200, 400, 800, 1200, 1600)
_IMAGES_PER_FILTER = 30  # fewer filters than that would waste what the images can teach
_QUADRATIC = ("svm", "knn")  # their time grows with the square of the images
_GRAM = ("ridge", "linear-svm")  # so does theirs, up to as many images as features
_PLANNED = 0.85  # of the time; the rest is for reading images, scores and the page
_PCA_COMPONENTS = 128  # that hold 90 % of the variance of most images
# which encoders get their least first: the one to try, controls, and then the others
PRECEDENCE = ("patch", "raw", "pca", "random-patches", "untrained")


def default_seconds(n_images: int) -> float:
    """Time that a comparison may take with nothing else said.

    Parameters
    ----------
    n_images : int
        Images of all parts.

    Returns
    -------
    float
        Five minutes up to 5,000 images, thirty at 60,000, and so on.

    Examples
    --------
    >>> default_seconds(300) / 60, default_seconds(60_000) / 60
    (5.0, 30.0)
    """
    return 300 + 1500 * max(0, n_images - 5000) / 55_000


@dataclass
class Plan:
    """What a comparison will run.

    Parameters
    ----------
    encoders : dict of str to estimator
        Unfitted, some of them with fewer epochs or filters than usual.
    reduced : dict of str to dict
        Parameters that were lowered to save time, by encoder.
    notes : list of str
        What was reduced or left out, and how to ask for it; a line each.
    """

    encoders: dict[str, BaseEstimator] = field(default_factory=dict)
    reduced: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def plan_encoders(
    encoders: Mapping[str, BaseEstimator],
    classifiers: Sequence[str],
    dataset: Dataset,
    seconds: float,
    *,
    may_leave_out: bool = False,
    device: str = "auto",
) -> Plan:
    """Choose epochs and filters so that all encoders and classifiers take `seconds`.

    Each encoder of `PRECEDENCE` gets the least that makes sense for so many images; then,
    in that order, as much more as there is time for; then the others likewise.

    Parameters
    ----------
    encoders : mapping of str to estimator
        Unfitted. Parameters that are not ``"auto"`` stay as they are.
    classifiers : sequence of str
        Names of the classifiers that are fitted on the features of each.
    dataset : Dataset
        Its images are counted, not read.
    seconds : float
        For everything.
    may_leave_out : bool, default=False
        Leave out encoders that do not fit even at their least. Otherwise they are run
        at their least and take longer.
    device : str, default="auto"
        Where encoders run.

    Returns
    -------
    Plan
        In the order of `encoders`.
    """

    def price(encoder: BaseEstimator) -> float:
        return expected_seconds(encoder, classifiers, dataset, device)

    left = _PLANNED * seconds
    ladders = {name: _ladder(one, dataset) for name, one in encoders.items()}
    names = sorted(encoders, key=_precedence)
    plan, chosen = Plan(), dict[str, BaseEstimator]()
    core = [name for name in names if name in PRECEDENCE]
    for tier in (core, [name for name in names if name not in core]):
        for name in tier:
            least = ladders[name][0]
            if price(least) > left and may_leave_out:
                plan.notes.append(
                    f"{name} is left out: it would take about "
                    f"{_minutes(price(ladders[name][-1]))} here. Ask for it with "
                    f"--encoders {name}, or for more time with --budget."
                )
                continue
            chosen[name] = least
            left -= price(least)
        for group in _grown_together([n for n in tier if n in chosen], ladders):
            spent = sum(price(chosen[name]) for name in group)
            for rungs in zip(*(ladders[name] for name in group), strict=True):
                if sum(map(price, rungs)) - spent <= left:
                    chosen |= zip(group, rungs, strict=True)
            left -= sum(price(chosen[name]) for name in group) - spent
    for name in [name for name in encoders if name in chosen]:
        plan.encoders[name] = chosen[name]
        if chosen[name] is not ladders[name][-1]:
            _note_reduction(plan, name, chosen[name], ladders[name][-1])
    return plan


def _precedence(name: str) -> int:
    return PRECEDENCE.index(name) if name in PRECEDENCE else len(PRECEDENCE)


def _grown_together(
    names: Sequence[str], ladders: Mapping[str, list[BaseEstimator]]
) -> list[list[str]]:
    """Group patch encoders, for learned and random filters compare where they are as many.

    The others are on their own.
    """
    groups: dict[object, list[str]] = {}
    for name in names:
        filters = tuple(one.get_params().get("n_components") for one in ladders[name])
        alike = filters if "n_patches" in ladders[name][0].get_params() else name
        groups.setdefault(alike, []).append(name)
    return list(groups.values())


def _ladder(encoder: BaseEstimator, dataset: Dataset) -> list[BaseEstimator]:
    """List the encoder at its least, at steps between, and as it usually is."""
    params, n_images = encoder.get_params(), len(dataset.train)
    steps: tuple[int, ...]
    if params.get("max_epochs") == "auto":
        parameter, usual = "max_epochs", encoder._resolve_epochs(n_images)
        steps, least = _EPOCHS, usual / 4
    elif "n_patches" in params and params["n_components"] == "auto":
        usual = encoder.resolved(n_images, dataset.train.image_shape).n_filters_[0]
        parameter = "n_components"
        steps, least = _FILTERS, min(usual, n_images / _IMAGES_PER_FILTER)
    else:
        return [encoder]
    rungs = [step for step in steps if least <= step < usual]
    return [*(clone(encoder).set_params(**{parameter: s}) for s in rungs), encoder]


def _note_reduction(
    plan: Plan, name: str, chosen: BaseEstimator, usual: BaseEstimator
) -> None:
    before, now = usual.get_params(), chosen.get_params()
    lowered = {key: value for key, value in now.items() if value != before[key]}
    plan.reduced[name] = lowered
    what = ", ".join(
        f"{value} {'epochs' if key == 'max_epochs' else 'filters'}"
        for key, value in lowered.items()
    )
    plan.notes.append(
        f"{name} is reduced to {what} to save time. Ask for more with --budget MINUTES."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def expected_seconds(
    encoder: BaseEstimator,
    classifiers: Sequence[str],
    dataset: Dataset,
    device: str = "auto",
) -> float:
    """Seconds that an encoder and its classifiers take, roughly, on a quiet machine.

    Parameters
    ----------
    encoder : estimator
        Unfitted.
    classifiers : sequence of str
        Their names.
    dataset : Dataset
        Its images are counted, not read.
    device : str, default="auto"
        Where the encoder runs.

    Returns
    -------
    float
        Counted, not measured: the same at every call.
    """
    n_train, n_test = len(dataset.train), len(dataset.test)
    cost = cost_of(encoder, n_train, dataset.train.image_shape)
    encoding = cost.training + cost.encoding * (n_train + n_test)
    fits = sum(fit_operations(name, n_train, cost.n_features) for name in classifiers)
    # classifiers are nearly all large matrix products, which are three times as fast
    return encoding / operations_per_second(device) + (
        fits / (3 * operations_per_second("cpu"))
    )


def cost_of(
    encoder: BaseEstimator, n_images: int, image_shape: tuple[int, int, int]
) -> Cost:
    """Ask an encoder what it costs; a foreign one is taken to be as cheap as pixels."""
    if hasattr(encoder, "cost"):
        cost: Cost = encoder.cost(n_images, image_shape)
        return cost
    n_pixels = int(np.prod(image_shape))
    if isinstance(encoder, Pipeline) and "pca" in encoder.named_steps:
        smaller = min(n_images, n_pixels)
        few = min(smaller, _PCA_COMPONENTS)
        training = {
            "covariance_eigh": (2.0 * n_images + 9.0 * n_pixels) * n_pixels**2,
            "full": 12.0 * n_images * n_pixels * smaller,
        }.get(encoder["pca"].svd_solver, 10.0 * n_images * n_pixels * few)
        return Cost(training, 2.0 * n_pixels * few, few)
    return Cost(0.0, 0.0, n_pixels)


def fit_operations(name: str, n_images: int, n_features: int) -> float:
    """Operations of fitting a classifier, roughly.

    Examples
    --------
    >>> fit_operations("linear-svm", 1000, 100) < fit_operations("svm", 1000, 5000)
    True
    """
    smaller = min(n_images, n_features)
    gram = n_images * n_features * smaller + smaller**3 / 3
    if name in ("linear-svm", "ridge", "logreg"):
        return 1.2 * gram
    seen = min(n_features, WIDE)
    reduction = 12.0 * n_images * n_features * seen if n_features > WIDE else 0.0
    return reduction + 4.0 * n_images * min(n_images, 50_000) * seen


class TimeLeft:
    """How long a comparison will still take, from what its parts took so far.

    Parameters
    ----------
    seconds : dict of str to float
        What each encoder and its classifiers are expected to take.
    n_classifiers : int
        Rows of each encoder.

    Examples
    --------
    >>> left = TimeLeft({"raw": 1.0, "patch": 240.0}, 1)
    >>> left.done("raw")
    >>> str(left)
    'about 4 min left'
    """

    def __init__(self, seconds: Mapping[str, float], n_classifiers: int) -> None:
        # a second each, since even what costs nothing must be read and written
        self._seconds = {name: (s + 1) / n_classifiers for name, s in seconds.items()}
        self._expected = sum(self._seconds.values()) * n_classifiers
        self._done = 0.0
        self._start = time.perf_counter()

    def done(self, encoder: str) -> None:
        """Count a row of an encoder as finished."""
        self._done += self._seconds[encoder]

    def __str__(self) -> str:
        passed = time.perf_counter() - self._start
        # what was expected counts too, lest one slow row decide for all
        settled = self._expected / 2
        pace = (passed + settled) / (self._done + settled)
        left = pace * (self._expected - self._done)
        minutes = round(left / 60)
        return f"about {minutes} min left" if minutes else "less than a minute left"


class Budget:
    """Seconds that a comparison may take, shared out as it goes.

    Parameters
    ----------
    seconds : float
        For the whole table, from now on.
    weights : dict of str to float
        How much of it each encoder and its classifiers should have, against the others.

    Examples
    --------
    >>> budget = Budget(90.0, {"raw": 1, "conv": 2})
    >>> round(budget.share("raw"))
    30
    >>> round(budget.share("conv"))  # raw is done, and took no time
    90
    """

    def __init__(self, seconds: float, weights: dict[str, float]) -> None:
        self._end = time.perf_counter() + seconds
        self._weights = dict(weights)

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.perf_counter())

    def share(self, name: str) -> float:
        """Seconds for an encoder and its classifiers; it must be the next one."""
        total = sum(self._weights.values())
        return self.left * self._weights.pop(name) / total


def rows_within(
    name: str,
    make: Callable[[int], Pipeline],
    X: NDArray[Any],
    y: NDArray[np.int64],
    seconds: float,
    n_in_memory: int,
) -> NDArray[np.int64]:
    """Choose as many rows as a classifier can be fitted on in about `seconds`.

    Parameters
    ----------
    name : str
        Name of the classifier.
    make : callable
        Builds it for a number of rows.
    X : ndarray, shape (n, n_features)
        Features.
    y : ndarray of int64, shape (n,)
        Labels.
    seconds : float
        For the fit.
    n_in_memory : int
        Most rows, if they are not all.

    Returns
    -------
    ndarray of int64
        Rows in ascending order with every class among them, all n of them where the time
        allows it or there are fewer than 4,000.
    """
    n = len(y)
    if n < 4000:
        return np.arange(n)
    probe = spread_rows(y, min(n // 8, n_in_memory))
    classifier = make(len(probe))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit that counts will tell
        taken = _seconds(lambda: classifier.fit(np.asarray(X[probe]), y[probe]))
    wide = name in _GRAM and len(probe) < X.shape[1]
    power = 2.0 if wide or name in _QUADRATIC else 1.0
    allowed = len(probe) * (max(seconds - taken, 1e-9) / taken) ** (1 / power)
    if allowed >= n:
        return np.arange(n)
    return spread_rows(y, int(min(max(allowed, n // 8), n_in_memory)))


def spread_rows(y: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """About `n_rows` rows, spread evenly within each class, one of each at least."""
    order = np.argsort(y, kind="stable")
    places = np.linspace(0, len(y), n_rows, endpoint=False).astype(np.int64)
    _, first = np.unique(y, return_index=True)
    return np.union1d(order[places], first)


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
