import numpy as np
import pytest

from featx import RawPixels


@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (4, 6, 5), (4, 30)])
def test_uint8_becomes_unit_range_and_comes_back(shape):
    X = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    raw = RawPixels().fit(X)
    features = raw.transform(X)
    assert features.dtype == np.float32 and features.max() <= 1
    assert np.allclose(raw.inverse_transform(features), X, atol=1e-3)
    assert raw.score(X) == pytest.approx(0, abs=1e-6)


def test_floats_keep_their_range():
    X = np.array([[0.5, -300.0], [2.0, 7.0]])
    assert np.array_equal(RawPixels().fit_transform(X), X)
