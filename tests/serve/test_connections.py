"""Clients that send too much, too slowly, or nothing, on raw sockets against a real server."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from tests.builders.server import running
from unheard.serve import connections
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.connections import MAX_HEAD_BYTES, MAX_PIPELINED, Patience

pytestmark = pytest.mark.slow

SHORT = Patience(head_s=1.0, body_s=1.0, take_s=1.0, idle_s=1)
HEAD = b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n"
FORM_HEAD = (
    b"POST /rest/ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)


def with_much(app: FastAPI) -> FastAPI:
    """Return an application with a response that never ends by itself, and one that is sent at once."""
    app.add_api_route("/large", lambda: Response(bytes(8_000_000)))
    app.add_api_route("/endless", lambda: StreamingResponse(bytes(100_000) for _ in range(10**6)))
    return app


@pytest.fixture(scope="module")
def hasty_url(served_workspace: Path) -> Iterator[str]:
    """A server that waits for a second."""
    config = ServeConfig(workspace=served_workspace)
    with running(config, with_much(make_app(config)), patience=SHORT) as url:
        yield url


def connect(url: str, *, buffer: int | None = None) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    made = socket.socket()
    if buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.settimeout(20)
    made.connect((host, int(port)))
    return made


def send_for_ever(connection: socket.socket, piece: bytes, *, most: int = 50_000_000) -> int:
    """Send until the server closes the connection; return the number of bytes that it took."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < most:
            sent += connection.send(piece)
    return sent


def status(connection: socket.socket) -> int:
    """Return the status of the answer; 0 for none."""
    try:
        answer = connection.recv(65536)
    except OSError:
        return 0
    return int(answer[9:12]) if answer else 0


def memory_bytes() -> int:
    """Return the memory of this process, in which the server runs."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_alive(url: str) -> bool:
    return httpx.get(f"{url}/api/health/live", timeout=20).status_code == 200


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"X-Long: ",
        b"GET /",
        b"G" * 10,
        b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
    ],
    ids=["header", "address", "method", "chunk extension", "trailer"],
)
def test_an_endless_line_ends_at_the_limit_and_costs_no_memory(server_url: str, start: bytes) -> None:
    """One such header was read up to 200 MB before."""
    before = memory_bytes()
    with connect(server_url) as connection:
        connection.sendall(start)
        sent = send_for_ever(connection, b"a" * 100_000)
    assert sent < 20_000_000  # buffers of two sockets, and what was on its way
    assert memory_bytes() - before < 30_000_000
    assert is_alive(server_url)


@pytest.mark.parametrize("kind", ["many headers", "many trailers"])
def test_many_short_headers_count_as_a_long_one(server_url: str, kind: str) -> None:
    chunked = b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with connect(server_url) as connection:
        connection.sendall(HEAD if kind == "many headers" else chunked)
        assert send_for_ever(connection, b"a: b\r\n" * 5_000) < 20_000_000
    assert is_alive(server_url)


def test_a_head_below_the_limit_is_read_and_one_above_is_refused(server_url: str) -> None:
    for n_bytes, expected in ((MAX_HEAD_BYTES - 1_000, 200), (MAX_HEAD_BYTES + 10, 431)):
        with connect(server_url) as connection:
            connection.sendall(HEAD + b"X-Long: " + b"a" * n_bytes + b"\r\n\r\n")
            assert status(connection) == expected


def test_bodies_may_be_longer_than_heads(server_url: str) -> None:
    """Whatever the packets contain: the end of a head, a body, and the head of the next request."""
    body = b'{"likes": ["t00-0"], "n": 1' + b" " * 500_000 + b"}"
    request = (
        b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    with connect(server_url) as connection:
        for _ in range(3):
            threading.Thread(target=connection.sendall, args=(request,)).start()
            assert status(connection) == 200


def test_requests_before_their_turn_are_few(server_url: str) -> None:
    """A packet can hold thousands of them; each would wait in memory."""
    one = HEAD + b"\r\n"
    with connect(server_url) as connection:
        connection.sendall(one * (MAX_PIPELINED // 2))
        received = b""
        while received.count(b"HTTP/1.1 200") < MAX_PIPELINED // 2:
            received += connection.recv(65536)
    with connect(server_url) as connection:
        connection.sendall(one * 3_000)
        received = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                received += piece
    assert received.count(b"HTTP/1.1 200") <= MAX_PIPELINED + 1
    assert is_alive(server_url)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\r\n",
        HEAD,
        HEAD + b"\r\n",
        b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nab",
        FORM_HEAD + b"\r\nab",
    ],
    ids=["nothing", "empty lines", "half a head", "idle after an answer", "half a body", "half a form"],
)
@pytest.mark.parametrize("drip", [b"", b"\r\n", b"x"], ids=["silent", "lines", "dripping"])
def test_a_client_that_makes_the_server_wait_is_disconnected(hasty_url: str, start: bytes, drip: bytes) -> None:
    """Slowloris: also one that sends a byte now and then. Before, 400 such connections stayed."""
    began = time.monotonic()
    pause = threading.Event()
    with connect(hasty_url) as connection:
        connection.settimeout(0.2)
        connection.sendall(start)
        closed = False
        while not closed and time.monotonic() - began < 15:
            try:
                if drip:
                    connection.send(drip)
                closed = not connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                closed = True
            pause.wait(0.05)
    assert closed
    assert is_alive(hasty_url)


@pytest.mark.parametrize("ends", [False, True], ids=["of an endless response", "of one that was written at once"])
def test_a_client_that_takes_nothing_is_disconnected(hasty_url: str, ends: bool) -> None:
    path = "/large" if ends else "/endless"
    before = memory_bytes()
    with connect(hasty_url, buffer=1024) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        ended = select.poll()
        ended.register(connection, select.POLLHUP)
        assert ended.poll(20_000)
    assert memory_bytes() - before < 30_000_000
    assert is_alive(hasty_url)


def test_a_client_that_takes_slowly_gets_all(hasty_url: str) -> None:
    """A second passes between the reads, and the whole takes longer than the server waits for one of them."""
    want = httpx.get(f"{hasty_url}/openapi.json").content
    pause = threading.Event()
    with connect(hasty_url, buffer=4096) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(8192):
            received += piece
            pause.wait(0.02)
    assert received.partition(b"\r\n\r\n")[2] == want


# ----------------------------------------------------------------------------------------------------------- numbers


def test_idle_connections_keep_nobody_out(server_url: str) -> None:
    """More half-open connections than the server takes: the oldest make room, and a request is answered at once."""
    n = connections.connection_limit() + 50
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(connect(server_url)).sendall(HEAD)
        began = time.monotonic()
        assert is_alive(server_url)
        assert time.monotonic() - began < 5


def test_the_limit_follows_the_files_that_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    for soft, expected in ((128, 64), (1024, 512), (resource.RLIM_INFINITY, 512), (20, 16)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections.connection_limit() == expected


def test_one_address_has_its_share(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an address that is not this machine's; its own oldest idle connections make room, not those of others."""
    monkeypatch.setattr(connections, "is_loopback", lambda _: False)
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 5)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(server_url)) for _ in range(5)]
        for one in opened:
            one.sendall(HEAD)
        assert is_alive(server_url)  # a sixth, for which one of them made room
        ended, _, _ = select.select(opened, [], [], 5)
        assert [one.recv(1) for one in ended] == [b""]


def test_busy_connections_are_not_ended_for_new_ones(hasty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "is_loopback", lambda _: False)
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 2)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            busy = stack.enter_context(connect(hasty_url))
            busy.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert status(busy) == 200
        refused = stack.enter_context(connect(hasty_url))
        assert status(refused) == 503


# ------------------------------------------------------------------------------------------------------- any bytes


def test_any_bytes_get_an_answer_or_are_disconnected(hasty_url: str) -> None:
    """Random requests, and well-formed ones with random bytes in them; the server answers the next as before."""
    rng = np.random.default_rng(4)
    valid = (
        b"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n"
        b'Authorization: Bearer x\r\nCookie: a=b\r\n\r\n{"likes": ["t00-0"]}'
    )
    for number in range(300):
        if number % 3 == 0:
            request = rng.bytes(int(rng.integers(1, 2_000)))
        else:
            changed = bytearray(valid)
            for at in rng.integers(0 if number % 3 == 1 else 40, len(valid), size=int(rng.integers(1, 8))):
                changed[at] = int(rng.integers(256))
            request = bytes(changed)
        with connect(hasty_url) as connection, contextlib.suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            assert not answer or answer.startswith(b"HTTP/1.1 "), (request, answer[:100])
            assert not answer[9:12].startswith(b"5"), (request, answer[:300])
            assert b"Traceback" not in answer
    assert is_alive(hasty_url)
