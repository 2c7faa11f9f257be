"""Which format a file of playlists is in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unheard.errors import UserError
from unheard.ingest.playlists import m3u, taste_profile
from unheard.ingest.playlists.imported import Imported
from unheard.ingest.playlists.m3u import read_m3us
from unheard.ingest.playlists.matching import Matcher
from unheard.ingest.playlists.mpd import read_slices
from unheard.ingest.playlists.table import read_table
from unheard.ingest.playlists.taste_profile import read_taste_profile
from unheard.ingest.tables import TABLE_SUFFIXES
from unheard.library import Failure, Tracks

FORMATS = "a .csv or .parquet table, .m3u or .m3u8, mpd.slice.*.json, .txt or .tsv (Taste Profile), or a folder of them"


def read_playlists(path: Path, tracks: Tracks, failures: Sequence[Failure], *, skip_unknown: bool = False) -> Imported:
    """Read playlists and match them to `tracks`; duplicates among `failures` stand for the track that was kept.

    `skip_unknown` makes misses of ids in a table that nothing is known of. TableError names file, row and mend.
    """
    matcher = Matcher(tracks, failures)
    suffix = path.suffix.lower()
    if path.is_dir():
        return _read_folder(path, matcher, skip_unknown=skip_unknown)
    if not path.is_file():
        raise UserError(f"{path}: no such file; name {FORMATS}")
    if suffix in TABLE_SUFFIXES:
        return read_table(path, matcher, skip_unknown=skip_unknown)
    if suffix == ".json":
        return read_slices([path], matcher)
    if suffix in m3u.SUFFIXES:
        return read_m3us([path], matcher)
    if suffix in taste_profile.SUFFIXES:
        return read_taste_profile(path, matcher)
    raise UserError(f"{path}: not a format of playlists; name {FORMATS}")


def _read_folder(folder: Path, matcher: Matcher, *, skip_unknown: bool) -> Imported:
    """A folder's table of playlists, its slices, or the M3U files anywhere below it."""
    table = next((folder / name for name in ("playlists.csv", "playlists.parquet") if (folder / name).is_file()), None)
    if table is not None:
        return read_table(table, matcher, skip_unknown=skip_unknown)
    slices = sorted(folder.glob("mpd.slice.*.json"), key=_slice_start)
    if slices:
        return read_slices(slices, matcher)
    lists = sorted(path for path in folder.rglob("*") if path.suffix.lower() in m3u.SUFFIXES and path.is_file())
    if lists:
        return read_m3us(lists, matcher)
    raise UserError(f"{folder}: no playlists in it; name {FORMATS}")


def _slice_start(path: Path) -> tuple[int, str]:
    first = path.name.split(".")[2].partition("-")[0]
    return (int(first) if first.isdigit() else 0), path.name
