import ast
import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import featx

PACKAGES = [
    "autoencoders",
    "classifiers",
    "evaluation",
    "features",
    "images",
    "reports",
    "serve",
    "store",
]


def test_all_public_names_are_there_and_sorted():
    assert featx.__all__ == sorted(featx.__all__) == dir(featx)
    for name in featx.__all__:
        assert getattr(featx, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = featx.nothing


def test_type_checkers_are_told_the_homes_of_the_names():
    tree = ast.parse(Path(featx.__file__).read_text())
    (block,) = (n for n in tree.body if isinstance(n, ast.If) and not n.orelse
                and ast.unparse(n.test) == "TYPE_CHECKING")  # fmt: skip
    told = {
        alias.asname: line.module
        for line in block.body
        for alias in line.names
        if alias.asname == alias.name
    }
    assert told == featx._HOMES


def test_type_checkers_see_real_types(tmp_path):
    names = [name for name in featx.__all__ if name != "__version__"]
    lines = ["import featx", *(f"reveal_type(featx.{name})" for name in names)]
    lines += ['encoders = {"raw": featx.RawPixels()}']
    lines += ["reveal_type(featx.bench(featx.load_dataset(), encoders).rows[0])"]
    lines += ["featx.nothing"]
    (tmp_path / "use.py").write_text("\n".join(lines))
    skipped = ",".join(f"{name}.*" for name in ("torch", "matplotlib", "PIL", "rich"))
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nignore_missing_imports = true\n[mypy-{skipped}]\nfollow_imports = skip"
    )  # large ones, whose types do not matter here
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--config-file"]
        + [str(tmp_path / name) for name in ("mypy.ini", "use.py")],
        cwd=Path(featx.__file__).parents[1],
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    ).stdout
    types = re.findall(r'Revealed type is "(.*)"', told)
    assert len(types) == len(names) + 1, told
    assert not [kind for kind in types if kind == "Any"], told
    assert types[-1] == "featx.evaluation.result.Result"
    assert (
        told.count(": error:") == told.count('Module has no attribute "nothing"') == 1
    )


def test_the_package_is_marked_as_typed():
    assert (Path(featx.__file__).parent / "py.typed").is_file()
    code = (
        "import sys, featx; assert not {'numpy', 'torch', 'sklearn'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
