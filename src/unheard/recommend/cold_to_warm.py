"""Estimate the factor of a track from its predicted factor, its artist and its first plays: from cold to warm.

Each estimate is shrunk towards the previous one. The predicted factor is first combined with the mean of the artist's
train tracks:

    prior f = (n_a artist mean + kappa_a predicted) / (n_a + kappa_a)

This is the posterior mean of a Gaussian whose prior has the weight of kappa_a observations (Gelman et al., Bayesian
Data Analysis, section 2.5). Plays then add an offset to the prior, as in collaborative topic regression (Wang & Blei,
2011), by one step of implicit ALS with playlists X fixed:

    y = f + d,  d = argmin  sum over plays u of (1 + alpha) (1 - x_u . (f + d))^2
                          + sum over the other playlists of (x_u . d)^2  +  kappa |d|^2

The less the prior predicts a play, the larger its effect. Playlists without a play keep the predicted score: in a plain
fold-in they would count as "not played", and a few plays would cancel the prior. Without plays d is 0. The predicted
factors can come from any model. The kappas are chosen on validation tracks, some of whose plays are revealed.

`Reveal` fixes the plays of an evaluation for all numbers of revealed plays: the plays of a track are shuffled, the
second half are the targets, and plays are revealed from the first half only. Targets and candidates are then the same
however many plays are revealed. A play counts once, whatever its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Indices, Rows
from unheard.factors.als import fold_in
from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use

KAPPAS_ARTIST = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)  # in tracks
BLOCK_VALUES = 4_000_000  # numbers of an intermediate array, 32 MB
KAPPAS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)  # in mean eigenvalues of X'X


@dataclass(frozen=True)
class Estimates:
    """Estimates of the factors of t tracks that do not use their plays.

    predicted    (t, d) predicted factors
    artist_mean  (t, d) mean factor of the artist's train tracks
    n_artist     (t,) number of these tracks; where it is 0, `artist_mean` is ignored
    """

    predicted: Floats
    artist_mean: Floats
    n_artist: NDArray[np.int64]

    def prior(self, kappa_artist: float) -> Floats:
        """Return the prior f of the module's formula, (t, d)."""
        return shrunken(self.artist_mean, self.n_artist, self.predicted, kappa_artist)


@dataclass(frozen=True)
class Reveal:
    """Plays of some tracks in random order, divided into plays to reveal and targets.

    tracks     catalogue rows, ascending
    playlist   (play,) rows of the playlists, ordered by track, then by position
    column     (play,) index in `tracks` of the track that is played
    position   (play,) position of a play among the plays of its track, from 0
    is_target  (play,) bool, plays in the second half
    shape      (playlists, tracks)
    """

    tracks: Rows
    playlist: NDArray[np.int64]
    column: NDArray[np.int64]
    position: NDArray[np.int64]
    is_target: NDArray[np.bool_]
    shape: tuple[int, int]

    @staticmethod
    def of(plays: csr_matrix, tracks: Rows, *, playlists: NDArray[np.bool_], rng: np.random.Generator) -> Reveal:
        """Draw the order of plays (m, n) of `tracks` in the playlists of a mask (m,)."""
        found = plays[:, tracks].tocoo()
        keep = playlists[found.row]
        playlist, column = found.row[keep].astype(np.int64), found.col[keep].astype(np.int64)
        order = np.lexsort((rng.random(len(column)), column))
        playlist, column = playlist[order], column[order]
        counts = np.bincount(column, minlength=len(tracks))
        position = np.arange(len(column)) - (np.cumsum(counts) - counts)[column]
        is_target = position >= (counts // 2)[column]
        return Reveal(tracks, playlist, column, position, is_target, (plays.shape[0], len(tracks)))

    @property
    def hidden(self) -> csr_matrix:
        """The targets, (m, t)."""
        return self._matrix(self.is_target)

    @property
    def left_out(self) -> csr_matrix:
        """The plays that can be revealed, (m, t); they are no candidates, revealed or not."""
        return self._matrix(~self.is_target)

    def shown(self, n: int) -> csr_matrix:
        """Return up to `n` revealed plays of each track, (m, t)."""
        return self._matrix(~self.is_target & (self.position < n))

    def _matrix(self, keep: NDArray[np.bool_]) -> csr_matrix:
        ones = np.ones(int(keep.sum()), np.float32)
        return csr_matrix((ones, (self.playlist[keep], self.column[keep])), shape=self.shape)


def shrunken(mean: Floats, n: NDArray[np.integer], prior: Floats, kappa: float) -> Floats:
    """Return (n mean + kappa prior) / (n + kappa) for each row: (t, d), (t,), (t, d) -> (t, d).

    It is the prior where n is 0, for every kappa, and in all rows if kappa is infinite.
    """
    weight = np.where(n > 0, n / np.maximum(n + kappa, 1e-300), 0.0)[:, None]
    return (np.where(weight > 0, weight * mean, 0) + (1 - weight) * prior).astype(np.float32)


def estimates_of(catalogue: Catalogue, predicted: Floats, tracks: Rows) -> Estimates:
    """Return estimates of some tracks (t,), from the predicted factors of all tracks (n, d).

    The artist mean of a train track is that of the artist's other train tracks.
    """
    is_train = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    train, artist = np.flatnonzero(is_train), catalogue.main_artist
    ones = csr_matrix((np.ones(len(train)), (artist[train], train)), shape=(int(artist.max()) + 1, len(artist)))
    own = np.where(is_train[tracks, None], catalogue.warm.tracks[tracks], np.float32(0)).astype(np.float64)
    n_artist = np.bincount(artist[train], minlength=ones.shape[0])[artist[tracks]] - is_train[tracks]
    sums = (ones @ catalogue.warm.tracks.astype(np.float64))[artist[tracks]] - own
    means = (sums / np.maximum(n_artist, 1)[:, None]).astype(np.float32)
    return Estimates(predicted[tracks], means, n_artist.astype(np.int64))


def folded(catalogue: Catalogue, shown: csr_matrix) -> Floats:
    """Return factors (t, d) of tracks folded in from revealed plays (m, t); the mean factor without plays."""
    found = fold_in(catalogue.warm.playlists, shown.T.tocsr(), catalogue.warm.als)
    return np.where((shown.getnnz(axis=0) > 0)[:, None], found, catalogue.warm.centre).astype(np.float32)


def with_plays(prior: Floats, playlists: Floats, shown: csr_matrix, *, kappa: float, alpha: float) -> Floats:
    """Return factors (t, d) of tracks: the prior plus the offset d from revealed plays (m, t).

    playlists  (m, d) factors X
    kappa      in mean eigenvalues of X'X, so that it does not depend on the size of the library; infinite: the prior
    """
    moved = prior.astype(np.float64)
    if not np.isfinite(kappa):
        return prior.copy()
    x = playlists.astype(np.float64)
    gram = x.T @ x
    base = gram + max(kappa * float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))  # S
    x_inverse = x @ np.linalg.inv(base)
    for tracks, rows in _by_number_of_plays(shown.T.tocsr(), n_values=len(gram)):
        u = x[rows]  # (track, play, d)
        residual = (1 + alpha) * (1 - u @ moved[tracks, :, None])  # (track, play, 1)
        if rows.shape[1] < len(gram):  # d = S^-1 U' (I + alpha U S^-1 U')^-1 residual, with one equation per play
            u_inverse = x_inverse[rows]
            equations = np.eye(rows.shape[1]) + alpha * u_inverse @ u.swapaxes(1, 2)
            offset = u_inverse.swapaxes(1, 2) @ np.linalg.solve(equations, residual)
        else:
            offset = np.linalg.solve(base + alpha * u.swapaxes(1, 2) @ u, u.swapaxes(1, 2) @ residual)
        moved[tracks] += offset[:, :, 0]
    return moved.astype(np.float32)


def _by_number_of_plays(by_track: csr_matrix, *, n_values: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield blocks of tracks with equally many plays, at least one: (track,), and the rows of their playlists.

    The rows are (track, play). Blocks are so small that (track, play, n_values) numbers fit into memory.
    """
    counts = np.diff(by_track.indptr)
    for n in np.unique(counts[counts > 0]):
        tracks = np.flatnonzero(counts == n)
        at_once = max(1, BLOCK_VALUES // int(n * n_values + min(n, n_values) ** 2))
        for first in range(0, len(tracks), at_once):
            block = tracks[first : first + at_once]
            yield block, by_track.indices[by_track.indptr[block][:, None] + np.arange(n)]


def choose_kappas(
    catalogue: Catalogue,
    estimates: Estimates,
    reveal: Reveal,
    quality: Callable[[Floats], float],
    *,
    alpha: float,
    levels: Sequence[int],
    kappas: Sequence[float] = KAPPAS,
) -> tuple[float, float]:
    """Return (kappa_artist, kappa) with the best mean `quality` of factors (t, d) over numbers of revealed plays.

    kappa_artist is chosen first, without plays. Of equally good kappas the largest is chosen. A kappa is infinite, so
    that the prior is used, if there is no data to choose it. `kappas` are those to choose from, ascending.
    """
    if not reveal.is_target.any():
        return np.inf, np.inf
    any_artist = bool((estimates.n_artist > 0).any())
    kappa_artist = _best(KAPPAS_ARTIST, lambda kappa: quality(estimates.prior(kappa))) if any_artist else np.inf
    prior, x = estimates.prior(kappa_artist), catalogue.warm.playlists
    revealed = [reveal.shown(n) for n in levels if n > 0]

    def over_levels(kappa: float) -> float:
        return float(np.mean([quality(with_plays(prior, x, plays, kappa=kappa, alpha=alpha)) for plays in revealed]))

    return kappa_artist, _best(kappas, over_levels)


def _best(kappas: Sequence[float], quality: Callable[[float], float]) -> float:
    """Return the kappa with the highest quality, the largest of equals."""
    descending = kappas[::-1]
    return descending[int(np.argmax([quality(kappa) for kappa in descending]))]
