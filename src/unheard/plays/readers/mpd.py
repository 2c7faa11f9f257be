"""Read slices of the Spotify Million Playlist Dataset: `mpd.slice.<from>-<to>.json`, or other JSON in that layout.

{"playlists": [{"pid": 0, "tracks": [{"pos": 0, "track_uri": ..., "artist_name": ..., "track_name": ...}]}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.plays.imported import ImportBuilder, Imported
from unheard.plays.matching import Matcher, TrackReference

URI_PREFIX = "spotify:track:"
MAX_POSITION = 2**31


@dataclass
class SliceReader:
    """Reads slices one after the other. Matches are cached, because slices repeat the same tracks thousands of times.

    No playlist may be in two slices.
    """

    matcher: Matcher
    _answers: dict[str, tuple[str | None, str]] = field(default_factory=dict, init=False)  # URI -> track, label
    _pids: dict[str, Path] = field(default_factory=dict, init=False)

    def read(self, path: Path) -> Imported:
        """Read a slice. Playlist ids are `pid`; tracks match by `track_uri` (or its last part) or artist and title."""
        found = ImportBuilder()
        pids: dict[str, Path] = {}
        for pid, position, track in _rows(path, {**self._pids}, found.names):
            pids[pid] = path
            track_id, label = self._match(track)
            if track_id is None:
                found.miss(label or f"{pid}, position {position}")
            else:
                found.add(pid, track_id, position)
        self._pids |= pids
        return found.build()

    def _match(self, track: dict[str, Any]) -> tuple[str | None, str]:
        uri, artist, title = (str(track.get(key) or "") for key in ("track_uri", "artist_name", "track_name"))
        if uri in self._answers:
            return self._answers[uri]
        reference = TrackReference(track_id=uri, artist=artist, title=title, isrc=str(track.get("isrc") or ""))
        track_id = self.matcher.by_id(uri.removeprefix(URI_PREFIX)) or self.matcher.match(reference)
        answer = track_id, reference.label or uri
        if uri:
            self._answers[uri] = answer
        return answer


def _rows(path: Path, pids: dict[str, Path], names: dict[str, str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
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
        if playlist.get("name"):
            names[pid] = str(playlist["name"])
        seen: set[int] = set()
        for index, track in enumerate(tracks):
            position = track.get("pos", index) if isinstance(track, dict) else None
            if not isinstance(position, int) or not 0 <= position < MAX_POSITION or position in seen:
                raise TableError(path, f"track {index} of playlist {pid} has no `pos` of its own", fix)
            seen.add(position)
            yield pid, position, track
