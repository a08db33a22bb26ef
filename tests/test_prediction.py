import re
from types import SimpleNamespace

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

import featx
from featx.errors import ParameterError
from featx.images import Skipped
from featx.prediction import Limits, predict_files, use_device


@pytest.fixture
def model():
    images = make_images(60)
    encoder = featx.RawPixels().fit(images.X)
    classifier = featx.make_classifier("knn", n_features=64, n_images=60)
    classifier.fit(encoder.transform(images.X), images.y)
    return featx.Model.of(encoder, classifier, images.class_names)


def test_files_get_the_names_that_their_pixels_get(model, tmp_path):
    X = make_images(300, seed=1).X
    paths = [str(tmp_path / f"{number}.png") for number in range(300)]
    for path, pixels in zip(paths, X, strict=True):
        Image.fromarray(pixels.squeeze()).save(path)
    batches = list(predict_files(model, [*paths, "none.png"]))
    assert len(batches) == 2 and batches[1].skipped == [Skipped("none.png", "no file")]
    assert [path for batch in batches for path in batch.ids] == paths
    names, confidence = model.predict_with_confidence(X)
    assert np.array_equal(np.concatenate([batch.names for batch in batches]), names)
    found = np.concatenate([batch.confidence for batch in batches])
    assert np.array_equal(found, confidence)


def test_a_device_that_is_none_is_refused_by_every_model(model):
    use_device(model, "auto")
    use_device(model, "cpu")
    with pytest.raises(ParameterError, match="device 'gpu', but expected"):
        use_device(model, "gpu")


@pytest.mark.parametrize("n", [1, 20, 69, 333, 2000])
def test_the_least_share_that_is_told_is_taken(n):
    class Remembering:
        class_names = ()

        def remembered(self):
            return SimpleNamespace(usual=np.zeros(n))

    with pytest.raises(ParameterError) as refused:
        Limits.of(Remembering(), unlike=1e-9)
    told = float(re.search(r"expected one from (\S+), which", str(refused.value))[1])
    assert Limits.of(Remembering(), unlike=told).unlike == told
    assert told < 1.1 / (1 + n)
