"""Options of gradient descent, part of the configuration of every ranker that uses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Descent:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    batch_size        plays in one step, or tracks if a step uses tracks only
    steps_per_check   steps between two evaluations on the validation tracks
    annealed          whether the learning rate falls to 0 along a cosine; takes fewer steps, whose number is then fixed
    checks, patience  maximal number of evaluations, and of evaluations without improvement; the best weights are kept.
                      Without validation tracks all steps are made and the last weights are kept
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 512
    steps_per_check: int = 50
    checks: int = 40
    patience: int = 8
    annealed: bool = False
