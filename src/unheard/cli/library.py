"""The commands for a collection: init, migrate, scan, import, split, errors, forget, status, doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import CORES, JobsOption, JsonFlag, WorkspaceOption
from unheard.errors import Reason, UserError, quoted
from unheard.workspace import Settings, Workspace

if TYPE_CHECKING:
    from unheard.library import Track
    from unheard.scan.scan import ScanReport


def init(
    workspace: WorkspaceOption,
    front_end: Annotated[
        Literal["standard", "parity"],
        typer.Option(help="Mel spectrograms: standard, or parity (decibels before mel, as in the thesis)."),
    ] = "standard",
) -> None:
    """Create a workspace, the folder with all data about a collection."""
    made = Workspace.init(workspace, Settings(front_end=front_end))
    console.say(f"workspace {made.root} is ready; next: unheard scan -w {quoted(made.root)} AUDIO_DIR_or_tracks.csv")


def migrate(workspace: WorkspaceOption) -> None:
    """Bring a workspace of an earlier version of unheard to the present format; a backup is kept."""
    from unheard.migration.add_checksums import add_checksums
    from unheard.migration.migrate import migrate as run
    from unheard.migration.migrate import space_for
    from unheard.workspace import FORMAT_VERSION, read_marker

    if read_marker(workspace)[0] < FORMAT_VERSION:
        space = space_for(workspace)
        console.say(f"needs at most {space.needed / 2**30:.2f} GiB of disk space; {space.free / 2**30:.2f} are free")
    with console.progress_bars() as progress:
        done = run(workspace, progress=progress)
    added = add_checksums(Workspace.open(workspace))
    if not done.changed:
        what = "checksums were added" if added else "nothing to do"
        console.say(f"{workspace}: already format {FORMAT_VERSION}; {what}")
        return
    kept = f"; backup: {done.backup} (`unheard doctor -w {quoted(workspace)}` says when it may be deleted)"
    console.say(f"{workspace}: format {FORMAT_VERSION}{kept if done.backup else ''}")
    if done.lost_spectrograms:
        lost = done.lost_spectrograms
        console.say(f"spectrograms of {lost} tracks are lost from mels.bin; the next `unheard scan` makes them again")


def scan(
    workspace: WorkspaceOption,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders of audio, audio files, their URLs (s3://BUCKET/FOLDER), tracks.csv tables, HDF5 spectrogram "
            "patches, Parquet or npz vectors.",
            show_default=False,
        ),
    ],
    jobs: JobsOption = CORES,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", help="Skip files and folders of this name, path or glob (repeatable)."),
    ] = None,
    accept_damaged: Annotated[
        float,
        typer.Option(
            min=0, max=100, metavar="PERCENT", help="Accept damaged files that lack at most this share of their sound."
        ),
    ] = 2,
    force: Annotated[bool, typer.Option("--force", help="Analyse all files again, also those that failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the files to analyse and stop.")] = False,
    between: console.BetweenOption = None,
) -> None:
    """Read tags and audio, and store mel spectrograms.

    The command can be interrupted and run again; unchanged files are not read again.
    """
    from unheard.scan.scan import preview
    from unheard.scan.scan import scan as run

    opened = Workspace.open(workspace)
    if dry_run:
        actions = preview(
            opened,
            paths_or_urls(sources),
            exclude=exclude or [],
            force=force,
            accept_damaged=accept_damaged,
            remark=console.say,
        )
        console.say("would be: " + (", ".join(f"{n} {action}" for action, n in actions.items()) or "nothing to do"))
        return
    stopped = console.end_of_window(between)
    if stopped is None:
        return
    with console.progress_bars() as progress:
        report = run(
            opened,
            paths_or_urls(sources),
            jobs=jobs,
            exclude=exclude or [],
            force=force,
            accept_damaged=accept_damaged,
            progress=progress,
            remark=console.say,
            stopped=stopped,
        )
    show_scan(report, workspace)


def paths_or_urls(sources: Sequence[str]) -> list[Path | str]:
    """Return sources as paths, but URLs as text, because a path would merge their slashes."""
    from unheard.ingest.remote_files import is_url

    return [source if is_url(source) else Path(source) for source in sources]


def show_scan(report: ScanReport, workspace: Path) -> None:
    """Print what a scan did."""
    counts = [f"{n} {what.replace('_', ' ')}" for what, n in asdict(report).items() if n and what != "audio_s"]
    console.say((", ".join(counts) or "no audio found") + f"; {report.audio_s / 3600:.2f} hours of audio stored")
    if report.gone:
        console.say(
            f"{report.gone} tracks are gone: they keep their plays, but are in no list "
            f"(unheard errors -w {quoted(workspace)})"
        )
    if report.left:
        console.say(f"{report.left} files are left for the next run, because the time window is over")
    if report.failed or report.known_failures:
        console.say(f"for the skipped files and the reasons, run: unheard errors -w {quoted(workspace)}")


def import_plays(
    workspace: WorkspaceOption,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files or folders: CSV or Parquet (playlist_id, track_id[, position, weight, timestamp]), M3U/M3U8, "
            "PLS, XSPF, JSPF, WPL, MPD slices, Taste Profile, exports of Spotify, Apple Music, rekordbox, Last.fm, "
            "ListenBrainz, and data sets: Last.fm 1K, ListenBrainz, Music4All-Onion, Yambda, Melon.",
            show_default=False,
        ),
    ],
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out ids that are not in the library instead of failing.")
    ] = False,
    min_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="A play of less than this share of its track is a skip; for data sets that say how much was played.",
        ),
    ] = 0.5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Match entries and report, but store nothing.")] = False,
) -> None:
    """Import playlists or listening histories.

    The plays of all files of one command are added up. A playlist that is imported again is replaced. Files and rows
    that cannot be read are left out and reported.
    """
    from unheard.plays import import_playlists

    opened = Workspace.open(workspace)
    sources = import_playlists(opened, files, skip_unknown=skip_unknown, min_share=min_share, dry_run=dry_run)
    from unheard.cli.import_report import report_lines

    for source in sources:
        for line in report_lines(source):
            console.say(line)
    if not any(source.found.matched for source in sources):
        raise UserError("nothing was imported: no entry is a track of the library; scan the music first, or see above")


def split(
    workspace: WorkspaceOption,
    file: Annotated[
        Path | None, typer.Option("--file", help="Use the splits of this splits.json.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the folds. Default: 0.", show_default=False)] = None,
    after: Annotated[
        str | None,
        typer.Option(help="Last date of the train plays in the split `time`, e.g. 2024-12-31.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace existing splits; models trained on them must be trained again.")
    ] = False,
) -> None:
    """Divide the tracks into train, validation and test tracks.

    The splits are tracks, artists, time, and live, in which tracks with plays are train tracks, or validation tracks
    (those of a tenth of the artists).
    """
    from unheard.splits import prepare_splits

    if file is not None and (seed is not None or after is not None):
        raise UserError("--file: its splits are taken as they are; leave out --seed and --after")
    opened = Workspace.open(workspace)
    splits = prepare_splits(opened, file=file, seed=seed, after=after, force=force, left_out=console.say)
    columns = ["split", "train", "validation", "test"]
    rows = [list(row) for row in splits]
    console.out.print(console.table("Tracks by use", columns, rows, right=frozenset({1, 2, 3})))


def errors(workspace: WorkspaceOption, json: JsonFlag = False) -> None:
    """List the files that were skipped, with the reasons, and the tracks whose files are gone."""
    from unheard.library import open_library

    with open_library(Workspace.open(workspace).library_path) as library:
        failures, gone = library.failures(), [track for track in library.tracks().items if track.gone_since]
    if json:
        console.print_json([*({**asdict(failure), "gone_since": ""} for failure in failures), *map(_gone, gone)])
        return
    if failures:
        rows = [[failure.reason.value, failure.path, failure.detail] for failure in failures]
        console.out.print(console.table(f"{len(rows)} files were skipped", ["reason", "file", "detail"], rows))
    else:
        console.say("no file was skipped")
    if gone:
        rows = [[track.gone_since, track.track_id, track.label, track.path] for track in gone]
        console.out.print(console.table(f"{len(rows)} tracks are gone", ["since", "id", "track", "last file"], rows))
        console.say(
            "they keep their plays and come back with their files; to remove them, run: "
            f"unheard forget -w {quoted(workspace)} --gone"
        )


def _gone(track: Track) -> dict[str, object]:
    """Return a track that is gone in the form of a failure."""
    from unheard.library import Failure

    failure = Failure(track.path, Reason.MISSING, f"gone since {track.gone_since}", track.track_id)
    return {**asdict(failure), "gone_since": track.gone_since}


def forget(
    workspace: WorkspaceOption,
    track_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of tracks that are gone.", show_default=False)
    ] = None,
    gone: Annotated[bool, typer.Option("--gone", help="All tracks that a scan has marked as gone.")] = False,
    below: Annotated[
        Path | None, typer.Option(help="All tracks below this folder whose files are missing.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the tracks and remove nothing.")] = False,
) -> None:
    """Remove tracks whose files are gone, with their features; plays keep their entries.

    A file that is scanned again later gets its former id, so its plays count again.
    """
    from unheard.scan.forget import forget as run

    tracks = run(Workspace.open(workspace), track_ids or (), gone=gone, below=below, dry_run=dry_run)
    for track in tracks if dry_run else ():
        console.say(f"{track.track_id}  {track.label}  {track.path}")
    console.say(f"{'would forget' if dry_run else 'forgot'} {len(tracks)} tracks")


def status(workspace: WorkspaceOption, json: JsonFlag = False) -> None:
    """Show the state of a workspace and the next command."""
    from unheard.cli.status import describe

    state = describe(Workspace.open(workspace))
    if json:
        console.print_json(state)
        return
    rows = []
    for key, value in state.items():
        lines = [_shown(value)]
        if isinstance(value, dict) and value:  # one line per split
            lines = [f"{name}: {_shown(part)}" for name, part in value.items()]
        rows += [[key if number == 0 else "", line] for number, line in enumerate(lines)]
    console.out.print(console.table(f"Workspace {workspace}", ["what", "state"], rows))


def doctor(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "-w",
            "--workspace",
            envvar="UNHEARD_WORKSPACE",
            help="The workspace folder, to check it too.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Read headers, indexes and sizes only.")] = False,
    mend: Annotated[
        bool, typer.Option("--repair", help="Move damaged files to W/damaged/, and remove damaged rows and entries.")
    ] = False,
) -> None:
    """Check this machine, and a workspace if it is named: decoders, devices, threads, disk, damage in every file.

    Each damaged file is one line, with the command that mends it; the exit code is then 2.
    """
    from unheard.cli.damage import find_damage
    from unheard.cli.doctor import run_checks
    from unheard.cli.repair import repair

    opened = None if workspace is None else Workspace.open(workspace)
    if opened is None and (mend or quick):
        raise UserError("--repair and --quick: are about a workspace; name it with -w")
    if opened is not None and mend:
        for line in repair(opened):
            console.say(line)
        return
    found = [] if opened is None else list(find_damage(opened, quick=quick))
    damaged = sum(finding.severity != "old" for finding in found)
    results = run_checks(opened, damaged=damaged > 0)
    rows = [["ok" if result.ok else "PROBLEM", result.what, result.found] for result in results]
    console.out.print(console.table("Check-up", ["", "what", "found"], rows))
    for finding in found:
        if finding.severity != "old":
            console.say(finding.line())
    if opened is not None and (old := [finding.path for finding in found if finding.severity == "old"]):
        names = ", ".join(dict.fromkeys(path.name for path in old[:5]))
        console.say(
            f"{len(old)} files were written before checksums: damage there is not found ({names}, ...); they get them "
            f"when they are written again, rows and plays by `unheard migrate -w {quoted(opened.root)}`"
        )
    if damaged:
        raise UserError(f"damage was found ({damaged}); each line above ends with the command that mends it")
    if not all(result.ok for result in results):
        raise UserError("some checks failed; see the rows with PROBLEM in the table above")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or "none"
    return str(value)
