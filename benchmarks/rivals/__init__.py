"""What a competent user would write instead: one short script for each idea.

Each is run as ``python -m benchmarks.rivals.NAME DIR SIZE`` and prints its test accuracy;
`SIZE` says how much work it does. `benchmarks.speedrun` times them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from PIL import Image


def read(folder: str, part: str) -> tuple[Any, Any]:
    """Read a tree DIR/PART/CLASS/*: images (n, h, w, 3) of uint8, and labels."""
    root = Path(folder) / part
    names = sorted(one.name for one in root.iterdir())
    files = [
        (file, i) for i, n in enumerate(names) for file in sorted((root / n).iterdir())
    ]
    read_one = delayed(lambda file: np.asarray(Image.open(file).convert("RGB")))
    images = Parallel(n_jobs=-1, batch_size=500)(read_one(file) for file, _ in files)
    order = np.random.default_rng(0).permutation(len(files))
    return np.stack(images)[order], np.array([i for _, i in files])[order]
