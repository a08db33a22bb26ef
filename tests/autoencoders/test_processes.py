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
    center = rng.uniform(3, 13, (n, 2, 1))
    near = np.exp(-((rows - center) ** 2) / 8)
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


def featx(*words, n=1, cache, **environment):
    several = [
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(n),
        "-m",
    ]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", *(several if n > 1 else [])),
            *("featx", "train", "--encoder", "conv", "--limit", "400", "--epochs", "4"),
            *("--set", "n_components=8", "--json", "--cache-dir", str(cache), *words),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
    )


def result(process):
    out, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    return json.loads(out), told


@pytest.mark.slow
def test_the_command_under_torchrun_has_the_loss_curve_of_one_process(tmp_path):
    alone, _ = result(featx(cache=tmp_path / "1"))
    together, told = result(featx(n=2, cache=tmp_path / "2"))
    assert told.count("digits: 400 training") == 1  # one of them speaks
    for name, losses in alone["history"].items():
        assert together["history"][name] == pytest.approx(losses, rel=0.05)
    assert alone["key"] == together["key"] and not together["cached"]
    again, _ = result(featx(n=2, cache=tmp_path / "2"))
    assert again["cached"] and again["history"] == together["history"]


@pytest.mark.slow
def test_an_interrupted_training_of_two_processes_goes_on(tmp_path):
    undisturbed, _ = result(featx(n=2, cache=tmp_path / "1"))
    script = tmp_path / "sitecustomize.py"
    script.write_text(
        "import os, time\n"
        "from featx.autoencoders import checkpoint\n"
        "keep = checkpoint.Checkpoint.keep\n"
        "def slowly(self, training, state):\n"
        "    self._cost = 0\n"
        "    keep(self, training, state)\n"
        "    if state['epoch'] == 2 and 'FEATX_STOP' in os.environ: os._exit(9)\n"
        "checkpoint.Checkpoint.keep = slowly\n"
    )
    here = os.pathsep.join([str(tmp_path), *sys.path])
    cut = featx(n=2, cache=tmp_path / "2", FEATX_STOP="1", PYTHONPATH=here)
    cut.communicate(timeout=240)
    assert cut.returncode != 0
    (state,) = (tmp_path / "2").rglob("training.state")
    went_on, _ = result(featx(n=2, cache=tmp_path / "2"))
    assert went_on["history"] == undisturbed["history"]
    assert not state.exists()
