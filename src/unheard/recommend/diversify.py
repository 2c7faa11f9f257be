"""Re-rank a list by maximal marginal relevance, so that its tracks have high scores and differ from each other.

Carbonell & Goldstein (1998), "The use of MMR, diversity-based reranking for reordering documents and producing
summaries". Greedy: the next track is the one with the largest

    (1 - diversity) r_i - diversity max_(j already chosen) s_ij

s is the cosine of the centred factors, -1 to 1. Scores have different scales (dot products, reciprocal ranks, cosines),
so r is the score scaled to the pool: 1 for its best track, 0 for its last one. The pool is bounded: in a whole library,
the track that differs most from all others is irrelevant.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

POOL_PER_TRACK = 10  # candidates in the pool for each track of the list
MIN_POOL = 100


def pool_size(n: int) -> int:
    """Return the number of best candidates from which a list of `n` is chosen."""
    return max(MIN_POOL, POOL_PER_TRACK * n)


def most_relevant_and_diverse(
    scores: NDArray[np.floating],
    similarities: Callable[[int], NDArray[np.floating]],
    *,
    diversity: float,
    n: int,
    accept: Callable[[int], bool],
) -> list[int]:
    """Return the indices of up to `n` candidates of the pool, in the order in which they are chosen.

    scores        (pool,) best first; of equal candidates the earlier one is chosen
    similarities  returns the similarities of one index to all of the pool, (pool,), -1 to 1
    accept        is called once with each index about to be chosen; False: it is left out
    """
    relevance = (1 - diversity) * min_max_scaled(scores)  # (pool,)
    nearest = np.full(len(scores), -1.0)  # similarity to the nearest chosen candidate
    remaining = np.ones(len(scores), np.bool_)
    chosen: list[int] = []
    while len(chosen) < n and remaining.any():
        index = int(np.argmax(np.where(remaining, relevance - diversity * nearest, -np.inf)))
        remaining[index] = False
        if accept(index):
            chosen.append(index)
            nearest = np.maximum(nearest, similarities(index))
    return chosen


def min_max_scaled(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return scores scaled so that the largest is 1 and the smallest 0; all 0 if they are equal."""
    scores = scores.astype(np.float64)
    width = np.ptp(scores) if len(scores) else 0.0
    return (scores - scores.min()) / width if width > 0 else np.zeros(len(scores))
