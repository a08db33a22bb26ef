"""The threshold from which on few names are wrong."""

import numpy as np
import pytest

from featx.classifiers import RiskCoverage
from featx.errors import ParameterError


def test_by_hand():
    sure = np.array([0.5, 0.9, 0.7, 0.8, 0.6])
    found = RiskCoverage.of(sure, np.array([False, True, True, True, False]))
    assert found.confidence.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    # one more of each kind is thought of
    np.testing.assert_allclose(found.risk, [1 / 3, 1 / 4, 1 / 5, 2 / 6, 3 / 7])
    limits = {0.1: np.inf, 0.2: 0.7, 0.3: 0.7, 0.34: 0.6, 0.5: -np.inf, 1: -np.inf}
    for rate, threshold in limits.items():
        assert found.threshold(rate) == pytest.approx(threshold, abs=1e-5), rate
    assert found.least_rate == pytest.approx(1 / 5)


def test_equals_are_named_together_or_not():
    sure = np.array([0.9] * 4 + [0.4] * 4)
    found = RiskCoverage.of(sure, np.array([True] * 3 + [False] * 5))
    assert found.places.tolist() == [3, 7]
    assert found.threshold(0.34) < 0.9 and found.threshold(0.34) > 0.8
    assert found.threshold(0.25) == np.inf  # the first three alone would do


def test_a_hair_of_rounding_rejects_nobody():
    found = RiskCoverage.of(np.repeat([0.8, 0.3], 50), np.arange(100) < 50)
    least = found.threshold(0.1)
    assert np.float64(np.float32(0.8)) >= least and np.float64(0.8) >= least


def test_the_rate_is_kept_on_other_images():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.3, 1, (2, 4000))
    right = rng.random((2, 4000)) < sure
    least = RiskCoverage.of(sure[0], right[0]).threshold(0.1)
    named = sure[1] >= least
    assert 0.2 < named.mean() < 0.8
    assert (~right[1][named]).mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_no_share(rate):
    found = RiskCoverage.of(np.array([0.9]), np.array([True]))
    with pytest.raises(ParameterError, match="expected a share of errors from 0 to 1"):
        found.threshold(rate)
