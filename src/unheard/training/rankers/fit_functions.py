"""The function that fits each ranker's configuration (models/rankers/ranker_tables.py has the names)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import torch

from unheard.models.rankers.clcrec import ClcRec
from unheard.models.rankers.content_softmax import ContentSoftmax
from unheard.models.rankers.content_user import ContentUser
from unheard.models.rankers.deepmusic import DeepMusic
from unheard.models.rankers.dropoutnet import DropoutNet
from unheard.models.rankers.gar import Gar
from unheard.models.rankers.kernel_ridge import KernelRidge
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.models.rankers.shrinkage import Shrinkage
from unheard.models.rankers.two_tower import TwoTower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.clcrec import fit_clcrec
from unheard.training.rankers.content_softmax import fit_content_softmax
from unheard.training.rankers.content_user import fit_content_user
from unheard.training.rankers.deepmusic import fit_deepmusic
from unheard.training.rankers.dropoutnet import fit_dropoutnet
from unheard.training.rankers.gar import fit_gar
from unheard.training.rankers.kernel_ridge import fit_kernel_ridge
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.reduced_rank import fit_reduced_rank
from unheard.training.rankers.ridge import fit_ridge
from unheard.training.rankers.shrinkage import fit_shrinkage
from unheard.training.rankers.two_tower import fit_two_tower


class Fit(Protocol):
    """Fit a ranker to training data."""

    def __call__(
        self, data: TrainingData, config: Any, *, seed: int, device: torch.device, progress: Progress = silent
    ) -> Ranker: ...


FITS: Mapping[type[Any], Fit] = MappingProxyType(
    {
        ClcRec: fit_clcrec,
        ContentSoftmax: fit_content_softmax,
        ContentUser: fit_content_user,
        DeepMusic: fit_deepmusic,
        DropoutNet: fit_dropoutnet,
        Gar: fit_gar,
        KernelRidge: fit_kernel_ridge,
        ReducedRank: fit_reduced_rank,
        Ridge: fit_ridge,
        Shrinkage: fit_shrinkage,
        TwoTower: fit_two_tower,
    }
)
