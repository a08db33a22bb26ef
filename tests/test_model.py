"""A model is a fitted classifier of scikit-learn: images in, names of classes out."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

import featx
from featx.classifiers import CLASSIFIERS, Calibration, make_classifier

NAMES = ("wasp", "ant", "bee")  # not in the order of the alphabet


def photos(n=90, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.integers(0, 120, (n, 12, 10, 3)) + 45 * y[:, None, None, None]
    return X.astype(np.uint8), y


def fitted(classifier, n_classes=3):
    X, y = photos()
    X, y = X[y < n_classes], y[y < n_classes]
    raw = featx.RawPixels().fit(X)
    features = raw.transform(X)
    if isinstance(classifier, str):
        n_features, n_images = features.shape[::-1]
        classifier = make_classifier(
            classifier, n_features=n_features, n_images=n_images
        )
    return featx.Model.of(raw, classifier.fit(features, y), NAMES)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_answers_as_a_fitted_classifier(name, n_classes):
    model, (X, y) = fitted(name, n_classes), photos(30, seed=1)
    X, y = X[y < n_classes], y[y < n_classes]
    check_is_fitted(model)
    assert is_classifier(model) and clone(model) is model and model.fit(X, y) is model
    assert model.classes_.tolist() == list(NAMES[:n_classes])
    predicted = model.predict(X)
    names = np.array(NAMES)[y]
    assert model.score(X, names) == accuracy_score(names, predicted) > 0.7
    methods = [m for m in ("predict_proba", "decision_function") if hasattr(model, m)]
    expected = {"logreg": 2}.get(name, 1)
    assert len(methods) == expected
    for method in methods:
        scores = getattr(model, method)(X)
        if scores.ndim == 1:
            best = (scores > 0).astype(int)
        else:
            assert scores.shape == (len(X), n_classes)
            best = scores.argmax(axis=1)
        assert model.classes_[best].tolist() == predicted.tolist()
        assert getattr(model, method)(X[:0]).shape == (0, *scores.shape[1:])
    if "predict_proba" in methods:
        sums = model.predict_proba(X).sum(axis=1)
        np.testing.assert_allclose(sums, 1, rtol=1e-6)  # some are float32


def test_columns_are_those_of_the_classes_that_were_seen():
    X, y = photos()
    raw = featx.RawPixels().fit(X)
    seen = y != 1
    model = featx.Model.of(raw, SVC().fit(raw.transform(X[seen]), y[seen]), NAMES)
    assert model.classes_.tolist() == ["wasp", "bee"]
    scores = model.decision_function(X[seen])
    assert model.classes_[(scores > 0).astype(int)].tolist() == (
        model.predict(X[seen]).tolist()
    )


def test_scores_do_not_depend_on_the_batches(monkeypatch):
    model, (X, _) = fitted("logreg"), photos(30, seed=1)
    whole = model.predict_proba(X), model.predict_with_confidence(X)[1]
    monkeypatch.setattr("featx.model._BATCH_VALUES", 1)
    np.testing.assert_allclose(model.predict_proba(X), whole[0], atol=1e-6)
    confidence = model.predict_with_confidence(X)[1]
    np.testing.assert_allclose(confidence, whole[1], atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_calibrated_model_has_probabilities(name, n_classes, monkeypatch):
    model, (X, _) = fitted(name, n_classes), photos(30, seed=1)
    calibrated = replace(model, calibration=Calibration(0.7, 0.4, 0.02))
    assert calibrated.confidence == "probability"
    names, _, probabilities, *_ = calibrated.look(X, every_class=True)
    assert names.tolist() == model.predict(X).tolist()
    assert calibrated.classes_[probabilities.argmax(axis=1)].tolist() == names.tolist()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.min() >= 0.02 / n_classes - 1e-12
    monkeypatch.setattr("featx.model._BATCH_VALUES", 1)
    np.testing.assert_allclose(calibrated.predict_proba(X), probabilities, atol=1e-6)
    confidence = calibrated.predict_with_confidence(X)[1]
    np.testing.assert_allclose(confidence, probabilities.max(axis=1), atol=1e-6)
    assert calibrated.predict_proba(X[:0]).shape == (0, n_classes)


def test_a_method_that_the_classifier_lacks_is_not_there():
    model = fitted("svm")
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError, match="predict_proba"):
        _ = model.predict_proba


def test_a_model_shows_itself_in_a_notebook():
    assert "RawPixels" in fitted("knn")._repr_html_()
