"""Slices of the Spotify Million Playlist Dataset: `mpd.slice.<from>-<to>.json`, or any JSON of that shape.

{"playlists": [{"pid": 0, "tracks": [{"pos": 0, "track_uri": ..., "artist_name": ..., "track_name": ...}]}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.ingest.playlists.imported import Collected, Imported
from unheard.ingest.playlists.matching import Matcher, Wanted

URI_PREFIX = "spotify:track:"
MAX_POSITION = 2**31


def read_slices(paths: Sequence[Path], matcher: Matcher) -> Imported:
    """Playlists are named by `pid`; tracks are matched by `track_uri` (or its last part), else by artist and title."""
    found = Collected()
    answers: dict[str, tuple[str | None, str]] = {}  # by URI: slices repeat the same tracks thousands of times
    pids: dict[str, Path] = {}
    for path in paths:
        for pid, position, track in _rows(path, pids):
            uri, artist, title = (str(track.get(key) or "") for key in ("track_uri", "artist_name", "track_name"))
            known = answers.get(uri) if uri else None
            if known is None:
                short = uri.removeprefix(URI_PREFIX)
                wanted = Wanted(track_id=uri, artist=artist, title=title, isrc=str(track.get("isrc") or ""))
                known = answers[uri] = matcher.by_id(short) or matcher.match(wanted), wanted.label or uri
            if known[0] is None:
                found.miss(known[1] or f"{pid}, position {position}")
            else:
                found.add(pid, known[0], position)
    return found.done()


def _rows(path: Path, pids: dict[str, Path]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    fix = "expected a slice of the Million Playlist Dataset"
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON ({str(error)[:80]})", fix) from error
    playlists = content.get("playlists") if isinstance(content, dict) else None
    if not isinstance(playlists, list) or not playlists:
        raise TableError(path, "no list `playlists` in it", fix)
    for number, playlist in enumerate(playlists, start=1):
        tracks = playlist.get("tracks") if isinstance(playlist, dict) else None
        if not isinstance(tracks, list) or not isinstance(playlist.get("pid"), int | str):
            raise TableError(path, f"playlist {number} has no `pid` or no list `tracks`", fix)
        pid = str(playlist["pid"])
        if not pid.isprintable():
            raise TableError(path, f"playlist {number} has a `pid` with control characters ({pid!r})", fix)
        if pid in pids:
            raise TableError(path, f"playlist {pid} is also in {pids[pid]}", "keep one of them")
        pids[pid] = path
        seen: set[int] = set()
        for place, track in enumerate(tracks):
            position = track.get("pos", place) if isinstance(track, dict) else None
            if not isinstance(position, int) or not 0 <= position < MAX_POSITION or position in seen:
                raise TableError(path, f"track {place} of playlist {pid} has no `pos` of its own", fix)
            seen.add(position)
            yield pid, position, track
