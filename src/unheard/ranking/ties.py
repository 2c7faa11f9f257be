"""Compute tie keys, seeded hashes that order equal scores, so that ties are broken at random and not by index.

A key is a 64-bit hash of (seed, query, candidate), so the order of equal scores does not depend on the other candidates
or queries of a ranking: a top 20, a top 1,000 and the exact rank of a candidate agree. The hash is the finaliser of
SplitMix64 (Steele, Lea & Flood, 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = 0x9E3779B97F4A7C15


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64, a bijection of 64-bit numbers. `x` is an array, not a scalar."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def tie_keys(seed: int, queries: NDArray[np.integer], candidates: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return keys of queries and candidates, broadcast against each other; the smaller key ranks first."""
    start = mix(np.array([seed % 2**64], np.uint64) + np.uint64(GOLDEN))
    of_query = mix(start + (np.asarray(queries).astype(np.int64).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))
    return mix(of_query + np.asarray(candidates).astype(np.int64).astype(np.uint64) * np.uint64(GOLDEN))
