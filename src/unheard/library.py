"""The library: tracks, plays, failures and per-track vectors of one workspace, in SQLite (WAL).

Only this module speaks SQL. Rows come out ordered by track id, so that dense rows are the same on every machine.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import LockedError, MissingStageError, Reason, UserError
from unheard.ids import IdMap

SCHEMA = """
CREATE TABLE IF NOT EXISTS tracks (
    track_id TEXT PRIMARY KEY, path TEXT NOT NULL, title TEXT NOT NULL, artists TEXT NOT NULL, album TEXT NOT NULL,
    isrc TEXT NOT NULL, mbid TEXT NOT NULL, release_date TEXT NOT NULL, genre TEXT NOT NULL, duration_s REAL NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, content_hash TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tracks_path ON tracks (path);
CREATE INDEX IF NOT EXISTS tracks_hash ON tracks (content_hash);
CREATE TABLE IF NOT EXISTS failures (
    path TEXT PRIMARY KEY, track_id TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, duplicate_of TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spectrograms (
    track_id TEXT PRIMARY KEY, start_frame INTEGER NOT NULL, n_frames INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    kind TEXT NOT NULL, track_id TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (kind, track_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
    kind TEXT NOT NULL, track_id TEXT NOT NULL, content_hash TEXT NOT NULL, PRIMARY KEY (kind, track_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plays (
    playlist_id TEXT NOT NULL, position INTEGER NOT NULL, track_id TEXT NOT NULL, weight REAL NOT NULL,
    timestamp REAL, PRIMARY KEY (playlist_id, position)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Track:
    """One track. `artists` are all credited artists, main one first; unknown text is empty, unknown duration 0."""

    track_id: str
    path: str = ""
    title: str = ""
    artists: tuple[str, ...] = ()
    album: str = ""
    isrc: str = ""
    mbid: str = ""
    release_date: str = ""
    genre: str = ""
    duration_s: float = 0.0
    size: int = 0
    mtime_ns: int = 0
    content_hash: str = ""

    @property
    def artist(self) -> str:
        return ", ".join(self.artists)

    @property
    def label(self) -> str:
        """Artist - title, as people read it."""
        return f"{self.artist} - {self.title}" if self.artists else self.title or self.track_id


@dataclass(frozen=True)
class Failure:
    """A file that was skipped, and why. `duplicate_of` is the track that is kept instead, if there is one."""

    path: str
    reason: Reason
    detail: str
    track_id: str = ""
    size: int = 0
    mtime_ns: int = 0
    duplicate_of: str = ""


@dataclass(frozen=True)
class Tracks:
    """All tracks, ordered by id; `ids.row(track_id)` indexes `items` and every per-track array of unheard."""

    items: tuple[Track, ...]
    ids: IdMap = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", IdMap(track.track_id for track in self.items))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Track:
        return self.items[row]


@dataclass(frozen=True)
class Play:
    """One track in one playlist (or one listener's count of one track)."""

    playlist_id: str
    track_id: str
    position: int
    weight: float = 1.0
    timestamp: float | None = None


# What to do about an error of SQLite, by its primary result code (https://sqlite.org/rescode.html).
_WAIT = "another process writes to it; wait until it has finished, or end it, and try again"
_ALLOW = "its folder and files have to be writable for this user"
_RESTORE = "restore it from a copy, or scan into a new workspace"
ADVICE = {
    sqlite3.SQLITE_BUSY: _WAIT,
    sqlite3.SQLITE_LOCKED: _WAIT,
    sqlite3.SQLITE_PERM: _ALLOW,
    sqlite3.SQLITE_READONLY: _ALLOW,
    sqlite3.SQLITE_CANTOPEN: _ALLOW,
    sqlite3.SQLITE_FULL: "free some disk space and try again",
    sqlite3.SQLITE_IOERR: "check the disk that it is on and try again",
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_ERROR: _RESTORE,  # a table or a column is missing: the file is from another program or version
}
TRACK_COLUMNS = tuple(column.name for column in fields(Track))


class Library:
    """The open database. Use as a context manager; writes happen in `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.readable():
            self._db = _connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Raise what SQLite reports about the file (damaged, locked, read-only, ...) as one line with advice."""
        try:
            yield
        except sqlite3.Error as error:
            told = explain(error, self.path)
            if told is None:
                raise
            raise told from error

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen, or none."""
        with self.readable():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # ------------------------------------------------------------------------------------------------- tracks

    def put_track(self, track: Track) -> None:
        """Insert or replace one track, and forget an earlier failure of the same file."""
        values = [getattr(track, column) for column in TRACK_COLUMNS]
        values[TRACK_COLUMNS.index("artists")] = json.dumps(track.artists, ensure_ascii=False)
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO tracks ({', '.join(TRACK_COLUMNS)}) VALUES ({marks})", values)
        if track.path:
            self._db.execute("DELETE FROM failures WHERE path = ?", (track.path,))

    def remove_track(self, track_id: str) -> None:
        """Forget a track and its spectrogram; its plays stay, so that it comes back whole if its file does."""
        for table in ("tracks", "spectrograms", "vectors", "marks"):
            self._db.execute(f"DELETE FROM {table} WHERE track_id = ?", (track_id,))

    def tracks(self) -> Tracks:
        cursor = self._db.execute(f"SELECT {', '.join(TRACK_COLUMNS)} FROM tracks ORDER BY track_id")
        return Tracks(tuple(_track(row) for row in cursor))

    # ----------------------------------------------------------------------------------------------- failures

    def put_failure(self, failure: Failure) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                failure.path,
                failure.track_id,
                failure.reason.value,
                failure.detail,
                failure.size,
                failure.mtime_ns,
                failure.duplicate_of,
            ),
        )

    def remove_failure(self, path: str) -> None:
        self._db.execute("DELETE FROM failures WHERE path = ?", (path,))

    def failures(self) -> list[Failure]:
        """Every file that was skipped, ordered by path."""
        cursor = self._db.execute(
            "SELECT path, reason, detail, track_id, size, mtime_ns, duplicate_of FROM failures ORDER BY path"
        )
        return [Failure(path, Reason(reason), *rest) for path, reason, *rest in cursor]

    # ------------------------------------------------------------------------------- spectrograms and vectors

    def put_spectrogram(self, track_id: str, *, start_frame: int, n_frames: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO spectrograms VALUES (?, ?, ?)", (track_id, start_frame, n_frames))

    def spectrograms(self) -> tuple[IdMap, NDArray[np.int64], NDArray[np.int64]]:
        """Ids (ordered), start frames and frame counts of every stored spectrogram."""
        rows = self._db.execute("SELECT track_id, start_frame, n_frames FROM spectrograms ORDER BY track_id").fetchall()
        return (
            IdMap(row[0] for row in rows),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.int64),
        )

    def stored_frames(self) -> int:
        """End of the last committed spectrogram: what lies behind it in the store is left over from a kill."""
        (end,) = self._db.execute("SELECT COALESCE(MAX(start_frame + n_frames), 0) FROM spectrograms").fetchone()
        return int(end)

    def put_vectors(self, kind: str, items: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
        """Store one float32 vector per track under `kind` ("statistics", "signature", "user", "musicnn", ...)."""
        self._db.executemany(
            "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
            ((kind, track_id, np.ascontiguousarray(vector, np.float32).tobytes()) for track_id, vector in items),
        )

    def vectors(self, kind: str) -> tuple[IdMap, NDArray[np.float32]]:
        """Ids (ordered) and a float32 matrix (n, dim); (0, 0) when there are none."""
        rows = self._db.execute(
            "SELECT track_id, vector FROM vectors WHERE kind = ? ORDER BY track_id", (kind,)
        ).fetchall()
        return _matrix(rows)

    def put_mark(self, kind: str, track_id: str, content_hash: str) -> None:
        """Note which bytes a track's vector of this kind was made from, for vectors that a scan does not renew."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (kind, track_id, content_hash))

    def current_vectors(self, kind: str) -> tuple[IdMap, NDArray[np.float32]]:
        """As `vectors`, without those that were made from other bytes than the track has now (see `put_mark`)."""
        query = (
            "SELECT track_id, vector FROM vectors JOIN marks USING (kind, track_id) JOIN tracks USING (track_id, "
            "content_hash) WHERE kind = ? ORDER BY track_id"
        )
        return _matrix(self._db.execute(query, (kind,)).fetchall())

    # -------------------------------------------------------------------------------------------------- plays

    def replace_playlists(self, plays: Sequence[Play]) -> None:
        """Store `plays`; playlists that they name are replaced whole, so importing a file twice changes nothing."""
        named = sorted({play.playlist_id for play in plays})
        self._db.executemany("DELETE FROM plays WHERE playlist_id = ?", ((name,) for name in named))
        self._db.executemany(
            "INSERT INTO plays VALUES (?, ?, ?, ?, ?)",
            ((p.playlist_id, p.position, p.track_id, p.weight, p.timestamp) for p in plays),
        )

    def plays(self, tracks: IdMap, *, before: float | None = None) -> tuple[IdMap, csr_matrix]:
        """Playlist ids (ordered) and a float32 matrix (playlist, track) of summed weights.

        Rows of plays whose track is not in `tracks` (its file was removed or failed later) are left out, and so are
        plays from the time `before` (seconds since 1970) on; their playlists stay, possibly empty. Plays without a
        time count as earlier.
        """
        cursor = self._db.execute(
            "SELECT playlist_id, track_id, weight, timestamp FROM plays ORDER BY playlist_id, position"
        )
        rows = cursor.fetchall()
        playlists = IdMap(dict.fromkeys(row[0] for row in rows))
        playlist_rows = playlists.rows(row[0] for row in rows)
        track_rows = tracks.rows((row[1] for row in rows), missing=-1)
        weights = np.array([row[2] for row in rows], np.float32)
        known = track_rows >= 0
        if before is not None:
            known &= np.array([row[3] is None or row[3] < before for row in rows], np.bool_)
        shape = (len(playlists), len(tracks))
        matrix = csr_matrix((weights[known], (playlist_rows[known], track_rows[known])), shape=shape)
        matrix.sum_duplicates()
        return playlists, matrix

    def first_played(self) -> dict[str, float]:
        """Earliest timestamp of each track that has one, in seconds since 1970."""
        return dict(self._db.execute("SELECT track_id, MIN(timestamp) FROM plays WHERE timestamp NOTNULL GROUP BY 1"))

    def play_order(self) -> Iterator[tuple[str, str]]:
        """(playlist id, track id) of every play, playlist after playlist, each in its order."""
        yield from self._db.execute("SELECT playlist_id, track_id FROM plays ORDER BY playlist_id, position")

    def playlist(self, playlist_id: str) -> list[str]:
        """Track ids of one playlist in its order; empty when there is no such playlist."""
        cursor = self._db.execute("SELECT track_id FROM plays WHERE playlist_id = ? ORDER BY position", (playlist_id,))
        return [row[0] for row in cursor]

    def integrity_problem(self) -> str | None:
        """What SQLite finds wrong with the file, or None."""
        (answer,) = self._db.execute("PRAGMA quick_check").fetchone()
        return None if answer == "ok" else str(answer)

    def counts(self) -> dict[str, int]:
        """How many tracks, spectrograms, vectors, playlists, plays and failures there are."""
        queries = {
            "tracks": "SELECT COUNT(*) FROM tracks",
            "spectrograms": "SELECT COUNT(*) FROM spectrograms",
            "vectors": "SELECT COUNT(*) FROM vectors WHERE kind = 'user'",
            "playlists": "SELECT COUNT(DISTINCT playlist_id) FROM plays",
            "plays": "SELECT COUNT(*) FROM plays",
            "failures": "SELECT COUNT(*) FROM failures",
        }
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in queries.items()}


def open_library(path: Path) -> Library:
    """Open the library of a workspace that has been scanned."""
    if not path.is_file():
        raise MissingStageError(f"{path}: nothing has been scanned yet", f"unheard scan -w {path.parent} MUSIC")
    return Library(path)


def explain(error: sqlite3.Error, path: Path | str) -> UserError | None:
    """Return the error as a message with advice; None for a bug of ours, such as a violated constraint."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else None  # without the extension
    advice = ADVICE.get(code) if code is not None else None
    if advice is None:
        return None
    kind = LockedError if advice is _WAIT else UserError
    return kind(f"{path}: {error}; {advice}")


def _connect(path: Path) -> sqlite3.Connection:
    """To read and write; to read alone where this user may not write (a copy on a read-only disk)."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)
        return db
    log = path.with_name(f"{path.name}-wal")  # without one, SQLite would want to make one beside the file
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=30, isolation_level=None)


def _matrix(rows: Sequence[tuple[str, bytes]]) -> tuple[IdMap, NDArray[np.float32]]:
    matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
    return IdMap(row[0] for row in rows), matrix.reshape(len(rows), -1) if rows else matrix.reshape(0, 0)


def _track(row: tuple[Any, ...]) -> Track:
    values = dict(zip(TRACK_COLUMNS, row, strict=True))
    return Track(**{**values, "artists": tuple(json.loads(values["artists"]))})
