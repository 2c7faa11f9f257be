"""The interface of a loss, as the training loop uses it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor, nn

from unheard.arrays import Floats, Indices

Stats = dict[str, float]


class Objective(Protocol):
    """A loss over train tracks. Indices are indices of train tracks; outputs are float32 rows of the network.

    own  weights that the loss learns in addition to the network, and buffers that it keeps from step to step: both are
         part of a checkpoint
    """

    own: nn.Module

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        """Return the items of each step of an epoch; `n_items` in all (anchors, for offline triplets)."""
        ...

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        """Return the loss of one batch, and figures to average into the history.

        Torch's generator is seeded for the step, so random draws from it can be repeated.
        """
        ...

    def validate(self, output: Floats) -> Stats:
        """Return "loss" and further figures, from the mean output of each validation track."""
        ...
