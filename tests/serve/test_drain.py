"""A real process that is asked to stop: requests in flight are answered, new ones refused, within a time limit."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.builders.server import eventually, process_of
from unheard.cli.serve import GRACE_S

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals")]

BODY = b'{"likes": ["t00-0"], "n": 3}'
HEAD = (
    "POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
)


def half_a_request(url: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)
    made.sendall(HEAD.encode() + BODY[:5])
    return made


def half_a_request_that_is_known(url: str) -> socket.socket:
    """The server accepts connections in their order."""
    made = half_a_request(url)
    assert httpx.get(f"{url}/api/health/live", timeout=60).status_code == 200
    return made


def refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/api/health/live", timeout=5)
    except httpx.TransportError:
        return True
    return False


def test_requests_in_flight_are_answered_and_new_ones_refused(served_workspace: Path) -> None:
    with process_of(served_workspace) as (url, process), half_a_request(url) as busy:
        assert httpx.get(f"{url}/api/health/ready", timeout=60).status_code == 200
        os.kill(process.pid, signal.SIGTERM)
        eventually(lambda: refuses(url))
        assert process.poll() is None
        busy.sendall(BODY[5:])
        answer = b""
        while piece := busy.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        assert b"connection: close" in answer
        _, said = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert "Traceback" not in said


def test_a_request_that_does_not_end_is_not_waited_for(served_workspace: Path) -> None:
    with process_of(served_workspace) as (url, process), half_a_request_that_is_known(url):
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        assert GRACE_S - 1 < time.monotonic() - began < GRACE_S + 15


def test_a_page_that_watches_a_job_does_not_delay_the_end(own_workspace: Path) -> None:
    with process_of(own_workspace) as (url, process):
        job = httpx.post(f"{url}/api/jobs", json={"verb": "report"}, timeout=60).json()
        with httpx.stream("GET", f"{url}/api/jobs/{job['job_id']}/events", timeout=60) as events:
            lines = events.iter_lines()
            next(lines)
            os.kill(process.pid, signal.SIGINT)
            began = time.monotonic()
            for _ in lines:
                pass
            assert time.monotonic() - began < GRACE_S
        process.communicate(timeout=60)
    assert process.returncode == 0
