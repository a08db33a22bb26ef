import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx.classifiers import (
    CLASSIFIERS,
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
