"""Describe tracks, albums and artists as the specification does (Child, AlbumID3, ArtistID3), as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from unheard.ratings import ALBUM, ARTIST, TRACK, Feedback
from unheard.recommend.filters import year_of
from unheard.serve import client_ids
from unheard.serve.album_index import Album
from unheard.serve.media_types import media_type_of
from unheard.serve.player_tables import Artist, genres_in, main_artist
from unheard.serve.subsonic.call import Call

Entry = dict[str, Any]
OF_FOLDERS = (
    *("id", "name", "artist", "artistId", "coverArt", "songCount", "duration", "playCount", "created", "starred"),
    *("userRating", "year", "genre"),
)
LATEST_S = 32_503_680_000  # the year 3000: a file's time may be any number


def songs(call: Call, rows: Iterable[int]) -> list[Entry]:
    """Return tracks."""
    return [song(call, int(row)) for row in rows]


def song(call: Call, row: int) -> Entry:
    """Return a track."""
    track, counts = call.music.tracks[row], call.counts(row)
    album, number = call.music.place(row)
    feedback = call.feedback(TRACK + track.track_id)
    artist, genres = main_artist(track), genres_in(track.genre)
    path, duration_s = PurePath(track.path), track.duration_s
    return {
        "id": client_ids.of_track(track.track_id),
        "parent": client_ids.of_album(album.album_id),
        "isDir": False,
        "title": track.title or path.stem,
        "album": album.title,
        "artist": track.artist or artist,
        "track": number,
        "year": year_of(track),
        "genre": genres[0] if genres else None,
        "coverArt": client_ids.of_track(track.track_id),
        "size": track.size or None,
        "contentType": media_type_of(path),
        "suffix": path.suffix.lower().removeprefix(".") or None,
        "duration": round(duration_s) or None,
        "bitRate": round(8 * track.size / duration_s / 1000) or None if duration_s else None,
        "path": "/".join(_safe(part) for part in (album.artist, album.title, path.name)),
        "isVideo": False,
        "playCount": counts.plays,
        "played": time_text(counts.last) if counts.plays else None,
        **_feedback(feedback),
        "created": time_text(track.mtime_ns / 1e9),
        "albumId": client_ids.of_album(album.album_id),
        "artistId": client_ids.of_artist(artist),
        "type": "music",
        "mediaType": "song",
        "musicBrainzId": track.mbid or None,
        "isrc": [track.isrc] if track.isrc else None,
        "genres": [{"name": name} for name in genres],
        "artists": [{"id": client_ids.of_artist(name), "name": name} for name in track.artists or (artist,)],
        "displayArtist": track.artist or artist,
        "albumArtists": [{"id": client_ids.of_artist(album.artist), "name": album.artist}],
        "displayAlbumArtist": album.artist,
    }


def album_entry(call: Call, album: Album) -> Entry:
    """Return an album without its tracks."""
    counts = [call.counts(row) for row in album.rows] if call.history.counts else []
    genres = call.music.genres_of(album)
    last = max((one.last for one in counts), default=0.0)
    return {
        "id": client_ids.of_album(album.album_id),
        "name": album.title,
        "artist": album.artist,
        "artistId": client_ids.of_artist(album.artist),
        "coverArt": client_ids.of_album(album.album_id),
        "songCount": len(album.rows),
        "duration": round(call.music.duration_s(album)),
        "playCount": sum(one.plays for one in counts),
        "played": time_text(last) if last else None,
        "created": time_text(call.music.created_s(album)),
        **_feedback(call.feedback(ALBUM + album.album_id)),
        "year": album.year,
        "genre": genres[0] if genres else None,
        "genres": [{"name": name} for name in genres],
        "artists": [{"id": client_ids.of_artist(album.artist), "name": album.artist}],
        "displayArtist": album.artist,
        "isCompilation": call.music.is_compilation(album),
    }


def album_folder(call: Call, album: Album) -> Entry:
    """Return an album as a folder, for clients that browse folders."""
    entry = album_entry(call, album)
    title = {"title": album.title, "album": album.title}
    return {**{name: entry[name] for name in OF_FOLDERS}, "parent": entry["artistId"], "isDir": True, **title}


def artist_entry(call: Call, artist: Artist) -> Entry:
    """Return an artist without albums."""
    return {
        "id": artist.artist_id,
        "name": artist.name,
        "coverArt": artist.artist_id,
        "albumCount": len(artist.albums),
        **_feedback(call.feedback(ARTIST + artist.artist_id)),
    }


def artist_folder(call: Call, artist: Artist) -> Entry:
    """Return an artist as a folder, for clients that browse folders."""
    return {name: value for name, value in artist_entry(call, artist).items() if name not in ("coverArt", "albumCount")}


def time_text(seconds: float) -> str:
    """Return a time in seconds since 1970 in ISO 8601."""
    return datetime.fromtimestamp(min(max(0.0, seconds), LATEST_S), UTC).isoformat(timespec="seconds")


def _feedback(feedback: Feedback) -> Entry:
    return {"starred": feedback.starred or None, "userRating": feedback.rating or None}


def _safe(part: str) -> str:
    return part.replace("/", "_").replace("\\", "_") or "_"
