"""The command `listenbrainz`: import a user's listens."""

from __future__ import annotations

from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, WorkspaceOption
from unheard.workspace import Workspace


def listenbrainz(
    workspace: WorkspaceOption,
    user: Annotated[
        str | None,
        typer.Option("--user", help="Whose listens. Default: the user of LISTENBRAINZ_TOKEN.", show_default=False),
    ] = None,
    again: Annotated[
        bool, typer.Option("--all", help="Read all listens again, also late ones before the newest stored one.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Import the listens of a ListenBrainz user as plays; the next time only newer ones are read.

    Tracks that you love and hate get thumbs up and down; with --user they do not.

    The command can be stopped and run again; it goes on where it stopped.
    """
    from unheard.cli.import_report import report_lines
    from unheard.listenbrainz.client import ListenBrainz
    from unheard.listenbrainz.listen_history import read_listens_of
    from unheard.listenbrainz.loved_hated import read_feedback_of

    opened = Workspace.open(workspace)
    api = ListenBrainz.from_environment(need_token=user is None)
    name = user or api.user_name()
    with console.progress_bars() as progress:
        found = read_listens_of(opened, api, name, again=again, progress=progress)
    console.say(f"{name}: {found.new} new listens, {found.total} in all")
    if found.source is not None:
        for line in report_lines(found.source):
            console.say(line)
    n_thumbs = 0 if user else read_feedback_of(opened, api, name)
    if n_thumbs:
        console.say(f"{n_thumbs} thumbs changed by what {name} loves and hates")
    if json:
        matched = 0 if found.source is None else found.source.found.matched
        numbers = {"new": found.new, "listens": found.total, "matched": matched, "thumbs": n_thumbs}
        console.print_json({"user": name, **numbers})
