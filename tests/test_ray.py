"""Encoding and fitting in the workers of Ray: equal to this process, whatever is killed."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from torch import nn

from featx import (
    Backend,
    CompactAutoencoder,
    PatchAutoencoder,
    PredictiveAutoencoder,
    Protocol,
    RawPixels,
    TorchEncoder,
    UntrainedAutoencoder,
    bench,
    load_dataset,
    make_encoders,
)
from featx.cli import main
from featx.errors import DataError, FeatxError
from featx.features import FeatureCache, chunks
from featx.features.engines import RayEngine, make_engine
from featx.images import Dataset, decode
from featx.workers import make_executor

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module", autouse=True)
def stopped_afterwards():
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)


@pytest.fixture
def mapped(tmp_path):
    """Images in a memory map, as those of a folder are."""
    images = make_images(120, size=12, channels=3)
    np.save(tmp_path / "images.npy", images.X)
    X = np.load(tmp_path / "images.npy", mmap_mode="r")
    return type(images)(X[7:], images.y[7:], images.ids[7:], images.class_names)


@pytest.mark.parametrize(
    "encoder",
    [
        RawPixels(),
        UntrainedAutoencoder(random_state=0),
        PatchAutoencoder(n_components=16, max_epochs=1, n_patches=500, random_state=0),
        CompactAutoencoder(8, n_filters=8, random_state=0),
        PredictiveAutoencoder(
            8, n_filters=8, n_channels=4, max_epochs=1, random_state=0
        ),
        TorchEncoder(
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3)), pool=2
        ),
    ],
    ids=lambda e: type(e).__name__,
)
def test_features_equal_those_of_this_process_to_the_bit(encoder, mapped, tmp_path):
    here, there = FeatureCache(tmp_path / "here"), FeatureCache(tmp_path / "there")
    local = here.encode(here.fit(encoder, mapped), mapped)
    far = there.encode(there.fit(encoder, mapped), mapped, engine=make_engine("ray"))
    assert np.array_equal(local.X, far.X)
    file = f"features/{local.key}/features.npy"
    assert (here.folder / file).read_bytes() == (there.folder / file).read_bytes()
    assert there.store.verify() == []
    shuffled = mapped.take(np.arange(len(mapped))[::-1])
    more = make_images(30, size=12, channels=3, seed=9)
    assert there.encode(there.fit(encoder, mapped), shuffled).cached
    assert (
        there.encode(
            there.fit(encoder, mapped), more, engine=make_engine("ray")
        ).n_encoded
        == 30
    )


class Slow(RawPixels):
    """Takes its time, and tells which process it is in."""

    def transform(self, X):
        with open(os.environ["FEATX_TEST_PIDS"], "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.3)
        return super().transform(X)


def test_what_stands_in_own_files_travels(mapped, tmp_path):
    (tmp_path / "beside_the_own.py").write_text("SCALE = 3\n")
    own = tmp_path / "own.py"
    own.write_text(
        "import beside_the_own\nimport numpy as np\nfrom torch import nn\n"
        "from sklearn.preprocessing import FunctionTransformer\n\n\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return beside_the_own.SCALE * x.mean(1, keepdim=True)\n\n\n"
        "def rows(X):\n"
        "    return beside_the_own.SCALE * np.asarray(X, float).mean((1, 2))\n\n\n"
        "thing = FunctionTransformer(rows)\n"
    )
    names = [f"{own}:Net", f"{own}:thing"]
    for encoder in make_encoders(names, n_images=9, n_pixels=64).values():
        here, there = FeatureCache(tmp_path / "here"), FeatureCache(tmp_path / "there")
        local = here.encode(here.fit(encoder, mapped), mapped)
        far = there.encode(
            there.fit(encoder, mapped), mapped, engine=make_engine("ray")
        )
        assert not far.cached and np.array_equal(local.X, far.X)


def test_a_killed_worker_changes_nothing(mapped, tmp_path, monkeypatch):
    told = tmp_path / "pids"
    ray.shutdown()  # workers see the environment that Ray was started in
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setenv("FEATX_TEST_PIDS", str(told))
    cache = FeatureCache(tmp_path / "cache")
    fitted = cache.fit(RawPixels(), mapped)
    vars(fitted)["encoder"] = Slow().fit(mapped.X)
    killed = []

    def kill():
        while len(killed) < 3:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for pid in set(map(int, told.read_text().split())) - set(killed):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    time.sleep(0.5)
            time.sleep(0.05)

    threading.Thread(target=kill, daemon=True).start()
    encoded = cache.encode(fitted, mapped, engine=make_engine("ray"))
    assert len(killed) >= 3
    assert np.array_equal(encoded.X, RawPixels().fit_transform(mapped.X))
    ray.shutdown()


DEADLY = (3, 17, 31)


def squared(number):
    """Square a number; the first worker that gets a deadly one dies of it."""
    time.sleep(0.05)
    begun = Path(os.environ["FEATX_TEST_BEGUN"]) / str(number)
    if number in DEADLY and not begun.exists():
        begun.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def test_tasks_of_killed_workers_are_done_by_others(tmp_path, monkeypatch):
    ray.shutdown()
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setenv("FEATX_TEST_BEGUN", str(tmp_path))
    done = list(make_executor("ray")(squared, [(i,) for i in range(40)]))
    assert sorted(done) == [(i, i**2) for i in range(40)]  # each once
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == list(DEADLY)
    ray.shutdown()


def test_images_read_by_workers_equal_those_read_here(tmp_path, monkeypatch):
    from test_shards import pairs, write_tar

    monkeypatch.setattr(decode, "SERIAL", 1)
    monkeypatch.setattr(decode, "CHUNK", 7)
    root = tmp_path / "set"
    members = [*pairs(0, 30), ("x.png", b"no image"), ("x.cls", b"a")]
    write_tar(root / "train-0.tar", members)
    write_tar(root / "test-0.tar", pairs(30, 60))
    here = load_dataset(root, cache_dir=tmp_path / "here")
    there = load_dataset(root, cache_dir=tmp_path / "there", engine="ray")
    assert here.describe() == there.describe()
    assert [one.id for one in there.skipped] == ["train-0.tar/x.png"]
    (root / "train-0.tar").write_bytes(b"cut short")
    with pytest.raises(DataError, match="no whole tar"):
        load_dataset(root, cache_dir=tmp_path / "there", engine="ray")


def test_an_interrupted_encoding_goes_on(mapped, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    fitted = cache.fit(RawPixels(), mapped)

    def broken(encoder, X, rows):
        yield from list(make_engine("ray")(encoder, X, rows[:4]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.encode(fitted, mapped, engine=broken)
    encoded = cache.encode(fitted, mapped, engine=make_engine("ray"))
    assert encoded.n_encoded in (73, 83)  # the last chunk may not have been written yet
    assert np.array_equal(encoded.X, RawPixels().fit_transform(mapped.X))


def test_a_whole_table_equals_the_local_one(dataset, tmp_path, capsys):
    encoders = {
        "raw": RawPixels(),
        "untrained": UntrainedAutoencoder(random_state=0),
        "patch": PatchAutoencoder(
            n_components=16, max_epochs=1, n_patches=500, random_state=0
        ),
        "small": UntrainedAutoencoder(n_components=4, random_state=1),
    }
    classifiers = ["linear-svm", "svm", "logreg", "knn"]
    tables = []
    for engine in ("local", "ray"):
        cache = FeatureCache(tmp_path / engine)
        results = bench(
            dataset, encoders, classifiers, cache=cache, backend=Backend(engine=engine)
        )
        assert len([e for e in cache.store.entries() if e.kind == "rows"]) == 16
        tables.append(
            [
                (
                    row.name,
                    row.scores.accuracy,
                    row.scores.confusion.tolist(),
                    row.notes,
                )
                for row in results.rows
            ]
        )
        again = bench(
            dataset, encoders, classifiers, cache=cache, backend=Backend(engine=engine)
        )
        assert all(row.cached["classifier"] for row in again.rows)
    assert tables[0] == tables[1]


def test_folds_of_groups_are_equal_too(tmp_path):
    images = make_images(90, size=10)
    images = replace(images, groups=np.arange(90) // 3)
    train, test = images.take(np.arange(72)), images.take(np.arange(72, 90))
    dataset = Dataset("blocks", train, test, np.arange(72) >= 63, test_given=False)
    encoders = {
        "raw": RawPixels(),
        "patch": PatchAutoencoder(8, max_epochs=1, n_patches=500, random_state=0),
    }
    here, there = (
        bench(
            dataset,
            encoders,
            ["ridge", "knn"],
            cache=FeatureCache(tmp_path / engine),
            backend=Backend(engine=engine),
            protocol=Protocol(folds=4),
        )
        for engine in ("local", "ray")
    )
    for row in here.rows:
        assert np.array_equal(here.predictions[row.name], there.predictions[row.name])
        assert row.scores.accuracy_ci95 == next(
            one.scores.accuracy_ci95 for one in there.rows if one.name == row.name
        )
    assert np.array_equal(here.answers, there.answers)
    assert here.comparisons == there.comparisons


def test_the_command_line(tmp_path, capsys):
    words = ["encode", "--encoder", "untrained", "--limit", "100", "--quiet", "--json"]
    shown = []
    for engine in ("local", "ray"):
        cache = str(tmp_path / engine)
        assert main([*words, "--engine", engine, "--cache-dir", cache]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    files = [one["features"]["train"] for one in shown]
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()


def test_a_cluster_that_is_not_there(mapped, tmp_path):
    ray.shutdown()
    cache = FeatureCache(tmp_path / "cache")
    with pytest.raises(FeatxError, match=r"no Ray cluster at '127.0.0.1:1'.*--address"):
        cache.encode(
            cache.fit(RawPixels(), mapped), mapped, engine=RayEngine("127.0.0.1:1")
        )


def test_images_that_workers_cannot_see(mapped, tmp_path):
    gone = np.memmap(tmp_path / "images.npy", np.uint8, "r", 0, (20, 12, 12, 3))
    images = type(mapped)(gone, mapped.y[:20], mapped.ids[:20], mapped.class_names)
    cache = FeatureCache(tmp_path / "cache")
    fitted = cache.fit(RawPixels(), images)
    images.digest  # noqa: B018  # read before it is gone
    (tmp_path / "images.npy").unlink()
    with pytest.raises(FeatxError, match="every worker of the cluster to see"):
        cache.encode(fitted, images, engine=make_engine("ray"))
