"""A fitted ranker: embeddings of playlists, and a module that maps features of tracks to embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from unheard.arrays import Floats


@dataclass(frozen=True)
class Ranker:
    """A playlist's score of a track is the dot product of their embeddings.

    tower      (batch, f) features -> (batch, k) embeddings, in evaluation mode
    playlists  (m, k) float32; zero for a playlist without train plays
    tracks     (train, k) embeddings of the train tracks learned from their plays; None: those of the tower
    history    figures of each epoch, for history.json
    """

    tower: nn.Module
    playlists: Floats
    tracks: Floats | None = None
    history: tuple[dict[str, float], ...] = ()
