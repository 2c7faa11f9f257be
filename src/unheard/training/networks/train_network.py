"""Train a network in a workspace: library, store, split and factors in; checkpoint, history and predictions out.

    models/<split>/<name>/training.safetensors     while it trains: everything needed to resume
    models/<split>/<name>/checkpoint.safetensors   the finished network
    models/<split>/<name>/history.json             losses, accuracy, learning rate and seconds of every epoch
    models/<split>/<name>/predictions.safetensors  factors of every track, predicted from its audio

Seed 0 keeps the recipe's name; another seed s is stored as "<name>@<s>".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import torch

from unheard.errors import MissingStageError, UserError
from unheard.factors.scaling import Scaling
from unheard.inference.checkpoint import Checkpoint, load_checkpoint
from unheard.inference.device import pick_device
from unheard.inference.predictions import NETWORK_FILE
from unheard.inference.update_predictions import write_predictions
from unheard.library import open_library
from unheard.locks import WAIT_S
from unheard.models.pretrained import digest
from unheard.models.recipe import Recipe
from unheard.models.synced_norm import is_parallel
from unheard.progress import Progress, silent
from unheard.splits import Split
from unheard.temporaries import scratch_folder
from unheard.training.dataset import TargetKind
from unheard.training.fingerprint import network_fingerprint
from unheard.training.networks.data_parallel import is_first
from unheard.training.networks.network_inputs import NetworkInputs, load_network_inputs
from unheard.training.networks.training_run import Run
from unheard.training.training_lock import training_lock
from unheard.workspace import Workspace

CHECKPOINT_S = 60.0


def model_name(recipe: Recipe, seed: int, targets: TargetKind = "warm") -> str:
    """Return the name of a recipe trained with a seed; "-full" marks a model whose targets include test plays."""
    name = recipe.name if targets == "warm" else f"{recipe.name}-full"
    return name if seed == 0 else f"{name}@{seed}"


def train_network(
    workspace: Workspace,
    recipe: Recipe,
    split: Split,
    *,
    seed: int = 0,
    device: str = "auto",
    max_minutes: float | None = None,
    targets: TargetKind = "warm",
    force: bool = False,
    checkpoint_s: float = CHECKPOINT_S,
    predict_train: bool = True,
    progress: Progress = silent,
) -> Path:
    """Train, or resume a training that was killed, and predict every track. Return the checkpoint's path.

    max_minutes   stop then and keep the best weights so far
    targets       "full" takes factors of all plays as targets, test plays included: for parity with the thesis only,
                  stored as "<name>-full" and measured in the space of the full factors
    force         train again although nothing has changed
    checkpoint_s  seconds between checkpoints inside an epoch
    predict_train  False: leave train tracks out of the predictions, because evaluation does not read them

    A finished training is not repeated unless recipe, seed, split, factors or the input of its tracks changed.
    LockedError while another process trains the same model.
    """
    if seed < 0:
        raise UserError(f"seed: expected 0 or more, found {seed}")
    chosen = pick_device(device)
    folder = workspace.model_dir(split.name, model_name(recipe, seed, targets))
    final, running = folder / NETWORK_FILE, folder / "training.safetensors"
    with _alone(workspace, split, folder), open_library(workspace.library_path) as library:
        inputs = load_network_inputs(workspace, library, recipe, split, targets)
        pretrained = _pretrained(recipe, final)
        fingerprint = network_fingerprint(
            inputs.data,
            inputs.stored,
            recipe,
            split,
            targets=targets,
            seed=seed,
            settings=workspace.settings,
            pretrained=pretrained,
        )
        leave = () if predict_train else frozenset(inputs.data.train.ids)
        if not force and (found := _same(final, fingerprint)) is not None:
            progress("trained already, nothing has changed", 1, 1)
            if not is_first():
                return final
            running.unlink(missing_ok=True)
            # Tracks may be new, and a kill after the training leaves none predicted.
            write_predictions(workspace, library, found, chosen, progress, keep=True, leave=leave)
            return final
        begun = None if force else _same(running, fingerprint)
        if begun is None:
            begun = _begin(running, workspace, inputs, recipe, split, targets, seed, fingerprint, pretrained)
        with (
            torch.random.fork_rng(devices=[chosen] if chosen.type == "cuda" else []),  # keeps the caller's state
            _folder_of_process(folder) as own,
        ):
            begun = Checkpoint(own / running.name, begun.config, begun.arrays)
            run = Run(inputs, begun, chosen, checkpoint_s, own / "history.json", progress)
            trained = run.all_stages(max_minutes, own / final.name)
        if not is_first():
            return final
        running.unlink(missing_ok=True)
        write_predictions(workspace, library, trained, chosen, progress, leave=leave)
    return final


def _pretrained(recipe: Recipe, final: Path) -> list[str]:
    """Return digests of the weights that the stages start from; a finished training has them without the cache."""
    try:
        return [digest(stage.network) for stage in recipe.stages]
    except MissingStageError:
        if not final.is_file():
            raise
        return list(load_checkpoint(final).config.get("pretrained", []))


def _alone(workspace: Workspace, split: Split, folder: Path) -> AbstractContextManager[None]:
    """Hold the lock of a model; of a data-parallel training, the first process holds it.

    It waits for that of an earlier attempt, which may end later than the command that started it.
    """
    wait_s = WAIT_S if is_parallel() else 0.0
    return training_lock(workspace, split.name, folder.name, wait_s=wait_s) if is_first() else nullcontext()


@contextmanager
def _folder_of_process(folder: Path) -> Iterator[Path]:
    """Yield the folder of the model; for all but the first process of a data-parallel training a temporary one."""
    if is_first():
        yield folder
        return
    with scratch_folder() as scratch:
        yield scratch


def _same(path: Path, fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint at `path` if there is one and it was made from the same inputs."""
    if not path.is_file():
        return None
    try:
        found = load_checkpoint(path)
    except UserError:
        return None  # damaged, or of another format: it is replaced
    return found if found.config["fingerprint"] == fingerprint else None


def _begin(
    path: Path,
    workspace: Workspace,
    inputs: NetworkInputs,
    recipe: Recipe,
    split: Split,
    targets: TargetKind,
    seed: int,
    fingerprint: str,
    pretrained: list[str],
) -> Checkpoint:
    """Return the state before the first step; a codebook is fitted later."""
    scaling = Scaling.fit(inputs.data.train.factors, recipe.stages[-1].scaling)
    config = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "split": split.name,
        "targets": targets,
        "settings": asdict(workspace.settings),
        "fingerprint": fingerprint,
        "pretrained": pretrained,
        "dim": inputs.data.dim,
        "reads": inputs.stored.reads,
        "factors": inputs.data.factors_config,
        "stages": [],
        "position": None,
        "histories": [],
    }
    return Checkpoint(path, config, {"scaling.shift": scaling.shift, "scaling.scale": scaling.scale})
