"""Find what to scan: folders of audio, single files, tables of tracks, vectors, spectrogram patches, data sets.

A folder is searched for audio files (folders.py), unless it has a `tracks.csv` (or .parquet): then that table lists its
files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unheard.errors import TableError, UserError
from unheard.ids import id_problem
from unheard.ingest.mirdata_index import indexed_audio, is_mirdata_index
from unheard.ingest.patches import PATCH_SUFFIXES
from unheard.ingest.release_dates import iso_date
from unheard.ingest.remote_files import is_folder, is_url
from unheard.ingest.tables import TABLE_SUFFIXES, column_names, read_rows
from unheard.ingest.tags import clean, credited_artists, joined_genres
from unheard.ingest.track_details import details_reader
from unheard.ingest.vectors import has_vectors
from unheard.library import Track
from unheard.read_below import may_read
from unheard.regular_files import check_regular
from unheard.scan.folders import Excludes, PassedOver, audio_files, remote_audio_files

TABLE_NAMES = ("tracks.csv", "tracks.parquet")
ADJACENT_NAMES = ("vectors.parquet", "vectors.npz", "patches.h5", "patches.hdf5")
TEXT_COLUMNS = ("title", "artist", "album", "isrc", "mbid", "release_date", "genre", "album_artist")


@dataclass(frozen=True)
class Candidate:
    """A file to decode. `table_track` has its id and metadata from a table; None for a file found in a folder."""

    path: str
    table_track: Track | None = None


@dataclass
class Sources:
    """The sources of a scan, in order."""

    audio: list[Candidate] = field(default_factory=list)
    without_path: list[tuple[Path, Track]] = field(default_factory=list)  # table, row without a path
    vectors: list[Path] = field(default_factory=list)
    patches: list[Path] = field(default_factory=list)
    details: list[Path] = field(default_factory=list)  # what data sets say about tracks with vectors or patches
    folders: list[str] = field(default_factory=list)
    unlisted_folders: list[str] = field(default_factory=list)  # folders that cannot be listed
    rows: dict[str, tuple[Path, int]] = field(default_factory=dict)  # table and row of each track id
    passed_over: PassedOver = field(default_factory=PassedOver)
    unmatched: list[str] = field(default_factory=list)  # patterns of `exclude` that matched nothing

    def folder_of(self, path: str) -> str | None:
        """Return the scanned folder that a file is below; None for a file that was named itself or in a table."""
        return next((folder for folder in self.folders if Path(path).is_relative_to(folder)), None)

    def remarks(self) -> list[str]:
        """Return one line about the files and folders that were passed over, and one for each unmatched pattern."""
        lines = [
            f"--exclude {pattern!r} matched nothing; expected a name, a path or a glob" for pattern in self.unmatched
        ]
        summary = self.passed_over.summary()
        return [*lines, summary] if summary else lines


def find_sources(paths: Sequence[Path | str], *, exclude: Sequence[str] = ()) -> Sources:
    """Return the files, tables, vectors and patches of `paths`; UserError or TableError for what cannot be a source.

    A path may be the URL of a folder of audio or of an audio file.
    """
    found = Sources()
    tables: list[Path] = []
    folders: list[Path] = []
    urls: list[str] = []
    for path in paths:
        if is_url(path):
            urls.append(str(path))
            continue
        _classify(Path(os.path.abspath(path)), found, tables, folders)  # noqa: PTH100 - resolve() would follow links
    for table in tables:
        _read_table(table, found)
    known = {candidate.path for candidate in found.audio}
    excludes = Excludes(exclude)
    for folder in folders:
        found.folders.append(str(folder))
        for name in audio_files(folder, excludes, found.passed_over, found.unlisted_folders):
            if name not in known:
                known.add(name)
                found.audio.append(Candidate(name))
    for url in urls:
        if is_folder(url):
            found.folders.append(url)
            names = remote_audio_files(url, excludes, found.passed_over)
        else:
            names = [url]
        found.audio += [Candidate(name) for name in names if name not in known]
        known.update(names)
    found.unmatched = excludes.unmatched
    if found.details and not (found.vectors or found.patches):
        raise UserError(f"{found.details[0]}: says something about tracks; name the file with their vectors too")
    return found


def _classify(path: Path, found: Sources, tables: list[Path], folders: list[Path]) -> None:
    if path.is_dir() and has_vectors(path):
        found.vectors.append(path)
        return
    if path.is_dir():
        table = next((path / name for name in TABLE_NAMES if (path / name).is_file()), None)
        if table is None:
            folders.append(path)
        else:
            tables.append(table)
        return
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; name a folder of audio, a table, vectors or patches")
    check_regular(path)
    suffix = path.suffix.lower()
    if details_reader(path) is not None:
        found.details.append(path)
    elif has_vectors(path):
        found.vectors.append(path)
    elif suffix in PATCH_SUFFIXES:
        found.patches.append(path)
    elif is_mirdata_index(path):
        for number, (name, file) in enumerate(indexed_audio(path).items(), start=1):
            if name in found.rows:
                raise TableError(path, f"track {name!r} is also in {found.rows[name][0]}", "scan one of them")
            found.rows[name] = (path, number)
            _check_readable(path, str(file), number)
            found.audio.append(Candidate(str(file), Track(name)))
    elif suffix in TABLE_SUFFIXES:
        tables.append(path)
    else:
        found.audio.append(Candidate(str(path)))


# ------------------------------------------------------------------------------------------------------ tables


def _read_table(table: Path, found: Sources) -> None:
    """Read a table of tracks. If no row has a path, vectors or patches are used: sources, or files beside the table."""
    has_other_input = bool(found.vectors or found.patches)
    if not has_other_input and not _has_paths(table):
        adjacent = [table.parent / name for name in ADJACENT_NAMES if (table.parent / name).is_file()]
        if adjacent:
            (found.patches if adjacent[0].suffix in PATCH_SUFFIXES else found.vectors).append(adjacent[0])
            has_other_input = True
    required = ("track_id",) if has_other_input else ("track_id", "path")
    optional = (*(("path",) if has_other_input else ()), *TEXT_COLUMNS)
    n_paths = 0
    for number, values in read_rows(table, required=required, optional=optional):
        track_id = values["track_id"]
        if problem := id_problem(track_id):
            raise TableError(table, f"track_id {problem}", "give the row another id", row=number)
        if track_id in found.rows:
            other, row = found.rows[track_id]
            where = f"row {row}" if other == table else f"{other}, row {row}"
            raise TableError(table, f"track_id {track_id!r} is also in {where}", "keep one", row=number)
        found.rows[track_id] = (table, number)
        track = _track_of_row(values)
        if values["path"]:
            n_paths += 1
            path = os.path.abspath(table.parent / values["path"])  # noqa: PTH100 - resolve() would follow links
            _check_readable(table, path, number)
            found.audio.append(Candidate(path, track))
        else:
            found.without_path.append((table, track))
    if not n_paths and not has_other_input:
        problem, fix = "no row has a path", f"fill in `path`, or put {' or '.join(ADJACENT_NAMES[:3])} beside the table"
        raise TableError(table, problem, fix)


def _check_readable(table: Path, path: str, number: int) -> None:
    """Raise TableError for a listed file outside of the folders that a command of a server may read in."""
    if not may_read(path):
        problem = f"path {path!r:.200} is outside of the folders that jobs may read"
        raise TableError(table, problem, "remove the row, or start the server with --music-root FOLDER", row=number)


def _has_paths(table: Path) -> bool:
    if "path" not in column_names(table):
        return False
    return any(values["path"] for _, values in read_rows(table, required=("path",)))


def _track_of_row(values: dict[str, str]) -> Track:
    text = {name: clean(values[name]) for name in TEXT_COLUMNS}
    return Track(
        values["track_id"],
        title=text["title"],
        artists=credited_artists([values["artist"]]),
        album=text["album"],
        isrc=text["isrc"].replace("-", "").upper(),
        mbid=text["mbid"].lower(),
        release_date=iso_date(text["release_date"]),
        genre=joined_genres([text["genre"]]),
        album_artist=text["album_artist"],
    )
