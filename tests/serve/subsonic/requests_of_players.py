"""One request for each endpoint that answers with data, for tests that look at every answer."""

from __future__ import annotations

from typing import Any

from tests.builders.player_world import ODD
from tests.serve.subsonic.conftest import Player
from unheard.serve import client_ids

FILES = ("stream", "download", "getCoverArt")


def requests(player: Player) -> list[tuple[str, dict[str, Any]]]:
    """Return (endpoint, parameters), in an order in which all succeed; stars, plays and a playlist are left behind."""
    song = player.answer("getSong", id="tr-t00-0")["song"]
    album, artist = song["albumId"], song["artistId"]
    playlist = player.answer("createPlaylist", name="A & <b>", songId=["tr-t00-0", client_ids.of_track(ODD)])[
        "playlist"
    ]["id"]
    return [
        ("ping", {}),
        ("getLicense", {}),
        ("getOpenSubsonicExtensions", {}),
        ("tokenInfo", {}),
        ("getUser", {}),
        ("getScanStatus", {}),
        ("star", {"id": "tr-t00-0", "albumId": album, "artistId": artist}),
        ("setRating", {"id": "tr-t00-0", "rating": 4}),
        ("setRating", {"id": album, "rating": 5}),
        ("setRating", {"id": artist, "rating": 2}),
        ("scrobble", {"id": "tr-t00-0", "time": 1_700_000_000_000}),
        ("scrobble", {"id": "tr-t05-3", "submission": "false"}),
        ("savePlayQueue", {"id": ["tr-t00-0"], "current": "tr-t00-0", "position": 5}),
        ("getPlayQueue", {}),
        ("getMusicFolders", {}),
        ("getIndexes", {}),
        ("getMusicDirectory", {"id": "1"}),
        ("getMusicDirectory", {"id": artist}),
        ("getMusicDirectory", {"id": album}),
        ("getArtists", {}),
        ("getArtist", {"id": artist}),
        ("getArtistInfo", {"id": artist}),
        ("getArtistInfo2", {"id": artist}),
        ("getAlbum", {"id": album}),
        ("getAlbumInfo", {"id": album}),
        ("getAlbumInfo2", {"id": album}),
        ("getSong", {"id": "tr-t00-0"}),
        ("getSong", {"id": client_ids.of_track(ODD)}),
        ("getGenres", {}),
        ("search2", {"query": ""}),
        ("search3", {"query": "", "songCount": 400}),
        ("getAlbumList", {"type": "newest"}),
        ("getAlbumList2", {"type": "newest", "size": 500}),
        ("getRandomSongs", {}),
        ("getSongsByGenre", {"genre": "Rock"}),
        ("getTopSongs", {"artist": "Artist 0"}),
        ("getNowPlaying", {}),
        ("getStarred", {}),
        ("getStarred2", {}),
        ("getSimilarSongs", {"id": "tr-t00-0"}),
        ("getSimilarSongs2", {"id": artist}),
        ("getSonicSimilarTracks", {"id": "tr-t00-0"}),
        ("findSonicPath", {"startSongId": "tr-t00-0", "endSongId": "tr-t05-3"}),
        ("getPlaylists", {}),
        ("getPlaylist", {"id": playlist}),
        ("updatePlaylist", {"playlistId": playlist, "name": "B"}),
        ("createPlaylist", {"name": "C"}),
        ("getLyrics", {"artist": "Artist 0", "title": "Song 0"}),
        ("getLyricsBySongId", {"id": "tr-t00-0"}),
        ("unstar", {"id": "tr-t00-0"}),
        ("deletePlaylist", {"id": playlist}),
    ]
