"""What docs/encoders.md shows runs as it stands."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
from torchvision import models

from featx.cli import main

PAGE = (Path(__file__).parent.parent / "docs" / "encoders.md").read_text()
SECTIONS = {
    section.partition("\n")[0]: code
    for section in PAGE.split("\n## ")
    if (code := re.findall(r"```(python|bash)\n(.*?)```", section, re.DOTALL))
}
SLOW = pytest.mark.slow
PLACES = ["--limit 400 digits", pytest.param("digits", marks=SLOW)]
if os.environ.get("FEATX_CIFAR10_JPEG"):
    copy = f"--limit 2000 {os.environ['FEATX_CIFAR10_JPEG']}"
    PLACES.append(pytest.param(copy, marks=SLOW))
LONG = {"Networks trained on other images", "Encoders side by side", "Any classifier"}
TITLES = [pytest.param(title, marks=[SLOW] * (title in LONG)) for title in SECTIONS]


@pytest.fixture(scope="module")
def weights():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.resnet18(weights=None).state_dict()


@pytest.fixture
def folder(tmp_path, monkeypatch, weights):
    """A folder of one's own, with a file of weights, and a cache."""
    torch.save(weights, tmp_path / "resnet18.pth")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("title", TITLES)
def test_the_examples_of_a_section_run(title, place, folder, capsys):
    ran = 0
    for language, code in SECTIONS[title]:
        if named := re.match(r"# (\w+\.py)\n", code):
            Path(named[1]).write_text(code)
        elif language == "python":
            exec(compile(_in_place(code, place), "encoders.md", "exec"), {})
            assert capsys.readouterr().out
            ran += 1
        elif language == "bash":
            for line in code.splitlines():
                program, *words = shlex.split(line.replace("digits", place))
                assert program == "featx"
                assert main([*words, "--quiet"]) == 0, capsys.readouterr().err
                assert "accuracy %" in capsys.readouterr().out
                ran += 1
    assert ran


def _in_place(code, place):
    """Python code for other images than digits."""
    limit, _, name = place.rpartition(" ")
    limited = f", limit={limit.split()[1]}" if limit else ""
    return code.replace('load_dataset("digits"', f'load_dataset("{name}"{limited}')
