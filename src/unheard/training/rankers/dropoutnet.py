"""DropoutNet: towers that reproduce the scores of warm factors, often from the features alone.

Volkovs, Yu and Poutanen, DropoutNet: Addressing Cold Start in Recommender Systems (2017). With warm factors U_u, V_v
and content x_v, equation 2 minimises over pairs of playlist and track

    (U_u V_v' - f_U(U_u) f_V(V_v, x_v)')^2     where V_v is 0 for a random share of the tracks

A step's pairs are all playlists with all tracks of its plays. Playlists have no content here, so theirs is never
dropped. Factors enter divided by their root mean square, scores by theirs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from unheard.arrays import Floats, Indices
from unheard.models.rankers.dropoutnet import DropoutNet, TrackTower, joint_tower
from unheard.models.rankers.tower import Tower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, of_played, pairs, seeded
from unheard.training.rankers.ranker import Ranker


class Towers(nn.Module):
    """f_U and f_V."""

    def __init__(self, playlists: Tower, tracks: TrackTower) -> None:
        super().__init__()
        self.playlists, self.tracks = playlists, tracks


def fit_dropoutnet(
    data: TrainingData, config: DropoutNet, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Train tracks are embedded with their factors; the tower alone works without."""
    known, new = feature_tensors(data, device)
    players, played = pairs(data.train.plays)
    U = torch.from_numpy(data.playlist_factors / _rms(data.playlist_factors[np.unique(players)])).to(device)
    V = torch.from_numpy(data.train.factors / _rms(data.train.factors)).to(device)
    with seeded(seed, device) as rng:
        d = V.shape[1]
        net = Towers(
            joint_tower(config, inputs=d),
            TrackTower(config, inputs=known.shape[1], factors=d),
        ).to(device)

        def loss(items: Indices) -> Tensor:
            u, i = players[items], played[items]
            target = U[u] @ V[i].T  # (batch, batch)
            shown = torch.rand(len(i), 1, device=device) >= config.factor_dropout
            return relative_error(net.playlists(U[u]) @ net.tracks(known[i], V[i] * shown).T, target)

        history = descend(
            net,
            config.descent,
            n_items=len(players),
            loss=loss,
            playlists=lambda: of_played(net.playlists(U).cpu().numpy(), data.train.plays),
            val=lambda: net.tracks(new).cpu().numpy(),
            data=data,
            rng=rng,
            progress=progress,
            name="DropoutNet",
        )
        with torch.no_grad():
            playlists = of_played(net.playlists(U).cpu().numpy(), data.train.plays)
            tracks = net.tracks(known, V).cpu().numpy()
    return Ranker(net.tracks.cpu(), playlists, tracks, history)


def relative_error(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of scores over the mean square of their targets, (playlist, track) each."""
    return (scores - target).square().mean() / target.square().mean().clamp(min=torch.finfo(torch.float32).tiny)


def _rms(factors: Floats) -> np.float32:
    size = np.sqrt((factors.astype(np.float64) ** 2).mean()) if factors.size else 0.0
    return np.float32(size) if size > 0 else np.float32(1)
