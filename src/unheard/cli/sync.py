"""The command `sync`: keep a workspace in step with an OpenSubsonic server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import CORES, JobsOption, JsonFlag, WorkspaceOption
from unheard.workspace import Workspace


def sync(
    workspace: WorkspaceOption,
    server: Annotated[str, typer.Argument(help="Address of the server, https://...", show_default=False)],
    path_map: Annotated[
        list[str] | None,
        typer.Option("--path-map", metavar="SERVER=HERE", help="Where a folder of the server is here (repeatable)."),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Download songs that --path-map does not find. Default without it.")
    ] = False,
    write_lists: Annotated[
        bool, typer.Option("--write-lists", help="Write the lists of `unheard go` as playlists of the server.")
    ] = False,
    others: Annotated[bool, typer.Option("--others", help="Import playlists of other users too.")] = False,
    again: Annotated[bool, typer.Option("--all", help="Read all albums and playlists again.")] = False,
    jobs: JobsOption = CORES,
    json: JsonFlag = False,
) -> None:
    """Import tracks, playlists, stars and play counts of an OpenSubsonic server; only what has changed is read.

    The login is in UNHEARD_SUBSONIC_KEY, or UNHEARD_SUBSONIC_USER and UNHEARD_SUBSONIC_PASSWORD. The command can be
    stopped and run again; it goes on where it stopped.
    """
    from unheard.sync.audio_cache import path_map as parsed
    from unheard.sync.subsonic_client import SubsonicClient
    from unheard.sync.sync_server import sync as run

    opened = Workspace.open(workspace)
    client = SubsonicClient.from_environment(server)
    maps = [parsed(text) for text in path_map or ()]
    with console.progress_bars() as progress:
        report = run(
            opened,
            client,
            maps=maps,
            download=download or not maps,
            write=write_lists,
            again=again,
            others=others,
            jobs=jobs,
            progress=progress,
        )
    for problem in report.problems:
        console.say(problem)
    console.say(
        f"{report.songs} songs, {report.downloaded} downloaded; {report.playlists} playlists; "
        f"{report.rated} stars or ratings changed; {report.written} lists written"
    )
    if json:
        console.print_json(asdict(report))
    if report.problems:
        raise typer.Exit(1)
