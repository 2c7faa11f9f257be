"""Cluster bootstrap: how far a figure would move with other artists or other playlists (Efron & Tibshirani, 1993).

Queries of one cluster (an artist's tracks) are not independent, so whole clusters are drawn with replacement. A figure
that is a mean over queries becomes a ratio in each resample: weighted sum over weighted count, with clusters' sums as
terms, which is one matrix product for all resamples. Every model is measured on the same resamples, so differences
between models are paired by subtracting replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.metrics.accuracy import Values

N_RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Resamples:
    """How often each resample draws each cluster.

    weights  (resample, cluster) float64
    cluster  (query,) cluster of each query
    """

    weights: Values
    cluster: NDArray[np.intp]

    @staticmethod
    def draw(clusters: NDArray[np.integer], *, rng: np.random.Generator, n: int = N_RESAMPLES) -> Resamples:
        """`n` resamples of the clusters that occur in `clusters` (query,)."""
        n_clusters = len(np.unique(clusters))
        cluster = np.unique(clusters, return_inverse=True)[1].reshape(-1)
        weights = np.empty((n, n_clusters))
        for resample in range(n):
            drawn = rng.integers(n_clusters, size=n_clusters) if n_clusters else np.empty(0, np.int64)
            weights[resample] = np.bincount(drawn, minlength=n_clusters)
        return Resamples(weights, cluster)

    def sums(self, values: NDArray[np.floating]) -> Values:
        """Sum over the drawn queries of values (query,) or (query, d): (resample,) or (resample, d)."""
        if self.weights.shape[1] < 2:  # one cluster says nothing about others
            return np.full((len(self.weights), *values.shape[1:]), np.nan)
        flat = values.reshape(len(values), -1)
        by_cluster = np.zeros((self.weights.shape[1], flat.shape[1]))
        np.add.at(by_cluster, self.cluster, flat)
        return (self.weights @ by_cluster).reshape(len(self.weights), *values.shape[1:])

    def means(self, values: Values) -> Values:
        """Mean over the drawn queries of `values` (query,), those that are NaN left out; (resample,)."""
        there = np.isfinite(values)
        n = self.sums(there.astype(np.float64))
        total = self.sums(np.where(there, values, 0.0))
        out: Values = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
        return out


def percentile_interval(replicates: Values, *, level: float = LEVEL) -> tuple[float, float] | None:
    """The middle `level` of the replicates; None if they are not numbers."""
    finite = replicates[np.isfinite(replicates)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(difference: float, replicates: Values) -> float:
    """Two-sided p of "no difference": how often a replicate strays from `difference` as far as 0 does.

    Davison and Hinkley (1997, section 4.4): (1 + count) / (1 + resamples), so never below 1 / (1 + resamples).
    """
    finite = replicates[np.isfinite(replicates)]
    strays = int((np.abs(finite - difference) >= abs(difference)).sum())
    return (1 + strays) / (1 + len(finite))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction: the i-th smallest of m times m - i + 1, kept ascending, at most 1."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.minimum(np.maximum.accumulate(np.asarray(p, np.float64)[order] * factors), 1.0)
    out = np.empty(len(p))
    out[order] = corrected
    return [float(value) for value in out]
