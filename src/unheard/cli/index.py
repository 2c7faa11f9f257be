"""The `index` command: make the indexes by which lists of a large catalogue are found."""

from __future__ import annotations

from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.cli.recommend import ModelOption


def index(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    model: ModelOption = None,
    again: Annotated[bool, typer.Option("--again", help="Make indexes again that are up to date.")] = False,
) -> None:
    """Make the indexes by which lists of 100,000 tracks and more are found quickly."""
    import unheard
    from unheard.recommend.shortlist import min_tracks

    session = unheard.open(workspace, split=split, model=model)
    n = len(session.catalogue)
    if n < min_tracks():
        console.say(f"{n} tracks: fewer than {min_tracks():,}, so lists score every candidate and need no index")
        return
    with console.progress_bars() as progress:
        session.update_predictions(progress=progress)
        made = session.make_indexes(again=again, progress=progress)
    for path in made:
        console.say(f"made {path}")
    if not made:
        console.say(f"the indexes of {session.model} are up to date, or it has no vectors")
