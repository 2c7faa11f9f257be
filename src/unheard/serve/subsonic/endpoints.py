"""The table of all endpoints: what each name of the specification is answered with."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from unheard.serve.subsonic import browsing, feedback, lists, media_files, play_queue, playlists, similar, system
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call

Endpoint = Callable[[Call], Answer | Response]

EXTENSIONS = "getOpenSubsonicExtensions"  # the one endpoint that needs no key

ENDPOINTS: dict[str, Endpoint] = {
    # server and user
    "ping": system.ping,
    "getLicense": system.license_,
    EXTENSIONS: lambda call: system.extensions(call.server),
    "tokenInfo": system.token_info,
    "getUser": system.user,
    "getScanStatus": system.scan_status,
    # browsing
    "getMusicFolders": browsing.music_folders,
    "getIndexes": browsing.indexes,
    "getMusicDirectory": browsing.music_directory,
    "getArtists": browsing.artists,
    "getArtist": browsing.artist,
    "getArtistInfo": browsing.artist_info,
    "getArtistInfo2": browsing.artist_info2,
    "getAlbum": browsing.album,
    "getAlbumInfo": browsing.album_info,
    "getAlbumInfo2": browsing.album_info,
    "getSong": browsing.one_song,
    "getGenres": browsing.genres,
    "search2": browsing.search2,
    "search3": browsing.search3,
    # lists
    "getAlbumList": lists.album_list,
    "getAlbumList2": lists.album_list2,
    "getRandomSongs": lists.random_songs,
    "getSongsByGenre": lists.songs_by_genre,
    "getTopSongs": lists.top_songs,
    "getNowPlaying": lists.now_playing,
    "getStarred": lists.starred,
    "getStarred2": lists.starred2,
    # similarity
    "getSimilarSongs": similar.similar_songs,
    "getSimilarSongs2": similar.similar_songs2,
    "getSonicSimilarTracks": similar.sonic_similar_tracks,
    "findSonicPath": similar.sonic_path,
    # what a person likes and plays
    "star": feedback.star,
    "unstar": feedback.unstar,
    "setRating": feedback.set_rating,
    "scrobble": feedback.scrobble,
    # playlists and the play queue
    "getPlaylists": playlists.playlists,
    "getPlaylist": playlists.playlist,
    "createPlaylist": playlists.create,
    "updatePlaylist": playlists.update,
    "deletePlaylist": playlists.delete,
    "getPlayQueue": play_queue.play_queue,
    "savePlayQueue": play_queue.save_play_queue,
    # files
    "stream": media_files.stream,
    "download": media_files.download,
    "getCoverArt": media_files.cover_art,
    "getLyrics": media_files.lyrics,
    "getLyricsBySongId": media_files.lyrics_by_song_id,
}

# What a key of the scope `read` may not do: change something, or take a file.
LISTENING = frozenset(
    {"star", "unstar", "setRating", "scrobble", "createPlaylist", "updatePlaylist", "deletePlaylist", "savePlayQueue"}
    | {"stream", "download"}
)
