"""Images that cannot be what an encoder was fitted on are refused, not encoded."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import featx
from featx import PatchAutoencoder, RawPixels, UntrainedAutoencoder
from featx.classifiers import make_classifier
from featx.errors import DataError, ParameterError

X = np.random.default_rng(0).integers(0, 256, (8, 12, 10, 3), dtype=np.uint8)
UNIT = (X / 255).astype(np.float32)
FIRST = X.transpose(0, 3, 1, 2)
PHOTOS = [Image.fromarray(x) for x in X]
TORCH = torch.utils.data.TensorDataset(torch.from_numpy(FIRST.copy()))
LAYOUT = r"expected an array of shape \(n, height, width\)"


@pytest.mark.parametrize(
    "images",
    [
        list(X),
        tuple(X),
        PHOTOS,
        pd.Series(list(X)),
        pd.Series(list(X)).to_numpy(),
        pd.DataFrame({"image": PHOTOS}),
        torch.from_numpy(X),
        [torch.from_numpy(x) for x in X],
        X.reshape(8, -1),
        X.reshape(8, -1).tolist(),
        X.astype(np.int64),
        X.astype(np.float32),
    ],
    ids=lambda images: type(images).__name__,
)
def test_images_one_by_one_are_stacked(images):
    raw = RawPixels().fit(X)
    np.testing.assert_array_equal(raw.transform(images), raw.transform(X))


WRONG = {
    "floats": (UNIT, r"floats from 0 to 1.*Multiply by 255 and convert to uint8"),
    "signed floats": (2 * UNIT - 1, "floats from -1 to 1.*Multiply by 255"),
    "rows of floats": (UNIT.reshape(8, -1), "Multiply by 255 and convert to uint8"),
    "channels first": (FIRST, r"\(3, 12, 10\).*X\.transpose\(0, 2, 3, 1\)"),
    "width first": (X.swapaxes(1, 2), r"Swap height and width with X\.swapaxes"),
    "one image": (X[0], r"For one image write X\[np\.newaxis\]"),
    "one photo": (PHOTOS[0], r"Got one image.*Write \[image\]"),
    "another size": (X[:, :9], r"\(9, 10, 3\).*Resize them"),
    "no image": (X[:0], rf"Got no images.*{LAYOUT}"),
    "an empty list": ([], rf"Got no images.*{LAYOUT}"),
    "too many axes": (X[None], rf"\(1, 8, 12, 10, 3\).*{LAYOUT}"),
    "a data set": (TORCH, rf"TensorDataset of torch.*{LAYOUT}.*np\.stack"),
    "a loader": (torch.utils.data.DataLoader(TORCH), "DataLoader of torch"),
    "a generator": ((x for x in X), r"Got a generator.*Write list"),
    "pairs": ([(x, 1) for x in X], "list of tuple.*without labels"),
    "paths": (["a.png", "b.png"], r"paths such as 'a\.png'.*Image\.open"),
    "an array of paths": (np.array(["a.png"]), r"paths such as 'a\.png'"),
    "a column of paths": (pd.Series(["a.png"]), r"paths such as 'a\.png'"),
    "a column of two sizes": (pd.Series([X[0], X[1, 1:]]), "images of 2 shapes"),
    "photos of two sizes": (
        [PHOTOS[0], PHOTOS[1].resize((5, 6))],
        r"2 shapes, such as \(12, 10, 3\) and \(6, 5, 3\).*Resize them",
    ),
    "gray and color": ([PHOTOS[0], PHOTOS[1].convert("L")], r'convert\("RGB"\)'),
    "palettes": ([photo.convert("P") for photo in PHOTOS], r"mode 'P'.*convert"),
}


@pytest.mark.parametrize(("images", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_encoded_is_refused_with_the_remedy(images, words):
    for encoder in (RawPixels(), make_pipeline(RawPixels(), PCA(2, random_state=0))):
        with pytest.raises(DataError, match=words) as caught:
            encoder.fit(X).transform(images)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["a data set", "paths", "photos of two sizes", "no image", "channels first"]
)
def test_fit_refuses_it_too(kind):
    images, _ = WRONG[kind]
    with pytest.raises(DataError, match="but expected"):
        RawPixels().fit(images)


def test_channels_are_not_mistaken_for_rows():
    with pytest.raises(ParameterError, match="image_shape"):
        RawPixels(image_shape=(12, 10, 3)).fit(X.transpose(0, 2, 1, 3))
    assert RawPixels(image_shape=(12, 10)).fit(X[..., 0]).image_shape_ == (12, 10, 1)


def test_after_floats_only_their_range_is_encoded():
    raw = RawPixels().fit(UNIT)
    for images in (X, X.astype(float)):
        with pytest.raises(DataError, match=r"up to 255.*from 0 to 1.*Divide by 255"):
            raw.transform(images)
    assert raw.transform(UNIT * 1.5).max() > 1  # a little beyond is let be


def test_dark_images_and_other_ranges_are_let_be():
    raw = RawPixels().fit(X)
    assert raw.transform(np.zeros((2, 12, 10, 3))).max() == 0
    assert raw.transform(np.ones((2, 12, 10, 3))).max() == np.float32(1 / 255)
    signed = RawPixels().fit(X - 128.0)
    assert signed.transform(UNIT).max() <= 1
    assert signed.transform(X).max() == X.max()


@pytest.mark.parametrize(
    "encoder",
    [
        UntrainedAutoencoder(random_state=0),
        PatchAutoencoder(8, max_epochs=0, n_patches=200, random_state=0),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_networks_refuse_what_raw_pixels_refuse(encoder):
    encoder.fit(X)
    for kind in ("floats", "channels first", "paths"):
        with pytest.raises(DataError, match=WRONG[kind][1]):
            encoder.transform(WRONG[kind][0])
    np.testing.assert_array_equal(encoder.transform(PHOTOS), encoder.transform(X))


def test_models_refuse_it_before_they_name_a_class():
    y = np.arange(8) % 2
    raw = RawPixels().fit(X)
    svm = make_classifier("svm", n_features=360, n_images=8).fit(raw.transform(X), y)
    model = featx.Model.of(raw, svm, ("ant", "bee"))
    for kind in ("floats", "channels first", "paths", "photos of two sizes"):
        images, words = WRONG[kind]
        for ask in (model.predict, model.predict_with_confidence):
            with pytest.raises(DataError, match=words):
                ask(images)
    assert model.predict(PHOTOS).tolist() == model.predict(X).tolist()
