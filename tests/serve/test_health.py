"""The server starts and responds."""

from __future__ import annotations

import httpx


def test_live(server_url: str) -> None:
    answer = httpx.get(f"{server_url}/api/health/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "live"}
