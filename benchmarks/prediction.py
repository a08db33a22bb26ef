"""Naming the classes of image files, against a DataLoader of Pillow and a Pipeline."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks import synthetic
from benchmarks.measure import Done, Work
from featx import CompactAutoencoder, Model, load_dataset, make_classifier
from featx.prediction import predict_files

SAYS = "naming the classes of JPEG files with a saved model, against a DataLoader of Pillow"
UNIT = "images"
BAR = None  # measured, not promised
AGREE, RELATIVE = 0.005, False  # of how many images the first class is named
FULL = {"n_files": 10_000, "n_train": 2000}
QUICK = {"n_files": 40, "n_train": 200}


def _model_and_files(n_files: int, n_train: int) -> tuple[Model, list[str]]:
    """Fit a model; write files that it has not seen."""
    folder = Path(tempfile.mkdtemp())
    synthetic.write_tree(folder, n_train, n_files, ".jpg")
    dataset = load_dataset(folder, cache_dir=folder / "cache")
    X, y = dataset.train.X, dataset.train.y
    encoder = CompactAutoencoder(random_state=0).fit(X)
    features = encoder.transform(X)
    classifier = make_classifier(
        "logreg", n_features=features.shape[1], n_images=len(y)
    )
    model = Model.of(encoder, classifier.fit(features, y), dataset.class_names)
    return model, sorted(map(str, (folder / "test").rglob("*.jpg")))


def ours(n_files: int, n_train: int) -> Work:
    """Name the files as `featx predict` does."""
    model, files = _model_and_files(n_files, n_train)

    def work() -> Done:
        names = [batch.names for batch in predict_files(model, files)]
        named = np.concatenate(names)
        return Done(n_files, float((named == model.class_names[0]).mean()))

    work()
    return work


class _Files(Dataset[Tensor]):
    """Images in files, as tutorials of torch read them."""

    def __init__(self, paths: list[str], size: tuple[int, int]) -> None:
        self.paths, self.size = paths, size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        with Image.open(self.paths[i]) as image:
            picture = image.convert("RGB").resize(self.size)
            return torch.from_numpy(np.array(picture))


def plain(n_files: int, n_train: int) -> Work:
    """Read with two processes, and ask the same Pipeline batch by batch."""
    model, files = _model_and_files(n_files, n_train)
    height, width, _ = model.image_shape

    def work() -> Done:
        loader = DataLoader(_Files(files, (width, height)), 256, num_workers=2)
        named = np.concatenate([model.pipeline.predict(x.numpy()) for x in loader])
        return Done(n_files, float((named == 0).mean()))

    work()
    return work
