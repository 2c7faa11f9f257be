"""Splits: which tracks train, tune and test, decided once before anything is fitted.

Exchange format (`splits.json`), the same for our own and for imported splits:

    {"<name>": {"fold": {"<track_id>": fold, ...}, "use": {"train": [0, 1], "val": [2], "test": [3]}}}
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard.ids import IdMap

UseName = Literal["train", "val", "test"]


class Use(IntEnum):
    """What a split does with a track; NEW tracks came after the split was made and are cold like test tracks."""

    NEW = -1
    TRAIN = 0
    VAL = 1
    TEST = 2


@dataclass(frozen=True)
class Split:
    """Folds of tracks and what each fold is for."""

    name: str
    fold: dict[str, int]
    use: dict[UseName, tuple[int, ...]]

    def uses(self, tracks: IdMap) -> NDArray[np.int8]:
        """The `Use` of each track, (n_tracks,) int8; tracks the split does not name are NEW."""
        of_fold = {fold: Use[use.upper()] for use, folds in self.use.items() for fold in folds}
        return np.array([of_fold[self.fold[t]] if t in self.fold else Use.NEW for t in tracks], np.int8)
