"""Decide whether plays changed so little that the trained model is kept and rankings follow the plays by themselves.

Rankings count plays that came after the training (recommend/first_plays.py), so a new training is needed only when many
playlists have changed. Changes are counted since the factors were computed, so that small changes add up.
"""

from __future__ import annotations

from dataclasses import dataclass

from unheard.factors.store import load_factors
from unheard.plays import Plays
from unheard.recommend.changed_playlists import changed_since
from unheard.splits import LIVE
from unheard.workspace import Workspace

MAX_CHANGED = 0.05  # of the playlists


@dataclass(frozen=True)
class Changes:
    """Playlists that are new, gone, or hold other tracks than when the factors were computed, and their number then."""

    n_changed: int
    n_before: int

    @property
    def are_small(self) -> bool:
        """Whether the model is kept."""
        return self.n_changed <= MAX_CHANGED * self.n_before


def changes_since_factors(workspace: Workspace, plays: Plays) -> Changes | None:
    """Return what has changed since the factors of `live` were computed; None without factors, or if it is unknown."""
    if not workspace.factors_path(LIVE).is_file():
        return None
    factors = load_factors(workspace, LIVE)
    if factors.playlist_digests is None:
        return None
    n_gone = sum(name not in plays.playlist_ids for name in factors.playlist_ids)
    return Changes(int(changed_since(factors, plays).sum()) + n_gone, len(factors.playlist_ids))
