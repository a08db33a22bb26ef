"""Fitted classifiers as scikit-learn itself would have them."""

from __future__ import annotations

import copy

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline


def to_stock(classifier: ClassifierMixin) -> Pipeline:
    """Return a fitted classifier without anything that only its training needed.

    An estimator of scikit-learn-intelex becomes the one of scikit-learn that it stands
    for, and a neural network forgets the state of its optimizer. Predictions stay the
    same, but for images on the very border of two classes where another library adds in
    another order.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from featx import make_classifier
    >>> X, y = load_iris(return_X_y=True)
    >>> svm = make_classifier("svm", n_features=4, n_images=150).fit(X, y)
    >>> type(to_stock(svm)[-1]).__module__
    'sklearn.svm._classes'
    """
    if not isinstance(classifier, Pipeline):
        classifier = Pipeline([("classifier", classifier)])
    name, model = classifier.steps[-1]
    return Pipeline([*classifier.steps[:-1], (name, _stock(model))])


def _stock(model: ClassifierMixin) -> ClassifierMixin:
    if isinstance(model, MLPClassifier):
        model = copy.copy(model)
        del model._optimizer
        return model
    bases = type(model).__mro__
    if not any(base.__module__.startswith("sklearnex.") for base in bases):
        return model
    kind = next(
        base
        for base in bases
        if base.__module__.startswith("sklearn.") and is_classifier(base())
    )
    params = model.get_params()
    stock = kind(**{name: params[name] for name in kind().get_params()})
    # what a training of scikit-learn's leaves, in its types, is what it keeps of one
    for attribute, own in vars(stock.fit([[0.0], [1.0]], model.classes_[:2])).items():
        if attribute not in params and hasattr(model, attribute):
            value = getattr(model, attribute)
            if isinstance(own, np.ndarray):
                value = np.ascontiguousarray(value, dtype=own.dtype)
            setattr(stock, attribute, value)
    return stock
