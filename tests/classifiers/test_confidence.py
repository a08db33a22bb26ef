import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx.classifiers import (
    CLASSIFIERS,
    class_scores,
    confidence,
    make_classifier,
    predict_with_confidence,
)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_are_those_of_predict(name, n_classes):
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    X, y = X.astype(np.float32)[:400], y[:400]
    classifier = make_classifier(name, n_features=64, n_images=200, random_state=0)
    classifier.fit(X[:200], y[:200])
    labels, sure = predict_with_confidence(classifier, X[200:])
    np.testing.assert_array_equal(labels, classifier.predict(X[200:]))
    assert sure.shape == labels.shape and np.isfinite(sure).all()
    right = labels == y[200:]
    assert hasattr(classifier, "predict_proba") == (name in ("logreg", "mlp", "knn"))
    if not right.all():
        assert sure[right].mean() > sure[~right].mean()


def test_batches_change_nothing(monkeypatch):
    X, y = load_digits(return_X_y=True)
    svm = make_classifier("svm", n_features=64, n_images=200).fit(X[:200], y[:200])
    whole = predict_with_confidence(svm, X[200:300])
    monkeypatch.setattr(confidence, "_BATCH_VALUES", 45 * 7)
    for one, other in zip(whole, predict_with_confidence(svm, X[200:300]), strict=True):
        np.testing.assert_allclose(one, other)


def test_scores_of_a_kernel_are_no_rounding(monkeypatch):
    """The edges of digits hardly vary, so that scaled pixels are far out."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    classifier = make_classifier("kernel-ridge", n_features=64, n_images=1400)
    classifier.set_params(rbf__gamma=0.001, **{"kernel-ridge__alpha": 0.002})
    classifier.fit(X[:1400], y[:1400])
    said = class_scores(classifier, X[1400:]).scores
    exact = classifier.decision_function(X[1400:].astype(float))
    np.testing.assert_allclose(said, exact, atol=1e-5)
    monkeypatch.setattr(confidence, "_BATCH_VALUES", 1400 * 7)
    in_batches = class_scores(classifier, X[1400:]).scores
    np.testing.assert_allclose(in_batches, said, atol=1e-9)
    rough = classifier.decision_function(X[1400:])
    assert np.abs(rough - exact).max() > 1e-4  # which is why
