"""The verb that lets MusiCNN describe the library: features."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, WorkspaceOption
from unheard.workspace import Workspace


def features(
    workspace: WorkspaceOption,
    model: Annotated[
        Literal["msd", "mtt"],
        typer.Option(help="msd: trained on the Million Song Dataset. mtt: on MagnaTagATune."),
    ] = "msd",
    tags: Annotated[bool, typer.Option("--tags", help="Print the three most probable tags of each track.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", help="Only this track, and its tags (repeatable).", show_default=False),
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Worker processes.")] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Describe again what is described already.")] = False,
    json: JsonFlag = False,
) -> None:
    """Describe every track by MusiCNN, for recipes that read "musicnn". Unchanged files are not heard again."""
    from unheard.training.musicnn_features import embed_library, top_tags

    opened = Workspace.open(workspace)
    with console.progress_bars() as progress:
        report = embed_library(opened, model=model, track_ids=track, jobs=jobs, force=force, progress=progress)
    console.say(f"{report.embedded} tracks described, {report.unchanged} unchanged, {len(report.failures)} failed")
    for failure in report.failures:
        console.say(f"  {failure}")
    if not (tags or track or json):
        return
    found = top_tags(opened, model=model, track_ids=track)
    if json:
        console.print_json([{"track_id": described.track_id, "tags": dict(best)} for described, best in found])
        return
    rows = [
        [described.track_id, described.label, ", ".join(f"{tag} {probability:.2f}" for tag, probability in best)]
        for described, best in found
    ]
    console.out.print(console.table(f"Most probable tags ({model})", ["track", "what", "tags"], rows))
