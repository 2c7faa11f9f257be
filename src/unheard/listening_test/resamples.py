"""Resample raters and seeds together, to estimate how much a figure varies with other raters and other music.

A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007): raters and seeds are drawn with
replacement, independently of each other, and a judgement counts as often as its rater times its seed was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles

N_RESAMPLES = 1000


@dataclass(frozen=True)
class TwoWayResamples:
    """Number of draws of each rater (resample, rater) and of each seed (resample, seed)."""

    raters: Doubles
    seeds: Doubles

    @staticmethod
    def draw(n_raters: int, n_seeds: int, *, rng: np.random.Generator, n: int = N_RESAMPLES) -> TwoWayResamples:
        """Draw `n` resamples of n_raters and of n_seeds."""
        return TwoWayResamples(_counts(n_raters, n, rng), _counts(n_seeds, n, rng))

    def weights(self, rater: NDArray[np.intp], seed: NDArray[np.intp]) -> Doubles:
        """Return the weight of each judgement in each resample, (resample, judgement), from its rater and seed."""
        return self.raters[:, rater] * self.seeds[:, seed]


def _counts(size: int, n: int, rng: np.random.Generator) -> Doubles:
    out: Doubles = rng.multinomial(size, np.full(size, 1 / size), size=n).astype(np.float64)
    return out
