"""Compute confidence intervals and p-values by the cluster bootstrap (Efron & Tibshirani, 1993).

Queries of one cluster, such as an artist's tracks, are not independent, so whole clusters are drawn with replacement. A
mean over queries is, in each resample, the ratio of a weighted sum and a weighted count over clusters, so one matrix
product computes all resamples. All models are measured on the same resamples, so the differences of their replicates
are paired.
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
    """Resamples of clusters.

    weights  (resample, cluster) float64, how often a resample draws a cluster
    cluster  (query,) cluster of each query
    """

    weights: Values
    cluster: NDArray[np.intp]

    @staticmethod
    def draw(clusters: NDArray[np.integer], *, rng: np.random.Generator, n: int = N_RESAMPLES) -> Resamples:
        """Draw `n` resamples of the clusters that occur in `clusters` (query,)."""
        n_clusters = len(np.unique(clusters))
        cluster = np.unique(clusters, return_inverse=True)[1].reshape(-1)
        weights = np.empty((n, n_clusters))
        for resample in range(n):
            drawn = rng.integers(n_clusters, size=n_clusters) if n_clusters else np.empty(0, np.int64)
            weights[resample] = np.bincount(drawn, minlength=n_clusters)
        return Resamples(weights, cluster)

    def sums(self, values: NDArray[np.floating]) -> Values:
        """Return sums over the drawn queries of values (query,) or (query, d): (resample,) or (resample, d).

        NaN if there is only one cluster, because it has no variance between clusters.
        """
        if self.weights.shape[1] < 2:
            return np.full((len(self.weights), *values.shape[1:]), np.nan)
        flat = values.reshape(len(values), -1)
        by_cluster = np.zeros((self.weights.shape[1], flat.shape[1]))
        np.add.at(by_cluster, self.cluster, flat)
        return (self.weights @ by_cluster).reshape(len(self.weights), *values.shape[1:])

    def means(self, values: Values) -> Values:
        """Return means over the drawn queries of `values` (query,) without NaN, (resample,)."""
        finite = np.isfinite(values)
        n = self.sums(finite.astype(np.float64))
        total = self.sums(np.where(finite, values, 0.0))
        out: Values = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
        return out


def percentile_interval(replicates: Values, *, level: float = LEVEL) -> tuple[float, float] | None:
    """Return the central interval that holds a share `level` of the replicates; None without finite replicates."""
    finite = replicates[np.isfinite(replicates)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(difference: float, replicates: Values) -> float:
    """Return the two-sided p-value of the hypothesis that the difference is 0.

    Davison and Hinkley (1997, section 4.4): (1 + count) / (1 + resamples), with the count of replicates at least as far
    from `difference` as 0 is.
    """
    finite = replicates[np.isfinite(replicates)]
    n_extreme = int((np.abs(finite - difference) >= abs(difference)).sum())
    return (1 + n_extreme) / (1 + len(finite))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values with Holm's (1979) step-down correction: the i-th smallest of m is multiplied by m - i + 1."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.minimum(np.maximum.accumulate(np.asarray(p, np.float64)[order] * factors), 1.0)
    out = np.empty(len(p))
    out[order] = corrected
    return [float(value) for value in out]
