"""Deep content-user embedding: playlist embeddings from a table and track embeddings from a tower, learned together.

Lee et al., Deep Content-User Embedding Model for Music Recommendation (2018): with the cosine M of playlist
u and track, a positive p and negatives n drawn at random,

    loss(u, p) = sum over n of max(0, margin - M(u, p) + M(u, n))

Negatives are shared by the pairs of a step, and the sum is a mean, so that their number does not set the step's size.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Indices
from unheard.models.rankers.content_user import ContentUser
from unheard.models.rankers.tower import Tower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, listed, of_played, pairs, seeded
from unheard.training.rankers.ranker import Ranker


class TableAndTower(nn.Module):
    """The table (m, k), of any length, and the tower, of unit length."""

    def __init__(self, config: ContentUser, *, inputs: int, playlists: int) -> None:
        super().__init__()
        self.playlists = nn.Parameter(nn.init.xavier_normal_(torch.empty(playlists, config.output)))
        self.tower = Tower(config.tower, inputs=inputs, outputs=config.output, unit_length=True)


def fit_content_user(
    data: TrainingData, config: ContentUser, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Embeddings have length 1, so that a score is a cosine."""
    known, new = feature_tensors(data, device)
    plays, (players, played) = data.train.plays, pairs(data.train.plays)
    with seeded(seed, device) as rng:
        net = TableAndTower(config, inputs=known.shape[1], playlists=plays.shape[0]).to(device)

        def loss(items: Indices) -> Tensor:
            u, i = players[items], played[items]
            j = rng.integers(0, len(known), config.negatives)
            embeddings = net.tower(known[np.concatenate([i, j])])  # (batch + negatives, k)
            anchors = functional.normalize(net.playlists[u])
            positive = (anchors * embeddings[: len(i)]).sum(dim=1)
            return hinge(positive, anchors @ embeddings[len(i) :].T, listed(plays, u, j, device), margin=config.margin)

        history = descend(
            net,
            config.descent,
            n_items=len(players),
            loss=loss,
            playlists=lambda: _playlists(net, data),
            val=lambda: net.tower(new).cpu().numpy(),
            data=data,
            rng=rng,
            progress=progress,
            name="content and user",
        )
    return Ranker(net.tower.cpu(), _playlists(net, data), history=history)


def hinge(positive: Tensor, negative: Tensor, excluded: Tensor, *, margin: float) -> Tensor:
    """Return the mean of max(0, margin - positive + negative) over the negatives.

    positive  (batch,) cosines; negative (batch, negatives); excluded (batch, negatives) bool, which are no negatives
    """
    losses = functional.relu(margin - positive[:, None] + negative).masked_fill(excluded, 0.0)
    return losses.sum() / (~excluded).sum().clamp(min=1)


def _playlists(net: TableAndTower, data: TrainingData) -> np.ndarray:
    return of_played(functional.normalize(net.playlists.detach()).cpu().numpy(), data.train.plays)
