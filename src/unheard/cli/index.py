"""The `index` command: make the indexes by which lists of a large catalogue are found, and what its server opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unheard.cli import console
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.cli.recommend import ModelOption
from unheard.progress import Progress

if TYPE_CHECKING:
    from unheard.session import Session


def index(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    model: ModelOption = None,
    again: Annotated[bool, typer.Option("--again", help="Make again what is up to date.")] = False,
) -> None:
    """Make the indexes by which lists of 100,000 tracks and more are found quickly, and what a server of them opens."""
    from unheard.library import open_library
    from unheard.recommend.shortlist import min_tracks
    from unheard.workspace import Workspace

    with open_library(Workspace.open(workspace).library_path) as library:
        n = library.counts()["tracks"]
    if n < min_tracks():
        console.say(f"{n} tracks: fewer than {min_tracks():,}, so lists score every candidate and need no index")
        return
    with console.progress_bars() as progress:
        session, made = _session(workspace, split, model, again=again, progress=progress)
        made += session.make_indexes(again=again, progress=progress)
    for path in made:
        console.say(f"made {path}")
    if not made:
        console.say(f"all that {session.model} needs is up to date, or it has no vectors")


def _session(
    root: Path, split: str | None, model: str | None, *, again: bool, progress: Progress
) -> tuple[Session, list[Path]]:
    """Return a session with predictions of all tracks, and the snapshot that was stored."""
    import unheard
    from unheard.serve.stored_snapshot import open_snapshot, store_snapshot
    from unheard.workspace import Workspace

    workspace, made = Workspace.open(root), False
    opened = None if again else open_snapshot(workspace, split, model)
    if opened is None:
        made = store_snapshot(workspace, split, model, progress=progress)
        opened = open_snapshot(workspace, split, model)
    session = opened[0] if opened is not None else unheard.open(root, split=split, model=model)
    if session.has_unpredicted_tracks:
        session = unheard.open(root, split=split, model=model)
        if session.update_predictions(progress=progress):
            made = store_snapshot(workspace, split, model, progress=progress)
    return session, [workspace.snapshot_path(split, model)] if made else []
