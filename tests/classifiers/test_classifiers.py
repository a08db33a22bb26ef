import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from featx.classifiers import CLASSIFIERS, can_balance, make_classifier, search_space
from featx.errors import ParameterError


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_learns_digits(name):
    X, y = load_digits(return_X_y=True)
    classifier = make_classifier(name, n_features=64, n_images=1000)
    classifier.fit(X[:1000], y[:1000])
    assert classifier.score(X[1000:], y[1000:]) > (0.87 if name == "ridge" else 0.9)
    assert classifier.steps[-1][0] == name


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_search_space_names_parameters(name):
    classifier = make_classifier(name, n_features=5000, n_images=1000)
    space = search_space(name, n_features=5000, n_images=1000)
    for parameter, values in space.items():
        for value in values:
            clone(classifier).set_params(**{parameter: value})


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("n_images", [6, 300])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_images_and_many_features(name, n_images):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_images, 600)).astype(np.float32), np.arange(n_images) % 2
    X[:, 0] += 9 * y
    classifier = make_classifier(name, n_features=600, n_images=n_images)
    assert classifier.fit(X, y).predict(X).shape == (n_images,)


def test_balanced_classifiers_find_the_rare_class():
    rng = np.random.default_rng(0)
    y = (np.arange(1000) % 20 == 0).astype(int)
    X = rng.normal(size=(1000, 2)) + y[:, None]
    for name in ("logreg", "svm", "linear-svm"):
        recall = [
            make_classifier(name, n_features=2, n_images=1000, balanced=balanced)
            .fit(X, y)
            .predict(X)[y == 1]
            .mean()
            for balanced in (False, True)
        ]
        assert recall[1] > recall[0] + 0.2
    assert not can_balance(make_classifier("mlp", n_features=2, n_images=1000))


def test_an_unknown_classifier_is_told_with_the_nearest_name():
    with pytest.raises(ParameterError, match=r"'smv'.*Did you mean 'svm'"):
        make_classifier("smv", n_features=2, n_images=10)


@pytest.mark.parametrize("n_features", [64, 1100])
def test_an_image_is_its_own_nearest_neighbor(n_features):
    X, y = load_digits(return_X_y=True)
    X = np.tile(X[:400], (1, 18))[:, :n_features].astype(np.float32)
    knn = make_classifier("knn", n_features=n_features, n_images=400)
    assert knn.fit(X, y[:400]).score(X, y[:400]) == 1


@pytest.mark.parametrize(
    ("n_images", "n_features", "components"),
    [(1000, 200, None), (1000, 2400, 256), (45_000, 2400, None), (45_000, 9000, 1024)],
)
def test_the_mlp_of_few_images_sees_few_components(n_images, n_features, components):
    mlp = make_classifier("mlp", n_features=n_features, n_images=n_images)
    pca = mlp.named_steps.get("pca")
    assert (pca and pca.n_components) == components
