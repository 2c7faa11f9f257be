"""Rank by content-boosted collaborative filtering: content fills the rating matrix, then nearest playlists predict.

Melville, Mooney and Nagarajan, Content-Boosted Collaborative Filtering for Improved Recommendations (2002). Playlist u
gives track i the pseudo-rating v_ui: 1 where it holds the track, and else the content prediction c_ui = x_u . c_i, with
x_u its warm factor and c_i the factor that ridge regression predicts from content (for train tracks: regressions fitted
without them, see predicted.py). With P the Pearson correlation of two playlists' pseudo-ratings of all train tracks,

    p_ai = v̄_a + (sw_a (c_ai - v̄_a) + sum over u of hw_au P_au (v_ui - v̄_u)) / (sw_a + sum over u of hw_au P_au)

    hw_au = 2 m_a m_u / (m_a + m_u) + min(shared plays, 50) / 50        hybrid correlation weight of the pair
    sw_a  = 2 m_a                                                       weight of the playlist's own content predictions
    m_u   = min(plays of u, 50) / 50

over the 30 nearest playlists with P > 0. The score of a cold track is a weighted mean of content predictions of the
playlist and its neighbours.

The matrix of pseudo-ratings is dense, but it is a product of factors plus a correction s_ui = 1 - c_ui at the plays,
which is as sparse as the plays: v = X C' + S. Means, correlations and predictions are computed from X, C and S; the
largest array holds the correlations of a block of playlists with all playlists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from unheard.arrays import Doubles, Rows
from unheard.ranking import blocks, top_k
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Scores
from unheard.splits import Use

N_NEIGHBOURS = 30
SIGNIFICANT_PLAYS = 50  # with more plays, or more shared plays, weights do not increase
MAX_SELF_WEIGHT = 2.0
BLOCK_PLAYS = 65_536


@dataclass(frozen=True)
class ContentBoostedRecommender:
    """p = base + X C' + W S, see `content_boosted`.

    base         (m,)
    playlists    (m, d) X, the weighted sum of the factors of a playlist and its neighbours
    content      (n, d) C, predicted factors
    weights      (m, m) sparse W, of the neighbours
    corrections  (m, n) sparse S
    factors      for `similarities`: true factors of train tracks, predicted ones of others
    """

    name: str
    base: Doubles
    playlists: Doubles
    content: Doubles
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


def content_boosted(catalogue: Catalogue, name: str, *, k: int = N_NEIGHBOURS) -> ContentBoostedRecommender:
    """Return the recommender with `k` neighbours; raise UserError if no train track has both features and plays."""
    found = predicted.cross_fitted_ridge(catalogue)
    known = np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)
    x, content = catalogue.warm.playlists.astype(np.float64), found.astype(np.float64)
    table = PseudoRatings.of(x, content, catalogue.train_plays, known)
    weights = neighbour_weights(table, catalogue.train_plays, k)  # hw P
    own = MAX_SELF_WEIGHT * _significance(catalogue.train_plays)  # sw
    total = own + np.asarray(weights.sum(axis=1)).reshape(-1)
    share = np.divide(1, total, out=np.zeros(len(total)), where=total > 0)
    own, weights = own * share, csr_matrix(diags_array(share) @ weights)
    base = table.mean * (1 - own) - weights @ table.mean
    factors = predicted.from_predictions(catalogue, name, found)
    playlists = own[:, None] * x + weights @ x
    return ContentBoostedRecommender(name, base, playlists, content, weights, table.corrections, factors)


@dataclass(frozen=True)
class PseudoRatings:
    """The matrix v = X C' + S over the k train tracks, in parts.

    corrections  (m, n) S
    n_tracks     k
    mean         (m,) v̄
    deviation    (m,) length of v_u - v̄_u; 0 if all pseudo-ratings are equal
    left, right  (m, 2 d) whose product is X C'C X' + S C X' + X C' S', which plus S S' is v v'
    """

    corrections: csr_matrix
    n_tracks: int
    mean: Doubles
    deviation: Doubles
    left: Doubles
    right: Doubles

    @staticmethod
    def of(x: Doubles, content: Doubles, plays: csr_matrix, known: Rows) -> PseudoRatings:
        """Compute the parts from factors x (m, d), content (n, d), plays (m, n) and the rows `known` (k,)."""
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
        """Return Pearson correlations of some playlists with all, (row, m); 0 where a deviation is 0."""
        products = self.left[rows] @ self.right.T + (self.corrections[rows] @ self.corrections.T).toarray()
        covariance = products - self.n_tracks * np.outer(self.mean[rows], self.mean)
        scale = np.outer(self.deviation[rows], self.deviation)
        found: Doubles = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
        return found.astype(np.float32)


def neighbour_weights(table: PseudoRatings, plays: csr_matrix, k: int) -> csr_matrix:
    """Return hw_au P_au of the `k` playlists with the highest correlations, (m, m) sparse."""
    m, significance = plays.shape[0], _significance(plays)
    held = csr_matrix((np.ones(plays.nnz), plays.indices, plays.indptr), shape=plays.shape)
    nearest, values = np.zeros((m, min(k, m)), np.int64), np.zeros((m, min(k, m)))
    for here in blocks(m, m):
        rows = np.arange(here.start, here.stop)
        p = table.correlations(here)
        p[rows - here.start, rows] = -np.inf
        p[p <= 0] = -np.inf
        columns = top_k(p, k, seed=0, queries=rows, candidates=np.arange(m))
        shared = np.take_along_axis((held[here] @ held.T).toarray(), columns, axis=1)
        a, u = significance[rows, None], significance[columns]
        harmonic = np.divide(2 * a * u, a + u, out=np.zeros(u.shape), where=a + u > 0)
        weight = harmonic + np.minimum(shared, SIGNIFICANT_PLAYS) / SIGNIFICANT_PLAYS
        weight *= np.maximum(np.take_along_axis(p, columns, axis=1), 0)
        nearest[here], values[here] = columns, np.where(columns >= 0, weight, 0)
    filled = values > 0
    entries = (values[filled], (np.nonzero(filled)[0], nearest[filled]))
    return csr_matrix(entries, shape=(m, m))


def _significance(plays: csr_matrix) -> Doubles:
    """Return m_u of every playlist, (m,)."""
    significance: Doubles = np.minimum(np.diff(plays.indptr), SIGNIFICANT_PLAYS) / SIGNIFICANT_PLAYS
    return significance


def _corrections(x: Doubles, content: Doubles, plays: csr_matrix) -> csr_matrix:
    """Return S, 1 - c at the plays, (m, n) sparse."""
    values = np.empty(plays.nnz)
    playlist = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    for start in range(0, plays.nnz, BLOCK_PLAYS):
        here = slice(start, start + BLOCK_PLAYS)
        values[here] = 1 - (x[playlist[here]] * content[plays.indices[here]]).sum(axis=1)
    return csr_matrix((values, plays.indices, plays.indptr), shape=plays.shape)
