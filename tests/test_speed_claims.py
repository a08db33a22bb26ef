"""The scripts behind the speed table run, and give what the table needs."""

import json
import math
from importlib import import_module

import pytest

from benchmarks import __main__ as command
from benchmarks import measure, table

OUTCOME = {
    "claim": "training",
    "says": "training against a loop",
    "unit": "images",
    "ratio": 8.5,
    "spread": [8.0, 9.1],
    "bar": 8.0,
    "pairs": 5,
    "ours": {"seconds": [2.0, 2.1, 1.9], "per_second": 3600.0, "peak_mib": 812.0},
    "agreement": {"difference": 0.01, "allowed": 0.05, "relative": True},
    "limits": {},
    "holds": True,
    "machine": {
        "processor": "CPU",
        "cores": 2,
        "memory_gib": 8.0,
        "versions": {"torch": "2.15.0", "torchvision": None},
    },
}


def check(outcome, name):
    module = import_module(f"benchmarks.{name}")
    assert outcome["claim"] == name and outcome["bar"] == module.BAR
    low, high = outcome["spread"]
    assert 0 < low <= outcome["ratio"] <= high < math.inf
    assert outcome["quick"] and outcome["holds"] is None
    for side in ("ours", "plain"):
        assert len(outcome[side]["seconds"]) == outcome["pairs"] == 1
        assert outcome[side]["per_second"] > 0 and outcome[side]["peak_mib"] > 20
    if hasattr(module, "AGREE"):
        assert outcome["agreement"]["difference"] <= 5 * module.AGREE
    assert outcome["machine"]["cores"] >= 1
    if hasattr(module, "operations"):
        matrix = outcome["matrix"]
        assert 0 < matrix["ours"] and matrix["most"] == 1 / matrix["plain"] > 0
    else:
        assert outcome["matrix"] is None


def test_a_claim_runs_with_a_tiny_size_and_prints_json(capsys):
    command.main(["logreg", "--quick", "--pairs", "1", "--json"])
    (outcome,) = json.loads(capsys.readouterr().out)
    check(outcome, "logreg")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in command.CLAIMS if n != "logreg"])
def test_every_claim_runs_with_a_tiny_size(name):
    lack = command.missing(import_module(f"benchmarks.{name}"))
    if lack:
        pytest.skip(f"needs {lack}")
    (outcome,) = command.run([name], quick=True, pairs=1)
    check(outcome, name)


def test_a_side_that_fails_tells_why_and_leaves_no_process():
    with pytest.raises(TypeError, match="n_imagse"):
        measure.Worker("benchmarks.logreg", "ours", {"n_imagse": 3})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"ratio": 7.9}, False),
        ({"bar": None, "ratio": 0.1}, True),
        ({"limits": {"seconds": 2.0}}, True),
        ({"limits": {"seconds": 1.9}}, False),
        ({"limits": {"peak_mib": 800}}, False),
        ({"agreement": None}, True),
        ({"agreement": {"difference": 0.06, "allowed": 0.05}}, False),
    ],
)
def test_a_claim_holds_when_bar_limits_and_agreement_do(change, expected):
    assert measure.holds(OUTCOME | change) is expected


def test_the_table_is_written_between_its_markers(tmp_path):
    table.write(OUTCOME, tmp_path)
    assert table.read(["svm", "training"], tmp_path) == [OUTCOME]
    readme = "before\n<!-- speed begin -->\nold\n<!-- speed end -->\nafter"
    written = table.with_table(readme, [OUTCOME])
    assert (
        "| training against a loop | 8.5 | 8 to 9.1 | ≥ 8 | 2 s, 3,600 images/s | "
        "812 MiB | reached |"
    ) in written
    assert "\n- CPU, 2 cores, 8 GiB, torch 2.15.0" in written and "old" not in written
    assert written.startswith("before\n") and written.endswith("\nafter")
    with pytest.raises(ValueError, match="speed begin"):
        table.with_table("a page without a place for it", [OUTCOME])


def test_the_table_says_what_the_machine_could_do_at_most():
    matrix = {"rate": 420.0, "ours": 0.5, "plain": 0.2, "most": 5.0}
    short = OUTCOME | {"matrix": matrix, "holds": False}
    assert (
        "| not reached; 50 % of the matrix rate, all of which would be a ratio of 5 |"
    ) in table.table([short])
    reached = OUTCOME | {"matrix": matrix | {"most": 9.0}}
    assert "| reached; 50 % of the matrix rate |" in table.table([reached])


def test_an_unknown_claim_is_a_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["trainin"])
    assert "Did you mean 'training'" in capsys.readouterr().err
