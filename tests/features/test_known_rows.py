"""An image that an encoder has seen is not encoded again, whatever surrounds it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from blocks import make_images
from hypothesis import given, settings
from hypothesis import strategies as st

from featx import RawPixels, UntrainedAutoencoder, encode
from featx.features import FeatureCache, chunks
from featx.images import ImageSet
from featx.images.imageset import row_digests

POOL = make_images(40, seed=5)
ROWS = st.lists(st.integers(0, 39), min_size=1, max_size=60)


def chosen(rows):
    ids = np.array([f"{place}-{row}.png" for place, row in enumerate(rows)])
    return ImageSet(POOL.X[rows], POOL.y[rows], ids, POOL.class_names)


@pytest.fixture(scope="module")
def encoder():
    return UntrainedAutoencoder(n_components=8, random_state=0).fit(POOL.X)


@settings(max_examples=25, deadline=None)
@given(requests=st.lists(ROWS, min_size=1, max_size=4), size=st.integers(1, 50))
def test_only_new_images_are_encoded(encoder, tmp_path_factory, requests, size):
    """Shuffles, parts, supersets and repeated images of whatever came before."""
    cache = FeatureCache(tmp_path_factory.mktemp("cache"))
    expected = encoder.transform(POOL.X)
    seen = set()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chunks, "CHUNK_ROWS", size)
        fitted = cache.fit(encoder, POOL)
        for rows in requests:
            images = chosen(rows)
            encoded = cache.encode(fitted, images)
            assert encoded.n_encoded == len(set(rows) - seen)
            np.testing.assert_allclose(encoded.X, expected[rows], rtol=1e-4, atol=1e-5)
            assert encoded.ids.tolist() == images.ids.tolist()
            assert encoded.y.tolist() == images.y.tolist()
            first = {row: encoded.X[i] for i, row in reversed(list(enumerate(rows)))}
            for i, row in enumerate(
                rows
            ):  # equal images have equal features, to the bit
                assert np.array_equal(encoded.X[i], first[row])
            seen |= set(rows)
    assert cache.store.verify() == []
    shutil.rmtree(cache.folder)


def test_folds_of_a_set_are_found_and_equal_it_to_the_bit(encoder, cache):
    fitted = cache.fit(encoder, POOL)
    whole = cache.encode(fitted, POOL)
    for fold in range(5):
        rows = np.flatnonzero(np.arange(40) % 5 != fold)
        part = cache.encode(fitted, POOL.take(rows))
        assert part.cached and np.array_equal(part.X, whole.X[rows])
        assert part.encode_seconds >= 0.8 * whole.encode_seconds


def test_a_test_part_that_grows(dataset, cache):
    encode(dataset, RawPixels(), cache=cache)
    more = make_images(50, seed=9)
    grown = replace(
        dataset,
        test=ImageSet(
            np.concatenate([more.X[:7], dataset.test.X, more.X[7:]]),
            np.concatenate([more.y[:7], dataset.test.y, more.y[7:]]),
            np.concatenate([more.ids[:7], dataset.test.ids, more.ids[7:]]),
            dataset.class_names,
        ),
    )
    again = encode(grown, RawPixels(), cache=cache)
    assert again.encoder.cached and again.train.cached
    assert again.n_encoded == 50
    assert np.array_equal(again.test.X, RawPixels().fit_transform(grown.test.X))


def test_nothing_is_copied_from_a_damaged_entry(encoder, cache):
    fitted = cache.fit(encoder, POOL)
    whole = cache.encode(fitted, POOL)
    expected = np.array(whole.X)
    file = cache.folder / "features" / whole.key / "features.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    part = cache.encode(fitted, POOL.take(np.arange(30)))
    assert part.n_encoded == 30
    np.testing.assert_allclose(part.X, expected[:30], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and no more"])
def test_an_entry_whose_rows_cannot_be_read_is_passed_over(encoder, cache, content):
    fitted = cache.fit(encoder, POOL)
    whole = cache.encode(fitted, POOL)
    rows = cache.folder / "features" / whole.key / "rows.npz"
    assert rows.is_file()
    rows.write_bytes(content)
    assert cache.encode(fitted, POOL.take(np.arange(30))).n_encoded == 30


def test_another_encoder_shares_nothing(encoder, cache):
    cache.encode(cache.fit(encoder, POOL), POOL)
    other = UntrainedAutoencoder(n_components=8, random_state=1)
    assert cache.encode(cache.fit(other, POOL), POOL.take([1, 2])).n_encoded == 2


def test_one_changed_pixel_is_another_image():
    X = POOL.X.copy()
    X[3, 0, 0, 0] ^= 1
    assert np.flatnonzero(row_digests(X) != row_digests(POOL.X)).tolist() == [3]
