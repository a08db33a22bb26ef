"""Each script of the gallery ends without a warning and shows something."""

import ast
import runpy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

SCRIPTS = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))
FAST = {"plot_grid_search"}  # a few seconds; the others are slow


def test_there_are_scripts_and_a_fast_one_among_them():
    assert {script.stem for script in SCRIPTS} > FAST


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_the_form_of_the_gallery(script):
    source = script.read_text()
    title, line, blank, *_ = ast.get_docstring(ast.parse(source)).splitlines()
    assert title.endswith("?") and blank == ""
    assert set(line) == {"="} and len(line) >= len(title)
    cells = source.split("\n# %%\n")[1:]
    assert len(cells) >= 3
    assert all(cell.startswith("# ") for cell in cells)  # each says something


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            script,
            marks=() if script.stem in FAST else pytest.mark.slow,
            id=script.stem,
        )
        for script in SCRIPTS
    ],
)
def test_a_script_draws_and_prints_and_leaves_nothing(
    script, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(plt, "show", lambda: None)
    with torch.random.fork_rng():
        runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert plt.get_fignums()
    left = {path.name.partition("_")[0] for path in tmp_path.iterdir()}
    assert left <= {"torchinductor"}  # torch makes that folder when it writes a graph
