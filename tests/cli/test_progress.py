import io
import time

from rich.console import Console

from featx.cli import progress as module
from featx.cli.progress import StderrProgress


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


def test_progress_takes_names_with_brackets(monkeypatch):
    events = [("decode [/x]\x1b[2J", 5, 10)]
    text = "\n".join(lines(monkeypatch, events, force_terminal=True, wait=0.5))
    assert "decode [/x]" in text
