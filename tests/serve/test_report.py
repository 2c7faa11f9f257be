"""/report: the report from a server, under a policy of its own."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders.server import running
from unheard.library import open_library
from unheard.report.report import write_report
from unheard.serve.config import ServeConfig
from unheard.serve.security_headers import HEADERS
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

POLICY = "content-security-policy"


@pytest.fixture(scope="module")
def workspace(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the audio world with a report."""
    copied = Workspace.open(shutil.copytree(audio_world / "workspace", tmp_path_factory.mktemp("reported") / "w"))
    write_report(copied, copied.root / "report")
    return copied


@pytest.fixture(scope="module")
def client(workspace: Workspace) -> Iterator[httpx.Client]:
    with running(ServeConfig(workspace=workspace.root)) as url, httpx.Client(base_url=url, timeout=30) as asking:
        yield asking


def directives(answer: httpx.Response) -> dict[str, str]:
    """The one policy of an answer, by directive."""
    (policy,) = answer.headers.get_list(POLICY)
    return {name: rest for name, _, rest in (one.strip().partition(" ") for one in policy.split(";"))}


def test_its_policy_allows_the_script_that_it_has_and_no_other(client: httpx.Client) -> None:
    answer = client.get("/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert directives(answer) == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "media-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    for name, value in HEADERS.items():
        assert name == POLICY or answer.headers[name] == value


def test_every_other_answer_keeps_the_policy_of_the_server(client: httpx.Client) -> None:
    client.get("/report")
    for path in ("/", "/runs", "/nowhere", "/report/", "/static/style.css", "/api/health/live"):
        assert client.get(path).headers.get_list(POLICY) == [HEADERS[POLICY]], path


def test_its_players_ask_this_server(client: httpx.Client, workspace: Workspace) -> None:
    page = client.get("/report").text
    with open_library(workspace.library_path) as library:
        paths = {track.track_id: Path(track.path) for track in library.tracks().items}
    players = re.findall(r'<audio [^>]*data-track="([^"]*)" src="([^"]*)"', page)
    assert len(players) == page.count("<audio ") > 10
    for track_id, address in set(players):
        sound = client.get(html.unescape(address))
        assert sound.status_code == 200
        assert sound.headers["content-type"].startswith("audio/")
        assert sound.content == paths[html.unescape(track_id)].read_bytes()
    assert "file:" not in page
    assert 'http-equiv="Content-Security-Policy"' not in page


def test_it_leads_back(client: httpx.Client, workspace: Workspace) -> None:
    assert '<a href="/">Back to unheard</a>' in client.get("/report").text
    assert "Back to unheard" not in (workspace.root / "report" / "index.html").read_text(encoding="utf-8")


def test_a_script_that_was_put_into_the_file_is_not_allowed(workspace: Workspace, tmp_path: Path) -> None:
    """The policy names the script that the package ships, whatever the file holds; bytes that are no text are shown."""
    # Not the journal of SQLite, which a server of another test may be closing: everything is in the file itself.
    copied = shutil.copytree(workspace.root, tmp_path / "w", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    file = copied / "report" / "index.html"
    with running(ServeConfig(workspace=copied)) as url:
        before = directives(httpx.get(f"{url}/report"))
        file.write_bytes(file.read_bytes().replace(b"<script>", b"<script>window.hacked = 1;\xff\n"))
        answer = httpx.get(f"{url}/report")
        assert "window.hacked" in answer.text
        assert directives(answer) == before
        file.unlink()
        gone = httpx.get(f"{url}/report", headers={"accept": "text/html"})
    assert gone.status_code == 404
    assert "There is no report yet" in gone.text
    assert gone.headers[POLICY] == HEADERS[POLICY]
