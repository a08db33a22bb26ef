"""From a folder of pictures to a served model, by the commands of the docs."""

import csv
import shlex
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from serving import Server
from sklearn.datasets import load_digits

from featx.cli import main

DOCS = Path(__file__).parents[2] / "docs" / "deployment.md"


def write_digits(folder, rows, *, by_class):
    """Write digits 0 to 2 as files, in a folder for each class or in one for all."""
    images, labels = load_digits(n_class=3, return_X_y=True)
    for row in rows:
        place = folder / str(labels[row]) if by_class else folder
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.rint(images[row].reshape(8, 8) * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{row:03}_{labels[row]}.png")


def test_five_commands_lead_from_a_folder_to_a_served_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    write_digits(Path("my-photos"), range(150), by_class=True)
    write_digits(Path("new-photos"), range(150, 170), by_class=False)
    block = DOCS.read_text().split("```console\n")[1].split("```")[0]
    commands = [shlex.split(line) for line in block.splitlines()]
    assert [words[:2] for words in commands] == [
        ["featx", name] for name in ("bench", "fit", "predict", "export", "serve")
    ]
    for words in commands[:-1]:
        assert main([*words[1:], "--quiet"]) == 0, words
    with Path("predictions.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 20 and "probability/2" in rows[0]
    right = [row["class"] == row["id"][-5] for row in rows]
    assert np.mean(right) > 0.85

    files = sorted(Path("new-photos").iterdir())
    session = onnxruntime.InferenceSession("model.onnx")
    images = np.stack([np.asarray(Image.open(file)) for file in files])[..., None]
    names, _ = session.run(None, {"images": images})
    assert names.tolist() == [row["class"] for row in rows]

    server = Server(commands[-1][2])
    try:
        answer = server.predict(*((file.name, file.read_bytes()) for file in files))
    finally:
        server.end()
    assert answer.status == 200
    said = [image["class"] for image in answer.document["images"]]
    assert said == names.tolist()
