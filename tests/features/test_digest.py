import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from featx import ConvAutoencoder
from featx.features.digest import digest_estimator

CODE = """
import numpy as np
from featx import ConvAutoencoder
from featx.features.digest import digest_estimator
X = np.arange(10 * 64, dtype=float).reshape(10, 8, 8)
print(digest_estimator(ConvAutoencoder(max_epochs=1, random_state=0).fit(X)))
"""


def test_the_digest_is_the_same_in_another_process():
    there = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )
    X = np.arange(10 * 64, dtype=float).reshape(10, 8, 8)
    here = digest_estimator(ConvAutoencoder(max_epochs=1, random_state=0).fit(X))
    assert there.stdout.strip() == here and len(here) == 64


def test_one_changed_weight_changes_the_digest():
    X = np.arange(10 * 64, dtype=float).reshape(10, 8, 8)
    encoder = ConvAutoencoder(max_epochs=1, random_state=0).fit(X)
    before = digest_estimator(encoder)
    encoder.verbose = 1
    assert digest_estimator(encoder) == before
    next(encoder.module_.parameters()).data[0, 0, 0, 0] += 1e-6
    assert digest_estimator(encoder) != before


def test_a_state_whose_content_cannot_be_told_is_refused():
    encoder = BaseEstimator()
    encoder.fitted_ = {1}
    with pytest.raises(TypeError, match="Got set in the state"):
        digest_estimator(encoder)
