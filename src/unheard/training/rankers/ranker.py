"""What fitting a ranker gives: a place for every playlist, and a module that places a track from its description."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ranker:
    """A playlist's score of a track is the dot product of their places.

    tower      (batch, f) description -> (batch, k) place, in evaluation mode
    playlists  (m, k) float32; zero for a playlist without train plays
    tracks     (train, k) places of the train tracks where plays know better than the tower; None: the tower's
    history    figures of each epoch, for history.json
    """

    tower: nn.Module
    playlists: Floats
    tracks: Floats | None = None
    history: tuple[dict[str, float], ...] = ()
