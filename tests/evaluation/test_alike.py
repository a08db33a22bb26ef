"""Images of the same object in both parts: asked about, but not where they are groups."""

import numpy as np
import pytest

from featx import RawPixels, bench
from featx.evaluation.nearness import CHANCE, nearest
from featx.images import Dataset, ImageSet
from featx.images.split import validation_mask
from featx.reports import advice, html_page, load_run


def make_dataset(n_objects, n_pictures, *, grouped=False):
    """Smooth pictures of objects, each seen several times under noise."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(n_objects, 6, 6, 1)).repeat(2, axis=1).repeat(2, axis=2)
    objects = np.arange(n_objects).repeat(n_pictures)
    noise = rng.normal(size=(len(objects), 12, 12, 1))
    X = (128 + 40 * base[objects] + 8 * noise).clip(0, 255).astype(np.uint8)
    order = rng.permutation(len(X))
    ids = np.array([f"{i}.png" for i in range(len(X))])
    groups = objects[order] if grouped else None
    images = ImageSet(X[order], objects[order] % 2, ids, ("a", "b"), groups)
    n = len(X) // 5
    if grouped:
        tested = images.groups < n_objects // 5
        train, test = (images.take(np.flatnonzero(t)) for t in (~tested, tested))
    else:
        train, test = images.take(np.arange(n, len(X))), images.take(np.arange(n))
    mask = validation_mask(train.y, np.zeros(len(train), np.int8), 0.1, 0, train.groups)
    return Dataset("objects", train, test, mask)


def compare(dataset, cache):
    return bench(dataset, {"raw": RawPixels()}, ["ridge", "knn"], cache=cache)


def test_it_is_asked_whether_alike_images_belong_together(cache, tmp_path):
    results = compare(make_dataset(60, 5), cache)
    found = results.diagnostics
    assert found.n_compared == 60 and found.n_alike > 40
    (line,) = [line for line in advice(results) if "--group-by" in line]
    assert line.startswith(f"{found.n_alike} of 60 test images are much nearer")
    results.save(tmp_path)
    run = load_run(tmp_path)
    assert run.results.diagnostics.n_alike == found.n_alike
    assert "belong together" in html_page(run)
    assert "belong together" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(
    "dataset", [make_dataset(300, 1), make_dataset(60, 5, grouped=True)]
)
def test_nobody_is_asked_of_independent_images_or_of_groups(dataset, cache):
    results = compare(dataset, cache)
    assert results.diagnostics.n_alike <= 3
    assert not any("belong together" in line for line in advice(results))


@pytest.mark.parametrize("n_dimensions", [2, 10, 50])
def test_chance_is_named_rarely(n_dimensions):
    rng = np.random.default_rng(n_dimensions)
    train, test = (rng.normal(size=(n, n_dimensions)) for n in (2000, 2000))
    assert (nearest(train, test).by_chance < CHANCE).sum() <= 20


def test_few_or_equal_rows_say_nothing():
    assert nearest(np.zeros((7, 3)), np.ones((2, 3))) is None
    assert nearest(np.ones((100, 3)), np.ones((2, 3))) is None
