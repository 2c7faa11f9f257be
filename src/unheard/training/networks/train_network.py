"""Train a recipe in a workspace: library, store, split and factors in; checkpoint, history and predictions out.

    models/<split>/<name>/training.safetensors     while it trains: all that resuming needs
    models/<split>/<name>/checkpoint.safetensors   when it has finished
    models/<split>/<name>/history.json             losses, accuracy, learning rate and seconds of every epoch
    models/<split>/<name>/predictions.safetensors  factors of every track, from its sound alone

Seed 0 keeps the recipe's name, another seed s is kept as "<name>@<s>".
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.errors import MissingStageError, UserError
from unheard.factors.scaling import Scaling
from unheard.inference.checkpoint import Arrays, Checkpoint, load_checkpoint
from unheard.inference.device import pick_device
from unheard.inference.patch_outputs import mean_outputs
from unheard.inference.predictions import write_predictions
from unheard.inference.sources import Source, VectorSource, histograms_of
from unheard.inference.stages import assemble, assemble_stored, stage_note
from unheard.inference.stored_input import Material, TargetKind, fingerprint, gather
from unheard.library import open_library
from unheard.models.bag_of_tones import Codebook, fit_codebook
from unheard.models.pretrained import digest, fill
from unheard.models.recipe import Recipe, Stage
from unheard.progress import Progress, silent
from unheard.spectrograms.mfcc import bag_frames
from unheard.splits import Split
from unheard.training.networks.loop import Loop, Setup, arrays_of, step_seed
from unheard.training.networks.losses import objective
from unheard.training.networks.targets import Targets
from unheard.training.networks.workload import heard_of, patches_of
from unheard.workspace import Workspace

CHECKPOINT_S = 60.0
FIRST_STAGE_SHARE = 0.8  # of `max_minutes`, when a second stage follows


def model_name(recipe: Recipe, seed: int, targets: TargetKind = "warm") -> str:
    """The name of a recipe trained with a seed; a model that knew the test plays says so."""
    name = recipe.name if targets == "warm" else f"{recipe.name}-full"
    return name if seed == 0 else f"{name}@{seed}"


def train(
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
    """Train, or go on with a training that was killed, and predict every track. Returns the checkpoint's path.

    max_minutes   stop then and keep the best weights so far
    targets       "full" takes factors of all plays as targets, test plays included: thesis parity only, kept under
                  the name "<name>-full" and measured in the space of the full factors
    force         train again although nothing has changed
    checkpoint_s  seconds between checkpoints inside an epoch
    predict_train  False: leave the train tracks out of the predictions, which measuring does not read

    A finished training is not repeated unless recipe, seed, split, factors or sound of its tracks changed.
    """
    if seed < 0:
        raise UserError(f"seed: expected 0 or more, found {seed}")
    chosen = pick_device(device)
    folder = workspace.model_dir(split.name, model_name(recipe, seed, targets))
    final, running = folder / "checkpoint.safetensors", folder / "training.safetensors"
    with open_library(workspace.library_path) as library:
        material = gather(workspace, library, recipe, split, targets)
        pretrained = _pretrained(recipe, final)
        mark = fingerprint(material, recipe, split, targets, seed, workspace, pretrained)
        leave = () if predict_train else frozenset(material.ids.take(material.train))
        if not force and (found := _same(final, mark)) is not None:
            progress("trained already, nothing has changed", 1, 1)
            running.unlink(missing_ok=True)
            # new tracks, or all after a kill
            write_predictions(workspace, library, found, chosen, progress, keep=True, leave=leave)
            return final
        began = None if force else _same(running, mark)
        if began is None:
            began = _begin(running, workspace, material, recipe, split, targets, seed, mark, pretrained)
        run = _Run(material, began, chosen, checkpoint_s, folder / "history.json", progress)
        with torch.random.fork_rng(devices=[chosen] if chosen.type == "cuda" else []):  # the caller keeps its own
            trained = run.all_stages(max_minutes, final)
        running.unlink(missing_ok=True)
        write_predictions(workspace, library, trained, chosen, progress, leave=leave)
    return final


def _pretrained(recipe: Recipe, final: Path) -> list[str]:
    """Digests of the weights that the stages start from. A finished training knows them without the cache."""
    try:
        return [digest(stage.network) for stage in recipe.stages]
    except MissingStageError:
        if not final.is_file():
            raise
        return list(load_checkpoint(final).config.get("pretrained", []))


def _same(path: Path, mark: str) -> Checkpoint | None:
    """The checkpoint at `path` if it is one and was made from the same inputs."""
    if not path.is_file():
        return None
    try:
        found = load_checkpoint(path)
    except UserError:
        return None  # half a file from another program, or another format: train afresh over it
    return found if found.config["fingerprint"] == mark else None


def _begin(
    path: Path,
    workspace: Workspace,
    material: Material,
    recipe: Recipe,
    split: Split,
    targets: TargetKind,
    seed: int,
    mark: str,
    pretrained: list[str],
) -> Checkpoint:
    """The state before the first step; the codebook is fitted later."""
    scaling = Scaling.fit(material.train_factors, recipe.stages[-1].scaling)
    config = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "split": split.name,
        "targets": targets,
        "settings": asdict(workspace.settings),
        "fingerprint": mark,
        "pretrained": pretrained,
        "dim": int(material.train_factors.shape[1]),
        "reads": material.reads,
        "factors": material.factors_config,
        "stages": [],
        "position": None,
        "histories": [],
    }
    return Checkpoint(path, config, {"scaling.shift": scaling.shift, "scaling.scale": scaling.scale})


class _Run:
    """One call of `train`: stage after stage on one checkpoint."""

    def __init__(
        self,
        material: Material,
        began: Checkpoint,
        device: torch.device,
        checkpoint_s: float,
        history_path: Path,
        progress: Progress,
    ) -> None:
        self._material, self._device, self._progress = material, device, progress
        self._checkpoint_s, self._history_path = checkpoint_s, history_path
        self._at = began
        # Which train tracks are heard, as places among them: all, or those with a patch in the recipe's fraction.
        self._heard = np.arange(len(material.train))

    def all_stages(self, max_minutes: float | None, final: Path) -> Checkpoint:
        started = time.monotonic()
        stages = self._at.recipe.stages
        whole = self._first_source()
        source, self._heard = heard_of(whole, self._material, self._at.recipe, self._at.config["seed"])
        for number, stage in enumerate(stages, 1):
            if number > len(self._at.config["stages"]):
                share = FIRST_STAGE_SHARE if number < len(stages) else 1.0
                deadline = None if max_minutes is None else started + 60 * max_minutes * share
                self._train_stage(number, stage, source, whole if number == 1 else source, deadline)
            if number < len(stages):
                source = self._embeddings(number, stage, source)
        self._write_history()
        config = {key: value for key, value in self._at.config.items() if key not in ("position", "histories")}
        finished = Checkpoint(final, config, self._at.arrays)
        finished.save()
        return finished

    def _first_source(self) -> Source:
        """What stage 1 reads; fits the codebook if there is none yet."""
        material, store = self._material, self._material.store
        if material.reads == "bag-of-tones":
            assert store is not None
            if "codebook" not in self._at.arrays:
                self._progress("fitting the tones", 0, 1)
                codebook = fit_codebook(
                    (bag_frames(store.track_db(int(row))) for row in material.train),
                    tones=self._at.recipe.stages[0].tones,
                    n_tracks=len(material.train),
                    seed=self._at.config["seed"],
                )
                self._progress("fitting the tones", 1, 1)
                self._at = Checkpoint(
                    self._at.path, self._at.config, {**self._at.arrays, "codebook": codebook.centroids}
                )
                self._at.save()
            needed = np.unique(np.concatenate([material.train, material.val]))
            histograms = histograms_of(store, needed, Codebook(self._at.arrays["codebook"]), self._progress)
            return _aligned(material, histograms.vectors, needed, pooled=True)
        if store is not None:
            return patches_of(material, self._at.recipe, self._at.settings)
        assert material.vectors is not None
        return material.vectors

    def _train_stage(self, number: int, stage: Stage, source: Source, whole: Source, deadline: float | None) -> None:
        """Train on `source`; the input layer is fitted on `whole`, which the fraction does not touch."""
        seed, material = self._at.config["seed"], self._material
        torch.manual_seed(step_seed(seed, number, 0, 0))
        outputs = stage.output or self._at.config["dim"]
        train = material.train[self._heard]
        network = assemble(stage, whole, material.train if number == 1 else train, outputs=outputs).to(self._device)
        listening = material.listening.of(self._heard) if material.listening is not None else None
        targets = Targets(material.train_factors[self._heard], material.val_factors, self._at.scaling, listening)
        loop = Loop(
            Setup(
                stage=stage,
                number=number,
                seed=seed,
                network=network,
                source=source,
                train=train,
                val=material.val,
                objective=objective(stage.loss, targets, self._device, width=outputs),
                device=self._device,
            )
        )
        if self._at.config["position"] is not None:
            loop.restore(self._at.config["position"], self._at.below("now."))
        else:
            fill(network[1])
        loop.run(save=self._save_running, checkpoint_s=self._checkpoint_s, deadline=deadline, progress=self._progress)
        self._finish_stage(number, loop, {**stage_note(stage, source, outputs), "train_tracks": len(train)})

    def _save_running(self, loop: Loop) -> None:
        position, arrays = loop.snapshot()
        kept = {name: array for name, array in self._at.arrays.items() if not name.startswith("now.")}
        now = {f"now.{name}": array for name, array in arrays.items()}
        Checkpoint(self._at.path, {**self._at.config, "position": position}, {**kept, **now}).save()
        self._write_history(position["history"])

    def _finish_stage(self, number: int, loop: Loop, note: dict[str, Any]) -> None:
        kept: Arrays = {name: array for name, array in self._at.arrays.items() if not name.startswith("now.")}
        kept |= {f"stage{number}.{name}": array for name, array in arrays_of(loop.network).items()}
        config = {
            **self._at.config,
            "stages": [*self._at.config["stages"], note],
            "histories": [*self._at.config["histories"], loop.position.history],
            "position": None,
        }
        self._at = Checkpoint(self._at.path, config, kept)
        self._at.save()

    def _embeddings(self, number: int, stage: Stage, source: Source) -> VectorSource:
        """The mean output of each train and validation track that is heard, which the next stage reads."""
        material = self._material
        network = assemble_stored(self._at, number).to(self._device)
        needed = np.unique(np.concatenate([material.train[self._heard], material.val]))
        outputs = mean_outputs(
            network, source, needed, device=self._device, precision=stage.precision, progress=self._progress
        )
        return _aligned(material, outputs, needed)

    def _write_history(self, now: list[dict[str, float]] | None = None) -> None:
        """history.json: what each stage did, epoch by epoch."""
        histories = [*self._at.config["histories"], *([now] if now is not None else [])]
        stages = [
            {
                "stage": number,
                "loss": type(stage.loss).__name__,
                "margin": getattr(stage.loss, "margin", None),
                "epochs": epochs,
            }
            for number, (stage, epochs) in enumerate(zip(self._at.recipe.stages, histories, strict=False), 1)
        ]
        note = "an embedding that is the same for every track has a triplet loss equal to the margin, accuracy 0.5"
        write_json(self._history_path, {"recipe": self._at.recipe.name, "note": note, "stages": stages}, indent=1)


def _aligned(
    material: Material, some: NDArray[np.float32], rows: NDArray[np.int64], *, pooled: bool = False
) -> VectorSource:
    """Vectors of `rows` in these rows of the material; the other rows are zero and never read."""
    vectors = np.zeros((len(material.ids), some.shape[1]), np.float32)
    vectors[rows] = some
    return VectorSource(material.ids, vectors, pooled)
