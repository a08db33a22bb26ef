"""Accuracy against the number of labels: measured, compared, and carried on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from featx.evaluation.comparisons import Comparison, holm, sign_flips, sum_groups
from featx.evaluation.intervals import interval_of_difference


class Forecast(NamedTuple):
    """What more labels may give.

    Parameters
    ----------
    n_more : int
        Labels, of all classes together.
    gained : float
        What as many gave before, in points of accuracy, from the fitted curve.
    gain : float
        What they may give, in points.
    low, high : float
        95 % interval of it, from the spread over draws; not from the curve's form.
    """

    n_more: int
    gained: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class CurveRow:
    """One encoder and classifier, by the number of labels.

    Parameters
    ----------
    encoder, classifier : str
        Their names.
    n_labels : ndarray of int64, shape (n_points,)
        Labels in all, by point.
    accuracies : list of ndarray of float64, shape (n_draws,)
        By point, the test accuracy of every draw of labels, in [0, 1].

    Examples
    --------
    >>> from featx.reports.examples import example_curve
    >>> row = example_curve().rows[1]
    >>> row.n_labels.tolist(), row.means.round(2).tolist()[-1]
    ([10, 20, 50, 100, 200, 500], 0.92)
    """

    encoder: str
    classifier: str
    n_labels: NDArray[np.int64]
    accuracies: list[NDArray[np.float64]]

    @property
    def name(self) -> str:
        """Name of the row, ``"encoder + classifier"``."""
        return f"{self.encoder} + {self.classifier}"

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean accuracy by point."""
        return np.array([one.mean() for one in self.accuracies])

    @property
    def spreads(self) -> NDArray[np.float64]:
        """Standard deviation between draws by point; nan where there is one draw."""
        return np.array(
            [one.std(ddof=1) if len(one) > 1 else np.nan for one in self.accuracies]
        )

    def percents(self) -> list[str]:
        """Write by point the mean in %, and where there are draws the spread."""
        return [
            f"{100 * mean:.1f}" + ("" if np.isnan(spread) else f" ± {100 * spread:.1f}")
            for mean, spread in zip(self.means, self.spreads, strict=True)
        ]

    def forecast(self, n_more: int | None = None) -> Forecast | None:
        """Carry the curve on: what more labels may give.

        The accuracy is taken to be a - b n^-c, a power law as learning curves were found
        to follow [1]_, fitted to the means of all points, each weighted by how sure it is.

        Parameters
        ----------
        n_more : int, default=None
            Labels, of all classes together. By default 100, or about a tenth of those
            that there are, where that is more.

        Returns
        -------
        Forecast or None
            None where fewer than five points, or their spread, do not carry a curve.

        References
        ----------
        .. [1] J. Hestness et al., "Deep learning scaling is predictable, empirically"
           (2017).
        """
        n, means = self.n_labels.astype(float), self.means
        n_more = _a_tenth(n[-1]) if n_more is None else n_more
        draws = [len(one) for one in self.accuracies]
        known = np.array(draws) > 1
        if known.sum() < 4 or len(n) < 5 or n[-1] - n_more < n[0]:
            return None
        spreads = self.spreads
        errors = spreads / np.sqrt(draws)
        # a single draw is as sure as one of several was
        errors = np.where(known, errors, np.nanmin(spreads)).clip(1e-4)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", OptimizeWarning)
                fitted, covariance = curve_fit(
                    _power_law,
                    n,
                    means,
                    p0=(min(1.0, means.max() + 0.05), 1.0, 0.5),
                    sigma=errors,
                    absolute_sigma=True,
                    bounds=([0, 0, 0.01], [1, 10, 3]),
                )
        except (RuntimeError, OptimizeWarning):  # it does not converge
            return None
        if not np.isfinite(covariance).all():
            return None
        last = n[-1]
        spread = np.random.default_rng(0).multivariate_normal(fitted, covariance, 2000)
        gains = _power_law(last + n_more, *spread.T) - _power_law(last, *spread.T)
        low, high = np.percentile(gains, [2.5, 97.5])
        if not high - low < 0.05:
            return None
        gained = _power_law(last, *fitted) - _power_law(last - n_more, *fitted)
        gain = _power_law(last + n_more, *fitted) - _power_law(last, *fitted)
        points = (100 * float(one) for one in (gained, gain, low, high))
        return Forecast(n_more, *points)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "encoder": self.encoder,
            "classifier": self.classifier,
            "n_labels": self.n_labels.tolist(),
            "accuracies": [one.tolist() for one in self.accuracies],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Build a row of what `to_dict` made."""
        return cls(
            plain["encoder"],
            plain["classifier"],
            np.asarray(plain["n_labels"], np.int64),
            [np.asarray(one, np.float64) for one in plain["accuracies"]],
        )


def _a_tenth(n: float) -> int:
    """Give a tenth of so many labels in one digit, at least 100.

    >>> _a_tenth(300), _a_tenth(1437), _a_tenth(2600), _a_tenth(50_000)
    (100, 100, 300, 5000)
    """
    return max(100, int(float(f"{n / 10:.0e}")))


def _power_law(n: Any, a: Any, b: Any, c: Any) -> Any:
    return a - b * np.asarray(n, float) ** -c


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy against the number of labels, for several rows on the same draws.

    Parameters
    ----------
    version : str
        The version of featx.
    data, protocol, machine : dict
        What was learned from, how, and where; plain data.
    labels : list of int
        Labels of each class by point, at most; 0 for all that there are.
    rows : list of CurveRow
        In the order they were asked for.
    controls : tuple of str
        Encoders that the others are tested against.
    comparisons : list of list of Comparison
        By point, each learned row against each control with its classifier.
    command : str, default=""
        The command line that made it.

    Examples
    --------
    >>> from featx.reports.examples import example_curve
    >>> curve = example_curve()
    >>> curve.points, [row.name for row in curve.highest]
    (['5', '10', '25', '50', '100', 'all'], ['raw + svm', 'conv + svm'])
    """

    version: str
    data: dict[str, Any]
    protocol: dict[str, Any]
    machine: dict[str, Any]
    labels: list[int]
    rows: list[CurveRow]
    controls: tuple[str, ...]
    comparisons: list[list[Comparison]]
    command: str = ""

    @property
    def outside_data(self) -> tuple[str, ...]:
        """Names of the encoders that were made elsewhere."""
        return tuple(self.protocol.get("outside_data", ()))

    @property
    def points(self) -> list[str]:
        """Labels of each class by point, as text."""
        return [f"{n:,}" if n else "all" for n in self.labels]

    @property
    def highest(self) -> list[CurveRow]:
        """Of each encoder, in order, the row that is highest with all labels."""
        highest: dict[str, CurveRow] = {}
        for row in self.rows:
            before = highest.setdefault(row.encoder, row)
            if row.means[-1] > before.means[-1]:
                highest[row.encoder] = row
        return list(highest.values())

    def sentence(self) -> str:
        """Say what the last labels gave, and what more may give."""
        row = max(self.highest, key=lambda row: row.means[-1])
        said = (
            f"With all labels {row.name} is the highest of {len(self.rows)}, "
            f"{100 * row.means[-1]:.1f} %."
        )
        found = row.forecast()
        if found is None:
            return f"{said} The curve does not say what more labels would give."
        return (
            f"{said} The last {found.n_more:,} labels gave {found.gained:+.1f} points, "
            f"and {found.n_more:,} more may give {found.gain:+.1f} ({found.low:+.1f} to "
            f"{found.high:+.1f}), if the curve goes on as a power law."
        )

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON document."""
        return {
            "featx": self.version,
            "data": self.data,
            "protocol": self.protocol,
            "machine": self.machine,
            "labels": self.labels,
            "rows": [row.to_dict() for row in self.rows],
            "controls": list(self.controls),
            "comparisons": [
                [test.to_dict() for test in tests] for tests in self.comparisons
            ],
            "forecasts": {
                row.name: found and found._asdict()
                for row in self.rows
                for found in [row.forecast()]
            },
            "sentence": self.sentence(),
            "command": self.command,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Build curves of the document that `to_dict` made."""
        return cls(
            version=document["featx"],
            data=document["data"],
            protocol=document["protocol"],
            machine=document["machine"],
            labels=document["labels"],
            rows=[CurveRow.from_dict(one) for one in document["rows"]],
            controls=tuple(document["controls"]),
            comparisons=[
                [Comparison.from_dict(one) for one in tests]
                for tests in document["comparisons"]
            ],
            command=document["command"],
        )


def compare_by_labels(
    rows: Sequence[CurveRow],
    times_right: Sequence[NDArray[np.int64]],
    controls: Sequence[str],
    groups: NDArray[np.int64] | None = None,
) -> list[list[Comparison]]:
    """Test at every point each learned row against the controls with its classifier.

    Differences are paired over test images, or groups of them, counted over all draws,
    and all p-values are corrected together.

    Parameters
    ----------
    rows : sequence of CurveRow
        In the order of the results.
    times_right : sequence of ndarray of int64, shape (n_points, n_test)
        For each row, in how many draws each test image was named rightly.
    controls : sequence of str
        Encoders that the others are tested against.
    groups : ndarray of int64, shape (n_test,), optional
        Groups of the test images.

    Returns
    -------
    list of list of Comparison
        By point.
    """
    right = {row.name: one for row, one in zip(rows, times_right, strict=True)}
    pairs = [
        (row.name, other)
        for row in rows
        if row.encoder not in controls
        for control in controls
        if (other := f"{control} + {row.classifier}") in right
    ]
    tests: list[list[Comparison]] = []
    n_points = len(rows[0].n_labels)
    for point in range(n_points):
        tests.append([])
        for name, other in pairs:
            difference = right[name][point] - right[other][point]
            wins, losses = difference.clip(0).sum(), (-difference).clip(0).sum()
            p = sign_flips(sum_groups(difference, groups))
            n_times = len(rows[0].accuracies[point])
            ends = interval_of_difference(difference, n_times, groups)
            tests[point].append(
                Comparison(name, other, int(wins), int(losses), p, ends)
            )
    corrected = iter(holm([test.p_value for many in tests for test in many]))
    return [
        [replace(test, p_value=float(next(corrected))) for test in many]
        for many in tests
    ]
