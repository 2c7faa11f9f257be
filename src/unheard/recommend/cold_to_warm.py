"""From sound to plays: one factor out of what a track sounds like, who made it, and who has played it so far.

Each opinion is shrunken towards the one before it. First the artist, by how many of its tracks train:

    prior f = (n_a artist mean + kappa_a sound) / (n_a + kappa_a)

which is the mean of a Gaussian whose prior weighs as much as kappa_a observations (Gelman et al., Bayesian Data
Analysis, section 2.5). Then the plays, of which each says something else: not a mean, but an offset from the prior, as
in collaborative topic regression (Wang & Blei, 2011), by one step of implicit ALS with playlists X fixed:

    y = f + d,  d = argmin  sum over plays u of (1 + alpha) (1 - x_u . (f + d))^2
                          + sum over the other playlists of (x_u . d)^2  +  kappa |d|^2

A play pulls as far as the prior did not expect it, and who has not played the track yet is left as predicted: with a
plain fold-in they would say "no", and a handful of plays would undo the prior. Without plays d is 0. `sound` may come
from any model that predicts factors. The kappas are chosen on validation tracks, some of whose plays are revealed.

What is measured when is fixed once for all numbers of plays (`Reveal`): a track's plays are put in random order, the
second half is sought, and plays are revealed from the first half only. So the same plays are sought, in lists of the
same candidates, however many are revealed. A play counts once, whatever its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.factors.als import AlsConfig, fold_in
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import Rows
from unheard.splits import Use

Floats = NDArray[np.float32]
Values = NDArray[np.float64]

KAPPAS_ARTIST = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)  # in tracks
KAPPAS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)  # in mean eigenvalues of X'X


@dataclass(frozen=True)
class Estimates:
    """What is known of some tracks; every array has a row for each.

    sound        (t, d) predicted factors
    artist_mean  (t, d) mean factor of the artist's train tracks
    n_artist     (t,) how many there are; where 0, `artist_mean` is not looked at
    """

    sound: Floats
    artist_mean: Floats
    n_artist: NDArray[np.int64]

    def prior(self, kappa_artist: float) -> Floats:
        return shrunken(self.artist_mean, self.n_artist, self.sound, kappa_artist)


@dataclass(frozen=True)
class Reveal:
    """Plays of some tracks in random order, cut in two.

    tracks    catalogue rows, ascending
    playlist  (play,) rows of the playlists, ordered by track, then by turn
    column    (play,) which of `tracks` is played
    turn      (play,) place of a play among the plays of its track, from 0
    sought    (play,) whether it is in the second half
    shape     (playlists, tracks)
    """

    tracks: Rows
    playlist: NDArray[np.int64]
    column: NDArray[np.int64]
    turn: NDArray[np.int64]
    sought: NDArray[np.bool_]
    shape: tuple[int, int]

    @staticmethod
    def of(plays: csr_matrix, tracks: Rows, *, asked: NDArray[np.bool_], rng: np.random.Generator) -> Reveal:
        """From plays (m, n) of the playlists that are `asked` (m,)."""
        found = plays[:, tracks].tocoo()
        keep = asked[found.row]
        playlist, column = found.row[keep].astype(np.int64), found.col[keep].astype(np.int64)
        order = np.lexsort((rng.random(len(column)), column))
        playlist, column = playlist[order], column[order]
        counts = np.bincount(column, minlength=len(tracks))
        turn = np.arange(len(column)) - (np.cumsum(counts) - counts)[column]
        return Reveal(tracks, playlist, column, turn, turn >= (counts // 2)[column], (plays.shape[0], len(tracks)))

    @property
    def hidden(self) -> csr_matrix:
        """What is to be found, (m, t)."""
        return self._matrix(self.sought)

    @property
    def left_out(self) -> csr_matrix:
        """What may be revealed and is no candidate, whether it is revealed or not, (m, t)."""
        return self._matrix(~self.sought)

    def shown(self, n: int) -> csr_matrix:
        """Up to `n` revealed plays of each track, (m, t)."""
        return self._matrix(~self.sought & (self.turn < n))

    def _matrix(self, keep: NDArray[np.bool_]) -> csr_matrix:
        ones = np.ones(int(keep.sum()), np.float32)
        return csr_matrix((ones, (self.playlist[keep], self.column[keep])), shape=self.shape)


def shrunken(mean: Floats, n: NDArray[np.integer], prior: Floats, kappa: float) -> Floats:
    """(n mean + kappa prior) / (n + kappa), row by row: (t, d), (t,), (t, d) -> (t, d).

    The prior where n is 0, whatever kappa; everywhere if kappa is infinite.
    """
    weight = np.where(n > 0, n / np.maximum(n + kappa, 1e-300), 0.0)[:, None]
    return (np.where(weight > 0, weight * mean, 0) + (1 - weight) * prior).astype(np.float32)


def estimates_of(catalogue: Catalogue, sound: Floats, tracks: Rows) -> Estimates:
    """What the catalogue knows of validation or test tracks, beside their predicted factors `sound` (n, d)."""
    train = np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)
    artist = catalogue.main_artist
    counts = np.bincount(artist[train], minlength=int(artist.max()) + 1)
    sums = np.zeros((len(counts), catalogue.warm.dim))
    np.add.at(sums, artist[train], catalogue.warm.tracks[train])
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return Estimates(sound[tracks], means[artist[tracks]], counts[artist[tracks]].astype(np.int64))


def folded(catalogue: Catalogue, shown: csr_matrix, als: AlsConfig) -> Floats:
    """Factors (t, d) of tracks from revealed plays (m, t) alone; the mean factor where there are none."""
    found = fold_in(catalogue.warm.playlists, shown.T.tocsr(), replace(als, dim=catalogue.warm.dim))
    return np.where((shown.getnnz(axis=0) > 0)[:, None], found, catalogue.warm.centre).astype(np.float32)


def with_plays(prior: Floats, playlists: Floats, shown: csr_matrix, *, kappa: float, alpha: float) -> Floats:
    """Factors (t, d) of tracks: the prior moved by revealed plays (m, t), in the formula above.

    playlists  (m, d) factors X
    kappa      in mean eigenvalues of X'X, so that it means the same in every library; infinite: the prior
    """
    moved = prior.astype(np.float64)
    if not np.isfinite(kappa):
        return prior.copy()
    x = playlists.astype(np.float64)
    gram = x.T @ x
    stiff = gram + max(kappa * float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))
    flexible = np.linalg.inv(stiff)
    by_track = shown.T.tocsr()
    for track in np.flatnonzero(np.diff(by_track.indptr)):
        played = x[by_track[track].indices]  # (play, d)
        surprise = (1 + alpha) * (1 - played @ moved[track])  # (play,)
        if len(played) < len(gram):  # d = S^-1 U' (I + alpha U S^-1 U')^-1 surprise, a system of the few plays
            spread = played @ flexible
            moved[track] += spread.T @ np.linalg.solve(np.eye(len(played)) + alpha * spread @ played.T, surprise)
        else:
            moved[track] += np.linalg.solve(stiff + alpha * played.T @ played, played.T @ surprise)
    return moved.astype(np.float32)


def choose_kappas(
    catalogue: Catalogue,
    estimates: Estimates,
    reveal: Reveal,
    quality: Callable[[Floats], float],
    *,
    alpha: float,
    levels: Sequence[int],
) -> tuple[float, float]:
    """(kappa_artist, kappa) with the best mean `quality` of factors (t, d) over numbers of revealed plays.

    First the artist's, without any play, then the track's; of equals the largest, which trusts the sound. Infinite, the
    prior alone, where nothing can be tried.
    """
    if not reveal.sought.any():
        return np.inf, np.inf
    known = bool((estimates.n_artist > 0).any())
    kappa_artist = _best(KAPPAS_ARTIST, lambda kappa: quality(estimates.prior(kappa))) if known else np.inf
    prior, x = estimates.prior(kappa_artist), catalogue.warm.playlists
    seen = [reveal.shown(n) for n in levels if n > 0]

    def over_levels(kappa: float) -> float:
        return float(np.mean([quality(with_plays(prior, x, plays, kappa=kappa, alpha=alpha)) for plays in seen]))

    return kappa_artist, _best(KAPPAS, over_levels)


def _best(kappas: Sequence[float], quality: Callable[[float], float]) -> float:
    cautious = kappas[::-1]
    return cautious[int(np.argmax([quality(kappa) for kappa in cautious]))]
