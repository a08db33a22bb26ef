"""The pages of the site say what is there, and all that is there."""

import dataclasses
import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest
import typer

import featx
from featx.autoencoders.registry import ENCODERS
from featx.classifiers import CLASSIFIERS
from featx.cli import app
from featx.errors import FeatxError, FeatxWarning
from featx.images import NAMED
from featx.reports.checks import json_schemas
from featx.reports.examples import example_curve, example_results

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {page.stem: page.read_text() for page in DOCS.glob("*.md")}
README = (DOCS.parent / "README.md").read_text()
REFERENCE = (DOCS / "reference" / "python.md").read_text()
PUBLIC = re.findall(r"^   ([A-Za-z_.]+)$", REFERENCE, re.MULTILINE)
JSON_PAGE = (DOCS / "reference" / "json.md").read_text()
COMMANDS = typer.main.get_command(app)


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", README + PAGES["in_python"], re.DOTALL)
)
def test_python_blocks_run(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "a page", "exec"), {})
    assert capsys.readouterr().out


def test_every_page_is_in_the_contents():
    pages = "".join([*PAGES.values(), (DOCS / "reference" / "index.md").read_text()])
    listed = "\n".join(re.findall(r"```{toctree}\n(.*?)```", pages, re.DOTALL))
    for name in PAGES.keys() - {"index"}:
        assert re.search(rf"^(\.\./|.*<)?{name}>?$", listed, re.MULTILINE), name


def test_every_name_of_the_program_is_explained():
    for where, names in (
        ("data", NAMED),
        ("autoencoders", ENCODERS),
        ("classifiers", CLASSIFIERS),
    ):
        for name in names:
            assert f"`{name}`" in PAGES[where], (where, name)
    told = "".join(text for name, text in PAGES.items())
    for command in COMMANDS.commands:
        assert f"featx {command}" in told, command


def options_of(command):
    found = {word for one in command.params for word in one.opts + one.secondary_opts}
    return found.union(*map(options_of, getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("page", [*PAGES, "README"])
def test_every_option_that_a_page_names_exists(page):
    text = PAGES.get(page, README)
    for line in re.findall(r"featx [a-z]+ .*", text):
        line = re.split(r"[`|;]|&&", line)[0]
        for option in set(re.findall(r"(?<=\s)--[a-z-]+", line)):
            assert option in options_of(COMMANDS) | {"--help", "--version"}, line


def found(name):
    """The object that the reference names."""
    module, _, own = name.rpartition(".")
    return getattr(import_module(f"featx.{module}".rstrip(".")), own)


def test_the_reference_has_every_public_name():
    missing = {*featx.__all__} - {*PUBLIC, "__version__"}
    assert not missing


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_parameters_results_and_an_example(name):
    thing = found(name)
    text = inspect.getdoc(thing)
    assert text
    if inspect.isclass(thing) and issubclass(thing, FeatxError | FeatxWarning):
        return
    assert ">>>" in text, "no example"
    known = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*) :", text, re.MULTILINE)
    documented = {one.strip("* ") for line in known for one in line.split(",")}
    wanted = {*inspect.signature(thing).parameters}
    if dataclasses.is_dataclass(thing):
        wanted = {field.name for field in dataclasses.fields(thing) if field.init}
    assert not wanted - documented, "not documented"
    if inspect.isfunction(thing):
        says = str(inspect.signature(thing).return_annotation)
        assert says in ("None", "NoReturn") or "Returns\n---" in text, "no result"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_methods_of_a_public_class_are_documented(name):
    thing = found(name)
    own = [
        (method, value)
        for method, value in inspect.getmembers(thing)
        if inspect.isclass(thing)
        and not method.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
        and (getattr(value, "__module__", "featx") or "").startswith("featx")
    ]
    for method, value in own:
        assert inspect.getdoc(value), f"{name}.{method}"


@pytest.mark.parametrize(
    ("name", "document"),
    [("results", example_results().to_dict()), ("curve", example_curve().to_dict())],
)
def test_documents_follow_their_schema_and_every_key_is_explained(name, document):
    schema = json_schemas()[name]
    plain = json.loads(json.dumps(document, default=str))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plain, schema)
    for key in (*plain, *plain["rows"][0], *plain["comparisons"][0]):
        if isinstance(key, str):
            assert f"`{key}`" in JSON_PAGE, key
    del plain["rows"][0]["encoder"]
    with pytest.raises(jsonschema.ValidationError, match="encoder"):
        jsonschema.validate(plain, schema)
