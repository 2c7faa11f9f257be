"""No folder of this machine is in an answer: errors, misses, jobs and their output."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from tests.builders.server import eventually, running
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.serve.redaction import without_folders
from unheard.workspace import Workspace

WORKSPACE, MUSIC = Path("/srv/w"), Path("/media/disk 1/My music")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/w/keys.json: damaged; restore it", "keys.json: damaged; restore it"),
        ("unheard scan -w /srv/w", "unheard scan -w "),
        ("/srv/w: cannot be read", ": cannot be read"),
        ("'/media/disk 1/My music/a b/c.mp3': empty", "'a b/c.mp3': empty"),
        ("/srv/wide/x.mp3: silent", "x.mp3: silent"),
        ("[Errno 13] '/etc/ssl/private/key.pem'", "[Errno 13] 'key.pem'"),
        ("no artist 'x'; /api/artists lists them", "no artist 'x'; /api/artists lists them"),
        ("see https://example.org/a/b and a/b/c, 1/2", "see https://example.org/a/b and a/b/c, 1/2"),
        ("AC/DC - T.N.T. and s3://bucket/folder/x", "AC/DC - T.N.T. and s3://bucket/folder/x"),
        (r"C:\Users\me\w\x.json: damaged", "x.json: damaged"),
        ("", ""),
    ],
)
def test_folders_are_left_out_and_names_stay(text: str, expected: str) -> None:
    assert without_folders(text, (WORKSPACE, MUSIC)) == expected


@pytest.mark.slow
def test_no_answer_of_a_server_names_a_folder(served_workspace: Path, tmp_path: Path) -> None:
    """Damaged files, files that are gone, paths outside, and a job that fails with a path in its output.

    The start page alone names folders: those that a person may choose from.
    """
    root = shutil.copytree(served_workspace, tmp_path / "hidden" / "w")
    music = tmp_path / "hidden" / "music"
    music.mkdir()
    (music / "noise.mp3").write_bytes(bytes(range(256)))
    secret = make_key(Workspace.open(root), "phone")
    (root / "ratings.json").write_text("{")
    (root / "saved").mkdir(exist_ok=True)
    (root / "saved" / "odd.json").write_text("{")
    with running(ServeConfig(workspace=root, music_roots=(music,))) as url, httpx.Client(base_url=url) as client:
        job = client.post("/api/jobs", json={"verb": "scan", "sources": [str(music)]}).json()
        eventually(lambda: client.get(f"/api/jobs/{job['job_id']}").json()["ended_at"])
        answers = [
            client.post("/api/jobs", json={"verb": "scan", "sources": ["/etc/passwd"]}),
            client.post("/api/jobs", json={"verb": "scan", "sources": [f"{music}/../../nothing.csv"]}),
            client.get(f"/api/jobs/{job['job_id']}"),
            client.get("/api/jobs"),
            client.get(f"/runs/{job['job_id']}"),
            client.get("/runs"),
            client.get("/saved"),
            client.get("/api/saved-playlists"),
            client.get("/api/saved-playlists/odd"),
            client.get("/api/tracks/t00-0/audio"),
            client.get("/sound?id=t00-0"),
            client.get("/rest/getStarred2", params={"apiKey": secret, "f": "json"}),
            client.get("/rest/stream", params={"apiKey": secret, "f": "json", "id": "tr-t00-0"}),
            client.get("/static/nothing"),
            client.get("/tracks?q=" + "x" * 40),
            client.get("/track?id=nothing"),
            client.post("/api/recommend", files={"file": ("a.wav", b"x")}, timeout=120),
            client.post("/api/playlists/parse", files={"file": ("a.csv", b"\xff\xfe")}),
        ]
    for answer in answers:
        for folder in (str(tmp_path), str(tmp_path.resolve()), "/hidden/", str(Path.home()) + "/"):
            assert folder not in answer.text.replace("\\/", "/"), (answer.request.url, answer.text[:500])
    assert [answer.status_code for answer in answers[:3]] == [403, 403, 200]
    assert any("noise.mp3" in answer.text for answer in answers)
