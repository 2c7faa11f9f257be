"""Read Library.xml, which Apple Music and iTunes export: playlists, and the play counts of all tracks."""

from __future__ import annotations

import plistlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from unheard.errors import TableError
from unheard.ingest.text_files import MAX_EXPORT_BYTES, read_whole
from unheard.plays.listed import ListedFile, ListedTrack
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.m3u import absolute_path

DAMAGED = (ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError)  # what plistlib raises
PLAY_COUNTS = "Play counts"  # the name of the history
MAX_PLAYS = 10**9


def read_apple_library(path: Path, _matcher: Matcher) -> ListedFile:
    """Read playlists, without folders and those that Apple makes, and the play counts as one more list."""
    try:
        content = plistlib.loads(read_whole(path, MAX_EXPORT_BYTES))
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    except (plistlib.InvalidFileException, ExpatError, *DAMAGED) as error:
        problem = f"not a property list ({str(error)[:80]})"
        raise TableError(path, problem, "export it again: File > Library > Export Library") from error
    tracks = content.get("Tracks") if isinstance(content, dict) else None
    playlists = content.get("Playlists", []) if isinstance(content, dict) else None
    if not isinstance(tracks, dict) or not isinstance(playlists, list):
        raise TableError(path, "no `Tracks` and `Playlists` in it", "export it again: File > Library > Export Library")
    music = {key: track for key, track in tracks.items() if isinstance(track, dict)}
    references = {key: _reference(path, track) for key, track in music.items()}
    found = ListedFile()
    for playlist in playlists:
        if isinstance(playlist, dict) and not _is_of_apple(playlist):
            name = str(playlist.get("Name") or "")
            items = playlist.get("Playlist Items", [])
            keys = [str(item.get("Track ID")) for item in items if isinstance(item, dict)]
            found.tracks += [ListedTrack(references[key], name) for key in keys if key in references]
    for key, track in music.items():
        n = track.get("Play Count", 0)
        if isinstance(n, int) and 0 < n < MAX_PLAYS:
            found.tracks.append(ListedTrack(references[key], PLAY_COUNTS, float(n), _last_played(track)))
    return found


def _is_of_apple(playlist: dict[str, Any]) -> bool:
    return any(
        playlist.get(key) for key in ("Master", "Folder", "Distinguished Kind", "Podcasts", "Movies", "TV Shows")
    )


def _reference(path: Path, track: dict[str, Any]) -> TrackReference:
    location = str(track.get("Location") or "")
    artist, title = (str(track.get(key) or "") for key in ("Artist", "Name"))
    return TrackReference(path=absolute_path(path, location) if location else "", artist=artist, title=title)


def _last_played(track: dict[str, Any]) -> float | None:
    time = track.get("Play Date UTC")
    return time.replace(tzinfo=UTC).timestamp() if isinstance(time, datetime) else None
