"""Features of several encoders side by side."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import FeatureUnion

from featx import (
    FeatureCache,
    PatchAutoencoder,
    RawPixels,
    UntrainedAutoencoder,
    bench,
    encode,
    load,
    load_dataset,
    make_encoders,
)
from featx.errors import ParameterError
from featx.experiment.costs import cost_of


def union():
    patch = PatchAutoencoder(8, max_epochs=1, n_patches=500, random_state=0)
    return FeatureUnion([("raw", RawPixels()), ("patch", patch)])


def test_features_stand_side_by_side_with_equal_weight(dataset, cache):
    encoded = encode(dataset, union(), cache=cache)
    alone = [encode(dataset, one, cache=cache) for _, one in union().transformer_list]
    assert all(one.encoder.cached and one.train.cached for one in alone)
    left = 0
    for one in alone:
        columns = slice(left, left := left + one.train.X.shape[1])
        train, test = encoded.train.X[:, columns], encoded.test.X[:, columns]
        assert np.var(train, axis=0).sum() == pytest.approx(1 / 2, rel=1e-3)
        ratio = train.std() / one.train.X.std()
        np.testing.assert_allclose(train, one.train.X * ratio, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(test, one.test.X * ratio, rtol=1e-3, atol=1e-6)
    assert left == encoded.train.X.shape[1]


def test_the_fitted_union_says_the_same(dataset, cache):
    encoded = encode(dataset, union(), cache=cache)
    features = encoded.encoder.encoder.transform(dataset.test.X)
    np.testing.assert_allclose(features, encoded.test.X, rtol=1e-4, atol=1e-5)
    again = encode(dataset, union(), cache=FeatureCache(cache.folder))
    assert again.encoder.cached and again.train.cached and again.train.key
    features = again.encoder.encoder.transform(dataset.test.X)
    np.testing.assert_allclose(features, encoded.test.X, rtol=1e-4, atol=1e-5)


def test_another_order_is_another_array(dataset, cache):
    first = encode(dataset, union(), cache=cache).train
    turned = FeatureUnion(union().transformer_list[::-1])
    other = encode(dataset, turned, cache=cache).train
    assert other.key != first.key and not np.array_equal(other.X, first.X)
    n_pixels = int(np.prod(dataset.image_shape))
    np.testing.assert_array_equal(other.X, np.roll(first.X, -n_pixels, axis=1))


def test_it_is_a_row_of_the_table(dataset, cache):
    encoders = {"raw": RawPixels(), "raw+patch": union()}
    results = bench(dataset, encoders, ["ridge"], cache=cache)
    rows = {row.encoder: row for row in results.rows}
    assert rows["raw+patch"].n_features > rows["raw"].n_features
    assert rows["raw+patch"].encoder_params["patch"]["n_components"] == 8


def test_names_with_a_plus():
    (encoder,) = make_encoders(
        ["raw+untrained+random-patches"],
        n_images=9,
        n_pixels=64,
        options={"random_state": 7, "max_epochs": 3, "batch_size": 5},
    ).values()
    named = dict(encoder.transformer_list)
    assert list(named) == ["raw", "untrained", "random-patches"]
    assert isinstance(named["untrained"], UntrainedAutoencoder)
    assert named["untrained"].random_state == named["random-patches"].random_state == 7
    assert (
        named["random-patches"].max_epochs == 0 and named["untrained"].batch_size == 5
    )
    cost = cost_of(encoder, 100, (8, 8, 1))
    each = [cost_of(one, 100, (8, 8, 1)) for one in named.values()]
    assert cost.n_features == sum(one.n_features for one in each)
    assert cost.encoding == sum(one.encoding for one in each)


@pytest.mark.parametrize("name", ["raw+", "+raw", "raw+raw", "raw++patch"])
def test_names_that_are_none(name):
    with pytest.raises(ParameterError, match="different names"):
        make_encoders([name], n_images=9, n_pixels=64)


def test_features_without_variance_keep_their_scale(cache, dataset):
    black = replace(dataset.train, X=np.zeros_like(dataset.train.X))
    flat = replace(dataset, train=black)
    encoded = encode(flat, FeatureUnion([("raw", RawPixels())]), cache=cache)
    assert (encoded.train.X == 0).all() and encoded.test.X.max() > 0


def test_the_command_line(run):
    code, out, _ = run(
        *("bench", "digits", "--limit", "150", "--encoders", "raw+untrained"),
        *("--clf", "ridge"),
    )
    assert code == 0 and "raw+untrained" in out
    code, _, _ = run(
        *("fit", "digits", "--limit", "150", "--encoder", "raw+untrained"),
        *("--clf", "ridge", "--save", "model.featx", "--quiet"),
    )
    assert code == 0
    model = load("model.featx")
    images = load_dataset("digits", limit=150).test
    assert np.mean(model.predict(images.X) == images.y.astype(str)) > 0.7


def test_own_weights_count_and_words_are_refused(dataset, cache):
    plain, own = union(), union()
    own.transformer_weights = {"raw": 3.0}
    one, other = (encode(dataset, u, cache=cache).train.X for u in (plain, own))
    n = encode(dataset, RawPixels(), cache=cache).train.X.shape[1]
    np.testing.assert_allclose(other[:, :n], 3 * one[:, :n], rtol=1e-5)
    np.testing.assert_allclose(other[:, n:], one[:, n:], rtol=1e-5)
    with pytest.raises(ParameterError, match="'passthrough' as pixels"):
        encode(dataset, FeatureUnion([("pixels", "passthrough")]), cache=cache)
