"""A bootstrap over raters and seeds at once: how far a figure would move with other people and other music.

A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007): raters and seeds are drawn with
replacement, independently of each other, and a judgement counts as often as its rater times its seed was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Resamples:
    """How often each resample draws each rater (resample, rater) and each seed (resample, seed)."""

    raters: Floats
    seeds: Floats

    @staticmethod
    def draw(n_raters: int, n_seeds: int, *, rng: np.random.Generator, n: int = N_RESAMPLES) -> Resamples:
        """`n` resamples of n_raters and of n_seeds."""
        return Resamples(_counts(n_raters, n, rng), _counts(n_seeds, n, rng))

    def weights(self, rater: NDArray[np.intp], seed: NDArray[np.intp]) -> Floats:
        """How often each resample holds each judgement, (resample, judgement), given its rater and its seed."""
        return self.raters[:, rater] * self.seeds[:, seed]


def _counts(size: int, n: int, rng: np.random.Generator) -> Floats:
    out: Floats = rng.multinomial(size, np.full(size, 1 / size), size=n).astype(np.float64)
    return out
