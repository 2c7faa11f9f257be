"""What there is to scan: folders of audio, single files, tables of tracks, vectors, spectrogram patches.

A folder is searched for audio files, unless it holds a `tracks.csv` (or .parquet): then that table says what it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from unheard.errors import TableError, UserError
from unheard.ingest.audio import AUDIO_SUFFIXES
from unheard.ingest.patches import PATCH_SUFFIXES
from unheard.ingest.tables import TABLE_SUFFIXES, column_names, read_rows
from unheard.ingest.tags import clean, credited_artists
from unheard.library import Track

TABLE_NAMES = ("tracks.csv", "tracks.parquet")
BESIDE_NAMES = ("vectors.parquet", "vectors.npz", "patches.h5", "patches.hdf5")
TEXT_COLUMNS = ("title", "artist", "album", "isrc", "mbid", "release_date", "genre")


@dataclass(frozen=True)
class Candidate:
    """A file to listen to. `given` holds what a table says of it (id included); None for a file found in a folder."""

    path: str
    given: Track | None = None


@dataclass
class Sources:
    """What a scan was asked for, in order."""

    audio: list[Candidate] = field(default_factory=list)
    pathless: list[tuple[Path, Track]] = field(default_factory=list)  # table, row without a path
    vectors: list[Path] = field(default_factory=list)
    patches: list[Path] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)  # folders that may not be read
    rows: dict[str, tuple[Path, int]] = field(default_factory=dict)  # where each track id of a table stands


def find_sources(paths: Sequence[Path], *, exclude: Sequence[str] = ()) -> Sources:
    """Sort out what `paths` are, and list their files. UserError or TableError for what cannot be a source."""
    found = Sources()
    tables: list[Path] = []
    folders: list[Path] = []
    for path in paths:
        _sort_in(Path(os.path.abspath(path)), found, tables, folders)  # noqa: PTH100 - resolve() would follow links
    for table in tables:
        _read_table(table, found)
    known = {candidate.path for candidate in found.audio}
    for folder in folders:
        found.folders.append(str(folder))
        for name in _audio_files(folder, exclude, found.unlisted):
            if name not in known:
                known.add(name)
                found.audio.append(Candidate(name))
    return found


def _sort_in(path: Path, found: Sources, tables: list[Path], folders: list[Path]) -> None:
    if path.is_dir():
        table = next((path / name for name in TABLE_NAMES if (path / name).is_file()), None)
        if table is None:
            folders.append(path)
        else:
            tables.append(table)
        return
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; name a folder of audio, a table, vectors or patches")
    suffix = path.suffix.lower()
    if suffix == ".npz" or (suffix == ".parquet" and "vector" in column_names(path)):
        found.vectors.append(path)
    elif suffix in PATCH_SUFFIXES:
        found.patches.append(path)
    elif suffix in TABLE_SUFFIXES:
        tables.append(path)
    else:
        found.audio.append(Candidate(str(path)))


# ----------------------------------------------------------------------------------------------------- folders


def _audio_files(folder: Path, exclude: Sequence[str], unlisted: list[str]) -> list[str]:
    """Audio files below a folder, sorted by path; hidden ones and those that match a pattern are left out."""
    found: list[str] = []
    seen: set[tuple[int, int]] = set()  # folders, because links may lead in circles

    def note(error: OSError) -> None:
        unlisted.append(str(error.filename))

    for here, folders, files in os.walk(folder, followlinks=True, onerror=note):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        inside = Path(here).relative_to(folder)
        folders[:] = sorted(name for name in folders if not _left_out(inside / name, exclude))
        found += [
            str(Path(here) / name)
            for name in files
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not _left_out(inside / name, exclude)
        ]
    return sorted(found)


def _left_out(relative: Path, exclude: Sequence[str]) -> bool:
    name, whole = relative.name, relative.as_posix()
    return name.startswith(".") or any(fnmatch(name, pattern) or fnmatch(whole, pattern) for pattern in exclude)


# ------------------------------------------------------------------------------------------------------ tables


def _read_table(table: Path, found: Sources) -> None:
    """Rows of a table of tracks; when none has a path, vectors or patches given or lying beside it stand in."""
    instead = bool(found.vectors or found.patches)
    if not instead and not _has_paths(table):
        beside = [table.parent / name for name in BESIDE_NAMES if (table.parent / name).is_file()]
        if beside:
            (found.patches if beside[0].suffix in PATCH_SUFFIXES else found.vectors).append(beside[0])
            instead = True
    required = ("track_id",) if instead else ("track_id", "path")
    optional = (*(("path",) if instead else ()), *TEXT_COLUMNS)
    n_paths = 0
    for number, values in read_rows(table, required=required, optional=optional):
        track_id = values["track_id"]
        if not track_id:
            raise TableError(table, "track_id is empty", "give the row an id", row=number)
        if track_id in found.rows:
            other, row = found.rows[track_id]
            where = f"row {row}" if other == table else f"{other}, row {row}"
            raise TableError(table, f"track_id {track_id!r} is also in {where}", "keep one", row=number)
        found.rows[track_id] = (table, number)
        track = _given_track(values)
        if values["path"]:
            n_paths += 1
            path = os.path.abspath(table.parent / values["path"])  # noqa: PTH100 - resolve() would follow links
            found.audio.append(Candidate(path, track))
        else:
            found.pathless.append((table, track))
    if not n_paths and not instead:
        problem, fix = "no row has a path", f"fill in `path`, or put {' or '.join(BESIDE_NAMES[:3])} beside the table"
        raise TableError(table, problem, fix)


def _has_paths(table: Path) -> bool:
    if "path" not in column_names(table):
        return False
    return any(values["path"] for _, values in read_rows(table, required=("path",)))


def _given_track(values: dict[str, str]) -> Track:
    text = {name: clean(values[name]) for name in TEXT_COLUMNS}
    return Track(
        values["track_id"],
        title=text["title"],
        artists=credited_artists([values["artist"]]),
        album=text["album"],
        isrc=text["isrc"].replace("-", "").upper(),
        mbid=text["mbid"].lower(),
        release_date=text["release_date"],
        genre=text["genre"],
    )
