"""The `features` command: list the kinds of features, and extract those that tracks lack."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from unheard.cli import console
from unheard.cli.completion import track_ids
from unheard.cli.console import CORES, JobsOption, JsonFlag, WorkspaceOption
from unheard.errors import MissingStageError, UserError
from unheard.features.table import DEFAULT_KINDS
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.features.update import UpdateReport


def features(
    workspace: WorkspaceOption,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="Kind of features to extract (repeatable; --list shows all). Embeddings of a trained network: "
            f"encoder@SPLIT@MODEL. Default: {', '.join(DEFAULT_KINDS)}, and every kind that the workspace has.",
            show_default=False,
        ),
    ] = None,
    list_kinds: Annotated[
        bool, typer.Option("--list", help="List the kinds and how many tracks have each; extract nothing.")
    ] = False,
    tags: Annotated[
        bool, typer.Option("--tags", help="Print the three most probable tags of each track, if the kind has tags.")
    ] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track", help="Only this track, with its tags (repeatable).", show_default=False, autocompletion=track_ids
        ),
    ] = None,
    jobs: JobsOption = CORES,
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
    from unheard.features.update import update_features

    kinds = kind or default_kinds(opened)
    tagger = _tagger(opened, kinds)
    if tagger is None and (tags or json):
        raise UserError(f"--tags, --json: {', '.join(kinds)} has no tags; choose another --kind")
    with console.progress_bars() as progress:
        reports = update_features(opened, kinds, track_ids=track, jobs=jobs, force=force, progress=progress)
    show_features(reports)
    if tagger is not None and (tags or track or json):
        _tags(opened, tagger, track, json=json)


def show_features(reports: Sequence[UpdateReport]) -> None:
    """Print what was extracted, and each failure once."""
    for report in reports:
        console.say(
            f"{report.kind}: {report.extracted} tracks extracted, {report.unchanged} unchanged, "
            f"{len(report.failures)} failed"
        )
    for failure in dict.fromkeys(str(failure) for report in reports for failure in report.failures):
        console.say(f"  {failure}")


def default_kinds(opened: Workspace) -> list[str]:
    """Return the default kinds and the stored kinds that are extracted from audio."""
    from unheard.features.store import FeatureStore
    from unheard.features.table import SCANNED_KINDS, from_audio, installed

    stored = [kind for kind in FeatureStore(opened.features_dir).kinds() if kind in installed() and from_audio(kind)]
    return list(
        dict.fromkeys([*DEFAULT_KINDS, *(k for k in stored if k not in SCANNED_KINDS), *_encoder_kinds(opened)])
    )


def _encoder_kinds(opened: Workspace) -> list[str]:
    """Return the kinds of networks that have stored features and are still trained."""
    from unheard.features.store import FeatureStore
    from unheard.features.table import is_encoder, load_extractor

    kinds = []
    for kind in filter(is_encoder, FeatureStore(opened.features_dir).kinds()):
        with suppress(MissingStageError):
            load_extractor(kind, opened)
            kinds.append(kind)
    return kinds


def _list(opened: Workspace, *, json: bool) -> None:
    """Print every kind with its dimension, version, package and number of tracks."""
    from unheard.features.current import current_features
    from unheard.features.table import installed, load_extractor
    from unheard.library import open_library

    with open_library(opened.library_path) as library:
        tracks = library.tracks()
    packages = {kind: entry.package for kind, entry in installed().items()}
    packages |= dict.fromkeys(_encoder_kinds(opened), "unheard")
    rows = []
    for kind, package in packages.items():
        extractor, found = load_extractor(kind, opened), current_features(opened, tracks, kind)
        dim = found.values.shape[1] if len(found.ids) else extractor.dim
        rows.append((kind, dim, extractor.version[:16], len(found.ids), package))
    names = ("kind", "dim", "version", "tracks", "package")
    if json:
        console.print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    plain = [[str(cell) for cell in row] for row in rows]
    console.out.print(console.table(f"Features of {len(tracks)} tracks", list(names), plain))


def _tagger(opened: Workspace, kinds: list[str]) -> str | None:
    """Return the first kind that has tags."""
    from unheard.features.extractor import Tagger
    from unheard.features.table import check_kinds, load_extractor

    check_kinds(kinds, "--kind")
    return next((kind for kind in kinds if isinstance(load_extractor(kind, opened), Tagger)), None)


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
