import io
import sys

import pytest
from rich.table import Table

from featx.cli.console import SafeConsole, prepare_streams


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
