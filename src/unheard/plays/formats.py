"""Find the files with playlists among paths and folders, and read each with the reader of its format.

Formats are found by suffix, and by content where one suffix has several formats (CSV, text, JSON, XML).
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unheard.errors import TableError, UserError
from unheard.ingest.tables import TABLE_SUFFIXES, column_names
from unheard.ingest.track_details import READERS as DETAILS
from unheard.plays.imported import Imported
from unheard.plays.listed import ListedFile
from unheard.plays.matching import Matcher
from unheard.plays.readers import json_lists, m3u, taste_profile
from unheard.plays.readers.apple_library import read_apple_library
from unheard.plays.readers.columns import columns_read
from unheard.plays.readers.data_set import DEFAULT_MIN_SHARE, DataSet, read_data_set
from unheard.plays.readers.entries import IDS
from unheard.plays.readers.known_names import KnownNames
from unheard.plays.readers.lastfm_1k import LASTFM_1K, LASTFM_360K
from unheard.plays.readers.listenbrainz import LISTENBRAINZ
from unheard.plays.readers.m3u import read_m3u_entries
from unheard.plays.readers.melon import MELON
from unheard.plays.readers.mpd import SliceReader
from unheard.plays.readers.music4all import MUSIC4ALL
from unheard.plays.readers.name_table import is_name_table, read_name_table
from unheard.plays.readers.playlist_table import read_table
from unheard.plays.readers.pls import read_pls
from unheard.plays.readers.rekordbox import read_rekordbox
from unheard.plays.readers.taste_profile import is_taste_profile, read_taste_profile
from unheard.plays.readers.text_table import read_dialect
from unheard.plays.readers.wpl import read_wpl
from unheard.plays.readers.xspf import read_xspf
from unheard.plays.readers.yambda import YAMBDA
from unheard.regular_files import check_regular, is_regular

FORMATS = (
    "a .csv, .tsv or .parquet table, .m3u, .m3u8, .pls, .xspf, .jspf or .wpl lists, mpd.slice.*.json, "
    "a Taste Profile (.txt), exports of Spotify, Apple Music, rekordbox, Last.fm or ListenBrainz, plays of Last.fm 1K, "
    "ListenBrainz, Music4All-Onion, Yambda or Melon, or a folder of them"
)
DATA_SETS: tuple[DataSet, ...] = (LASTFM_1K, LASTFM_360K, LISTENBRAINZ, MELON, MUSIC4ALL, YAMBDA)
REKORDBOX, APPLE = b"<DJ_PLAYLISTS", b"<plist"  # what XML files of playlists begin with
NO_LISTS = frozenset({*DETAILS, "genre_gn_all.json"})  # of data sets: about tracks and genres
LIST_READERS: dict[str, Callable[[Path, Matcher], ListedFile]] = {
    **dict.fromkeys(m3u.SUFFIXES, read_m3u_entries),
    ".pls": read_pls,
    ".xspf": read_xspf,
    **dict.fromkeys((".wpl", ".zpl", ".asx"), read_wpl),
    ".xml": lambda path, matcher: (
        read_rekordbox(path) if _starts_with(path, REKORDBOX) else read_apple_library(path, matcher)
    ),
}
SUFFIXES = frozenset({*LIST_READERS, *TABLE_SUFFIXES, *taste_profile.SUFFIXES, *json_lists.SUFFIXES})
MEDIA = ("audio", "image", "video")  # files that lie beside lists in folders of music


@dataclass
class FileReader:
    """Reads files one after the other: tables and slices become plays, other lists still need ids."""

    matcher: Matcher
    skip_unknown: bool
    min_share: float = DEFAULT_MIN_SHARE
    _known_names: KnownNames = field(default_factory=KnownNames, init=False)  # of the files of data sets
    _slices: SliceReader = field(init=False)

    def __post_init__(self) -> None:
        self._slices = SliceReader(self.matcher)

    def read(self, path: Path) -> Imported | ListedFile:
        """Return the content of a file. TableError if it cannot be read or has no playlists."""
        suffix = path.suffix.lower()
        if (data_set := data_set_of(path)) is not None:
            return read_data_set(data_set, path, self.matcher, min_share=self.min_share, known=self._known_names)
        if suffix in LIST_READERS:
            return LIST_READERS[suffix](path, self.matcher)
        if suffix in json_lists.SUFFIXES:
            return self._json(path)
        if suffix != ".parquet" and not is_id_table(path):
            if suffix in taste_profile.SUFFIXES and (is_taste_profile(path) or not is_name_table(path)):
                return read_taste_profile(path, self.matcher)
            if is_name_table(path):
                return read_name_table(path, self.matcher)
        return read_table(path, self.matcher, skip_unknown=self.skip_unknown)

    def _json(self, path: Path) -> Imported | ListedFile:
        content = json_lists.load_json(path)
        if not path.name.startswith("mpd.slice.") and not json_lists.is_slice(content):
            listed = json_lists.listed_json(path, content)
            if listed is not None:
                return listed
        return self._slices.read(path, content)


def data_set_of(path: Path) -> DataSet | None:
    """Return the data set that a file has plays of, or None."""
    return next((one for one in DATA_SETS if one.is_file(path)), None)


def is_id_table(path: Path) -> bool:
    """Return whether a table has the columns playlist_id and track_id."""
    try:
        header = column_names(path) if path.suffix.lower() == ".parquet" else read_dialect(path).header
        columns_read(path, header, IDS, ())
    except TableError as error:
        return error.row is not None  # a repeated column: the reader says so
    return True


def is_list(path: Path) -> bool:
    """Return whether a file that was found in a folder holds playlists; a damaged list does."""
    suffix = path.suffix.lower()
    if path.name in NO_LISTS:
        return False
    if (data_set := data_set_of(path)) is not None:
        return not data_set.repeats(path)
    if suffix == ".xml":
        return _starts_with(path, APPLE) or _starts_with(path, REKORDBOX)
    if suffix in json_lists.SUFFIXES:
        if path.name.startswith("mpd.slice.") or suffix == ".jspf":
            return True
        try:
            content = json_lists.load_json(path)
        except TableError:
            return _looks_like_export(path)
        return json_lists.is_slice(content) or json_lists.listed_json(path, content) is not None
    if suffix in LIST_READERS:
        return True
    if suffix not in SUFFIXES:
        return False
    if is_id_table(path):
        return True
    if suffix == ".parquet":
        return False
    return is_name_table(path) or (suffix in taste_profile.SUFFIXES and is_taste_profile(path))


def files_of(path: Path, passed_over: list[Path]) -> Iterator[Path]:
    """Yield the files to read: the path itself, or the lists below a folder; add its other files to `passed_over`.

    Hidden files and media are neither. UserError for a path that is missing or of no known format.
    """
    if not path.is_dir():
        check_regular(path)
        if not path.is_file():
            raise UserError(f"{path}: no such file; name {FORMATS}")
        if path.suffix.lower() not in SUFFIXES and data_set_of(path) is None:
            raise UserError(f"{path}: not a format of playlists; name {FORMATS}")
        yield path
        return
    found, before = False, len(passed_over)
    for file in sorted(_visible_files(path), key=_order):
        if is_list(file):
            found = True
            yield file
        elif (mimetypes.guess_type(file.name)[0] or "").partition("/")[0] not in MEDIA:
            passed_over.append(file)
    if not found:
        others = f" among its {len(passed_over) - before} files" if len(passed_over) > before else ""
        raise UserError(f"{path}: no playlists in it{others}; name {FORMATS}")


def _visible_files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, without hidden ones and those of workspaces, which are imported."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "$"))]
        if "workspace.json" in files:
            folders.clear()
            continue
        found = (Path(here) / name for name in files if not name.startswith("."))
        yield from (file for file in found if is_regular(file))


def _order(path: Path) -> tuple[Path, int, str]:
    """Sort slices by their first playlist, other files by name."""
    first = path.name.split(".")[2].partition("-")[0] if path.name.startswith("mpd.slice.") else ""
    return path.parent, (int(first) if first.isdigit() else -1), path.name


def _starts_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return mark in file.read(1000)
    except OSError:
        return False


def _looks_like_export(path: Path) -> bool:
    """Return whether a damaged JSON file has the name of an export."""
    return path.name.lower().startswith(("playlist", "streaming", "endsong", "yourlibrary", "listens", "recenttracks"))
