"""Classifiers by the names they have on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from featx.catalog import CLASSIFIERS
from featx.classifiers.linear_svm import WideLinearSVC
from featx.classifiers.logistic import WideLogisticRegression
from featx.classifiers.whitening import WhitenedPCA
from featx.errors import ParameterError, unknown_name
from featx.own_code import first_line, import_named, made
from featx.plugins import CLASSIFIERS_GROUP, load_plugin, plugins

WIDE = 1024  # distances and kernels see at most this many principal components
FEW, FEW_COMPONENTS = 10_000, 256  # of so many images mlp sees at most 256 components
LANDMARKS = 8192  # images that the kernel of kernel-ridge is spanned by, at most
MOST_FOR_SVM = 100_000  # images that the exact SVM, of quadratic time, is fitted on
OWN = "classifier"  # the last step of somebody's own
REDUCED = ("svm", "kernel-ridge", "mlp", "knn")


def accelerated() -> bool:
    """Whether scikit-learn-intelex is installed and will be used."""
    return find_spec("sklearnex") is not None


class _Case(NamedTuple):
    """What the defaults of a classifier depend on."""

    n_features: int
    n_images: int
    class_weight: str | None
    random_state: int
    on_device: bool


def _linear_svm(case: _Case) -> ClassifierMixin:
    C = case.n_images**0.5 / (8 * case.n_features)
    return WideLinearSVC(C, class_weight=case.class_weight, tol=1e-2, copy_X=False)


def _logreg(case: _Case) -> ClassifierMixin:
    options: dict[str, Any] = {
        "C": 50 / case.n_images,
        "class_weight": case.class_weight,
    }
    if case.on_device:
        return LogisticRegression(**options, max_iter=1000)
    return WideLogisticRegression(**options, tol=3e-4, max_iter=300, copy_X=False)


def _ridge(case: _Case) -> ClassifierMixin:
    # in closed form, through the smaller of the two Gram matrices
    solver = "svd" if case.on_device else "auto"
    options = {"class_weight": case.class_weight, "random_state": case.random_state}
    return RidgeClassifier(
        0.003 * case.n_images, copy_X=False, solver=solver, **options
    )


def _svm(case: _Case) -> ClassifierMixin:
    options: dict[str, Any] = {"C": 3.0, "class_weight": case.class_weight}
    if case.n_images > MOST_FOR_SVM:
        return WideLinearSVC(**options, tol=1e-2, copy_X=False)
    home = "featx.classifiers.fast_svm" if accelerated() else "sklearn.svm"
    # ties broken by the scores: the label is that of the highest score
    return import_module(home).SVC(**options, break_ties=True)


def _kernel_ridge(case: _Case) -> ClassifierMixin:
    return RidgeClassifier(0.3, class_weight=case.class_weight, copy_X=False)


def _mlp(case: _Case) -> ClassifierMixin:
    n = case.n_images
    return MLPClassifier(
        (256,),
        alpha=1e-1,
        batch_size=min(512, max(32, n // 50), n),
        learning_rate_init=1e-3,
        max_iter=min(max(30, 1_500_000 // n), 300),
        early_stopping=n >= 200,
        n_iter_no_change=4 if n > 10_000 else 15,
        random_state=case.random_state,
    )


def _knn(case: _Case) -> ClassifierMixin:
    # scikit-learn-intelex's weighs a neighbor at no distance wrongly
    return KNeighborsClassifier(min(10, case.n_images), weights="distance")


_MODELS: dict[str, Callable[[_Case], ClassifierMixin]] = {
    "linear-svm": _linear_svm,
    "logreg": _logreg,
    "ridge": _ridge,
    "svm": _svm,
    "kernel-ridge": _kernel_ridge,
    "mlp": _mlp,
    "knn": _knn,
}


def make_classifier(
    name: str,
    *,
    n_features: int,
    n_images: int,
    balanced: bool = False,
    random_state: int = 0,
    on_device: bool = False,
    own: ClassifierMixin | None = None,
) -> Pipeline:
    """Build an unfitted classifier with its defaults.

    Features are standardized; of more than 1,024, `svm`, `kernel-ridge` and `knn` see
    whitened principal components. So does `mlp`: 256 where there are up to 10,000 images,
    else 1,024 of more than 8,192 features. What suits the images themselves is chosen by
    `choose_settings`. Of more than 100,000 images the kernel of `svm` is spanned by 8,192
    of them (Nystroem). With scikit-learn-intelex installed its SVM is used: the same
    estimator, two to three times faster and more.

    Parameters
    ----------
    name : {"linear-svm", "logreg", "ridge", "svm", "kernel-ridge", "mlp", "knn"}
        Its name on the command line.
    n_features, n_images : int
        Shape of the training features.
    balanced : bool, default=False
        Weigh classes by the inverse of their frequency, where the classifier can.
    random_state : int, default=0
        Seed.
    on_device : bool, default=False
        For `fit_on_device`: `logreg` and `ridge` with solvers that take tensors.
    own : estimator, default=None
        Any classifier of scikit-learn's kind, which gets standardized features; or a
        Pipeline, which gets features as they are. Its settings stay as they are, but for a
        ``random_state`` that is None.

    Returns
    -------
    Pipeline
        Its last step is named like the classifier.

    Raises
    ------
    ParameterError
        If the name is not known.

    Examples
    --------
    >>> from featx import make_classifier
    >>> list(make_classifier("svm", n_features=4096, n_images=50_000).named_steps)
    ['scale', 'pca', 'svm']
    """
    if own is not None:
        return _wrapped(own, random_state)
    if name not in CLASSIFIERS:
        raise unknown_name("classifier", name, CLASSIFIERS)
    weight = "balanced" if balanced else None
    case = _Case(n_features, n_images, weight, random_state, on_device)
    model = _MODELS[name](case)
    steps: list[tuple[str, Any]] = [("scale", StandardScaler())]
    components, limit = WIDE, WIDE
    if name == "mlp" and n_images <= FEW:
        components = limit = FEW_COMPONENTS
    elif name == "mlp":
        limit = 8 * WIDE
    if name in REDUCED and n_features > limit:
        steps.append(("pca", WhitenedPCA(components, random_state=random_state)))
    if name == "kernel-ridge" or (name == "svm" and n_images > MOST_FOR_SVM):
        landmarks = min(LANDMARKS, n_images)  # all images: exact
        rbf = Nystroem(n_components=landmarks, random_state=random_state)
        steps.append(("rbf", rbf))
    return Pipeline([*steps, (name, model)])


def _wrapped(own: ClassifierMixin, random_state: int) -> Pipeline:
    """Copy a classifier into a Pipeline, with a seed."""
    copied: Any = clone(own)
    unseeded = [
        name
        for name, value in copied.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ]
    copied.set_params(**dict.fromkeys(unseeded, random_state))
    if isinstance(copied, Pipeline):
        # under a name that no settings are chosen for
        return Pipeline([(OWN, copied)])
    return Pipeline([("scale", StandardScaler()), (OWN, copied)])


def search_space(
    name: str, *, n_features: int, n_images: int, uneven: bool = False
) -> dict[str, list[Any]]:
    """Return the settings of a classifier that are worth trying, given time.

    They reach further than those that `choose_settings` looks at. scikit-learn's C weighs
    the sum of the losses over all images against the penalty, so for the linear
    classifiers what is worth trying depends on how many images there are.

    Parameters
    ----------
    name : str
        Name of a classifier.
    n_features, n_images : int
        Shape of the training features.
    uneven : bool, default=False
        The class counts differ: try with and without class weights.

    Returns
    -------
    dict of str to list
        A parameter grid for the Pipeline that `make_classifier` builds.

    Examples
    --------
    >>> search_space("knn", n_features=64, n_images=10)
    {'knn__n_neighbors': [1, 2, 3, 5, 7, 10]}
    """
    factors = [4.0**power for power in range(-4, 4)]
    penalty = 4 * n_features / n_images**0.5  # see `choose_settings`
    n_columns = min(WIDE, n_images) if n_features > WIDE else n_features
    widths = [factor / n_columns for factor in (1 / 16, 1 / 4, 1 / 2, 1, 2, 4)]
    spaces: dict[str, dict[str, list[Any]]] = {
        "logreg": {"logreg__C": [8 / penalty * factor for factor in factors]},
        "ridge": {"ridge__alpha": [penalty / factor for factor in factors]},
        "svm": {
            "svm__C": [0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
            "rbf__gamma" if n_images > MOST_FOR_SVM else "svm__gamma": widths,
        },
        "kernel-ridge": {
            "kernel-ridge__alpha": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
            "rbf__gamma": widths,
        },
        "linear-svm": {"linear-svm__C": [factor / (2 * penalty) for factor in factors]},
        "mlp": {"mlp__alpha": [1e-3, 1e-2, 1e-1, 1.0]},
        "knn": {
            "knn__n_neighbors": [
                k for k in (1, 2, 3, 5, 7, 10, 20, 40) if k <= n_images
            ]
        },
    }
    if name not in spaces:  # somebody's own, which brings its settings along
        return {}
    space = spaces[name]
    if uneven and name not in ("mlp", "knn"):
        space[f"{name}__class_weight"] = [None, "balanced"]
    return space


def default_classifiers(n_images: int) -> list[str]:
    """Choose classifiers that can be fitted on so many images in reasonable time.

    A linear classifier, and the SVM unless that would run into hours.

    Examples
    --------
    >>> default_classifiers(1_000), default_classifiers(1_000_000)
    (['linear-svm', 'svm'], ['linear-svm', 'logreg'])
    """
    return ["linear-svm", *(["svm"] if n_images <= MOST_FOR_SVM else ["logreg"])]


def resolve_classifiers(
    given: Mapping[str, ClassifierMixin | None] | Iterable[str],
) -> dict[str, ClassifierMixin | None]:
    """Find classifiers by name: None is one of featx.

    ``"package.module:Class"`` and ``"file.py:make"`` are anyone's: an estimator, or what
    makes one.

    Raises
    ------
    ParameterError
        If a name is not known, or what it names is no classifier.
    MissingDataError
        If there is no such file.

    Examples
    --------
    >>> resolve_classifiers(["svm", "sklearn.naive_bayes:GaussianNB"])
    {'svm': None, 'sklearn.naive_bayes:GaussianNB': GaussianNB()}
    """
    named = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
    found: dict[str, ClassifierMixin | None] = {}
    for name, own in named.items():
        if own is not None and name in CLASSIFIERS:
            raise ParameterError(
                f"Got a classifier of your own under the name {name!r}, which is one of "
                "featx. Give it another name."
            )
        if own is None and name not in CLASSIFIERS:
            added = plugins(CLASSIFIERS_GROUP)
            if name not in added and ":" not in name:
                raise unknown_name("classifier", name, [*CLASSIFIERS, *added])
            thing = load_plugin(added[name]) if name in added else import_named(name)
            makes = isinstance(thing, type) or not hasattr(thing, "predict")
            own = made(thing, name) if makes else thing
        if own is not None:
            _check_own(own, name)
        found[name] = own
    return found


def _check_own(own: Any, name: str) -> None:
    if isinstance(own, type):
        raise ParameterError(
            f"Got the class {own.__name__} for {name!r}, but expected a classifier made of "
            f"it. Use {own.__name__}()."
        )
    for method in ("fit", "predict", "get_params"):
        if not hasattr(own, method):
            raise ParameterError(
                f"Got classifier {name!r}, which gives {type(own).__name__} without "
                f"{method}, but expected a classifier of scikit-learn's kind, or what "
                "makes one."
            )
    try:
        known = is_classifier(clone(own))
    except Exception as error:  # whatever a class does that keeps no conventions
        raise ParameterError(
            f"Got {type(own).__name__} for {name!r}, which scikit-learn cannot copy: "
            f"{first_line(error)}. Derive its class from ClassifierMixin, BaseEstimator."
        ) from error
    if not known:
        raise ParameterError(
            f"Got {type(own).__name__} for {name!r}, but expected a classifier. Derive its "
            "class from ClassifierMixin, BaseEstimator, in this order."
        )


def can_balance(classifier: ClassifierMixin) -> bool:
    """Whether the last step of a classifier takes class weights."""
    return "class_weight" in classifier[-1].get_params()
