"""A checked comparison: what will run, and everything that is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import FeatureUnion

from featx.classifiers import accelerated, default_classifiers, resolve_classifiers
from featx.encoders.networks import uses_outside_data
from featx.encoders.registry import default_encoders, make_encoders
from featx.errors import DataError, ParameterError
from featx.evaluation import how_judged, is_uneven
from featx.experiment.budget import Budget, fit_budget
from featx.experiment.costs import expected_seconds
from featx.experiment.folds import check_folds
from featx.experiment.parallel import executor_of
from featx.experiment.protocol import Backend, Observer, Protocol
from featx.features import FeatureCache
from featx.features.engines import make_engine
from featx.features.side_by_side import parts_of
from featx.images import Dataset
from featx.machine import MOST_SEED


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a comparison will run. `check` makes it, and refuses what cannot be run.

    Parameters
    ----------
    encoders : dict of str to estimator
        Unfitted, in the order of the table; those that fit into the budget.
    classifiers : dict of str to estimator or None
        By name; None is one of featx.
    budget : Budget or None
        Of one repeat, and one fold.
    reduced : dict of str to dict
        By encoder, the parameters that were changed to save time.
    ablated : dict of str to str
        By encoder that learns from labeled images only, the one that learns from all.
    """

    dataset: Dataset
    encoders: dict[str, BaseEstimator]
    classifiers: dict[str, BaseEstimator | None]
    protocol: Protocol
    backend: Backend
    cache: FeatureCache
    observer: Observer
    budget: Budget | None = None
    reduced: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ablated: dict[str, str] = field(default_factory=dict)

    @classmethod
    def check(
        cls,
        dataset: Dataset,
        encoders: Mapping[str, BaseEstimator] | Sequence[str] | None,
        classifiers: Mapping[str, BaseEstimator | None] | Sequence[str] | None,
        *,
        protocol: Protocol,
        backend: Backend,
        cache: FeatureCache | None,
        budget: Budget | float | None,
        observer: Observer,
    ) -> Self:
        """Check the arguments of `bench` and choose what they leave open.

        Raises ParameterError if a value is not known or two do not go together.
        """
        _check_labels(dataset, protocol)
        if protocol.folds:
            check_folds(dataset, protocol.folds)
        if classifiers is None:
            classifiers = default_classifiers(len(dataset.train))
        chosen = resolve_classifiers(classifiers)
        if encoders is None:
            encoders, line = default_encoders()
            if line:
                observer.on_message(line)
        if not isinstance(encoders, Mapping):
            encoders = make_encoders(
                encoders,
                n_images=len(dataset.learning_images),
                n_pixels=math.prod(dataset.image_shape),
                options={"random_state": protocol.seed},
            )
        if not encoders or not chosen:
            raise ParameterError(
                f"Got {len(encoders)} encoders and {len(chosen)} classifiers, but "
                "expected at least one of each."
            )
        for one in encoders.values():
            if isinstance(one, FeatureUnion):
                parts_of(one)  # refuses what is none
        if isinstance(budget, int | float):
            budget = Budget(budget)
        _check_values(protocol, backend, budget)
        _check_together(protocol, backend, budget, observer)
        plan = cls(
            dataset=dataset,
            encoders=dict(encoders),
            classifiers=chosen,
            protocol=protocol,
            backend=_resolved(protocol, backend, observer),
            cache=cache or FeatureCache(),
            observer=observer,
        )
        plan = plan if budget is None else plan._keep_to(budget)
        return plan._with_ablations() if protocol.ablate_unlabeled else plan

    def _with_ablations(self) -> Self:
        """Add every encoder but the controls once more, to learn from labeled images."""
        encoders, reduced, ablated = dict[str, BaseEstimator](), dict(self.reduced), {}
        for name, encoder in self.encoders.items():
            encoders[name] = encoder
            if name in self.protocol.controls:
                continue
            ablated[f"{name} (labeled only)"] = name
            encoders[f"{name} (labeled only)"] = clone(encoder)
            if name in reduced:
                reduced[f"{name} (labeled only)"] = reduced[name]
        return replace(self, encoders=encoders, reduced=reduced, ablated=ablated)

    def dataset_for(self, encoder: str) -> Dataset:
        """Return the images for an encoder: with those without a label, or not."""
        if encoder in self.ablated:
            return self.dataset.labeled_only
        return self.dataset

    def _keep_to(self, budget: Budget) -> Self:
        n_runs = self.protocol.repeats * max(1, self.protocol.folds)
        n_times = n_runs * (1 + self.protocol.ablate_unlabeled)
        share = budget.divided(n_times, len(self.dataset))
        affordable = fit_budget(
            self.encoders, list(self.classifiers), self.dataset, share
        )
        if not affordable.encoders:
            raise ParameterError(
                f"Got a budget of {budget.minutes:g} minutes, but expected time for at "
                f"least one encoder. {' '.join(affordable.notes)}"
            )
        return replace(
            self,
            encoders=affordable.encoders,
            reduced=affordable.reduced,
            notes=affordable.notes,
            budget=budget.divided(n_runs, len(self.dataset)),
        )

    def repeats(self) -> list[Self]:
        """Split into plans of one seed each; only the first has pictures and diagnoses."""
        plans = []
        for i, seed in enumerate(self.protocol.seeds):
            protocol = replace(self.protocol, repeats=1, seed=seed)
            if i > 0:
                protocol = replace(protocol, n_examples=0, diagnose=False)
            encoders = {
                name: _with_later_seed(encoder, i)
                for name, encoder in self.encoders.items()
            }
            plans.append(replace(self, protocol=protocol, encoders=encoders))
        return plans

    def for_fold(self, number: int, dataset: Dataset) -> Self:
        """Return the plan of one fold; only the first has pictures and diagnoses."""
        protocol = self.protocol
        if number > 0:
            protocol = replace(protocol, n_examples=0, diagnose=False)
        return replace(self, dataset=dataset, protocol=protocol)

    @cached_property
    def uneven(self) -> bool:
        """Whether settings are chosen so that rare classes count."""
        return is_uneven(self.dataset.train.class_counts)

    @property
    def recalls_rows(self) -> bool:
        """Whether rows are recalled from the cache."""
        return self.keeps_rows and self.observer.on_fitted is None

    @property
    def keeps_rows(self) -> bool:
        """Whether rows are kept in the cache; those that depend on time are not."""
        return not _limits_fits(self.budget)

    @cached_property
    def seconds(self) -> dict[str, float]:
        """The time that each encoder and its classifiers are expected to take."""
        return {
            name: expected_seconds(
                encoder, list(self.classifiers), self.dataset_for(name)
            )
            for name, encoder in self.encoders.items()
        }

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(self.encoders) * len(self.classifiers)

    def describe(self) -> dict[str, Any]:
        """Describe the protocol as plain data, for the results."""
        return {
            "encoder_sees": "training images without labels"
            + (", unlabeled images" if len(self.dataset.unlabeled) else ""),
            "tuned": self.protocol.tune,
            "class_weight": "chosen for each row" if self.uneven else None,
            **how_judged(1, self.dataset.test.groups is not None),
            "test_part_read": "once per row, after every choice was made",
            "seed": self.protocol.seed,
            "scikit_learn_intelex": accelerated(),
            "controls": [c for c in self.protocol.controls if c in self.encoders],
            "outside_data": [
                name for name, one in self.encoders.items() if uses_outside_data(one)
            ],
            "ablated": self.ablated,
            "reduced": self.reduced,
            "time": self.notes,
        }


def _limits_fits(budget: Budget | None) -> bool:
    return budget is not None and budget.limits_fits


def _check_labels(dataset: Dataset, protocol: Protocol) -> None:
    """Refuse images of which none has a label."""
    if not len(dataset.train):
        raise DataError(
            f"Got {len(dataset):,} images without a label in {dataset.name}, but expected "
            "labeled ones to judge features by: a folder for each class. featx train and "
            "featx encode need none."
        )
    if protocol.ablate_unlabeled and not len(dataset.unlabeled):
        raise ParameterError(
            "Got ablate_unlabeled without unlabeled images, but expected some. Put them "
            "into a folder unlabeled/ beside the classes, or leave it out."
        )


def _check_values(protocol: Protocol, backend: Backend, budget: Budget | None) -> None:
    """Refuse values that make no sense by themselves."""
    if protocol.repeats < 1:
        raise ParameterError(
            f"Got repeats={protocol.repeats}, but expected at least 1."
        )
    if not 0 <= protocol.seeds[0] <= protocol.seeds[-1] <= MOST_SEED:
        wrong = protocol.seeds[0] if protocol.seed < 0 else protocol.seeds[-1]
        raise ParameterError(
            f"Got seed {wrong}, but expected 0 to {MOST_SEED}. Choose another one."
        )
    if protocol.n_examples < 0:
        raise ParameterError(
            f"Got n_examples={protocol.n_examples}, but expected 0 or more."
        )
    if budget is not None and not 0 < budget.minutes < math.inf:
        raise ParameterError(
            f"Got a budget of {budget.minutes} minutes, but expected a number above 0. "
            "Leave it out for no limit."
        )
    make_engine(backend.engine, backend.address)
    if backend.joblib:
        executor_of(backend.joblib, backend.address)


def _check_together(
    protocol: Protocol, backend: Backend, budget: Budget | None, observer: Observer
) -> None:
    """Refuse values that do not go together."""
    if protocol.tune and _limits_fits(budget):
        raise ParameterError(
            "Got both tune and a budget, but a search cannot be kept to a time limit. "
            "Use one of them."
        )
    side_by_side = backend.joblib or ("ray" if backend.engine == "ray" else None)
    if _limits_fits(budget) and side_by_side:
        raise ParameterError(
            f"Got a budget and fits side by side with {side_by_side!r}, but a time limit "
            "needs fits one after another. Use one of them."
        )
    if backend.joblib and observer.on_fitted:
        raise ParameterError(
            f"Got on_fitted and fits side by side with {backend.joblib!r}, but there the "
            "fitted classifiers stay in the workers. Use one of them."
        )


def _resolved(protocol: Protocol, backend: Backend, observer: Observer) -> Backend:
    """Fill in where classifiers are fitted: back end of joblib and device."""
    joblib = backend.joblib
    if backend.engine == "ray" and observer.on_fitted is None:
        joblib = joblib or "ray"
    device = backend.device
    if device and (protocol.tune or joblib):
        reason = (
            "searches take no tensors" if protocol.tune else "workers share one GPU"
        )
        observer.on_message(f"Classifiers are fitted on the processor: {reason}.")
        device = None
    return replace(backend, joblib=joblib, device=device)


def _with_later_seed(encoder: BaseEstimator, i: int) -> BaseEstimator:
    """Add `i` to every seed of an encoder."""
    seeds = {
        name: int(value) + i
        for name, value in encoder.get_params().items()
        if name.rpartition("__")[2] == "random_state"
        and isinstance(value, int | np.integer)
    }
    return clone(encoder).set_params(**seeds) if i and seeds else encoder
