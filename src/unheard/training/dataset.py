"""What a ranker learns from: described train and validation tracks, and who played them. Test tracks are left out.

Rows of `inputs` are tracks of `ids`. Columns of `plays` are the train tracks in the order of `train`, columns of
`tuning` the validation tracks in the order of `val`; rows of both are playlists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """The material of one fit.

    inputs         (n, f) float32, standardised over the train rows; behind the sound stand, if the recipe asks for
                   them, the mean factor of the artist's other train tracks and how many there are (artists.py)
    n_sound        how many of the f columns describe the sound
    artist         (n,) int32 number of each track's main artist
    train, val     rows with plays
    plays, tuning  (m, train) and (m, val) float32 sparse, every stored entry is 1
    tracks         (train, d) warm factors of the train tracks, the target space
    playlists      (m, d) warm factors of the playlists; zero for a playlist without train plays
    artist_scale   what the artists' mean factors among the inputs were divided by
    """

    inputs: Floats
    n_sound: int
    artist: NDArray[np.int32]
    train: Rows
    val: Rows
    plays: csr_matrix
    tuning: csr_matrix
    tracks: Floats
    playlists: Floats
    artist_scale: float = 1.0
