"""Hash the tracks of each playlist, to find the playlists that have changed since something was computed from them."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from unheard.arrays import Indices
from unheard.plays.plays import Plays


def playlist_digests(plays: Plays) -> Indices:
    """Return a hash of the track ids and weights of each playlist, (m,) int64; 0 for a playlist without plays.

    Neither the order of the tracks nor plays without a positive weight count. The hash of a playlist is the sum of the
    hashes of its plays modulo 2^64, so it does not depend on the rows that tracks have in a library.
    """
    matrix = plays.positive().matrix
    of_track = np.zeros(matrix.shape[1], np.uint64)
    for row in np.unique(matrix.indices):
        digest = blake2b(plays.track_ids[int(row)].encode("utf-8", "surrogateescape"), digest_size=8).digest()
        of_track[row] = int.from_bytes(digest, "little")
    weights = matrix.data.astype(np.float32).view(np.uint32).astype(np.uint64)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(of_track[matrix.indices] * (2 * weights + np.uint64(1)))])
    digests: Indices = (sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]]).view(np.int64)
    return digests
