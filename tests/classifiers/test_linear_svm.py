import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from featx.classifiers import WideLinearSVC
from featx.errors import ParameterError


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([WideLinearSVC()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def objective(model, X, y):
    """What is minimized, in its plain form, per class."""
    sides = np.where(y[:, None] == model.classes_, 1, -1)
    if len(model.classes_) == 2:
        sides = sides[:, 1:]
    short = np.maximum(0, 1 - sides * (X @ model.coef_.T + model.intercept_))
    return (model.coef_**2).sum(1) / 2 + model.C * (short**2).sum(0)


@pytest.mark.parametrize("n_features", [20, 700], ids=["tall", "wide"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("C", [1e-3, 1e-1])
def test_the_minimum_is_that_of_scikit_learn(n_features, n_classes, C):
    X, y = make_classification(
        400,
        n_features,
        n_informative=8,
        n_classes=n_classes,
        flip_y=0.1,
        random_state=0,
    )
    X = scale(X)
    ours = WideLinearSVC(C, tol=1e-10, max_iter=5000).fit(X, y)
    # LinearSVC penalizes its intercept: the larger the scaling, the less
    theirs = LinearSVC(
        C=C, dual=False, intercept_scaling=100, tol=1e-8, max_iter=10_000
    ).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    ours_objective = objective(ours, X, y)
    assert ours_objective == pytest.approx(objective(theirs, X, y), rel=1e-3)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.99
    loose = WideLinearSVC(C).fit(X, y)
    assert loose.n_iter_ < ours.n_iter_
    assert objective(loose, X, y).sum() == pytest.approx(ours_objective.sum(), rel=0.05)


def test_float32_gives_what_float64_gives():
    X, y = load_digits(return_X_y=True)
    X = scale(X)
    double = WideLinearSVC(0.01).fit(X, y)
    single = WideLinearSVC(0.01).fit(X.astype(np.float32), y)
    assert double.coef_.dtype == np.float64 and single.coef_.dtype == np.float32
    assert single.coef_ == pytest.approx(double.coef_, abs=1e-3)


def test_weights_of_classes_count_like_repeated_images():
    rng = np.random.default_rng(0)
    y = (np.arange(300) % 10 == 0).astype(int)
    X = rng.normal(size=(300, 3)) + y[:, None]
    tight = {"tol": 1e-12, "max_iter": 5000}
    weighted = WideLinearSVC(0.1, class_weight={0: 1, 1: 3}, **tight).fit(X, y)
    rare = y == 1
    repeated = WideLinearSVC(0.1, **tight).fit(
        np.concatenate([X, X[rare], X[rare]]), np.concatenate([y, y[rare], y[rare]])
    )
    assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-3)
    assert weighted.intercept_ == pytest.approx(repeated.intercept_, rel=1e-3)


def test_data_are_overwritten_only_where_that_is_allowed():
    X, y = make_classification(60, random_state=0)
    before = X.copy()
    kept = WideLinearSVC().fit(X, y)
    assert np.array_equal(X, before)
    overwriting = WideLinearSVC(copy_X=False).fit(X, y)
    assert np.array_equal(overwriting.coef_, kept.coef_)


def test_a_penalty_below_rounding_error_is_solved_in_double_precision():
    X, y = make_classification(200, 30, random_state=0)
    X = np.repeat(X, 4, axis=1).astype(np.float32)  # a Gram matrix without full rank
    model = WideLinearSVC(1e8).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("C", [1e4, 1e5])
def test_features_that_repeat_each_other_share_their_weight(C):
    X, y = make_classification(200, 30, random_state=0)
    X = np.repeat(X, 4, axis=1).astype(np.float32)
    copies = WideLinearSVC(C).fit(X, y).coef_.reshape(-1, 4)
    assert np.ptp(copies, axis=1).max() < 0.05 * np.abs(copies).max()


def test_steps_that_do_not_suffice_are_told():
    X, y = load_digits(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 steps"):
        WideLinearSVC(max_iter=2).fit(scale(X), y)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"C": 0}, "C=0"),
        ({"C": np.inf}, "C=inf"),
        ({"C": "1"}, "C='1'"),
        ({"tol": float("nan")}, "tol=nan"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"max_iter": 1.5}, "max_iter=1.5"),
        ({"class_weight": {0: 0, 1: 1}}, "class_weight={0: 0, 1: 1}"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(ParameterError, match=said):
        WideLinearSVC(**wrong).fit([[0.0], [1.0]], [0, 1])


def test_one_class_is_refused():
    with pytest.raises(ParameterError, match="one class, 'cat'"):
        WideLinearSVC().fit([[0.0], [1.0]], ["cat", "cat"])
