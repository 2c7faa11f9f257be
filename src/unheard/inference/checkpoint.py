"""A trained network, finished or not, as one safetensors file with a JSON header (see artefacts.py).

config   recipe, seed, split, targets, settings, fingerprint, dim, reads, stages (shape in, width out), factors,
         position
arrays   stage1.*, stage2.*   weights and buffers of finished stages
         now.*                model, loss, best and adam of the stage in training (training/networks/loop.py); absent
                              when finished
         scaling.*            how factors are scaled to targets
         codebook             centroids of a bag-of-tones recipe
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unheard import artefacts
from unheard.errors import UserError
from unheard.factors.scaling import Scaling
from unheard.inference.module_arrays import Arrays, below
from unheard.models.recipe import Recipe, recipe_from
from unheard.workspace import Settings

KIND = "checkpoint"


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
        """Return the arrays whose name begins with `prefix`, without it."""
        return below(self.arrays, prefix)

    def save(self) -> None:
        artefacts.save(self.path, KIND, config=self.config, arrays=self.arrays)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint; UserError if it is damaged or from a newer version."""
    found = artefacts.load(path, KIND)
    checkpoint = Checkpoint(path, found.config, found.arrays)
    try:
        problem = _problem(checkpoint)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        raise UserError(f"{path}: damaged ({problem}); delete it and run `unheard train` again")
    return checkpoint


def _problem(checkpoint: Checkpoint) -> str | None:
    """Return what is wrong with a checkpoint, or None. A part that is missing raises KeyError."""
    config, scaling = checkpoint.config, checkpoint.scaling
    if not isinstance(config["fingerprint"], str):
        return "fingerprint is not text"
    if not isinstance(config["stages"], list):
        return "stages is not a list"
    if not checkpoint.settings.n_mels > 0:
        return f"n_mels is {checkpoint.settings.n_mels}"
    if not scaling.shift.shape == scaling.scale.shape == (config["dim"],):
        return (
            f"scaling.shift and scaling.scale have shapes {scaling.shift.shape} and {scaling.scale.shape}, "
            f"expected {(config['dim'],)}"
        )
    return None
