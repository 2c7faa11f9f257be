"""A second real client, in another language: `subsonic-api` of npm, run by Node.

UNHEARD_NODE_MODULES is a folder with the package (`npm install --prefix FOLDER subsonic-api@3.3.1` makes
FOLDER/node_modules).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.serve.subsonic.conftest import USER, Player

MODULES = os.environ.get("UNHEARD_NODE_MODULES")
pytestmark = [
    pytest.mark.network,
    pytest.mark.usefixtures("nothing_kept"),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed; apt-get install nodejs"),
    pytest.mark.skipif(MODULES is None, reason="UNHEARD_NODE_MODULES names no folder with subsonic-api"),
]

SCRIPT = """
import SubsonicAPI from "subsonic-api";
const auth = JSON.parse(process.env.AUTH);
const api = new SubsonicAPI({ url: process.env.URL, auth, post: process.env.POST === "1" });
const id = "tr-t05-3";
const found = {};
for (const [name, call] of Object.entries({
  ping: () => api.ping(),
  extensions: () => api.getOpenSubsonicExtensions(),
  folders: () => api.getMusicFolders(),
  artists: () => api.getArtists(),
  genres: () => api.getGenres(),
  song: () => api.getSong({ id }),
  everything: () => api.search3({ query: "", songCount: 500 }),
  albums: () => api.getAlbumList2({ type: "newest", size: 4 }),
  similar: () => api.getSimilarSongs2({ id, count: 6 }),
  sonic: () => api.customJSON("getSonicSimilarTracks", { id, count: 6 }),
  path: () => api.customJSON("findSonicPath", { startSongId: id, endSongId: "tr-t20-1", count: 5 }),
  star: () => api.star({ id }),
  rate: () => api.setRating({ id, rating: 5 }),
  scrobble: () => api.scrobble({ id, submission: true }),
  starred: () => api.getStarred2(),
  made: () => api.createPlaylist({ name: "Node", songId: [id, "tr-t06-1"] }),
  playlists: () => api.getPlaylists(),
  lyrics: () => api.getLyricsBySongId({ id: "tr-t00-0" }),
  missing: () => api.getSong({ id: "tr-none" }),
})) {
  try { found[name] = await call(); } catch (error) { found[name] = { thrown: String(error) }; }
}
const audio = await api.stream({ id: "tr-t00-0" });
const bytes = (await audio.arrayBuffer()).byteLength;
found.audio = { status: audio.status, type: audio.headers.get("content-type"), bytes };
console.log(JSON.stringify(found));
"""


def run_node(player: Player, folder: Path, auth: dict[str, str], *, post: bool) -> dict[str, Any]:
    """Run the script with a login, and return what it got."""
    assert MODULES is not None
    modules = Path(MODULES) / "node_modules" if (Path(MODULES) / "node_modules").is_dir() else Path(MODULES)
    (folder / "node_modules").symlink_to(modules.absolute())
    (folder / "client.mjs").write_text(SCRIPT)
    environment = {**os.environ, "URL": player.url, "AUTH": json.dumps(auth), "POST": str(int(post))}
    ran = subprocess.run(
        ["node", "client.mjs"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize("login", ["api key", "token"])
def test_a_session_of_a_player(player: Player, tmp_path: Path, login: str, post: bool) -> None:
    auth = {"apiKey": player.secret} if login == "api key" else {"username": USER, "password": player.secret}
    found = run_node(player, tmp_path, auth, post=post)
    failed = {name for name, one in found.items() if one.get("status") not in ("ok", 200)}
    assert failed == {"missing"}, {name: found[name] for name in failed}
    assert found["missing"].get("error", {}).get("code") == 70 or "not found" in found["missing"].get("thrown", "")
    assert len(found["everything"]["searchResult3"]["song"]) == 283
    assert len(found["albums"]["albumList2"]["album"]) == 4
    assert len(found["similar"]["similarSongs2"]["song"]) == len(found["sonic"]["sonicMatch"]) == 6
    ends = [found["path"]["sonicMatch"][at]["entry"]["id"] for at in (0, -1)]
    assert ends == ["tr-t05-3", "tr-t20-1"]
    assert found["starred"]["starred2"]["song"][0]["playCount"] == 1
    assert found["starred"]["starred2"]["song"][0]["userRating"] == 5
    assert found["made"]["playlist"]["songCount"] == 2
    assert found["audio"]["type"] == "audio/flac"
    assert found["audio"]["bytes"] == player.answer("getSong", id="tr-t00-0")["song"]["size"]
