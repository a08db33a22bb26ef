"""Run featx again and again, kill it at random moments, and look at what is left.

    python tests/killing.py KILLS FOLDER ARGUMENT...

FOLDER in an argument stands for the folder. After each kill every whole entry of
FOLDER/cache must be as it was written, and FOLDER/model.featx absent or readable. Each run
that comes to its end must leave what an undisturbed run left. Prints one JSON line.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np


def start(words, log):
    """Run one command in a process of its own; return its number."""
    process = os.fork()
    if process:
        return process
    sys.stdout = sys.stderr = log.open("w")
    from featx.cli import main

    os._exit(main(words))


def found(folder):
    """Digest of all that a run leaves and that does not depend on time."""
    digest = hashlib.sha256()
    for path in sorted((folder / "cache").glob("*/*/*.npy")):
        if path.parts[-3] != "images" or path.name == "images.npy":
            digest.update(f"{path.relative_to(folder)}".encode())
            digest.update(path.read_bytes())
    for path in sorted(folder.glob("run/predictions.npz")):
        with path.open("rb") as file, np.load(file) as arrays:
            for name in arrays:
                digest.update(name.encode() + arrays[name].tobytes())
    if (folder / "model.featx").is_file():
        import featx

        X = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
        names, sure = featx.load(folder / "model.featx").predict_with_confidence(X)
        digest.update(names.tobytes() + sure.tobytes())
    return digest.hexdigest()


def sound(folder):
    """Whether everything that is there is whole."""
    from featx.bundle import load
    from featx.store import Store

    if (folder / "model.featx").exists():
        load(folder / "model.featx")
    return Store(folder / "cache").verify() == []


def fresh(folder):
    """Begin all over again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def main():
    """Kill until it was done often enough."""
    # imported before any fork, so that kills meet work and not imports
    import torch  # noqa: F401

    from featx.autoencoders import checkpoint
    from featx.features import chunks

    chunks.CHUNK_ROWS = 32  # many chunks of few images
    checkpoint._SHARE = float("inf")  # and a state of training after every epoch
    kills, folder = int(sys.argv[1]), Path(sys.argv[2])
    words = [word.replace("FOLDER", str(folder)) for word in sys.argv[3:]]
    log = folder.with_suffix(".log")
    fresh(folder)
    begin = time.monotonic()
    assert os.waitpid(start(words, log), 0)[1] == 0, log.read_text()
    longest = time.monotonic() - begin
    expected = by_another(found, folder)
    fresh(folder)
    rng = random.Random(0)
    killed = ended = unsound = different = 0
    while killed < kills:
        process = start(words, log)
        moment = time.monotonic() + rng.uniform(0, longest)
        status = None
        while status is None and time.monotonic() < moment:
            number, state = os.waitpid(process, os.WNOHANG)
            status = state if number else None
            time.sleep(0.002)
        if status is None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            killed += 1
            unsound += by_another(sound, folder) != "True"
            continue
        assert status == 0, f"a run after a kill ended with {status}: {log.read_text()}"
        ended += 1
        different += by_another(found, folder) != expected
        fresh(folder)
    status = os.waitpid(start(words, log), 0)[1]
    assert status == 0, f"the last run ended with {status}: {log.read_text()}"
    different += by_another(found, folder) != expected
    counts = {"killed": killed, "ended": ended + 1}
    print(json.dumps(counts | {"unsound": unsound, "different": different}))


def by_another(look, folder):
    """Look in another process: this one must never start threads before it forks."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, str(look(folder)).encode())
        os._exit(0)
    os.close(write)
    os.wait()
    with open(read) as answer:
        return answer.read()


if __name__ == "__main__":
    main()
