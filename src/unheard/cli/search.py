"""The commands that list ids with names: tracks, and playlists (in cli/playlists.py)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, WorkspaceOption
from unheard.workspace import Workspace

QueryWords = Annotated[
    list[str] | None,
    typer.Argument(metavar="[QUERY]", help="Words that must match, in any order. Default: all.", show_default=False),
]
ListLength = Annotated[int, typer.Option("-n", min=0, help="Maximum number of lines; 0: all.")]


def tracks(workspace: WorkspaceOption, query: QueryWords = None, n: ListLength = 50, json: JsonFlag = False) -> None:
    """List tracks with their ids, or find them by title, artist, album, genre and year.

    Accents, punctuation and alphabet do not matter, and small typing errors are forgiven. In a pipe the columns are
    separated by tabs: id, artist, title, album, year.
    """
    from unheard.library import open_library
    from unheard.search import TrackSearch

    with open_library(Workspace.open(workspace).library_path) as library:
        known = library.tracks()
    found = TrackSearch(known.items).search(" ".join(query or ()))
    shown = [known[row] for row in found[: n or None]]
    rows = [[one.track_id, one.artist, one.title, one.album, one.release_date[:4]] for one in shown]
    names = ("track_id", "title", "artists", "album", "album_artist", "genre", "release_date", "duration_s", "path")
    items = [{name: getattr(one, name) for name in names} for one in shown]
    show_found(["id", "artist", "title", "album", "year"], rows, items, total=len(found), json=json, what="tracks")


def show_found(
    columns: list[str],
    rows: list[list[Any]],
    items: list[dict[str, Any]],
    *,
    total: int,
    json: bool,
    what: str,
    right: int | None = None,
) -> None:
    """Print JSON, a table on a terminal, or columns separated by tabs; say on stderr how many are left out."""
    if json:
        console.print_json(items)
    elif console.out.is_terminal and rows:
        console.out.print(console.table("", columns, rows, right=frozenset(() if right is None else (right,))))
    else:
        console.print_columns(rows)
    if not total:
        console.say(f"no {what} match")
    elif len(rows) < total:
        console.say(f"{len(rows)} of {total} {what}; -n 0 lists all")
