import json
import os

import pytest
from calling import QUICK

import featx


def test_cache_ls_and_rm(run):
    run("encode", *QUICK, "--encoder", "raw")
    code, out, _ = run("cache", "ls", "--json")
    document = json.loads(out)
    assert document["featx"] == featx.__version__
    assert document["folder"] == os.environ["FEATX_CACHE"]
    entries = document["entries"]
    assert code == 0 and {e["kind"] for e in entries} == {"encoders", "features"}
    code, out, _ = run("cache", "ls")
    assert code == 0 and "3 entries" in out and "raw" in out
    for entry in entries:
        code, out, _ = run("cache", "rm", entry["key"])
        assert code == 0 and out.startswith("removed")
    assert json.loads(run("cache", "ls", "--json")[1])["entries"] == []
    code, _, err = run("cache", "rm", "abcdef")
    assert code == 1 and "featx cache ls" in err


def test_cache_verify_and_prune(run, tmp_path):
    words = ["encode", "--encoder", "raw", "--limit", "100"]
    assert run(*words)[0] == 0
    assert "as they were written" in run("cache", "verify")[1]
    path = sorted((tmp_path / "user-cache" / "features").glob("*/features.npy"))[0]
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\x99")
    code, out, _ = run("cache", "verify")
    assert code == 1
    assert path.parent.name[:12] in out and "features.npy has changed" in out
    code, _, err = run(*words)
    assert code == 1 and "featx cache rm" in err
    assert run("cache", "verify", "zzzz")[0] == 1
    assert "would remove" in run("cache", "prune", "--max-size", "0", "--dry-run")[1]
    assert "0 bytes in 0 entries" in run("cache", "prune", "--older-than", "30d")[1]
    code, out, _ = run("cache", "prune", "--max-size", "1k")
    assert code == 0 and "removed features" in out
    assert run("cache", "prune")[0] == 2
    code, _, err = run("cache", "prune", "--max-size", "much")
    assert code == 1 and "such as 20G" in err


@pytest.mark.filterwarnings("default")
def test_cache_rm_and_prune_say_what_is_being_made(run, tmp_path, made_elsewhere):
    run("encode", *QUICK, "--encoder", "raw")
    (folder, _) = sorted((tmp_path / "user-cache" / "features").iterdir())
    with made_elsewhere(folder):
        code, out, err = run("cache", "rm", folder.name)
        assert (code, out, err.count("\n")) == (0, "", 1)
        assert f"(features {folder.name[:12]}); they stay. Run this again" in err
        code, out, err = run("cache", "prune", "--max-size", "0")
        assert code == 0 and "in 2 entries" in out and err.count("\n") == 1
    assert run("cache", "rm", folder.name)[1].startswith("removed features")


def test_a_time_beyond_all_times_is_long_enough(run):
    assert run("cache", "prune", "--older-than", "999999999999w")[0] == 0
