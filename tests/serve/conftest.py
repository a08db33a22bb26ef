import numpy as np
import pytest
from serving import Server, picture
from sklearn.datasets import load_digits

import featx
from featx.cli import main


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A model of digits, as `featx fit --save` writes it."""
    folder = tmp_path_factory.mktemp("model")
    file = folder / "digits.featx"
    words = ["--encoder", "raw", "--clf", "linear-svm", "--quiet"]
    words += ["--cache-dir", str(folder / "cache"), "--save", str(file)]
    assert main(["fit", "digits", *words]) == 0
    return file


@pytest.fixture(scope="session")
def server(saved):
    """A server that calls images unknown; it takes 80 of them in a megabyte."""
    words = ["--reject", "0.05", "--unlike", "0.01"]
    words += ["--max-megabytes", "1", "--max-images", "80"]
    server = Server(saved, *words)
    yield server
    code, told = server.end()
    assert code == 143
    assert told.splitlines() == ["featx: Terminated."]


@pytest.fixture(scope="session")
def digits(saved):
    """PNG files of digits by their class, those of which the model is surest."""
    data = load_digits()
    images = np.rint(data.images * 255 / 16).astype(np.uint8)
    sure = featx.load(saved).predict_proba(images)
    best = np.where(data.target[:, None] == np.arange(10), sure, 0).argmax(axis=0)
    return {label: picture(images[row]) for label, row in enumerate(best)}
