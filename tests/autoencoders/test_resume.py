"""Training that is interrupted, and training that lacks memory."""

import copy
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from blocks import make_images

from featx import (
    ConvAutoencoder,
    PatchAutoencoder,
    PredictiveAutoencoder,
    resumable,
)
from featx.autoencoders import checkpoint
from featx.cli import main
from featx.errors import FeatxWarning
from featx.features import FeatureCache
from featx.store import Store

IMAGES = make_images(64, size=9)
X = IMAGES.X
COMMON = {"max_epochs": 6, "batch_size": 16, "random_state": 0, "device": "cpu"}
ENCODERS = [
    ConvAutoencoder(n_components=4, augment="flip", n_iter_no_change=2, **COMMON),
    ConvAutoencoder(n_components=4, early_stopping=False, **COMMON),
    PatchAutoencoder(n_components=8, n_patches=300, **COMMON),
    PredictiveAutoencoder(4, n_channels=4, **COMMON),
]


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "_SHARE", np.inf)


class StopAfter:
    """A callback that breaks the training off as a killed process does."""

    def __init__(self, epochs):
        self.epochs = epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.epochs:
            raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        pass


def weights(encoder):
    return {k: v.numpy() for k, v in encoder.module_.state_dict().items()}


def interrupted(encoder, file, epochs):
    started = copy.deepcopy(encoder).set_callbacks(StopAfter(epochs))
    with pytest.raises(KeyboardInterrupt), resumable(file):
        started.fit(X)


@pytest.mark.parametrize("epochs", [1, 4])
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: type(e).__name__)
def test_an_interrupted_training_ends_with_the_weights_of_an_undisturbed_one(
    encoder, epochs, tmp_path
):
    undisturbed = copy.deepcopy(encoder).fit(X)
    file = tmp_path / "state"
    epochs = min(epochs, undisturbed.n_iter_ - 1)
    interrupted(encoder, file, epochs)
    assert file.is_file()
    told = []
    with resumable(file) as progress:
        resumed = copy.deepcopy(encoder).set_callbacks(Tell(told)).fit(X)
    assert progress.epoch == epochs and progress.seconds > 0
    assert told == list(range(epochs, undisturbed.n_iter_))
    assert resumed.history_ == undisturbed.history_
    assert resumed.n_iter_ == undisturbed.n_iter_
    for name, tensor in weights(undisturbed).items():
        assert np.array_equal(weights(resumed)[name], tensor), name
    assert not file.exists()


class Tell(StopAfter):
    """A callback that notes the number of each epoch."""

    def __init__(self, told):
        self.told = told

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.told.append(context.task_id)


@pytest.mark.parametrize(
    "change", ["images", "order", "parameters", "damaged", "truncated", "empty"]
)
def test_a_state_that_does_not_belong_is_not_used(change, tmp_path):
    file = tmp_path / "state"
    encoder, images = ENCODERS[0], X
    interrupted(encoder, file, 3)
    if change == "images":
        images = X.copy()
        images[5, 5, 5, 0] ^= 1
    elif change == "order":
        images = X[::-1]
    elif change == "parameters":
        encoder = copy.deepcopy(encoder).set_params(learning_rate=1e-3)
    else:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        end = {"damaged": len(content), "truncated": 900, "empty": 0}[change]
        file.write_bytes(content[:end])
    undisturbed = copy.deepcopy(encoder).fit(images)
    with resumable(file) as progress:
        trained = copy.deepcopy(encoder).fit(images)
    assert progress.epoch == 0
    assert trained.history_ == undisturbed.history_


def test_little_of_the_time_goes_into_keeping_states(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_SHARE", 0.05)
    kept = checkpoint.Checkpoint(tmp_path / "state")
    kept._cost = 0.5  # seconds; so the next one is kept after 10
    kept.keep("this", {"epoch": 1})
    assert not kept.file.exists()
    kept._kept -= 11
    kept.keep("this", {"epoch": 2})
    assert checkpoint.Checkpoint(kept.file).read("this") == {"epoch": 2}


COMMAND = """
import os, sys
from featx.autoencoders import checkpoint
from featx.cli import main
checkpoint._SHARE = float("inf")
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_process_is_continued_by_the_same_command(tmp_path, capsys):
    words = ["encode", "--encoder", "conv", "--epochs", "50", "--limit", "200"]
    words += ["--json", "--quiet", "--cache-dir"]
    folder = tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *words, folder])
    while not list(folder.glob("encoders/*.partial/training.state")):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 130
    (entry,) = [e for e in Store(folder).entries() if e.kind == "encoders"]
    assert not entry.complete
    assert main([*words, str(folder)]) == 0
    assert main([*words, str(tmp_path / "other")]) == 0
    first, second = (
        {p.relative_to(f): p.read_bytes() for p in f.glob("features/*/features.npy")}
        for f in (folder, tmp_path / "other")
    )
    assert first == second and len(first) == 2
    assert not list(folder.glob("encoders/*.partial"))


@pytest.mark.parametrize(("resume", "epochs"), [(True, 3), (False, 0)])
def test_a_cache_that_shall_not_resume_begins_anew(tmp_path, resume, epochs):
    encoder = copy.deepcopy(ENCODERS[0])
    with pytest.raises(KeyboardInterrupt):
        cache = FeatureCache(tmp_path)
        cache.fit(copy.deepcopy(encoder).set_callbacks(StopAfter(3)), IMAGES)
    told = []
    encoder.set_callbacks(Tell(told))
    FeatureCache(tmp_path, resume=resume).fit(encoder, IMAGES)
    assert told[0] == epochs


def lack_memory(monkeypatch, network, most, methods):
    """Let the network fail as a GPU does when it gets more than `most` images."""
    seen = []
    for name in methods:
        method = getattr(network, name)

        def limited(self, images, *rest, method=method):
            if len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            seen.append(len(images))
            return method(self, images, *rest)

        monkeypatch.setattr(network, name, limited)
    return seen


def test_without_memory_a_batch_is_halved_and_said_so(monkeypatch):
    encoder = ENCODERS[0]
    expected = copy.deepcopy(encoder).fit(X)
    features = expected.transform(X)
    seen = lack_memory(monkeypatch, type(expected.module_), 5, ["loss", "encode"])
    with pytest.warns(FeatxWarning, match="too little memory on cpu; . images") as told:
        trained = copy.deepcopy(encoder).fit(X)
    assert ["8 images" in str(w.message) for w in told] == [True, False]
    assert "4 images" in str(told[-1].message)
    assert max(seen) <= 5
    # the gradients are those of the whole batch; only batch statistics are of a part
    assert trained.history_["loss"] == pytest.approx(expected.history_["loss"], rel=0.3)
    with pytest.warns(FeatxWarning, match="images at once"):
        assert np.allclose(expected.transform(X), features, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_memory_for_not_even_the_least_is_one_line(monkeypatch, tmp_path, capsys):
    lack_memory(monkeypatch, type(ENCODERS[0].fit(X).module_), 0, ["loss"])
    words = ["encode", "--encoder", "conv", "--limit", "64", "--quiet"]
    code = main([*words, "--cache-dir", str(tmp_path)])
    said = capsys.readouterr().err
    assert code == 1 and "no more memory" in said and "too little memory on cpu" in said
