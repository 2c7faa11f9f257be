"""Browsing, lists and searching, on a library whose answers are known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.player_world import GONE, ODD, WITHOUT_ALBUM, WITHOUT_FILE
from tests.serve.subsonic.conftest import Player
from unheard.library import open_library
from unheard.serve import client_ids

N_TRACKS = 280 + 4 + 1 - 2  # those of music_world.py, and an odd one, without two that have no file


def titles(albums: list[dict[str, Any]]) -> list[str]:
    return [f"{one['artist']} - {one['name']}" for one in albums]


def everything(player: Player) -> dict[str, Any]:
    found: dict[str, Any] = player.answer("search3", query="", songCount=1000, albumCount=1000, artistCount=1000)[
        "searchResult3"
    ]
    return found


def test_an_empty_query_returns_everything_once(player: Player) -> None:
    found = everything(player)
    assert len(found["song"]) == len({one["id"] for one in found["song"]}) == N_TRACKS
    seen = {client_ids.track_of(one["id"]) for one in found["song"]}
    assert ODD in seen
    assert seen.isdisjoint({GONE, WITHOUT_FILE})
    assert {one["id"] for one in found["artist"]} == {
        one["id"] for letter in player.answer("getArtists")["artists"]["index"] for one in letter["artist"]
    }
    for quoted in ('""', "*"):
        assert len(player.answer("search3", query=quoted, songCount=1000)["searchResult3"]["song"]) == N_TRACKS


def test_pages_of_a_search_join_to_the_whole(player: Player) -> None:
    whole = everything(player)
    for kind in ("song", "album", "artist"):
        parts = []
        for offset in range(0, len(whole[kind]) + 50, 50):
            page = player.answer("search3", query="", **{f"{kind}Count": 50, f"{kind}Offset": offset})
            parts += page["searchResult3"][kind]
        assert parts == whole[kind]
    assert player.answer("search3", query="", songCount=0)["searchResult3"]["song"] == []


def test_a_search_finds_words_in_any_order(player: Player) -> None:
    found = player.answer("search3", query="song 3 artist 12")["searchResult3"]
    assert (found["song"][0]["artist"], found["song"][0]["title"]) == ("Artist 12", "Song 3")
    assert titles(player.answer("search3", query="second 12")["searchResult3"]["album"])[0] == "Artist 12 - Second"
    assert player.answer("search2", query="newcomer")["searchResult2"]["artist"][0]["name"] == "Newcomer"
    nothing = player.answer("search3", query="zzzzqqqq")["searchResult3"]
    assert nothing == {"artist": [], "album": [], "song": []}


def test_every_artist_leads_to_albums_and_every_album_to_songs(player: Player) -> None:
    """By tags and by folders, both reach every song."""
    by_tags, by_folders = set(), set()
    for letter in player.answer("getArtists")["artists"]["index"]:
        for one in letter["artist"]:
            artist = player.answer("getArtist", id=one["id"])["artist"]
            assert len(artist["album"]) == artist["albumCount"] >= 1
            for album in artist["album"]:
                songs = player.answer("getAlbum", id=album["id"])["album"]["song"]
                assert len(songs) == album["songCount"] >= 1
                by_tags |= {song["id"] for song in songs}
    root = player.answer("getMusicFolders")["musicFolders"]["musicFolder"][0]["id"]
    for artist in player.answer("getMusicDirectory", id=root)["directory"]["child"]:
        for album in player.answer("getMusicDirectory", id=artist["id"])["directory"]["child"]:
            assert album["isDir"]
            assert album["parent"] == artist["id"]
            children = player.answer("getMusicDirectory", id=album["id"])["directory"]["child"]
            by_folders |= {song["id"] for song in children}
    assert len(by_tags) == N_TRACKS
    assert by_folders == by_tags
    letters = {letter["name"] for letter in player.answer("getIndexes")["indexes"]["index"]}
    assert letters == {"A", "N"}


def test_indexes_that_have_not_changed_are_not_sent_again(player: Player) -> None:
    found = player.answer("getIndexes")["indexes"]
    assert found["lastModified"] > 1_500_000_000_000
    assert player.answer("getIndexes", ifModifiedSince=found["lastModified"])["indexes"]["index"] == []
    assert player.answer("getIndexes", ifModifiedSince=found["lastModified"] - 1)["indexes"]["index"]


def test_a_song_has_what_the_library_knows(player: Player) -> None:
    with open_library(player.workspace.library_path) as library:
        tracks = library.tracks()
    track = tracks[tracks.ids.row("t01-0")]
    song = player.answer("getSong", id="tr-t01-0")["song"]
    assert {name: song[name] for name in ("title", "artist", "album", "year", "genre", "size", "suffix")} == {
        "title": "Song 0",
        "artist": "Artist 1",
        "album": "First",
        "year": 1991,
        "genre": "Ambient",
        "size": track.size,
        "suffix": "flac",
    }
    assert [one["name"] for one in song["genres"]] == ["Ambient", "Drone"]
    assert song["contentType"] == "audio/flac"
    assert song["duration"] == 2
    assert song["bitRate"] == round(8 * track.size / 2.0 / 1000)
    assert song["path"] == "Artist 1/First/0.flac"  # nothing about the server's folders
    assert (song["isDir"], song["playCount"]) == (False, 0)
    album = player.answer("getAlbum", id=song["albumId"])["album"]["song"]
    assert album[song["track"] - 1] == song
    assert [one["track"] for one in album] == [1, 2, 3, 4]
    assert player.answer("getArtist", id=song["artistId"])["artist"]["name"] == "Artist 1"
    alone = player.answer("getSong", id=f"tr-{WITHOUT_ALBUM}")["song"]
    assert alone["album"] == "[no album]"


def test_ids_of_what_is_not_there_are_not_found(player: Player) -> None:
    for name in (
        "getSong",
        "getAlbum",
        "getArtist",
        "getMusicDirectory",
        "getArtistInfo2",
        "getSimilarSongs",
        "stream",
    ):
        for given in (
            "x",
            "tr-",
            "tr-nothing",
            f"tr-{GONE}",
            f"tr-{WITHOUT_FILE}",
            "al-0",
            "ar-0",
            "tx-!!",
            "tx-\u00fc",
        ):
            assert player.code(name, id=given) == 70, (name, given)
        assert player.code(name) == 10


# ------------------------------------------------------------------------------------------------------------ lists


def test_album_lists(player: Player) -> None:
    def listed(kind: str, **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = player.answer("getAlbumList2", type=kind, size=500, **more)["albumList2"]["album"]
        return found

    every = listed("alphabeticalByArtist")
    assert {one["id"] for one in every} == {one["id"] for one in everything(player)["album"]}
    names = [one["name"].strip("[]").lower() for one in listed("alphabeticalByName")]
    assert names == sorted(names)
    random = [[one["id"] for one in listed("random")] for _ in range(3)]
    assert sorted(random[0]) == sorted(one["id"] for one in every)
    assert random[0] != random[1] or random[1] != random[2]
    created = [one["created"] for one in listed("newest")]
    assert created == sorted(created, reverse=True)
    years = [one["year"] for one in listed("byYear", fromYear=1995, toYear=2000)]
    assert years == sorted(years)
    assert set(years) == set(range(1995, 2001))
    assert [one["year"] for one in listed("byYear", fromYear=2000, toYear=1995)] == years[::-1]
    drone = listed("byGenre", genre="drone")
    assert {one["artist"] for one in drone} == {f"Artist {k}" for k in range(1, 40, 4)}
    for kind in ("highest", "frequent", "recent", "starred"):
        assert listed(kind) == []
    page = player.answer("getAlbumList2", type="alphabeticalByArtist", size=3, offset=2)["albumList2"]["album"]
    assert page == every[2:5]
    assert len(player.answer("getAlbumList2", type="random")["albumList2"]["album"]) == 10
    folders = player.answer("getAlbumList", type="alphabeticalByArtist", size=3)["albumList"]["album"]
    assert [one["id"] for one in folders] == [one["id"] for one in every[:3]]
    assert player.code("getAlbumList2") == 10
    assert player.code("getAlbumList2", type="best") == 0
    assert player.code("getAlbumList2", type="byYear", fromYear=1990) == 10
    assert player.code("getAlbumList2", type="byGenre") == 10


def test_genres_count_their_songs(player: Player) -> None:
    genres = {one["value"]: one for one in player.answer("getGenres")["genres"]["genre"]}
    assert set(genres) == {"Rock", "Ambient", "Drone", "Jazz", "Funk"}
    for name, about in genres.items():
        songs = player.answer("getSongsByGenre", genre=name, count=500)["songsByGenre"]["song"]
        assert len(songs) == about["songCount"]
        assert all(name in [one["name"] for one in song["genres"]] for song in songs)
        assert player.answer("getSongsByGenre", genre=name, count=5, offset=3)["songsByGenre"]["song"] == songs[3:8]
    assert player.answer("getSongsByGenre", genre="Polka")["songsByGenre"]["song"] == []


def test_random_songs_keep_to_the_conditions(player: Player) -> None:
    assert len(player.answer("getRandomSongs")["randomSongs"]["song"]) == 10
    found = player.answer("getRandomSongs", size=500, genre="Jazz", fromYear=1995, toYear=2010)["randomSongs"]["song"]
    assert {one["year"] for one in found} == {1996, 2000, 2004, 2008}
    assert len({one["id"] for one in player.answer("getRandomSongs", size=500)["randomSongs"]["song"]}) == N_TRACKS


def test_top_songs_are_an_artists_own(player: Player) -> None:
    by_name = player.answer("getTopSongs", artist="artist 7")["topSongs"]["song"]
    assert {one["artist"] for one in by_name} == {"Artist 7"}
    assert player.answer("getTopSongs", id=by_name[0]["artistId"])["topSongs"]["song"] == by_name
    assert player.answer("getTopSongs", artist="Nobody at all")["topSongs"]["song"] == []
    assert len(player.answer("getTopSongs", artist="Artist 7", count=2)["topSongs"]["song"]) == 2


@pytest.mark.parametrize("name", ["ping", "getLicense", "getScanStatus", "getNowPlaying", "getStarred", "getPlayQueue"])
def test_the_rest_answers(player: Player, name: str) -> None:
    assert player.answer(name)
    assert player.get(f"{name}.view", f="json").json() == player.get(name, f="json").json()


def test_unknown_endpoints_and_formats_are_errors_of_the_api(player: Player) -> None:
    assert player.code("createShare") == 0
    assert b'code="0"' in player.get("ping", f="jsonp").content
