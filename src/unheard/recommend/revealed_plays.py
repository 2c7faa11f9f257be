"""Rank tracks of which some plays are revealed for the playlists of their other plays: queries and their figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats, Indices, Mask, Rows
from unheard.metrics import accuracy, chance
from unheard.ranking import ranks_of
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.cold_to_warm import Reveal
from unheard.splits import Use

K = 20
MAX_VALIDATION_PLAYLISTS = 1000  # to choose the kappas on
METRICS = ("recall@20", "ndcg@20", "auc")
Figures = dict[str, Doubles]  # by metric, (query,)


@dataclass(frozen=True)
class Queries:
    """Relevant tracks and candidates: column[i] is a relevant candidate of query[i]; ordered by query."""

    playlists: Rows
    query: Indices
    column: Indices
    left_out: Mask  # (query, track)
    tracks: Rows
    x: Floats  # (query, d)
    seed: int

    @staticmethod
    def of(catalogue: Catalogue, reveal: Reveal, *, seed: int, at_most: int | None = None) -> Queries:
        """Return the queries of all playlists, or of a random sample of them."""
        hidden = reveal.hidden
        playlists = np.flatnonzero(np.diff(hidden.indptr)).astype(np.int32)
        if at_most is not None and len(playlists) > at_most:
            playlists = np.sort(np.random.default_rng([seed, 8]).choice(playlists, at_most, replace=False))
        relevant = hidden[playlists].tocoo()
        order = np.lexsort((relevant.col, relevant.row))
        return Queries(
            playlists,
            relevant.row[order].astype(np.int64),
            relevant.col[order].astype(np.int64),
            reveal.left_out[playlists].toarray() > 0,
            reveal.tracks,
            catalogue.warm.playlists[playlists],
            seed,
        )

    @property
    def n_allowed(self) -> Indices:
        """Candidates of each query that are not left out, (query,)."""
        n: Indices = np.sum(~self.left_out, axis=1, dtype=np.int64)
        return n

    def figures(self, factors: Floats) -> Figures:
        """Return every metric of a ranking by factors (track, d), per query."""
        return self.of_scores((self.x.astype(np.float64) @ factors.astype(np.float64).T).astype(np.float32))

    def of_scores(self, scores: Floats) -> Figures:
        """Return every metric of a ranking by scores (query, track), per query."""
        scores = np.where(self.left_out, np.float32(-np.inf), scores)
        rank, mid = ranks_of(
            scores, self.query, self.column, seed=self.seed, queries=self.playlists, candidates=self.tracks
        )
        ranks = accuracy.Ranks.of(self.query, rank, len(self.playlists))
        values = (
            accuracy.recall_at_k(ranks, K),
            accuracy.ndcg_at_k(ranks, K),
            accuracy.auc(self.query, mid, self.n_allowed),
        )
        return dict(zip(METRICS, values, strict=True))

    def by_chance(self) -> dict[str, float]:
        """Return the expectation of every metric for a random ranking."""
        r = np.bincount(self.query, minlength=len(self.playlists))
        n = self.n_allowed
        values = (chance.chance_recall(n, r, K).mean(), chance.chance_ndcg(n, r, K).mean(), 0.5)
        return dict(zip(METRICS, map(float, values), strict=True))


def reveal_plays(
    catalogue: Catalogue, plays: csr_matrix, use: Use, has_plays: Mask, seed: int, *, at_most: int | None = None
) -> Reveal:
    """Return the plays to reveal of the tracks of one use that have two plays or more, or of a sample of them."""
    rng = np.random.default_rng([seed, 6, int(use)])
    counts = np.asarray(plays[has_plays].getnnz(axis=0))
    tracks = np.flatnonzero((catalogue.use == use) & (counts >= 2)).astype(np.int32)
    if at_most is not None and len(tracks) > at_most:
        tracks = np.sort(rng.choice(tracks, at_most, replace=False))
    return Reveal.of(plays, tracks, playlists=has_plays, rng=rng)
