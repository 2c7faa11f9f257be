"""A small music world with known tastes, as a workspace: what recommenders and tasks are tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.features.stored import put_features
from unheard import artefacts
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.inference.predictions import KIND, predictions_path
from unheard.library import Library, Track
from unheard.plays import Play, Plays, replace_playlists
from unheard.spectrograms.statistics import N_STATISTICS
from unheard.splits import Split, write_splits
from unheard.workspace import Workspace

N_ARTISTS = 40
TRACKS_EACH = 7
N_PLAYLISTS = 90
N_TASTES = 5
USE = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
ALS = AlsConfig(dim=6, iterations=8)


def build(root: Path) -> Workspace:
    """A workspace with the splits `artists`, `tracks` and `time`, factors of all, and a model `toy` in three seeds.

    Special cases: `unplayed` is a test track without plays, `new` tracks are in no split, `silent` has no statistics,
    `fresh` is a playlist of test tracks alone, `lost` names no track of the library.
    """
    rng = np.random.default_rng(0)
    workspace = Workspace.init(root)
    of_artist = rng.standard_normal((N_ARTISTS, N_TASTES))
    tracks, vectors = [], []
    for artist in range(N_ARTISTS):
        for number in range(TRACKS_EACH):
            track_id = f"t{artist:02d}-{number}"
            tracks.append(track(track_id, artist=f"Artist {artist}", title=f"Song {number}"))
            vectors.append(of_artist[artist] + 0.6 * rng.standard_normal(N_TASTES))
    z = np.array(vectors)
    tracks += [
        track("unplayed", artist="Nobody Knows", title="Quiet"),
        track("new-0", artist="Artist 3", title="Later"),
    ]
    tracks += [track("new-1", artist="Newcomer", title="Hello"), track("silent", artist="Artist 8", title="Silence")]
    z = np.concatenate([z, rng.standard_normal((4, N_TASTES))])
    statistics = z @ rng.standard_normal((N_TASTES, N_STATISTICS)) + 0.5 * rng.standard_normal((len(z), N_STATISTICS))
    with Library(workspace.library_path) as library, library.transaction():
        for item in tracks:
            library.put_track(item)
        replace_playlists(workspace, Plays.of(_plays(rng, tracks, z)))
    of_track = zip(tracks, statistics, strict=True)
    put_features(workspace, "statistics", [(t.track_id, v) for t, v in of_track if t.track_id != "silent"])
    write_splits(workspace.splits_path, splits(rng, tracks))
    compute_factors(workspace, None, ALS)
    for seed, name in enumerate(("toy", "toy@1", "toy@2")):
        write_predictions(workspace, "artists", name, noise=0.7, rng=np.random.default_rng([7, seed]))
    return workspace


def track(track_id: str, *, artist: str, title: str) -> Track:
    return Track(track_id, f"/music/{artist}/{title}.flac", title, (artist,), "Album", duration_s=200.4)


def splits(rng: np.random.Generator, tracks: list[Track]) -> dict[str, Split]:
    named = [t for t in tracks if not t.track_id.startswith("new")]
    fold_of = {t.track_id: int(t.track_id[1:3]) % 10 if t.track_id[0] == "t" else 8 for t in named}
    by_track = {name: int(rng.integers(10)) for name in fold_of} | {"unplayed": 8}
    newest = {name: 8 if int(name[-1:]) >= 5 else 0 for name in fold_of if name[0] == "t"}
    newest |= {name: 9 for name in newest if name.startswith(("t38", "t39"))}
    return {
        "artists": Split("artists", fold_of, USE),  # type: ignore[arg-type]
        "tracks": Split("tracks", by_track, USE),  # type: ignore[arg-type]
        "time": Split("time", newest, USE, cutoff_timestamp=1000.0),  # type: ignore[arg-type]
    }


def _plays(rng: np.random.Generator, tracks: list[Track], z: NDArray[np.float64]) -> list[Play]:
    plays = []
    playable = np.array([t.track_id != "unplayed" and not t.track_id.startswith("new") for t in tracks])
    popular = rng.gumbel(size=len(tracks))
    for playlist in range(N_PLAYLISTS):
        liking = z @ rng.standard_normal(N_TASTES) * 1.5 + popular + rng.gumbel(size=len(tracks))
        chosen = np.argsort(-np.where(playable, liking, -np.inf))[: rng.integers(8, 25)]
        for position, row in enumerate(chosen):
            timestamp = float(rng.integers(2000)) if position % 2 else None
            plays.append(Play(f"p{playlist:02d}", tracks[row].track_id, position, timestamp=timestamp))
    fresh = [t.track_id for t in tracks if t.track_id.startswith(("t08-1", "t18-2", "t29-3"))]
    plays += [Play("fresh", name, position) for position, name in enumerate(fresh)]
    plays.append(Play("lost", "deleted", 0))
    return plays


def write_predictions(
    workspace: Workspace, split: str, name: str, *, noise: float, rng: np.random.Generator, without: str = "t09-0"
) -> None:
    """What a trained model leaves: the fold-in with noise, nothing for the track `without`."""
    warm = load_factors(workspace, split)
    spread = noise * warm.tracks.std(axis=0)
    factors = (warm.tracks + spread * rng.standard_normal(warm.tracks.shape)).astype(np.float32)
    keep = [row for row, name in enumerate(warm.track_ids) if name != without]
    artefacts.save(
        predictions_path(workspace, split, name),
        KIND,
        config={"fingerprint": name},
        arrays={"factors": factors[keep], "marks": np.zeros(len(keep), np.int64)},
        ids={"track": type(warm.track_ids)(warm.track_ids.take(keep))},
    )
