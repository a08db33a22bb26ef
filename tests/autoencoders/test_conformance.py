"""Every transformer passes every check of scikit-learn; none is expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import featx.autoencoders
from featx.autoencoders import ConvAutoencoder

QUICK = {"PredictiveAutoencoder": {"n_channels": 8, "max_epochs": 2}}  # else minutes
TRANSFORMERS = [
    kind(**QUICK.get(kind.__name__, {}))
    for kind in (
        getattr(featx.autoencoders, name) for name in featx.autoencoders.__all__
    )
    if isinstance(kind, type)
]


# the checks of scikit-learn warn and skip what its own configuration switches off
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(TRANSFORMERS)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_the_checks_also_pass_on_the_smallest_network():
    encoder = ConvAutoencoder(hidden_channels=(), n_components="auto", max_epochs=1)
    assert encoder.fit_transform([[0.0, 1.0], [1.0, 0.0]]).shape == (2, 64)
