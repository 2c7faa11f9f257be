"""Take damaged parts out of a workspace, for `unheard doctor --repair`, so that other commands make them again.

Damaged rows of the library and entries of the mel store are removed one by one; other damaged files are moved to
W/damaged/, under the names that they had.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from unheard.atomic_files import write_text
from unheard.checksums import MARKER
from unheard.cli.damage import DAMAGED, LINES, Finding, damaged_lines, find_damage, tracks_of
from unheard.errors import UnheardError, UserError
from unheard.features.store import FeatureStore
from unheard.file_lock import one_writer
from unheard.library import Library
from unheard.spectrograms.store import check_store, damaged_entries
from unheard.workspace import Workspace


def repair(workspace: Workspace) -> list[str]:
    """Take away everything that is damaged and return what was done; UserError if workspace.json is of another one."""
    findings = [finding for finding in find_damage(workspace) if finding.damaged]
    foreign = [finding for finding in findings if "of another workspace" in finding.what]
    if workspace.library_path in {finding.path for finding in foreign} and 2 * len(foreign) > len(_owned(workspace)):
        raise UserError(f"{workspace.root / MARKER}: is that of another workspace; restore it from a copy")
    done: list[str] = []
    for finding in findings:
        done += _repair(workspace, finding)
    return done


def _owned(workspace: Workspace) -> list[Path]:
    """Return the files that record their workspace."""
    return [workspace.library_path, *workspace.root.glob("**/*.safetensors"), *workspace.plays_dir.glob("*.parquet")]


def _repair(workspace: Workspace, finding: Finding) -> list[str]:
    path = finding.path
    if not path.exists():
        return []
    if path == workspace.library_path:
        return _repair_library(workspace)
    if path == workspace.mels_path or path.parent == workspace.mels_path:
        check_store(workspace, repair=True)
        if tracks_of(workspace) is not None:
            with Library(workspace.library_path) as library:
                damaged_entries(workspace, library, repair=True)
        return [f"{path}: damaged entries were removed"]
    if path.parent == workspace.features_dir:
        return [_move(workspace, broken) for broken in FeatureStore(workspace.features_dir).damaged_files(path.name)]
    if path.name in LINES and path.parent == workspace.root:
        with one_writer(workspace.root):  # otherwise lines that a server appends meanwhile would be lost
            return [_repair_lines(workspace, path)]
    return [_move(workspace, path)]


def _repair_lines(workspace: Workspace, path: Path) -> str:
    """Remove damaged lines, after the whole file was copied."""
    broken = damaged_lines(path)
    kept = [line for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if line]
    moved = _move(workspace, path, copy=True)
    write_text(path, "".join(f"{line}\n" for line in kept if line not in broken))
    return moved


def _repair_library(workspace: Workspace) -> list[str]:
    """Remove damaged rows; move away a file that SQLite cannot read, or one of another workspace."""
    path = workspace.library_path
    try:
        with Library(path) as library:
            with library.sqlite_errors():
                library.damage()
                removed = library.repair()
            if not library.damage():
                return [f"{path}: {removed} damaged rows were removed"]
    except UnheardError:
        pass
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    return [_move(workspace, path)]


def _move(workspace: Workspace, path: Path, *, copy: bool = False) -> str:
    """Move a file or folder to W/damaged/; return a line about it."""
    target = workspace.root / DAMAGED / path.relative_to(workspace.root)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    if copy:
        shutil.copyfile(path, target)
    else:
        path.replace(target)
    return f"{path}: moved to {target}"
