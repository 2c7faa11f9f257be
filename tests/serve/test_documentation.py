"""Run every curl line of docs/api.md against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders.server import eventually, running
from unheard import serve
from unheard.serve.config import ServeConfig

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
TEXT = GUIDE.read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def shell(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of the examples."""
    folder = tmp_path_factory.mktemp("guide")
    workspace = shutil.copytree(audio_world / "workspace", folder / "w")
    (folder / "list.m3u8").write_text("#EXTM3U\nnowhere.mp3\n")
    with running(ServeConfig(workspace=workspace, music_roots=(audio_world,))) as url:
        found = httpx.get(f"{url}/api/tracks", params={"limit": 2}, timeout=60).json()["items"]
        track, other = (one["track_id"] for one in found)
        saved = httpx.post(f"{url}/api/saved-playlists", json={"name": "Mine", "ids": [track]}).json()["saved_id"]
        playlist = httpx.get(f"{url}/api/playlists", params={"limit": 1}).json()["items"][0]["playlist_id"]
        job = httpx.post(f"{url}/api/jobs", json={"verb": "split"}).json()["job_id"]
        eventually(lambda: httpx.get(f"{url}/api/jobs/{job}").json()["ended_at"])
        file = next(path for path in sorted((audio_world / "audio").rglob("*.*")) if path.stat().st_size > 10_000)
        yield {
            **os.environ,
            "URL": url,
            "TRACK": track,
            "OTHER": other,
            "SAVED": saved,
            "ARTIST": found[0]["artist"],
            "PLAYLIST": playlist,
            "JOB": job,
            "FILE": str(file),
            "LIST": str(folder / "list.m3u8"),
            "HOME": str(folder),
        }


def test_the_guide_shows_every_route(shell: dict[str, str]) -> None:
    shown = re.sub(r"\$(TRACK|PLAYLIST|JOB|SAVED)", "*", TEXT)
    for path in httpx.get(f"{shell['URL']}/openapi.json").json()["paths"]:
        assert f"$URL{re.sub('{.*?}', '*', path)}" in shown, path


def test_the_guide_lists_every_error_code() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(serve.__file__).parent.rglob("*.py"))
    codes = set(re.findall(r'api_error\((?!500)\d+, "(\w+)"', source))
    assert len(codes) > 8
    for code in codes:
        assert f"`{code}`" in TEXT, code


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_works(shell: dict[str, str], command: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", command], env=shell, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
