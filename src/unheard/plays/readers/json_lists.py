"""Read JSON files of playlists and histories: find out which service wrote a file, and read it accordingly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.ingest.text_files import MAX_EXPORT_BYTES, read_whole
from unheard.plays.listed import ListedFile
from unheard.plays.readers.listens import read_listens
from unheard.plays.readers.spotify_export import spotify_history, spotify_library, spotify_playlists
from unheard.plays.readers.xspf import jspf_playlist

SUFFIXES = frozenset({".json", ".jsonl", ".jspf"})
FIX = "expected playlists or a history of Spotify, Last.fm or ListenBrainz, JSPF, or a Million Playlist slice"


def load_json(path: Path) -> Any:
    """Return the content of a JSON file, or the list of the lines of a JSONL file. TableError if it is none."""
    try:
        data = read_whole(path, MAX_EXPORT_BYTES)
        if path.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in data.splitlines() if line.strip()]
        return json.loads(data.decode("utf-8-sig") if data.startswith(b"\xef\xbb\xbf") else data)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON ({str(error)[:80]})", FIX) from error


def is_slice(content: Any) -> bool:
    """Return whether the content has the layout of the Million Playlist Dataset."""
    playlists = content.get("playlists") if isinstance(content, dict) else None
    return isinstance(playlists, list) and any(
        isinstance(playlist, dict) and ("pid" in playlist or "tracks" in playlist) for playlist in playlists
    )


def listed_json(path: Path, content: Any) -> ListedFile | None:
    """Return the entries of a file's content; None if it is not of a known service."""
    found = None
    if isinstance(content, dict):
        if isinstance(content.get("playlists"), list) and not is_slice(content):
            found = spotify_playlists(content["playlists"])
        elif isinstance(content.get("playlist"), dict):
            found = jspf_playlist(path, content["playlist"])
        elif isinstance(content.get("tracks"), list) and "artists" in content:
            found = spotify_library(content["tracks"])
    elif isinstance(content, list) and _is_spotify_history(content):
        found = spotify_history(content)
    if found is None:
        found = read_listens(content)
    return found if found.tracks or found.left_out else None


def _is_spotify_history(content: list[Any]) -> bool:
    first = next((set(one) for one in content if isinstance(one, dict)), set[str]())
    return bool({"ts", "endTime"} & first and {"ms_played", "msPlayed"} & first)
