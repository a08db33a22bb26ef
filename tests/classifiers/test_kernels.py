import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from featx.classifiers import kernels
from featx.classifiers.kernels import rbf_values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("at_once", [1, 100, 2**22])
def test_values_are_those_of_scikit_learn(dtype, at_once, monkeypatch):
    monkeypatch.setattr(kernels, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 30)).astype(dtype), rng.normal(size=(25, 30))
    values = rbf_values(X, Y.astype(dtype), 0.05)
    assert values.dtype == dtype and values.shape == (40, 25)
    precision = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(values, rbf_kernel(X, Y, 0.05), rtol=precision)


def test_equal_rows_have_the_value_one_at_most():
    X = np.full((3, 500), 7.3, np.float32)
    values = rbf_values(X, X, 1.0)
    assert values.max() <= 1 and values.min() > 0.9


def test_of_no_rows():
    assert rbf_values(np.empty((0, 2)), np.ones((3, 2)), 1.0).shape == (0, 3)
    assert rbf_values(np.ones((3, 2)), np.empty((0, 2)), 1.0).shape == (3, 0)
