"""The `demo` command: generate a world and run every command on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console, evaluation
from unheard.cli import library as library_commands
from unheard.cli import recommend as recommend_commands
from unheard.cli import training as training_commands
from unheard.cli.console import CORES, JobsOption
from unheard.errors import UserError, quoted

SPLIT = "artists"


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the generated world and its workspace.")] = Path(
        "demo-world"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the world.")] = 0,
    jobs: JobsOption = CORES,
) -> None:
    """Run every step on a generated world: audible music by imaginary bands, SIMULATED listeners. Takes minutes."""
    from unheard.demo.generator import build_world
    from unheard.library import open_library
    from unheard.plays import read_plays
    from unheard.splits import Use, load_split
    from unheard.workspace import Workspace

    started = time.monotonic()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file, expected a folder for the demo's world; name another")
    console.say("Generating a world of imaginary bands with audible music and simulated listeners.")
    with console.progress_bars() as progress:
        build_world(folder, seed=seed, jobs=jobs, progress=progress)
    w = folder / "workspace"

    _step(f"unheard init -w {quoted(w)}")
    library_commands.init(w)
    _step(f"unheard scan -w {quoted(w)} {quoted(folder / 'tracks.csv')}")
    library_commands.scan(w, [str(folder / "tracks.csv")], jobs=jobs)
    _step(f"unheard errors -w {quoted(w)}")
    library_commands.errors(w)
    _step(f"unheard import -w {quoted(w)} {quoted(folder / 'playlists.csv')}")
    library_commands.import_plays(w, [folder / "playlists.csv"])
    _step(f"unheard split -w {quoted(w)}")
    library_commands.split(w)
    _step(f"unheard factors -w {quoted(w)} --split {SPLIT} --dim 64")
    training_commands.factors(w, SPLIT, dim=64)
    _step(f"unheard train -w {quoted(w)} --split {SPLIT}")
    training_commands.train(w, None, SPLIT)
    _step(f"unheard evaluate -w {quoted(w)} --split {SPLIT} --json {quoted(folder / 'figures.json')}")
    evaluation.evaluate(w, SPLIT, json=folder / "figures.json")

    opened = Workspace.open(w)
    with open_library(opened.library_path) as library:
        tracks = library.tracks()
    plays = read_plays(opened).for_tracks(tracks.ids)
    test = load_split(opened, SPLIT).uses(tracks.ids) == Use.TEST
    most_to_find = int((plays.matrix[:, test] > 0).sum(axis=1).argmax())
    playlist = plays.playlist_ids[most_to_find]
    _step(f"unheard recommend -w {quoted(w)} --split {SPLIT} --playlist {quoted(playlist)} --candidates cold -n 10")
    recommend_commands.recommend(w, playlist, n=10, split=SPLIT)
    recommend_commands.recommend(w, playlist, n=10, split=SPLIT, output=folder / "unheard.m3u8")
    console.say(f"\nDone in {time.monotonic() - started:.0f} s. The listeners are simulated.")
    console.say(f"Listen to it:    {folder / 'audio'}")
    console.say(f"Play the list:   {folder / 'unheard.m3u8'}")
    console.say(
        f"Try next:        unheard similar -w {quoted(w)} --split {SPLIT} {quoted(tracks.ids[0])} --candidates cold"
    )
    console.say("Your own music:  unheard init -w W && unheard scan -w W ~/Music")


def _step(command: str) -> None:
    console.err.print(f"\n[bold green]$[/] [bold]{command}[/]", soft_wrap=True)
