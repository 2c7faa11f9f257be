"""Store the tracks and failures of a workspace in SQLite (WAL).

Only this module uses SQL. Tracks are ordered by id, so that their rows are the same on every machine.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unheard.errors import LockedError, MissingStageError, Reason, UserError
from unheard.ids import IdMap

SCHEMA = """
CREATE TABLE IF NOT EXISTS tracks (
    track_id TEXT PRIMARY KEY, path TEXT NOT NULL, title TEXT NOT NULL, artists TEXT NOT NULL, album TEXT NOT NULL,
    isrc TEXT NOT NULL, mbid TEXT NOT NULL, release_date TEXT NOT NULL, genre TEXT NOT NULL, duration_s REAL NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, content_hash TEXT NOT NULL,
    album_artist TEXT NOT NULL DEFAULT '', ctime_ns INTEGER NOT NULL DEFAULT 0, audio_hash TEXT NOT NULL DEFAULT '',
    gone_since TEXT NOT NULL DEFAULT '', decoded_hash TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tracks_path ON tracks (path);
CREATE INDEX IF NOT EXISTS tracks_hash ON tracks (content_hash);
CREATE TABLE IF NOT EXISTS file_failures (
    path TEXT PRIMARY KEY, track_id TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, duplicate_of TEXT NOT NULL, versions TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_failures_duplicate_of ON file_failures (duplicate_of) WHERE duplicate_of != '';
"""

# Columns that later versions added to `tracks`; a library without them gets them when it is opened for writing.
ADDED_COLUMNS = {
    "album_artist": "TEXT NOT NULL DEFAULT ''",
    "ctime_ns": "INTEGER NOT NULL DEFAULT 0",
    "audio_hash": "TEXT NOT NULL DEFAULT ''",
    "gone_since": "TEXT NOT NULL DEFAULT ''",
    "decoded_hash": "TEXT NOT NULL DEFAULT ''",
}


@dataclass(frozen=True)
class Track:
    """One track. `artists` are all credited artists, the main one first; unknown text is empty, unknown duration 0.

    genre         all genres, joined by "; "
    content_hash  of the file's bytes
    audio_hash    of its audio packets without tags; empty if unknown
    ctime_ns      the file's change time: a tagger may restore size and modification time, but not this
    gone_since    UTC date (YYYY-MM-DD) of the first scan that did not find the file; empty while it is there
    decoded_hash  content hash that the file had when it was decoded, if only its tags have changed since
    """

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
    album_artist: str = ""
    ctime_ns: int = 0
    audio_hash: str = ""
    gone_since: str = ""
    decoded_hash: str = ""

    @property
    def source_hash(self) -> str:
        """Identifies the bytes from which features are extracted; size and time of a file without a content hash."""
        return self.decoded_hash or self.content_hash or (f"{self.size}-{self.mtime_ns}" if self.path else "")

    @property
    def artist(self) -> str:
        return ", ".join(self.artists)

    @property
    def label(self) -> str:
        """Artist and title for people, or the id of a track without tags."""
        return f"{self.artist} - {self.title}" if self.artists else self.title or self.track_id


@dataclass(frozen=True)
class Failure:
    """A file that was skipped, and why.

    duplicate_of  id of the track with the same content, for a duplicate
    versions      of unheard and of the decoders (`decoder_versions`); with others, a scan tries the file again
    """

    path: str
    reason: Reason
    detail: str
    track_id: str = ""
    size: int = 0
    mtime_ns: int = 0
    duplicate_of: str = ""
    versions: str = ""


@dataclass(frozen=True)
class Tracks:
    """All tracks, ordered by id; `ids.row(track_id)` is the row of a track in `items` and in all arrays of tracks."""

    items: tuple[Track, ...]
    ids: IdMap = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", IdMap(track.track_id for track in self.items))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Track:
        return self.items[row]


# Advice for an error of SQLite, by its primary result code (https://sqlite.org/rescode.html).
_WAIT = "another process writes to it; wait until it has finished, or end it, and try again"
_ALLOW = "its folder and files have to be writable for this user"
_RESTORE = "restore it from a copy, or scan into a new workspace"
ADVICE = {
    sqlite3.SQLITE_BUSY: _WAIT,
    sqlite3.SQLITE_LOCKED: _WAIT,
    sqlite3.SQLITE_PERM: _ALLOW,
    sqlite3.SQLITE_READONLY: _ALLOW,
    sqlite3.SQLITE_CANTOPEN: _ALLOW,
    sqlite3.SQLITE_FULL: "make room and scan again, or repeat the command; what is stored is kept",
    sqlite3.SQLITE_IOERR: "check the disk that it is on and try again",
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_ERROR: _RESTORE,  # a missing table or column: the file is from another program or version
}
TRACK_COLUMNS = tuple(column.name for column in fields(Track))


class Library:
    """An open database and context manager; write inside `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.sqlite_errors():
            self._db = _connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @contextmanager
    def sqlite_errors(self) -> Iterator[None]:
        """Turn errors of SQLite about the file (damaged, locked, read-only, ...) into UserError with advice."""
        try:
            yield
        except sqlite3.Error as error:
            explained = explain(error, self.path)
            if explained is None:
                raise
            raise explained from error

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all writes inside, or roll all of them back on an exception."""
        with self.sqlite_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself if the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # ------------------------------------------------------------------------------------------------- tracks

    def put_track(self, track: Track) -> None:
        """Insert or replace one track, and delete an earlier failure of its file."""
        values = [getattr(track, column) for column in TRACK_COLUMNS]
        values[TRACK_COLUMNS.index("artists")] = json.dumps(track.artists, ensure_ascii=False)
        parameters = ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO tracks ({', '.join(TRACK_COLUMNS)}) VALUES ({parameters})", values)
        if track.path:
            self._db.execute("DELETE FROM file_failures WHERE path = ?", (track.path,))

    def remove_track(self, track_id: str) -> None:
        """Delete a track. Its plays remain, so that they apply again if its file is scanned again."""
        self._db.execute("DELETE FROM tracks WHERE track_id = ?", (track_id,))

    def tracks(self) -> Tracks:
        """Return all tracks."""
        cursor = self._db.execute(f"SELECT {self._columns(*TRACK_COLUMNS)} FROM tracks ORDER BY track_id")
        return Tracks(tuple(_track(row) for row in cursor))

    def track_of_content(self, content_hash: str) -> Track | None:
        """Return the track whose file has this content hash, or None."""
        query = f"SELECT {self._columns(*TRACK_COLUMNS)} FROM tracks WHERE content_hash = ? ORDER BY track_id"
        row = self._db.execute(query, (content_hash,)).fetchone()
        return _track(row) if row else None

    def source_hashes(self) -> dict[str, str]:
        """Return `Track.source_hash` of every track by its id."""
        columns = ("track_id", "path", "size", "mtime_ns", "content_hash", "decoded_hash")
        cursor = self._db.execute(f"SELECT {self._columns(*columns)} FROM tracks")
        return {row[0]: Track(**dict(zip(columns, row, strict=True))).source_hash for row in cursor}

    def _columns(self, *names: str) -> str:
        """Return columns of `tracks` to select; an older library that cannot be written lacks some."""
        empty = {name: "0" if "INTEGER" in definition else "''" for name, definition in ADDED_COLUMNS.items()}
        return ", ".join(f"{empty[name]} AS {name}" if name in self._lacking else name for name in names)

    @cached_property
    def _lacking(self) -> frozenset[str]:
        present = {row[1] for row in self._db.execute("PRAGMA table_info(tracks)")}
        return frozenset(ADDED_COLUMNS.keys() - present)

    # ----------------------------------------------------------------------------------------------- failures

    def put_failure(self, failure: Failure) -> None:
        """Insert or replace the failure of one file."""
        values = {**vars(failure), "reason": failure.reason.value}
        parameters = ", ".join("?" * len(values))
        query = f"INSERT OR REPLACE INTO file_failures ({', '.join(values)}) VALUES ({parameters})"
        self._db.execute(query, tuple(values.values()))

    def remove_failure(self, path: str) -> None:
        """Delete the failure of one file."""
        self._db.execute("DELETE FROM file_failures WHERE path = ?", (path,))

    def remove_duplicates(self, track_id: str) -> None:
        """Delete the failures of files that were skipped as duplicates of a track."""
        self._db.execute("DELETE FROM file_failures WHERE duplicate_of = ? AND duplicate_of != ''", (track_id,))

    def failures(self) -> list[Failure]:
        """Return every file that was skipped, ordered by path."""
        cursor = self._db.execute(
            "SELECT path, reason, detail, track_id, size, mtime_ns, duplicate_of, versions FROM file_failures "
            "ORDER BY path"
        )
        return [Failure(path, Reason(reason), *rest) for path, reason, *rest in cursor]

    # -------------------------------------------------------------------------------------------------- file

    def integrity_problem(self) -> str | None:
        """Return the first problem that SQLite finds in the file, or None."""
        (answer,) = self._db.execute("PRAGMA quick_check").fetchone()
        return None if answer == "ok" else str(answer)

    def table_names(self) -> frozenset[str]:
        """Return the names of all tables, those of other formats too."""
        return frozenset(name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def counts(self) -> dict[str, int]:
        """Return the numbers of tracks, of those whose files are gone, and of failures."""
        queries = {
            "tracks": "SELECT COUNT(*) FROM tracks",
            "gone": f"SELECT COUNT(*) FROM (SELECT {self._columns('gone_since')} FROM tracks) WHERE gone_since != ''",
            "failures": "SELECT COUNT(*) FROM file_failures",
        }
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in queries.items()}


def open_library(path: Path) -> Library:
    """Open the library of a workspace; raise MissingStageError if nothing has been scanned."""
    if not path.is_file():
        raise MissingStageError(f"{path}: nothing has been scanned yet", f"unheard scan -w {path.parent} MUSIC")
    return Library(path)


def explain(error: sqlite3.Error, path: Path | str) -> UserError | None:
    """Return an error of SQLite as a message with advice; None for a bug of unheard, such as a violated constraint."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else None  # without the extension
    advice = ADVICE.get(code) if code is not None else None
    if advice is None:
        return None
    kind = LockedError if advice is _WAIT else UserError
    return kind(f"{path}: {error}; {advice}")


def _connect(path: Path) -> sqlite3.Connection:
    """Connect for reading and writing; for reading if this user cannot write the file or its folder."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        # Ids and hashes are random, so a write may touch any page: a cache of 64 MB instead of 2.
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;" + SCHEMA)
        present = {row[1] for row in db.execute("PRAGMA table_info(tracks)")}
        for column, definition in ADDED_COLUMNS.items():
            if column not in present:
                db.execute(f"ALTER TABLE tracks ADD COLUMN {column} {definition}")
        return db
    log = path.with_name(f"{path.name}-wal")  # without a log, mode=ro would try to create one in the folder
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=30, isolation_level=None)


def _track(row: tuple[Any, ...]) -> Track:
    values = dict(zip(TRACK_COLUMNS, row, strict=True))
    return Track(**{**values, "artists": tuple(json.loads(values["artists"]))})
