"""Reduced-rank regression from features to warm factors; the module is `Linear` (tower.py)."""

from __future__ import annotations

from dataclasses import dataclass

from unheard.models.rankers.ridge import PENALTIES, TEMPERATURE


@dataclass(frozen=True)
class ReducedRank:
    """ranks, penalties: candidates to average over (penalties in units of the number of train tracks).

    rank, penalty: used without validation tracks; a rank above the number of factors is full rank. temperature: see
    `Ridge`.
    """

    ranks: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    penalties: tuple[float, ...] = PENALTIES
    rank: int = 16
    penalty: float = 0.3
    temperature: float = TEMPERATURE
