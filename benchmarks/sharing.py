"""What a busy machine costs: a command alone, beside a busy loop, and twice at once.

``python -m benchmarks.sharing`` runs ``featx encode digits --encoder patch`` with an empty
cache each time, and prints the seconds and how many times those of a run alone they are;
``python -m benchmarks.sharing bench digits`` another command of featx.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

DEFAULT = ("encode", "digits", "--encoder", "patch", "-q")
BUSY = (sys.executable, "-c", "while True: pass")
RUNS = 3


def seconds(words: Sequence[str], n_runs: int, *, beside_busy: bool = False) -> float:
    """Run the command so many times at once; wall time until all are done."""
    busy = [subprocess.Popen(BUSY)] if beside_busy else []
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            runs = [
                subprocess.Popen(
                    (sys.executable, "-m", "featx", *words),
                    cwd=folder,
                    env=os.environ | {"FEATX_CACHE": f"{folder}/{number}"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for number in range(n_runs)
            ]
            if any([run.wait() for run in runs]):
                raise SystemExit(f"featx {' '.join(words)} failed")
            return time.perf_counter() - start
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> None:
    """Measure the three in turn."""
    words = sys.argv[1:] or DEFAULT
    found: dict[str, list[float]] = {"alone": [], "beside a busy loop": [], "two": []}
    for _ in range(RUNS):
        found["alone"].append(seconds(words, 1))
        found["beside a busy loop"].append(seconds(words, 1, beside_busy=True))
        found["two"].append(seconds(words, 2))
    alone = statistics.median(found["alone"])
    for name, taken in found.items():
        listed = ", ".join(f"{one:.0f}" for one in taken)
        ratio = statistics.median(taken) / alone
        print(f"{name}: {listed} s, {ratio:.2f} times a run alone")


if __name__ == "__main__":
    main()
