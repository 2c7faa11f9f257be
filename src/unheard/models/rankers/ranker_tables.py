"""The rankers by their names in recipes. Add a new one here and, with its fit, in training/rankers/fit_functions.py."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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

RANKER_TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "clcrec": ClcRec,
        "content-softmax": ContentSoftmax,
        "content-user": ContentUser,
        "deepmusic": DeepMusic,
        "dropoutnet": DropoutNet,
        "gar": Gar,
        "kernel-ridge": KernelRidge,
        "reduced-rank": ReducedRank,
        "ridge": Ridge,
        "shrinkage": Shrinkage,
        "two-tower": TwoTower,
    }
)
