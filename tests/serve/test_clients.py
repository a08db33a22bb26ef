"""Clients that are slow or die harm nobody; the end is clean."""

import signal
import socket
import struct
import threading

import pytest
from serving import Server, answered, end_amid_a_request, form, request_head

from featx.serve.connections import MOST


@pytest.fixture
def hasty(saved):
    """A server whose requests may take little longer than its end does."""
    server = Server(saved, "--timeout", "3")
    yield server
    server.process.kill()


def test_slow_clients_harm_nobody_and_a_signal_ends_all(hasty, digits):
    body, _ = form(("a.png", digits[5]))
    slow = [hasty.connect() for _ in range(70)]  # more than are worked on at once
    silent, half = hasty.connect(), hasty.connect()
    for sock in slow:
        sock.sendall(request_head(len(body), body=body[:40]))
    half.sendall(b"POST /predict HTTP/1.1\r\nHost:")
    assert hasty.predict(("a.png", digits[5])).status == 200
    assert [answered(sock) for sock in slow] == [408] * 70
    assert answered(silent) is None and answered(half) is None
    slow += [silent, half, hasty.connect(), hasty.connect()]
    slow[-1].sendall(request_head(len(body), body=body[:40]))
    assert end_amid_a_request(hasty, signal.SIGINT, digits[5]) == 130
    assert answered(slow[-1]) == 503
    for sock in slow:
        sock.close()


def kill(sock):
    """Close a connection as a process that is killed does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_killed_clients_leave_nothing_behind(server, digits):
    body, _ = form(("a.png", digits[5]))
    for number in range(100):
        sock = server.connect()
        end = len(body) if number % 2 else number * len(body) // 100
        sock.sendall(request_head(len(body), body=body[:end]))
        kill(sock)
    answers = [server.predict(("a.png", digits[5])) for _ in range(3)]
    assert {answer.document["images"][0]["class"] for answer in answers} == {"5"}


def test_many_at_once_all_get_their_own_answer(server, digits):
    wrong = []

    def ask(label):
        for _ in range(10):
            answer = server.predict((str(label), digits[label]))
            images = answer.document.get("images")
            if not images or (images[0]["id"], images[0]["guess"]) != (str(label),) * 2:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(label,)) for label in digits]
    before = server.ask("GET", "/health").document
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    after = server.ask("GET", "/health").document
    assert after["images"] - before["images"] >= 10 * len(digits)  # and killed ones


def test_images_of_one_request_are_encoded_together(server, digits):
    before = server.ask("GET", "/health").document
    assert server.predict(*[(str(n), digits[n % 10]) for n in range(80)]).status == 200
    after = server.ask("GET", "/health").document
    assert after["images"] - before["images"] == 80
    assert 3 <= after["batches"] - before["batches"] < 80


def test_idle_connections_make_room_for_others(server, digits):
    idle = [server.connect() for _ in range(MOST)]
    assert server.predict(("a.png", digits[5])).status == 200
    assert answered(idle[0]) is None  # the oldest
    idle[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answered(idle[-1]) == 200
    for sock in idle:
        sock.close()
