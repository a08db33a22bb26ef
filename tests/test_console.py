import io
import sys
import time

import pytest
from rich.console import Console
from rich.table import Table

from featx import console as module
from featx.console import SafeConsole, StderrProgress, prepare_streams


def lines(monkeypatch, events, *, every=0.0, silent=30.0, wait=0.0, **options):
    monkeypatch.setattr(module, "LINE_EVERY_SECONDS", every)
    monkeypatch.setattr(module, "SILENT_AT_MOST_SECONDS", silent)
    stream = io.StringIO()
    with StderrProgress(Console(file=stream, **options), quiet=False) as progress:
        for event in events:
            progress(*event)
        time.sleep(wait)
    return stream.getvalue().splitlines()


def test_a_log_file_gets_lines_with_the_time(monkeypatch):
    told = lines(monkeypatch, [("decode", 1, 2_000), ("train", 0, 0)])
    assert told == ["[0:00] decode: 1 of 2,000", "[0:00] train"]


def test_a_log_file_gets_a_line_per_interval_and_the_last_one(monkeypatch):
    events = [(f"train, loss {i}", i, 100) for i in range(1, 101)]
    told = lines(monkeypatch, events, every=60)
    assert told == [
        "[0:00] train, loss 1: 1 of 100",
        "[0:00] train, loss 100: 100 of 100",
    ]


def test_a_long_silence_is_broken(monkeypatch):
    told = lines(monkeypatch, [("fit svm", 3, 12)], silent=0.5, wait=1.6)
    assert told[0].endswith("fit svm: 3 of 12")
    assert told[1].endswith("fit svm: 3 of 12, still at it")


def test_a_terminal_gets_a_bar(monkeypatch):
    text = "\n".join(
        lines(monkeypatch, [("decode", 5, 10), ("fit", 0, 0)], force_terminal=True)
    )
    assert "decode" in text or "fit" in text


def test_quiet_writes_nothing():
    stream = io.StringIO()
    with StderrProgress(Console(file=stream), quiet=True) as progress:
        progress("decode", 1, 2)
    assert stream.getvalue() == ""


def test_what_libraries_print_does_not_reach_stdout(capsys):
    with StderrProgress(Console(stderr=True), quiet=True):
        print("(raylet) a worker died")
    print("the result")
    captured = capsys.readouterr()
    assert captured.out == "the result\n" and "(raylet)" in captured.err


def test_names_are_printed_as_they_are_but_for_control_characters():
    stream = io.StringIO()
    console = SafeConsole(file=stream, force_terminal=True, width=60)
    table = Table("class", "[/title]")
    table.add_row(":cat: [bold]\x1b[2J\x7f", "\x9b\x00\u65e5")
    console.print("[/nothing] :dog: \x1b]0;owned\x07", style="red")
    console.print(table)
    shown = stream.getvalue()
    assert "[/nothing] :dog: \\x1b]0;owned" in shown
    assert "[/title]" in shown and ":cat: [bold]\\x1b[2J" in shown
    assert "\x1b]" not in shown and "\x1b[2J" not in shown  # colors are there, though
    assert "\x1b[31m" in shown and "\x9b" not in shown and "\x7f" not in shown


def test_progress_takes_names_with_brackets(monkeypatch):
    events = [("decode [/x]\x1b[2J", 5, 10)]
    text = "\n".join(lines(monkeypatch, events, force_terminal=True, wait=0.5))
    assert "decode [/x]" in text


def test_lines_of_a_pipe_are_not_wrapped(capsys, monkeypatch):
    console, line = SafeConsole(), "word " * 100
    console.print(line)
    assert capsys.readouterr().out == line + "\n"
    monkeypatch.setenv("COLUMNS", "40")
    console.print(line)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "\u65e5\u00e4".encode() + b"\xff"),
        ("ascii", b"\\u65e5\\xe4\\udcff"),
        ("cp1252", b"\\u65e5\xe4\xff"),
    ],
)
def test_every_encoding_takes_every_name(monkeypatch, encoding, written):
    streams = {}
    for name in ("stdout", "stderr"):
        streams[name] = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, name, streams[name])
    prepare_streams()
    SafeConsole().print("\u65e5\u00e4\udcff", end="")
    SafeConsole(stderr=True).print("\u65e5\u00e4\udcff")
    assert streams["stdout"].buffer.getvalue() == written
    assert b"\\udcff" in streams["stderr"].buffer.getvalue()
