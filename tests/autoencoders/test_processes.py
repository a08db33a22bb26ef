"""Two processes train as one does."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from multiprocessing import get_context

import numpy as np
import pytest
import torch.distributed as dist

from featx import ConvAutoencoder

PARAMS = {"max_epochs": 4, "batch_size": 64, "hidden_channels": (8,), "random_state": 0}
SCRIPT = """
import json, sys
import torch.distributed as dist
from autoencoders.test_processes import PARAMS, make_blobs
from featx import ConvAutoencoder

dist.init_process_group("gloo")
encoder = ConvAutoencoder(**PARAMS).fit(make_blobs())
features = encoder.transform(make_blobs()[:9])
with open(f"{sys.argv[1]}/{dist.get_rank()}.json", "w") as stream:
    json.dump([encoder.history_, features.tolist()], stream)
dist.destroy_process_group()
"""


def make_blobs(n=301):
    rng = np.random.default_rng(0)
    rows = np.arange(16)
    centre = rng.uniform(3, 13, (n, 2, 1))
    near = np.exp(-((rows - centre) ** 2) / 8)
    return (255 * near[:, 0, :, None] * near[:, 1, None, :]).astype(np.uint8)


def fit_as(rank, store):
    dist.init_process_group(
        "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    try:
        return ConvAutoencoder(**PARAMS).fit(make_blobs())
    finally:
        dist.destroy_process_group()


def test_two_processes_have_the_loss_curve_of_one(tmp_path):
    alone = ConvAutoencoder(**PARAMS).fit(make_blobs())
    context = get_context("spawn")
    other = context.Process(target=fit_as, args=(1, tmp_path / "store"))
    other.start()
    together = fit_as(0, tmp_path / "store")
    other.join(60)
    assert other.exitcode == 0
    assert together.n_iter_ == alone.n_iter_ == 4
    for name, losses in alone.history_.items():
        assert together.history_[name] == pytest.approx(losses, rel=0.05)
        assert losses[-1] < 0.95 * losses[0]


@pytest.mark.slow
def test_torchrun_gives_all_processes_the_same_network(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*torchrun, "--nproc-per-node", "2", tmp_path / "script.py", tmp_path],
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    first, second = (json.loads((tmp_path / f"{i}.json").read_text()) for i in (0, 1))
    assert first == second
