"""The lock of one model: two trainings of it at once would write each other's files."""

from __future__ import annotations

from contextlib import AbstractContextManager

from unheard.locks import one_at_a_time
from unheard.workspace import Workspace


def training_lock(workspace: Workspace, split: str, model: str) -> AbstractContextManager[None]:
    """Hold the lock of a model under a split; LockedError if another process trains it."""
    return one_at_a_time(workspace.root, f"train-{split}-{model}", f"trains {model} under the split {split}")
