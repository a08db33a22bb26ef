"""`featx serve` under load on the loopback: requests, latency, memory; nothing is lost.

    python -m benchmarks.serve
    python -m benchmarks.serve --model model.featx --requests 500 --memory 1000

A server in a process of its own, and clients in threads of this one that keep their
connections and send one picture a request, each as soon as the last was answered. Every
answer is compared with what the model says of that picture here. Without a model, one of
`digits` is made first. Then the resident memory of the server, over ten thousand requests
of eight clients.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import featx
from benchmarks.pages import with_section
from featx.cli import main as featx_command
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "serve.json"
PAGE = ROOT / "benchmarks" / "README.md"
CLIENTS = (1, 8, 64)
_HEADERS = {"Content-Type": "multipart/form-data; boundary=cut"}
_N_PICTURES = 100
_WARM_UP = 200  # requests that are not measured
_STEPS = 10  # at which memory is looked at


def small_model(folder: Path) -> Path:
    """Fit a small encoder and a classifier on `digits`."""
    file = folder / "digits.featx"
    words = ["--encoder", "patch", "--clf", "linear-svm", "--set", "n_components=32"]
    words += ["--cache-dir", str(folder), "--save", str(file), "--quiet"]
    if featx_command(["fit", "digits", *words]):
        raise SystemExit("Got no model, but expected one of digits.")
    return file


def pictures(model: featx.Model) -> tuple[list[bytes], list[str]]:
    """Write pictures of digits, as large as the model sees them, as bodies of requests."""
    height, width, channels = model.image_shape
    bodies, pixels = [], []
    for digit in load_digits().images[:_N_PICTURES]:
        gray = Image.fromarray(np.rint(digit * 255 / 16).astype(np.uint8))
        image = gray.resize((width, height)).convert("L" if channels == 1 else "RGB")
        pixels.append(np.asarray(image).reshape(model.image_shape))
        stream = io.BytesIO()
        image.save(stream, "PNG")
        head = (
            '--cut\r\nContent-Disposition: form-data; name="images"; filename="a.png"'
        )
        body = f"{head}\r\n\r\n".encode() + stream.getvalue() + b"\r\n--cut--\r\n"
        bodies.append(body)
    return bodies, model.predict(np.stack(pixels)).tolist()


class Load:
    """A server, and clients that ask it.

    Parameters
    ----------
    file : Path
        The model.
    """

    def __init__(self, file: Path) -> None:
        command = [sys.executable, "-m", "featx", "serve", str(file), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if " at http://" not in line:
            raise SystemExit(line + self.process.stderr.read())
        self.port = int(line.rpartition(":")[2])
        self.bodies, self.classes = pictures(featx.load(file))

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.communicate(timeout=30)

    def mebibytes(self) -> float:
        """Resident memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if "VmRSS" in line)
        return int(line.split()[1]) / 1024

    def health(self) -> dict[str, int]:
        """Say how many images were named, in how many batches."""
        client = http.client.HTTPConnection("127.0.0.1", self.port)
        client.request("GET", "/health")
        document: dict[str, int] = json.load(client.getresponse())
        client.close()
        return document

    def ask(self, n_requests: int, n_clients: int) -> dict[str, Any]:
        """Send so many requests from so many clients; rates, latencies and losses."""
        before, start = self.health(), time.perf_counter()
        shares = [range(first, n_requests, n_clients) for first in range(n_clients)]
        with ThreadPoolExecutor(n_clients) as pool:
            found = list(pool.map(self._client, shares))
        took, after = time.perf_counter() - start, self.health()
        times = np.concatenate([times for times, _ in found])
        n_images = after["images"] - before["images"]
        return {
            "clients": n_clients,
            "requests": n_requests,
            "lost": sum(lost for _, lost in found) + n_requests - n_images,
            "per_second": round(n_requests / took, 1),
            "median_ms": round(1000 * float(np.median(times)), 2),
            "p95_ms": round(1000 * float(np.quantile(times, 0.95)), 2),
            "images_per_batch": round(
                n_images / (after["batches"] - before["batches"]), 2
            ),
        }

    def _client(self, numbers: Sequence[int]) -> tuple[list[float], int]:
        """Send requests one after the other; seconds of each, and wrong answers."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        times, lost = [], 0
        for number in numbers:
            row, start = number % len(self.bodies), time.perf_counter()
            client.request("POST", "/predict", self.bodies[row], _HEADERS)
            response = client.getresponse()
            document = json.loads(response.read())
            times.append(time.perf_counter() - start)
            said = [image.get("class") for image in document.get("images", ())]
            lost += said != [self.classes[row]]
        client.close()
        return times, lost


def measure(file: Path, n_requests: int, n_memory: int) -> dict[str, Any]:
    """Measure a model under load."""
    load = Load(file)
    try:
        load.ask(_WARM_UP, max(CLIENTS))
        rows = [load.ask(n_requests, n_clients) for n_clients in CLIENTS]
        memory, lost = [load.mebibytes()], 0
        for _ in range(_STEPS):
            lost += load.ask(n_memory // _STEPS, 8)["lost"]
            memory.append(load.mebibytes())
    finally:
        load.close()
    return {
        "machine": describe_machine(),
        "model": [type(step).__name__ for _, step in featx.load(file).pipeline.steps],
        "image_shape": list(featx.load(file).image_shape),
        "rows": rows,
        "memory": {
            "requests": n_memory,
            "lost": lost,
            "mebibytes": [round(value, 1) for value in memory],
        },
    }


def table(document: dict[str, Any]) -> str:
    """Write a line for each number of clients, and one about memory."""
    lines = [
        "| clients | requests | lost | requests/s | median | p95 | images a batch |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in document["rows"]:
        lines.append(
            f"| {row['clients']} | {row['requests']:,} | {row['lost']} "
            f"| {row['per_second']:,.0f} | {row['median_ms']:.1f} ms "
            f"| {row['p95_ms']:.1f} ms | {row['images_per_batch']:.1f} |"
        )
    memory, machine = document["memory"], document["machine"]
    sizes = memory["mebibytes"]
    lines += [
        "",
        f"Resident memory over {memory['requests']:,} more requests of 8 clients: "
        f"{sizes[0]:,.0f} MiB before, {sizes[-1]:,.0f} MiB after, {max(sizes):,.0f} MiB at "
        f"most; {memory['lost']} lost. {machine['processor']}, {machine['cores']} cores, "
        "which the clients share. n = 1.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="instead of one of digits")
    parser.add_argument("--requests", type=int, default=4000, help="per row")
    parser.add_argument("--memory", type=int, default=10_000, help="for the memory")
    parser.add_argument("--print", action="store_true", help="write no file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = given.model or small_model(Path(folder))
        document = measure(file, given.requests, given.memory)
    print(table(document))
    if not given.print:
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")
        PAGE.write_text(with_section(PAGE.read_text(), "serve", table(document)))


if __name__ == "__main__":
    main()
