import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


def test_an_interrupt_is_exit_code_130(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("featx.images.load_dataset", interrupted)
    code, _, err = run("fit")
    assert code == 130
    assert err == "featx: Interrupted. Rerun the same command to resume.\n"


def test_termination_is_exit_code_143(run, monkeypatch):
    def terminated(*args, **kwargs):
        raise SystemExit(143)

    monkeypatch.setattr("featx.images.load_dataset", terminated)
    monkeypatch.setattr("featx.cli.signals._stopped", threading.Event())
    code, _, err = run("fit")
    assert code == 143
    assert err == "featx: Terminated. Rerun the same command to resume.\n"


INTERRUPTED = b"featx: Interrupted. Rerun the same command to resume.\n"


@pytest.mark.parametrize("module", ["typer", "featx.cli", "sklearn", "torch"])
def test_an_interrupt_while_libraries_load_is_one_line(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(f"""
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
""")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "featx", "fit", "--limit", "50", "--quiet"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (130, INTERRUPTED)


def workers_of(session):
    """List the processes that joblib started in a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            of = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            if of == session and "popen_loky" in (folder / "cmdline").read_text():
                found.append(folder.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("seconds", [1.5, pytest.param(0.1, marks=pytest.mark.slow)])
@pytest.mark.skipif(
    sys.platform == "linux" and len(os.sched_getaffinity(0)) < 2,
    reason="one core has no workers",
)
def test_an_interrupt_while_others_work_is_one_line(run, seconds):
    words = ["bench", "--limit", "400", "--encoders", "raw,untrained", "--quiet"]
    words += ["--clf", "linear-svm,svm,mlp,logreg", "--joblib", "loky"]
    process = subprocess.Popen(
        [sys.executable, "-m", "featx", *words],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not workers_of(process.pid) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (130, INTERRUPTED)
    for _ in range(100):
        if not workers_of(process.pid):
            break
        time.sleep(0.1)
    assert not workers_of(process.pid)
