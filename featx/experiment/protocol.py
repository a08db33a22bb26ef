"""How a comparison is judged, where it runs, and who is told about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featx.evaluation import CONTROLS
from featx.features.progress import Progress

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.experiment.fitting import FittedRow


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a comparison is judged.

    Parameters
    ----------
    tune : bool, default=False
        Search each classifier's small space of settings on the validation part.
    folds : int, default=0
        Judge every image once, by an encoder and a classifier that learned from the other
        folds; for data without a test part. 0 judges on a test part.
    repeats : int, default=1
        Run with this many seeds. Ranking, intervals and tests count all of them.
    seed : int, default=0
        The first seed, for the classifiers and the choice of examples. Each repeat adds
        one to it, and to the encoders' own seeds.
    controls : sequence of str
        Names of the encoders that the others are tested against.
    ablate_unlabeled : bool, default=False
        Train every encoder but the controls once more, without the unlabeled images, and
        test what these gave.
    n_examples : int, default=48
        Number of test images that are kept with their reconstructions, for the figures.
    calibrate_fully : bool, default=False
        Hold images out from a fit on all others, not on 10,000 at most, so that
        probabilities are those of a classifier that learned from as many. It takes the
        time of one more fit.
    diagnose : bool, default=True
        Look into the features of the best row: a map, the nearest neighbors of some
        images, and images that may be labeled wrong.

    Examples
    --------
    >>> Protocol(repeats=3).seeds
    [0, 1, 2]
    """

    tune: bool = False
    folds: int = 0
    repeats: int = 1
    seed: int = 0
    controls: Sequence[str] = CONTROLS
    ablate_unlabeled: bool = False
    n_examples: int = 48
    calibrate_fully: bool = False
    diagnose: bool = True

    @property
    def seeds(self) -> list[int]:
        """The seed of each repeat."""
        return [self.seed + i for i in range(self.repeats)]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Where a comparison runs.

    Parameters
    ----------
    engine : {"local", "ray"}, default="local"
        Where images are encoded and, by default, classifiers are fitted.
    address : str, default=None
        Address of the Ray cluster; by default Ray is started on this machine.
    joblib : str, default=None
        Fit the classifiers side by side with this back end of joblib, such as "loky". By
        default they are fitted with Ray if that is the engine, else one after another.
    device : str, default=None
        Such as "cuda": scale features, find the components of wide ones, and fit `logreg`
        and `ridge` there. Needs SCIPY_ARRAY_API=1 in the environment. Encoders have a
        parameter ``device`` of their own.

    Examples
    --------
    >>> from featx import Backend
    >>> Backend(joblib="loky").engine
    'local'
    """

    engine: str = "local"
    address: str | None = None
    joblib: str | None = None
    device: str | None = None


def _ignore(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Who is told about a comparison while it runs; by default nobody.

    Parameters
    ----------
    on_progress : callable
        Called with a description, the steps done and the total, 0 if unknown.
    on_message : callable
        Called with a line of text: what was reduced or chosen, and every finished row.
    on_fitted : callable, default=None
        Called with the fitted encoder and the `FittedRow` of each row. Rows are then
        fitted anew, not recalled from the cache.

    Examples
    --------
    >>> from featx import Observer
    >>> observer = Observer(on_message=print)
    >>> observer.on_message("raw + svm: 97.8 %")
    raw + svm: 97.8 %
    """

    on_progress: Progress = _ignore
    on_message: Callable[[str], None] = _ignore
    on_fitted: Callable[[BaseEstimator, FittedRow], None] | None = None
