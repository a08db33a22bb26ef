import numpy as np
import pytest

from featx.evaluation import Duplicates, diagnose
from featx.evaluation.comparisons import compare
from featx.evaluation.results import BenchResults, Result
from featx.evaluation.scores import score
from featx.features import CachedFeatures, EncodedDataset
from featx.images.imageset import Dataset, ImageSet

ROWS = ("raw + svm", "pca + svm", "conv + svm")


def make_part(class_names, per_class, shape, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(class_names)), per_class)
    X = rng.integers(0, 256, (len(y), *shape), np.uint8)
    ids = np.array([f"{label}/{row}.png" for row, label in enumerate(y)])
    return ImageSet(X, y, ids, tuple(class_names))


def as_features(part):
    rows = part.X.reshape(len(part), -1)[:, :500].astype(np.float32)
    return CachedFeatures(rows, part.y, part.ids, "key", 1.0, 1)


def planted_copies(n_test):
    """Test image 5 (or the last) equals training image 3, image 2 nearly image 2."""
    of, similarity = np.full(n_test, -1), np.zeros(n_test, np.float32)
    rows = [min(5, n_test - 1), min(2, n_test - 2)]
    of[rows], similarity[rows] = [3, 2], [1, 0.97]
    return Duplicates(of, similarity)


def make_run(
    class_names=("plane", "automobile", "cat"), per_class=100, shape=(8, 8, 3)
):
    """A data set and a comparison of three rows on it; conv is clearly the best."""
    train = make_part(class_names, 12, shape, seed=0)
    test = make_part(class_names, per_class, shape, seed=1)
    dataset = Dataset("toys", train, test, np.arange(len(train)) % 10 == 0)
    rng = np.random.default_rng(2)
    predictions, results = {}, []
    for name, accuracy in zip(ROWS, (0.4, 0.5, 0.9), strict=True):
        encoder, classifier = name.split(" + ")
        wrong = rng.random(len(test)) > accuracy
        y_pred = np.where(wrong, (test.y + 1) % len(class_names), test.y)
        predictions[name] = y_pred
        results.append(
            Result(
                encoder=encoder,
                classifier=classifier,
                n_features=8192,
                scores=score(test.y, y_pred, class_names),
                train_seconds=1234.5 if encoder == "conv" else 0.0,
                encode_seconds=2.5,
                encode_images_per_second=100.0,
                fit_seconds=45.0,
                predict_seconds=0.5,
                encoder_params={"max_epochs": np.int64(3), "kernel": (3, 3)},
                classifier_params={"C": 10.0, "gamma": float("nan")},
                cached={"encoder": encoder == "conv", "features": False},
                notes=("a | note",) if encoder == "conv" else (),
            )
        )
    right = {name: y_pred == test.y for name, y_pred in predictions.items()}
    rows = rng.permutation(len(test))[:10]
    examples = test.X[rows]
    encoded = EncodedDataset(None, as_features(train), as_features(test))
    confidences = {name: rng.random(len(test)).astype("f4") for name in predictions}
    return dataset, BenchResults(
        version="0.1",
        data=dataset.describe(),
        protocol={"seed": 0, "controls": ["raw", "pca"]},
        machine={"cores": 2},
        rows=results,
        comparisons=compare(right, [(ROWS[2], ROWS[0]), (ROWS[2], ROWS[1])]),
        ids=test.ids,
        y_true=test.y,
        predictions=predictions,
        confidences=confidences,
        histories={"conv": {"loss": [3.0, 2.0, 1.0], "validation_loss": [3.0, 2, 2.5]}},
        reconstructions={"conv": 255 - examples[:4]},
        filters={"conv": np.arange(3 * 6 * 6 * 3, dtype=np.uint8).reshape(3, 6, 6, 3)},
        examples=examples,
        example_rows=rows,
        diagnostics=diagnose(dataset, encoded, "conv", rows),
        duplicates=planted_copies(len(test)),
    )


@pytest.fixture(scope="session")
def run():
    return make_run()


@pytest.fixture(scope="session")
def results(run):
    return run[1]


@pytest.fixture(scope="session")
def build():
    return make_run
