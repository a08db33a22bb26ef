import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

# as on the command line: tests run side by side, and threads that spin while they wait
# take the cores of the others
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
os.environ.pop("COLUMNS", None)  # tests say how wide a terminal is
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

from featx.cli import main
from featx.features import FeatureCache
from featx.images import Dataset


@pytest.fixture
def dataset():
    train = make_images(60, prefix="train/")
    return Dataset(
        "blocks",
        train,
        make_images(30, seed=1, prefix="test/"),
        validation=np.arange(60) >= 54,
    )


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache")


@pytest.fixture
def made_elsewhere():
    """Called with the folder of an entry: another process makes it inside the block."""
    code = """
import sys
from pathlib import Path
from featx.store.locks import sole_maker
with sole_maker(Path(sys.argv[1]), "test", None):
    print("held", flush=True)
    sys.stdin.read()
"""

    @contextmanager
    def hold(folder):
        command = [sys.executable, "-c", code, folder]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as maker:
            assert maker.stdout.readline() == "held\n"
            yield
            maker.communicate("")

    return hold


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test touches the user's cache, and each starts with an empty one."""
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "user-cache"))
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def cifar10():
    folder = os.environ.get("FEATX_CIFAR10_JPEG")
    if not folder:
        pytest.skip("FEATX_CIFAR10_JPEG does not name a folder of CIFAR-10 images")
    return folder


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Call the command line in an empty folder; exit code, stdout and stderr."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*args):
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for part, n, seed in (("train", 60, 0), ("test", 30, 1)):
        images = make_images(n, channels=3, seed=seed)
        for i, (image, label) in enumerate(zip(images.X, images.y, strict=True)):
            file = root / part / images.class_names[label] / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    return root


@pytest.fixture
def model(run, folder):
    words = ["--encoder", "raw", "--clf", "knn", "--save", "m.featx", "--quiet"]
    assert run("fit", folder, *words)[0] == 0
    return "m.featx"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
