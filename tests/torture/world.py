"""A small complete workspace: every kind of file that unheard stores, made by the commands that make it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.builders.command_line import RECIPE, run_all
from unheard.demo.generator import build_world
from unheard.factors.als import AlsConfig
from unheard.play_history import Listen, add_listens
from unheard.ratings import rate, star
from unheard.refresh.freshness import Refreshed, RefreshRun, write_refreshed
from unheard.saved_playlists import save_playlist
from unheard.serve.keys import make_key
from unheard.session import Session
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace

RANKERS = """
name = "quick"
about = "two rankers for tests"
features = ["statistics"]

[[member]]
artist = true
[member.ridge]

[[member]]
[member.content-user.descent]
checks = 1
steps_per_check = 2
"""
ALS = AlsConfig(dim=8, iterations=3)


def build(folder: Path, *, seed: int = 0, n_bands: int = 10, n_tracks: int = 30) -> Path:
    """Fill a folder with music, playlists and the workspace `w`, whose path is returned; about 15 s.

    It has two models, `tiny` (a network) and `quick` (rankers), under `live` and `artists`, results and a map.
    """
    build_world(folder, n_bands=n_bands, n_tracks=n_tracks, n_playlists=60, seconds=3.0, jobs=1, seed=seed)
    (folder / "tiny.toml").write_text(RECIPE)
    (folder / "quick.toml").write_text(RANKERS)
    (folder / "silent.wav").write_bytes(b"RIFF")
    w = folder / "w"
    run_all(
        ("init", "-w", w),
        ("scan", "-w", w, folder / "tracks.csv", "-j", 1),
        ("scan", "-w", w, folder / "silent.wav", "-j", 1),
        ("import", "-w", w, folder / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, folder / "tiny.toml", "--split", "artists"),
        ("train", "-w", w, folder / "quick.toml", "--split", "artists"),
        ("train", "-w", w, folder / "quick.toml", "--split", "live"),
        ("evaluate", "-w", w, "--split", "artists", "--model", "tiny", "--model", "random"),
        ("map", "-w", w, "--split", "live"),
    )
    keep(Workspace.open(w))
    return w


def keep(workspace: Workspace) -> None:
    """Write the files of a person: thumbs, ratings, a saved playlist, plays, a key, what a recipe has given."""
    ids = Session(workspace.root, model="random").catalogue.tracks.ids
    first, second, third, *_ = ids
    set_thumb(workspace, first, "down")
    set_thumb(workspace, second, "up")
    star(workspace, [f"track:{third}"], starred=True)
    rate(workspace, "album:1", 4)
    save_playlist(workspace, "Mornings", [first, second, third])
    add_listens(workspace, [Listen(name, 1000.0 + at, "play", "test") for at, name in enumerate((first, third))])
    make_key(workspace, "phone")
    write_refreshed(workspace, "mornings", Refreshed([RefreshRun("2026-01-01", (second, third))], {}))
    run_all(("playlists", "add", "-w", workspace.root, "mornings", "--like", second, "--target", "saved"))
    assert np.isfinite(len(ids))
