"""The large convolutional autoencoder for a GPU, and what it would cost.

    python -m benchmarks.cifar10_gpu DIR            train it and score it; needs a GPU
    python -m benchmarks.cifar10_gpu DIR --steps 3  a few steps anywhere, operations counted

The second prints the operations of one step as torch counts them, of the whole training,
and how long that is at several rates. What it would reach has not been measured.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from featx import ConvAutoencoder, FeatureCache, bench, load_dataset
from featx.autoencoders.tensors import to_tensor
from featx.machine import describe_machine

EPOCHS = 400
RESULTS = Path(__file__).parent / "results" / "cifar10_gpu.json"


def large(**params: object) -> ConvAutoencoder:
    """Build the network: 128-256-512 channels, batches of 512."""
    return ConvAutoencoder(
        n_components=512,
        hidden_channels=(128, 256),
        batch_size=512,
        learning_rate=3e-3,
        early_stopping=False,
        random_state=0,
        **params,
    )


def count(images: np.ndarray, n_images: int, steps: int) -> None:
    """Run a few steps; print operations and time of a step, and of the training."""
    encoder = large(max_epochs=1)
    encoder.fit(images[: encoder.batch_size])
    network = encoder.module_.train()
    device = next(network.parameters()).device
    batch = to_tensor(images[: encoder.batch_size]).to(device)
    generator = torch.Generator(device).manual_seed(0)
    with FlopCounterMode(display=False) as counter:
        network.loss(batch, generator).backward()
    per_step = counter.get_total_flops()
    start = time.perf_counter()
    for _ in range(steps):
        network.loss(batch, generator).backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / steps
    whole = per_step * math.ceil(n_images / encoder.batch_size) * EPOCHS
    print(
        f"one step of {len(batch)} images: {per_step / 1e12:.3f} TFLOP, {seconds:.1f} s"
    )
    print(f"{EPOCHS} epochs of {n_images:,} images: {whole / 1e15:.1f} PFLOP")
    for rate in (10, 50, 100):
        print(f"at {rate} TFLOP/s: {whole / rate / 1e12 / 60:.0f} minutes")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="DIR/train/CLASS/*, DIR/test/CLASS/*")
    parser.add_argument("--steps", type=int, help="only count, on this machine")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        if args.steps:
            dataset = load_dataset(args.folder, cache_dir=work, limit=600)
            count(dataset.train.X, 50_000, args.steps)
            return
        if not torch.cuda.is_available():
            parser.error("no GPU here; use --steps 3 to count what it would take")
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        dataset = load_dataset(args.folder, cache_dir=work)
        results = bench(
            dataset,
            {"conv": large(max_epochs=EPOCHS)},
            ["linear-svm", "svm", "mlp"],
            cache=FeatureCache(work),
        )
        seconds = time.perf_counter() - start
    rows = {row.classifier: row.scores.accuracy for row in results.rows}
    print(rows, f"{seconds / 60:.1f} minutes")
    RESULTS.write_text(
        json.dumps(
            {"rows": rows, "wall_seconds": seconds, "machine": describe_machine()},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
