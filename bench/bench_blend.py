"""How long the default model takes: fitting it on 10,000 tracks, and a new file from sound to recommendations.

    python bench/bench_blend.py [--tracks 10000] [--playlists 20000] [--keep W2] [--workspace W --split S --file SONG]

The 10,000 tracks are simulated: vectors of 628 numbers and plays that follow a part of them, no audio. Fitting reads
stored descriptions, as it does after a scan. With a workspace in which `blend` is trained, and an audio file from
outside of it, the second line is measured: the file is decoded, described, placed, and compared with the catalogue.
`--keep` leaves the simulated workspace behind, to try other models on (`unheard experiment rivals --split tracks`).
"""

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
from unheard.library import Library, Track
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.plays import Play, Plays, replace_playlists
from unheard.session import Session
from unheard.splits import Split, UseName, load_split, write_splits
from unheard.training.rankers.fit import fit_rankers
from unheard.training.train import DEFAULT_RECIPE
from unheard.workspace import Workspace

WIDTH, HIDDEN, LISTED, ARTIST_TRACKS = 628, 24, 25, 8


def simulated(root: Path, *, n_tracks: int, n_playlists: int, seed: int = 0) -> Workspace:
    """A workspace of vectors and plays; a tenth of the tracks validates, a fifth tests."""
    rng = np.random.default_rng(seed)
    workspace = Workspace.init(root)
    artist = np.arange(n_tracks) // ARTIST_TRACKS  # an artist's tracks are alike: half of what is heard is the artist's
    of_artist = rng.normal(size=(artist[-1] + 1, HIDDEN))
    hidden = ((of_artist[artist] + rng.normal(size=(n_tracks, HIDDEN))) / np.sqrt(2)).astype(np.float32)
    vectors = hidden @ rng.normal(size=(HIDDEN, WIDTH)).astype(np.float32) + rng.normal(size=(n_tracks, WIDTH))
    ids = [f"t{number:06d}" for number in range(n_tracks)]
    with Library(workspace.library_path) as library, library.transaction():
        for number, name in enumerate(ids):
            library.put_track(Track(name, title=name, artists=(f"artist {artist[number]}",)))
        plays = []
        for playlist in range(n_playlists):
            taste = hidden @ rng.normal(size=HIDDEN) + 3 * rng.gumbel(size=n_tracks)
            listed = np.argpartition(-taste, LISTED)[:LISTED]
            plays += [Play(f"p{playlist:06d}", ids[int(track)], place) for place, track in enumerate(listed)]
    store = FeatureStore(workspace.features_dir)
    store.write(UserVectors.kind, UserVectors.version, ids, vectors.astype(np.float32), [""] * len(ids))
    replace_playlists(workspace, Plays.of(plays))
    fold = {name: int(number) for name, number in zip(ids, rng.integers(0, 10, n_tracks), strict=True)}
    use: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
    write_splits(workspace.splits_path, {"tracks": Split("tracks", fold, use)})
    compute_factors(workspace, "tracks", AlsConfig(dim=64))
    return workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--playlists", type=int, default=20_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--split", help="under which blend is trained in that workspace")
    asked = parser.parse_args()
    print("| what | seconds | CPU seconds |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        workspace = simulated(asked.keep or Path(folder) / "w", n_tracks=asked.tracks, n_playlists=asked.playlists)
        recipe = load_any_recipe(DEFAULT_RECIPE)
        assert isinstance(recipe, RankerRecipe)
        wall, cpu = time.monotonic(), time.process_time()
        fit_rankers(workspace, recipe, load_split(workspace, "tracks"))
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        what = f"fit {recipe.name}: {asked.tracks} tracks, {asked.playlists} playlists (simulated)"
        print(f"| {what} | {wall:.0f} | {cpu:.0f} |")
    if asked.workspace and asked.file:
        session = Session(asked.workspace, split=asked.split, model=DEFAULT_RECIPE)
        session.neighbours(str(asked.file), candidates="all")  # warm: modules, weights and catalogue are loaded
        rounds = []
        for _ in range(5):
            began = time.monotonic(), time.process_time()
            session.neighbours(str(asked.file), candidates="all")
            rounds.append((time.monotonic() - began[0], time.process_time() - began[1]))
        wall, cpu = np.median(rounds, axis=0)
        print(f"| a new file to its ten nearest tracks, warm, median of 5 | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
