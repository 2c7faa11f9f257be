"""Read slices of the Spotify Million Playlist Dataset: `mpd.slice.<from>-<to>.json`, or other JSON in that layout.

{"playlists": [{"pid": 0, "tracks": [{"pos": 0, "track_uri": ..., "artist_name": ..., "track_name": ...}]}]}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.plays.imported import ImportBuilder, Imported
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.columns import MAX_EXPLAINED

URI_PREFIX = "spotify:track:"
MAX_POSITION = 2**31
FIX = "expected a slice of the Million Playlist Dataset"


@dataclass
class SliceReader:
    """Reads slices one after the other. Matches are cached, because slices repeat the same tracks thousands of times.

    No playlist may be in two slices.
    """

    matcher: Matcher
    _answers: dict[str, tuple[str | None, str]] = field(default_factory=dict, init=False)  # URI -> track, label
    _pids: dict[str, Path] = field(default_factory=dict, init=False)

    def read(self, path: Path, content: Any) -> Imported:
        """Read a slice. Playlist ids are `pid`; tracks match by `track_uri` (or its last part) or artist and title.

        A playlist that is invalid is left out. TableError if all are.
        """
        playlists = content.get("playlists") if isinstance(content, dict) else None
        if not isinstance(playlists, list) or not playlists:
            raise TableError(path, "no list `playlists` in it", FIX)
        found, problems = ImportBuilder(), list[TableError]()
        for number, playlist in enumerate(playlists, start=1):
            try:
                pid = self._pid(path, number, playlist)
                entries = _entries(path, pid, playlist["tracks"])
            except TableError as error:
                problems.append(error)
                continue
            self._pids[pid] = path
            if playlist.get("name"):
                found.names[pid] = str(playlist["name"])
            for position, track in entries:
                track_id, label = self._match(track)
                if track_id is None:
                    found.miss(label or f"{pid}, position {position}")
                else:
                    found.add(pid, track_id, position)
        if len(problems) == len(playlists):
            raise problems[0]
        return found.build(invalid=len(problems), reasons=problems[:MAX_EXPLAINED])

    def _pid(self, path: Path, number: int, playlist: object) -> str:
        """Return the id of a playlist. TableError if it has none of its own, or no tracks."""
        tracks = playlist.get("tracks") if isinstance(playlist, dict) else None
        if not isinstance(playlist, dict) or not isinstance(tracks, list):
            raise TableError(path, f"playlist {number} has no `pid` or no list `tracks`", FIX)
        if not isinstance(playlist.get("pid"), int | str):
            raise TableError(path, f"playlist {number} has no `pid` or no list `tracks`", FIX)
        pid = str(playlist["pid"])
        if not pid.isprintable():
            raise TableError(path, f"playlist {number} has a `pid` with control characters ({pid!r})", FIX)
        if pid in self._pids:
            raise TableError(path, f"playlist {pid} is also in {self._pids[pid]}", "keep one of them")
        return pid

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


def _entries(path: Path, pid: str, tracks: list[Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return position and track of each entry of a playlist. TableError if a position is invalid or repeated."""
    found: dict[int, dict[str, Any]] = {}
    for index, track in enumerate(tracks):
        position = track.get("pos", index) if isinstance(track, dict) else None
        if not isinstance(position, int) or not 0 <= position < MAX_POSITION or position in found:
            raise TableError(path, f"track {index} of playlist {pid} has no `pos` of its own", FIX)
        found[position] = track
    return list(found.items())
