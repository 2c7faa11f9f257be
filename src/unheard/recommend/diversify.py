"""Maximal marginal relevance: a list whose tracks are good and unlike each other.

Carbonell & Goldstein (1998), "The use of MMR, diversity-based reranking for reordering documents and producing
summaries". Greedy: the next track is the one with the largest

    (1 - diversity) r_i - diversity max_(j already chosen) s_ij

s is the cosine of the centred factors, -1 to 1. Scores have no scale of their own (dot products, reciprocal ranks,
cosines), so r is the score stretched to the pool: 1 for the best track of the pool, 0 for its last one. The pool is
bounded, because the most unlike track of a whole library is one that nobody wants.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

POOL_LISTS = 10  # the pool holds this many lists' worth of the best candidates,
MIN_POOL = 100  # and at least so many


def pool_size(n: int) -> int:
    """How many of the best candidates compete for a list of `n`."""
    return max(MIN_POOL, POOL_LISTS * n)


def most_relevant_and_diverse(
    scores: NDArray[np.floating],
    likeness: Callable[[int], NDArray[np.floating]],
    *,
    diversity: float,
    n: int,
    may_join: Callable[[int], bool],
) -> list[int]:
    """Places of up to `n` chosen candidates, in the order in which they are chosen.

    scores     (pool,) best first; equal gains go to the earlier place
    likeness   of one place to every place of the pool, (pool,), -1 to 1
    may_join   asked once for each place about to be chosen; if not, the place is passed over
    """
    relevance = (1 - diversity) * stretched(scores)  # (pool,)
    nearest = np.full(len(scores), -1.0)  # likeness to the nearest chosen one
    still_open = np.ones(len(scores), np.bool_)
    chosen: list[int] = []
    while len(chosen) < n and still_open.any():
        place = int(np.argmax(np.where(still_open, relevance - diversity * nearest, -np.inf)))
        still_open[place] = False
        if may_join(place):
            chosen.append(place)
            nearest = np.maximum(nearest, likeness(place))
    return chosen


def stretched(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores moved and scaled so that the largest is 1 and the smallest 0; all 0 where they are equal."""
    scores = scores.astype(np.float64)
    width = np.ptp(scores) if len(scores) else 0.0
    return (scores - scores.min()) / width if width > 0 else np.zeros(len(scores))
