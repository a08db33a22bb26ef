"""What encoders make of images without a label, and how that is judged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from featx import ConvAutoencoder, PatchAutoencoder, Protocol, RawPixels, bench, encode
from featx.errors import DataError, ParameterError
from featx.experiment.costs import expected_seconds


@pytest.fixture
def more(dataset):
    """The data set with 40 images without a label."""
    images = make_images(40, seed=2, prefix="unlabeled/")
    return replace(dataset, unlabeled=replace(images, y=np.full(40, -1)))


def pca():
    return make_pipeline(RawPixels(), PCA(5, random_state=0))


def test_encoders_learn_from_them_and_encode_them(more, cache):
    encoded = encode(more, pca(), cache=cache)
    learned = pca().fit(np.concatenate([more.unlabeled.X, more.train.X]))
    for part in ("train", "test", "unlabeled"):
        features = getattr(encoded, part)
        expected = learned.transform(getattr(more, part).X)
        assert np.allclose(features.X, expected, atol=1e-3), part
    assert encoded.n_encoded == 60 + 30 + 40
    assert list(encoded.to_dict()["features"]) == ["unlabeled", "train", "test"]
    assert encode(more, pca(), cache=cache, unlabeled=False).unlabeled is None


def test_without_them_the_encoder_is_another(dataset, more, cache):
    with_them = encode(more, pca(), cache=cache)
    without = encode(dataset, pca(), cache=cache)
    assert with_them.encoder.key != without.encoder.key
    assert not np.allclose(with_them.train.X, without.train.X)


def test_classifiers_see_labeled_images_only(more, cache):
    results = bench(more, {"raw": RawPixels()}, ["knn"], cache=cache)
    assert results.data["n_unlabeled"] == 40
    assert results.protocol["encoder_sees"].endswith("unlabeled images")
    alone = bench(replace(more, unlabeled=None), {"raw": RawPixels()}, ["knn"])
    assert np.array_equal(
        results.predictions["raw + knn"], alone.predictions["raw + knn"]
    )


def test_the_plan_counts_them(dataset, more):
    encoder = PatchAutoencoder()
    with_them = expected_seconds(encoder, ["knn"], more)
    assert with_them > expected_seconds(encoder, ["knn"], dataset)


@pytest.mark.parametrize("repeats", [1, 2])
def test_an_ablation_is_tested_against_the_whole(more, cache, repeats):
    encoders = {"pca": pca(), "patch": PatchAutoencoder(20, random_state=0)}
    protocol = Protocol(ablate_unlabeled=True, repeats=repeats)
    results = bench(more, encoders, ["knn"], protocol=protocol, cache=cache)
    names = ["pca + knn", "patch + knn", "patch (labeled only) + knn"]
    assert [row.name for row in results.rows] == names
    test = results.comparison_of("patch + knn", "patch (labeled only) + knn")
    assert test is not None
    alone = bench(
        replace(more, unlabeled=None),
        encoders,
        ["knn"],
        protocol=Protocol(repeats=repeats),
        cache=cache,
    )
    for key, of in (("patch (labeled only)", "patch"), ("pca", "pca")):
        same = np.array_equal(
            results.predictions_of(f"{key} + knn"), alone.predictions_of(f"{of} + knn")
        )
        assert same or key == "pca"


def test_an_ablation_is_reduced_as_the_whole_is(more, cache):
    results = bench(
        more,
        {"conv": ConvAutoencoder(random_state=0)},
        ["knn"],
        protocol=Protocol(ablate_unlabeled=True, n_examples=0, diagnose=False),
        cache=cache,
        budget=1e-5,
    )
    reduced = results.protocol["reduced"]
    assert reduced["conv"] == reduced["conv (labeled only)"] == {"max_epochs": 16}


def test_refused(dataset, more):
    with pytest.raises(ParameterError, match="without unlabeled images"):
        bench(dataset, ["raw"], ["knn"], protocol=Protocol(ablate_unlabeled=True))
    none = dataset.train.take(np.arange(0))
    blind = replace(more, train=none, test=none, validation=np.zeros(0, bool))
    with pytest.raises(DataError, match="Got 40 images without a label in blocks"):
        bench(blind, ["raw"], ["knn"])


@pytest.fixture
def loose(tmp_path):
    root = tmp_path / "loose"
    root.mkdir()
    for i, image in enumerate(make_images(30, channels=3, seed=3).X):
        Image.fromarray(image).save(root / f"{i:02}.png")
    return root


def test_commands_that_need_no_label(run, loose):
    code, out, err = run(
        "train", loose, "--encoder", "patch", "--set", "n_components=9"
    )
    assert code == 0 and "patch: 30 images" in err
    assert "no image has a label" in err and "30 unlabeled images, 8 x 8 x 3." in err
    key = out.strip()
    words = ["--encoder", "patch", "--set", "n_components=9"]
    code, out, err = run("encode", loose, *words, "--tables", "tables")
    assert code == 0 and "patch: 30 images, 72 features each" in err
    kind, path = out.splitlines()[0].split()
    assert kind == "unlabeled" and np.load(path).shape == (30, 72)
    assert Path("tables/unlabeled-00000-of-00001.parquet").exists()
    assert run("train", loose, *words)[1].strip() == key
    code, out, _ = run("data", loose, "--json")
    assert code == 0 and json.loads(out)["data"]["n_unlabeled"] == 30
    assert "(no label)" in run("data", loose, "--grid", "grid.png")[1]
    code, _, err = run("bench", loose)
    assert code == 1 and "but no folder per class" in err


def test_the_command_compares_with_and_without(run, folder, loose):
    words = ["--encoders", "pca,patch", "--clf", "knn", "--set", "patch.n_components=9"]
    code, out, err = run(
        "bench", folder, "--unlabeled", loose, "--ablate-unlabeled", *words, "--json"
    )
    assert code == 0 and "30 unlabeled, 60 training and 30 test images" in err
    results = json.loads(out)
    names = [row["encoder"] for row in results["rows"]]
    assert names == ["pca", "patch", "patch (labeled only)"]
    code, out, err = run("bench", folder, "--unlabeled", "none", *words)
    assert code == 0 and "unlabeled images" not in out + err
    assert "--unlabeled none" in out
