"""The play history: what a person played in a music player, stored in W/played.jsonl.

One JSON object a line, in the order of arrival: checksum (checksums.py), track_id, at (seconds since 1970), event and
player. A player reports the event "start" when a track begins, and "play" when enough of it was played to count,
usually half.

Lines are only ever appended, each batch with one write. A process that is killed while it writes leaves a part of a
line; readers pass it over, and the next batch begins on a new line.

A skip is a start that another start of the same player follows within MAX_SKIP_S, without a play between. Only players
that have reported a play before are judged: others would seem to skip everything.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from unheard.atomic_files import append_lines
from unheard.checksums import seal, unseal
from unheard.errors import UserError
from unheard.file_lock import one_writer
from unheard.workspace import Workspace

T = TypeVar("T")
Event = Literal["start", "play"]
MAX_SKIP_S = 30.0
MAX_PLAYERS = 1000  # that are kept; a client may call itself by another name in every request

_lock = threading.Lock()


class Listen(NamedTuple):
    """One line of the history; `at` is in seconds since 1970."""

    track_id: str
    at: float
    event: Event
    player: str = ""


class ListenCounts(NamedTuple):
    """What the history says about one track: numbers of plays and skips, first and last play in seconds since 1970."""

    plays: int = 0
    skips: int = 0
    first: float = math.inf
    last: float = 0.0


NEVER = ListenCounts()


@dataclass
class PlayHistory:
    """The history up to some byte of the file, added up; its size depends on the tracks and not on the plays.

    counts   by track id
    playing  the last start of each player, until its next event; of the MAX_PLAYERS latest
    n_damaged  number of lines that cannot be read, and do not count
    """

    counts: dict[str, ListenCounts] = field(default_factory=dict)
    playing: dict[str, Listen] = field(default_factory=dict)
    n_damaged: int = 0
    _players: dict[str, None] = field(default_factory=dict)  # that have reported a play, the latest last

    def add(self, listen: Listen) -> None:
        """Add the next line."""
        before = self.playing.get(listen.player)
        if listen.event == "start":
            gap_s = math.inf if before is None or before.track_id == listen.track_id else listen.at - before.at
            if before is not None and listen.player in self._players and 0 <= gap_s <= MAX_SKIP_S:
                known = self.counts.get(before.track_id, NEVER)
                self.counts[before.track_id] = known._replace(skips=known.skips + 1)
            _put(self.playing, listen.player, listen)
            return
        _put(self._players, listen.player, None)
        if before is not None and before.track_id == listen.track_id:
            del self.playing[listen.player]
        plays, skips, first, last = self.counts.get(listen.track_id, NEVER)
        if not plays or listen.at != last:  # otherwise it was sent twice
            counts = ListenCounts(plays + 1, skips, min(first, listen.at), max(last, listen.at))
            self.counts[listen.track_id] = counts

    def copy(self) -> PlayHistory:
        """Return a copy that later lines do not change."""
        return PlayHistory(dict(self.counts), dict(self.playing), self.n_damaged, dict(self._players))


def _put(players: dict[str, T], player: str, value: T) -> None:
    """Store a value for a player as the latest, and forget the one that was silent for longest beyond MAX_PLAYERS."""
    players.pop(player, None)
    players[player] = value
    if len(players) > MAX_PLAYERS:
        del players[next(iter(players))]


def add_listens(workspace: Workspace, listens: Iterable[Listen]) -> None:
    """Append lines to the history, durably. Raise UserError if the file cannot be written."""
    path = workspace.played_path
    lines = [seal(json.dumps(one._asdict(), ensure_ascii=True), path) for one in listens]
    try:
        with one_writer(workspace.root):
            append_lines(path, lines)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); make its folder writable") from error


@dataclass
class _Read:
    """How far a file was read: its inode, the number of bytes, what they add up to, and the copy that callers have."""

    inode: int
    n_bytes: int
    history: PlayHistory
    shared: PlayHistory = field(default_factory=PlayHistory)


_read: dict[Path, _Read] = {}


def history(workspace: Workspace) -> PlayHistory:
    """Return the history of a workspace, to be read only; lines that were appended since the last call are added."""
    path = workspace.played_path
    with _lock:
        try:
            state = path.stat()
        except OSError:
            _read.pop(path, None)
            return PlayHistory()
        known = _read.get(path)
        if known is None or known.inode != state.st_ino or known.n_bytes > state.st_size:
            known = _read[path] = _Read(state.st_ino, 0, PlayHistory())
        if known.n_bytes < state.st_size:
            with path.open("rb") as file:
                file.seek(known.n_bytes)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # still being written
                    known.n_bytes += len(line)
                    if (listen := _parsed(line, path)) is not None:
                        known.history.add(listen)
                    elif line.strip():
                        known.history.n_damaged += 1
            known.shared = known.history.copy()
            known.shared.n_damaged += known.n_bytes < state.st_size  # a part of a line, as a kill leaves it
        return known.shared


def _parsed(line: bytes, path: Path) -> Listen | None:
    """Return a line as a listen; None if it is damaged."""
    try:
        values: Mapping[str, object] = unseal(line.decode("utf-8", "surrogateescape"), path)
        track_id, at, event, player = (values[name] for name in Listen._fields)
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(track_id, str) or not isinstance(player, str) or not isinstance(at, int | float):
        return None
    if event not in ("start", "play") or not math.isfinite(at):
        return None
    return Listen(track_id, float(at), "start" if event == "start" else "play", player)
