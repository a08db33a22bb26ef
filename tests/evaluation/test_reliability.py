"""The error of probabilities, and its interval."""

import numpy as np
import pytest

from featx.evaluation import reliability


def test_a_hand_made_case():
    sure = np.array([0.05, 0.05, 0.95, 0.95, 0.95, 0.95, 1.0])
    found = reliability(sure, np.array([0, 1, 1, 1, 1, 0, 1], bool))
    assert found.error == pytest.approx((0.9 + 0.8) / 7)
    assert found.n_images.tolist() == [2, *[0] * 13, 5]
    assert found.right[[0, 14]].tolist() == [0.5, 0.8]
    assert found.said[14] == pytest.approx(0.96)
    assert found.to_dict()["bins"][0] == {"n_images": 2, "said": 0.05, "right": 0.5}
    assert len(found.to_dict()["bins"]) == 2
    assert np.isnan(found.right_ci95[:, 1:14]).all()
    assert found.right_ci95[0, 14] < 0.8 < found.right_ci95[1, 14]


@pytest.mark.parametrize("too_sure", [0.0, 0.1, 0.3])
def test_the_interval_covers(too_sure):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        sure = rng.uniform(0.5, 1, 800)
        found = reliability(sure, rng.random(800) < sure - too_sure)
        hits += found.ci95[0] <= too_sure <= found.ci95[1]
        assert found.ci95[0] <= found.error <= found.ci95[1]
    assert hits >= 184


def test_groups_make_it_wider():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 1000)
    right = np.repeat(rng.random(100) < 0.75, 10)
    groups = np.arange(1000) // 10
    alone, together = (reliability(sure, right, of).ci95 for of in (None, groups))
    assert together[0] < alone[0] and np.ptp(together) > 1.3 * np.ptp(alone)


def test_one_image():
    found = reliability(np.array([0.7]), np.array([True]))
    assert found.error == pytest.approx(0.3)
    assert found.ci95[0] == 0 and found.ci95[1] > 0.5


def test_all_right_is_no_certainty():
    """Thirty of thirty happens where 97 % are right."""
    found = reliability(np.full(30, 0.97), np.ones(30, bool))
    assert found.ci95[0] == 0 and found.ci95[1] > 0.04
