"""Store the tracks and failures of a workspace in SQLite (WAL).

Only this module uses SQL. Tracks are ordered by id, so that their rows are the same on every machine.

Each row has a checksum of its values (0: written before there were checksums), and the table `digests` the sum of the
checksums of each table and the owner of the workspace (checksums.py), all changed in one transaction. So changed, lost
and foreign rows are found when tracks are read.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unheard.checksums import check_owner, owner_of
from unheard.errors import MissingStageError, Reason, UserError, quoted
from unheard.ids import IdMap
from unheard.system_errors import explain_sqlite

SCHEMA = """
CREATE TABLE IF NOT EXISTS tracks (
    track_id TEXT PRIMARY KEY, path TEXT NOT NULL, title TEXT NOT NULL, artists TEXT NOT NULL, album TEXT NOT NULL,
    isrc TEXT NOT NULL, mbid TEXT NOT NULL, release_date TEXT NOT NULL, genre TEXT NOT NULL, duration_s REAL NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, content_hash TEXT NOT NULL,
    album_artist TEXT NOT NULL DEFAULT '', ctime_ns INTEGER NOT NULL DEFAULT 0, audio_hash TEXT NOT NULL DEFAULT '',
    gone_since TEXT NOT NULL DEFAULT '', decoded_hash TEXT NOT NULL DEFAULT '', checksum INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tracks_path ON tracks (path);
CREATE INDEX IF NOT EXISTS tracks_hash ON tracks (content_hash);
CREATE TABLE IF NOT EXISTS file_failures (
    path TEXT PRIMARY KEY, track_id TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, duplicate_of TEXT NOT NULL, versions TEXT NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS digests (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_failures_duplicate_of ON file_failures (duplicate_of) WHERE duplicate_of != '';
"""

# Columns that later versions added; a library without them gets them when it is opened for writing.
CHECKSUM = "INTEGER NOT NULL DEFAULT 0"
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

    items: Sequence[Track]
    ids: IdMap = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", IdMap(track.track_id for track in self.items))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Track:
        return self.items[row]


TRACK_COLUMNS = tuple(column.name for column in fields(Track))
FAILURE_COLUMNS = tuple(column.name for column in fields(Failure))
TABLES = {"tracks": ("track_id", TRACK_COLUMNS), "file_failures": ("path", FAILURE_COLUMNS)}  # key, and all columns
MODULUS = 2**48  # of sums of checksums
Row = tuple[Any, ...]


class Library:
    """An open database and context manager; write inside `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.sqlite_errors():
            self._db = _connect(path)
        self._changes: dict[str, int] = {}  # by table, what the transaction has added to the sum of its checksums

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
            explained = explain_sqlite(error, self.path)
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
                self._changes.clear()
                if self._db.in_transaction:  # SQLite has rolled back by itself if the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._store_digests()
            self._db.execute("COMMIT")

    # ------------------------------------------------------------------------------------------------- tracks

    def put_track(self, track: Track) -> None:
        """Insert or replace one track, and delete an earlier failure of its file."""
        values = [getattr(track, column) for column in TRACK_COLUMNS]
        values[TRACK_COLUMNS.index("duration_s")] = float(track.duration_s)  # as SQLite returns it
        values[TRACK_COLUMNS.index("artists")] = json.dumps(track.artists, ensure_ascii=False)
        self._put("tracks", tuple(values))
        if track.path:
            self.remove_failure(track.path)

    def remove_track(self, track_id: str) -> None:
        """Delete a track. Its plays remain, so that they apply again if its file is scanned again."""
        self._delete("tracks", "track_id = ?", track_id)

    def tracks(self) -> Tracks:
        """Return all tracks; UserError if rows are damaged, missing or of another workspace."""
        found, total = [], 0
        with self._snapshot():
            for row in self._db.execute(f"{self._select('tracks')} ORDER BY track_id"):
                if row[-1] and row[-1] != _checksum(row[:-1]):
                    raise self._damaged(f"the row of track {row[0]!r:.60} does not match its checksum")
                total += row[-1]
                found.append(_track(row))
            problem = self._digest_problem("tracks", total)
        if problem is not None:
            raise self._damaged(problem)
        return Tracks(tuple(found))

    def track_of_content(self, content_hash: str) -> Track | None:
        """Return the track whose file has this content hash, or None."""
        query = f"{self._select('tracks')} WHERE content_hash = ? ORDER BY track_id"
        row = self._db.execute(query, (content_hash,)).fetchone()
        return _track(row) if row else None

    def source_hashes(self) -> dict[str, str]:
        """Return `Track.source_hash` of every track by its id."""
        return {track.track_id: track.source_hash for track in self.tracks().items}

    def _select(self, table: str) -> str:
        """Return a query for all columns and the checksum; an older library that cannot be written lacks some."""
        empty = {name: "0" if "INTEGER" in definition else "''" for name, definition in ADDED_COLUMNS.items()}
        empty["checksum"] = "0"
        names = [
            f"{empty[name]} AS {name}" if name in empty.keys() - self._present[table] else name
            for name in (*TABLES[table][1], "checksum")
        ]
        return f"SELECT {', '.join(names)} FROM {table}"

    @cached_property
    def _present(self) -> dict[str, frozenset[str]]:
        """The columns of each table."""
        return {table: frozenset(row[1] for row in self._db.execute(f"PRAGMA table_info({table})")) for table in TABLES}

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Read one state of the library inside, whatever other processes write meanwhile."""
        with self.sqlite_errors():
            own = not self._db.in_transaction
            if own:
                self._db.execute("BEGIN")
            try:
                yield
            finally:
                if own and self._db.in_transaction:
                    self._db.execute("ROLLBACK")  # nothing was written; COMMIT reads pages, which may be damaged

    # ----------------------------------------------------------------------------------------------- failures

    def put_failure(self, failure: Failure) -> None:
        """Insert or replace the failure of one file."""
        values = {**vars(failure), "reason": failure.reason.value}
        self._put("file_failures", tuple(values[column] for column in FAILURE_COLUMNS))

    def remove_failure(self, path: str) -> None:
        """Delete the failure of one file."""
        self._delete("file_failures", "path = ?", path)

    def remove_duplicates(self, track_id: str) -> None:
        """Delete the failures of files that were skipped as duplicates of a track."""
        self._delete("file_failures", "duplicate_of = ? AND duplicate_of != ''", track_id)

    def failures(self) -> list[Failure]:
        """Return every file that was skipped, ordered by path; the next scan tries those of damaged rows again."""
        return [_failure(row) for row in self._db.execute(f"{self._select('file_failures')} ORDER BY path")]

    # ---------------------------------------------------------------------------------------------- checksums

    def _put(self, table: str, values: Row) -> None:
        """Insert or replace one row with its checksum."""
        key, columns = TABLES[table]
        old = self._db.execute(f"SELECT checksum FROM {table} WHERE {key} = ?", values[:1]).fetchone()
        checksum = _checksum(values)
        self._changes[table] = self._changes.get(table, 0) + checksum - (old[0] if old else 0)
        query = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}, checksum) VALUES ({'?, ' * len(columns)}?)"
        self._db.execute(query, (*values, checksum))

    def _delete(self, table: str, where: str, value: str) -> None:
        query = f"DELETE FROM {table} WHERE {where} RETURNING checksum"
        for (checksum,) in self._db.execute(query, (value,)).fetchall():
            self._changes[table] = self._changes.get(table, 0) - checksum

    def _store_digests(self) -> None:
        """Add what the transaction has changed to the sums, and name the owner of the first one."""
        for table, change in self._changes.items():
            query = "INSERT INTO digests VALUES (?, ?) ON CONFLICT DO UPDATE SET value = (value + ?) % ?"
            self._db.execute(query, (table, change % MODULUS, change % MODULUS, MODULUS))
        if self._changes and (owner := owner_of(self.path)):
            self._db.execute("INSERT OR IGNORE INTO digests VALUES ('owner', ?)", (owner,))
        self._changes.clear()

    def _digest_problem(self, table: str, total: int) -> str | None:
        """Return what is wrong with the sum of the checksums of a table; None also for a library without digests."""
        if self._changes or "digests" not in self.table_names():
            return None
        found = dict(self._db.execute("SELECT name, value FROM digests"))
        check_owner(self.path, str(found.get("owner", "")))
        if table in found and found[table] != total % MODULUS:
            return f"rows of the table {table} are missing, or are those of another time"
        return None

    def _damaged(self, problem: str) -> UserError:
        root = self.path.parent
        return UserError(
            f"{self.path}: damaged ({problem}); restore it from a copy, or run "
            f"`unheard doctor -w {quoted(root)} --repair` and scan again"
        )

    def damage(self) -> list[str]:
        """Return what is wrong with the file, its rows and their sums; UserError for a file of another workspace."""
        problems = []
        if (answer := self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            problems.append(str(answer).replace("\n", " "))
        for table, (key, _) in TABLES.items():
            total = 0
            for row in self._db.execute(self._select(table)):
                total += row[-1]
                if (row[-1] and row[-1] != _checksum(row[:-1])) or not _is_readable(table, row):
                    problems.append(f"{table}: the row of {key} {row[0]!r:.60} is damaged")
            if (problem := self._digest_problem(table, total)) is not None:
                problems.append(problem)
        return problems

    def without_checksums(self) -> int:
        """Return the number of rows that were written before there were checksums."""
        return sum(not row[-1] for table in TABLES for row in self._db.execute(self._select(table)))

    def repair(self) -> int:
        """Delete damaged rows, and give all others and the tables new checksums; return how many were deleted."""
        deleted = 0
        with self.sqlite_errors():
            self._db.execute("REINDEX")
        with self.transaction():
            self._db.execute("DELETE FROM digests")
            for table, (key, _) in TABLES.items():
                rows = self._db.execute(self._select(table)).fetchall()
                self._changes[table] = 0
                for row in rows:
                    if (row[-1] and row[-1] != _checksum(row[:-1])) or not _is_readable(table, row):
                        self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", row[:1])
                        deleted += 1
                        continue
                    checksum = _checksum(row[:-1])
                    self._changes[table] += checksum
                    if checksum != row[-1]:
                        self._db.execute(f"UPDATE {table} SET checksum = ? WHERE {key} = ?", (checksum, row[0]))
        return deleted

    # -------------------------------------------------------------------------------------------------- file

    def table_names(self) -> frozenset[str]:
        """Return the names of all tables, those of other formats too."""
        return frozenset(name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def counts(self) -> dict[str, int]:
        """Return the numbers of tracks, of those whose files are gone, and of failures."""
        queries = {
            "tracks": "SELECT COUNT(*) FROM tracks",
            "gone": f"SELECT COUNT(*) FROM ({self._select('tracks')}) WHERE gone_since != ''",
            "failures": "SELECT COUNT(*) FROM file_failures",
        }
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in queries.items()}


def open_library(path: Path) -> Library:
    """Open the library of a workspace; raise MissingStageError if nothing has been scanned."""
    if not path.is_file():
        raise MissingStageError(f"{path}: nothing has been scanned yet", f"unheard scan -w {quoted(path.parent)} MUSIC")
    return Library(path)


def _connect(path: Path) -> sqlite3.Connection:
    """Connect for reading and writing; for reading if this user cannot write the file or its folder."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        # Ids and hashes are random, so a write may touch any page: a cache of 64 MB instead of 2.
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;" + SCHEMA)
        for table, columns in (
            ("tracks", {**ADDED_COLUMNS, "checksum": CHECKSUM}),
            ("file_failures", {"checksum": CHECKSUM}),
        ):
            present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            for column in columns.keys() - present:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {columns[column]}")
        return db
    log = path.with_name(f"{path.name}-wal")  # without a log, mode=ro would try to create one in the folder
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=30, isolation_level=None)


def _checksum(values: Row) -> int:
    """Return the checksum of a row, above 0. It leaves out empty values at the end: columns that later versions add."""
    n = len(values)
    while n and not values[n - 1]:
        n -= 1
    return zlib.crc32(repr(values[:n]).encode("utf-8", "surrogatepass")) or 1


def _track(row: Row) -> Track:
    try:
        artists = json.loads(row[3])
        if not all(isinstance(artist, str) for artist in artists):
            raise TypeError("expected texts")
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(
            f"the library: damaged (the artists of track {row[0]!r:.60} are no list of texts); restore it from a copy"
        ) from error
    return Track(row[0], row[1], row[2], tuple(artists), *row[4 : len(TRACK_COLUMNS)])


def _failure(row: Row) -> Failure:
    path, reason, *rest, checksum = row
    try:
        if checksum and checksum != _checksum(row[:-1]):
            return Failure(path, Reason.UNREADABLE, "its row is damaged; the next scan tries the file again")
        return Failure(path, Reason(reason), *rest)
    except ValueError:
        return Failure(path, Reason.UNREADABLE, f"its reason {reason!r:.30} is damaged; the next scan tries it again")


def _is_readable(table: str, row: Row) -> bool:
    """Return whether the values of a row can be used."""
    try:
        if table == "tracks":
            _track(row)
        else:
            Reason(row[1])
    except (UserError, ValueError):
        return False
    return True
