"""What every loss is told, and what the loop asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from unheard.factors.scaling import Scaling
from unheard.training.networks.batches import Items
from unheard.training.networks.partners import Listening

Stats = dict[str, float]


class Objective(Protocol):
    """Items are places among the train tracks; outputs are float32 rows of the network.

    own  what a loss learns beside the network (weights) and what it remembers from step to step (buffers): both are
         part of a checkpoint
    """

    own: nn.Module

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        """The items of each step of an epoch; `n_items` in all (anchors, for offline triplets)."""
        ...

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        """Loss of one batch, and what to average into the history.

        Torch's generator is seeded for the step, so what is drawn from it here can be drawn again.
        """
        ...

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """ "loss" and more, from the mean output of each validation track."""
        ...


@dataclass(frozen=True)
class Targets:
    """Factors (n, d) of train and validation tracks, and the scaling fitted on the train tracks.

    listening  who played them, for a loss that learns from plays
    """

    train: NDArray[np.float32]
    val: NDArray[np.float32]
    scaling: Scaling
    listening: Listening | None = None

    @property
    def mean(self) -> NDArray[np.float32]:
        centre: NDArray[np.float32] = self.train.mean(axis=0)
        return centre
