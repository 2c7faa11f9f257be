"""Bring playlists up to date that changed after the factors were computed, without a new factorisation or training.

The factor of a changed playlist is one exact ALS step with the factors of its tracks fixed: the step that ALS repeats.

A model with its own embedding space learned an embedding of each playlist in training. The embedding of a changed
playlist is a linear map of its factor and of the mean embedding of its tracks, fitted by ridge regression to the other
playlists. It needs nothing of the model but its embeddings. On real playlists, mapped embeddings of playlists that the
map was not fitted to rank as well as the learned ones (docs/decisions/0017-first-plays.md).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats, Mask
from unheard.factors.als import AlsConfig, fold_in
from unheard.factors.store import Factors
from unheard.plays import Plays
from unheard.plays.playlist_digests import playlist_digests

PENALTY = 0.01  # of the ridge regression, in mean eigenvalues of its Gram matrix
MAX_PLAYLISTS = 5000  # that the map is fitted to


def changed_since(factors: Factors, plays: Plays) -> Mask:
    """Return which playlists of `plays` are new, or hold other tracks than when `factors` were computed, (m,).

    plays  with positive weights only, of tracks of the library
    """
    rows = factors.playlist_ids.rows(plays.playlist_ids, missing=-1)
    if factors.playlist_digests is None or not len(factors.playlist_ids):
        return rows < 0
    changed: Mask = (rows < 0) | (factors.playlist_digests[rows] != playlist_digests(plays.matrix, plays.track_ids))
    return changed


def fold_in_changed(playlists: Floats, changed: Mask, tracks: Floats, plays: csr_matrix, als: AlsConfig) -> Floats:
    """Return playlist factors (m, d), of which those in the mask `changed` (m,) are one ALS step from their tracks.

    tracks  (n, d) factors; zero for tracks without
    plays   (m, n), without plays of tracks that have no factor

    A changed playlist without plays has the factor 0.
    """
    if not changed.any():
        return playlists
    current = playlists.copy()
    current[changed] = fold_in(tracks, plays[np.flatnonzero(changed)], als)
    return current


def mapped_embeddings(
    embeddings: Floats, changed: Mask, factors: Floats, tracks: Floats, *, before: csr_matrix, now: csr_matrix
) -> Floats:
    """Return playlist embeddings (m, k), of which those in the mask `changed` (m,) are mapped as the module describes.

    embeddings  (m, k) learned ones; zero for playlists that the model does not know
    factors     (m, d) current factors of the playlists
    tracks      (n, k) embeddings of the tracks
    before      (m, n) plays that the model learned from
    now         (m, n) all plays

    Without a playlist to fit the map to, the learned embeddings are returned.
    """
    fitted = np.flatnonzero(~changed & embeddings.any(axis=1) & factors.any(axis=1))
    rows = np.flatnonzero(changed & factors.any(axis=1))
    if not len(fitted) or not len(rows):
        return embeddings
    if len(fitted) > MAX_PLAYLISTS:
        fitted = np.sort(np.random.default_rng(0).choice(fitted, MAX_PLAYLISTS, replace=False))
    x, means = factors[fitted].astype(np.float64), _means(before[fitted], tracks)
    scales = [float(values.std()) or 1.0 for values in (x, means)]

    def inputs(factors: Doubles, means: Doubles) -> Doubles:  # (playlist, d + k + 1)
        return np.concatenate([factors / scales[0], means / scales[1], np.ones((len(means), 1))], axis=1)

    a = inputs(x, means)
    gram = a.T @ a
    gram += PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, a.T @ embeddings[fitted].astype(np.float64))
    current = embeddings.copy()
    current[rows] = inputs(factors[rows].astype(np.float64), _means(now[rows], tracks)) @ weights
    return current


def _means(plays: csr_matrix, tracks: Floats) -> Doubles:
    """Return the mean vector of the tracks of each playlist, (m, k)."""
    once = csr_matrix((np.ones(plays.nnz), plays.indices, plays.indptr), shape=plays.shape)
    means: Doubles = once @ tracks.astype(np.float64) / np.maximum(np.diff(plays.indptr), 1)[:, None]
    return means
