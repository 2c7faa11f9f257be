"""What players tell: stars, ratings, plays, playlists, the play queue; and what becomes of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.serve.subsonic.conftest import USER, Player
from unheard import saved_playlists
from unheard.play_history import history
from unheard.plays.list_marks import ABOUT
from unheard.plays.readers.m3u import MADE_BY_UNHEARD
from unheard.saved_playlists import read_saved, save_playlist
from unheard.thumbs import rated, set_thumb

pytestmark = pytest.mark.usefixtures("nothing_kept")


def song(player: Player, given: str) -> dict[str, Any]:
    found: dict[str, Any] = player.answer("getSong", id=given)["song"]
    return found


def some_songs(player: Player) -> list[str]:
    found = player.answer("search3", query="", songCount=100)["searchResult3"]["song"]
    return [one["id"] for one in found]


# ------------------------------------------------------------------------------------------------ stars and ratings


def test_a_star_is_a_thumb_up_and_a_thumb_up_is_a_star(player: Player) -> None:
    player.answer("star", id=["tr-t05-3", "tr-t06-1"])
    assert rated(player.workspace, "up") == ("t05-3", "t06-1")
    set_thumb(player.workspace, "t07-0", "up")
    starred = player.answer("getStarred2")["starred2"]["song"]
    assert {one["id"] for one in starred} == {"tr-t05-3", "tr-t06-1", "tr-t07-0"}
    assert all(one["starred"].startswith("20") for one in starred)
    player.answer("unstar", id=["tr-t05-3", "tr-t07-0"])
    assert rated(player.workspace, "up") == ("t06-1",)
    assert "starred" not in song(player, "tr-t05-3")
    playlist = player.answer("getPlaylist", id="pl-my-likes")["playlist"]
    assert [one["id"] for one in playlist["entry"]] == ["tr-t06-1"]
    assert playlist["readonly"]


def test_songs_that_are_added_at_the_same_time_are_all_there(player: Player) -> None:
    """Each request adds to what the others left; before, the last one won."""
    saved = player.answer("createPlaylist", name="Together")["playlist"]["id"]
    songs = some_songs(player)[:20]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: player.answer("updatePlaylist", playlistId=saved, songIdToAdd=one), songs))
    found = player.answer("getPlaylist", id=saved)["playlist"]["entry"]
    assert sorted(one["id"] for one in found) == sorted(songs)


def test_albums_and_artists_have_stars_and_ratings_of_their_own(player: Player) -> None:
    about = song(player, "tr-t05-3")
    album, artist = about["albumId"], about["artistId"]
    player.answer("star", albumId=album, artistId=artist)
    player.answer("setRating", id=album, rating=5)
    found = player.answer("getStarred2")["starred2"]
    assert ([one["id"] for one in found["album"]], [one["id"] for one in found["artist"]]) == ([album], [artist])
    assert player.answer("getAlbum", id=album)["album"]["userRating"] == 5
    for kind in ("highest", "starred"):
        assert [one["id"] for one in player.answer("getAlbumList2", type=kind)["albumList2"]["album"]] == [album]
    assert [one["id"] for one in player.answer("getStarred")["starred"]["album"]] == [album]
    player.answer("unstar", id=album)  # by folders, an id may be that of an album
    assert player.answer("getStarred2")["starred2"]["album"] == []
    assert rated(player.workspace, "up") == ()


def test_ratings_are_kept_and_become_thumbs(player: Player) -> None:
    for rating, thumb in ((5, "up"), (3, None), (1, "down"), (4, "up"), (0, None)):
        player.answer("setRating", id="tr-t05-3", rating=rating)
        assert song(player, "tr-t05-3").get("userRating", 0) == rating
        assert "starred" not in song(player, "tr-t05-3")
        for one in ("up", "down"):
            assert ("t05-3" in rated(player.workspace, one)) == (thumb == one)
    for wrong, code in ({"rating": 6}, 0), ({"rating": -1}, 0), ({"rating": "x"}, 0), ({}, 10):
        assert player.code("setRating", id="tr-t05-3", **wrong) == code
    assert player.code("setRating", id="tr-none", rating=3) == 70
    assert player.code("star") == 10
    assert player.code("star", id=["tr-t05-3", "tr-none"]) == 70
    assert rated(player.workspace, "up") == ()  # one wrong id, and nothing is starred


def test_albums_are_ordered_by_what_was_played(player: Player) -> None:
    """Against counting the plays of each album's songs."""
    start_ms = 1_700_000_000_000
    rng = np.random.default_rng(1)
    songs = [str(one) for one in rng.choice(some_songs(player), 60)]
    times = [start_ms + 60_000 * number for number in range(len(songs))]
    player.answer("scrobble", id=songs, time=times)
    plays: Counter[str] = Counter()
    last: dict[str, int] = {}
    for one, at in zip(songs, times, strict=True):
        album = song(player, one)["albumId"]
        plays[album] += 1
        last[album] = max(at, last.get(album, 0))
    answer = player.answer("getAlbumList2", type="alphabeticalByArtist", size=500)
    everything = [one["id"] for one in answer["albumList2"]["album"]]
    for kind, values in (("frequent", plays), ("recent", last)):
        expected = sorted((album for album in everything if album in values), key=lambda one: -values[one])
        found = player.answer("getAlbumList2", type=kind, size=500)["albumList2"]["album"]
        assert [one["id"] for one in found] == expected


# ------------------------------------------------------------------------------------------------------------ plays


def test_plays_are_counted(player: Player) -> None:
    played_ms = 1_700_000_000_000
    player.answer("scrobble", id=["tr-t05-3", "tr-t05-3", "tr-t06-1"], time=[played_ms, played_ms + 9000, played_ms])
    player.answer("scrobble", id="tr-t06-1")
    player.answer("scrobble", id="tr-t07-1", submission="false")
    assert (song(player, "tr-t05-3")["playCount"], song(player, "tr-t06-1")["playCount"]) == (2, 2)
    assert song(player, "tr-t05-3")["played"] == "2023-11-14T22:13:29+00:00"
    assert song(player, "tr-t07-1")["playCount"] == 0
    assert abs(history(player.workspace).counts["t06-1"].last - time.time()) < 60
    albums = player.answer("getAlbumList2", type="frequent")["albumList2"]["album"]
    assert [one["playCount"] for one in albums] == [2, 2]
    recent = player.answer("getAlbumList2", type="recent")["albumList2"]["album"]
    assert [one["artist"] for one in recent] == ["Artist 6", "Artist 5"]
    assert player.answer("getTopSongs", artist="Artist 5")["topSongs"]["song"][0]["id"] == "tr-t05-3"
    assert player.code("scrobble") == 10
    assert player.code("scrobble", id="tr-none") == 70
    player.answer("scrobble", id=["tr-none", "tr-t08-0"], time=["x", "-5"])  # one unknown song, two odd times
    assert history(player.workspace).counts["t08-0"].plays == 1


def test_one_request_tells_of_500_plays_at_most(player: Player) -> None:
    assert player.code("scrobble", id=["tr-t05-3"] * 501) == 0
    assert not player.workspace.played_path.exists()
    player.answer("scrobble", id=["tr-t05-3"] * 500)
    assert len(player.workspace.played_path.read_text().splitlines()) == 500


def test_now_playing_is_what_began_and_has_not_ended(player: Player) -> None:
    player.answer("scrobble", id="tr-t05-3", submission="false")
    (entry,) = player.answer("getNowPlaying")["nowPlaying"]["entry"]
    assert (entry["id"], entry["username"], entry["playerName"], entry["minutesAgo"]) == ("tr-t05-3", USER, "test", 0)
    player.answer("scrobble", id="tr-t05-3")
    assert player.answer("getNowPlaying")["nowPlaying"]["entry"] == []


# -------------------------------------------------------------------------------------------------------- playlists


def test_a_playlist_is_made_changed_and_deleted(player: Player) -> None:
    made = player.answer("createPlaylist", name="Evening", songId=["tr-t05-3", "tr-t06-1", "tr-t05-3"])["playlist"]
    given = made["id"]
    assert [one["id"] for one in made["entry"]] == ["tr-t05-3", "tr-t06-1", "tr-t05-3"]
    assert (made["songCount"], made["duration"], made["owner"], made["readonly"]) == (3, 601, USER, False)
    player.answer("updatePlaylist", playlistId=given, name="Night", songIdToAdd="tr-t07-0", songIndexToRemove=[0, 1])
    assert "comment" not in player.answer("getPlaylist", id=given)["playlist"]
    player.answer("updatePlaylist", playlistId=given, comment="For the road")
    assert player.answer("getPlaylist", id=given)["playlist"]["comment"] == "For the road"
    changed = player.answer("getPlaylist", id=given)["playlist"]
    assert (changed["name"], [one["id"] for one in changed["entry"]]) == ("Night", ["tr-t05-3", "tr-t07-0"])
    player.answer("createPlaylist", playlistId=given, songId=["tr-t08-1"])
    assert [one["id"] for one in player.answer("getPlaylist", id=given)["playlist"]["entry"]] == ["tr-t08-1"]
    listed = player.answer("getPlaylists")["playlists"]["playlist"]
    assert given in {one["id"] for one in listed}
    player.answer("deletePlaylist", id=given)
    assert player.code("getPlaylist", id=given) == 70
    assert player.code("deletePlaylist", id=given) == 70
    assert player.code("createPlaylist", songId="tr-t08-1") == 10
    assert player.code("createPlaylist", name="x", songId="tr-none") == 70


def test_there_is_a_largest_number_of_playlists(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_playlists, "MAX_PLAYLISTS", 2)
    made = [player.answer("createPlaylist", name="x")["playlist"]["id"] for _ in range(2)]
    assert player.code("createPlaylist", name="x") == 0
    player.answer("createPlaylist", playlistId=made[0], songId="tr-t08-1")  # one that is there can be changed


def test_tracks_that_players_do_not_see_stay_in_a_playlist(player: Player) -> None:
    saved = save_playlist(player.workspace, "Mixed", ["lost", "t05-3", "t02-0", "t06-1"])  # the third is gone
    given = f"pl-{saved.saved_id}"
    assert [one["id"] for one in player.answer("getPlaylist", id=given)["playlist"]["entry"]] == [
        "tr-t05-3",
        "tr-t06-1",
    ]
    player.answer("updatePlaylist", playlistId=given, songIndexToRemove=1, songIdToAdd="tr-t07-0")
    kept = read_saved(player.workspace, saved.saved_id)
    assert kept is not None
    assert kept.track_ids == ("lost", "t05-3", "t02-0", "t07-0")


def test_imported_playlists_and_likes_can_be_read_and_not_changed(player: Player) -> None:
    listed = {one["name"]: one for one in player.answer("getPlaylists")["playlists"]["playlist"]}
    assert len(listed) == 91  # those of music_world.py with a track of the library
    assert listed["p00"]["readonly"]
    playlist = player.answer("getPlaylist", id=listed["p00"]["id"])["playlist"]
    assert len(playlist["entry"]) == listed["p00"]["songCount"] > 5
    player.answer("star", id="tr-t05-3")
    for given in (listed["p00"]["id"], "pl-my-likes"):
        for name, parameter in (
            ("deletePlaylist", "id"),
            ("updatePlaylist", "playlistId"),
            ("createPlaylist", "playlistId"),
        ):
            assert player.code(name, **{parameter: given}) == 50


def test_lists_of_go_are_playlists(player: Player) -> None:
    music, out = player.workspace.root.parent / "music", player.workspace.root.parent / "lists"
    out.mkdir()
    text = f"#EXTM3U\n{MADE_BY_UNHEARD}\n../music/Artist 0/First/0.flac\n{music}/Artist 1/First/0.flac\nnone.flac\n"
    (out / "New for you.m3u8").write_text(text)
    (out / "Mine.m3u8").write_text("#EXTM3U\n../music/Artist 0/First/0.flac\n")
    state = player.workspace.root / "go.json"
    state.write_text(json.dumps({"folder": str(out), "files": ["New for you.m3u8", "Mine.m3u8", "gone.m3u8"]}))
    listed = {one["name"]: one for one in player.answer("getPlaylists")["playlists"]["playlist"]}
    assert "Mine" not in listed
    playlist = player.answer("getPlaylist", id=listed["New for you"]["id"])["playlist"]
    assert [one["id"] for one in playlist["entry"]] == ["tr-t00-0", "tr-t01-0"]
    assert playlist["comment"] == ABOUT
    assert player.code("deletePlaylist", id=playlist["id"]) == 50
    for damaged in ("", "{}", "[]", '{"folder": 1, "files": [2]}'):
        state.write_text(damaged)
        assert "New for you" not in {one["name"] for one in player.answer("getPlaylists")["playlists"]["playlist"]}
    state.unlink()


# ------------------------------------------------------------------------------------------------------- play queue


def test_the_play_queue_is_kept_for_the_next_player(player: Player) -> None:
    empty = player.answer("getPlayQueue")["playQueue"]
    assert empty["entry"] == []
    player.answer("savePlayQueue", id=["tr-t05-3", "tr-none", "tr-t06-1"], current="tr-t06-1", position=12345)
    queue = player.answer("getPlayQueue")["playQueue"]
    assert [one["id"] for one in queue["entry"]] == ["tr-t05-3", "tr-t06-1"]
    assert (queue["current"], queue["position"], queue["username"], queue["changedBy"]) == (
        "tr-t06-1", 12345, USER, "test",
    )  # fmt: skip
    player.workspace.play_queue_path.write_text("{")
    assert player.answer("getPlayQueue")["playQueue"]["entry"] == []
    player.answer("savePlayQueue", id="tr-t05-3")
    assert player.answer("getPlayQueue")["playQueue"]["current"] == "tr-t05-3"
    player.answer("savePlayQueue")
    assert player.answer("getPlayQueue")["playQueue"]["entry"] == []
