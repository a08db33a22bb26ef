import os

import numpy as np
import pytest
from blocks import make_images

from featx.features import FeatureCache
from featx.images import Dataset


@pytest.fixture
def dataset():
    train = make_images(60, prefix="train/")
    return Dataset(
        "blocks",
        train,
        make_images(30, seed=1, prefix="test/"),
        validation=np.arange(60) >= 54,
    )


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test touches the user's cache, and each starts with an empty one."""
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "user-cache"))
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def cifar10():
    folder = os.environ.get("FEATX_CIFAR10_JPEG")
    if not folder:
        pytest.skip("FEATX_CIFAR10_JPEG does not name a folder of CIFAR-10 images")
    return folder
