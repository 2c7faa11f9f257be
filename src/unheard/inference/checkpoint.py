"""What training leaves behind, finished or not: one safetensors file with a JSON header (see artefacts.py).

config   recipe, seed, split, targets, settings, fingerprint, dim, stages (shape in, width out), factors, position
arrays   stage1.*, stage2.*   weights and buffers of finished stages
         now.*                the stage being trained (loop.py: model, best, adam); none in a finished checkpoint
         scaling.*            how factors became targets
         codebook             the tones of a bag-of-tones recipe
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unheard import artefacts
from unheard.errors import UserError
from unheard.factors.scaling import Scaling
from unheard.models.recipe import Recipe, recipe_from
from unheard.workspace import Settings

KIND = "checkpoint"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """config and arrays as in the table above; `path` is for messages."""

    path: Path
    config: dict[str, Any]
    arrays: Arrays

    @property
    def recipe(self) -> Recipe:
        return recipe_from(self.config["recipe"], str(self.path))

    @property
    def settings(self) -> Settings:
        return Settings(**self.config["settings"])

    @property
    def scaling(self) -> Scaling:
        shift, scale = self.arrays["scaling.shift"], self.arrays["scaling.scale"]
        return Scaling(self.recipe.stages[-1].scaling, shift, scale)

    def below(self, prefix: str) -> Arrays:
        """Arrays whose name begins with `prefix`, without it."""
        return {name.removeprefix(prefix): a for name, a in self.arrays.items() if name.startswith(prefix)}

    def save(self) -> None:
        artefacts.save(self.path, KIND, config=self.config, arrays=self.arrays)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint; UserError if it is damaged or from a newer unheard."""
    found = artefacts.load(path, KIND)
    checkpoint = Checkpoint(path, found.config, found.arrays)
    try:
        assert checkpoint.recipe.stages
        assert checkpoint.settings.n_mels > 0
        shapes_fit = checkpoint.scaling.shift.shape == checkpoint.scaling.scale.shape == (found.config["dim"],)
        stages, fingerprint = found.config["stages"], found.config["fingerprint"]
    except (KeyError, TypeError, AssertionError) as error:
        raise UserError(f"{path}: damaged ({error!r}); delete it and train again") from error
    if not shapes_fit or not isinstance(stages, list) or not isinstance(fingerprint, str):
        raise UserError(f"{path}: damaged (shapes do not fit); delete it and train again")
    return checkpoint
