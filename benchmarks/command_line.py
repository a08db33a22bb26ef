"""Running `featx` as people do, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def featx(words: Sequence[str], cache: Path) -> None:
    """Run one command with a cache of its own; its output is thrown away."""
    subprocess.run(
        [sys.executable, "-m", "featx", *words, "--cache-dir", str(cache), "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
