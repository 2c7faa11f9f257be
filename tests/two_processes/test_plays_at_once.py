"""Two processes that change plays at once: neither loses what the other stores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unheard.library import Library, Track
from unheard.locks import one_at_a_time
from unheard.plays import read_playlists, read_plays
from unheard.saved_playlists import likes_playlist
from unheard.workspace import Workspace

pytestmark = pytest.mark.long
ROUNDS = 25
IMPORTS = """
import sys
from pathlib import Path
from unheard.plays import import_playlists
from unheard.workspace import Workspace
workspace, folder = Workspace.open(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range({rounds}):
    import_playlists(workspace, [folder / f"{{number}}.csv"])
"""
LIKES = """
import sys
from pathlib import Path
from unheard.plays.likes import import_likes
from unheard.plays.listened import import_listened
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range({rounds}):
    set_thumb(workspace, f"t{{number}}", "up")
    import_likes(workspace)
    import_listened(workspace)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.init(tmp_path / "w")
    with Library(made.library_path) as library, library.transaction():
        for number in range(ROUNDS):
            library.put_track(Track(f"t{number}", title=f"Song {number}"))
    return made


def at_once(*commands: tuple[str, ...]) -> None:
    """Start Python processes, wait until all are ready, and let them go."""
    processes = [
        subprocess.Popen([sys.executable, "-c", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for words in commands
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * len(processes)


def write_tables(folder: Path, name: str) -> Path:
    folder.mkdir()
    for number in range(ROUNDS):
        (folder / f"{number}.csv").write_text(f"playlist_id,track_id\n{name}{number},t{number}\n")
    return folder


def test_likes_and_imports_lose_nothing(workspace: Workspace, tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "a", "a")
    imports, likes = (code.format(rounds=ROUNDS) for code in (IMPORTS, LIKES))
    at_once((imports, str(workspace.root), str(folder)), (likes, str(workspace.root)))
    stored = {playlist.playlist_id for playlist in read_playlists(workspace)}
    assert stored == {f"a{number}" for number in range(ROUNDS)} | {likes_playlist(workspace).playlist_id}
    assert len(read_plays(workspace)) == 2 * ROUNDS


def test_two_imports_lose_nothing(workspace: Workspace, tmp_path: Path) -> None:
    imports = IMPORTS.format(rounds=ROUNDS)
    folders = [write_tables(tmp_path / name, name) for name in ("a", "b")]
    at_once(*((imports, str(workspace.root), str(folder)) for folder in folders))
    expected = {f"{name}{number}" for name in ("a", "b") for number in range(ROUNDS)}
    assert {playlist.playlist_id for playlist in read_playlists(workspace)} == expected
    assert len(read_plays(workspace)) == 2 * ROUNDS


def test_lists_of_one_name_in_two_folders_stay_two_lists(workspace: Workspace, tmp_path: Path) -> None:
    """Ids of new lists are chosen among those that are free, which another import may be taking."""
    folders = []
    for name, track in (("a", "Song 1"), ("b", "Song 2")):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(ROUNDS):
            (folder / f"list {number}.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,{track}\nx.mp3\n")
        folders.append(folder)
    code = IMPORTS.format(rounds=ROUNDS).replace('f"{number}.csv"', 'f"list {number}.m3u8"')
    at_once(*((code, str(workspace.root), str(folder)) for folder in folders))
    origins = {Path(playlist.origin).parent.name for playlist in read_playlists(workspace)}
    assert origins == {"a", "b"}
    assert len(read_playlists(workspace)) == 2 * ROUNDS


def test_an_import_waits_for_the_lock_that_another_holds(workspace: Workspace, tmp_path: Path) -> None:
    """Every writer of plays takes the lock by itself: one that does not would be done before it is released."""
    folder = write_tables(tmp_path / "a", "a")
    code = IMPORTS.format(rounds=1)
    words = [sys.executable, "-c", code, str(workspace.root), str(folder)]
    with one_at_a_time(workspace.root, "plays", "changes the plays"):
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        assert read_playlists(workspace) == []
    process.communicate(timeout=60)
    assert [playlist.playlist_id for playlist in read_playlists(workspace)] == ["a0"]
