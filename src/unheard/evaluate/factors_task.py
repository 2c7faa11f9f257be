"""Task `factors`: compare predicted factors with the fold-in of the test tracks, as vectors.

    r2               pooled over factors: 1 - sum |y - ŷ|^2 / sum |y - mean y|^2. On targets of unit variance it is
                     1 - MSE, so an MSE of 1 is no better than the mean
    centred-cosine   mean cosine of y and ŷ after the mean warm factor of the train tracks is subtracted
    norm-spearman    rank correlation of |y| and |ŷ|; the norm of a factor grows with popularity

Queries are the test tracks with plays. Predicting the mean of the test tracks has an `r2` of 0; predicting the mean of
the train tracks has a lower one, because fold-ins have a smaller norm. A constant prediction has `centred-cosine` 0 and
no `norm-spearman`. Intervals resample main artists; those of `r2` and `norm-spearman` keep the mean and the ranks of
the whole sample.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Doubles, Rows
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.metrics.intervals import Resamples
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use

TASK = "factors"
CHANCE = 0.0


def factor_queries(catalogue: Catalogue) -> Rows:
    """Return the test tracks with a fold-in."""
    return np.flatnonzero((catalogue.use == Use.TEST) & catalogue.warm.known).astype(np.int32)


def measure_factors(catalogue: Catalogue, recommender: FactorRecommender, resamples: Resamples) -> list[Measure]:
    """Return all figures of one model. `resamples` are of the main artists of `factor_queries`."""
    rows = factor_queries(catalogue)
    if not len(rows):
        return []
    space = catalogue.full if recommender.full and catalogue.full is not None else catalogue.warm
    true = space.tracks[rows].astype(np.float64)  # (track, d)
    predicted = recommender.tracks[rows].astype(np.float64)
    cosine = (recommender.directions(true) * recommender.directions(predicted)).sum(axis=1)
    return [
        _r2(true, predicted, resamples),
        mean_of(Figure(TASK, "cold", "centred-cosine"), cosine, CHANCE, resamples),
        _norm_spearman(np.linalg.norm(true, axis=1), np.linalg.norm(predicted, axis=1), resamples),
    ]


def _r2(true: Doubles, predicted: Doubles, resamples: Resamples) -> Measure:
    residual = ((true - predicted) ** 2).sum(axis=1)  # (track,)
    spread = ((true - true.mean(axis=0)) ** 2).sum(axis=1)  # (track,)
    value = _one_minus_ratio(residual.sum(), spread.sum())
    replicates = _one_minus_ratio(resamples.sums(residual), resamples.sums(spread))
    return Measure(Figure(TASK, "cold", "r2"), float(value), len(true), CHANCE, replicates)


def _one_minus_ratio(residual: Doubles, spread: Doubles) -> Doubles:
    ratio = np.divide(residual, spread, out=np.full(np.shape(spread), np.nan), where=np.asarray(spread) > 0)
    out: Doubles = 1 - ratio
    return out


def _norm_spearman(true: Doubles, predicted: Doubles, resamples: Resamples) -> Measure:
    """Return Pearson's correlation of ranks, from moments that are weighted in every resample."""
    x, y = _standard_ranks(true), _standard_ranks(predicted)
    moments = np.stack([x, y, x * x, y * y, x * y, np.ones(len(x))], axis=1)  # (track, 6)
    value = _correlation(moments.sum(axis=0))
    return Measure(
        Figure(TASK, "cold", "norm-spearman"), float(value), len(x), CHANCE, _correlation(resamples.sums(moments))
    )


def _standard_ranks(values: Doubles) -> Doubles:
    """Return ranks from 0 to 1; values that differ by rounding only have the same rank."""
    from scipy.stats import rankdata

    rounded = np.round(values / max(float(values.max(initial=0.0)), 1e-30), 6)
    ranks: Doubles = rankdata(rounded) / max(len(values), 1)
    return ranks


def _correlation(moments: Doubles) -> Doubles:
    """Return the correlation from sums (..., 6) of x, y, xx, yy, xy and 1."""
    x, y, xx, yy, xy, n = np.moveaxis(moments, -1, 0)
    n = np.maximum(n, 1)
    spread = np.maximum(xx - x * x / n, 0) * np.maximum(yy - y * y / n, 0)
    correlation: Doubles = np.divide(
        xy - x * y / n, np.sqrt(spread), out=np.full(spread.shape, np.nan), where=spread > 1e-12
    )
    return correlation
