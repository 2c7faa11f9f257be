"""Add checksums to a workspace of format 2 that was written before there were any, where nothing has to be made again.

The workspace gets an id, and its rows, plays and splits their checksums. Spectrograms, features, factors and models get
theirs when they are next written; until then they are read as before. Nothing is lost if this is killed: each file is
replaced by a rename, and the next run does the rest.
"""

from __future__ import annotations

from unheard.errors import UserError
from unheard.library import Library
from unheard.plays.storage import rewrite_plays
from unheard.splits import load_splits
from unheard.splits.exchange import write_splits
from unheard.workspace import Workspace, workspace_id, write_marker


def add_checksums(workspace: Workspace) -> bool:
    """Return whether checksums were added; UserError if what is stored is damaged, because they would hide that."""
    has_id, changed = bool(workspace_id(workspace.root)), False
    if workspace.library_path.is_file():
        with Library(workspace.library_path) as library, library.sqlite_errors():
            if problems := library.damage():
                raise UserError(f"{workspace.library_path}: damaged ({problems[0]}); restore it from a copy first")
            if library.without_checksums():
                library.repair()
                changed = True
    if not has_id:
        write_marker(workspace.root, workspace.settings)
        changed = True
    changed |= rewrite_plays(workspace)
    if not has_id and workspace.splits_path.is_file():
        write_splits(workspace.splits_path, load_splits(workspace))
    return changed
