import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx.classifiers import CLASSIFIERS, make_classifier, predict_with_confidence


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_are_those_of_predict(name, n_classes):
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    X, y = X.astype(np.float32)[:400], y[:400]
    classifier = make_classifier(name, n_features=64, n_images=200, random_state=0)
    classifier.fit(X[:200], y[:200])
    labels, confidence = predict_with_confidence(classifier, X[200:])
    np.testing.assert_array_equal(labels, classifier.predict(X[200:]))
    assert confidence.shape == labels.shape and np.isfinite(confidence).all()
    right = labels == y[200:]
    if not right.all():
        assert confidence[right].mean() > confidence[~right].mean()
