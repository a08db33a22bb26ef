"""Probabilities hold on images that nothing was fitted on, whatever the scores are."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB

from featx.classifiers import (
    CLASSIFIERS,
    Calibration,
    class_scores,
    make_classifier,
    predict_with_confidence,
)
from featx.classifiers.calibration import Said
from featx.errors import DataError
from featx.evaluation import reliability


def said_of(scores, are_probabilities=False):
    return Said(scores.argmax(axis=1), scores, are_probabilities)


def drawn(logits, seed=0):
    """Draw a class for each image with the probabilities of these logits."""
    rng = np.random.default_rng(seed)
    sums = softmax(logits, axis=1).cumsum(axis=1)
    return (rng.random((len(logits), 1)) > sums).sum(axis=1)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("factor", [0.05, 1.0, 40.0])
def test_the_scale_of_scores_is_found(n_classes, factor):
    logits = 2 * np.random.default_rng(0).normal(size=(4000, n_classes))
    true = drawn(logits)
    calibration = Calibration.of([said_of(factor * logits)], [true])
    assert calibration.slope * factor == pytest.approx(1, rel=0.1)
    assert calibration.bonus < 0.2 and calibration.floor < 0.05
    new = 2 * np.random.default_rng(1).normal(size=(4000, n_classes))
    said = said_of(factor * new)
    probabilities = calibration.probabilities(said)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == said.named).all()
    right = said.named == drawn(new, seed=2)
    assert reliability(probabilities.max(axis=1), right).error < 0.04


@pytest.mark.parametrize("are_probabilities", [True, False])
def test_the_slopes_are_those_of_the_loss(are_probabilities):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 4))
    said = said_of(softmax(scores, axis=1) if are_probabilities else scores)
    said = said._replace(are_probabilities=are_probabilities)
    true = rng.integers(-1, 4, 50)

    def loss(at):
        calibration = Calibration(np.exp(at[0]), at[1], at[2], np.exp(at[3]))
        return calibration._loss(said, true)

    at = np.array([0.3, 0.7, 0.1, -3.0])
    expected = approx_fprime(at, lambda at: loss(at)[0])
    np.testing.assert_allclose(loss(at)[1], expected, atol=1e-5)


def test_right_for_all_is_no_certainty():
    scores = np.eye(2)[np.arange(20) % 2]
    calibration = Calibration.of([said_of(scores)], [np.arange(20) % 2])
    sure = calibration.probabilities(said_of(scores)).max()
    assert 0.9 < sure < 1 - 0.4 / 22


def test_shares_of_a_few_neighbors_are_smoothed():
    """What ten say, drawn from the probabilities of classes, tells these but roughly."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(6, 0.4), 9000)
    shares = rng.multinomial(10, chances) / 10
    true = (rng.random((9000, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=5)
    held_out, new = (said_of(some, True) for some in (shares[:4000], shares[4000:]))
    calibration = Calibration.of([held_out], [true[:4000]])
    # as if each class had 0.4 neighbors more, of ten
    assert calibration.smoothing == pytest.approx(0.04, rel=0.3)
    assert calibration.slope == pytest.approx(1, rel=0.1)
    sure = calibration.calibrated(new).confidence
    assert reliability(sure, new.named == true[4000:]).error < 0.02


def test_chance_gets_the_probability_of_chance():
    rng = np.random.default_rng(0)
    said = said_of(rng.normal(size=(3000, 3)))
    calibration = Calibration.of([said], [rng.integers(0, 3, 3000)])
    sure = calibration.probabilities(said)[np.arange(3000), said.named]
    assert sure.mean() == pytest.approx(1 / 3, abs=0.03)


def test_classes_that_a_fit_has_not_seen_count_as_mistakes():
    scores = np.eye(2)[np.zeros(100, int)]
    unknown = np.where(np.arange(100) < 40, -1, 0)
    calibration = Calibration.of([said_of(scores)], [unknown])
    sure = calibration.probabilities(said_of(scores)).max(axis=1)
    assert sure.mean() == pytest.approx(0.6, abs=0.03)


def test_fits_of_several_folds_are_taken_together():
    logits = np.random.default_rng(0).normal(size=(2000, 3))
    true = drawn(logits)
    parts = [said_of(logits[:1000]), said_of(logits[1000:, ::-1])]
    calibration = Calibration.of(parts, [true[:1000], 2 - true[1000:]])
    whole = Calibration.of([said_of(logits)], [true])
    assert calibration.slope == pytest.approx(whole.slope, rel=1e-3)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_classifier_gets_probabilities_that_hold(name, n_classes):
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(y))[: 900 if n_classes > 2 else 300]
    X, y = X[rows] + rng.normal(0, 8, (len(rows), 64)), y[rows]  # noise makes mistakes
    third = len(y) // 3
    classifier = make_classifier(name, n_features=64, n_images=third)
    classifier.fit(X[:third], y[:third])
    said = class_scores(classifier, X[third : 2 * third])
    calibration = Calibration.of([said], [y[third : 2 * third]])
    labels, sure = predict_with_confidence(
        classifier, X[2 * third :], calibration=calibration
    )
    right = labels == y[2 * third :]
    np.testing.assert_array_equal(labels, classifier.predict(X[2 * third :]))
    assert sure.min() >= 1 / n_classes - 1e-9 and sure.max() < 1
    assert sure.mean() == pytest.approx(right.mean(), abs=0.1)


def test_what_names_classes_alone_gets_its_accuracy():
    class Namer:
        classes_ = np.array([3, 7])

        def predict(self, X):
            return np.where(X[:, 0] > 0, 7, 3)

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 1))
    said = class_scores(Namer(), X, own=True)
    true = np.where(rng.random(1000) < 0.75, said.named, 1 - said.named)
    calibration = Calibration.of([said], [true])
    labels, sure = predict_with_confidence(
        Namer(), X, own=True, calibration=calibration
    )
    assert set(labels) == {3, 7} and np.ptp(sure) < 1e-12
    assert sure[0] == pytest.approx((said.named == true).mean(), abs=0.01)


@pytest.mark.parametrize("classes", [[2, 0, 1], [0, 1, 2]])
def test_classes_in_any_order(classes):
    class Odd:
        classes_ = np.array(classes)

        def predict(self, X):
            return X[:, 0].astype(int)

    X = np.array([[0.0], [2], [1], [2]])
    labels, sure = predict_with_confidence(Odd(), X, own=True)
    assert labels.tolist() == [0, 2, 1, 2] and (sure == 1).all()
    with pytest.raises(DataError, match="a label from Odd that is not among"):
        predict_with_confidence(Odd(), X - 1, own=True)


def test_what_all_scores_of_an_image_share_counts_for_nothing():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2000, 3))
    far = logits + 1e5 * rng.normal(size=(2000, 1))
    true = drawn(logits)
    found = [Calibration.of([said_of(one)], [true]) for one in (logits, far)]
    assert found[1].slope == pytest.approx(found[0].slope, rel=1e-3)


def test_a_fold_counts_by_its_images():
    logits = np.random.default_rng(0).normal(size=(1000, 3))
    true = drawn(logits)
    few = said_of(logits[:40])._replace(named=(true[:40] + 1) % 3)
    parts = [few, said_of(logits[40:])]
    joined = Said(
        *map(np.concatenate, zip(*(p[:2] for p in parts), strict=True)), False
    )
    split = Calibration.of(parts, [true[:40], true[40:]])
    whole = Calibration.of([joined], [true])
    assert split.slope == pytest.approx(whole.slope, rel=1e-3)


def test_scores_that_hardly_differ():
    said = said_of(1e-200 * np.eye(2)[np.arange(50) % 2])
    calibration = Calibration.of([said], [np.arange(50) % 2])
    assert np.isfinite(calibration.probabilities(said)).all()
    assert 0 < calibration.slope < 1e18


def test_refused():
    class Silent:
        classes_ = np.array([0, 1, 2])

    with pytest.raises(DataError, match="3 classes that does not score each"):
        class_scores(Silent(), np.zeros((2, 1)))
    with pytest.raises(DataError, match=r"without classes_.* Set self\.classes_"):
        class_scores(object(), np.zeros((2, 1)), own=True)


def test_no_images():
    said = class_scores(GaussianNB().fit([[0], [1]], [0, 1]), np.zeros((0, 1)))
    assert said.scores.shape == (0, 2) and len(said.named) == 0
