"""Migrate a workspace of format 1 to format 2, and keep a backup.

    1  copy library.sqlite and workspace.json to W/backup-format-1/
    2  write mels/, features/ and plays/, which format 1 does not know, and the table `file_failures`
    3  rename workspace.json of format 2 over that of format 1
    4  drop the old tables, give their space back, and move mels.bin to the backup

Step 3 is the commit. Before it, whatever format 1 reads is as it was; after it, format 2 reads nothing of what step 4
removes. So a migration that is killed leaves one format or the other, and the next `migrate` finishes it. mels.bin is
not copied: the first shard of mels/ is a hard link to it.

The library stays locked while it is read, so nothing that another process writes is lost.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unheard.atomic_files import atomic_path
from unheard.errors import UserError
from unheard.features.store import FeatureStore
from unheard.library import SCHEMA, Library
from unheard.migration import format_1
from unheard.plays.storage import replace_playlists
from unheard.progress import Progress, silent
from unheard.spectrograms.shards import Entry, Shard, write_index
from unheard.spectrograms.store import ENCODINGS
from unheard.system_errors import explain_sqlite
from unheard.workspace import FORMAT_VERSION, Workspace, read_marker, write_marker

LOCK_S = 5.0  # a scan by an earlier version holds the lock for one track at a time
STEPS = 7


@dataclass(frozen=True)
class DiskSpace:
    """Bytes on disk: what a migration needs at most, and what is free."""

    needed: int
    free: int


@dataclass(frozen=True)
class Migrated:
    """What `migrate` did.

    changed            False: the workspace was of format 2 already
    backup             the folder with what format 1 had, if there is one
    lost_spectrograms  tracks whose frames mels.bin does not have; the next scan decodes them again
    """

    changed: bool
    backup: Path | None
    lost_spectrograms: int = 0


def migrate(root: Path, *, progress: Progress = silent) -> Migrated:
    """Migrate a workspace to the present format; nothing is done if it has it already.

    UserError, and a workspace of format 1 as before, if its library is damaged or locked, if the disk is too small or
    if a file cannot be written.
    """
    version, settings = read_marker(root)
    workspace = Workspace(root, settings)
    changed, lost = version < FORMAT_VERSION, 0
    with _one_line(workspace):
        if changed:
            _check_space(workspace)
            lost = _convert(workspace, progress)
        changed |= unfinished(workspace)
        if changed:
            _tidy(workspace, progress)
    return Migrated(changed, backup_dir(workspace) if has_backup(workspace) else None, lost)


def space_for(root: Path) -> DiskSpace:
    """Return the disk space that `migrate` needs.

    That is three times the library: the backup; its vectors and plays as files, of which a merge holds some twice; and
    what SQLite writes while it gives space back. mels.bin is added where the file system has no hard links.
    """
    workspace = Workspace(root, read_marker(root)[1])
    names = (workspace.library_path, root / "library.sqlite-wal")
    needed = 3 * sum(path.stat().st_size for path in names if path.exists())
    if _mels_bin(workspace).exists() and not _can_link(_mels_bin(workspace)):
        needed += _mels_bin(workspace).stat().st_size
    return DiskSpace(needed, shutil.disk_usage(root).free)


def backup_dir(workspace: Workspace) -> Path:
    """Return the folder that keeps what format 1 had."""
    return workspace.root / "backup-format-1"


def has_backup(workspace: Workspace) -> bool:
    """Whether the folder `backup_dir` has a backup."""
    return (backup_dir(workspace) / "library.sqlite").is_file()


def unfinished(workspace: Workspace) -> bool:
    """Whether a migration to format 2 was killed after its commit, so that some of format 1 is still in its place."""
    if _mels_bin(workspace).exists():
        return True
    if not (has_backup(workspace) and workspace.library_path.is_file()):
        return False
    with Library(workspace.library_path) as library, library.sqlite_errors():
        return not library.table_names().isdisjoint(format_1.TABLES)


# ---------------------------------------------------------------------------------------------------- conversion


def _convert(workspace: Workspace, progress: Progress) -> int:
    """Take steps 1 to 3; returns how many spectrograms are lost."""
    if not workspace.library_path.is_file():  # nothing has been scanned
        write_marker(workspace.root, workspace.settings)
        return 0
    lost = 0
    with _only_migration(workspace), _locked(workspace.library_path) as db:
        if read_marker(workspace.root)[0] == FORMAT_VERSION:  # by another process, while this one waited
            return 0
        _check_library(workspace, db)
        progress("migrating", 1, STEPS)
        converts = format_1.old_tables(db) not in ([], ["failures"])  # else of a version between two releases
        if converts:
            _clear(workspace)
        _back_up(workspace)
        progress("migrating", 2, STEPS)
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        format_1.copy_failures(db)
        if converts:
            hashes = format_1.source_hashes(db)
            lost = _convert_mels(workspace, format_1.read_spectrograms(db, hashes))
            progress("migrating", 3, STEPS)
            _convert_features(workspace, db, hashes, progress)
            progress("migrating", 4, STEPS)
            replace_playlists(workspace, format_1.read_plays(db))
            progress("migrating", 5, STEPS)
        db.execute("COMMIT")
        progress("migrating", 6, STEPS)
        write_marker(workspace.root, workspace.settings)
    return lost


def _check_space(workspace: Workspace) -> None:
    space = space_for(workspace.root)
    if space.free < space.needed:
        needed, free = (f"{n / 2**30:.2f} GiB" for n in (space.needed, space.free))
        raise UserError(
            f"{workspace.root}: its migration needs {needed} of disk space and {free} are free; free some and try again"
        )


def _check_library(workspace: Workspace, db: sqlite3.Connection) -> None:
    (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        problem = " ".join(answer.split())  # it may have several lines
        raise UserError(f"{workspace.library_path}: damaged ({problem}); restore it from a copy")


def _clear(workspace: Workspace) -> None:
    """Remove what a killed migration has written; UserError if there is something of that name from elsewhere."""
    killed = (backup_dir(workspace) / "library.sqlite").exists()
    for folder in (workspace.mels_path, workspace.features_dir, workspace.plays_dir):
        if folder.exists():
            if not killed:
                raise UserError(f"{folder}: a workspace of format 1 has none; move it away and migrate again")
            shutil.rmtree(folder)


def _back_up(workspace: Workspace) -> None:
    folder = backup_dir(workspace)
    for partial in folder.glob(".*.partial*"):  # of a killed migration
        partial.unlink()
    with atomic_path(folder / "workspace.json") as beside:
        shutil.copyfile(workspace.root / "workspace.json", beside)
    with (
        atomic_path(folder / "library.sqlite") as beside,
        closing(sqlite3.connect(workspace.library_path)) as source,
        closing(sqlite3.connect(beside)) as target,
    ):
        source.backup(target)


def _convert_mels(workspace: Workspace, entries: Sequence[Entry]) -> int:
    """Make mels.bin the first shard; returns how many entries name frames that it does not have."""
    old = _mels_bin(workspace)
    frame_bytes = workspace.settings.n_mels * ENCODINGS[workspace.settings.front_end].dtype.itemsize
    n_frames = old.stat().st_size // frame_bytes if old.exists() else 0
    stored = [entry for entry in entries if entry.end_frame <= n_frames]
    if stored:
        workspace.mels_path.mkdir()
        shard = Shard(workspace.mels_path, 0)
        write_index(shard, stored)
        try:
            os.link(old, shard.frames_path)
        except OSError:  # the file system has no hard links
            with atomic_path(shard.frames_path) as beside:
                shutil.copyfile(old, beside)
    return len(entries) - len(stored)


def _convert_features(workspace: Workspace, db: sqlite3.Connection, hashes: dict[str, str], progress: Progress) -> None:
    store = FeatureStore(workspace.features_dir)
    kinds = format_1.kinds(db)
    for done, kind in enumerate(kinds, start=1):
        new = format_1.new_kind(kind)
        for block in format_1.read_vectors(db, kind, hashes):
            store.write(new, format_1.EXTRACTOR_VERSION, block.ids, block.values, block.source_hashes)
        store.compact(new)
        progress("migrating features", done, len(kinds))


# ------------------------------------------------------------------------------------------------------- tidying


def _tidy(workspace: Workspace, progress: Progress) -> None:
    """Take step 4, as far as it has not been taken yet."""
    if workspace.library_path.is_file():
        with closing(sqlite3.connect(workspace.library_path, timeout=LOCK_S, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            for table in format_1.old_tables(db):
                db.execute(f"DROP TABLE {table}")
            db.execute("COMMIT")
            progress("migrating", STEPS, STEPS)
            db.execute("VACUUM")
    if _mels_bin(workspace).exists():
        backup_dir(workspace).mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process has moved it
            _mels_bin(workspace).replace(backup_dir(workspace) / "mels.bin")


# ---------------------------------------------------------------------------------------------------------- files


def _mels_bin(workspace: Workspace) -> Path:
    return workspace.root / "mels.bin"


def _can_link(path: Path) -> bool:
    probe = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        os.link(path, probe)
    except OSError:
        return False
    probe.unlink()
    return True


@contextmanager
def _only_migration(workspace: Workspace) -> Iterator[None]:
    """Keep other migrations out, also between the commits of the library and of workspace.json."""
    backup_dir(workspace).mkdir(exist_ok=True)
    with closing(sqlite3.connect(backup_dir(workspace) / "lock", timeout=LOCK_S, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a library in a transaction that keeps other writers out; what is not committed is rolled back."""
    with closing(sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")  # the commit of step 3 must not reach the disk first
        db.execute("BEGIN IMMEDIATE")
        yield db


@contextmanager
def _one_line(workspace: Workspace) -> Iterator[None]:
    """Raise what SQLite or the system reports as one line with advice."""
    try:
        yield
    except sqlite3.Error as error:
        problem = explain_sqlite(error, workspace.library_path)
        if problem is None:
            raise
        raise problem from error
    except OSError as error:
        path = error.filename or workspace.root
        raise UserError(f"{path}: cannot be written ({error.strerror}); make it writable and migrate again") from error
