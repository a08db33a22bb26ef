"""What the README and docs/measured.md show is true."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import models

import featx
from benchmarks import cifar10_accuracy, cost, five_kinds, table
from benchmarks.__main__ import CLAIMS
from featx.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MEASURED = (ROOT / "docs" / "measured.md").read_text()
RECIPES = {
    section.partition("**")[0]: re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    for section in re.split(r"\n\*\*", README)[1:]
}
FEW = {
    "bench": "--encoders raw --clf knn",
    "curve": "--encoders raw --clf knn --draws 2",
}
SMALL = "--clf knn --set torchvision:resnet18.size=32"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Folders as the recipes name them, of digits; several images of each patient."""
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    for number in range(240):
        label = int(digits.target[number])
        if label < 3:
            folder = Path("my-photos", "abc"[label])
            name = f"patient{number // 10}_{number}.png"
        else:
            folder, name = Path("new-photos"), f"{number}.png"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (digits.images[number] * 15).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(models.resnet18(weights=None).state_dict(), "resnet18.pth")


def test_there_are_five_recipes_of_up_to_three_lines():
    assert len(RECIPES) == 5
    for name, blocks in RECIPES.items():
        assert sum(len(block.splitlines()) for block in blocks) <= 3, name


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_runs(recipe, whole, photos, capsys):
    """As it stands, or where it takes long with what is fast."""
    for line in "".join(RECIPES[recipe]).splitlines():
        program, *words = shlex.split(line)
        assert program == "featx"
        if not whole and words[0] in FEW:
            few = SMALL if "--encoders" in words else FEW[words[0]]
            words += shlex.split(few)
        assert main([*words, "--quiet"]) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert shown or "--out" in words, line


def test_the_readme_is_short():
    assert len(README.split()) <= 900


def test_the_tables_are_made_from_the_committed_results():
    runs = cifar10_accuracy.read()
    cifar10_accuracy.check(runs)
    assert cifar10_accuracy.with_short_table(README, runs) == README
    assert cifar10_accuracy.with_table(MEASURED, runs) == MEASURED


def test_what_learned_is_not_below_the_controls_on_five_kinds_of_images():
    sets = json.loads(five_kinds.RESULTS.read_text())
    assert five_kinds.with_table(MEASURED, sets) == MEASURED
    first = [one for name, one in sets.items() if "seed" not in name]
    assert len(first) == 5
    for one in first:
        of = one["accuracies"]
        assert of[one["learned"]] >= of[one["control"]]
    assert sum(one["p_value"] < 0.05 for one in first) >= 3


def test_the_speed_table_is_made_from_the_committed_results():
    assert table.with_table(MEASURED, table.read(CLAIMS)) == MEASURED


def test_what_large_jobs_cost_is_computed_from_the_committed_results():
    page = cost.SCALING.read_text()
    assert cost.with_tables(page) == page
    assert "| patch | 19,200 |" in page and "Run: 2,000,000 images" in page


def test_the_first_screen_holds_the_two_commands():
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2 and README.index(lines[1]) < 4500
    for line, program in zip(lines, ("featx", "pytest"), strict=True):
        words = shlex.split(line)
        assert f".venv/bin/{program}" in words and ".venv/bin/pip" in words


def test_the_changelog_and_the_version_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert (
        "## [Unreleased]" in changelog and f"## [{featx.__version__}] - 20" in changelog
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", featx.__version__)
