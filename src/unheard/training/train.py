"""Train a recipe of either kind: a network that predicts warm factors from audio, or rankers over stored features."""

from __future__ import annotations

from pathlib import Path

from unheard.errors import UserError
from unheard.models.ranker_recipe import RankerRecipe
from unheard.models.recipe import Recipe
from unheard.progress import Progress, silent
from unheard.splits import Split
from unheard.training.dataset import TargetKind
from unheard.training.networks.train_network import train_network
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

DEFAULT_RECIPE = "blend"


def train(
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
    """Train a recipe, as `train_network` and `fit_rankers` do; return the path of the artefact."""
    if isinstance(recipe, Recipe):
        return train_network(
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
        raise UserError(f"{recipe.name}: full targets are for the networks of the thesis; leave --targets out")
    return fit_rankers(
        workspace, recipe, split, seed=seed, device=device, max_minutes=max_minutes, force=force, progress=progress
    )
