"""Import playlists and listens from files and folders into a workspace.

The files of one command are joined: a table may continue playlists of an earlier one, in the order of the command. Then
every playlist in them replaces the stored playlist of the same id; what is replaced is returned.

A file, a list or a row that cannot be read is left out and reported; the others are read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from unheard.errors import TableError, UserError
from unheard.ingest.tags import clean
from unheard.library import open_library
from unheard.plays.dislikes import read_dislikes, store_dislikes, with_new, without
from unheard.plays.formats import FileReader, files_of
from unheard.plays.imported import Imported
from unheard.plays.list_ids import ListKey, list_ids, origin_of
from unheard.plays.list_marks import is_own_list
from unheard.plays.listed import ListedFile, match_listed
from unheard.plays.matching import Matcher
from unheard.plays.plays import Plays, join_plays
from unheard.plays.readers.data_set import DEFAULT_MIN_SHARE
from unheard.plays.storage import Playlist, changing_plays, read_playlists, replace_playlists, replaced_playlists
from unheard.workspace import Workspace


@dataclass(frozen=True)
class Source:
    """The result of one path of an import.

    found        the entries of all its files, joined
    origins      playlist id -> the file that it comes from, the first one if there are several
    problems     why files were left out
    passed_over  files of a folder that hold no playlists
    replaced     playlist id -> number of plays that were stored before, where the plays are others now
    """

    path: Path
    found: Imported
    origins: dict[str, str]
    problems: list[UserError]
    passed_over: list[Path] = field(default_factory=list)
    replaced: Mapping[str, int] = field(default_factory=dict)


def import_playlists(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    skip_unknown: bool = False,
    min_share: float = DEFAULT_MIN_SHARE,
    dry_run: bool = False,
) -> list[Source]:
    """Match the playlists of files and folders to the library's tracks, store them, and return the result of each path.

    skip_unknown  unknown ids in a table are misses instead of invalid rows
    min_share     share of a track below which a play is a skip, in data sets that say how much was played
    dry_run       store nothing

    A listener has no plays of a track that they dislike in any of the files, or in those of an earlier import.

    UserError if no file can be read.
    """
    with ExitStack() as stack:
        library = stack.enter_context(open_library(workspace.library_path))
        if not dry_run:  # ids of new playlists are chosen among those that no other import has taken
            stack.enter_context(changing_plays(workspace))
        matcher = Matcher(library.tracks(), library.failures())
        stored = read_playlists(workspace)
        sources = read_sources(paths, matcher, stored=stored, skip_unknown=skip_unknown, min_share=min_share)
        found = join_imported([source.found for source in sources], matcher)
        dislikes = with_new(read_dislikes(workspace), found.plays)
        plays = without(found.plays, dislikes)
        n_new = int((found.plays.weights < 0).sum())
        if n_new or len(plays) < len(found.plays):
            n_disliked = len(found.plays) - n_new - len(plays)
            sources[0] = _with_note(
                sources[0], f"{n_disliked} plays of tracks that their listeners dislike are left out"
            )
        replaced = replaced_playlists(workspace, plays)
        if not dry_run:
            origins = {name: origin for source in reversed(sources) for name, origin in source.origins.items()}
            replace_playlists(workspace, plays, names=found.names, origins=origins)
            if n_new:
                store_dislikes(workspace, dislikes)
    return [
        replace(source, replaced={name: n for name, n in replaced.items() if name in source.origins})
        for source in sources
    ]


def _with_note(source: Source, note: str) -> Source:
    return replace(source, found=replace(source.found, notes=[*source.found.notes, note]))


@dataclass
class _Path:
    """One path of an import while its files are read: the content of each file, and why files were left out."""

    path: Path
    contents: list[tuple[Path, Imported | ListedFile]] = field(default_factory=list)
    problems: list[UserError] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)


def read_sources(
    paths: Sequence[Path],
    matcher: Matcher,
    *,
    stored: Sequence[Playlist] = (),
    skip_unknown: bool = False,
    min_share: float = DEFAULT_MIN_SHARE,
) -> list[Source]:
    """Read every path and match its entries; the ids of `stored` playlists are taken. A file is read once.

    UserError if no file can be read.
    """
    reader, seen = FileReader(matcher, skip_unknown, min_share), set[str]()
    read = [_read_path(path, reader, seen) for path in paths]
    problems = [problem for one in read for problem in one.problems]
    if problems and not any(one.contents for one in read):
        if len(problems) == 1:
            raise problems[0]
        raise UserError(f"none of {len(problems)} files can be read; the first: {problems[0]}")
    keys = list(dict.fromkeys(key for one in read for key in _keys_of(one).values()))
    tables = [
        Playlist(playlist_id, playlist_id, origin_of(file))
        for one in read
        for file, content in one.contents
        if isinstance(content, Imported)
        for playlist_id in content.plays.playlist_ids
    ]
    ids = dict(zip(keys, list_ids(keys, [*stored, *tables]), strict=True))
    return [_match_path(one, ids, matcher) for one in read]


def _read_path(path: Path, reader: FileReader, seen: set[str]) -> _Path:
    """Read the files of a path that are not in `seen`, and add them to it."""
    read = _Path(path)
    try:
        for file in files_of(path, read.passed_over):
            if origin_of(file) not in seen:
                seen.add(origin_of(file))
                if is_own_list(file):
                    read.passed_over.append(file)
                    continue
                try:
                    read.contents.append((file, reader.read(file)))
                except UserError as error:
                    read.problems.append(error)
                except Exception as error:  # a file that nobody thought of must not stop the others
                    logging.getLogger("unheard").debug("%s", file, exc_info=True)
                    what = (str(error).splitlines() or [""])[0][:160]
                    problem = f"cannot be read ({type(error).__name__}: {what})"
                    read.problems.append(TableError(file, problem, "write or download it again"))
    except UserError as error:
        read.problems.append(error)
    return read


def _keys_of(read: _Path) -> dict[tuple[Path, str], ListKey]:
    """Return what identifies each list of the files of a path; a history belongs to its folder."""
    keys = {}
    for file, content in read.contents:
        if isinstance(content, ListedFile):
            for name in content.playlists:
                in_folder = ListKey(file.absolute().parent, content.history) if content.history else None
                keys[file, name] = in_folder or ListKey(file, clean(name))
    return keys


def _match_path(read: _Path, ids: Mapping[ListKey, str], matcher: Matcher) -> Source:
    keys = _keys_of(read)
    parts: list[Imported] = []
    origins: dict[str, str] = {}
    for file, content in read.contents:
        if isinstance(content, ListedFile):
            of_file = {name: keys[file, name] for name in content.playlists}
            parts.append(match_listed(content, {name: ids[key] for name, key in of_file.items()}, matcher))
            origins = {**{ids[key]: key.origin for key in of_file.values()}, **origins}
        else:
            parts.append(content)
            origins = {**dict.fromkeys(content.plays.playlist_ids, origin_of(file)), **origins}
    return Source(read.path, join_imported(parts, matcher), origins, read.problems, read.passed_over)


def join_imported(parts: Sequence[Imported], matcher: Matcher) -> Imported:
    """Return the entries of all parts as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    ids = matcher.tracks.ids
    left_out: dict[str, int] = {}
    for part in parts:
        for what, n in part.left_out.items():
            left_out[what] = left_out.get(what, 0) + n
    return Imported(
        plays=join_plays([part.plays.for_tracks(ids) for part in parts] or [Plays.of([]).for_tracks(ids)]),
        misses=list(dict.fromkeys(miss for part in parts for miss in part.misses)),
        missed=sum(part.missed for part in parts),
        names={name: title for part in parts for name, title in part.names.items()},
        invalid=sum(part.invalid for part in parts),
        reasons=[reason for part in parts for reason in part.reasons],
        left_out=left_out,
        notes=[note for part in parts for note in part.notes],
    )
