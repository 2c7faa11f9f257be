"""How long and how fast a ranker learns by gradient steps; part of the configuration of every ranker that does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Descent:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    batch_size        plays of one step, or tracks where a step is about tracks alone
    steps_per_check   so many steps lie between two looks at the validation tracks
    checks, patience  at most so many looks, and stop after so many without a better one; the best weights are kept.
                      Without validation tracks all steps are made and the last weights are kept
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 512
    steps_per_check: int = 50
    checks: int = 40
    patience: int = 8
