"""A real client, py-opensonic (development only): what it can ask of this server, read by its own classes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serve.subsonic.conftest import USER, Player
from unheard.library import open_library

libopensonic = pytest.importorskip("libopensonic", reason="py-opensonic is not installed; pip install py-opensonic")
pytestmark = pytest.mark.usefixtures("nothing_kept")

LOGINS = ("api key", "token", "password")
Scenario = Callable[[Any], Awaitable[None]]


def with_client(player: Player, scenario: Scenario, *, login: str = "api key", use_get: bool = False) -> None:
    """Run a scenario with a connection."""
    host, _, port = player.url.rpartition(":")
    key = {"api_key": player.secret}
    named = {"username": USER, "password": player.secret, "legacy_auth": login == "password"}

    async def run() -> None:
        arguments = key if login == "api key" else named
        connection = libopensonic.AsyncConnection(host, port=int(port), use_get=use_get, **arguments)
        try:
            await scenario(connection)
        finally:
            await connection.cleanup()

    asyncio.run(run())


@pytest.mark.parametrize("use_get", [False, True])
@pytest.mark.parametrize("login", LOGINS)
def test_every_login(player: Player, login: str, use_get: bool) -> None:
    async def scenario(connection: Any) -> None:
        assert await connection.ping()
        assert (await connection.get_license())["license"]["valid"]
        assert (await connection.get_user(USER)).username == USER

    with_client(player, scenario, login=login, use_get=use_get)


def test_a_wrong_key_is_its_own_error(player: Player) -> None:
    async def scenario(connection: Any) -> None:
        connection.api_key = "wrong"
        with pytest.raises(libopensonic.errors.SonicError):
            await connection.ping()

    with_client(player, scenario)


def test_browsing(player: Player) -> None:
    async def scenario(connection: Any) -> None:
        names = {one.name for one in await connection.get_open_subsonic_extensions()}
        assert libopensonic.Extensions.SONIC_SIMILARITY in names
        assert (await connection.token_info()).username == USER
        artists = [one for letter in (await connection.get_artists()).index for one in letter.artist]
        five = next(one for one in artists if one.name == "Artist 5")
        artist = await connection.get_artist(five.id)
        assert [one.name for one in artist.album] == ["First", "Second"]
        album = await connection.get_album(artist.album[0].id)
        assert [one.title for one in album.song] == ["Song 0", "Song 1", "Song 2", "Song 3"]
        song = await connection.get_song(album.song[0].id)
        assert (song.artist, song.year, song.is_dir) == ("Artist 5", 1995, False)
        root = await connection.get_music_directory("1")  # version 10.4.1 cannot read the answer of getMusicFolders
        assert len(root.child) == len(artists)
        assert len((await connection.get_indexes()).index) == 2
        assert {one.value for one in await connection.get_genres()} == {"Rock", "Ambient", "Drone", "Jazz", "Funk"}
        assert len(await connection.get_songs_by_genre("Jazz", count=30)) == 30
        assert len(await connection.get_album_list2("byYear", from_year=1990, to_year=1991)) == 4
        assert len(await connection.get_album_list("newest")) == 10
        found = await connection.search3("artist 12", song_count=7)
        assert {one.artist for one in found.song} == {"Artist 12"}
        assert len((await connection.search2("artist 12")).song) == 7
        assert len(await connection.get_random_songs(size=5)) == 5
        assert len(await connection.get_top_songs("Artist 5", count=3)) == 3
        assert len((await connection.get_artist_info2(five.id)).similar_artist) == 20
        assert await connection.get_album_info2(album.id)
        status = await connection.get_scan_status()
        assert (status.scanning, status.count) == (False, 283)

    with_client(player, scenario)


def test_sonic_similarity(player: Player) -> None:
    async def scenario(connection: Any) -> None:
        similar = await connection.get_sonic_similar_tracks("tr-t05-3", count=7)
        values = [one.similarity for one in similar]
        assert len(values) == 7
        assert values == sorted(values, reverse=True)
        assert "tr-t05-3" not in {one.entry.id for one in similar}
        path = await connection.find_sonic_path("tr-t05-3", "tr-t20-1", count=9)
        assert (path[0].entry.id, path[-1].entry.id, len(path)) == ("tr-t05-3", "tr-t20-1", 9)
        assert path[0].similarity == 1
        assert len(await connection.get_similar_songs("tr-t05-3", count=8)) == 8
        assert len(await connection.get_similar_songs2(path[0].entry.artist_id, count=8)) == 8
        with pytest.raises(libopensonic.errors.DataNotFoundError):
            await connection.get_sonic_similar_tracks("tr-none")

    with_client(player, scenario)


def test_stars_ratings_and_plays(player: Player) -> None:
    async def scenario(connection: Any) -> None:
        assert await connection.star(sids=["tr-t05-3", "tr-t06-1"])
        assert await connection.unstar(sids=["tr-t06-1"])
        assert await connection.set_rating("tr-t05-3", 4)
        assert await connection.scrobble("tr-t05-3", submission=False)
        (playing,) = await connection.get_now_playing()
        assert playing.id == "tr-t05-3"
        assert await connection.scrobble("tr-t05-3", listen_time=1_700_000_000)
        song = await connection.get_song("tr-t05-3")
        assert (song.user_rating, song.play_count) == (4, 1)
        assert song.played == "2023-11-14T22:13:20+00:00"
        starred = await connection.get_starred2()
        assert [one.id for one in starred.song] == ["tr-t05-3"]
        assert len((await connection.get_starred()).song) == 1

    with_client(player, scenario)


def test_playlists_and_queue(player: Player) -> None:
    async def scenario(connection: Any) -> None:
        assert await connection.create_playlist(name="Ours", song_ids=["tr-t05-3", "tr-t06-1"])
        listed = next(one for one in await connection.get_playlists() if one.name == "Ours")
        assert await connection.update_playlist(
            listed.id, name="Mine", song_ids_to_add=["tr-t07-0"], song_indices_to_remove=[0]
        )
        playlist = await connection.get_playlist(listed.id)
        assert (playlist.name, [one.id for one in playlist.entry]) == ("Mine", ["tr-t06-1", "tr-t07-0"])
        assert await connection.delete_playlist(listed.id)
        with pytest.raises(libopensonic.errors.DataNotFoundError):
            await connection.get_playlist(listed.id)
        assert await connection.save_play_queue(["tr-t05-3", "tr-t06-1"], current="tr-t06-1", position=9)
        queue = await connection.get_play_queue()
        assert (queue.current, queue.position, [one.id for one in queue.entry]) == (
            "tr-t06-1", 9, ["tr-t05-3", "tr-t06-1"],
        )  # fmt: skip

    with_client(player, scenario)


def test_files(player: Player) -> None:
    with open_library(player.workspace.library_path) as library:
        tracks = library.tracks()
    expected = Path(tracks[tracks.ids.row("t00-0")].path).read_bytes()

    async def scenario(connection: Any) -> None:
        assert await (await connection.stream("tr-t00-0")).read() == expected
        assert await (await connection.download("tr-t00-0")).read() == expected
        assert (await (await connection.get_cover_art("tr-t00-0", size=100)).read()).startswith(b"\xff\xd8")
        (lyrics,) = await connection.get_lyrics_by_song_id("tr-t00-0")
        assert [line.value for line in lyrics.line] == ["Zero", "First line", "Twice", "Twice"]
        assert (await connection.get_lyrics("Artist 0", "Song 0")).value.startswith("Zero")
        with pytest.raises(libopensonic.errors.DataNotFoundError):
            await connection.stream("tr-t09-0")

    with_client(player, scenario)
