"""One run of a training: stage after stage of a network, on one checkpoint that is saved as it goes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unheard.arrays import Floats, Indices, Rows
from unheard.atomic_files import write_json
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.input_sources import Source, VectorSource, histograms_of
from unheard.inference.module_arrays import Arrays, arrays_of
from unheard.inference.patch_outputs import mean_outputs
from unheard.inference.stages import load_stage
from unheard.models.bag_of_tones import Codebook, fit_codebook
from unheard.models.pretrained import fill
from unheard.models.recipe import Stage
from unheard.progress import Progress
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.store import MelStore
from unheard.training.networks.assemble import assemble, stage_note
from unheard.training.networks.data_parallel import divide_work
from unheard.training.networks.loop import Loop, Setup, step_seed
from unheard.training.networks.losses import objective
from unheard.training.networks.network_inputs import NetworkInputs
from unheard.training.networks.workload import cut_to_fraction, patches_of

FIRST_STAGE_SHARE = 0.8  # of `max_minutes`, when a second stage follows


class Run:
    """Trains the stages that a checkpoint lacks."""

    def __init__(
        self,
        inputs: NetworkInputs,
        begun: Checkpoint,
        device: torch.device,
        checkpoint_s: float,
        history_path: Path,
        progress: Progress,
    ) -> None:
        self._inputs, self._device, self._progress = inputs, device, progress
        self._checkpoint_s, self._history_path = checkpoint_s, history_path
        self._checkpoint = begun
        # Indices of the train tracks in use: all, or those with a patch in the recipe's fraction.
        self._used: Indices = np.arange(len(inputs.train))

    def all_stages(self, max_minutes: float | None, final: Path) -> Checkpoint:
        """Train the stages that are missing; return the finished checkpoint, saved at `final`."""
        started = time.monotonic()
        recipe, seed = self._checkpoint.recipe, self._checkpoint.config["seed"]
        whole = self._first_source()
        source, self._used = cut_to_fraction(whole, self._inputs.train, recipe, seed)
        for number, stage in enumerate(recipe.stages, 1):
            last = number == len(recipe.stages)
            if number > len(self._checkpoint.config["stages"]):
                share = 1.0 if last else FIRST_STAGE_SHARE
                deadline = None if max_minutes is None else started + 60 * max_minutes * share
                self._train_stage(number, stage, source, whole if number == 1 else source, deadline)
            if not last:
                source = self._embeddings(number, stage, source)
        self._write_history()
        config = {key: value for key, value in self._checkpoint.config.items() if key not in ("position", "histories")}
        finished = Checkpoint(final, config, self._checkpoint.arrays)
        finished.save()
        return finished

    def _first_source(self) -> Source:
        """Return what stage 1 reads."""
        tracks = self._inputs.stored.tracks
        if not isinstance(tracks, MelStore):
            return tracks
        if self._inputs.stored.reads == "bag-of-tones":
            return self._histograms(tracks)
        return patches_of(tracks, self._inputs.train, self._checkpoint.recipe, self._checkpoint.settings)

    def _histograms(self, store: MelStore) -> VectorSource:
        """Return bag-of-tones histograms; fit the codebook on train tracks if the checkpoint has none yet."""
        if "codebook" not in self._checkpoint.arrays:
            self._progress("fitting the codebook", 0, 1)
            codebook = fit_codebook(
                (bag_frames(store.track_db(int(row))) for row in self._inputs.train),
                tones=self._checkpoint.recipe.stages[0].tones,
                n_tracks=len(self._inputs.train),
                seed=self._checkpoint.config["seed"],
            )
            self._progress("fitting the codebook", 1, 1)
            arrays = {**self._checkpoint.arrays, "codebook": codebook.centroids}
            self._checkpoint = Checkpoint(self._checkpoint.path, self._checkpoint.config, arrays)
            self._checkpoint.save()
        needed = np.unique(np.concatenate([self._inputs.train, self._inputs.validation]))
        histograms = histograms_of(store, needed, Codebook(self._checkpoint.arrays["codebook"]), self._progress)
        return self._aligned(histograms.vectors, needed, pooled=True)

    def _train_stage(self, number: int, stage: Stage, source: Source, whole: Source, deadline: float | None) -> None:
        """Train on `source`; the input layer is fitted on `whole`, the source before it is cut to a fraction."""
        seed, inputs = self._checkpoint.config["seed"], self._inputs
        torch.manual_seed(step_seed(seed, number, 0, 0))
        outputs = stage.output or self._checkpoint.config["dim"]
        train = inputs.train[self._used]
        network = assemble(stage, whole, inputs.train if number == 1 else train, outputs=outputs).to(self._device)
        data = inputs.data.with_train_tracks(self._used)
        loss = objective(stage.loss, data, self._checkpoint.scaling, self._device, width=outputs)
        loop = Loop(
            Setup(
                stage=stage,
                number=number,
                seed=seed,
                network=network,
                source=source,
                train=train,
                validation=inputs.validation,
                objective=loss,
                device=self._device,
            )
        )
        if self._checkpoint.config["position"] is not None:
            loop.restore(self._checkpoint.config["position"], self._checkpoint.below("now."))
        else:
            fill(network[1])
        divide_work(network, loss.own)
        loop.run(save=self._save_running, checkpoint_s=self._checkpoint_s, deadline=deadline, progress=self._progress)
        self._finish_stage(number, loop, {**stage_note(stage, source, outputs), "train_tracks": len(train)})

    def _save_running(self, loop: Loop) -> None:
        position, arrays = loop.snapshot()
        now = {f"now.{name}": array for name, array in arrays.items()}
        config = {**self._checkpoint.config, "position": position}
        Checkpoint(self._checkpoint.path, config, {**self._finished_arrays(), **now}).save()
        self._write_history(position["history"])

    def _finish_stage(self, number: int, loop: Loop, note: dict[str, Any]) -> None:
        config, weights = self._checkpoint.config, arrays_of(loop.network)
        config = {
            **config,
            "stages": [*config["stages"], note],
            "histories": [*config["histories"], loop.position.history],
            "position": None,
        }
        arrays = self._finished_arrays() | {f"stage{number}.{name}": array for name, array in weights.items()}
        self._checkpoint = Checkpoint(self._checkpoint.path, config, arrays)
        self._checkpoint.save()

    def _finished_arrays(self) -> Arrays:
        """Return the arrays of the checkpoint without those of the stage in training."""
        return {name: array for name, array in self._checkpoint.arrays.items() if not name.startswith("now.")}

    def _embeddings(self, number: int, stage: Stage, source: Source) -> VectorSource:
        """Return the mean output of each train and validation track in use, which the next stage reads."""
        network = load_stage(self._checkpoint, number).to(self._device)
        needed = np.unique(np.concatenate([self._inputs.train[self._used], self._inputs.validation]))
        outputs = mean_outputs(
            network, source, needed, device=self._device, precision=stage.precision, progress=self._progress
        )
        return self._aligned(outputs, needed)

    def _aligned(self, some: Floats, rows: Rows, *, pooled: bool = False) -> VectorSource:
        """Return the vectors of `rows` at these rows of the stored input; the other rows are zero and never read."""
        ids = self._inputs.stored.ids
        vectors = np.zeros((len(ids), some.shape[1]), np.float32)
        vectors[rows] = some
        return VectorSource(ids, vectors, pooled)

    def _write_history(self, now: list[dict[str, float]] | None = None) -> None:
        """Write history.json: the figures of every epoch of each stage."""
        histories = [*self._checkpoint.config["histories"], *([now] if now is not None else [])]
        stages = [
            {
                "stage": number,
                "loss": type(stage.loss).__name__,
                "margin": getattr(stage.loss, "margin", None),
                "epochs": epochs,
            }
            for number, (stage, epochs) in enumerate(zip(self._checkpoint.recipe.stages, histories, strict=False), 1)
        ]
        note = "an embedding that is the same for every track has a triplet loss equal to the margin, accuracy 0.5"
        plain = {"recipe": self._checkpoint.recipe.name, "note": note, "stages": stages}
        write_json(self._history_path, plain, indent=1)
