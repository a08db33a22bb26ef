import copy
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
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
    encoder.fitted_ = (x for x in "a")
    with pytest.raises(TypeError, match="Got generator in the state"):
        digest_estimator(encoder)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a", "b"}, {"a", "c"}),
        ([[1, 2], [3]], [[1], [2, 3]]),
        ({"a": [1], "b": 2}, {"a": [1, "b", 2]}),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
        (np.array([1, "a"], object), np.array(["1", "a"], object)),
        (partial(np.sum, axis=0), partial(np.sum, axis=1)),
        (torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
        (torch.ones(2), torch.ones(2, 1)),
        (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)),
        (np.sqrt, np.log),
        (len, abs),
    ],
)
def test_any_other_state_is_known_by_what_it_is_made_of(one, other):
    digests = []
    for state in (one, copy.deepcopy(one), other):
        encoder = BaseEstimator()
        encoder.fitted_ = state
        digests.append(digest_estimator(encoder))
    assert digests[0] == digests[1] != digests[2]
