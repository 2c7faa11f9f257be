"""The `features` command: list the kinds of features, and extract those that tracks lack."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError
from unheard.features.table import DEFAULT_KINDS
from unheard.workspace import Workspace


def features(
    workspace: WorkspaceOption,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help=f"Kind of features (repeatable; --list shows all). Default: {', '.join(DEFAULT_KINDS)}, and "
            "the kinds that the workspace has already.",
            show_default=False,
        ),
    ] = None,
    list_kinds: Annotated[
        bool, typer.Option("--list", help="List the kinds, with the number of tracks that have each, and stop.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="Store the embeddings of all tracks by this trained model instead.", show_default=False),
    ] = None,
    split: SplitOption = None,
    tags: Annotated[
        bool, typer.Option("--tags", help="Print the three most probable tags of each track, if the kind has tags.")
    ] = False,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", help="Only this track, with its tags (repeatable).", show_default=False),
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Worker processes.")] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Extract again, even if up to date.")] = False,
    json: JsonFlag = False,
) -> None:
    """Extract features of tracks without them, and of tracks whose file or extractor has changed.

    Packages can add kinds of features: docs/extractors.md.
    """
    opened = Workspace.open(workspace)
    if list_kinds:
        _list(opened, json=json)
        return
    if model is not None:
        if kind or tags or track or json or force:
            raise UserError(
                f"--model {model}: --kind, --tags, --track, --json and --force do not apply; leave them out"
            )
        _embed(opened, model, split)
        return
    from unheard.features.update import update_features

    kinds = kind or _default_kinds(opened)
    tagger = _tagger(kinds)
    if tagger is None and (tags or json):
        raise UserError(f"--tags, --json: {', '.join(kinds)} has no tags; choose another --kind")
    with console.progress_bars() as progress:
        reports = update_features(opened, kinds, track_ids=track, jobs=jobs, force=force, progress=progress)
    for report in reports:
        console.say(
            f"{report.kind}: {report.extracted} tracks extracted, {report.unchanged} unchanged, "
            f"{len(report.failures)} failed"
        )
    for failure in dict.fromkeys(str(failure) for report in reports for failure in report.failures):
        console.say(f"  {failure}")
    if tagger is not None and (tags or track or json):
        _tags(opened, tagger, track, json=json)


def _default_kinds(opened: Workspace) -> list[str]:
    """Return the default kinds and the stored kinds that are extracted from audio."""
    from unheard.features.store import FeatureStore
    from unheard.features.table import SCANNED_KINDS, from_audio

    stored = FeatureStore(opened.features_dir).kinds()
    return list(dict.fromkeys([*DEFAULT_KINDS, *(k for k in stored if k not in SCANNED_KINDS and from_audio(k))]))


def _list(opened: Workspace, *, json: bool) -> None:
    """Print every kind with its dimension, version, package and number of tracks."""
    from unheard.features.current import current_features
    from unheard.features.table import installed, load_extractor
    from unheard.library import open_library

    with open_library(opened.library_path) as library:
        tracks = library.tracks()
    rows = []
    for kind, entry in installed().items():
        extractor, found = load_extractor(kind), current_features(opened, tracks, kind)
        dim = found.values.shape[1] if len(found.ids) else extractor.dim
        rows.append((kind, dim, extractor.version, len(found.ids), entry.package))
    names = ("kind", "dim", "version", "tracks", "package")
    if json:
        console.print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    plain = [[str(cell) for cell in row] for row in rows]
    console.out.print(console.table(f"Features of {len(tracks)} tracks", list(names), plain))


def _tagger(kinds: list[str]) -> str | None:
    """Return the first kind that has tags."""
    from unheard.features.extractor import Tagger
    from unheard.features.table import check_kinds, load_extractor

    check_kinds(kinds, "--kind")
    return next((kind for kind in kinds if isinstance(load_extractor(kind), Tagger)), None)


def _tags(opened: Workspace, tagger: str, track: list[str] | None, *, json: bool) -> None:
    """Print the most probable tags of each track."""
    from unheard.features.update import top_tags

    found = top_tags(opened, tagger, track_ids=track)
    if json:
        console.print_json([{"track_id": tagged.track_id, "tags": best} for tagged, best in found])
        return
    rows = [
        [tagged.track_id, tagged.label, ", ".join(f"{tag} {probability:.2f}" for tag, probability in best.items())]
        for tagged, best in found
    ]
    console.out.print(console.table(f"Most probable tags ({tagger})", ["track", "what", "tags"], rows))


def _embed(opened: Workspace, model: str, split: str | None) -> None:
    """Store the embeddings of all tracks by a trained model."""
    from unheard.inference.embedding_features import embeddings_of, embeddings_path
    from unheard.recommend.models import split_for_use

    name = split or split_for_use(opened)
    with console.progress_bars() as progress:
        ids, embeddings = embeddings_of(opened, name, model, progress=progress)
    path = embeddings_path(opened, name, model)
    console.say(f"{path}: {len(ids)} embeddings of dimension {embeddings.shape[1]}")
