"""Measure rankings: all cold tracks for many playlists, and the nearest tracks of every track.

    python bench/bench_ranking.py [--playlists 2000] [--tracks 20000] [--dim 200] [--neighbours 100000] [--repeat 5]

Random embeddings, one thread, CPU time a query, median of the repeats; the rows of a table are measured alternately.
The first table ranks: the best 20 and exact ranks of ten relevant tracks a playlist. The limit is one matrix product
of the same embeddings. The second finds the 500 nearest of each track among all, for the overlap of two models. Before
the measurement, all ways are asserted to find the same tracks. Memory is that of one block of playlists, so the time of
100,000 playlists is that of these times their number.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from unheard.ranking import blocks, ranks_of, top_k

RELEVANT = 10
OVERLAP = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--playlists", type=int, default=2000)
    parser.add_argument("--tracks", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=200)
    parser.add_argument("--neighbours", type=int, default=100_000, help="tracks of the second table")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    playlists = rng.normal(size=(options.playlists, options.dim)).astype(np.float32)
    tracks = rng.normal(size=(options.tracks, options.dim)).astype(np.float32)
    relevant = np.sort(rng.integers(0, options.tracks, (options.playlists, RELEVANT)), axis=1)
    print(f"{options.tracks} cold tracks of {options.dim} numbers, ranked for {options.playlists} playlists\n")
    ways: dict[str, Callable[[], NDArray[np.integer]]] = {
        "limit: one product, float32": lambda: product(playlists, tracks, np.float32),
        "one product, float64": lambda: product(playlists, tracks, np.float64),
        "ours: product in float64, best 20, ranks": lambda: ranked(playlists, tracks, relevant),
        "torch: product, topk, ranks by sort": lambda: by_torch(playlists, tracks, relevant),
        "argsort of whole rows": lambda: by_argsort(playlists, tracks),
    }
    compare(ways, options.repeat, options.playlists, same=list(ways)[2:])
    many = rng.normal(size=(options.neighbours, options.dim)).astype(np.float32)
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    asked = many[rng.permutation(len(many))[:200]]
    print(f"\nthe {OVERLAP} nearest of 200 tracks among {len(many)}\n")
    ways = {
        "limit: one product, float32": lambda: product(asked, many, np.float32),
        "ours": lambda: best(asked, many, OVERLAP),
        "argpartition and sort": lambda: by_argpartition(asked, many, OVERLAP),
        "argsort of whole rows": lambda: by_argsort(asked, many, OVERLAP),
    }
    compare(ways, options.repeat, len(asked), same=list(ways)[1:])


def compare(ways: dict[str, Callable[[], NDArray[np.integer]]], repeat: int, n_queries: int, same: list[str]) -> None:
    """Assert that the ways `same` find the same tracks, and print microseconds of CPU time a query.

    Equal scores may be in another order.
    """
    expected = ways[same[0]]()
    for name in same[1:]:
        differs = float((ways[name]() != expected).mean())
        assert differs < 1e-3, f"{name} finds other tracks in {differs:.2%} of the places"
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            began = time.process_time()
            way()
            spent[name].append((time.process_time() - began) / n_queries * 1e6)
    first = statistics.median(next(iter(spent.values())))
    print("| way | us a query | ratio |\n|---|---:|---:|")
    for name, values in spent.items():
        print(f"| {name} | {statistics.median(values):.0f} | {statistics.median(values) / first:.2f} |")


def product(queries: NDArray[np.float32], tracks: NDArray[np.float32], kind: type[np.floating]) -> NDArray[np.integer]:
    """Multiply block by block."""
    left: NDArray[np.floating] = queries.astype(kind)
    right: NDArray[np.floating] = tracks.astype(kind)
    for block in blocks(len(queries), len(tracks)):
        left[block] @ right.T
    return np.empty(0, np.int64)


def scores(queries: NDArray[np.float32], tracks: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `unheard evaluate`: in double precision."""
    found: NDArray[np.float32] = (queries.astype(np.float64) @ tracks.astype(np.float64).T).astype(np.float32)
    return found


def best(queries: NDArray[np.float32], tracks: NDArray[np.float32], k: int) -> NDArray[np.integer]:
    found = np.empty((len(queries), k), np.int64)
    numbers = np.arange(len(queries)), np.arange(len(tracks))
    for block in blocks(len(queries), len(tracks)):
        found[block] = top_k(
            scores(queries[block], tracks), k, seed=0, queries=numbers[0][block], candidates=numbers[1]
        )
    return found


def ranked(
    playlists: NDArray[np.float32], tracks: NDArray[np.float32], relevant: NDArray[np.integer]
) -> NDArray[np.integer]:
    found = np.empty((len(playlists), 20), np.int64)
    numbers = np.arange(len(playlists)), np.arange(len(tracks))
    for block in blocks(len(playlists), len(tracks)):
        line = scores(playlists[block], tracks)
        rows = np.repeat(np.arange(len(line)), relevant.shape[1])
        asked = numbers[0][block]
        ranks_of(line, rows, relevant[block].ravel(), seed=0, queries=asked, candidates=numbers[1])
        found[block] = top_k(line, 20, seed=0, queries=asked, candidates=numbers[1])
    return found


def by_torch(
    playlists: NDArray[np.float32], tracks: NDArray[np.float32], relevant: NDArray[np.integer]
) -> NDArray[np.integer]:
    found = np.empty((len(playlists), 20), np.int64)
    right = torch.from_numpy(tracks.astype(np.float64)).T
    for block in blocks(len(playlists), len(tracks)):
        line = (torch.from_numpy(playlists[block].astype(np.float64)) @ right).float()
        ascending = line.sort(dim=1).values
        wanted = line.gather(1, torch.from_numpy(relevant[block]))
        line.shape[1] - torch.searchsorted(ascending, wanted, right=True)
        found[block] = line.topk(20, dim=1).indices.numpy()
    return found


def by_argsort(queries: NDArray[np.float32], tracks: NDArray[np.float32], k: int = 20) -> NDArray[np.integer]:
    found = np.empty((len(queries), k), np.int64)
    for block in blocks(len(queries), len(tracks)):
        found[block] = np.argsort(-scores(queries[block], tracks), axis=1, kind="stable")[:, :k]
    return found


def by_argpartition(queries: NDArray[np.float32], tracks: NDArray[np.float32], k: int) -> NDArray[np.integer]:
    found = np.empty((len(queries), k), np.int64)
    for block in blocks(len(queries), len(tracks)):
        line = scores(queries[block], tracks)
        chosen = np.argpartition(-line, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(line, chosen, axis=1), axis=1)
        found[block] = np.take_along_axis(chosen, order, axis=1)
    return found


if __name__ == "__main__":
    main()
