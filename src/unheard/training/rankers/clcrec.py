"""CLCRec: contrastive learning aligns the embedding of a track's features with the one learned from its plays.

Wei et al., Contrastive Learning for Cold-Start Recommendation (2021). Track i has a learned embedding z_i and an
embedding f(x_i) of its features, playlist u a learned embedding z_u. With a softmax over the positive and some
negatives,

    L_RE  makes f(x_i) the nearest (cosine / tau) to z_i          embeddings of plays and of features agree
    L_UI  makes i the best (dot product / tau) for z_u            f(x_i) replaces z_i with probability rho
    L     = lambda L_RE + (1 - lambda) L_UI + eta |z|^2

Negatives are shared by the pairs of a step; tracks that a playlist holds are no negatives for it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Indices
from unheard.models.rankers.clcrec import ClcRec
from unheard.models.rankers.tower import Tower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, listed, of_played, pairs, seeded
from unheard.training.rankers.ranker import Ranker

EXCLUDED = -1e9  # the logit of what is no candidate


class Embeddings(nn.Module):
    """Learned embeddings of playlists (m, k) and train tracks (train, k), and the tower."""

    def __init__(self, config: ClcRec, *, inputs: int, playlists: int, tracks: int) -> None:
        super().__init__()
        self.playlists = nn.Parameter(nn.init.xavier_normal_(torch.empty(playlists, config.output)))
        self.tracks = nn.Parameter(nn.init.xavier_normal_(torch.empty(tracks, config.output)))
        self.tower = Tower(config.tower, inputs=inputs, outputs=config.output)


def fit_clcrec(
    data: TrainingData, config: ClcRec, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Train tracks keep their learned embeddings; other tracks get the tower's."""
    known, new = feature_tensors(data, device)
    plays, (players, played) = data.train.plays, pairs(data.train.plays)
    with seeded(seed, device) as rng:
        net = Embeddings(config, inputs=known.shape[1], playlists=plays.shape[0], tracks=len(known)).to(device)

        def loss(items: Indices) -> Tensor:
            u, i = players[items], played[items]
            j = rng.integers(0, len(known), config.negatives)
            both = np.concatenate([i, j])
            content, learned = net.tower(known[both]), net.tracks[both]  # (batch + negatives, k)
            replaced = torch.rand(len(both), 1, device=device) < config.hybrid
            n = len(items)
            user_item = info_nce(
                net.playlists[u],
                torch.where(replaced, content, learned),
                listed(plays, u, j, device),
                temperature=config.temperature,
            )
            same = torch.from_numpy(i[:, None] == j).to(device)  # (batch, negatives)
            embedding = info_nce(
                functional.normalize(learned[:n]),
                functional.normalize(content),
                same,
                temperature=config.temperature,
            )
            size = net.playlists[u].square().sum(dim=1).mean() + learned.square().sum(dim=1).mean()
            return config.balance * embedding + (1 - config.balance) * user_item + config.shrink * size

        history = descend(
            net,
            config.descent,
            n_items=len(players),
            loss=loss,
            playlists=lambda: of_played(net.playlists.cpu().numpy(), plays),
            val=lambda: net.tower(new).cpu().numpy(),
            data=data,
            rng=rng,
            progress=progress,
            name="CLCRec",
        )
    playlists = of_played(net.playlists.detach().cpu().numpy(), plays)
    return Ranker(net.tower.cpu(), playlists, net.tracks.detach().cpu().numpy(), history)


def info_nce(anchors: Tensor, candidates: Tensor, excluded: Tensor, *, temperature: float) -> Tensor:
    """Return the mean cross entropy of finding row r's candidate r among it and the negatives.

    anchors     (batch, k)
    candidates  (batch + negatives, k): the positives, then the negatives of all rows
    excluded    (batch, negatives) bool, which are no negatives for a row
    """
    n = len(anchors)
    positive = (anchors * candidates[:n]).sum(dim=1, keepdim=True)  # (batch, 1)
    negative = (anchors @ candidates[n:].T).masked_fill(excluded, EXCLUDED * temperature)  # (batch, negatives)
    logits = torch.cat([positive, negative], dim=1) / temperature
    return -torch.log_softmax(logits, dim=1)[:, 0].mean()
