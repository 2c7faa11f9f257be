"""Import playlists and listens from files and folders into a workspace.

The files of one command are joined: a table may continue playlists of an earlier one, in the order of the command. Then
every playlist in them replaces the stored playlist of the same id.

A list that cannot be read (an M3U file, a slice of playlists) is left out and reported, because other files do not
depend on it. A table that cannot be read stops the import before anything is stored, because its playlists may continue
in other tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unheard.errors import UserError
from unheard.ingest.tables import TABLE_SUFFIXES
from unheard.library import open_library
from unheard.plays.imported import Imported
from unheard.plays.list_ids import list_ids, origin_of
from unheard.plays.matching import Matcher
from unheard.plays.plays import Plays, join_plays
from unheard.plays.readers import m3u, taste_profile
from unheard.plays.readers.m3u import read_m3u
from unheard.plays.readers.mpd import SliceReader
from unheard.plays.readers.playlist_table import read_table
from unheard.plays.readers.taste_profile import read_taste_profile
from unheard.plays.storage import Playlist, read_playlists, replace_playlists
from unheard.workspace import Workspace

FORMATS = "a .csv or .parquet table, .m3u or .m3u8, mpd.slice.*.json, .txt or .tsv (Taste Profile), or a folder of them"


@dataclass(frozen=True)
class Source:
    """The result of one path of an import.

    found     the entries of all its files, joined
    origins   playlist id -> the first file that names it
    problems  why lists were left out
    """

    path: Path
    found: Imported
    origins: dict[str, str]
    problems: list[UserError]


def import_playlists(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    skip_unknown: bool = False,
    dry_run: bool = False,
) -> list[Source]:
    """Match the playlists of files and folders to the library's tracks, store them, and return the result of each path.

    skip_unknown  unknown ids in a table are misses instead of errors
    dry_run       store nothing

    UserError if a path has no known format, or if a table or every list cannot be read.
    """
    with open_library(workspace.library_path) as library:
        matcher = Matcher(library.tracks(), library.failures())
        sources = read_sources(paths, matcher, stored=read_playlists(workspace), skip_unknown=skip_unknown)
        if not dry_run:
            found = join_imported([source.found for source in sources], matcher)
            origins = {name: origin for source in reversed(sources) for name, origin in source.origins.items()}
            with library.transaction():  # one import at a time
                replace_playlists(workspace, found.plays, names=found.names, origins=origins)
    return sources


def read_sources(
    paths: Sequence[Path],
    matcher: Matcher,
    *,
    stored: Sequence[Playlist] = (),
    skip_unknown: bool = False,
) -> list[Source]:
    """Read every path and match its entries; the ids of `stored` playlists are taken. A file is read once."""
    files = [list(_files(path)) for path in paths]
    lists = [file for of_path in files for file in of_path if file.suffix.lower() in m3u.SUFFIXES]
    ids = dict(zip(lists, list_ids(lists, stored), strict=True))
    slices = SliceReader(matcher)
    seen: set[str] = set()
    sources: list[Source] = []
    for path, of_path in zip(paths, files, strict=True):
        parts: list[Imported] = []
        origins: dict[str, str] = {}
        problems: list[UserError] = []
        for file in of_path:
            if origin_of(file) in seen:
                continue
            seen.add(origin_of(file))
            suffix = file.suffix.lower()
            try:
                if suffix in m3u.SUFFIXES:
                    found = read_m3u(file, ids[file], matcher)
                elif suffix == ".json":
                    found = slices.read(file)
                elif suffix in TABLE_SUFFIXES:
                    found = read_table(file, matcher, skip_unknown=skip_unknown)
                else:
                    found = read_taste_profile(file, matcher)
            except UserError as error:
                if suffix not in m3u.SUFFIXES and suffix != ".json":
                    raise
                problems.append(error)
                continue
            parts.append(found)
            origins = {**dict.fromkeys(found.plays.playlist_ids, origin_of(file)), **origins}
        sources.append(Source(path, join_imported(parts, matcher), origins, problems))
    problems = [problem for source in sources for problem in source.problems]
    if problems and len(problems) == len(seen):
        if len(problems) == 1:
            raise problems[0]
        raise UserError(f"none of {len(problems)} lists can be read; the first: {problems[0]}")
    return sources


def join_imported(parts: Sequence[Imported], matcher: Matcher) -> Imported:
    """Return the entries of all parts as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    ids = matcher.tracks.ids
    plays = join_plays([part.plays.for_tracks(ids) for part in parts] or [Plays.of([]).for_tracks(ids)])
    misses = list(dict.fromkeys(miss for part in parts for miss in part.misses))
    names = {name: title for part in parts for name, title in part.names.items()}
    return Imported(plays, misses, sum(part.missed for part in parts), names)


def _files(path: Path) -> Iterator[Path]:
    """Yield the files to read: the path, or of a folder its table of playlists, its slices, or the lists below it."""
    if not path.is_dir():
        if not path.is_file():
            raise UserError(f"{path}: no such file; name {FORMATS}")
        if path.suffix.lower() not in {*TABLE_SUFFIXES, ".json", *m3u.SUFFIXES, *taste_profile.SUFFIXES}:
            raise UserError(f"{path}: not a format of playlists; name {FORMATS}")
        yield path
        return
    table = next((path / name for name in ("playlists.csv", "playlists.parquet") if (path / name).is_file()), None)
    found = [table] if table else sorted(path.glob("mpd.slice.*.json"), key=_slice_start)
    found = found or sorted(file for file in path.rglob("*") if file.suffix.lower() in m3u.SUFFIXES and file.is_file())
    if not found:
        raise UserError(f"{path}: no playlists in it; name {FORMATS}")
    yield from found


def _slice_start(path: Path) -> tuple[int, str]:
    first = path.name.split(".")[2].partition("-")[0]
    return (int(first) if first.isdigit() else 0), path.name
