"""The command `go`: from a music folder to playlist files, in one step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unheard.cli import console
from unheard.cli.console import CORES, JobsOption, JsonFlag
from unheard.cli.default_workspace import default_workspace
from unheard.errors import UserError, quoted

if TYPE_CHECKING:
    from unheard.go.all_stages import GoOutcome

SHOWN_LISTS, SHOWN_TRACKS = 12, 5


def go(
    music: Annotated[
        Path | None,
        typer.Argument(help="Folder of music, or a tracks.csv. Default: the library as it is.", show_default=False),
    ] = None,
    playlists: Annotated[
        list[Path] | None,
        typer.Argument(help="Playlists or histories: files, or folders of them.", show_default=False),
    ] = None,
    more_playlists: Annotated[
        list[Path] | None,
        typer.Option("--playlists", help="As PLAYLISTS, where no MUSIC is named (repeatable).", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the lists.")] = Path("unheard-playlists"),
    workspace: Annotated[
        Path | None,
        typer.Option(
            "-w",
            "--workspace",
            envvar="UNHEARD_WORKSPACE",
            help="The workspace folder. Default: one in your home, which other commands then find too.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Tracks of a list.")] = 25,
    jobs: JobsOption = CORES,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Skip paths that match this glob (repeatable).")
    ] = None,
    max_minutes: Annotated[
        float, typer.Option(min=0, help="Stop training after this time, with the best weights so far.")
    ] = 1.0,
    between: console.BetweenOption = None,
    serve: Annotated[bool, typer.Option("--serve", help="Open the pages of `unheard serve` at the end.")] = False,
    json: JsonFlag = False,
) -> None:
    """From a music folder and playlists to playlists of music that nobody has played: all steps in one.

    Run it again, for example every night: only what has changed is done again, and the lists are replaced.
    """
    from unheard.cli.import_report import report_lines
    from unheard.go.all_stages import GoOptions
    from unheard.go.all_stages import go as run
    from unheard.plays import Source
    from unheard.recommend.options import ListOptions
    from unheard.workspace import Workspace

    started = time.monotonic()
    _check(output, music=music, exclude=exclude, json=json, serve=serve)
    try:
        root = workspace or default_workspace()
        opened = Workspace.init(root)
        output.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UserError(f"cannot make the folders: {error}; name others with -w and -o") from error
    stopped = console.end_of_window(between)
    if stopped is None:
        if json:
            console.print_json(None)
        return
    options = GoOptions(output, jobs, exclude or [], ListOptions(n=n), max_minutes, stopped)

    def report_import(source: Source) -> None:
        for line in report_lines(source):
            console.say(line)

    with console.progress_bars() as progress:
        outcome = run(
            opened,
            [] if music is None else [music],
            [*(playlists or []), *(more_playlists or [])],
            options,
            say=console.say,
            report_import=report_import,
            progress=progress,
        )
    if outcome is None:
        console.say(f"the window {between} is over: what is scanned is stored, and the next run goes on from there")
    if json:
        console.print_json(None if outcome is None else _as_json(outcome, root))
    elif outcome is not None:
        _show(outcome, root, output)
        console.say(f"time       {time.monotonic() - started:.0f} s")
        _serve_or_say_how(root, serve=serve)


def _check(output: Path, *, music: Path | None, exclude: list[str] | None, json: bool, serve: bool) -> None:
    """Raise UserError for options that do nothing together, before anything is made."""
    if json and serve:
        raise UserError("--json: prints one object and ends; leave out --serve")
    if exclude and music is None:
        raise UserError("--exclude: is about files that are scanned; name the folder MUSIC too")
    if output.exists() and not output.is_dir():
        raise UserError(f"{output}: is a file, expected a folder for the lists; name another with -o")


def _as_json(outcome: GoOutcome, root: Path) -> dict[str, Any]:
    return {
        "workspace": str(root),
        "scan": vars(outcome.scan),
        "tracks": outcome.n_tracks,
        "playlists": outcome.n_playlists,
        "unplayed": outcome.n_unplayed,
        "model": outcome.model,
        "changed": outcome.changed,
        "files": [str(file) for file in outcome.files],
        "trust": vars(outcome.trust),
    }


def _serve_or_say_how(root: Path, *, serve: bool) -> None:
    command = f"unheard serve -w {quoted(root)}"
    if not serve:
        console.say(f"next       {command}    (pages with a player, on http://127.0.0.1:8000)")
        return
    from unheard.cli.serve import serve as run_server

    try:
        run_server(root)
    except UserError as error:  # such as an address that is taken
        raise UserError(f"the lists are made, but not served: {error}; run `{command} --port 8001`") from error


def _show(outcome: GoOutcome, root: Path, output: Path) -> None:
    """Print what was done, and the start of the first list."""
    scanned = outcome.scan
    console.say("")
    console.say(
        f"library    {outcome.n_tracks} tracks ({scanned.added} new, {scanned.changed + scanned.updated} changed, "
        f"{scanned.gone} gone, {scanned.failed + scanned.known_failures} skipped), {outcome.n_unplayed} in no playlist"
    )
    console.say(f"playlists  {outcome.n_playlists}")
    console.say(f"model      {outcome.model}")
    made = "made" if outcome.changed else "unchanged since the last run"
    console.say(f"lists      {len(outcome.files)} in {output}, {made}")
    for file in outcome.files[:SHOWN_LISTS]:
        console.say(f"           {file.name}")
    if len(outcome.files) > SHOWN_LISTS:
        console.say(f"           ... and {len(outcome.files) - SHOWN_LISTS} more")
    if outcome.lists:
        first = outcome.lists[0]
        console.say(f"\n{first.title}:")
        for item in first.tracks[:SHOWN_TRACKS]:
            console.say(f"           {item.rank}. {item.label}")
    console.say(f"\ntrust      {outcome.trust.sentence}")
    if scanned.failed or scanned.known_failures:
        console.say(f"skipped    unheard errors -w {quoted(root)}")
