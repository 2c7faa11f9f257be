"""Compute what people see of a ranked list: the match of each track, and the reasons that are really near it.

Scores keep their scales in files and in the HTTP API (recommend.py). People see instead, of every list, the

    match    share of the other candidates that a track ranks above: 100 % is the first of all candidates, 0 % the last

    playlist, similar    1 - (r - 1) / (N - 1), with r the rank of the track among the N candidates
    likes                the same, with r the rank at which every seed would have to list the track for the same score:
                         n / (60 + r) = score, for n seeds. It lies between the ranks that the seeds give

A track that is no more similar to the seeds than chance (no cosine above 0) has no match, even if it is the first of a
few candidates: "unrelated". A reason is named only if it is near: the cosine is above 0, and at most NEAR_SHARE of the
candidates are nearer to the reason. A seed agrees with a track under the same two conditions (`last_near`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Rows
from unheard.recommend.recommenders import FactorRecommender, Scores

RANK_OFFSET = 60  # of the reciprocal rank fusion (recommend.py); the paper's value
NEAR_SHARE = 0.1
MIN_NEAR, MAX_NEAR = 3, 100  # bounds of the number of tracks that are near a seed
MAX_SAMPLE = 1000  # candidates that are compared with a reason
DIGITS = 6
UNRELATED = "unrelated"


@dataclass(frozen=True)
class Outside:
    """Candidates that are not in a shortlist: their number, and the scores of some of them (sample,)."""

    n: int
    scores: Scores


def matches(
    scores: Scores, columns: Rows, others: Mask, similarity: Scores | None = None, *, outside: Outside | None = None
) -> list[float | None]:
    """Return the match of some columns of the scores (candidate,).

    others      (candidate,) the candidates that count: all but the seeds
    similarity  (candidate,) cosine with the query; columns without a positive one have no match
    outside     the candidates that count and are not among the scores
    """
    above = _n_above(scores[others], scores[columns])
    n = int(others.sum())
    if outside is not None:
        n += outside.n
        above = above + outside.n * _n_above(outside.scores, scores[columns]) / max(1, len(outside.scores))
    shares = 1 - above / max(1, n - 1)
    return _related(shares, None if similarity is None else similarity[columns])


def _n_above(scores: Scores, values: Scores) -> NDArray[np.floating]:
    """Return how many scores are above each value."""
    counted = np.sort(scores)
    return (len(counted) - np.searchsorted(counted, values, side="right")).astype(np.float64)


def matches_of_votes(scores: Scores, near: Scores, *, n_candidates: int, n_own: int) -> list[float | None]:
    """Return the match of some reciprocal rank fusions (result,).

    near   (seed, result) similarities; results without a positive one have no match
    n_own  number of seeds that are candidates themselves, each of them the first in its own list
    """
    n_seeds = len(near)
    first = 1 + n_own / n_seeds  # the best rank that a track can have for all seeds
    rank = n_seeds / scores.astype(np.float64) - RANK_OFFSET
    shares = 1 - (rank - first) / max(1.0, n_candidates - first)
    return _related(np.clip(shares, 0, 1), near.max(axis=0))


def _related(shares: NDArray[np.floating], similarity: Scores | None) -> list[float | None]:
    related = np.ones(len(shares), np.bool_) if similarity is None else similarity > 0
    return [round(float(share), DIGITS) if yes else None for share, yes in zip(shares, related, strict=True)]


def match_text(match: float | None) -> str:
    """Return a match as people see it: "87 %", with one digit more above 99 %, where many tracks are."""
    if match is None:
        return UNRELATED
    percent = 100 * match
    return f"{percent:.1f} %" if 98.95 <= percent < 99.95 else f"{percent:.0f} %"


def last_near(n_candidates: int) -> int:
    """Return the last rank of a seed's list at which tracks are near the seed."""
    return min(MAX_NEAR, max(MIN_NEAR, round(NEAR_SHARE * n_candidates)))


def nearness_needed(space: FactorRecommender, reasons: Rows, candidates: Rows) -> Scores:
    """Return the similarity above which a track is near each reason, (reason,), from a sample of the candidates."""
    sample = candidates[:: max(1, -(-len(candidates) // MAX_SAMPLE))]
    similarities = space.roughly_similar(reasons, sample)
    similarities[reasons[:, None] == sample] = -1  # a reason is not near itself
    n_nearer = round(NEAR_SHARE * len(sample))
    rank = len(sample) - 1 - min(n_nearer, len(sample) - 1)
    needed: Scores = np.maximum(np.partition(similarities, rank, axis=1)[:, rank], 0)
    return needed
