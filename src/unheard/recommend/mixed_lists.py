"""Make similarities to warm and to cold tracks comparable, so that a list may hold both.

Factors from plays and predicted factors have different distributions: predictions lie in the few directions that
audio explains. Two predicted tracks are therefore often near each other, and a predicted and a played track seldom
are. Sorted by the plain cosine, the neighbours of a cold track would almost all be cold.

The similarities of a seed are therefore scaled by kind. Let t be the similarity of the MATCHED-th nearest candidate, if
the nearest of both kinds are taken in proportion to the numbers of candidates. The kind with the larger t is multiplied
by the quotient of both. Scaling by a positive number keeps the order within each kind, and lists of one kind are not
changed. docs/decisions/0015-map-in-one-space.md has the measurements.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Mask
from unheard.recommend.recommenders import Scores

MATCHED = 10


def scaled_by(scales: Scores, similarities: Scores, cold: Mask) -> Scores:
    """Return similarities (seed, candidate) multiplied by the factors (kind, seed) of warm and of cold candidates."""
    scaled = similarities.copy()
    for kind, factors in zip((~cold, cold), scales, strict=True):
        scaled[:, kind] *= factors[:, None]
    return scaled


def kind_scales(similarities: Scores, cold: Mask, *, others: Mask, totals: tuple[int, int] | None = None) -> Scores:
    """Return the factors (kind, seed), at most 1, by which similarities to warm and to cold tracks become comparable.

    similarities  (seed, candidate)
    cold          (candidate,) which candidates have predicted factors
    others        (candidate,) which candidates are no seeds
    totals        numbers of warm and of cold candidates without the seeds, where the candidates are a shortlist that
                  holds the nearest MATCHED of each kind; None: all candidates are here

    All are 1 if there is one kind only, and those of a seed if the nearest of a kind have no positive similarity.
    """
    counted = [kind & others for kind in (~cold, cold)]
    numbers = [int(mask.sum()) for mask in counted] if totals is None else list(totals)
    if not all(mask.any() for mask in counted):
        return np.ones((2, len(similarities)), np.float32)
    ranks = [MATCHED * number / sum(numbers) for number in numbers]
    reached = np.stack(  # (kind, seed)
        [_nth_largest(similarities[:, mask], rank) for mask, rank in zip(counted, ranks, strict=True)]
    )
    usable = (reached > 0).all(axis=0)
    return np.where(usable, reached.min(axis=0) / np.where(usable, reached, 1), 1).astype(np.float32)


def _nth_largest(values: Scores, n: float) -> Scores:
    """Return the n-th largest value of each row, n rounded and at least 1."""
    rank = min(values.shape[1], max(1, round(n)))
    largest: Scores = np.partition(values, values.shape[1] - rank, axis=1)[:, values.shape[1] - rank]
    return largest
