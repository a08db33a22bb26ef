"""Classifiers of anyone: objects, and names of what makes them."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from featx import Protocol, RawPixels, bench, learning_curve, make_classifier
from featx.classifiers import predict_with_confidence, resolve_classifiers
from featx.errors import MissingDataError, ParameterError


class Majority(ClassifierMixin, BaseEstimator):
    """Names the most frequent class, and says nothing else."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.label_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X):
        return np.full(len(X), self.label_)


def compare(dataset, cache, classifiers, **how):
    return bench(dataset, {"raw": RawPixels()}, classifiers, cache=cache, **how)


def test_own_classifiers_are_rows_beside_those_of_featx(dataset, cache):
    own = {
        "ridge": None,
        "forest": RandomForestClassifier(20),
        "majority": Majority(),
        "nearest": NearestCentroid(),
        "piped": make_pipeline(StandardScaler(), GaussianNB()),
        "searched": GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=3),
    }
    results = compare(dataset, cache, own)
    assert [row.classifier for row in results.rows] == list(own)
    row = next(row for row in results.rows if row.classifier == "majority")
    assert row.scores.accuracy == pytest.approx(1 / 3, abs=0.1)
    sure = results.confidences[row.name]  # that of a class that is named alone
    assert row.calibrated and np.ptp(sure) < 1e-6
    assert sure[0] == pytest.approx(1 / 3, abs=0.15)
    again = compare(dataset, cache, own)
    assert all(one.cached["classifier"] for one in again.rows)
    for one in results.rows:
        assert np.array_equal(
            results.predictions[one.name], again.predictions[one.name]
        )


def test_a_changed_parameter_is_fitted_anew(dataset, cache):
    compare(dataset, cache, {"forest": RandomForestClassifier(5)})
    again = compare(dataset, cache, {"forest": RandomForestClassifier(6)})
    assert not again.best.cached["classifier"]


def test_the_caller_keeps_an_unfitted_classifier_without_a_seed(dataset, cache):
    own = SGDClassifier()
    compare(dataset, cache, {"sgd": own})
    assert own.random_state is None and not hasattr(own, "classes_")
    made = make_classifier("sgd", n_features=4, n_images=9, random_state=5, own=own)
    assert made["classifier"].random_state == 5
    seeded = make_classifier(
        "a", n_features=4, n_images=9, own=SGDClassifier(random_state=2)
    )
    assert seeded["classifier"].random_state == 2


def test_what_cannot_be_told_apart_is_fitted_each_time(dataset, cache):
    def halved(X):
        return X / 2

    own = {"own": make_pipeline(FunctionTransformer(halved), GaussianNB())}
    for _ in range(2):
        results = compare(dataset, cache, own)
        assert not results.best.cached["classifier"]
        assert any("not kept in the cache" in note for note in results.best.notes)
    curve = learning_curve(
        dataset, {"raw": RawPixels()}, own, labels=[5], draws=2, cache=cache
    )
    assert len(curve.rows) == 1


def test_labels_are_those_of_predict_whatever_the_scores():
    X, y = load_iris(return_X_y=True)
    ovo = SVC(decision_function_shape="ovo").fit(X, y)
    labels, confidence = predict_with_confidence(ovo, X, own=True)
    assert np.array_equal(labels, ovo.predict(X)) and len(confidence) == len(X)
    strict = FixedThresholdClassifier(GaussianNB(), threshold=0.99).fit(X, y > 0)
    labels, _ = predict_with_confidence(strict, X, own=True)
    assert np.array_equal(labels, strict.predict(X))


def test_steps_of_own_pipelines_keep_their_settings(dataset, cache):
    own = Pipeline([("pca", PCA(5)), ("svm", SVC(C=7.0))])
    results = compare(dataset, cache, {"own": own})
    params = results.best.classifier_params
    assert params["classifier__svm__C"] == 7.0


def test_a_search_tries_nothing_where_there_is_nothing_to_try(dataset, cache):
    results = compare(
        dataset, cache, {"own": GaussianNB()}, protocol=Protocol(tune=True)
    )
    assert any("no settings to search for" in note for note in results.best.notes)


def test_learning_curves_and_folds_take_them_too(dataset, cache):
    split = replace(dataset, test_given=False)
    folded = compare(split, cache, {"own": GaussianNB()}, protocol=Protocol(folds=3))
    assert len(folded.ids) == len(dataset.train) + len(dataset.test)
    curve = learning_curve(
        dataset,
        {"raw": RawPixels()},
        {"own": GaussianNB()},
        labels=[5],
        draws=3,
        cache=cache,
    )
    assert curve.rows[0].name == "raw + own" and curve.rows[0].means[-1] > 0.4


def test_names(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "def make():\n    return GaussianNB(var_smoothing=1e-3)\n"
        "ready = GaussianNB()\n"
    )
    found = resolve_classifiers(
        [
            "svm",
            "sklearn.ensemble:HistGradientBoostingClassifier",
            f"{path}:make",
            f"{path}:ready",
        ]
    )
    first, boosting, made, ready = found.values()
    assert first is None and isinstance(boosting, HistGradientBoostingClassifier)
    assert made.var_smoothing == 1e-3 and isinstance(ready, GaussianNB)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (["forest"], ParameterError, "forest"),
        (["sklearn.linear_model:LinearRegression"], ParameterError, "ClassifierMixin"),
        (["sklearn.ensemble:StackingClassifier"], ParameterError, "raised TypeError"),
        (
            ["sklearn.ensemble:RandomForest"],
            ParameterError,
            "Did you mean RandomForest",
        ),
        (["nowhere.py:make"], MissingDataError, "no such file"),
        (["math:pi"], ParameterError, "which is float"),
        (["builtins:dict"], ParameterError, "dict without fit"),
        ({"a": LinearRegression()}, ParameterError, "LinearRegression for 'a'"),
        ({"a": GaussianNB}, ParameterError, r"Use GaussianNB\(\)"),
        ({"a": 3}, ParameterError, "int without fit"),
        ({"svm": GaussianNB()}, ParameterError, "Give it another name"),
    ],
)
def test_refused(given, error, words):
    with pytest.raises(error, match=words):
        resolve_classifiers(given)


def test_labels_alone_have_a_confidence_of_one():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 1, 1])
    labels, confidence = predict_with_confidence(Majority().fit(X, y), X, own=True)
    assert (labels == 1).all() and (confidence == 1).all()


def test_the_command_line(run):
    code, out, err = run(
        "bench",
        *("digits", "--limit", "150", "--encoders", "raw,sklearn.decomposition:PCA"),
        *("--clf", "ridge,sklearn.naive_bayes:GaussianNB"),
    )
    assert code == 1 and "PCA" in err  # it takes no images
    code, out, err = run(
        "bench",
        *("digits", "--limit", "150", "--encoders", "raw"),
        *("--clf", "ridge,sklearn.naive_bayes:GaussianNB"),
    )
    assert code == 0 and "sklearn.naive_bayes:GaussianNB" in out
