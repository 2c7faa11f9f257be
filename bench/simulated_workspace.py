"""Make a workspace of a large simulated catalogue: names, albums, vectors, playlists, factors, predictions; no audio.

    python bench/simulated_workspace.py FOLDER [--tracks 1000000] [--playlists 50000] [--dim 200]

Titles, artists and albums are those of bench_search.py. Factors are those of artists within genres with noise
(tests/index/worlds.py); a playlist holds tracks near one of its tracks, and its factor is their mean. Half of the
tracks at most is in playlists: the split is `live`, so these are warm and all others are cold. Predictions are noisy
factors. The vectors of tracks (64 numbers) stand for features from audio.

A million tracks take some minutes and 5 GB of memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from tests.index.worlds import clustered

from bench_search import library
from unheard.arrays import Floats, Rows
from unheard.factors.store import Factors, save_factors
from unheard.features.store import FeatureStore
from unheard.features.table import VECTORS, load_extractor
from unheard.ids import IdMap
from unheard.inference.predictions import Predictions, predictions_path, save_predictions
from unheard.library import Library
from unheard.plays import Plays, replace_playlists
from unheard.plays.playlist_digests import playlist_digests
from unheard.splits import LIVE, Split, write_splits
from unheard.splits.folds import LIVE_FOLDS
from unheard.workspace import Workspace

BEGAN = time.perf_counter()
MODEL = "bench"
VECTOR = 64  # numbers of a track's vector
PLAYED = 0.5  # share of the tracks that playlists are made of
NEAR = 2000  # tracks that a playlist draws from
LENGTHS = (10, 50)  # of playlists


def make_workspace(root: Path, n: int, m: int, dim: int, rng: np.random.Generator) -> Workspace:
    """Write a workspace of `n` tracks and `m` playlists with `dim` factors; return it."""
    workspace = Workspace.init(root)
    ids = IdMap([f"t{number:06d}" for number in range(n)])
    said("names")
    with Library(workspace.library_path) as stored, stored.transaction():
        for track in library(n, rng):
            stored.put_track(track)
    said("factors")
    factors = clustered(n, dim, rng, genres=200)
    said("vectors")
    axes = rng.standard_normal((dim, VECTOR), dtype=np.float32)
    extractor = load_extractor(VECTORS, workspace)
    store = FeatureStore(workspace.features_dir)
    store.write(VECTORS, extractor.version, list(ids), factors @ axes, [""] * n)
    said("playlists")
    plays = playlists(factors, m, ids, rng)
    replace_playlists(workspace, plays)
    played = np.bincount(plays.track_rows, minlength=n) > 0
    fold = np.where(played, np.arange(n) // 20 % 10, LIVE_FOLDS["test"][0])  # by artist
    split = Split(LIVE, dict(zip(ids, fold.tolist(), strict=True)), LIVE_FOLDS)
    write_splits(workspace.splits_path, {LIVE: split})
    said("factors of playlists, predictions")
    matrix = plays.matrix
    of_playlists = (matrix @ factors / np.maximum(1, np.diff(matrix.indptr))[:, None]).astype(np.float32)
    config = {"split_digest": split.digest, "digest": MODEL}
    digests = playlist_digests(matrix, ids)
    save_factors(workspace, LIVE, Factors(ids, plays.playlist_ids, factors, played, of_playlists, config, digests))
    del of_playlists
    noise = (0.5 * factors.std(axis=0)).astype(np.float32)  # as much of each factor, as errors of a regression are
    for start in range(0, n, 65_536):
        part = factors[start : start + 65_536]
        part += noise * rng.standard_normal(part.shape, dtype=np.float32)
    save_predictions(
        predictions_path(workspace, LIVE, MODEL), Predictions(ids, factors, MODEL, "warm", fingerprint=MODEL)
    )
    said("done")
    return workspace


def playlists(factors: Floats, m: int, ids: IdMap, rng: np.random.Generator) -> Plays:
    """Return playlists of tracks near a track of theirs, by ten of the factors."""
    pool = np.sort(rng.permutation(len(factors))[: max(100, round(PLAYED * len(factors)))])
    near = pool[np.argsort(factors[pool] @ rng.standard_normal(factors.shape[1], dtype=np.float32))]
    lengths = rng.integers(*LENGTHS, size=m)
    at = rng.integers(len(near), size=m)
    rows: list[Rows] = []
    for centre, length in zip(at, lengths, strict=True):
        start = int(np.clip(centre - NEAR // 2, 0, max(0, len(near) - NEAR)))
        rows.append(np.unique(near[start : start + NEAR][rng.integers(min(NEAR, len(near)), size=length)]))
    sizes = np.array([len(one) for one in rows])
    n_plays = int(sizes.sum())
    return Plays(
        IdMap([f"p{number:06d}" for number in range(m)]),
        ids,
        np.repeat(np.arange(m, dtype=np.int32), sizes),
        np.concatenate(rows).astype(np.int32),
        np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        np.ones(n_plays, np.float32),
        np.full(n_plays, np.nan),
    )


def said(step: str) -> None:
    """Print a step with the time and the memory used until then."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{time.perf_counter() - BEGAN:8.0f} s  {most:4.1f} GB  {step}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--playlists", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=200)
    given = parser.parse_args()
    make_workspace(given.folder, given.tracks, given.playlists, given.dim, np.random.default_rng(0))


if __name__ == "__main__":
    main()
