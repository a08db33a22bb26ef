"""The threshold from which on few names are wrong."""

import numpy as np
import pytest

from featx.classifiers import RiskCoverage
from featx.errors import ParameterError


def test_by_hand():
    sure = np.array([0.5, 0.9, 0.7, 0.8, 0.6])
    found = RiskCoverage.of(sure, np.array([True, True, False, True, True]))
    assert found.confidence.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    np.testing.assert_allclose(found.risk, [0, 0, 1 / 3, 1 / 4, 1 / 5])
    limits = {0: 0.8, 0.1: 0.8, 0.2: 0.5, 0.25: 0.5, 1: 0.5}
    for rate, threshold in limits.items():
        assert found.threshold(rate) == threshold


def test_equals_are_named_together_or_not():
    found = RiskCoverage.of(np.array([0.9, 0.9, 0.4]), np.array([True, False, True]))
    assert found.threshold(0.4) == 0.4 and found.threshold(0.1) == np.inf


def test_the_rate_is_kept_on_other_images():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.3, 1, (2, 4000))
    right = rng.random((2, 4000)) < sure
    least = RiskCoverage.of(sure[0], right[0]).threshold(0.1)
    named = sure[1] >= least
    assert 0.2 < named.mean() < 0.8
    assert (~right[1][named]).mean() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_no_share(rate):
    found = RiskCoverage.of(np.array([0.9]), np.array([True]))
    with pytest.raises(ParameterError, match="expected a share of errors from 0 to 1"):
        found.threshold(rate)
