"""How a comparison is judged, where it runs, and who is told of it."""

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
    repeats : int, default=1
        Run with this many seeds. Ranking, intervals and tests count all of them.
    seed : int, default=0
        The first seed, of the classifiers and of the choice of examples. The encoders of
        the comparison have their own; each repeat counts theirs up by one, too.
    controls : sequence of str
        Names of the encoders that the others are tested against.
    n_examples : int, default=48
        Test images that are kept with their reconstructions, for the figures.
    diagnose : bool, default=True
        Look into the features of the best row: for a map, the nearest neighbors of some
        images, and images that may be labeled wrong.

    Examples
    --------
    >>> Protocol(repeats=3).seeds
    [0, 1, 2]
    """

    tune: bool = False
    repeats: int = 1
    seed: int = 0
    controls: Sequence[str] = CONTROLS
    n_examples: int = 48
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
        Of the Ray cluster; without it Ray is started on this machine.
    joblib : str, default=None
        Fit the classifiers side by side with this back end of joblib, such as "loky"; with
        Ray where that is the engine, one after another otherwise.
    device : str, default=None
        Such as "cuda": find the scaling and the components of wide features there, and fit
        `logreg` and `ridge`. Needs SCIPY_ARRAY_API=1 in the environment. Encoders have a
        device of their own.
    """

    engine: str = "local"
    address: str | None = None
    joblib: str | None = None
    device: str | None = None


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Who is told of a comparison while it runs. By default nobody is.

    Parameters
    ----------
    on_progress : callable
        Called with a description, the steps done and the steps in all, 0 if unknown.
    on_message : callable
        Called with a line of text: what was reduced or chosen, and each finished row.
    on_fitted : callable, default=None
        Called with the fitted encoder and the `FittedRow` of each row. Rows are fitted
        anew for it, not recalled from the cache.
    """

    on_progress: Progress = _ignore
    on_message: Callable[[str], None] = _ignore
    on_fitted: Callable[[BaseEstimator, FittedRow], None] | None = None
