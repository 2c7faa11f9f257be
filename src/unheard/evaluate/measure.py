"""Define one measured figure of one model: value, bootstrap replicates and the value of chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unheard.arrays import Doubles
from unheard.metrics.intervals import Resamples
from unheard.recommend.catalogue import Candidates


class Figure(NamedTuple):
    """Name of what is measured; `k` is None for a metric without a cut-off."""

    task: str
    candidates: Candidates
    metric: str
    k: int | None = None


@dataclass(frozen=True)
class Measure:
    """Value of a figure.

    value       NaN where undefined
    n           queries that count (tracks or playlists)
    chance      expectation for a random ranking, NaN where undefined
    replicates  (resample,) value in each bootstrap resample, None for figures of all lists together
    """

    figure: Figure
    value: float
    n: int
    chance: float
    replicates: Doubles | None


def mean_of(figure: Figure, values: Doubles, chance: Doubles | float, resamples: Resamples) -> Measure:
    """Return a figure that is a mean over queries; `values` (query,) may be NaN where a query does not count."""
    counts = np.isfinite(values)
    n = int(counts.sum())
    expected = np.broadcast_to(chance, values.shape)[counts]
    return Measure(
        figure,
        value=float(values[counts].mean()) if n else np.nan,
        n=n,
        chance=float(expected.mean()) if n else np.nan,
        replicates=resamples.means(values),
    )
