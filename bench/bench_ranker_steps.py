"""Measure the rate of training steps of the default's networks, on the processor and on CUDA if there is one.

    python bench/bench_ranker_steps.py [--tracks 100000] [--playlists 100000] [--listed 50] [--features 200]
        [--steps 200]

Features and plays are random: the rate does not depend on what is learned. Evaluations on validation tracks are left
out.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_matrix

from unheard.ids import IdMap
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.models.rankers.content_softmax import ContentSoftmax
from unheard.models.rankers.two_tower import TwoTower
from unheard.training.dataset import TrackArrays, TrainingData
from unheard.training.rankers.fit_functions import FITS
from unheard.training.train import DEFAULT_RECIPE

DIM = 64


def simulated(*, n_tracks: int, n_playlists: int, listed: int, n_features: int) -> TrainingData:
    """Return train tracks with random features and plays, and no validation tracks."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_tracks, n_playlists * listed)
    rows = np.repeat(np.arange(n_playlists), listed)
    plays = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_playlists, n_tracks))
    plays.data[:] = 1

    def tracks(n: int, plays: csr_matrix) -> TrackArrays:
        features, factors = (rng.normal(size=(n, width)).astype(np.float32) for width in (n_features, DIM))
        numbers = (np.arange(n) // 8).astype(np.int32)
        names = [f"artist {number:06}" for number in numbers]
        return TrackArrays(IdMap(f"{row:07}" for row in range(n)), factors, plays, features, names, numbers)

    none = csr_matrix((n_playlists, 0), dtype=np.float32)
    playlist_factors = rng.normal(size=(n_playlists, DIM)).astype(np.float32)
    ids = IdMap(f"{row:07}" for row in range(n_playlists))
    return TrainingData(tracks(n_tracks, plays), tracks(0, none), ids, playlist_factors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("tracks", 100_000),
        ("playlists", 100_000),
        ("listed", 50),
        ("features", 200),
        ("steps", 200),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    data = simulated(
        n_tracks=options.tracks, n_playlists=options.playlists, listed=options.listed, n_features=options.features
    )
    recipe = load_any_recipe(DEFAULT_RECIPE)
    assert isinstance(recipe, RankerRecipe)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    print(f"{torch.get_num_threads()} threads{', ' + torch.cuda.get_device_name() if len(devices) > 1 else ''}\n")
    print("| member | device | steps a second |\n|---|---|---:|")
    for member in recipe.members:
        view = data.with_artist_features() if member.artist else data
        if not isinstance(member.ranker, ContentSoftmax | TwoTower):
            continue
        for device in devices:
            rate = steps_a_second(view, member.ranker, options.steps, torch.device(device))
            name = f"{type(member.ranker).__name__}{', artist' if member.artist else ''}"
            print(f"| {name} | {device} | {rate:.0f} |", flush=True)


def steps_a_second(data: TrainingData, config: ContentSoftmax | TwoTower, steps: int, device: torch.device) -> float:
    """Return the rate between a short and a long fit, so that what both have in common does not count."""
    seconds = []
    FITS[type(config)](data, shortened(config, 2), seed=0, device=device)  # loads libraries
    for n in (steps // 4, steps):
        began = time.perf_counter()
        FITS[type(config)](data, shortened(config, n), seed=0, device=device)
        seconds.append(time.perf_counter() - began)
    return (steps - steps // 4) / (seconds[1] - seconds[0])


def shortened(config: ContentSoftmax | TwoTower, steps: int) -> ContentSoftmax | TwoTower:
    if isinstance(config, TwoTower):
        return replace(config, steps=steps, checks=1)
    return replace(config, visits=0, descent=replace(config.descent, steps_per_check=steps, checks=1))


if __name__ == "__main__":
    main()
