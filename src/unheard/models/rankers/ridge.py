"""Ridge regression from features to warm factors; the module is `Linear` (tower.py)."""

from __future__ import annotations

from dataclasses import dataclass

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
TEMPERATURE = 0.02


@dataclass(frozen=True)
class Ridge:
    """penalties: candidates to average over, in units of the number of train tracks.

    penalty      used without validation tracks
    temperature  of the average: if the validation nDCG of two penalties differs by this, their weights are e to 1
    """

    penalties: tuple[float, ...] = PENALTIES
    penalty: float = 0.3
    temperature: float = TEMPERATURE
