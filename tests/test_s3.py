"""Images in a bucket of a real object storage (moto's server), which is killed on the way.

The storage is reached through a forwarder with a port of its own; both are killed together.
moto keeps buckets in memory, so they are filled again before the forwarder returns.
"""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image
from pyarrow import parquet
from test_shards import IMAGES, pairs, write_tar

import featx
from featx.cli import main

pytest.importorskip("moto")
s3fs = pytest.importorskip("s3fs")
pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("default")]

FORWARD = """
import socket, sys, threading
here, there = int(sys.argv[1]), int(sys.argv[2])
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    b.close()
server = socket.create_server(("127.0.0.1", here))
while True:
    client, _ = server.accept()
    target = socket.create_connection(("127.0.0.1", there))
    for pair in ((client, target), (target, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise TimeoutError(port)


class Storage:
    """moto's server behind a forwarder."""

    def __init__(self, files):
        self.files, self.port = files, free_port()
        self.processes = []
        self.start()

    def start(self):
        inner = free_port()
        moto = [
            sys.executable,
            "-m",
            "moto.server",
            "-H",
            "127.0.0.1",
            "-p",
            str(inner),
        ]
        self.processes = [
            subprocess.Popen(moto, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ]
        wait_for(inner)
        url = f"http://127.0.0.1:{inner}"
        self.bucket = s3fs.S3FileSystem(endpoint_url=url, skip_instance_cache=True)
        self.bucket.mkdir("pictures")
        self.bucket.pipe({f"pictures/{path}": d for path, d in self.files.items()})
        forward = [sys.executable, "-c", FORWARD, str(self.port), str(inner)]
        self.processes.append(subprocess.Popen(forward))
        wait_for(self.port)

    def remember(self):
        """Hold all requests; what is in the bucket will be there after the next start."""
        self.processes[1].send_signal(signal.SIGSTOP)
        self.bucket.invalidate_cache()
        for path in self.bucket.find("pictures"):
            self.files[path.removeprefix("pictures/")] = self.bucket.cat(path)

    def kill(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def storage(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    images = make_images(600, channels=3)
    files = {
        f"images/{'abc'[label]}/{id_}": png(x)
        for x, label, id_ in zip(images.X, images.y, images.ids, strict=True)
    }
    storage = Storage(files)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{storage.port}")
    s3fs.S3FileSystem.clear_instance_cache()  # they know the last test's port
    yield storage
    storage.kill()


def test_from_a_bucket_and_back(storage, tmp_path, capsys):
    words = ["fit", "s3://pictures/images", "--encoder", "raw", "--clf", "knn"]
    words += [
        "--save",
        "s3://pictures/m.featx",
        "--quiet",
        "--cache-dir",
        str(tmp_path),
    ]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["predict", "s3://pictures/m.featx", "s3://pictures/images/b"]) == 0
    assert capsys.readouterr().out.count(",b,") == 200


def write_here(storage, folder):
    for name, data in storage.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return featx.load_dataset(folder / "images", cache_dir=folder / "cache")


ENCODE = """
import sys
from featx.cli import main
from featx.images import locations
locations.AT_ONCE = 2  # slow enough to be caught on the way
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_storage_that_is_killed_on_the_way(storage, tmp_path, comes_back):
    """The job ends right, or with one line; then the same command ends right."""
    words = ["encode", "s3://pictures/images", "--encoder", "raw", "--json"]
    words += ["--quiet", "--cache-dir", str(tmp_path / "cache")]
    patience = "" if comes_back else "from featx import remote; remote._PATIENCE = 1"
    command = [sys.executable, "-c", patience + ENCODE, *words]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    while not list((tmp_path / "cache").glob("images/.*/images.npy")):
        assert process.poll() is None
        time.sleep(0.01)
    storage.kill()
    if comes_back:
        time.sleep(3)
        storage.start()
    said = process.communicate(timeout=400)[1]
    if not comes_back:
        assert process.returncode == 1, said
        assert said.count("featx: Cannot reach ") == 1 and "Traceback" not in said
        assert "s3://pictures/images" in said
        storage.start()
        assert main(words) == 0
    else:
        assert process.returncode == 0, said
    found = featx.load_dataset("s3://pictures/images", cache_dir=tmp_path / "cache")
    expected = write_here(storage, Path(tmp_path))
    assert not found.skipped
    assert np.array_equal(found.train.X, expected.train.X)
    assert found.test.ids.tolist() == expected.test.ids.tolist()


SLOWLY = """
import sys, time
from featx.cli import main
from featx.features import tables
tables.FILE_BYTES = 10 * 4 * 192  # ten images in a file
write = tables.write_out
def slowly(place, content):
    time.sleep(0.1)
    write(place, content)
tables.write_out = slowly
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("comes_back", [True, False])
def test_shards_from_a_bucket_and_features_to_it_though_it_is_killed(
    storage, tmp_path, comes_back
):
    for part, span in (("train", (0, 40)), ("test", (40, 60))):
        file = write_tar(tmp_path / f"{part}.tar", pairs(*span))
        storage.files[f"shards/{part}-0.tar"] = file.read_bytes()
    storage.kill()
    storage.start()
    words = ["encode", "s3://pictures/shards", "--encoder", "raw", "--quiet"]
    words += [
        "--cache-dir",
        str(tmp_path / "cache"),
        "--tables",
        "s3://pictures/features",
    ]
    patience = "" if comes_back else "from featx import remote; remote._PATIENCE = 1"
    command = [sys.executable, "-c", patience + SLOWLY, *words]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while True:
        storage.bucket.invalidate_cache()
        if len(storage.bucket.find("pictures/features")) >= 2:
            break
        assert process.poll() is None
        time.sleep(0.05)
    storage.remember()
    storage.kill()
    if comes_back:
        time.sleep(3)
        storage.start()
    said = process.communicate(timeout=400)[1]
    if not comes_back:
        assert process.returncode == 1, said
        assert said.count("featx: Cannot reach ") == 1 and "Traceback" not in said
        storage.start()
        assert subprocess.run(command).returncode == 0
    else:
        assert process.returncode == 0, said
    storage.bucket.invalidate_cache()
    files = sorted(storage.bucket.find("pictures/features"))
    assert len(files) == 6
    found = {}
    for file in files:
        with storage.bucket.open(file) as stream:
            for row in parquet.read_table(stream).to_pylist():
                assert row["id"] not in found
                found[row["id"]] = row
    assert len(found) == 60
    for id_, row in found.items():
        number = int(id_[-8:-4])
        assert row["class"] == "abc"[IMAGES.y[number]]
        pixels = np.asarray(row["features"], np.float32)
        assert np.allclose(255 * pixels, IMAGES.X[number].ravel(), atol=1e-3)
