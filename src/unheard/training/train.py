"""Train a recipe of either kind: a network that predicts warm factors, or rankers over stored descriptions."""

from __future__ import annotations

from pathlib import Path

from unheard.errors import UserError
from unheard.inference.stored_input import TargetKind
from unheard.models.ranker_recipe import RankerRecipe
from unheard.models.recipe import Recipe
from unheard.progress import Progress, silent
from unheard.splits import Split
from unheard.training.networks.train_network import train
from unheard.training.rankers.fit import fit
from unheard.workspace import Workspace

DEFAULT_RECIPE = "blend"


def train_any(
    workspace: Workspace,
    recipe: Recipe | RankerRecipe,
    split: Split,
    *,
    seed: int = 0,
    device: str = "auto",
    max_minutes: float | None = None,
    targets: TargetKind = "warm",
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """As `train` and `fit`; returns the path of what was made."""
    if isinstance(recipe, Recipe):
        return train(
            workspace,
            recipe,
            split,
            seed=seed,
            device=device,
            max_minutes=max_minutes,
            targets=targets,
            force=force,
            progress=progress,
        )
    if targets != "warm":
        raise UserError(f"{recipe.name}: full targets are kept for the networks of the thesis; leave --targets out")
    return fit(
        workspace, recipe, split, seed=seed, device=device, max_minutes=max_minutes, force=force, progress=progress
    )
