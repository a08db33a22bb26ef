"""What `featx serve` refuses before it listens."""

import builtins
import socket
import sys

import pytest

from featx.errors import ParameterError
from featx.serve import listen
from featx.serve.server import allowed_hosts


def test_answers_do_not_wait_for_one_another():
    with listen("127.0.0.1", 0) as opened:  # then asyncio sets TCP_NODELAY
        assert opened.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--max-images", "0"],
            "Got a limit of 0 images, but expected a number above 0",
        ),
        (["--timeout", "nan"], "Got a limit of nan seconds, but expected"),
        (["--reject", "1e-9"], "Ask for a higher rate."),
        (["--device", "gpu"], "device 'gpu', but expected"),
        (
            ["--host", "256.0.0.1", "--port", "0"],
            "Choose others with --host and --port.",
        ),
        (
            ["--host", "a" * 70, "--port", "0"],
            "Choose others with --host and --port.",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run, saved, words, told):
    code, out, err = run("serve", saved, *words)
    assert (code, out) == (1, "")
    assert told in err and err.count("\n") == 1


def test_a_port_that_is_taken_is_told(run, saved):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run("serve", saved, "--port", port)
    assert code == 1
    assert f"127.0.0.1 and port {port}, but expected" in err and err.count("\n") == 1


def test_a_missing_extra_is_told_with_its_remedy(run, saved, monkeypatch):
    real = builtins.__import__

    def without(name, *given, **named):
        if name.partition(".")[0] == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *given, **named)

    for name in [name for name in sys.modules if name.startswith("featx.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    code, _, err = run("serve", saved)
    assert code == 1
    assert err == (
        "featx: 'featx serve' needs a web server: No module named 'uvicorn'. Install it "
        "with pip install 'featx[serve]'.\n"
    )


@pytest.mark.parametrize("name", ["", "https://", "["])
def test_a_name_to_be_called_by_is_one(name):
    with listen("127.0.0.1", 0) as opened:
        with pytest.raises(ParameterError, match="expected the name of a machine"):
            allowed_hosts(opened, [name])
