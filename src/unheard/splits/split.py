"""The type `Split`: a fold for every track, a use for every fold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard.ids import IdMap

UseName = Literal["train", "val", "test"]
USE_NAMES: tuple[UseName, ...] = ("train", "val", "test")


class Use(IntEnum):
    """The use of a track in a split; NEW tracks were added after the split was made and are cold like test tracks."""

    NEW = -1
    TRAIN = 0
    VAL = 1
    TEST = 2


@dataclass(frozen=True)
class Split:
    """The fold of each track and the use of each fold.

    If `cutoff_timestamp` (seconds since 1970) is set, plays from then on are not used in training, not even plays of
    train tracks.
    """

    name: str
    fold: dict[str, int]
    use: dict[UseName, tuple[int, ...]]
    cutoff_timestamp: float | None = None

    @property
    def digest(self) -> str:
        """A hash of the split: models fitted under another split must not be evaluated under this one."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # asdict() copies every track
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def uses(self, tracks: IdMap) -> NDArray[np.int8]:
        """Return the `Use` of each track, (n_tracks,) int8; tracks that are not in the split are NEW."""
        of_fold = {fold: Use[use.upper()] for use, folds in self.use.items() for fold in folds}
        return np.array([of_fold[self.fold[t]] if t in self.fold else Use.NEW for t in tracks], np.int8)
