"""The verb that lets MusiCNN, or a trained model, describe the library: features."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError
from unheard.models.musicnn_tags import TAGS
from unheard.workspace import Workspace


def features(
    workspace: WorkspaceOption,
    model: Annotated[
        str,
        typer.Option(
            help="msd: MusiCNN of the Million Song Dataset. mtt: of MagnaTagATune. Else a model that you trained."
        ),
    ] = "msd",
    split: SplitOption = None,
    tags: Annotated[bool, typer.Option("--tags", help="Print the three most probable tags of each track.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", help="Only this track, and its tags (repeatable).", show_default=False),
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Worker processes.")] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Describe again what is described already.")] = False,
    json: JsonFlag = False,
) -> None:
    """Describe every track by MusiCNN, for recipes that read "musicnn". Unchanged files are not heard again.

    A trained model describes it by its embeddings, which are kept beside the model.
    """
    from unheard.training.musicnn_features import embed_library, top_tags

    opened = Workspace.open(workspace)
    published = next((known for known in TAGS if known == model), None)
    if published is None:
        if tags or track or json or force:
            raise UserError(
                f"--tags, --track, --json and --force are for MusiCNN ({', '.join(TAGS)}), not for {model!r}"
            )
        _embed(opened, model, split)
        return
    with console.progress_bars() as progress:
        report = embed_library(opened, model=published, track_ids=track, jobs=jobs, force=force, progress=progress)
    console.say(f"{report.embedded} tracks described, {report.unchanged} unchanged, {len(report.failures)} failed")
    for failure in report.failures:
        console.say(f"  {failure}")
    if not (tags or track or json):
        return
    found = top_tags(opened, model=published, track_ids=track)
    if json:
        console.print_json([{"track_id": described.track_id, "tags": dict(best)} for described, best in found])
        return
    rows = [
        [described.track_id, described.label, ", ".join(f"{tag} {probability:.2f}" for tag, probability in best)]
        for described, best in found
    ]
    console.out.print(console.table(f"Most probable tags ({model})", ["track", "what", "tags"], rows))


def _embed(opened: Workspace, model: str, split: str | None) -> None:
    """Embeddings of every track by a trained model."""
    from unheard.inference.embedding_features import embeddings_of, embeddings_path
    from unheard.splits import load_split

    name = load_split(opened, split).name
    with console.progress_bars() as progress:
        ids, embeddings = embeddings_of(opened, name, model, progress=progress)
    console.say(f"{len(ids)} tracks in {embeddings.shape[1]} numbers each: {embeddings_path(opened, name, model)}")
