"""Hash the tracks of each playlist, to find the playlists that have changed since something was computed from them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Indices
from unheard.ids import IdMap


def playlist_digests(plays: csr_matrix, track_ids: IdMap) -> Indices:
    """Return a hash of the track ids and weights of each playlist of `plays` (m, n), (m,) int64; 0 without plays.

    It is the sum of the hashes of the plays modulo 2^64, so that neither the order of the tracks nor their rows in a
    library count.
    """
    of_track = np.zeros(plays.shape[1], np.uint64)
    played = np.unique(plays.indices)
    of_track[played] = id_hashes(track_ids.take(played))
    weights = plays.data.astype(np.float32).view(np.uint32).astype(np.uint64)
    return sums_of_rows(of_track[plays.indices] * (np.uint64(2) * weights + np.uint64(1)), plays.indptr).view(np.int64)


def id_hashes(ids: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each id."""
    digests = (blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest() for name in ids)
    return np.frombuffer(b"".join(digests), np.uint64)


def sums_of_rows(values: NDArray[np.uint64], starts: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return the sum modulo 2^64 of the values of each row, which lie between two of `starts` (row + 1,)."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    of_rows: NDArray[np.uint64] = sums[starts[1:]] - sums[starts[:-1]]
    return of_rows
