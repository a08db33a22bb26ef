"""How many copies across the parts are found, and how many are found where there are none.

``python -m benchmarks.duplicates FOLDER... [--out FILE]`` takes `digits` and each folder of
class folders, splits it at random (what is found then is false, or a copy that the set
came with), and plants copies of several kinds (what is found then is right). Frames are
windows that wander over a picture, so that neighbors are alike and none are equal.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx import load_dataset
from featx.evaluation import find_duplicates

Images = NDArray[np.uint8]
LIMIT = 3000
FRAMES = 20  # of a scene


def noisy(X: Images, sd: float, rng: np.random.Generator) -> Images:
    """Add noise of a standard deviation, in gray levels of 255."""
    return np.clip(X + rng.normal(0, sd, X.shape), 0, 255).round().astype(np.uint8)


def brighter(X: Images, rng: np.random.Generator) -> Images:
    """Change the contrast of each image by up to a fifth."""
    factor = rng.uniform(0.8, 1.2, (len(X), 1, 1, 1))
    return np.clip(X * factor, 0, 255).round().astype(np.uint8)


def as_jpeg(X: Images, rng: np.random.Generator) -> Images:
    """Write each image as a JPEG file and read it again."""
    again = []
    for image in X:
        buffer = io.BytesIO()
        plain = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(plain).save(buffer, "JPEG", quality=int(rng.integers(40, 80)))
        again.append(np.asarray(Image.open(buffer)).reshape(image.shape))
    return np.stack(again)


def planted(
    X: Images, copies: int, change: Callable[[Images], Images]
) -> dict[str, int]:
    """Put each image into the test part once, and `copies` times into training."""
    X = X[: max(60, len(X) // (2 * copies))]
    train = np.concatenate([change(X) for _ in range(copies)])
    found = find_duplicates(train, change(X))
    right = (found.of % len(X) == np.arange(len(X))) & (found.of >= 0)
    return {"found": len(found.test_rows), "rightly": int(right.sum()), "of": len(X)}


def frames(X: Images, rng: np.random.Generator) -> dict[str, int]:
    """Let a window wander over each image, and split its frames at random."""
    X = X[: max(40, len(X) // FRAMES)]
    side = [round(0.75 * size) for size in X.shape[1:3]]
    room = np.array(X.shape[1:3]) - side
    made = []
    for image in X:
        place = rng.uniform(0, room)
        for _ in range(FRAMES):
            top, left = place.round().astype(int)
            made.append(image[top : top + side[0], left : left + side[1]])
            place = np.clip(place + rng.normal(0, 1, 2), 0, room)
    seen = noisy(np.stack(made), 2, rng)
    order = rng.permutation(len(seen))
    test, train = np.split(order, [len(seen) // 5])
    found = find_duplicates(seen[train], seen[test])
    same = train[found.of] // FRAMES == test // FRAMES
    right = same & (found.of >= 0)
    return {"found": len(found.test_rows), "rightly": int(right.sum()), "of": len(test)}


def measure(X: Images, seed: int = 0) -> dict[str, Any]:
    """Count what is found in a set as it is, and with copies planted."""
    rng = np.random.default_rng(seed)
    X = X[rng.permutation(len(X))[:LIMIT]]
    cut = len(X) // 5
    start = time.perf_counter()
    none = find_duplicates(X[cut:], X[:cut])
    seconds = time.perf_counter() - start
    cases = {
        "equal, 1 in training": planted(X, 1, lambda x: x),
        "equal, 2 in training": planted(X, 2, lambda x: x),
        "equal, 3 in training": planted(X, 3, lambda x: x),
        "noise 2, 5 in training": planted(X, 5, lambda x: noisy(x, 2, rng)),
        "noise 5, 5 in training": planted(X, 5, lambda x: noisy(x, 5, rng)),
        "noise 10, 5 in training": planted(X, 5, lambda x: noisy(x, 10, rng)),
        "contrast, 2 in training": planted(X, 2, lambda x: brighter(x, rng)),
        "JPEG, 2 in training": planted(X, 2, lambda x: as_jpeg(x, rng)),
        "frames, 20 of a scene": frames(X, rng),
    }
    as_it_is = {
        "found": len(none.test_rows),
        "equal in every pixel": none.n_exact,
        "of": cut,
    }
    return {"as it is": as_it_is, "seconds": round(seconds, 2)} | cases


def main() -> None:
    """Measure `digits` and each folder, and print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = {}
    for data in ("digits", *arguments.folders):
        dataset = load_dataset(data)
        X = np.concatenate([dataset.train.X, dataset.test.X])
        table[Path(data).name] = measure(X)
        for what, counts in table[Path(data).name].items():
            print(f"{Path(data).name:<12} {what:<26} {counts}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
