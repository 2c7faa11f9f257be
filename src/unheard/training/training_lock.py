"""The lock of one model: two trainings of it at once would write each other's files."""

from __future__ import annotations

from contextlib import AbstractContextManager

from unheard.locks import one_at_a_time
from unheard.workspace import Workspace


def training_lock(workspace: Workspace, split: str, model: str, *, wait_s: float = 0.0) -> AbstractContextManager[None]:
    """Hold the lock of a model under a split; LockedError if another process trains it for longer than `wait_s`."""
    doing = f"trains {model} under the split {split}"
    return one_at_a_time(workspace.root, f"train-{split}-{model}", doing, wait_s=wait_s)
