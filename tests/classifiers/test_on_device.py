import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx.classifiers import SharedReduction, make_classifier
from featx.errors import ParameterError

# SciPy reads SCIPY_ARRAY_API when it is imported, so these run in a process of their own
COMPARE = """
import sys
import numpy as np
from featx.classifiers import SharedReduction, make_classifier
from featx.classifiers.stock import to_stock

device, balanced = sys.argv[1], sys.argv[2] == "balanced"
rng = np.random.default_rng(0)
fixed = rng.normal(size=(12, 1100))
y = rng.integers(3, size=700)
hidden = rng.normal(size=(700, 12)) + 4 * np.eye(12)[y]
wide = (hidden @ fixed + rng.normal(size=(700, 1100))).astype(np.float32)


def plain(value):
    assert "torch" not in type(value).__module__, value
    if hasattr(value, "get_params"):
        for attribute in vars(value).values():
            plain(attribute)


for name, X in (
    ("logreg", wide), ("ridge", wide[:, :40].copy()), ("svm", wide), ("knn", wide)
):
    how = {"n_features": X.shape[1], "n_images": 500, "balanced": balanced}
    here = make_classifier(name, **how)
    there = make_classifier(name, on_device=True, **how)
    SharedReduction().fit(here, X[:500], y[:500])
    SharedReduction(device).fit(there, X[:500], y[:500])
    for _, step in there.steps:
        plain(step)
    agree = (here.predict(X[500:]) == there.predict(X[500:])).mean()
    assert agree > 0.995, (name, agree)
    assert to_stock(there).score(X[500:], y[500:]) == there.score(X[500:], y[500:])
    assert there.score(X[500:], y[500:]) > 0.8, name
"""


def compare(*words):
    subprocess.run(
        [sys.executable, "-c", COMPARE, *words],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        check=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    "weight", [pytest.param("balanced", marks=pytest.mark.slow), "plain"]
)
def test_tensors_give_what_arrays_give(weight):
    compare("cpu", weight)


@pytest.mark.cuda
def test_a_gpu_gives_what_arrays_give():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    compare("cuda", "plain")


def test_a_device_without_scipys_consent_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.delenv("SCIPY_ARRAY_API", raising=False)
    X, y = load_digits(return_X_y=True)
    logreg = make_classifier("logreg", n_features=64, n_images=len(y), on_device=True)
    with pytest.raises(ParameterError, match="SCIPY_ARRAY_API=1 is in the environment"):
        SharedReduction("cpu").fit(logreg, X.astype(np.float32), y)
