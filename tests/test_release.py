"""What is released is complete, and its facts are the same wherever they stand."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import featx

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXTRAS = PROJECT["optional-dependencies"].values()
REQUIREMENTS = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extra)]


def workflow(name):
    return (ROOT / ".github" / "workflows" / name).read_text("utf-8")


def test_the_citation_has_the_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [featx.__version__]
    assert PROJECT["dynamic"] == ["version"]
    (attribute,) = PYPROJECT["tool"]["setuptools"]["dynamic"]["version"].values()
    assert attribute == "featx._version.__version__"


def test_python_versions_agree():
    said = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert said == [f"3.{11 + i}" for i in range(len(said))]
    assert PROJECT["requires-python"] == f">={said[0]}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py311"
    for name in ("tests.yml", "release.yml"):
        assert f'python: ["{said[0]}", "{said[-1]}"]' in workflow(name)


def test_links_are_complete():
    urls = PROJECT["urls"]
    names = {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert urls.keys() == names
    assert all(re.match(r"https://[^/]*(github)", url) for url in urls.values())


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_requirements_have_a_lowest_version_that_is_tested_and_no_highest(requirement):
    version = r"featx\[[a-z0-9,]+\]|[\w-]+(\[\w+\])?>=[\d.]+(; .*)?"
    assert re.fullmatch(version, requirement)


def test_files_that_are_no_modules_are_in_the_wheel():
    home = ROOT / "featx"
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, data in PYPROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in data
    ]
    files = [
        path.relative_to(ROOT).as_posix()
        for path in home.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert "featx/py.typed" in files and len(files) > 3
    for file in files:
        assert any(fnmatch(file, pattern) for pattern in patterns), file


def test_folders_of_modules_are_packages():
    for module in (ROOT / "featx").rglob("*.py"):
        assert (module.parent / "__init__.py").exists(), module


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_are_given_little_and_end(path):
    text = path.read_text("utf-8")
    assert "\npermissions: {}\n" in text and "\nconcurrency:\n" in text
    jobs = text.count("\n    runs-on: ")
    assert jobs and jobs == text.count("\n    timeout-minutes: ")
    assert jobs == text.count("\n    permissions:")
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit(path):
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_only_what_was_tried_is_published():
    text = workflow("release.yml")
    assert "needs: build" in text and "needs: try" in text
    assert text.count("id-token: write") == 1 and "environment: pypi" in text
    assert "password" not in text.split("permissions: {}", 1)[1]
