"""A made-up world of audible songs, and its workspace after every stage up to a trained model."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.builders.command_line import RECIPE, run_all
from unheard.demo.generator import build_world

N_TRACKS = 42


def build(world: Path) -> None:
    """Fill `world`: audio/, tracks.csv, playlists.csv, the recipe tiny.toml, and workspace/ with the model `tiny`."""
    build_world(world, n_bands=14, n_tracks=N_TRACKS, n_playlists=150, seconds=4.0, jobs=1)
    (world / "tiny.toml").write_text(RECIPE)
    w = world / "workspace"
    run_all(
        ("init", "-w", w),
        ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        ("import", "-w", w, world / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
    )


def copy_workspace(world: Path, folder: Path) -> Path:
    """Copy the workspace into `folder`, with the note beside it that its listeners are simulated; the audio stays."""
    shutil.copyfile(world / "world.json", folder / "world.json")
    return shutil.copytree(world / "workspace", folder / "workspace")
