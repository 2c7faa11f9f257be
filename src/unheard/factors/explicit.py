"""Fit explicit matrix factorisation with biases by stochastic gradient descent.

Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems (2009). A rating r of track i in
playlist u is predicted as mu + b_u + b_i + x_u . y_i, minimising (equation 5) over the known ratings

    sum (r_ui - mu - b_u - b_i - x_u . y_i)^2 + lambda (b_u^2 + b_i^2 + |x_u|^2 + |y_i|^2)

by steps along each rating's error e = r - prediction:

    b_u += gamma (e - lambda b_u)        x_u += gamma (e y_i - lambda x_u)
    b_i += gamma (e - lambda b_i)        y_i += gamma (e x_u - lambda y_i)

Playlists hold no low ratings. Every known rating is 1, mu is 1, and a model without factors is perfect, so the textbook
method has nothing to learn (`zeros=0` shows it). Therefore some absent pairs are drawn and used as ratings of 0;
implicit ALS makes the same assumption about all of them, with low confidence.

Steps are taken in batches. Within one batch all predictions use the parameters before it, and a playlist's (track's)
step is the mean over its ratings in the batch: the sum would overshoot in a small catalogue, where every track occurs
many times a batch. For the same reason a batch has at most 4 ratings for each playlist or each track, whichever are
fewer: small libraries need as many steps as large ones. A batch of one rating is the method as published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Indices
from unheard.errors import UserError
from unheard.progress import Progress, silent

MAX_PER_ROW = 4
DIVERGED = 1e6  # far outside the range of any rating


@dataclass(frozen=True)
class ExplicitConfig:
    """Settings; `zeros` ratings of 0 are drawn for each play, `binary` uses 1 for each play instead of its weight."""

    dim: int = 32
    regularization: float = 0.03
    learning_rate: float = 0.1
    epochs: int = 20
    batch_size: int = 4096
    zeros: int = 5
    seed: int = 0
    binary: bool = True

    def __post_init__(self) -> None:
        for name, minimum in (("dim", 1), ("epochs", 1), ("batch_size", 1), ("zeros", 0), ("seed", 0)):
            if getattr(self, name) < minimum:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least {minimum}; choose another")
        if not 0 <= self.regularization < np.inf:
            raise UserError(f"regularization is {self.regularization}, expected 0 or more; try 0.03")
        if not 0 < self.learning_rate * max(1.0, self.regularization) <= 1:
            raise UserError(f"learning_rate is {self.learning_rate}, expected more than 0 and at most 1; try 0.1")


@dataclass(frozen=True)
class Ratings:
    """Known ratings in any order: rating[e] is that of track[e] in playlist[e]."""

    playlist: Indices
    track: Indices
    rating: Doubles


@dataclass(frozen=True)
class ExplicitFactors:
    """The result of `fit_explicit`, float64. Rows without ratings have zero bias and factors.

    mean            mu, the mean of all ratings
    playlist_bias   (m,); track_bias (n,)
    playlists       (m, d); tracks (n, d)
    """

    mean: float
    playlist_bias: Doubles
    track_bias: Doubles
    playlists: Doubles
    tracks: Doubles

    def predict(self, playlist: Indices, track: Indices) -> Doubles:
        """Return the predicted ratings of pairs, (pair,)."""
        biases = self.mean + self.playlist_bias[playlist] + self.track_bias[track]
        predicted: Doubles = biases + (self.playlists[playlist] * self.tracks[track]).sum(axis=1)
        return predicted


def draw_ratings(plays: csr_matrix, config: ExplicitConfig, rng: np.random.Generator) -> Ratings:
    """Return the plays (m, n) above 0, and `zeros` absent pairs for each.

    Absent pairs are drawn uniformly from the tracks with plays. A drawn pair that is a play is dropped, so playlists
    with nearly all tracks get fewer.
    """
    entries = csr_matrix(plays, dtype=np.float64).tocoo()
    known = entries.data > 0
    playlist, track = entries.row[known].astype(np.int64), entries.col[known].astype(np.int64)
    rating = entries.data[known]
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
    """Return the start of the descent: zero biases, small random factors for rows with a rating."""
    m, n = shape
    x, y = (0.1 * rng.standard_normal((rows, config.dim)) for rows in (m, n))
    x[np.bincount(ratings.playlist, minlength=m) == 0] = 0
    y[np.bincount(ratings.track, minlength=n) == 0] = 0
    mean = float(ratings.rating.mean()) if len(ratings.rating) else 0.0
    return ExplicitFactors(mean, np.zeros(m), np.zeros(n), x, y)


def descend(start: ExplicitFactors, ratings: Ratings, order: Indices, config: ExplicitConfig) -> ExplicitFactors:
    """Return the factors after one epoch over the ratings in `order`, a batch at a time."""
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
    """Return biases and factors of playlists and tracks from plays (m, n); the same seed gives the same numbers.

    `batch_size` is an upper limit: small catalogues get smaller batches. Raise UserError if the descent diverges.
    """
    rng = np.random.default_rng(config.seed)
    ratings = draw_ratings(plays, config, rng)
    factors = initial(plays.shape, ratings, config, rng)
    fewest = min(len(np.unique(ratings.playlist)), len(np.unique(ratings.track)))
    config = replace(config, batch_size=max(1, min(config.batch_size, MAX_PER_ROW * fewest)))
    for epoch in range(config.epochs):
        with np.errstate(over="ignore", invalid="ignore"):
            factors = descend(factors, ratings, rng.permutation(len(ratings.rating)), config)
            diverged = not all(np.abs(part).max(initial=0) < DIVERGED for part in (factors.playlists, factors.tracks))
        if diverged:
            raise UserError(f"learning_rate is {config.learning_rate}, too much for these plays; choose a smaller one")
        progress("explicit factors", epoch + 1, config.epochs)
    return factors


class _Means:
    """Average a batch's values over the ratings of each playlist (track)."""

    def __init__(self, rows: Indices) -> None:
        self.rows, index, counts = np.unique(rows, return_inverse=True, return_counts=True)
        entries = (1 / counts[index], (index, np.arange(len(rows))))
        self._average = csr_matrix(entries, shape=(len(self.rows), len(rows)))

    def __call__(self, values: Doubles) -> Doubles:
        """Average (rating, d) to (row, d), in the order of `rows`."""
        averages: Doubles = self._average @ values
        return averages
