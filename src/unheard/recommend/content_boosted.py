"""Content-boosted collaborative filtering: content fills the table of ratings, then nearest playlists predict.

Melville, Mooney and Nagarajan, Content-Boosted Collaborative Filtering for Improved Recommendations (2002). Playlist u
gives track i the pseudo-rating v_ui: 1 where it holds the track, and else the content prediction c_ui = x_u . c_i, with
x_u its warm factor and c_i the factor that ridge regression predicts from sound (of train tracks: regressions that did
not see them, see predicted.py). With P the Pearson correlation of two playlists' pseudo-ratings of all train tracks,

    p_ai = v̄_a + (sw_a (c_ai - v̄_a) + sum over u of hw_au P_au (v_ui - v̄_u)) / (sw_a + sum over u of hw_au P_au)

    hw_au = 2 m_a m_u / (m_a + m_u) + min(shared plays, 50) / 50        trust in the pair
    sw_a  = 2 m_a                                                       trust in the playlist's own content predictions
    m_u   = min(plays of u, 50) / 50

over the 30 nearest playlists with P > 0. A cold track has content predictions alone, now shared among neighbours.

The table is full, but it is a product of factors plus a correction s_ui = 1 - c_ui at the plays, which is as sparse as
they are: v = X C' + S. Means, correlations and predictions all follow from X, C and S; the widest array is a few rows
of correlations with all playlists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array

from unheard.ranking import blocks, top_k
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Rows, Scores
from unheard.splits import Use

Matrix = NDArray[np.float64]

NEAREST = 30
SURE_PLAYS = 50
MOST_OWN = 2.0
BLOCK_PLAYS = 65_536


@dataclass(frozen=True)
class ContentBoostedRecommender:
    """p = base + X C' + W S, see `content_boosted`.

    base         (m,)
    playlists    (m, d): a playlist's factor and its neighbours', weighed
    content      (n, d) predicted factors
    weights      (m, m) sparse W
    corrections  (m, n) sparse S
    factors      for `similarities`: true factors of train tracks, predicted ones of others
    """

    name: str
    base: Matrix
    playlists: Matrix
    content: Matrix
    weights: csr_matrix
    corrections: csr_matrix
    factors: FactorRecommender

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        full = self.playlists[playlists] @ self.content[candidates].T
        sparse = csr_matrix(self.weights[playlists] @ self.corrections)[:, candidates].toarray()
        scores: Scores = (self.base[playlists, None] + full + sparse).astype(np.float32)
        return scores

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


def content_boosted(catalogue: Catalogue, name: str, *, k: int = NEAREST) -> ContentBoostedRecommender:
    """UserError if no train track has both sound and plays."""
    found = predicted.cross_fitted_ridge(catalogue)
    known = np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)
    x, content = catalogue.warm.playlists.astype(np.float64), found.astype(np.float64)
    table = PseudoRatings.of(x, content, catalogue.train_plays, known)
    trust = trusted_neighbours(table, catalogue.train_plays, k)  # hw P
    own = MOST_OWN * _sureness(catalogue.train_plays)  # sw
    total = own + np.asarray(trust.sum(axis=1)).reshape(-1)
    share = np.divide(1, total, out=np.zeros(len(total)), where=total > 0)
    own, weights = own * share, csr_matrix(diags_array(share) @ trust)
    base = table.mean * (1 - own) - weights @ table.mean
    factors = predicted.from_predictions(catalogue, name, found)
    playlists = own[:, None] * x + weights @ x
    return ContentBoostedRecommender(name, base, playlists, content, weights, table.corrections, factors)


@dataclass(frozen=True)
class PseudoRatings:
    """The full table v = X C' + S over the k train tracks, never computed as such.

    corrections  (m, n) S
    mean         (m,) v̄
    deviation    (m,) length of v_u - v̄_u; 0 where all pseudo-ratings are alike
    left, right  (m, 2 d) whose product is X C'C X' + S C X' + X C' S', so that with S S' it is v v'
    """

    corrections: csr_matrix
    n_tracks: int
    mean: Matrix
    deviation: Matrix
    left: Matrix
    right: Matrix

    @staticmethod
    def of(x: Matrix, content: Matrix, plays: csr_matrix, known: Rows) -> PseudoRatings:
        """From factors x (m, d) and content (n, d), plays (m, n) of `known` tracks (k,)."""
        s = _corrections(x, content, plays)
        c = content[known]
        crossed = s @ content  # (m, d)
        left, right = np.concatenate([x @ (c.T @ c) + crossed, x], axis=1), np.concatenate([x, crossed], axis=1)
        n = max(len(known), 1)
        mean = (x @ c.sum(axis=0) + np.asarray(s.sum(axis=1)).reshape(-1)) / n
        squares = (left * right).sum(axis=1) + np.asarray(s.multiply(s).sum(axis=1)).reshape(-1)
        centred = squares - n * mean**2
        return PseudoRatings(s, n, mean, np.sqrt(np.where(centred > 1e-9 * squares, centred, 0)), left, right)

    def correlations(self, rows: slice) -> Scores:
        """Pearson correlations of some playlists with all, (row, m); 0 where a deviation is 0."""
        products = self.left[rows] @ self.right.T + (self.corrections[rows] @ self.corrections.T).toarray()
        covariance = products - self.n_tracks * np.outer(self.mean[rows], self.mean)
        scale = np.outer(self.deviation[rows], self.deviation)
        found: Matrix = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
        return found.astype(np.float32)


def trusted_neighbours(table: PseudoRatings, plays: csr_matrix, k: int) -> csr_matrix:
    """hw_au P_au of the `k` playlists that correlate most, (m, m)."""
    m, sure = plays.shape[0], _sureness(plays)
    held = csr_matrix((np.ones(plays.nnz), plays.indices, plays.indptr), shape=plays.shape)
    nearest, values = np.zeros((m, min(k, m)), np.int64), np.zeros((m, min(k, m)))
    for here in blocks(m, m):
        rows = np.arange(here.start, here.stop)
        p = table.correlations(here)
        p[rows - here.start, rows] = -np.inf
        p[p <= 0] = -np.inf
        columns = top_k(p, k, seed=0, queries=rows, candidates=np.arange(m))
        shared = np.take_along_axis((held[here] @ held.T).toarray(), columns, axis=1)
        both = sure[rows, None] + sure[columns]
        pair = np.divide(2 * sure[rows, None] * sure[columns], both, out=np.zeros(both.shape), where=both > 0)
        trust = (pair + np.minimum(shared, SURE_PLAYS) / SURE_PLAYS) * np.maximum(
            np.take_along_axis(p, columns, axis=1), 0
        )
        nearest[here], values[here] = columns, np.where(columns >= 0, trust, 0)
    filled = values > 0
    entries = (values[filled], (np.nonzero(filled)[0], nearest[filled]))
    return csr_matrix(entries, shape=(m, m))


def _sureness(plays: csr_matrix) -> Matrix:
    """m_u: how many of 50 plays a playlist has, at most 1."""
    sure: Matrix = np.minimum(np.diff(plays.indptr), SURE_PLAYS) / SURE_PLAYS
    return sure


def _corrections(x: Matrix, content: Matrix, plays: csr_matrix) -> csr_matrix:
    """S = 1 - c at the plays, (m, n)."""
    values = np.empty(plays.nnz)
    playlist = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    for start in range(0, plays.nnz, BLOCK_PLAYS):
        here = slice(start, start + BLOCK_PLAYS)
        values[here] = 1 - (x[playlist[here]] * content[plays.indices[here]]).sum(axis=1)
    return csr_matrix((values, plays.indices, plays.indptr), shape=plays.shape)
