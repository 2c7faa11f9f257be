"""A fitted ranker recipe as one artefact: how descriptions are standardised, every member's tower, playlists' places.

config   recipe, seed, split, fingerprint, dim (of the warm factors), factors, members: [{kind, config, artist, inputs,
         outputs, weight, head, ...}]
arrays   standard.<kind>.mean, .deviation      descriptions
         artist.means, artist.counts, artist.scale
         member<i>.tower.*, .playlists, .tracks    .tracks only where plays place train tracks better than sound
ids      artist, playlist, train
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from unheard import artefacts
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.inference.ranker_features import Standard
from unheard.models.ranker_recipe import RankerRecipe, ranker_recipe_from
from unheard.models.rankers.build import build
from unheard.models.rankers.table import RANKER_TABLES
from unheard.models.recipe import fill_table
from unheard.training.networks.loop import load_arrays

KIND = "ranker"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RankerCheckpoint:
    """config, arrays and ids as in the table above; `path` is for messages."""

    path: Path
    config: dict[str, Any]
    arrays: Arrays
    ids: Mapping[str, IdMap]

    @property
    def recipe(self) -> RankerRecipe:
        return ranker_recipe_from(self.config["recipe"], str(self.path))

    @property
    def state(self) -> str:
        """What it was fitted to, and how far."""
        fingerprint = str(self.config["fingerprint"])
        return (
            fingerprint if self.config.get("complete", True) else f"{fingerprint}, {len(self.config['members'])} fits"
        )

    @property
    def standards(self) -> list[Standard]:
        return [
            Standard(kind, self.arrays[f"standard.{kind}.mean"], self.arrays[f"standard.{kind}.deviation"])
            for kind in self.config["descriptions"]
        ]

    def below(self, prefix: str) -> Arrays:
        """Arrays whose name begins with `prefix`, without it."""
        return {name.removeprefix(prefix): a for name, a in self.arrays.items() if name.startswith(prefix)}

    def tower(self, place: int) -> nn.Module:
        """The tower of a member, in evaluation mode."""
        note = self.config["members"][place]
        kind = RANKER_TABLES[note["kind"]]
        config = fill_table(kind, note["config"], f"{self.path}, member {place}")
        sizes = {key: int(note[key]) for key in ("inputs", "n_artist", "outputs")}
        module = build(config, **sizes, factors=int(self.config["dim"]))
        try:
            load_arrays(module, self.below(f"member{place}.tower."))
        except (RuntimeError, KeyError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.path}: member {place} cannot be read ({reason}); train again") from error
        return module.eval()

    def save(self) -> None:
        artefacts.save(self.path, KIND, config=self.config, arrays=self.arrays, ids=self.ids)


def load_ranker(path: Path) -> RankerCheckpoint:
    """Read a fitted recipe; UserError if it is damaged or from a newer unheard."""
    found = artefacts.load(path, KIND)
    checkpoint = RankerCheckpoint(path, found.config, found.arrays, found.ids)
    try:
        assert checkpoint.recipe.members
        assert {"fingerprint", "dim", "members", "descriptions"} <= found.config.keys()
        assert np.isfinite([note.get("weight", 0.0) for note in found.config["members"]]).all()
    except (KeyError, TypeError, AssertionError) as error:
        raise UserError(f"{path}: damaged ({error!r}); delete it and train again") from error
    return checkpoint
