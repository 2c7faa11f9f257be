"""Measure the time to fit the default model, and the time from a new audio file to its nearest tracks.

    python bench/bench_blend.py [--tracks 10000] [--playlists 20000] [--listed 25]
        [--device auto] [--keep W2] [--workspace W --split S --file SONG]

The tracks are simulated: vectors of 628 numbers and plays that depend on a part of them, no audio. Fitting reads
stored features, as it does after a scan. The second line needs a workspace in which `blend` is trained and an audio
file that is not in it: the file is decoded, its features are extracted and embedded, and the embedding is compared
with the catalogue. `--keep` keeps the simulated workspace, for other models (`unheard experiment rivals --split
tracks`)."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.features.store import FeatureStore
from unheard.features.user_vectors import UserVectors
from unheard.ids import IdMap
from unheard.library import Library, Track
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.plays import Plays, replace_playlists
from unheard.session import Session
from unheard.splits import Split, UseName, load_split, write_splits
from unheard.training.rankers.fit import fit_rankers
from unheard.training.train import DEFAULT_RECIPE
from unheard.workspace import Workspace

WIDTH, HIDDEN, ARTIST_TRACKS = 628, 24, 8
MET = 2000  # tracks that a simulated listener has met; a playlist holds those of them that fit best


def simulated(root: Path, *, n_tracks: int, n_playlists: int, listed: int, seed: int = 0) -> Workspace:
    """Return a workspace of vectors and plays; a tenth of the tracks are validation tracks, a fifth are test tracks."""
    rng = np.random.default_rng(seed)
    workspace = Workspace.init(root)
    artist = np.arange(n_tracks) // ARTIST_TRACKS  # half of the variance of the hidden attributes is the artist's
    of_artist = rng.normal(size=(artist[-1] + 1, HIDDEN))
    hidden = ((of_artist[artist] + rng.normal(size=(n_tracks, HIDDEN))) / np.sqrt(2)).astype(np.float32)
    vectors = hidden @ rng.normal(size=(HIDDEN, WIDTH)).astype(np.float32) + rng.normal(size=(n_tracks, WIDTH))
    ids = [f"t{number:06d}" for number in range(n_tracks)]
    with Library(workspace.library_path) as library, library.transaction():
        for number, name in enumerate(ids):
            library.put_track(Track(name, title=name, artists=(f"artist {artist[number]}",)))
    store = FeatureStore(workspace.features_dir)
    store.write(UserVectors.kind, UserVectors.version, ids, vectors.astype(np.float32), [""] * len(ids))
    held = np.empty((n_playlists, listed), np.int64)
    for playlist in range(n_playlists):
        met = np.unique(rng.integers(0, n_tracks, min(MET, n_tracks)))
        taste = hidden[met] @ rng.normal(size=HIDDEN).astype(np.float32) + 3 * rng.gumbel(size=len(met))
        held[playlist] = met[np.argpartition(-taste, listed)[:listed]]
    rows, positions = np.repeat(np.arange(n_playlists), listed), np.tile(np.arange(listed), n_playlists)
    plays = Plays(
        IdMap(f"p{playlist:06d}" for playlist in range(n_playlists)),
        IdMap(ids),
        rows.astype(np.int32),
        held.ravel().astype(np.int32),
        positions.astype(np.int32),
        np.ones(held.size, np.float32),
        np.full(held.size, np.nan),
    )
    replace_playlists(workspace, plays)
    fold = {name: int(number) for name, number in zip(ids, rng.integers(0, 10, n_tracks), strict=True)}
    use: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
    write_splits(workspace.splits_path, {"tracks": Split("tracks", fold, use)})
    compute_factors(workspace, "tracks", AlsConfig(dim=64))
    return workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--playlists", type=int, default=20_000)
    parser.add_argument("--listed", type=int, default=25, help="tracks of a playlist")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--split", help="on which blend is trained in that workspace")
    options = parser.parse_args()
    print("| what | seconds | CPU seconds |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        workspace = simulated(
            options.keep or Path(folder) / "w",
            n_tracks=options.tracks,
            n_playlists=options.playlists,
            listed=options.listed,
        )
        recipe = load_any_recipe(DEFAULT_RECIPE)
        assert isinstance(recipe, RankerRecipe)
        wall, cpu = time.monotonic(), time.process_time()
        fit_rankers(workspace, recipe, load_split(workspace, "tracks"), device=options.device)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        what = (
            f"fit {recipe.name}: {options.tracks} tracks, {options.playlists} playlists of {options.listed} (simulated)"
        )
        print(f"| {what} | {wall:.0f} | {cpu:.0f} |")
    if options.workspace and options.file:
        session = Session(options.workspace, split=options.split, model=DEFAULT_RECIPE)
        session.neighbours(str(options.file), candidates="all")  # loads modules, weights and catalogue
        rounds = []
        for _ in range(5):
            began = time.monotonic(), time.process_time()
            session.neighbours(str(options.file), candidates="all")
            rounds.append((time.monotonic() - began[0], time.process_time() - began[1]))
        wall, cpu = np.median(rounds, axis=0)
        print(f"| a new file to its ten nearest tracks, everything loaded, median of 5 | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
