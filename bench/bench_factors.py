"""Measure one ALS iteration: implicit as this package calls it, implicit with BLAS threads, and the NumPy reference.

    python bench/bench_factors.py [--dim 200]

The plays are synthetic and binary, with a Zipf popularity. The ratios are comparable between machines, the times are
not."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_info, threadpool_limits

from unheard.factors import als_reference
from unheard.factors.als import AlsConfig, confidence, fit_als, fold_in

N_PLAYLISTS, N_TRACKS, PLAYS_EACH = 1_000, 800, 30


def synthetic_plays(rng: np.random.Generator) -> csr_matrix:
    """Return a matrix (playlist, track): every playlist has distinct tracks, popular ones more often."""
    popularity = 1 / np.arange(1, N_TRACKS + 1)
    popularity /= popularity.sum()
    columns = np.stack([rng.choice(N_TRACKS, PLAYS_EACH, replace=False, p=popularity) for _ in range(N_PLAYLISTS)])
    indptr = np.arange(0, columns.size + 1, PLAYS_EACH)
    return csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), indptr), shape=(N_PLAYLISTS, N_TRACKS))


def implicit_with_blas_threads(plays: csr_matrix, config: AlsConfig) -> None:
    """Fit without `threadpool_limits`: each of implicit's threads calls a BLAS that starts threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # implicit warns of exactly this
        model = AlternatingLeastSquares(
            factors=config.dim, regularization=config.regularization, alpha=1.0, iterations=config.iterations
        )
    model.fit(confidence(plays, config), show_progress=False)


def reference_iteration(plays: csr_matrix, config: AlsConfig, rng: np.random.Generator) -> None:
    """Run one iteration of the NumPy reference."""
    P, C = als_reference.preference_and_confidence(plays, config)
    X = als_reference.half_step(P, C, 0.01 * rng.random((N_TRACKS, config.dim)), config.regularization)
    als_reference.half_step(P.T, C.T, X, config.regularization)


def seconds(run: Callable[[], object], *, repeats: int) -> float:
    """Return the shortest time of `repeats` runs, in seconds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=200)
    config = AlsConfig(dim=parser.parse_args(arguments).dim, iterations=5)
    rng = np.random.default_rng(0)
    plays = synthetic_plays(rng)
    fixed = rng.normal(size=(N_TRACKS, config.dim)).astype(np.float32)
    ours = seconds(lambda: fit_als(plays, config), repeats=3) / config.iterations
    trap = seconds(lambda: implicit_with_blas_threads(plays, config), repeats=1) / config.iterations
    with threadpool_limits(1, "blas"):
        slow = seconds(lambda: reference_iteration(plays, config, rng), repeats=1)
    folded = seconds(lambda: fold_in(fixed, plays, config), repeats=3)
    threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
    print(f"{N_PLAYLISTS} x {N_TRACKS}, {plays.nnz} plays, {config.dim} factors, {threads} BLAS threads\n")
    print("| what | seconds | relative to the first |\n|---|---|---|")
    for name, taken in (
        ("one iteration, fit_als (implicit, BLAS on one thread)", ours),
        ("one iteration, implicit with BLAS threads on", trap),
        ("one iteration, NumPy reference", slow),
        (f"fold_in of {N_PLAYLISTS} playlists (exact, float64)", folded),
    ):
        print(f"| {name} | {taken:.3f} | {taken / ours:.1f} |")


if __name__ == "__main__":
    main()
