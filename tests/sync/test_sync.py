"""Test a sync with our own server over real HTTP: ids, audio, playlists, stars, plays, and lists written back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.server import eventually, running
from tests.sync.conftest import Pair
from unheard.errors import MissingStageError, UserError
from unheard.library import Library, Track
from unheard.locks import lock_path, try_lock
from unheard.plays.readers.m3u import MADE_BY_UNHEARD as MADE
from unheard.plays.storage import read_playlists, read_plays
from unheard.ratings import TRACK, rate, star
from unheard.recommend.export import ListEntry
from unheard.refresh.targets import TitledList, writer_of
from unheard.saved_playlists import SavedPlaylist, delete_playlist, save_playlist, saved_playlists
from unheard.serve.config import ServeConfig
from unheard.sync.subsonic_client import KEY, PASSWORD, USER
from unheard.sync.sync_server import PLAYED
from unheard.sync.sync_state import STATE, SyncState, folder_of
from unheard.sync.written_back import write_list
from unheard.thumbs import read_thumbs
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow  # each test starts a server


def test_download_then_nothing_again(pair: Pair) -> None:
    ran = pair.sync()
    assert ran.code == 0, ran.stderr
    assert pair.ids() == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}
    plays = {(one.playlist_id, one.track_id): one.weight for one in read_plays(pair.own)}
    assert {track: weight for (name, track), weight in plays.items() if name == PLAYED} == {"tr-s0": 2.0, "tr-s2": 1.0}
    (evening,) = [one for one in read_playlists(pair.own) if one.name == "Evening"]
    assert [one.track_id for one in read_plays(pair.own) if one.playlist_id == evening.playlist_id] == [
        "tr-s2",
        "tr-s0",
    ]
    thumbs = [json.loads(line) for line in pair.own.thumbs_path.read_text().splitlines()]
    assert {one["track_id"]: one["thumb"] for one in thumbs} == {"tr-s1": "up", "tr-s3": "down"}
    files = {path: path.stat().st_mtime_ns for path in (pair.own.root / "sync" / "audio").iterdir()}
    again = pair.sync()
    assert again.code == 0, again.stderr
    assert "4 songs, 0 downloaded" in again.stderr
    assert "0 stars or ratings" in again.stderr
    assert files == {path: path.stat().st_mtime_ns for path in (pair.own.root / "sync" / "audio").iterdir()}


def test_mapped_paths_download_nothing(pair: Pair) -> None:
    ran = pair.sync("--path-map", f"={pair.music}")
    assert ran.code == 0, ran.stderr
    assert pair.ids() == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}
    assert not (pair.own.root / "sync" / "audio").exists()


def test_titles_that_look_like_formulas_arrive_as_they_are(unserved: Pair) -> None:
    """The table between server and scan has them as text, as every table that a spreadsheet may open."""
    titles = {"s0": "=HYPERLINK(A1)", "s1": "'=1+1", "s2": "'Til"}
    with Library(unserved.served.library_path) as library, library.transaction():
        tracks = library.tracks()
        for name, title in titles.items():
            library.put_track(replace(tracks[tracks.ids.row(name)], title=title))
    with running(ServeConfig(workspace=unserved.served.root)) as url:
        assert replace(unserved, url=url).sync().code == 0
    with Library(unserved.own.library_path) as library:
        own = {track.track_id: track.title for track in library.tracks().items}
    assert own == {f"tr-{name}": title for name, title in {**titles, "s3": "Song 3"}.items()}
    table = (unserved.own.root / "sync" / "tracks.csv").read_text()
    assert ",=" not in table
    assert ",'=HYPERLINK(A1)," in table


def test_lists_are_replaced_in_place(pair: Pair, tmp_path: Path) -> None:
    for names in (("1", "3"), ("2",)):
        write_list_of_go(pair, tmp_path / "lists", "New for you", *names)
        assert pair.sync("--path-map", f"={pair.music}", "--write-lists").code == 0
        found = [one for one in saved_playlists(pair.served)[0] if one.name == "New for you"]
        assert [one.track_ids for one in found] == [tuple(f"s{name}" for name in names)]
    assert "New for you" not in pair.playlists()


def test_a_wrong_key_is_one_line_without_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "wrong-secret")
    ran = pair.sync()
    assert ran.code == 2
    assert "refuses the login (error 44" in ran.stderr
    assert "wrong-secret" not in ran.stderr


def set_gone(pair: Pair, track_id: str, since: str) -> None:
    """Let the server lose a song, or have it again, and wait until it says so."""
    with Library(pair.served.library_path) as library, library.transaction():
        tracks = library.tracks()
        library.put_track(replace(tracks[tracks.ids.row(track_id)], gone_since=since))

    def said() -> bool:
        songs = pair.client().read("search3", query="", songCount=500)["searchResult3"]["song"]
        return (f"tr-{track_id}" in {one["id"] for one in songs}) == (not since)

    eventually(said)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_song_that_the_server_no_longer_has_is_gone_and_comes_back(pair: Pair, is_mapped: bool) -> None:
    mapping = ("--path-map", f"={pair.music}") if is_mapped else ()
    assert pair.sync(*mapping).code == 0
    n_files = len(pair.downloads())
    set_gone(pair, "s2", "2026-01-01")
    assert pair.sync(*mapping).code == 0
    assert pair.ids(with_file=True) == {"tr-s0", "tr-s1", "tr-s3"}
    assert pair.ids() == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}  # known to earlier plays, and in no list
    assert "tr-s2" not in {one.track_id for one in read_plays(pair.own)}  # the server's playlists are without it
    assert len(pair.downloads()) == max(0, n_files - 1)
    set_gone(pair, "s2", "")
    assert pair.sync(*mapping).code == 0
    assert pair.ids(with_file=True) == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}
    assert len(pair.downloads()) == n_files


def test_ratings_of_songs_without_a_star_are_seen(pair: Pair) -> None:
    """The entry of an album does not change with them."""
    pair.sync("--path-map", f"={pair.music}")
    rate(pair.served, TRACK + "s0", 5)
    rate(pair.served, TRACK + "s3", 0)
    star(pair.served, [TRACK + "s1"], starred=False)
    assert "3 stars or ratings changed" in pair.sync("--path-map", f"={pair.music}").stderr
    assert {one.track_id: one.thumb for one in read_thumbs(pair.own)} == {"tr-s0": "up"}


def test_what_was_given_here_stays(pair: Pair) -> None:
    pair.sync("--path-map", f"={pair.music}")
    rate(pair.own, TRACK + "tr-s3", 5)
    assert "0 stars or ratings changed" in pair.sync("--path-map", f"={pair.music}").stderr
    assert {one.track_id: one.thumb for one in read_thumbs(pair.own)} == {"tr-s1": "up", "tr-s3": "up"}


def test_a_login_by_name_and_password(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = os.environ[KEY]
    monkeypatch.delenv(KEY)
    monkeypatch.setenv(USER, "sync")
    monkeypatch.setenv(PASSWORD, secret)
    assert pair.sync("--path-map", f"={pair.music}").code == 0
    assert "Evening" in pair.playlists()


def test_lost_notes_make_no_list_twice(pair: Pair, tmp_path: Path) -> None:
    mapped = ("--path-map", f"={pair.music}", "--write-lists")
    write_list_of_go(pair, tmp_path / "lists", "New for you", "1", "3")
    save_playlist(pair.served, "New for you", ["s0"])  # a person's own, of the same name
    for _ in range(2):
        assert pair.sync(*mapped).code == 0
        found = sorted(one.track_ids for one in saved_playlists(pair.served)[0] if one.name == "New for you")
        assert found == [("s0",), ("s1", "s3")]
        assert [one.track_ids for one in stored_playlists(pair, "New for you")] == [("tr-s0",)]
        for name in (STATE, "albums.jsonl"):
            (pair.own.root / "sync" / name).unlink()


def test_lists_that_the_server_itself_has_made_are_no_evidence(pair: Pair, tmp_path: Path) -> None:
    """An unheard server shows the lists of its own `go`; what it has recommended is not what a person likes."""
    write_list_of_go(replace(pair, own=pair.served), tmp_path / "lists", "New for you", "1", "3")
    assert pair.sync("--path-map", f"={pair.music}").code == 0
    assert "New for you" not in pair.playlists()


def test_a_long_list_is_one_form(pair: Pair) -> None:
    client, songs = pair.client(), ["tr-s0", "tr-s1", "tr-s2"] * 100
    state = SyncState(pair.url)
    folder_of(pair.own).mkdir()
    for expected in (songs, songs[:150], songs[:1]):
        name = write_list(pair.own, client, state, "Long", expected)
        entries = client.read("getPlaylist", id=name)["playlist"]["entry"]
        assert [one["id"] for one in entries] == expected
    without_forms = pair.client()
    without_forms.has_forms = False
    assert write_list(pair.own, without_forms, state, "Long", songs) == name
    assert [one["id"] for one in client.read("getPlaylist", id=name)["playlist"]["entry"]] == songs
    assert len([one for one in saved_playlists(pair.served)[0] if one.name == "Long"]) == 1


def test_a_recipe_writes_to_the_server(pair: Pair) -> None:
    """`--target subsonic`: in place, also under another title; what the server lacks is named."""
    write = writer_of("subsonic")
    other = Track("elsewhere", title="Elsewhere", artists=("Nobody",))

    def made(title: str, *tracks: Track) -> TitledList:
        return TitledList(title, [ListEntry(track) for track in tracks])

    with pytest.raises(MissingStageError, match="unheard sync"):
        write(pair.own, made("Mornings", other), "")
    pair.sync("--path-map", f"={pair.music}")
    with Library(pair.own.library_path) as library:
        tracks = library.tracks().items
    with pytest.raises(UserError, match="none of the 1 tracks is on http"):
        write(pair.own, made("Mornings", other), "")
    first = write(pair.own, made("Mornings", tracks[1], other, tracks[0]), "")
    assert (first.n_tracks, first.left_out) == (2, (other.label,))
    second = write(pair.own, made("New mornings", tracks[2]), first.known_as)
    assert second.known_as == first.known_as
    found = {one.name: one.track_ids for one in saved_playlists(pair.served)[0]}
    assert found["New mornings"] == ("s2",)
    assert "Mornings" not in found
    pair.sync("--path-map", f"={pair.music}")
    assert "New mornings" not in pair.playlists()


def test_two_at_once_are_one_after_the_other(pair: Pair) -> None:
    path = lock_path(pair.own.root, "sync")
    path.parent.mkdir(exist_ok=True)
    with try_lock(path):
        ran = pair.sync("--path-map", f"={pair.music}")
    assert "another process syncs at this moment" in ran.error


def test_a_moved_workspace_forgets_removed_playlists(pair: Pair, tmp_path: Path) -> None:
    pair.sync("--path-map", f"={pair.music}")
    moved = replace(pair, own=Workspace.open(pair.own.root.rename(tmp_path / "moved")))
    (evening,) = [one for one in saved_playlists(pair.served)[0] if one.name == "Evening"]
    delete_playlist(pair.served, evening.saved_id)
    assert moved.sync("--path-map", f"={pair.music}").code == 0
    assert "Evening" not in moved.playlists()


def write_list_of_go(pair: Pair, folder: Path, title: str, *names: str) -> None:
    """Write what `unheard go` leaves: a list, and the note of it."""
    folder.mkdir(exist_ok=True)
    paths = [str(path) for name in names for path in pair.music.rglob(f"{name}.flac")]
    (folder / f"{title}.m3u8").write_text("\n".join(["#EXTM3U", MADE, *paths]))
    (pair.own.root / "go.json").write_text(json.dumps({"folder": str(folder), "files": [f"{title}.m3u8"]}))


def stored_playlists(pair: Pair, name: str) -> list[SavedPlaylist]:
    """Return the imported playlists of a name, with their tracks."""
    plays = read_plays(pair.own)
    found = [one for one in read_playlists(pair.own) if one.name == name]
    return [SavedPlaylist("", name, tuple(plays.tracks_of(one.playlist_id))) for one in found]
