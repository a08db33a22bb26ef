import io
import os
import subprocess
import sys

QUICK = ["--epochs", "2", "--limit", "200"]


def flat(text):
    """Text whose lines were broken for the terminal, on one line."""
    return " ".join(text.split())


def stdin(content):
    return io.TextIOWrapper(io.BytesIO(content))


def featx_in(encoding, *words, **streams):
    environ = os.environ | {"PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "featx", *map(str, words)],
        env=environ,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
    )
