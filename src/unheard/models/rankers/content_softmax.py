"""Content softmax: each playlist has an embedding of its own, and a tower predicts embeddings and popularity of tracks.

The score of a track with features x for playlist u is

    u . v(x) + b(x)

with v and b heads of one tower: matrix factorisation under a softmax over tracks, whose item embeddings and biases are
functions of the features instead of tables, so that they exist for new tracks. The module is `Tower` (tower.py), with b
in the last column of its outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import TowerConfig


@dataclass(frozen=True)
class ContentSoftmax:
    """Fitted by training/rankers/content_softmax.py.

    output            dimension of the embeddings, without the bias
    playlist_dropout  probability that a dimension of a playlist's embedding is dropped in training
    tracks            maximal number of tracks that a step's softmax is over
    visits            how often each playlist is drawn, at least: steps are added to those of `descent`, up to
                      `max_steps`; embeddings of playlists that are drawn more often learn more slowly
    descent           its batch size counts playlists
    """

    tower: TowerConfig = field(default_factory=lambda: TowerConfig(width=128, layers=2))
    descent: Descent = field(
        default_factory=lambda: Descent(
            learning_rate=3e-3, batch_size=256, steps_per_check=50, checks=8, patience=8, annealed=True
        )
    )
    output: int = 64
    playlist_dropout: float = 0.3
    tracks: int = 1024
    visits: int = 15
    max_steps: int = 4000
