"""From an empty workspace to lists of new tracks, with nothing but `unheard serve` and a browser."""

from __future__ import annotations

import csv
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.pages import watched
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

LIMIT_MS = 400_000
N_PLAYLISTS = 30


@pytest.fixture
def music(audio_world: Path, tmp_path: Path) -> Path:
    """A folder with the songs of the world in folders, and playlists in which a quarter of the songs does not occur."""
    home = tmp_path / "home"
    (home / "Playlists").mkdir(parents=True)
    (home / "Music").symlink_to(audio_world / "audio")
    with (audio_world / "tracks.csv").open(encoding="utf-8", newline="") as file:
        paths = {row["track_id"]: row["path"] for row in csv.DictReader(file)}
    with (audio_world / "playlists.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    unplayed = set(sorted(paths)[::4])
    for name in sorted({row["playlist_id"] for row in rows})[:N_PLAYLISTS]:
        own = [paths[row["track_id"]] for row in rows if row["playlist_id"] == name and row["track_id"] not in unplayed]
        lines = "\n".join(f"../Music/{path.removeprefix('audio/')}" for path in own)
        (home / "Playlists" / f"{name}.m3u8").write_text(f"#EXTM3U\n{lines}\n", encoding="utf-8")
    return home


@pytest.fixture
def server(music: Path, audio_world: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """`unheard serve` on a folder that does not exist; the address, and the workspace."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    w = tmp_path / "new" / "workspace"
    roots = ["--music-root", str(music), "--music-root", str(audio_world / "audio")]
    command = [sys.executable, "-m", "unheard", "serve", "-w", str(w), "--port", str(port), *roots]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == f"{w}: made a new workspace; choose your music in a browser\n"
    process.stderr.readline()
    yield f"http://127.0.0.1:{port}", w
    process.terminate()
    process.communicate(timeout=60)


def test_a_new_workspace_is_filled_in_a_browser(chromium: Browser, server: tuple[str, Path], music: Path) -> None:
    url, w = server
    with watched(chromium, url, viewport={"width": 390, "height": 844}) as seen:
        page = seen.page
        for _ in range(100):  # the server needs a moment to listen
            try:
                page.goto(url)
                break
            except Exception:  # noqa: BLE001 - whatever the browser says about a closed port
                page.wait_for_timeout(100)
        assert page.url.endswith("/start")
        expect(page.get_by_role("heading", name="Start with your music")).to_be_visible()
        page.get_by_label("Folder with music").fill(f"{music}/")
        page.get_by_role("button", name="Music", exact=True).click()
        expect(page.get_by_label("Folder with music")).to_have_value(f"{music}/Music")
        page.get_by_label("Folder or file with playlists").fill(f"{music}/Playlists")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("In progress: 1 job")).to_be_visible()
        expect(page.locator("#stages .state").first).to_have_text(re.compile("running|done"), timeout=LIMIT_MS)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        expect(page.locator("#ready")).to_be_visible(timeout=LIMIT_MS)
        page.get_by_role("link", name="New tracks for your playlists").click()
        page.locator(".plain-list a").first.click()
        expect(page.get_by_role("heading", name="New tracks for this playlist")).to_be_visible()
        offered = page.locator(".columns section").first.locator(".tracks > li")
        expect(offered.first).to_be_visible()
        assert set(offered.locator(".mark").all_text_contents()) == {"new"}
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert Workspace.open(w).splits_path.is_file()
