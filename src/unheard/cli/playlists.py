"""The commands of playlists: find imported ones; add, list, refresh and remove lists that are made anew in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from unheard.cli import console
from unheard.cli.completion import playlist_ids, track_ids
from unheard.cli.console import JsonFlag, WorkspaceOption
from unheard.cli.recommend import (
    ArtistCap,
    Candidates,
    Diversity,
    Excluded,
    Genres,
    Longest,
    PerAlbum,
    Shortest,
    Years,
    list_filters,
)
from unheard.cli.search import ListLength, QueryWords, show_found
from unheard.errors import UnheardError, UserError, quoted
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.refresh.refresh import RefreshOutcome

DEFAULT_COMMAND = "find"
MAX_HOLD_BACK = 50  # refresh.freshness.MAX_RUNS, whose import takes time


class PlaylistCommands(TyperGroup):
    """Runs `find` where no command is named, so that `unheard playlists jazz` finds playlists by name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and not ctx.resilient_parsing:  # which completes a line
            self._refuse_late_command(args)
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = [DEFAULT_COMMAND, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def _refuse_late_command(self, args: list[str]) -> None:
        """Raise UserError if a subcommand follows the options, which would be taken for a search."""
        at = self._first_word(args)
        if at is None or args[at] not in self.commands:
            return
        words = " ".join(quoted(one) for one in (args[at], *args[:at], *args[at + 1 :]))
        raise UserError(
            f"put the subcommand first: `unheard playlists {words}`; to search for that word, put "
            f"{DEFAULT_COMMAND!r} first"
        )

    def _first_word(self, args: list[str]) -> int | None:
        """Return where the first argument is that is neither an option nor the value of one; None without any."""
        options = [one for command in self.commands.values() for one in command.params]
        valued = {name for one in options if not getattr(one, "is_flag", False) for name in one.opts}
        rest = iter(enumerate(args))
        for at, word in rest:
            if word == "--":  # what follows is a search, even if it is the name of a subcommand
                return None
            if word in valued:
                next(rest, None)
            elif not word.startswith("-"):
                return at
        return None


playlists = typer.Typer(
    cls=PlaylistCommands,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@playlists.command()
def find(workspace: WorkspaceOption, query: QueryWords = None, n: ListLength = 50, json: JsonFlag = False) -> None:
    """List playlists with their ids, or find them by name.

    In a pipe the columns are separated by tabs: id, number of tracks, name.
    """
    import numpy as np

    from unheard.plays import read_playlists, read_plays
    from unheard.search import SearchIndex

    opened = Workspace.open(workspace)
    stored, plays = read_playlists(opened), read_plays(opened)
    size = dict(zip(plays.playlist_ids, np.diff(plays.starts).tolist(), strict=True))
    words = " ".join(query or ())
    rows_found = SearchIndex(((one.name, one.playlist_id), ()) for one in stored).search(words) if words else None
    found = stored if rows_found is None else [stored[row] for row in rows_found]
    shown = found[: n or None]
    rows = [[one.playlist_id, size.get(one.playlist_id, 0), one.name] for one in shown]
    items = [
        {"playlist_id": one.playlist_id, "tracks": row[1], "name": one.name, "origin": one.origin}
        for one, row in zip(shown, rows, strict=True)
    ]
    show_found(["id", "tracks", "name"], rows, items, total=len(found), json=json, what="playlists", right=1)


@playlists.command()
def add(
    workspace: WorkspaceOption,
    name: Annotated[str, typer.Argument(help="Name of the recipe: a-z, 0-9 and dashes.", show_default=False)],
    target: Annotated[
        list[str],
        typer.Option(
            "--target",
            metavar="FOLDER|FILE|SERVICE",
            help="Where to write the list (repeatable): a folder, a file, saved, spotify, listenbrainz, subsonic, mpd.",
        ),
    ],
    playlist: Annotated[
        str | None,
        typer.Option(
            "--playlist", metavar="ID|NAME", help="New tracks for this playlist.", autocompletion=playlist_ids
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", metavar="TRACK_ID", help="A liked track (repeatable).", autocompletion=track_ids),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="A radio prompt, such as 'artist:(björk):2 tag:(trip hop)'.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Name of the list on players. Default: NAME.")] = None,
    owner: Annotated[str, typer.Option("--owner", help="Whose list it is, for `refresh --owner`.")] = "",
    hold_back: Annotated[
        int,
        typer.Option("--hold-back", min=0, max=MAX_HOLD_BACK, help="Refreshes whose tracks are held back; 0: none."),
    ] = 3,
    music_directory: Annotated[
        Path | None,
        typer.Option("--music-directory", help="MPD's music_directory, which paths are relative to."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Tracks of the list.")] = 25,
    candidates: Candidates = "cold",
    max_per_artist: ArtistCap = 2,
    max_per_album: PerAlbum = None,
    exclude: Excluded = None,
    diversity: Diversity = 0.0,
    genre: Genres = None,
    year: Years = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the recipe of this name.")] = False,
) -> None:
    """Add the recipe of a list that `refresh` makes anew."""
    from unheard.recommend.options import ListOptions, album_cap, artist_cap
    from unheard.refresh.known_seeds import check_known
    from unheard.refresh.list_recipes import ListRecipe, put_recipe
    from unheard.refresh.radio_prompts import read_prompt
    from unheard.refresh.targets import writer_of

    opened = Workspace.open(workspace)
    if prompt is not None:
        read_prompt(prompt)
    options = ListOptions(
        n=n,
        candidates=candidates,
        max_per_artist=artist_cap(max_per_artist),
        max_per_album=album_cap(max_per_album),
        exclude=exclude or (),
        diversity=diversity,
        filters=list_filters(genre, year, min_duration, max_duration),
        explain=False,
    )
    targets = tuple(_absolute(one) for one in target)
    for one in targets:
        writer_of(one)
    directory = "" if music_directory is None else str(music_directory.absolute())
    recipe = ListRecipe(
        name,
        title or name,
        targets,
        playlist or "",
        tuple(like or ()),
        prompt or "",
        owner,
        options,
        hold_back,
        directory,
    )
    check_known(opened, recipe)
    put_recipe(opened, recipe, replace=force)
    console.say(f"{name}: added; make the list with: unheard playlists refresh {name} -w {quoted(workspace)}")


@playlists.command("list")
def list_recipes(workspace: WorkspaceOption, json: JsonFlag = False) -> None:
    """List the recipes of lists, with the time of the last refresh.

    In a pipe the columns are separated by tabs: name, owner, seeds, number of tracks, targets, time.
    """
    from unheard.refresh.freshness import read_refreshed
    from unheard.refresh.list_recipes import as_values, read_recipes

    opened = Workspace.open(workspace)
    recipes = read_recipes(opened)
    runs = [read_refreshed(opened, one.name).runs for one in recipes]
    last = [of_one[-1].at if of_one else "" for of_one in runs]
    rows = [
        [
            one.name,
            one.owner,
            one.playlist or one.prompt or " ".join(one.like),
            one.options.n,
            " ".join(one.targets),
            at,
        ]
        for one, at in zip(recipes, last, strict=True)
    ]
    items = [as_values(one) | {"refreshed": at} for one, at in zip(recipes, last, strict=True)]
    columns = ["name", "owner", "seeds", "tracks", "targets", "refreshed"]
    show_found(columns, rows, items, total=len(recipes), json=json, what="recipes", right=3)


@playlists.command()
def refresh(
    workspace: WorkspaceOption,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Recipes to refresh.", show_default=False)
    ] = None,
    all_recipes: Annotated[bool, typer.Option("--all", help="Refresh every recipe.")] = False,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Refresh the recipes of this owner.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make the lists, write nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Make lists anew and write them to their targets in place. Tracks of recent refreshes are held back.

    For cron or a systemd timer. A list that fails does not stop the others; the exit code is then 1.
    """
    from unheard.refresh.list_recipes import read_recipes, unknown
    from unheard.refresh.refresh import refresh_all
    from unheard.session import Session

    if bool(names) + all_recipes + (owner is not None) != 1:
        raise UserError("expected names of recipes, --all, or --owner OWNER")
    opened = Workspace.open(workspace)
    known = read_recipes(opened)
    if wrong := [name for name in names or () if all(one.name != name for one in known)]:
        raise UserError(unknown(opened, wrong[0], known))
    wanted = [
        one for one in known if all_recipes or one.name in (names or ()) or (owner is not None and one.owner == owner)
    ]
    if not wanted and owner is None:  # a timer that also runs for those who have no recipes yet
        console.say(f"no recipes to refresh; `unheard playlists add -w {quoted(workspace)}` makes one")
        if json:
            console.print_json([])
        return
    if not wanted:
        raise UserError(f"--owner {owner}: has no recipes; `unheard playlists list -w {quoted(workspace)}` lists them")
    session = Session(workspace)
    session.update_predictions()
    with console.progress_bars() as progress:
        outcomes = refresh_all(session, wanted, dry_run=dry_run, progress=progress)
    for outcome in outcomes:
        _show_outcome(outcome)
    if json:
        console.print_json([_as_json(outcome) for outcome in outcomes])
    if failed := sum(bool(outcome.problems) for outcome in outcomes):
        raise UnheardError(f"{failed} of {len(outcomes)} lists failed; the lines above have the reasons")


@playlists.command()
def remove(
    workspace: WorkspaceOption,
    name: Annotated[str, typer.Argument(help="Name of the recipe.", show_default=False)],
) -> None:
    """Remove the recipe of a list. What it has written stays."""
    from unheard.refresh.freshness import forget_refreshed
    from unheard.refresh.list_recipes import remove_recipe

    opened = Workspace.open(workspace)
    remove_recipe(opened, name)
    forget_refreshed(opened, name)
    console.say(f"{name}: removed; the lists that it has written stay")


def _absolute(target: str) -> str:
    """Return a target that a timer finds from any folder: paths are absolute, names of services stay."""
    from unheard.refresh.targets import SERVICES

    if target in SERVICES:
        return target
    return str(Path(target).expanduser().absolute()) + ("/" if target.endswith("/") else "")


def _show_outcome(outcome: RefreshOutcome) -> None:
    for target, written in outcome.written:
        console.say(f"{outcome.name}: {target}: {written.n_tracks} tracks, {outcome.repeated} of recent lists")
        for label in written.left_out:
            console.say(f"  left out: {label}")
    if not outcome.written and outcome.tracks and not outcome.problems:
        console.say(
            f"{outcome.name}: {len(outcome.tracks)} tracks, {outcome.repeated} of recent lists; nothing written"
        )
    for problem in outcome.problems:
        console.say(problem)


def _as_json(outcome: RefreshOutcome) -> dict[str, Any]:
    written = [
        {"target": target, "known_as": one.known_as, "tracks": one.n_tracks, "left_out": list(one.left_out)}
        for target, one in outcome.written
    ]
    return {
        "name": outcome.name,
        "tracks": list(outcome.tracks),
        "repeated": outcome.repeated,
        "written": written,
        "problems": list(outcome.problems),
    }
