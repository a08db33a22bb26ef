import io
import json
import os
import sys
from pathlib import Path

import pytest
from calling import featx_in


@pytest.fixture
def odd_names(folder):
    """Images whose names a terminal, a spreadsheet or an encoding may not take."""
    image = next(folder.glob("test/a/*.png")).read_bytes()
    names = [b"=1+1.png", b"b\xff.png", "c\u65e5.png".encode(), b"d\x1b[2J.png"]
    for name in names:
        Path(os.fsdecode(name)).write_bytes(image)
    return names


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
@pytest.mark.parametrize(
    "encoding", [pytest.param("utf-8", marks=pytest.mark.slow), "ascii"]
)
def test_names_come_back_as_their_bytes_or_escaped(model, odd_names, encoding):
    done = featx_in(encoding, "predict", model, *map(os.fsdecode, odd_names))
    assert (done.returncode, done.stderr) == (0, b"")
    got = [line.split(b",")[0] for line in done.stdout.splitlines()[1:]]
    odd = odd_names[2] if encoding == "utf-8" else b"c\\u65e5.png"
    assert got == [b"'=1+1.png", odd_names[1], odd, odd_names[3]]


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
def test_names_are_whole_in_json(run, model, odd_names):
    code, out, _ = run("predict", model, ".", "--json")
    names = [json.loads(line)["id"] for line in out.splitlines()]
    assert code == 0 and out.isascii()
    assert [os.fsencode(name.removeprefix("./")) for name in names] == odd_names


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_table_is_shown_in_every_encoding(folder, encoding):
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / "\u65e5\u672c")
    done = featx_in(encoding, "data", folder)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert b"\\u65e5\\u672c" in done.stdout


def test_control_characters_do_not_reach_the_terminal(run, folder, model, monkeypatch):
    Path("no\x1b[2J.png").write_text("no image")
    code, _, err = run("predict", model, ".", folder / "test" / "a")
    assert code == 0 and "skipped ./no\\x1b[2J.png" in err and "\x1b" not in err
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / "a\x1b[31m\x9b")
    words = ["--encoder", "raw", "--clf", "knn", "--save", "n.featx", "--out", "r"]
    code, out, err = run("fit", folder, *words)
    assert code == 0 and "class: a\\x1b[31m\\x9b is" in out
    assert "\x1b" not in out + err and "\x9b" not in out + err
    out = run("data", folder, "--quiet")[1]
    assert "a\\x1b[31m\\x9b" in out and "\x1b" not in out
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", terminal)
    assert run("predict", "n.featx", folder / "test")[0] == 0
    shown = terminal.getvalue()
    assert ",a\\x1b[31m\\x9b," in shown and "\x1b" not in shown


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
def test_names_that_are_no_text_go_through_every_command(run, folder):
    odd = os.fsdecode(b"\xe4")
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / odd)
        for image in sorted((folder / part / odd).glob("*.png"))[:2]:
            image.rename(image.with_name(f"{odd}{image.name}"))
    words = [folder, "--encoder", "raw", "--quiet", "--json"]
    code, out, _ = run("bench", *words, "--clf", "knn", "--out", odd)
    assert code == 0 and odd in json.loads(out)["data"]["class_names"]
    assert b"\xe4/\xe4" in Path(odd, "predictions.csv").read_bytes()
    code, out, _ = run("encode", *words, "--tables", f"{odd}/tables")
    assert code == 0 and len(json.loads(out)["tables"]) == 2
    assert run("fit", *words, "--clf", "knn", "--save", f"{odd}.featx")[0] == 0
    code, out, _ = run("predict", f"{odd}.featx", folder / "test" / odd, "--json")
    assert code == 0 and {json.loads(one)["class"] for one in out.splitlines()} == {odd}
    report = featx_in("utf-8", "report", odd)
    assert (report.returncode, report.stderr) == (0, b"")
    assert report.stdout == b"\xe4/report.html\n"
