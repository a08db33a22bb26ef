"""A server in a process of its own, and a client."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
from PIL import Image


class Answer(NamedTuple):
    status: int
    headers: dict
    document: object


def picture(pixels, kind="PNG", **options):
    """Write an image file into memory."""
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def form(*files, field="images"):
    """Write files, (name, content), as a form; its body and headers."""
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"'
        f"\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    return b"".join([*parts, b"--cut--\r\n"]), headers


class Server:
    """`featx serve MODEL`, on a free port."""

    def __init__(self, model, *words):
        command = [sys.executable, "-m", "featx", "serve", str(model), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *map(str, words)],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        line = self.process.stderr.readline()
        assert " at http://" in line, line + self.process.stderr.read()
        self.url = line.split(" at ")[1].strip()
        self.port = int(self.url.rpartition(":")[2])

    def ask(self, method, path, body=None, headers=None, timeout=30):
        """Send one request."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            client.request(method, path, body, headers or {})
            response = client.getresponse()
            content = response.read()
        finally:
            client.close()
        told = {name.lower(): value for name, value in response.getheaders()}
        is_json = told.get("content-type") == "application/json"
        document = json.loads(content) if is_json else content
        return Answer(response.status, told, document)

    def predict(self, *files):
        """Send files, (name, content)."""
        return self.ask("POST", "/predict", *form(*files))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def end(self, number=signal.SIGTERM, meanwhile=lambda: None):
        """End it; its exit code and what it said on stderr after its address."""
        self.process.send_signal(number)
        try:
            meanwhile()
            _, told = self.process.communicate(timeout=20)
        finally:
            self.process.kill()
        return self.process.returncode, told


def end_amid_a_request(server, number, content):
    """Send a signal while a file arrives, which is still answered; the exit code."""
    body, _ = form(("a.png", content))

    def arrive():
        time.sleep(0.3)  # so that the signal is seen before
        sock.sendall(body)
        assert answered(sock) == 200

    with server.connect() as sock:
        sock.sendall(request_head(len(body), more="Expect: 100-continue\r\n"))
        assert answered(sock) == 100  # the request is under way
        code, told = server.end(number, meanwhile=arrive)
    assert "Traceback" not in told and "resume" not in told
    return code


def request_head(length, *, body=b"", more=""):
    """Write the beginning of a request by hand."""
    return (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        f"{more}Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
    ).encode() + body


def answered(sock):
    """Read the status of an answer from a socket; None if it was closed without one."""
    start = b""
    while b"\r\n" not in start:
        try:
            more = sock.recv(4096)
        except ConnectionResetError:
            return None
        if not more:
            return None
        start += more
    return int(start.split()[1])
