"""A fitted ranker recipe as one artefact: scalers of features, every member's tower, embeddings of playlists.

config   recipe, seed, split, fingerprint, dim (number of warm factors), factors, complete, descriptions (kinds of
         features), members: [{kind, config, artist, inputs, n_artist, outputs, weight, head, ...}]
arrays   standard.<kind>.mean, .deviation          how features are standardised
         artist.sums, artist.counts, artist.scale  see artists.py
         member<i>.tower.*                         weights
         member<i>.playlists                       embeddings of the playlists
         member<i>.tracks                          embeddings of the train tracks, where plays give better ones than
                                                   the tower
         combiner.*                                see models/combiner.py; absent if fixed weights are used
ids      artist, playlist, train
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from unheard import artefacts
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.inference.artists import ArtistTable
from unheard.inference.module_arrays import Arrays, below, load_arrays
from unheard.inference.ranker_features import FeatureScaler
from unheard.models.combiner import Combiner
from unheard.models.ranker_recipe import RankerRecipe, ranker_recipe_from
from unheard.models.rankers.build import build
from unheard.models.rankers.ranker_tables import RANKER_TABLES
from unheard.models.recipe import fill_table

KIND = "ranker"


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
        """The fingerprint, and the number of fitted members of an unfinished recipe."""
        fingerprint = str(self.config["fingerprint"])
        if self.config.get("complete", True):
            return fingerprint
        return f"{fingerprint}, {len(self.config['members'])} fits"

    @property
    def scalers(self) -> list[FeatureScaler]:
        return [
            FeatureScaler(kind, self.arrays[f"standard.{kind}.mean"], self.arrays[f"standard.{kind}.deviation"])
            for kind in self.config["descriptions"]
        ]

    @property
    def artist_table(self) -> ArtistTable:
        table = self.below("artist.")
        return ArtistTable(self.ids["artist"], table["sums"], table["counts"], float(table["scale"][0]))

    def below(self, prefix: str) -> Arrays:
        """Return the arrays whose name begins with `prefix`, without it."""
        return below(self.arrays, prefix)

    @property
    def combiner(self) -> Combiner | None:
        """How the members' scores are combined; None for fixed weights. ValueError if its arrays do not fit."""
        return Combiner.from_arrays(self.arrays)

    def tower(self, number: int) -> nn.Module:
        """Return the tower of member `number`, in evaluation mode; UserError if its weights do not fit."""
        where = f"{self.path}, member {number}"
        try:
            note = self.config["members"][number]
            config = fill_table(RANKER_TABLES[note["kind"]], note["config"], where)
            sizes = {key: int(note[key]) for key in ("inputs", "n_artist", "outputs")}
            module = build(config, **sizes, factors=int(self.config["dim"]))
            load_arrays(module, self.below(f"member{number}.tower."))
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.path}: member {number} cannot be read ({reason}); train again") from error
        return module.eval()

    def save(self) -> None:
        artefacts.save(self.path, KIND, config=self.config, arrays=self.arrays, ids=self.ids)


def load_ranker(path: Path) -> RankerCheckpoint:
    """Read a fitted recipe; UserError if it is damaged or from a newer version."""
    found = artefacts.load(path, KIND)
    checkpoint = RankerCheckpoint(path, found.config, found.arrays, found.ids)
    try:
        problem = _problem(checkpoint)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        raise UserError(f"{path}: damaged ({problem}); delete it and run `unheard train` again")
    return checkpoint


def _problem(checkpoint: RankerCheckpoint) -> str | None:
    """Return what is wrong with a checkpoint, or None. A part that is missing raises KeyError."""
    config, table = checkpoint.config, checkpoint.artist_table
    if not isinstance(config["fingerprint"], str):
        return "fingerprint is not text"
    dim = int(config["dim"])
    if not checkpoint.recipe.members or not isinstance(config["members"], list):
        return "it has no members"
    for scaler in checkpoint.scalers:
        if scaler.mean.ndim != 1 or scaler.mean.shape != scaler.deviation.shape:
            return f"mean and deviation of {scaler.kind} have shapes {scaler.mean.shape} and {scaler.deviation.shape}"
    if table.sums.shape != (len(table.names), dim):
        return f"artist.sums has shape {table.sums.shape}, expected {(len(table.names), dim)}"
    if table.counts.shape != (len(table.names),):
        return f"artist.counts has shape {table.counts.shape}, expected {(len(table.names),)}"
    _ = checkpoint.combiner  # ValueError if it does not fit
    n_tracks, n_playlists = len(checkpoint.ids["train"]), len(checkpoint.ids["playlist"])
    for number, note in enumerate(config["members"]):
        figures = [float(note.get(key, 0.0)) for key in ("weight", "head")]
        if not all(math.isfinite(figure) for figure in figures) or not float(note["deviation"]) > 0:
            return f"member {number} has no finite weight, head or deviation"
        for name, n in (("playlists", n_playlists), ("tracks", n_tracks)):
            array = checkpoint.arrays.get(f"member{number}.{name}")
            expected = (n, int(note["outputs"]))
            if array is None and name == "playlists":
                return f"member{number}.playlists is missing"
            if array is not None and array.shape != expected:
                return f"member{number}.{name} has shape {array.shape}, expected {expected}"
    return None
