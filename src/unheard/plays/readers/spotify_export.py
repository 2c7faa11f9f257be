"""Read Spotify's account data (JSON): playlists, liked songs, and the streaming history of a year or of all years.

    Playlist1.json                       {"playlists": [{"name", "items": [{"track": {"trackName", ...}}]}]}
    YourLibrary.json                     {"tracks": [{"artist", "album", "track", "uri"}], ...}
    StreamingHistory_music_0.json        [{"endTime", "artistName", "trackName", "msPlayed"}]
    Streaming_History_Audio_2024.json    [{"ts", "ms_played", "master_metadata_track_name", ...}]

The histories of one folder are one history. A play of less than 30 seconds that did not reach the end is left out.
"""

from __future__ import annotations

from typing import Any

from unheard.plays.listed import ListedFile, ListedTrack, one_of
from unheard.plays.matching import TrackReference
from unheard.plays.readers.times import parse_time

HISTORY = "Spotify history"
LIKED = "Liked songs"
MIN_PLAYED_MS = 30_000  # Spotify counts a stream from 30 seconds
SHORT, NO_MUSIC = "plays of less than 30 seconds", "entries without a track (podcasts, videos, audiobooks)"


def spotify_playlists(playlists: list[Any]) -> ListedFile:
    """Return the lists of the value of `playlists`; several lists of one name are numbered."""
    found, names = ListedFile(), dict[str, int]()
    for playlist in playlists:
        items = playlist.get("items") if isinstance(playlist, dict) else None
        name = str(playlist.get("name") or "") if isinstance(playlist, dict) else ""
        names[name] = names.get(name, 0) + 1
        name = name if names[name] == 1 else f"{name} ({names[name]})"
        for item in items if isinstance(items, list) else []:
            track = (item.get("track") or item.get("localTrack")) if isinstance(item, dict) else None
            if isinstance(track, dict):
                time = parse_time(str(item.get("addedDate") or ""))
                found.tracks.append(ListedTrack(_reference(track), name, timestamp=time))
            else:
                found.left_out[NO_MUSIC] += 1
    return found


def spotify_library(tracks: list[Any]) -> ListedFile:
    """Return the liked songs."""
    dicts = [track for track in tracks if isinstance(track, dict)]
    return ListedFile([ListedTrack(_reference(track), LIKED) for track in dicts])


def spotify_history(streams: list[Any]) -> ListedFile:
    """Return one play for each stream, oldest first."""
    found = ListedFile(history=HISTORY)
    for stream in streams:
        reference = _reference(stream) if isinstance(stream, dict) else TrackReference()
        if not reference.title:
            found.left_out[NO_MUSIC] += 1
            continue
        played_ms = stream.get("ms_played", stream.get("msPlayed", MIN_PLAYED_MS))
        is_short = isinstance(played_ms, int | float) and played_ms < MIN_PLAYED_MS
        if is_short and (stream.get("reason_end") != "trackdone" or not played_ms):
            found.left_out[SHORT] += 1
            continue
        time = parse_time(str(stream.get("ts") or stream.get("endTime") or ""))
        found.tracks.append(ListedTrack(reference, timestamp=time or None))
    return found.in_order_of_time()


def _reference(track: dict[str, Any]) -> TrackReference:
    uri = one_of([track.get(key) for key in ("trackUri", "spotify_track_uri", "uri")])
    return TrackReference(
        track_id=uri.removeprefix("spotify:track:"),
        isrc=one_of([track.get("isrc")]),
        artist=one_of([track.get(key) for key in ("artistName", "master_metadata_album_artist_name", "artist")]),
        title=one_of([track.get(key) for key in ("trackName", "master_metadata_track_name", "track")]),
    )
