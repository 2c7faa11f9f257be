"""Rank by memory-based collaborative filtering: nearest playlists or nearest tracks.

User-based: Herlocker, Konstan, Borchers and Riedl, An Algorithmic Framework for Performing Collaborative Filtering
(1999). Item-based: Sarwar, Karypis, Konstan and Riedl, Item-Based Collaborative Filtering Recommendation Algorithms
(2001). With s the similarity, r_ui the rating of track i in playlist u and N the k nearest neighbours:

    playlists    p_ui =        sum over v in N(u) of s_uv r_vi / sum of |s_uv|
      adjusted   p_ui = r̄_u + sum over v in N(u) of s_uv (r_vi - r̄_v) / sum of |s_uv|
    tracks       p_ui =        sum over j in N(i) of s_ij r_uj / sum of |s_ij|
      adjusted   p_ui = r̄_i + sum over j in N(i) of s_ij (r_uj - r̄_j) / sum of |s_ij|

    cosine       s_ij = r_i . r_j / (|r_i| |r_j|)
    Pearson      the cosine of the vectors after their means are subtracted

The rating r is the weight of a play, and 0 without a play. Textbooks compute means over the tracks that two users have
both rated. In playlists all these ratings are 1, so they have no variance and the correlation is 0/0. Means, and so
Pearson's correlation, are therefore over all rows or columns with train plays, zeros included; for binary plays this is
the phi coefficient. Consequently, user-based adjustment adds a constant to all scores of a playlist, which changes no
ranking; item-based adjustment adds a different number for each track, which can.

Only neighbours with a similarity above 0 count. They share a play, so products of blocks of sparse rows find all of
them; k of each row are kept, and no square matrix is dense. The library `implicit` has only the cosine of tracks; the
product here serves both sides and both similarities, and breaks ties at random instead of by index. The tests compare
the two.

Tracks without train plays have equal scores in every playlist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array

from unheard.arrays import Doubles, Rows
from unheard.ranking import top_k
from unheard.ranking.exact import BLOCK_SCORES
from unheard.recommend.recommenders import Scores

Similarity = Literal["cosine", "pearson"]

NEAREST_PLAYLISTS = 100
NEAREST_TRACKS = 50


@dataclass(frozen=True)
class Profiles:
    """Rows of a rating matrix, scaled so that products are similarities: s_ij = rows_i . rows_j - common_i common_j.

    rows    (n, z) float64 sparse; rows without ratings (and, for Pearson, without variance) are zero
    common  (n,) contribution of the means; zero for the cosine
    """

    rows: csr_matrix
    common: Doubles

    @staticmethod
    def of(ratings: csr_matrix, similarity: Similarity) -> Profiles:
        """Scale ratings (n, z). Means are over the columns with a rating."""
        r = csr_matrix(ratings, dtype=np.float64, copy=True)
        r.sort_indices()
        mean = means(r) if similarity == "pearson" else np.zeros(r.shape[0])
        n_columns = len(np.unique(r.indices))
        squares = np.asarray(r.multiply(r).sum(axis=1)).reshape(-1)
        centred = squares - n_columns * mean**2
        varies = centred > 1e-9 * squares
        scale = np.where(varies, 1 / np.sqrt(np.where(varies, centred, 1)), 0)
        return Profiles(csr_matrix(diags_array(scale) @ r), np.sqrt(n_columns) * mean * scale)

    def between(self, queries: Rows, candidates: Rows) -> Scores:
        """Return the similarities of all pairs, (query, candidate)."""
        products = (self.rows[queries] @ self.rows[candidates].T).toarray()
        similarity: Scores = (products - np.outer(self.common[queries], self.common[candidates])).astype(np.float32)
        return similarity

    def nearest(self, k: int) -> csr_matrix:
        """Return similarities of the `k` most similar other rows of each row, divided by their sum, (n, n) sparse."""
        n, transposed = self.rows.shape[0], self.rows.T.tocsr()
        columns: list[NDArray[np.integer]] = []
        values: list[Doubles] = []
        for block in self._blocks(transposed):
            products = csr_matrix(self.rows[block] @ transposed)
            for row, (start, stop) in zip(range(block.start, block.stop), pairwise(products.indptr), strict=True):
                others = products.indices[start:stop]
                near = (products.data[start:stop] - self.common[row] * self.common[others]).astype(np.float32)
                usable = (near > 0) & (others != row)
                others, near = others[usable], near[usable]
                best = top_k(near[None, :], k, seed=0, queries=np.array([row]), candidates=others)[0]
                best.sort()
                columns.append(others[best])
                values.append(near[best] / near[best].sum(dtype=np.float64))
        starts = np.concatenate([[0], np.cumsum([len(found) for found in columns])])
        flat = (np.concatenate([np.empty(0), *values]), np.concatenate([np.empty(0, np.int64), *columns]), starts)
        found = csr_matrix(flat, shape=(n, n))
        found.sort_indices()
        return found

    def _blocks(self, transposed: csr_matrix) -> Iterator[slice]:
        """Yield slices of rows whose products with all rows have at most about BLOCK_SCORES entries together."""
        n = self.rows.shape[0]
        ones = csr_matrix((np.ones(self.rows.nnz), self.rows.indices, self.rows.indptr), shape=self.rows.shape)
        max_entries = np.minimum(ones @ np.diff(transposed.indptr), n)  # (n,)
        block = np.cumsum(max_entries) // BLOCK_SCORES
        edges = [0, *(np.flatnonzero(np.diff(block)) + 1), n] if n else [0]
        for start, stop in pairwise(edges):
            yield slice(int(start), int(stop))


@dataclass(frozen=True)
class NeighbourRecommender:
    """Ranks by p = left right + playlist_offset + track_offset, with the formulas of this module.

    left             (m, z) sparse: weights of a playlist's neighbours, or its ratings
    right            (z, n) sparse: ratings of the neighbours, or weights of the tracks' neighbours
    playlist_offset  (m,) from mean adjustment
    track_offset     (n,) from mean adjustment
    tracks           (n, m) profiles of the tracks, for `similarities` of both kinds of recommender
    """

    name: str
    left: csr_matrix
    right: csr_matrix
    playlist_offset: Doubles
    track_offset: Doubles
    tracks: Profiles

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        products = csr_matrix(self.left[playlists] @ self.right)[:, candidates].toarray()
        offsets = self.playlist_offset[playlists, None] + self.track_offset[candidates]
        scores: Scores = (products + offsets).astype(np.float32)
        return scores

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.tracks.between(queries, candidates)


def nearest_playlists(
    name: str, plays: csr_matrix, similarity: Similarity, *, adjusted: bool = False, k: int = NEAREST_PLAYLISTS
) -> NeighbourRecommender:
    """Return the user-based recommender of train plays (m, n)."""
    r = csr_matrix(plays, dtype=np.float64)
    weights = Profiles.of(r, similarity).nearest(k)
    mean = means(r)
    shift = mean - weights @ mean if adjusted else np.zeros(r.shape[0])
    return NeighbourRecommender(name, weights, r, shift, np.zeros(r.shape[1]), Profiles.of(r.T.tocsr(), similarity))


def nearest_tracks(
    name: str, plays: csr_matrix, similarity: Similarity, *, adjusted: bool = False, k: int = NEAREST_TRACKS
) -> NeighbourRecommender:
    """Return the item-based recommender of train plays (m, n)."""
    r = csr_matrix(plays, dtype=np.float64)
    profiles = Profiles.of(r.T.tocsr(), similarity)
    weights = profiles.nearest(k)
    mean = means(r.T.tocsr())
    shift = mean - weights @ mean if adjusted else np.zeros(r.shape[1])
    return NeighbourRecommender(name, r, weights.T.tocsr(), np.zeros(r.shape[0]), shift, profiles)


def means(ratings: csr_matrix) -> Doubles:
    """Return the mean of each row over the columns that hold any rating, missing ratings as 0, (n,)."""
    n_columns = len(np.unique(ratings.indices))
    total: Doubles = np.asarray(ratings.sum(axis=1)).reshape(-1)
    return total / max(n_columns, 1)
