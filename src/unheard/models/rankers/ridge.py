"""Ridge regression from descriptions onto warm factors; the module is `Linear` (tower.py)."""

from __future__ import annotations

from dataclasses import dataclass

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
TEMPERATURE = 0.02


@dataclass(frozen=True)
class Ridge:
    """penalties: to average over, in units of the number of train tracks. penalty: without validation tracks.

    temperature: of the average; penalties whose nDCG of validation tracks lies this far apart weigh e to one.
    """

    penalties: tuple[float, ...] = PENALTIES
    penalty: float = 0.3
    temperature: float = TEMPERATURE
