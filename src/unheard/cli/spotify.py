"""The `spotify` command: write recommendations as playlists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.completion import track_ids
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.cli.recommend import ArtistCap, Candidates, PerAlbum
from unheard.errors import UserError
from unheard.workspace import Workspace


def spotify(
    workspace: WorkspaceOption,
    seed_tracks: Annotated[
        list[str],
        typer.Option("--seed-track", metavar="TRACK_ID", help="Seed of a list (repeatable).", autocompletion=track_ids),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="Only this model (repeatable). Default: all trained models and the oracle."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Tracks after the seed in each list.")] = 10,
    split: SplitOption = None,
    candidates: Candidates = "cold",
    max_per_artist: ArtistCap = 2,
    max_per_album: PerAlbum = None,
    m3u: Annotated[
        Path | None,
        typer.Option(
            "--m3u", metavar="FOLDER", help="Write M3U8 files of local tracks here, not to Spotify.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Search and report, write no playlist.")] = False,
    public: Annotated[bool, typer.Option("--public", help="Show the playlists on the user's profile.")] = False,
    market: Annotated[
        str | None,
        typer.Option("--market", help="Country to search in, e.g. GB. Default: the user's.", show_default=False),
    ] = None,
    name_prefix: Annotated[str, typer.Option("--name-prefix", help="Prefix of the playlists' names.")] = "unheard",
) -> None:
    """Write a playlist for each seed and model: the seed, then its nearest tracks. A second run replaces it."""
    from unheard.recommend.options import album_cap, artist_cap
    from unheard.spotify.account import connect
    from unheard.spotify.m3u_files import write_files
    from unheard.spotify.publish import publish
    from unheard.spotify.seed_lists import nearest_lists

    if m3u is not None and (dry_run or public or market is not None):
        raise UserError("--m3u writes files, not to Spotify; leave out --dry-run, --public and --market")
    if market is not None and not (len(market) == 2 and market.isascii() and market.isalpha()):
        raise UserError(f"--market {market!r}: expected a country code of two letters, such as GB")
    opened, account = Workspace.open(workspace), None if m3u is not None else connect(say=console.say)
    with console.progress_bars() as progress:
        lists = nearest_lists(
            opened,
            seed_tracks,
            models=models or (),
            split=split,
            k=k,
            candidates=candidates,
            max_per_artist=artist_cap(max_per_artist),
            max_per_album=album_cap(max_per_album),
            prefix=name_prefix,
            progress=progress,
        )
    if m3u is not None:
        for path, n_tracks in write_files(lists, m3u):
            console.say(f"{path}: {n_tracks} tracks")
        return
    assert account is not None
    country = market.upper() if market else None
    with console.progress_bars() as progress:
        results = publish(lists, account, market=country, public=public, dry_run=dry_run, progress=progress)
    rows = [[item.name, f"{item.n_found}/{item.n_wanted}", f"{item.rate:.0%}", item.link] for item in results]
    title = "Found on Spotify, nothing written" if dry_run else "Playlists on Spotify"
    console.out.print(console.table(title, ["playlist", "found", "rate", "link"], rows, right=frozenset({1, 2})))
    for miss in dict.fromkeys(miss for item in results for miss in item.misses):
        console.say(f"  not found: {miss}")
