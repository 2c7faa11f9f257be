"""GAR: a generator makes factors from features that a recommender cannot tell from warm factors.

Chen et al., Generative Adversarial Framework for Cold-Start Item Recommendation (2022). The recommender scores playlist
u and track i by R(u, i) = f_U(U_u) f_V(V_i)', from warm factors; the generator g makes a factor from features. For
a play (u, i) and another track j,

    recommender  -ln sigma(R(u, V_i) - (1 - beta) R(u, g(x_i)) - beta R(u, V_j))
    generator    -(1 - alpha) ln sigma(R(u, g(x_i)) - R(u, V_i)) + alpha |g(x_i) - V_i|_1

Both are updated in each step, each by its own loss. A new track's embedding is f_V(g(x)).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from unheard.arrays import Floats, Indices
from unheard.models.rankers.gar import Gar, Generated
from unheard.models.rankers.tower import Tower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, of_played, pairs, seeded
from unheard.training.rankers.ranker import Ranker


class Game(nn.Module):
    """The recommender (f_U, f_V) and the generator."""

    def __init__(self, config: Gar, *, inputs: int, factors: int) -> None:
        super().__init__()
        self.playlists = Tower(config.recommender, inputs=factors, outputs=config.output)
        self.tracks = Tower(config.recommender, inputs=factors, outputs=config.output)
        self.generator = Tower(config.tower, inputs=inputs, outputs=factors)


def fit_gar(data: TrainingData, config: Gar, *, seed: int, device: torch.device, progress: Progress = silent) -> Ranker:
    """Train tracks are embedded by their factors, other tracks by generated ones."""
    known, new = feature_tensors(data, device)
    players, played = pairs(data.train.plays)
    U = torch.from_numpy(scaled(data.playlist_factors)).to(device)
    V = torch.from_numpy(scaled(data.train.factors)).to(device)
    with seeded(seed, device) as rng:
        net = Game(config, inputs=known.shape[1], factors=V.shape[1]).to(device)

        def loss(items: Indices) -> Tensor:
            u, i = U[players[items]], played[items]
            other = V[rng.integers(0, len(V), len(items))]
            made = net.generator(known[i])  # (batch, d)
            tracks, playlists = net.tracks(torch.cat([V[i], other, made.detach()])), net.playlists(u)
            real, negative, fake = ((playlists * part).sum(dim=1) for part in tracks.chunk(3))  # (batch,)
            recommender = recommender_loss(real, fake, negative, negative_share=config.negative)
            real, fake = ((fixed(net.playlists, u) * fixed(net.tracks, x)).sum(dim=1) for x in (V[i], made))
            deceit = functional.softplus(real - fake).mean()
            distance = (made - V[i]).abs().mean()
            both: Tensor = recommender + (1 - config.similarity) * deceit + config.similarity * distance
            return both

        history = descend(
            net,
            config.descent,
            n_items=len(players),
            loss=loss,
            playlists=lambda: of_played(net.playlists(U).cpu().numpy(), data.train.plays),
            val=lambda: net.tracks(net.generator(new)).cpu().numpy(),
            data=data,
            rng=rng,
            progress=progress,
            name="GAR",
        )
        with torch.no_grad():
            playlists = of_played(net.playlists(U).cpu().numpy(), data.train.plays)
            tracks = net.tracks(V).cpu().numpy()
    return Ranker(Generated(net.generator, net.tracks).cpu().eval(), playlists, tracks, history)


def recommender_loss(real: Tensor, fake: Tensor, negative: Tensor, *, negative_share: float) -> Tensor:
    """Return the mean of the recommender's loss over plays (batch,); `negative_share` is beta."""
    lead = real - (1 - negative_share) * fake - negative_share * negative  # (batch,)
    return functional.softplus(-lead).mean()


def scaled(factors: Floats) -> Floats:
    """Return factors (n, d) divided by their deviation around the mean factor, over rows that are not zero."""
    used = factors[factors.any(axis=1)].astype(np.float64)
    size = float(used.std(axis=0).mean()) if len(used) else 0.0
    return factors / np.float32(size) if size > 0 else factors


def fixed(tower: Tower, x: Tensor) -> Tensor:
    """Return the tower's outputs, with a gradient for x but none for its weights."""
    weights = {name: weight.detach() for name, weight in tower.named_parameters()}
    outputs: Tensor = functional_call(tower, weights, (x,))
    return outputs
