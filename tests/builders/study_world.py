"""Test data: a world whose cold tracks have audio files, and studies without a workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.builders import music_world as world
from tests.ingest.sounds import song, write
from unheard.library import open_library
from unheard.listening_test.design import plan
from unheard.listening_test.study import ANCHOR, REFERENCE, Kind, Rater, Screening, Study
from unheard.workspace import Workspace

SECONDS = 3.0
MODELS = ("toy", "ridge", "content-neighbours")
COLD_ARTISTS = (8, 9, 18, 19, 28, 29, 38, 39)
TOO_SHORT, SILENT, GONE = "t08-0", "t08-1", "t08-2"


def build(root: Path) -> Workspace:
    """The music world; each cold track is a file of three seconds, with three exceptions."""
    workspace = world.build(root / "w")
    with open_library(workspace.library_path) as library, library.transaction():
        for number, track in enumerate(library.tracks().items):
            if track.track_id[:1] != "t" or int(track.track_id[1:3]) not in COLD_ARTISTS:
                continue
            path = root / "audio" / f"{track.track_id}.wav"
            loud = np.float32(10 ** (-(number % 5) / 4))  # 20 dB between the loudest and the quietest
            samples = song(number, 0.5 if track.track_id == TOO_SHORT else SECONDS, rate=24_000) * loud
            if track.track_id == SILENT:
                samples[10_000:-10_000] = 0
            if track.track_id != GONE:
                write(path, samples, rate=24_000)
            library.put_track(replace(track, path=str(path), duration_s=len(samples) / 24_000))
    return workspace


def paper_study(
    kind: Kind = "rate",
    *,
    n_raters: int = 12,
    n_seeds: int = 8,
    k: int = 2,
    per_rater: int | None = None,
    seed: int = 0,
) -> Study:
    """Return a study of models a, b and c without files; no two lists share a track."""
    models = ("a", "b", "c")
    lists = {
        f"s{number}": {
            name: tuple(f"{name}-{number}-{rank}" for rank in range(k)) for name in (*models, REFERENCE, ANCHOR)
        }
        for number in range(n_seeds)
    }
    planned = plan(
        lists,
        (*models, REFERENCE, ANCHOR),
        kind=kind,
        n_raters=n_raters,
        seeds_per_rater=per_rater or n_seeds,
        rng=np.random.default_rng(seed),
    )
    tracks = {*lists, *(track for of in lists.values() for named in of.values() for track in named)}
    return Study(
        name="paper",
        kind=kind,
        split="artists",
        models=models,
        k=k,
        seed=seed,
        clip_s=8.0,
        loudness_lufs=-20.0,
        seeds=tuple(lists),
        lists=lists,
        clips={track: f"{number:04d}.mp3" for number, track in enumerate(sorted(tracks))},
        volume_clip="s0",
        screening=Screening(),
        raters=tuple(Rater(f"r{n:02d}", f"token-{n}", items) for n, items in enumerate(planned, start=1)),
    )
