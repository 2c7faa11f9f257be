"""Plays in the workspace: two Parquet files in W/plays/.

plays-<n>.parquet   playlist_id, track_id (dictionary-encoded), position, weight, timestamp (null = unknown); sorted by
                    (playlist_id, position), so that a row group holds consecutive playlists
playlists.parquet   playlist_id, name, origin (the file it was imported from; empty = unknown), imported_at; sorted by
                    playlist_id. Its metadata name the current file of plays, with checksums of that file and of its
                    own columns, and the owner of the workspace (checksums.py).

An import writes a new file of plays, and commits by renaming the new playlists.parquet over the old one. An import that
is killed before the commit leaves the old state, and files that the next import removes. While the first import runs
there is a file FIRST_IMPORT, so that a file of plays alone is not taken for a lost playlists.parquet.

A read may overlap with an import: a reader that finds its file of plays replaced reads again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from filecmp import cmp
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from unheard.atomic_files import atomic_path
from unheard.checksums import check_owner, crc_of_file, owner_of, seal, unseal
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.locks import WAIT_S, one_at_a_time
from unheard.plays.plays import Plays, join_plays
from unheard.plays.plays_file import read_plays_file, write_plays_file
from unheard.workspace import Workspace

PLAYLISTS = "playlists.parquet"
FIRST_IMPORT = "first-import"
FORMAT_VERSION = 2  # 1 had no checksums
PLAYLIST_COLUMNS = ("playlist_id", "name", "origin", "imported_at")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Playlist:
    """What is stored about a playlist besides its plays. `origin` is an absolute path, empty if unknown."""

    playlist_id: str
    name: str
    origin: str = ""
    imported_at: datetime | None = None


@dataclass(frozen=True)
class _About:
    """What playlists.parquet says: the name of the current file of plays, and checksums unless it is of version 1."""

    plays: str
    checksum: int | None = None  # of the file of plays
    columns: Mapping[str, int] = field(default_factory=dict)  # checksum of each column of playlists.parquet
    owner: str = ""


@dataclass(frozen=True)
class PlayCounts:
    """Numbers of playlists and plays of a workspace."""

    playlists: int
    plays: int


def read_plays(workspace: Workspace) -> Plays:
    """Return all plays of a workspace, both id maps sorted; none before the first import. UserError if damaged."""

    def read() -> Plays:
        opened = _open_playlists(workspace)
        if opened is None:
            return Plays.of([])
        playlists, about = opened
        (names,) = _read_table(workspace, playlists, about, ["playlist_id"])
        path = workspace.plays_dir / about.plays
        with _named_if_damaged(path):
            if about.checksum is not None and crc_of_file(path) != about.checksum:
                raise ValueError("its content does not match its checksum")
            return read_plays_file(path, IdMap(names))

    return _until_unchanged(workspace, read)


def read_playlists(workspace: Workspace) -> list[Playlist]:
    """Return what is stored about every playlist, ordered by id. UserError if damaged."""
    opened = _open_playlists(workspace)
    if opened is None:
        return []
    names = ["playlist_id", "name", "origin", "imported_at"]
    columns = _read_table(workspace, *opened, names)
    return [Playlist(*values) for values in zip(*columns, strict=True)]


def count_plays(workspace: Workspace) -> PlayCounts:
    """Count playlists and plays; reads no more than the metadata of the files. UserError if damaged."""
    import pyarrow.parquet as pq

    def read() -> PlayCounts:
        opened = _open_playlists(workspace)
        if opened is None:
            return PlayCounts(0, 0)
        playlists, about = opened
        path = workspace.plays_dir / about.plays
        with _named_if_damaged(path):
            return PlayCounts(playlists.metadata.num_rows, pq.read_metadata(path).num_rows)

    return _until_unchanged(workspace, read)


def changing_plays(workspace: Workspace) -> AbstractContextManager[None]:
    """Hold the lock under which plays are changed, for changes that depend on what is stored."""
    return one_at_a_time(workspace.root, "plays", "changes the plays", wait_s=WAIT_S)


def replace_playlists(
    workspace: Workspace,
    plays: Plays,
    *,
    names: Mapping[str, str] | None = None,
    origins: Mapping[str, str] | None = None,
) -> None:
    """Store `plays`: each playlist with plays replaces the stored playlist of the same id; all others stay.

    names    playlist id -> name; a playlist that is missing here is named by its id
    origins  playlist id -> the file that it comes from

    The change is atomic, and one process changes plays at a time: others wait, and raise LockedError after a minute.
    Nothing is written if the same plays are stored already.
    """
    plays = _without_empty(plays)
    if len(plays):
        with changing_plays(workspace):
            _replace(workspace, plays, names or {}, origins or {})


def _replace(workspace: Workspace, plays: Plays, names: Mapping[str, str], origins: Mapping[str, str]) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    new = [Playlist(name, names.get(name, name), origins.get(name, ""), now) for name in plays.playlist_ids]
    stored = {playlist.playlist_id: playlist for playlist in read_playlists(workspace)}
    may_be_same = all(_same(stored.get(playlist.playlist_id), playlist) for playlist in new)
    kept = [name for name in stored if name not in plays.playlist_ids]
    if kept:
        plays = _without_empty(_join(read_plays(workspace).for_playlists(IdMap(kept)), plays))
    changed = stored | {playlist.playlist_id: playlist for playlist in new}
    _write(workspace, plays, [changed[name] for name in plays.playlist_ids], may_be_same=may_be_same)


def remove_playlists(workspace: Workspace, playlist_ids: Collection[str]) -> None:
    """Remove stored playlists and their plays, atomically; an id that is not stored is passed over."""
    if not any(playlist.playlist_id in playlist_ids for playlist in read_playlists(workspace)):
        return
    with changing_plays(workspace):
        kept = [one for one in read_playlists(workspace) if one.playlist_id not in playlist_ids]
        plays = _without_empty(read_plays(workspace).for_playlists(IdMap([one.playlist_id for one in kept])))
        _write(workspace, plays, kept, may_be_same=False)


def rewrite_plays(workspace: Workspace) -> bool:
    """Write stored plays again if they have no checksums; return whether they had none."""
    with changing_plays(workspace):
        if has_checksums(workspace):
            return False
        _write(workspace, read_plays(workspace), read_playlists(workspace), may_be_same=False)
    return True


def replaced_playlists(workspace: Workspace, plays: Plays) -> dict[str, int]:
    """Return the stored playlists that have other plays than in `plays`, where they have some too, and how many."""
    both = [one.playlist_id for one in read_playlists(workspace) if one.playlist_id in plays.playlist_ids]
    if not both:
        return {}
    ids = IdMap(both)
    old, new = (_without_empty(part.for_playlists(ids)) for part in (read_plays(workspace), plays))
    both = [name for name in old.playlist_ids if name in new.playlist_ids]
    rows = {name: (_plays_of(old, name), _plays_of(new, name)) for name in both}
    return {name: len(before) for name, (before, after) in rows.items() if not _equal(before, after)}


def _plays_of(plays: Plays, name: str) -> Plays:
    row = plays.playlist_ids.row(name)
    return plays.take(slice(int(plays.starts[row]), int(plays.starts[row + 1])))


def _equal(one: Plays, other: Plays) -> bool:
    """Return whether two playlists have the same plays in the same order."""
    columns = ("weights", "timestamps")
    return len(one) == len(other) and (
        one.track_ids.take(one.track_rows) == other.track_ids.take(other.track_rows)
        and all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in columns)
    )


def has_checksums(workspace: Workspace) -> bool:
    """Return whether the stored plays have checksums; True before the first import."""
    opened = _open_playlists(workspace)
    return opened is None or opened[1].checksum is not None


def storage_problem(workspace: Workspace) -> str | None:
    """Return what is wrong with the stored plays, or None."""
    try:
        read_plays(workspace)
    except UserError as error:
        return str(error)
    return None


# -------------------------------------------------------------------------------------------------------- reading


def _until_unchanged(workspace: Workspace, read: Callable[[], Result]) -> Result:
    """Return what `read` returns; call it again whenever an import has replaced the file of plays in the meantime."""
    before = _current_file(workspace)
    while True:
        try:
            return read()
        except UserError:
            now = _current_file(workspace)
            if now == before:
                raise
            before = now


def _open_playlists(workspace: Workspace) -> tuple[Any, _About] | None:
    """Return playlists.parquet, opened, and what its metadata say; None before any import."""
    import pyarrow.parquet as pq

    path = workspace.plays_dir / PLAYLISTS
    if not path.is_file():
        if any(workspace.plays_dir.glob("plays-*.parquet")) and not (workspace.plays_dir / FIRST_IMPORT).exists():
            raise UserError(f"{path}: is missing; restore it from a copy, or delete its folder and import again")
        return None
    with _named_if_damaged(path):
        file = pq.ParquetFile(path)
        about = _read_about(file.metadata.metadata or {})
    check_owner(path, about.owner)
    return file, about


def _current_file(workspace: Workspace) -> Path | None:
    """Return the path of the current file of plays; None before the first import."""
    opened = _open_playlists(workspace)
    return None if opened is None else workspace.plays_dir / opened[1].plays


def _read_table(workspace: Workspace, playlists: Any, about: _About, columns: list[str]) -> list[list[Any]]:
    """Return columns of playlists.parquet, opened as above."""
    with _named_if_damaged(workspace.plays_dir / PLAYLISTS):
        table = playlists.read(columns=columns)
        found = [table[name].to_pylist() for name in columns]
        for name, values in zip(columns, found, strict=True):
            if about.columns and about.columns.get(name) != _checksum(values):
                raise ValueError(f"the column {name} does not match its checksum")
    return found


def _checksum(values: list[Any]) -> int:
    return zlib.crc32("\0".join(map(str, values)).encode("utf-8", "surrogatepass"))


@contextmanager
def _named_if_damaged(path: Path) -> Iterator[None]:
    """Raise UserError, which names the file, if it cannot be read."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(
            f"{path}: damaged ({first}); restore it from a copy, or delete its folder and import again"
        ) from error


def _read_about(metadata: Mapping[bytes, bytes]) -> _About:
    """Return what the metadata of playlists.parquet say; ValueError if they are damaged."""
    if b"unheard.plays" not in metadata:
        raise ValueError("it does not name a file of plays")
    if (version := int(metadata[b"unheard.version"])) > FORMAT_VERSION:
        raise UserError(f"{PLAYLISTS}: format version {version} is newer than {FORMAT_VERSION}; update unheard")
    plays = metadata[b"unheard.plays"].decode()
    if version == 1:
        return _About(plays)
    values = unseal(metadata[b"unheard.checksums"].decode())
    if values["plays"] != plays or set(values["columns"]) != set(PLAYLIST_COLUMNS):
        raise ValueError("its metadata contradict each other")
    return _About(plays, int(values["crc32"]), values["columns"], str(values["owner"]))


# -------------------------------------------------------------------------------------------------------- changing


def _same(stored: Playlist | None, new: Playlist) -> bool:
    """Return whether a stored playlist equals the new playlist, apart from the time of import."""
    return stored is not None and replace(stored, imported_at=new.imported_at) == new


def _without_empty(plays: Plays) -> Plays:
    """Drop playlists and tracks without plays from the id maps, and sort both."""
    playlists, tracks = (
        np.flatnonzero(np.bincount(rows, minlength=1)) for rows in (plays.playlist_rows, plays.track_rows)
    )
    if not len(plays):
        return Plays.of([])
    playlist_ids = IdMap(sorted(plays.playlist_ids.take(playlists)))
    track_ids = IdMap(sorted(plays.track_ids.take(tracks)))
    return plays.for_playlists(playlist_ids).for_tracks(track_ids)


def _join(kept: Plays, new: Plays) -> Plays:
    track_ids = IdMap(sorted({*kept.track_ids, *new.track_ids}))
    return join_plays([kept.for_tracks(track_ids), new.for_tracks(track_ids)])


# -------------------------------------------------------------------------------------------------------- writing


def _write(workspace: Workspace, plays: Plays, playlists: list[Playlist], *, may_be_same: bool) -> None:
    """Write both files and commit.

    With `may_be_same`, nothing is committed if the new file of plays has the same bytes as the current one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = workspace.plays_dir
    old, current = sorted(folder.glob("plays-*.parquet")), _current_file(workspace)
    numbers = [int(path.stem[6:]) for path in old if path.stem[6:].isdecimal()]
    path = folder / f"plays-{max(numbers, default=0) + 1}.parquet"
    first = folder / FIRST_IMPORT
    if current is None:
        folder.mkdir(exist_ok=True)
        first.touch()
    with atomic_path(path) as temporary:
        write_plays_file(temporary, plays)
    if may_be_same and current is not None and has_checksums(workspace) and cmp(path, current, shallow=False):
        path.unlink()
        first.unlink(missing_ok=True)
        return
    columns = {name: [getattr(playlist, name) for playlist in playlists] for name in ("playlist_id", "name", "origin")}
    columns["imported_at"] = pa.array([playlist.imported_at for playlist in playlists], pa.timestamp("s", "UTC"))
    table = pa.table(columns)
    about = {
        "plays": path.name,
        "crc32": crc_of_file(path),
        "columns": {name: _checksum(table[name].to_pylist()) for name in PLAYLIST_COLUMNS},
        "owner": owner_of(path),
    }
    table = table.replace_schema_metadata(
        {
            "unheard.plays": path.name,
            "unheard.version": str(FORMAT_VERSION),
            "unheard.checksums": seal(json.dumps(about)),
        }
    )
    with atomic_path(folder / PLAYLISTS) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    for outdated in (first, *old, *folder.glob(".*.partial")):  # .partial: of a killed import
        outdated.unlink(missing_ok=True)
