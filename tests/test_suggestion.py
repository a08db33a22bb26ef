"""The images most worth a label: typical ones first, uncertain ones later, no copies."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx import suggest
from featx.errors import DataError, ParameterError
from featx.suggestion import ENOUGH


def clusters(n=60, n_clusters=4, n_features=12, seed=0):
    """Points around far centers, and the cluster of each."""
    rng = np.random.default_rng(seed)
    centers = 10 * np.eye(n_features)[:n_clusters]
    y = np.arange(n) % n_clusters
    X = centers[y] + rng.normal(size=(n, n_features))
    return X.astype(np.float32), y


def labels_of(y, rows):
    known = np.full(len(y), -1)
    known[rows] = y[rows]
    return known


def test_without_labels_every_cluster_has_a_typical_image():
    X, y = clusters()
    found = suggest(X, k=4)
    assert found.why == "typical" and sorted(y[found.rows]) == [0, 1, 2, 3]
    assert (found.guess == -1).all() and np.isnan(found.probability).all()


def test_typical_images_are_near_the_middle_and_outliers_are_not():
    X, y = clusters(200)
    X[:4] += 6 * np.random.default_rng(1).normal(size=(4, X.shape[1]))
    found = suggest(X, k=4)
    centers = np.stack([np.median(X[y == label], axis=0) for label in range(4)])
    distances = np.linalg.norm(X - centers[y], axis=1)
    assert np.mean(distances[found.rows]) < np.quantile(distances, 0.4)
    assert not set(found.rows) & {0, 1, 2, 3}


def test_clusters_with_a_label_wait():
    X, y = clusters()
    known = labels_of(y, np.flatnonzero(y < 2)[:4])  # clusters 0 and 1
    found = suggest(X, known, k=2)
    assert found.why == "typical" and sorted(y[found.rows]) == [2, 3]


def test_with_enough_labels_uncertain_images_are_chosen():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5)).astype(np.float32)
    X[:, 0] *= 3
    y = (X[:, 0] > 0).astype(int)
    known = labels_of(y, np.arange(2 * ENOUGH - 1))
    assert suggest(X, known, k=6).why == "typical"
    known = labels_of(y, np.arange(60))
    found = suggest(X, known, k=6)
    assert found.why == "uncertain" and (found.probability < 0.75).all()
    assert np.abs(X[found.rows, 0]).mean() < np.abs(X[:, 0]).mean() / 2
    assert (known[found.rows] == -1).all() and set(found.guess) <= {0, 1}


def test_guesses_are_labels_even_if_these_are_not_in_order():
    X, y = clusters()
    y = np.array([3, 7, 11, 19])[y]
    found = suggest(X, labels_of(y, np.arange(40)), k=5)
    assert found.why == "uncertain" and set(found.guess) <= {3, 7, 11, 19}
    assert (found.guess == y[found.rows]).mean() >= 0.8


def test_given_probabilities_decide_what_is_uncertain():
    X, y = clusters(80)
    known = labels_of(y, np.arange(40))
    said = np.full((80, 4), 0.01)
    said[:, 0] = 0.97
    said[[50, 61, 72]] = [0.4, 0.39, 0.11, 0.1]
    found = suggest(X, known, k=3, probabilities=said)
    assert {50, 61, 72} & set(found.rows) and found.rows[0] in (50, 61, 72)
    assert found.probability[0] == 0.4 and found.guess.tolist() == [0, 0, 0]


def test_copies_are_never_chosen_together():
    rng = np.random.default_rng(0)
    X, _ = clusters(120, n_features=20)
    copies = X[:40] + 0.02 * rng.normal(size=(40, 20)).astype(np.float32)
    both = np.concatenate([X, copies])
    found = suggest(both, k=160).rows % 120
    assert len(found) == len(set(found)) and len(found) > 100
    known = np.full(160, -1)
    known[:40] = 0  # the copies have no label, but the images do
    assert not set(suggest(both, known, k=160).rows) & set(range(120, 160))


def test_all_copies_of_one_image():
    assert len(suggest(np.ones((30, 8)), k=5).rows) == 1
    assert len(suggest(np.ones((30, 8)), np.array([0] + 29 * [-1]), k=5).rows) == 0


@pytest.mark.parametrize("n", [1, 2, 3, 7, 15])
def test_few_images(n):
    X = np.random.default_rng(0).normal(size=(n, 4))
    assert len(suggest(X, k=1).rows) == 1
    assert sorted(suggest(X, k=50).rows) == list(range(n))


def test_more_than_there_are():
    X, y = clusters(100)
    known = labels_of(y, np.arange(10))
    found = suggest(X, known, k=1000).rows
    assert len(found) == len(set(found)) and set(found) <= set(range(10, 100))
    assert len(found) > 80


def test_the_same_seed_chooses_the_same():
    X, y = clusters(300)
    for known in (None, labels_of(y, np.arange(100))):
        first, again, other = (
            suggest(X, known, k=10, random_state=seed).rows.tolist()
            for seed in (0, 0, 1)
        )
        assert first == again and first != other


def test_of_very_many_images_some_are_looked_at(monkeypatch):
    monkeypatch.setattr("featx.suggestion.MOST_SEARCHED", 50)
    X, y = clusters(200)
    found = suggest(X, labels_of(y, np.arange(80)), k=200)
    assert 30 < len(found.rows) <= 50 and found.rows.min() >= 80


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"k": 0}, ParameterError, "Got k=0, but expected at least 1 image"),
        ({"y": [0, 1, 2]}, DataError, "3 images that all have a label"),
        ({"y": [0, -1]}, DataError, "expected a whole number for each"),
        ({"y": [0.5, -1, 1]}, DataError, "expected a whole number for each"),
        ({"probabilities": np.ones((2, 2))}, DataError, "row for each, of two classes"),
        ({"probabilities": np.ones((3, 1))}, DataError, "row for each, of two classes"),
    ],
)
def test_bad_input_is_told(words, error, message):
    with pytest.raises(error, match=message):
        suggest(np.eye(3), **words)


def test_digits_are_learned_from_fewer_labels():
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    pool, test = X[:900], X[900:]
    chosen = suggest(pool, k=40).rows
    ours = SVC().fit(pool[chosen], y[chosen]).score(test, y[900:])
    random = [
        SVC().fit(pool[rows], y[rows]).score(test, y[900:])
        for rows in (np.random.default_rng(s).permutation(900)[:40] for s in range(9))
    ]
    assert ours > np.median(random)
