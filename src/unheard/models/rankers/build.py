"""Build a ranker's module from its configuration and sizes, so that stored weights can be loaded into it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from unheard.errors import UserError
from unheard.models.rankers.clcrec import ClcRec
from unheard.models.rankers.content_softmax import ContentSoftmax
from unheard.models.rankers.content_user import ContentUser
from unheard.models.rankers.deepmusic import DeepMusic, FactorNetwork
from unheard.models.rankers.dropoutnet import DropoutNet, TrackTower
from unheard.models.rankers.gar import Gar, Generated
from unheard.models.rankers.kernel_ridge import KernelRidge, RandomFourier
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.models.rankers.shrinkage import ArtistAndSound, Shrinkage
from unheard.models.rankers.tower import Linear, Tower
from unheard.models.rankers.two_tower import SoundAndArtist, TwoTower


def build(config: Any, *, inputs: int, n_artist: int, outputs: int, factors: int) -> nn.Module:
    """Return the module of a configuration.

    inputs    number of features, of which the last n_artist are about the artist
    outputs   dimension of the embedding
    factors   dimension of the warm factors
    """
    match config:
        case Ridge() | ReducedRank():
            return _linear(inputs, outputs)
        case Shrinkage():
            return ArtistAndSound(_linear(inputs - n_artist, outputs), torch.zeros(outputs), 1.0, 1.0)
        case KernelRidge():
            n = config.features
            return RandomFourier(torch.zeros(inputs, n), torch.zeros(n), _linear(n, outputs))
        case TwoTower():
            return SoundAndArtist(config, n_sound=inputs - n_artist, n_artist=n_artist)
        case ContentUser():
            return Tower(config.tower, inputs=inputs, outputs=outputs, unit_length=True)
        case ClcRec() | ContentSoftmax():
            return Tower(config.tower, inputs=inputs, outputs=outputs)
        case DeepMusic():
            tower = Tower(config.tower, inputs=inputs, outputs=outputs, unit_length=config.loss == "cosine")
            return FactorNetwork(tower, torch.zeros(outputs), torch.ones(()))
        case DropoutNet():
            return TrackTower(config, inputs=inputs, factors=factors)
        case Gar():
            generator = Tower(config.tower, inputs=inputs, outputs=factors)
            return Generated(generator, Tower(config.recommender, inputs=factors, outputs=outputs))
    raise UserError(f"{type(config).__name__}: unknown ranker; update unheard")


def _linear(inputs: int, outputs: int) -> Linear:
    return Linear(torch.zeros(inputs, outputs), torch.zeros(outputs))
