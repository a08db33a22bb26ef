"""Epochs, filters and resolution that fit into a time, chosen before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import FeatureUnion

from featx.evaluation import CONTROLS
from featx.experiment.costs import cost_of, expected_seconds, fit_seconds
from featx.features.digest import UnknownContentError, digest_params
from featx.features.side_by_side import parts_of
from featx.images import Dataset

_EPOCHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50)
_FILTERS = (50, 100, 200, 400, 800, 1200, 1600)
_COARSE_FILTERS = (50, 100, 200)  # of images reduced to half their size
_FEWEST_PIXELS = 12  # of the shorter side: two patches
_GEOMETRY = ("downsample", "patch_size", "scales")  # what is given fits no other size
_PLANNED = 0.9  # of the time; the rest is for scores and the page
_PER_IMAGE = 5e-4  # seconds for reading, the search for copies and the diagnostics
_MOST_FOR_A_CONTROL = 1 / 8
# these get time before all others: cheap controls, and what is good for little time
PRECEDENCE = ("pca", "raw", "compact", "patch", "random-patches", "untrained")
_GROWN_FIRST = "compact"  # the most accurate for its time: others get what it leaves


def default_minutes(n_images: int) -> float:
    """Minutes that a comparison of so many images may take with nothing else said.

    >>> default_minutes(300), default_minutes(60_000)
    (5.0, 30.0)
    """
    return 5 + 25 * max(0, n_images - 5000) / 55_000


@dataclass(frozen=True)
class Budget:
    """How long a comparison may take.

    Parameters
    ----------
    minutes : float
        For the whole table, about. Epochs, filters and resolution that are left to the
        encoders are chosen to fit.
    may_leave_out : bool, default=False
        Leave out encoders that do not fit even with the fewest epochs or filters. By
        default they are run with these, and take longer.
    limits_fits : bool, default=True
        Fit slow classifiers on fewer images where time gets short. As the time is measured,
        the rows depend on the machine, and none is kept in the cache.
    further_fits : tuple of int, default=None
        How many images every classifier is fitted on, besides once on all training images.
        By default once on as many as are left where some are held out. `learning_curve`
        says it itself.

    Examples
    --------
    >>> Budget(1.5).seconds
    90.0
    """

    minutes: float
    may_leave_out: bool = False
    limits_fits: bool = True
    further_fits: tuple[int, ...] | None = None

    @property
    def seconds(self) -> float:
        """The minutes in seconds, in which everything else is counted."""
        return 60 * self.minutes

    def seconds_to_fit(self, n_images: int) -> float:
        """Return the seconds for encoders and classifiers.

        The rest is for reading, the search for copies, scores, diagnostics and the page.

        >>> Budget(10).seconds_to_fit(60_000)
        510.0
        """
        return max(0.0, _PLANNED * self.seconds - _PER_IMAGE * n_images)

    def divided(self, n_runs: int, n_images: int) -> Self:
        """Return the budget of one of several runs on images that are read only once.

        >>> Budget(10).divided(2, 60_000).seconds_to_fit(60_000)
        255.0
        """
        each = self.seconds_to_fit(n_images) / n_runs
        minutes = (each + _PER_IMAGE * n_images) / _PLANNED / 60
        return replace(self, minutes=minutes)


@dataclass
class AffordableEncoders:
    """The encoders that fit into a budget.

    Parameters
    ----------
    encoders : dict of str to estimator
        Unfitted, some of them with fewer epochs or filters than usual.
    reduced : dict of str to dict
        By encoder, the parameters that were changed to save time.
    notes : list of str
        Lines that say what was reduced or left out, and how to ask for it.
    """

    encoders: dict[str, BaseEstimator] = field(default_factory=dict)
    reduced: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fit_budget(
    encoders: Mapping[str, BaseEstimator],
    classifiers: Sequence[str],
    dataset: Dataset,
    budget: Budget,
) -> AffordableEncoders:
    """Choose what encoders cost, so that they and all classifiers keep to a budget.

    Each first gets its least, but ``compact`` all that it usually takes, as far as there is
    time; then the others grow in turn, a step each. Those of `PRECEDENCE` come first. A
    control whose least would take more than an eighth
    of the time does not fit, unless nothing else does. Parameters that are not ``"auto"``
    stay as they are. The result is in the order of `encoders`. Encoders of a union are
    planned one by one, those that stand in the table by themselves only once.
    """
    if any(isinstance(one, FeatureUnion) for one in encoders.values()):
        return _fit_with_unions(encoders, classifiers, dataset, budget)

    time = budget.seconds_to_fit(len(dataset))
    ladders = {name: _ladder(encoder, dataset) for name, encoder in encoders.items()}
    prices = {
        id(rung): expected_seconds(
            rung,
            classifiers,
            dataset,
            further_fits=budget.further_fits,
            limits_fits=budget.limits_fits,
        )
        for ladder in ladders.values()
        for rung in ladder
    }

    def price(encoder: BaseEstimator) -> float:
        return prices[id(encoder)]

    result, chosen = AffordableEncoders(), dict[str, BaseEstimator]()
    for share in (_MOST_FOR_A_CONTROL, 1.0):
        left, result.notes = time, []
        for name in sorted(encoders, key=_precedence):
            least = ladders[name][0]
            most = share * time if name in CONTROLS else left
            if price(least) > min(left, most) and budget.may_leave_out:
                result.notes.append(_left_out(name, price(ladders[name][-1])))
                continue
            affordable = [one for one in ladders[name] if price(one) <= min(left, most)]
            grown = affordable[-1:] if name == _GROWN_FIRST else []
            (chosen[name],) = grown or [least]
            left -= price(chosen[name])
        if chosen:
            break
    others = [name for name in chosen if name != _GROWN_FIRST]
    growing = [_Grown(group, ladders) for group in _grown_together(others, ladders)]
    while growing:
        for group in list(growing):
            more = sum(map(price, group.next)) - sum(
                price(chosen[n]) for n in group.names
            )
            if not group.next or more > left:
                growing.remove(group)
                continue
            chosen |= zip(group.names, group.next, strict=True)
            left -= more
            group.step += 1
    for name in [name for name in encoders if name in chosen]:
        result.encoders[name] = chosen[name]
        if chosen[name] is not ladders[name][-1]:
            _note_reduction(result, name, ladders[name][-1])
    return result


def _fit_with_unions(
    encoders: Mapping[str, BaseEstimator],
    classifiers: Sequence[str],
    dataset: Dataset,
    budget: Budget,
) -> AffordableEncoders:
    """Take unions apart, plan their encoders, and put what was chosen together."""
    unions = {
        name: one for name, one in encoders.items() if isinstance(one, FeatureUnion)
    }
    alone = {name: one for name, one in encoders.items() if name not in unions}
    named, seconds = dict[str, dict[str, str]](), 0.0
    for name, union in unions.items():
        named[name] = {}
        for step, part in parts_of(union).items():
            alike = step not in alone or _alike(alone[step], part)
            named[name][step] = step if alike else f"{step} of {name}"
            alone.setdefault(named[name][step], part)
        width = cost_of(union, len(dataset.learning_images), dataset.image_shape)
        seconds += fit_seconds(
            width.n_features,
            classifiers,
            dataset,
            further_fits=budget.further_fits,
            limits_fits=budget.limits_fits,
        )
    rest = replace(budget, minutes=max(0.0, budget.minutes - seconds / 60))
    planned = fit_budget(alone, classifiers, dataset, rest)
    result = AffordableEncoders(notes=planned.notes)
    for name, one in encoders.items():
        parts = named.get(name, {})
        missing = [part for part in parts.values() if part not in planned.encoders]
        if missing:
            result.notes.append(f"{name} is left out, as {missing[0]} is.")
        elif parts:
            chosen = [(step, planned.encoders[part]) for step, part in parts.items()]
            result.encoders[name] = clone(one).set_params(transformer_list=chosen)
            lowered = {
                f"{step}__{key}": value
                for step, part in parts.items()
                for key, value in planned.reduced.get(part, {}).items()
            }
            result.reduced |= {name: lowered} if lowered else {}
        elif name in planned.encoders:
            result.encoders[name] = planned.encoders[name]
            if name in planned.reduced:
                result.reduced[name] = planned.reduced[name]
    return result


def _alike(one: BaseEstimator, other: BaseEstimator) -> bool:
    """Whether two unfitted encoders are known to be the same."""
    try:
        return digest_params(one) == digest_params(other)
    except UnknownContentError:
        return False


def _left_out(name: str, seconds: float) -> str:
    return (
        f"{name} is left out: it would take about {_minutes(seconds)} here. To include "
        f"it, use --encoders {name}, or allow more time with --budget."
    )


def _precedence(name: str) -> int:
    return PRECEDENCE.index(name) if name in PRECEDENCE else len(PRECEDENCE)


@dataclass
class _Grown:
    """Encoders that are grown together, a step of their ladders at a time."""

    names: list[str]
    ladders: Mapping[str, list[BaseEstimator]]
    step: int = 0

    @property
    def next(self) -> list[BaseEstimator]:
        """The encoders at their next step; none if this is the last."""
        rungs = [self.ladders[name] for name in self.names]
        return [rung[self.step + 1] for rung in rungs if self.step + 1 < len(rung)]


def _grown_together(
    names: Iterable[str], ladders: Mapping[str, list[BaseEstimator]]
) -> list[list[str]]:
    """Group patch encoders: learned and random filters compare only at equal numbers.

    Each other encoder is a group of its own.
    """
    groups: dict[object, list[str]] = {}
    for name in names:
        filters = tuple(rung.get_params().get("n_components") for rung in ladders[name])
        key = filters if "n_patches" in ladders[name][0].get_params() else name
        groups.setdefault(key, []).append(name)
    return list(groups.values())


def _ladder(encoder: BaseEstimator, dataset: Dataset) -> list[BaseEstimator]:
    """List the encoder at its least, at steps between, and as it usually is."""
    params, n_images = encoder.get_params(), len(dataset.learning_images)
    rungs: list[dict[str, int]] = []
    if params.get("max_epochs") == "auto":
        usual = encoder._resolve_epochs(n_images)
        rungs = [{"max_epochs": n} for n in _EPOCHS if usual / 4 <= n < usual]
    elif parameter := _filters_on_auto(params):
        usual = encoder.resolved(n_images, dataset.train.image_shape)
        most, half = usual.n_filters_[0], 2 * usual.downsample_
        rungs = [{parameter: n} for n in _FILTERS if n < most]
        shorter = min(dataset.train.image_shape[:2])
        given = (params.get(name, "auto") for name in _GEOMETRY)
        if set(given) == {"auto"} and shorter >= half * _FEWEST_PIXELS:
            coarse = [n for n in _COARSE_FILTERS if n <= most]
            # the fewest filters of whole images cost more, and are hardly better
            rungs = [{parameter: n, "downsample": half} for n in coarse] + rungs[1:]
    return [*(clone(encoder).set_params(**rung) for rung in rungs), encoder]


def _filters_on_auto(params: Mapping[str, object]) -> str:
    """Name of the parameter that is the number of filters, where it is left to choose."""
    if "n_patches" in params and params["n_components"] == "auto":
        return "n_components"
    alone = params.get("encoder") is None
    return "n_filters" if alone and params.get("n_filters") == "auto" else ""


def _note_reduction(
    result: AffordableEncoders, name: str, usual: BaseEstimator
) -> None:
    before, now = usual.get_params(), result.encoders[name].get_params()
    lowered = {key: value for key, value in now.items() if value != before[key]}
    result.reduced[name] = lowered
    if "max_epochs" in lowered:
        told = f"{lowered['max_epochs']} epochs"
    else:
        told = f"{lowered[_filters_on_auto(before)]} filters"
    if "downsample" in lowered:
        told += f" of images reduced {lowered['downsample']} times"
    result.notes.append(
        f"{name} is reduced to {told} to save time. Allow more with --budget MINUTES."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
