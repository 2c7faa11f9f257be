"""Fuse the rankings of several seeds: each seed votes for a candidate by the rank that it has among its neighbours.

Reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): the sum over the seeds of 1 / (60 + rank). Similarities of
seeds and candidates are computed for some seeds at a time, so that memory does not grow with their number; the sum is
formed seed by seed, so it does not depend on how many these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Rows
from unheard.errors import UserError
from unheard.ranking import blocks, top_k
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.list_query import ListQuery, ScaledSimilarities
from unheard.recommend.recommenders import RanksNewTracks, Recommender, Scores
from unheard.recommend.seeds import Seed, is_song_of
from unheard.recommend.shortlist import ranks_outside
from unheard.recommend.shown_scores import RANK_OFFSET

Ranks = NDArray[np.int64]
BLOCK_VOTES = 2_000_000  # of seeds for candidates: about 100 MB in all


class Votes:
    """The votes of `seeds` for the candidates of a query."""

    def __init__(self, catalogue: Catalogue, recommender: Recommender, seeds: Sequence[Seed], query: ListQuery) -> None:
        self._catalogue, self._recommender, self._seeds, self._query = catalogue, recommender, seeds, query

    def scores(self) -> Scores:
        """Return the fused votes (candidate,), larger is better."""
        total = np.zeros(len(self._query.candidates))
        for _, ranks in self._ranked():
            for own in ranks:
                total += 1 / (RANK_OFFSET + own)
        return total.astype(np.float32)

    def of_columns(self, columns: Sequence[int]) -> tuple[Scores, Ranks]:
        """Return similarities and ranks of some candidates for each seed, (seed, column) both."""
        parts = [(near[:, list(columns)], ranks[:, list(columns)]) for near, ranks in self._ranked()]
        near, ranks = zip(*parts, strict=True)
        return np.concatenate(near), np.concatenate(ranks)

    def _ranked(self) -> Iterator[tuple[Scores, Ranks]]:
        """Yield similarities and ranks, (seed, candidate) both, of one block of seeds after the other."""
        rows = self._query.candidates
        parts = list(blocks(len(self._seeds), len(rows), n_scores=BLOCK_VOTES))
        if len(parts) == 1:
            yield self._only_block
        else:
            yield from (self._block(self._seeds[part]) for part in parts)

    @cached_property
    def _only_block(self) -> tuple[Scores, Ranks]:
        return self._block(self._seeds)

    @cached_property
    def _others(self) -> Mask:
        return ~is_song_of(self._catalogue, self._seeds, self._query.candidates)

    @cached_property
    def _sample(self) -> Rows | None:
        """Candidates that stand for those that are not scored; None: all are scored."""
        lists = self._query.shortlists
        return None if lists is None else lists.sample(self._query.which, self._query.candidates)

    def _block(self, seeds: Sequence[Seed]) -> tuple[Scores, Ranks]:
        catalogue, query, rows = self._catalogue, self._query, self._query.candidates
        near = self._similarities(seeds, rows)
        scaled = ScaledSimilarities.of(catalogue, self._recommender, near, self._others, query, self._seeds)
        keys = np.array([tie_key(seed) for seed in seeds])
        order = top_k(scaled.values, len(rows), seed=query.seed, queries=keys, candidates=rows)  # (seed, candidate)
        ranks = np.empty(near.shape, np.int64)
        np.put_along_axis(ranks, order, np.arange(1, len(rows) + 1)[None, :], axis=1)
        if self._sample is not None and query.shortlists is not None:  # a track that other seeds found: estimated
            similarities = self._similarities(seeds, self._sample)
            outside = np.sort(scaled.apply(similarities, catalogue.is_warm[self._sample]), axis=1)
            n_outside = query.shortlists.n_candidates(query.which) - len(rows)
            ranks += ranks_outside(outside, scaled.values, n_outside)
        return near, ranks

    def _similarities(self, seeds: Sequence[Seed], rows: Rows) -> Scores:
        return np.stack([similarities_to(self._recommender, seed, rows) for seed in seeds])  # (seed, candidate)


def similarities_to(recommender: Recommender, seed: Seed, rows: Rows) -> Scores:
    """Return the similarity of one seed to candidates, (candidate,)."""
    if isinstance(seed, int):
        near = recommender.similarities(np.array([seed], np.int32), rows)
    elif isinstance(recommender, RanksNewTracks):
        near = recommender.vector_similarities(seed.vector[None, :], rows)
    else:
        raise UserError(f"{recommender.name} cannot rank a track from outside the library; name a trained model")
    return near.reshape(-1)


def tie_key(seed: Seed) -> int:
    """Return the number of a seed in the tie keys; tracks from outside the library share -1."""
    return seed if isinstance(seed, int) else -1
