"""/metrics as Prometheus reads it, who may ask for it, and an access log without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders.server import eventually, running
from unheard.cli.logs import JsonFormatter
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key, remove_key
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def url(served_workspace: Path) -> Iterator[str]:
    with running(ServeConfig(workspace=served_workspace)) as address:
        yield address


def metrics(url: str) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and its labels' values."""
    text = httpx.get(f"{url}/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status(url: str) -> None:
    for _ in range(3):
        httpx.get(f"{url}/api/tracks/t00-0/similar?n=3", timeout=60)
    for path in ("/api/tracks/none/similar", "/nothing", "/nothing-else", "/rest/ping", "/rest/../x", "/static/x"):
        httpx.get(url + path)
    httpx.request("BREW", f"{url}/api/tracks")
    eventually(lambda: sum(n for key, n in metrics(url).items() if key[0] == "unheard_requests_total") >= 10)
    found = metrics(url)
    similar = "/api/tracks/{track_id:path}/similar"
    assert (
        found["unheard_requests_total", "GET", similar, "200"]
        + found.get(("unheard_requests_total", "GET", "none", "200"), 0)
        == 3
    )  # answers that are stored have no route
    assert found["unheard_requests_total", "GET", similar, "404"] == 1
    assert found["unheard_requests_total", "GET", "none", "404"] == 3
    assert found["unheard_requests_total", "GET", "/rest/ping", "200"] == 1
    assert found["unheard_request_seconds_count", similar] >= 2
    assert found["unheard_requests_in_progress",] == 1  # this one


def test_the_library_the_jobs_and_the_process(url: str) -> None:
    httpx.get(f"{url}/api/health/ready", timeout=60)
    found = metrics(url)
    assert (found["unheard_tracks",], found["unheard_playlists",], found["unheard_ready",]) == (284, 92, 1)
    assert 0 <= found["unheard_snapshot_age_seconds",] < 3600
    assert found["unheard_jobs", "queued"] == 0
    assert found["process_resident_memory_bytes",] > 10_000_000
    assert [key for key in found if key[0] == "unheard_info"]


def test_a_server_with_a_token_asks_for_it_or_for_a_key(served_workspace: Path) -> None:
    workspace = Workspace.open(served_workspace)
    secret = make_key(workspace, "prometheus", scope="read")
    try:
        with running(ServeConfig(workspace=served_workspace, token=TOKEN)) as url:
            for given, status in ((secret, 200), (TOKEN, 200), ("wrong", 401)):
                headers = {"authorization": f"Bearer {given}"}
                assert httpx.get(f"{url}/metrics", headers=headers).status_code == status
            assert httpx.get(f"{url}/metrics").status_code == 401
            assert httpx.get(f"{url}/api/tracks", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    finally:
        remove_key(workspace, "prometheus")


def test_the_access_log_has_routes_and_no_secret(url: str, caplog: pytest.LogCaptureFixture) -> None:
    secrets = ("key-of-a-player", "what-i-search", "link-of-a-rater", "cookie-of-mine", "token-of-mine")
    with caplog.at_level(logging.INFO, logger="unheard.access"):
        httpx.get(f"{url}/rest/ping?apiKey={secrets[0]}&u={secrets[0]}")
        httpx.get(f"{url}/tracks?q={secrets[1]}", timeout=60)
        httpx.get(f"{url}/listen/{secrets[2]}")
        httpx.get(f"{url}/{secrets[2]}", headers={"cookie": f"unheard={secrets[3]}", "referer": f"/?{secrets[1]}"})
        httpx.get(f"{url}/api/tracks", headers={"authorization": f"Bearer {secrets[4]}"}, timeout=60)
    eventually(lambda: len([record for record in caplog.records if record.name == "unheard.access"]) == len(secrets))
    records = [record for record in caplog.records if record.name == "unheard.access"]
    lines = [json.loads(JsonFormatter().format(record)) for record in records]
    assert sorted(line["route"] for line in lines) == sorted(
        ["/rest/ping", "/tracks", "/listen/{token}", "none", "/api/tracks"]
    )
    assert {line["client"] for line in lines} == {"127.0.0.1"}
    assert all(line["status"] in (200, 404) and line["ms"] >= 0 and line["bytes"] > 0 for line in lines)
    text = "\n".join(record.getMessage() for record in records) + json.dumps(lines)
    assert not [secret for secret in secrets if secret in text]
