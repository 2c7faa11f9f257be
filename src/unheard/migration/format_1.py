"""Read the tables that a library of format 1 has and format 2 has not.

    failures       as format 2's `file_failures`; older libraries have no column `versions`
    spectrograms   (track_id, start_frame, n_frames) of every track in mels.bin
    vectors        (kind, track_id, vector), little-endian float32
    marks          (kind, track_id, content_hash): the bytes that a vector was made from, if no scan makes it
    plays          (playlist_id, position, track_id, weight, timestamp)

Format 2 keeps them in mels/, features/ and plays/.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unheard.arrays import Floats, Indices, Rows
from unheard.errors import UserError
from unheard.features.table import SCANNED_KINDS, VECTORS
from unheard.ids import IdMap
from unheard.library import Track
from unheard.plays.plays import Plays
from unheard.spectrograms.shards import Entry

TABLES = ("failures", "spectrograms", "vectors", "marks", "plays")
EXTRACTOR_VERSION = "1"  # of every extractor that wrote to format 1
USER_KIND = "user"  # format 1's name of the kind `vectors`
PLAYS_AT_ONCE = 100_000
VECTORS_AT_ONCE = 16_384


@dataclass(frozen=True)
class StoredVectors:
    """Some vectors of one kind: `values` (n, dim)."""

    ids: list[str]
    values: Floats
    source_hashes: list[str]


def old_tables(db: sqlite3.Connection) -> list[str]:
    """Return which tables of format 1 a library has."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [table for table in TABLES if table in there]


def copy_failures(db: sqlite3.Connection) -> None:
    """Copy `failures` to `file_failures`. Unknown versions stay empty, so that the next scan tries the files again."""
    columns = "path, track_id, reason, detail, size, mtime_ns, duplicate_of"
    found = {row[1] for row in db.execute("PRAGMA table_info(failures)")}
    versions = "versions" if "versions" in found else "''"
    db.execute("DELETE FROM file_failures")
    db.execute(f"INSERT INTO file_failures ({columns}, versions) SELECT {columns}, {versions} FROM failures")


def source_hashes(db: sqlite3.Connection) -> dict[str, str]:
    """Return `Track.source_hash` of every track by its id."""
    cursor = db.execute("SELECT track_id, path, size, mtime_ns, content_hash FROM tracks")
    return {
        track_id: Track(track_id, path=path, size=size, mtime_ns=mtime_ns, content_hash=content_hash).source_hash
        for track_id, path, size, mtime_ns, content_hash in cursor
    }


def read_spectrograms(db: sqlite3.Connection, hashes: dict[str, str]) -> list[Entry]:
    """Return an entry for each spectrogram of a track in the library, in the order of their frames."""
    rows = db.execute("SELECT track_id, start_frame, n_frames FROM spectrograms ORDER BY start_frame + n_frames")
    return [Entry(track_id, start, n, hashes[track_id]) for track_id, start, n in rows if track_id in hashes]


def kinds(db: sqlite3.Connection) -> list[str]:
    """Return format 1's names of the kinds that have vectors."""
    return [kind for (kind,) in db.execute("SELECT DISTINCT kind FROM vectors ORDER BY kind")]


def new_kind(kind: str) -> str:
    """Return format 2's name of a kind."""
    return VECTORS if kind == USER_KIND else kind


def read_vectors(db: sqlite3.Connection, kind: str, hashes: dict[str, str]) -> Iterator[StoredVectors]:
    """Yield the vectors of a kind, a block at a time, ordered by track id.

    Vectors without a track, and vectors of which format 1 does not know what they were made from, are left out: format
    1 did not read them either. UserError if vectors differ in length.
    """
    cursor = db.execute(
        "SELECT track_id, vector, content_hash FROM vectors LEFT JOIN marks USING (kind, track_id) "
        "WHERE kind = ? ORDER BY track_id",
        (kind,),
    )
    width: int | None = None
    while rows := cursor.fetchmany(VECTORS_AT_ONCE):
        found = [(track_id, vector, _source_hash(kind, track_id, mark, hashes)) for track_id, vector, mark in rows]
        kept = [(track_id, vector, source) for track_id, vector, source in found if source is not None]
        if not kept:
            continue
        ids, blobs, sources = (list(column) for column in zip(*kept, strict=True))
        width = len(blobs[0]) if width is None else width
        if not width or width % 4 or any(type(blob) is not bytes or len(blob) != width for blob in blobs):
            raise _damaged(db, f"vectors of kind {kind!r} differ in length, or are not float32")
        values = np.frombuffer(b"".join(blobs), "<f4").reshape(len(ids), -1).astype(np.float32)
        yield StoredVectors(ids, values, sources)


def _source_hash(kind: str, track_id: str, mark: str | None, hashes: dict[str, str]) -> str | None:
    """Return what a vector was made from, None if that is unknown or its track is not there any more."""
    if track_id not in hashes:
        return None
    if kind == USER_KIND:
        return ""
    return hashes[track_id] if kind in SCANNED_KINDS else mark


def read_plays(db: sqlite3.Connection) -> Plays:
    """Return all plays. In a playlist with positions beyond 32 bits, all positions become ranks from 0 on."""
    playlists: dict[str, int] = {}
    tracks: dict[str, int] = {}
    blocks = []
    cursor = db.execute(
        "SELECT playlist_id, track_id, position, weight, timestamp FROM plays ORDER BY playlist_id, position"
    )
    while rows := cursor.fetchmany(PLAYS_AT_ONCE):
        playlist, track, position, weight, timestamp = zip(*rows, strict=True)
        try:
            block = (
                np.fromiter((playlists.setdefault(name, len(playlists)) for name in playlist), np.int32, len(rows)),
                np.fromiter((tracks.setdefault(name, len(tracks)) for name in track), np.int32, len(rows)),
                np.array(position, np.int64),
                np.array(weight, np.float32),
                np.array(timestamp, np.float64),  # NULL becomes NaN
            )
        except (ValueError, TypeError) as error:
            raise _damaged(db, f"plays: {error}") from error
        blocks.append(block)
    if not blocks:
        return Plays.of([])
    playlist_rows, found_rows, positions, weights, timestamps = (
        np.concatenate(columns) for columns in zip(*blocks, strict=True)
    )
    names = list(tracks)
    order = sorted(range(len(names)), key=names.__getitem__)
    row_of = np.empty(len(names), np.int32)
    row_of[order] = np.arange(len(names), dtype=np.int32)
    return Plays(
        IdMap(playlists),  # SQLite orders text by its UTF-8 bytes, which is the order of `sorted`
        IdMap(names[row] for row in order),
        playlist_rows,
        row_of[found_rows],
        _positions(playlist_rows, positions),
        weights,
        timestamps,
    )


def _positions(playlist_rows: Rows, positions: Indices) -> Rows:
    """Return positions as int32, as ranks in playlists that have others."""
    limits = np.iinfo(np.int32)
    too_wide = (positions < limits.min) | (positions > limits.max)
    if too_wide.any():
        ranked = np.isin(playlist_rows, playlist_rows[too_wide])
        first = np.searchsorted(playlist_rows, playlist_rows)  # of each playlist
        positions = np.where(ranked, np.arange(len(positions)) - first, positions)
    return positions.astype(np.int32)


def _damaged(db: sqlite3.Connection, problem: str) -> UserError:
    (path,) = (row[2] for row in db.execute("PRAGMA database_list") if row[1] == "main")
    return UserError(f"{path}: damaged ({problem}); restore it from a copy")
