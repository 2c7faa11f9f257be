"""Measure what skips, partial plays, likes and dislikes are worth, on simulated listeners.

    python bench/feedback.py [--seeds 5] [--listeners 1200] [--tracks 2000]

Simulated listeners hear tracks that are popular, or that a noisy recommender proposes. A listener enjoys a track with a
probability that rises with their affinity; what is enjoyed is mostly heard to the end, the rest mostly skipped early,
but three in ten of the rest also run to the end. A few of the tracks that fit best are liked, of those that fit least
disliked. A fifth of the tracks is new: nobody has heard it.

Each row gives implicit ALS other plays of the same listens. `warm` ranks the tracks that a listener has not heard by
factors, `new` ranks the new tracks by factors that a ridge regression predicts from features; relevant are the
twentieth of all tracks with the highest affinity. nDCG@20, mean over listeners, then mean and standard deviation over
seeds.

Real data with skips or dislikes is not at hand; a simulation says no more than what follows from its assumptions."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from unheard.factors.als import AlsConfig, fit_als

CONFIG = AlsConfig(dim=32, alpha=20.0, regularization=0.05, iterations=12, binary=False)
DIM, N_FEATURES, K = 12, 40, 20


@dataclass(frozen=True)
class World:
    """Listens of warm tracks as columns, and what is true of every listener and track."""

    features: np.ndarray  # (track, f)
    affinity: np.ndarray  # (listener, track)
    new: np.ndarray  # (track,) bool
    pairs: np.ndarray  # (listen, 2) listener and track
    share: np.ndarray  # (listen,) of the track that was heard, 0 to 1
    liked: np.ndarray
    disliked: np.ndarray

    def plays(self, weights: np.ndarray) -> csr_matrix:
        """Return a matrix (listener, track) of the listens whose weight is not 0."""
        some = weights != 0
        pairs = self.pairs[some]
        return csr_matrix((weights[some], (pairs[:, 0], pairs[:, 1])), shape=self.affinity.shape, dtype=np.float32)


def simulate(seed: int, n_listeners: int, n_tracks: int) -> World:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_tracks, N_FEATURES))
    taste = 0.8 * features @ rng.normal(size=(N_FEATURES, DIM)) / np.sqrt(N_FEATURES)
    taste += 0.6 * rng.normal(size=(n_tracks, DIM))
    listeners = rng.normal(size=(n_listeners, DIM))
    affinity = 1.6 * listeners @ taste.T / np.sqrt(DIM) + 0.7 * rng.normal(size=n_tracks) - 1.0
    popularity = np.exp(1.2 * rng.normal(size=n_tracks))
    proposed = np.exp(0.8 * (affinity + 1.5 * rng.normal(size=affinity.shape))) * popularity
    heard = []
    for listener in range(n_listeners):
        n = int(rng.integers(50, 300))
        chances = (proposed[listener] / proposed[listener].sum(), popularity / popularity.sum())
        tracks = np.unique(np.concatenate([rng.choice(n_tracks, n // 2, p=chance) for chance in chances]))
        heard.append(np.stack([np.full(len(tracks), listener), tracks], axis=1))
    pairs = np.concatenate(heard)
    new = np.zeros(n_tracks, np.bool_)
    new[rng.permutation(n_tracks)[: n_tracks // 5]] = True
    pairs = pairs[~new[pairs[:, 1]]]
    fits, n = affinity[pairs[:, 0], pairs[:, 1]], len(pairs)
    enjoyed = rng.random(n) < 1 / (1 + np.exp(-1.5 * fits))
    to_end = np.where(rng.random(n) < 0.8, 1.0, rng.uniform(0.5, 1.0, n))
    skipped = np.where(rng.random(n) < 0.3, 1.0, rng.beta(1, 4, n))
    rare = rng.random(n) < 0.15
    return World(
        features, affinity, new, pairs, np.where(enjoyed, to_end, skipped), rare & (fits > 1), rare & (fits < -1.5)
    )


def variants(world: World) -> dict[str, csr_matrix]:
    """Return the plays that each rule makes of the listens; a weight below 0 is a negative for ALS."""
    share, liked, disliked = world.share, world.liked, world.disliked
    one, half = np.ones(len(share)), share >= 0.5
    rule = np.where(half & ~disliked, share, 0.0) + liked
    return {
        "every listen is a play of weight 1": world.plays(one),
        "every listen weighs its share": world.plays(share),
        "from 30 % of the track on": world.plays(one * (share >= 0.3)),
        "from 50 % of the track on": world.plays(one * half),
        "from 80 % of the track on": world.plays(one * (share >= 0.8)),
        "from 50 % on, without disliked tracks": world.plays(one * (half & ~disliked)),
        "the rule of `import`: share from 50 % on, likes, no disliked tracks": world.plays(rule),
        "likes alone": world.plays(one * liked),
        "the rule, and dislikes as negatives": world.plays(np.where(disliked, -1.0, rule)),
        "the rule, and dislikes and skips as negatives (0.2)": world.plays(
            np.where(disliked | (~half & ~liked), -0.2, rule)
        ),
    }


def fitted(plays: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return factors of listeners and tracks; negatives have preference 0 with confidence 1 + alpha |r|."""
    if plays.data.min() > 0:
        return fit_als(plays, CONFIG)
    from implicit.cpu.als import AlternatingLeastSquares

    signed = plays.copy()
    signed.data = np.sign(plays.data) * (1 + np.float32(CONFIG.alpha) * np.abs(plays.data))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            CONFIG.dim, CONFIG.regularization, 1.0, iterations=CONFIG.iterations, random_state=CONFIG.seed
        )
        model.fit(signed, show_progress=False)
    return model.user_factors, model.item_factors


def measured(world: World, plays: csr_matrix) -> tuple[float, float]:
    """Return nDCG@20 on warm tracks that a listener has not heard, and on new ones."""
    listeners, tracks = fitted(plays)
    x = np.c_[world.features, np.ones(len(world.features))]
    known = x[~world.new]
    predicted = x @ np.linalg.solve(known.T @ known + 10 * np.eye(x.shape[1]), known.T @ tracks[~world.new])
    unheard = np.ones(world.affinity.shape, np.bool_)
    unheard[world.pairs[:, 0], world.pairs[:, 1]] = False
    relevant = world.affinity >= np.quantile(world.affinity, 0.95, axis=1)[:, None]
    return (
        ndcg(listeners @ tracks.T, relevant, unheard & ~world.new),
        ndcg(listeners @ predicted.T, relevant, np.broadcast_to(world.new, unheard.shape)),
    )


def ndcg(scores: np.ndarray, relevant: np.ndarray, allowed: np.ndarray) -> float:
    relevant = relevant & allowed
    best = np.argsort(-np.where(allowed, scores, -np.inf), axis=1)[:, :K]
    discount = 1 / np.log2(np.arange(K) + 2)
    gained = (np.take_along_axis(relevant, best, axis=1) * discount).sum(axis=1)
    ideal = np.cumsum(discount)[np.minimum(relevant.sum(axis=1), K) - 1]
    counts = relevant.any(axis=1)
    return float((gained[counts] / ideal[counts]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--listeners", type=int, default=1200)
    parser.add_argument("--tracks", type=int, default=2000)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(given.seeds):
        world = simulate(seed, given.listeners, given.tracks)
        for name, plays in variants(world).items():
            found.setdefault(name, []).append(measured(world, plays))
    print(f"{given.listeners} simulated listeners, {given.tracks} tracks, {given.seeds} seeds; nDCG@20\n")
    print("| plays | warm | new |\n|---|---:|---:|")
    for name, values in found.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1 if given.seeds > 1 else 0)
        print(f"| {name} | {mean[0]:.3f} ± {spread[0]:.3f} | {mean[1]:.3f} ± {spread[1]:.3f} |")


if __name__ == "__main__":
    main()
