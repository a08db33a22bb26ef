"""What several tests of images need."""

import pytest

from featx.images import load_dataset


@pytest.fixture
def load(tmp_path):
    """Load images with a cache of their own."""

    def call(source, **options):
        return load_dataset(source, cache_dir=tmp_path / "cache", **options)

    return call
