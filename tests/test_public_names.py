import inspect
from importlib import import_module

import pytest

import featx

PACKAGES = [
    "autoencoders",
    "classifiers",
    "evaluation",
    "features",
    "images",
    "reports",
]


def test_all_public_names_are_there_and_sorted():
    assert featx.__all__ == sorted(featx.__all__) == dir(featx)
    for name in featx.__all__:
        assert getattr(featx, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = featx.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_the_names_of_a_package_are_documented(package):
    module = import_module(f"featx.{package}")
    assert module.__doc__
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{package}.{name} has no docstring"


def test_errors_are_also_the_standard_ones():
    from featx import errors

    for kind, standard in [
        (errors.DataError, ValueError),
        (errors.MissingDataError, FileNotFoundError),
        (errors.ParameterError, ValueError),
        (errors.TrainingError, RuntimeError),
        (errors.CacheError, OSError),
        (errors.DependencyError, ImportError),
    ]:
        assert issubclass(kind, errors.FeatxError) and issubclass(kind, standard)
        assert str(kind("one line")) == "one line"
