"""Modules that make factors and embeddings of tracks from what models read, with every step inside.

They are what NetworkEncoder and RankerEncoder compute with NumPy between the networks: means over patches, scaling of
features and of targets, weights of a blend. So an exported file needs no other arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unheard.arrays import Floats


class PatchNetwork(nn.Module):
    """One track: stored patches (patch, frame, mel) or bags of them -> factors (1, d), embedding (1, k).

    The embedding is the mean output of the first stage over all patches; in a model of one stage, the factors.
    """

    def __init__(self, stages: Sequence[nn.Module], *, shift: Floats, scale: Floats) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("shift", torch.from_numpy(shift))
        self.register_buffer("scale", torch.from_numpy(scale))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        first, *later = self.stages
        embedding = first(patches).mean(dim=0, keepdim=True)  # (1, k)
        output = embedding
        for stage in later:
            output = stage(output)
        factors = output * self.get_buffer("scale") + self.get_buffer("shift")  # (1, d)
        return factors, embedding if later else factors


class VectorNetwork(PatchNetwork):
    """n tracks: features (n, width) -> factors (n, d), embeddings (n, k)."""

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        first, *later = self.stages
        embeddings = first(features)  # (n, k)
        output = embeddings
        for stage in later:
            output = stage(output)
        factors = output * self.get_buffer("scale") + self.get_buffer("shift")  # (n, d)
        return factors, embeddings if later else factors


class TrackTowers(nn.Module):
    """The track towers of a fitted ranker recipe.

    Inputs are (n, width) features of each kind, in which a row with NaN is a track without that kind, and (n, d + 1)
    columns about the artist. Outputs are factors (n, d) and embeddings (n, k) to rank by.

    scalers  mean and deviation of each kind
    towers   of the members
    artist   which members read the columns about the artist
    heads    weights of the members' outputs in the factors; 0: none
    weights  weights of the members' outputs in the embeddings; 0: none
    """

    def __init__(
        self,
        scalers: Sequence[tuple[Floats, Floats]],
        towers: Sequence[nn.Module],
        *,
        artist: Sequence[bool],
        heads: Sequence[float],
        weights: Sequence[float],
    ) -> None:
        super().__init__()
        for number, (mean, deviation) in enumerate(scalers):
            self.register_buffer(f"mean{number}", torch.from_numpy(mean))
            self.register_buffer(f"deviation{number}", torch.from_numpy(deviation))
        self.towers = nn.ModuleList(towers)
        self.artist, self.heads, self.weights = list(artist), list(heads), list(weights)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        *kinds, artist = inputs
        blocks = [self._scaled(number, features) for number, features in enumerate(kinds)]
        content = torch.cat(blocks, dim=1)
        everything = torch.cat([content, artist], dim=1)
        outputs = [
            tower(everything if reads else content) for tower, reads in zip(self.towers, self.artist, strict=True)
        ]
        headed = [head * output for head, output in zip(self.heads, outputs, strict=True) if head]
        blended = [weight * output for weight, output in zip(self.weights, outputs, strict=True) if weight]
        return torch.stack(headed).sum(dim=0), torch.cat(blended, dim=1)

    def _scaled(self, number: int, features: Tensor) -> Tensor:
        scaled = (features - self.get_buffer(f"mean{number}")) / self.get_buffer(f"deviation{number}")
        missing = torch.isnan(features).any(dim=1, keepdim=True)  # (n, 1)
        return torch.where(missing, torch.zeros_like(scaled), scaled)
