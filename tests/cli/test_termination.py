"""A process that is told to end, or killed, takes its workers with it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc"),
    pytest.mark.skipif(joblib.cpu_count() < 2, reason="needs two cores"),
]
LINE = "featx: Terminated. Rerun the same command to resume."


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images with so many pixels that they are decoded in parallel, and for seconds."""
    root = tmp_path_factory.mktemp("large")
    slope = np.linspace(0, 255, 4000).astype(np.uint8)
    Image.fromarray(np.tile(slope, (3000, 1))).convert("RGB").save(root / "one.png")
    for number in range(60):
        copy = root / "images" / "ab"[number % 2] / f"{number}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "one.png", copy)
    return root / "images"


def alive(session):
    """Find the processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def end(process, number):
    """Send a signal; return what else is said once all processes are gone in time."""
    assert len(alive(process.pid)) >= 3  # workers among them
    process.send_signal(number)
    deadline = time.monotonic() + 5
    try:
        process.wait(5)
        while (left := alive(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == []
    finally:
        for pid in alive(process.pid):
            os.kill(pid, signal.SIGKILL)
        _, err = process.communicate()
    return [line for line in err.splitlines() if not line.startswith("[")]


def start(*words):
    command = [sys.executable, "-m", "featx", *map(str, words)]
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, text=True, start_new_session=True, **pipes)


def wait_for(process, what):
    for line in process.stderr:
        if what in line:
            return
    raise AssertionError(f"it ended before it said {what!r}")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_no_worker_decodes_on(large, tmp_path, number):
    process = start("data", large, "--cache-dir", tmp_path)
    wait_for(process, "decoding images: ")
    said = end(process, number)
    if number == signal.SIGTERM:
        assert (process.returncode, said) == (143, [LINE])
        assert list((tmp_path / "images").iterdir()) == []
    assert process.returncode in (143, -signal.SIGKILL)


@pytest.mark.torture
@pytest.mark.parametrize("seconds", [0.1, 1, 2, 3, 4, 6])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_fits_on(tmp_path, number, seconds):
    words = ["--encoders", "raw,pca", "--clf", "mlp,kernel-ridge", "--tune"]
    words += ["--joblib", "loky", "--out", tmp_path / "run", "--cache-dir", tmp_path]
    process = start("bench", *words)
    wait_for(process, "side by side")
    time.sleep(seconds)
    said = end(process, number)
    if number == signal.SIGTERM:
        assert process.returncode == 143 and said[-1] == LINE
        assert "Traceback" not in " ".join(said)


def test_a_long_computation_does_not_hold_up_the_end():
    code = """
import hashlib
from featx.cli import signals
signals.STOP_SECONDS = 0.5
signals.stop_on_sigterm()
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # for minutes, outside Python
"""
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        process.stdout.readline()
        time.sleep(0.5)  # until it is amid the computation
        process.terminate()
        try:
            _, err = process.communicate(timeout=5)
        finally:
            process.kill()
    assert (process.returncode, err) == (143, f"{LINE}\n")


def test_the_end_of_a_forked_process_is_its_own():
    code = """
import os, signal, time
from featx.cli import signals
signals.STOP_SECONDS = 0.1
signals.stop_on_sigterm()
child = os.fork()
if not child:
    time.sleep(5)
    os._exit(0)
os.kill(child, signal.SIGTERM)
print(os.waitpid(child, 0)[1])
time.sleep(0.5)
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{int(signal.SIGTERM)}\ngoes on\n")
