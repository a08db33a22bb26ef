"""Requests that ask for too much, or are none."""

import signal
import threading

import numpy as np
import pytest
from serving import Server, answered, end_amid_a_request, form, picture, request_head

STATUS_OF_GET = {"/health": 200, "/predict": 405, "/nothing": 404}


def large_picture():
    """A picture of 50 million pixels, in a small file."""
    return picture(np.full((5774, 8660), 200, np.uint8), compress_level=1)


@pytest.fixture(scope="module")
def narrow(saved, digits):
    """A server for one request at once, and images of 51 million pixels."""
    server = Server(saved, *"--max-requests 1 --max-megapixels 51 -k 0".split())
    yield server
    assert end_amid_a_request(server, signal.SIGTERM, digits[1]) == 143


def test_a_large_picture_is_named_and_others_are_refused_meanwhile(narrow, digits):
    content, large, seen = large_picture(), [], []

    def ask():
        while not large or large[-1].status == 503:  # a small one may be first
            large.append(narrow.predict(("large.png", content)))

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        seen.append(narrow.predict(("1.png", digits[1])))
    asking.join()
    answer = large[-1]
    assert answer.status == 200 and "class" in answer.document["images"][0]
    assert "similar" not in answer.document["images"][0]
    assert {one.status for one in seen} <= {200, 503}
    refused = next(one for one in seen if one.status == 503)
    assert refused.headers["retry-after"] == "1"
    assert "more than 1 request at once, but expected" in refused.document["error"]
    assert narrow.predict(("1.png", digits[1])).status == 200


def test_a_picture_of_too_many_pixels_is_not_decoded(narrow):
    content = picture(np.zeros((6000, 8667), np.uint8), compress_level=1)
    (skipped,) = narrow.predict(("a.png", content)).document["images"]
    assert skipped["skipped"] == "8,667 x 6,000 pixels, but expected at most 51 million"


def test_too_many_bytes_are_refused_before_and_while_they_come(server, digits):
    body, headers = form(("a.png", digits[0]), ("b.png", bytes(2**20)))
    answer = server.ask("POST", "/predict", body, headers)
    assert answer.status == 413
    assert "bytes or more, but expected at most 1,000,000" in answer.document["error"]
    chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    assert server.ask("POST", "/predict", chunks, headers).status == 413
    with server.connect() as sock:  # nothing of it is sent
        sock.sendall(request_head(10**15))
        assert answered(sock) == 413


def test_too_many_images_are_refused(server, digits):
    files = [(str(number), digits[number % 10]) for number in range(81)]
    assert server.predict(*files[:80]).status == 200
    answer = server.predict(*files)
    assert answer.status == 413
    assert "more than 80 images" in answer.document["error"]


@pytest.mark.parametrize(
    ("kind", "body", "status", "told"),
    [
        ("image/png", b"abc", 415, "type 'image/png'"),
        ("", b"", 415, "type ''"),
        ("multipart/form-data", b"", 415, "multipart/form-data"),
        ("multipart/form-data; boundary=cut", b"", 400, "cut short"),
        (
            "multipart/form-data; boundary=cut",
            b"--cut--\r\n",
            400,
            "form without an image",
        ),
        ("multipart/form-data; boundary=cut", b"abc", 400, "cannot be read"),
        ("multipart/form-data; boundary=other", form(("a", b"b"))[0], 400, "read"),
        ("multipart/form-data; boundary=cut", form(("a", b"b"))[0][:-9], 400, "short"),
        ("multipart/form-data; boundary=" + "c" * 999, b"abc", 400, "cannot be read"),
    ],
)
def test_a_body_that_is_no_form_is_refused(server, kind, body, status, told):
    answer = server.ask("POST", "/predict", body, {"Content-Type": kind})
    assert answer.status == status
    assert told in answer.document["error"]


def test_a_field_without_a_file_is_refused(server):
    part = b'--cut\r\nContent-Disposition: form-data; name="k"\r\n\r\n5\r\n--cut--\r\n'
    answer = server.ask("POST", "/predict", part, form()[1])
    assert answer.status == 400
    assert "field 'k' without a file" in answer.document["error"]


def test_what_is_no_http_is_refused(server):
    for start in (
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a" * 10**5,
    ):
        with server.connect() as sock:
            sock.sendall(start)
            assert answered(sock) in (400, None)
    assert server.ask("GET", "/health").status == 200


@pytest.mark.parametrize("path", ["/health", "/predict", "/nothing"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_damaged_body_is_told_to_nobody_else(server, path, at_once):
    """Who runs the server sees nothing of it: see the fixture."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    damaged = b"no number\r\n"
    with server.connect() as sock:
        sock.sendall(head.encode() + (damaged if at_once else b""))
        assert answered(sock) == (400 if at_once else STATUS_OF_GET[path])
        if not at_once:
            sock.sendall(damaged)
        while sock.recv(4096):  # until it is closed
            pass
    assert server.ask("GET", "/health").status == 200
