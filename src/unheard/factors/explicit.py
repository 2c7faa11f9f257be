"""Explicit matrix factorisation with biases, by stochastic gradient descent.

Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems (2009). A rating r of track i in
playlist u is predicted as mu + b_u + b_i + x_u . y_i, minimising (equation 5) over the known ratings

    sum (r_ui - mu - b_u - b_i - x_u . y_i)^2 + lambda (b_u^2 + b_i^2 + |x_u|^2 + |y_i|^2)

by steps along each rating's error e = r - prediction:

    b_u += gamma (e - lambda b_u)        x_u += gamma (e y_i - lambda x_u)
    b_i += gamma (e - lambda b_i)        y_i += gamma (e x_u - lambda y_i)

Playlists hold no low ratings. Every known rating is 1, mu is 1, and a model without factors is perfect: the textbook
has nothing to learn (`zeros=0` shows it). So some absent pairs are drawn and taken as ratings of 0, which is the guess
that implicit ALS makes of all of them, with little confidence.

Steps are taken in batches. Within one batch all predictions are made from the parameters before it, and a playlist's
(track's) step is the mean over its ratings in the batch: their sum would overshoot where a small catalogue meets every
track many times a batch. For the same reason a batch has no more than 4 ratings for each playlist, or each track, of
which there are fewer: small libraries need as many steps as large ones. A batch of one rating is the method as
published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.progress import Progress, silent

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_PER_ROW = 4
DIVERGED = 1e6  # no rating is that far from any other


@dataclass(frozen=True)
class ExplicitConfig:
    """Settings; `zeros` ratings of 0 are drawn for each play, `binary` counts plays as 1 and not as their weight."""

    dim: int = 32
    regularization: float = 0.03
    learning_rate: float = 0.1
    epochs: int = 20
    batch_size: int = 4096
    zeros: int = 5
    seed: int = 0
    binary: bool = True

    def __post_init__(self) -> None:
        for name, least in (("dim", 1), ("epochs", 1), ("batch_size", 1), ("zeros", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least {least}; choose another")
        if not 0 <= self.regularization < np.inf:
            raise UserError(f"regularization is {self.regularization}, expected 0 or more; try 0.03")
        if not 0 < self.learning_rate * max(1.0, self.regularization) <= 1:
            raise UserError(f"learning_rate is {self.learning_rate}, expected more than 0 and at most 1; try 0.1")


@dataclass(frozen=True)
class Ratings:
    """Known ratings in no order: rating[e] is what playlist[e] gives to track[e]."""

    playlist: Rows
    track: Rows
    rating: Floats


@dataclass(frozen=True)
class ExplicitFactors:
    """What `fit_explicit` returns; float64. Rows without ratings have zero bias and factor.

    mean            mu, of all ratings
    playlist_bias   (m,); track_bias (n,)
    playlists       (m, d); tracks (n, d)
    """

    mean: float
    playlist_bias: Floats
    track_bias: Floats
    playlists: Floats
    tracks: Floats

    def predict(self, playlist: Rows, track: Rows) -> Floats:
        """Ratings of pairs, (pair,)."""
        biases = self.mean + self.playlist_bias[playlist] + self.track_bias[track]
        predicted: Floats = biases + (self.playlists[playlist] * self.tracks[track]).sum(axis=1)
        return predicted


def ratings_of(plays: csr_matrix, config: ExplicitConfig, rng: np.random.Generator) -> Ratings:
    """The plays (m, n) above 0, and `zeros` absent pairs for each.

    Absent pairs are drawn evenly from the tracks with plays; a pair that turns out to be a play is dropped, so that
    playlists which hold nearly everything get fewer.
    """
    found = csr_matrix(plays, dtype=np.float64).tocoo()
    known = found.data > 0
    playlist, track, rating = found.row[known].astype(np.int64), found.col[known].astype(np.int64), found.data[known]
    if config.binary:
        rating = np.ones(len(rating))
    n_tracks = plays.shape[1]
    others = np.repeat(playlist, config.zeros)
    drawn = rng.choice(np.unique(track), size=len(others)) if len(others) else others
    absent = ~np.isin(others * n_tracks + drawn, playlist * n_tracks + track)
    zeros = int(absent.sum())
    return Ratings(
        np.concatenate([playlist, others[absent]]),
        np.concatenate([track, drawn[absent]]),
        np.concatenate([rating, np.zeros(zeros)]),
    )


def initial(
    shape: tuple[int, int], ratings: Ratings, config: ExplicitConfig, rng: np.random.Generator
) -> ExplicitFactors:
    """Where descent starts: no biases, small random factors for whoever has a rating."""
    m, n = shape
    x, y = (0.1 * rng.standard_normal((rows, config.dim)) for rows in (m, n))
    x[np.bincount(ratings.playlist, minlength=m) == 0] = 0
    y[np.bincount(ratings.track, minlength=n) == 0] = 0
    mean = float(ratings.rating.mean()) if len(ratings.rating) else 0.0
    return ExplicitFactors(mean, np.zeros(m), np.zeros(n), x, y)


def descend(start: ExplicitFactors, ratings: Ratings, order: Rows, config: ExplicitConfig) -> ExplicitFactors:
    """One epoch: the ratings in `order`, a batch at a time."""
    bu, bi = start.playlist_bias.copy(), start.track_bias.copy()
    x, y = start.playlists.copy(), start.tracks.copy()
    gamma, penalty = config.learning_rate, config.regularization
    now = ExplicitFactors(start.mean, bu, bi, x, y)
    for first in range(0, len(order), config.batch_size):
        batch = order[first : first + config.batch_size]
        u, i = ratings.playlist[batch], ratings.track[batch]
        error = ratings.rating[batch] - now.predict(u, i)  # (rating,)
        of_u, of_i = _Means(u), _Means(i)
        step_bu, step_bi = of_u(error[:, None])[:, 0], of_i(error[:, None])[:, 0]
        step_x, step_y = of_u(error[:, None] * y[i]), of_i(error[:, None] * x[u])  # (row, d)
        bu[of_u.rows] += gamma * (step_bu - penalty * bu[of_u.rows])
        bi[of_i.rows] += gamma * (step_bi - penalty * bi[of_i.rows])
        x[of_u.rows] += gamma * (step_x - penalty * x[of_u.rows])
        y[of_i.rows] += gamma * (step_y - penalty * y[of_i.rows])
    return now


def fit_explicit(plays: csr_matrix, config: ExplicitConfig, *, progress: Progress = silent) -> ExplicitFactors:
    """Biases and factors of playlists and tracks from plays (m, n); the same seed gives the same numbers.

    `batch_size` is the most that a batch has. UserError if the steps are too long to come down.
    """
    rng = np.random.default_rng(config.seed)
    ratings = ratings_of(plays, config, rng)
    found = initial(plays.shape, ratings, config, rng)
    fewest = min(len(np.unique(ratings.playlist)), len(np.unique(ratings.track)))
    config = replace(config, batch_size=max(1, min(config.batch_size, MOST_PER_ROW * fewest)))
    for epoch in range(config.epochs):
        with np.errstate(over="ignore", invalid="ignore"):
            found = descend(found, ratings, rng.permutation(len(ratings.rating)), config)
            straying = not all(np.abs(part).max(initial=0) < DIVERGED for part in (found.playlists, found.tracks))
        if straying:
            raise UserError(f"learning_rate is {config.learning_rate}, too much for these plays; choose a smaller one")
        progress("explicit factors", epoch + 1, config.epochs)
    return found


class _Means:
    """Means of a batch's values over the ratings of one playlist (track)."""

    def __init__(self, rows: Rows) -> None:
        self.rows, place, counts = np.unique(rows, return_inverse=True, return_counts=True)
        entries = (1 / counts[place], (place, np.arange(len(rows))))
        self._average = csr_matrix(entries, shape=(len(self.rows), len(rows)))

    def __call__(self, values: Floats) -> Floats:
        """(rating, d) to (row, d), in the order of `rows`."""
        averages: Floats = self._average @ values
        return averages
