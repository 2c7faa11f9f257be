"""The thesis in one command: train every row that is missing, measure all, write tables 6.1 to 6.7.

Rows are recipes, so a trained row is not trained again, a killed one goes on where it was, and `evaluate`, `recommend`
and the report know them like any other model. What was measured is written after every row, beside what an earlier run
with the same settings measured of other rows.

Losses are mean squared errors on standardised factors, as in the thesis, but of a track's mean prediction, where the
thesis averages over patches (which is never less), and against the fold-ins of tracks whose plays the targets never
saw. Predicting the train tracks' mean for everything is the line to beat; it is not 1, because fold-ins are shorter
than train factors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.errors import MissingStageError
from unheard.evaluate.evaluate import Tasks, check_measurable, measure, prepare
from unheard.evaluate.intervals import percentile_interval
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.results import number
from unheard.experiments.thesis.rows import LEAK, OURS, PAIR, ROWS, Row, even, recipe_of, trainable_parameters
from unheard.experiments.thesis.triplet_loss import triplet_losses
from unheard.library import open_library
from unheard.models.recipe import Recipe, Stage, TripletOffline
from unheard.progress import Progress, silent
from unheard.recommend.build import BASELINES, ORACLE, make_recommender
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.predicted import from_predictions
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "thesis"
MEAN = "mean factor"
REFERENCES = tuple(name for name in BASELINES if name not in ("popularity", "random"))  # popularity knows no new track
# How much of a row's time its steps take, and where in it they begin.
SHARES = {"training stage 1": (0.0, 0.8), "training stage 2": (0.8, 0.1), "predicting tracks": (0.9, 0.1)}


@dataclass(frozen=True)
class Settings:
    """What an experiment is run with; None: as published."""

    rows: Sequence[Row] = ROWS
    fraction: float | None = None
    epochs: int | None = None
    seed: int = 0
    device: str = "auto"


@dataclass
class Findings:
    """Everything measured, as plain data: `about` the run, one dict a row, and reference lines.

    figures of a row     "<task>/<candidates>/<metric>/<k>" -> value, low, high, chance, n
    references           the baselines, the oracle and the train tracks' mean factor: name -> figures, and its losses
    """

    about: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    references: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"about": self.about, "rows": self.rows, "references": self.references}


@dataclass(frozen=True)
class Planned:
    """A row with its recipe, what it hears in an epoch, and the work that is expected of it."""

    row: Row
    recipe: Recipe
    heard: dict[str, Any]
    work: int


def run_thesis(
    workspace: Workspace, split_name: str | None, settings: Settings = Settings(), *, progress: Progress = silent
) -> Findings:
    """Train what is missing and measure everything; writes experiments/thesis.json after every row.

    With all 22 rows, those that the thesis lacked are run too. A row whose pretrained weights are not in the cache is
    left out and says how to get them.
    """
    from unheard.training.device import pick_device

    pick_device(settings.device)
    catalogue = load_catalogue(workspace, split_name, need_full=True)
    check_measurable(catalogue)
    rows = [*settings.rows, *(OURS if len(settings.rows) == len(ROWS) else ())]
    plans = _plan(workspace, catalogue, rows, settings)
    tasks = prepare(catalogue, seed=settings.seed)
    findings = Findings(_about(catalogue, settings))
    for name in (*REFERENCES, ORACLE):
        recommender = make_recommender(workspace, catalogue, name, seed=settings.seed)
        findings.references[name] = figures_of(measure(tasks, recommender))
    constant = np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0)
    findings.references[MEAN] = figures_of(measure(tasks, from_predictions(catalogue, MEAN, constant)))
    findings.references[MEAN]["loss"] = [_mean_loss(catalogue, use) for use in (Use.VAL, Use.TEST)]
    earlier = _earlier(workspace, findings)
    clock = _Clock([plan.work for plan in plans], progress)
    for plan in plans:
        earlier[plan.row.name] = _run_row(workspace, tasks, plan, settings, clock.of_row())
        findings.rows = [earlier[row.name] for row in (*ROWS, *OURS) if row.name in earlier]
        clock.finish()
        write_findings(workspace, findings)
    return findings


def write_findings(workspace: Workspace, findings: Findings) -> None:
    """experiments/thesis.json, with its tables drawn for the report."""
    from unheard.experiments.thesis.tables import about_text, thesis_tables

    drawn = [vars(table) for table in thesis_tables(findings)]
    head = {"title": "The thesis, row by row", "about": about_text(findings), "tables": drawn}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings.as_json()}, indent=1)


def figures_of(measured: dict[Figure, Measure]) -> dict[str, Any]:
    """Measures as plain data by name."""
    out = {}
    for figure, found in measured.items():
        interval = None if found.replicates is None else percentile_interval(found.replicates)
        low, high = interval if interval is not None else (None, None)
        key = "/".join(str(part) for part in figure)
        out[key] = {
            "value": number(found.value), "low": low, "high": high, "chance": number(found.chance), "n": found.n
        }  # fmt: skip
    return out


def _plan(workspace: Workspace, catalogue: Catalogue, rows: Sequence[Row], settings: Settings) -> list[Planned]:
    """Recipes and workloads of rows."""
    from unheard.training.material import gather
    from unheard.training.workload import workload

    plans = []
    with open_library(workspace.library_path) as library:
        for row in rows:
            recipe = recipe_of(row, fraction=settings.fraction, epochs=settings.epochs)
            material = gather(workspace, library, recipe, catalogue.split, "warm")
            load = workload(material, recipe, settings.seed, workspace.settings)
            if row in PAIR and len(recipe.stages) == 2:
                recipe = even(recipe, items=load.items, tracks=load.tracks)
            stage = recipe.stages[0]
            work = row.cost * stage.epochs * (load.items * _patches_an_item(stage) + len(material.val))
            heard = {"tracks": load.tracks, "too_short": load.too_short}
            plans.append(Planned(row, recipe, heard, max(1, round(work))))
    return plans


def _earlier(workspace: Workspace, findings: Findings) -> dict[str, dict[str, Any]]:
    """Rows that an earlier run measured on the same tracks with the same settings, by name."""
    path = workspace.experiment_path(NAME)
    if not path.is_file():
        return {}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["findings"]
        same = before["about"] == findings.about and before["references"] == findings.references
        return {entry["name"]: entry for entry in before["rows"]} if same else {}
    except (ValueError, KeyError, TypeError):
        return {}  # half a file from another program: measured anew


def _run_row(
    workspace: Workspace, tasks: Tasks, plan: Planned, settings: Settings, progress: Progress
) -> dict[str, Any]:
    """Train a row if need be, then measure it."""
    from unheard.training.train import model_name, train

    row, catalogue, name = plan.row, tasks.catalogue, model_name(plan.recipe, settings.seed)
    found: dict[str, Any] = {
        "row": row.number, "name": row.name, "model": name, "table": row.table, "note": "", **plan.heard
    }  # fmt: skip
    found["trainable_parameters"], found["published"] = trainable_parameters(row), _published(row)
    try:
        train(
            workspace,
            plan.recipe,
            catalogue.split,
            seed=settings.seed,
            device=settings.device,
            predict_train=False,
            progress=progress,
        )
    except MissingStageError as error:
        return found | {"note": f"not trained: {error}"}
    stages = json.loads((workspace.model_dir(catalogue.split.name, name) / "history.json").read_text())["stages"]
    own = {LEAK - 1: slice(0, 1), LEAK: slice(1, 2)}.get(row.number, slice(None))
    found |= _effort(plan.recipe, stages, own)
    found["parameters"] = _trained_parameters(workspace, catalogue, name, own)
    if row.number == LEAK - 1:
        return found | triplet_losses(workspace, catalogue, name, seed=settings.seed)
    recommender = make_recommender(workspace, catalogue, name, seed=settings.seed)
    losses = [_loss(workspace, catalogue, name, use) for use in (Use.VAL, Use.TEST)]
    return found | {"loss": losses, "figures": figures_of(measure(tasks, recommender))}


def _effort(recipe: Recipe, stages: Sequence[dict[str, Any]], own: slice) -> dict[str, Any]:
    """Seconds, steps and patches (or vectors) of some stages of a training."""
    epochs = [[epoch for epoch in stage["epochs"] if "patches" in epoch] for stage in stages[own]]
    per_step = [stage.batch_size * _patches_an_item(stage) for stage in recipe.stages[own]]
    steps = [
        sum(max(1, round(epoch["patches"] / size)) for epoch in stage)
        for stage, size in zip(epochs, per_step, strict=True)
    ]
    return {
        "seconds": sum(epoch["seconds"] for stage in epochs for epoch in stage),
        "steps": steps,
        "patches": int(sum(epoch["patches"] for epoch in epochs[0])) if epochs else 0,
    }


def _patches_an_item(stage: Stage) -> int:
    """Offline triplets bring a positive and a negative with each anchor."""
    return 3 if isinstance(stage.loss, TripletOffline) else 1


def _trained_parameters(workspace: Workspace, catalogue: Catalogue, model: str, own: slice) -> int:
    """Trainable weights as trained here, with this workspace's factors."""
    import torch

    from unheard.models.networks import build, count_trainable
    from unheard.training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(workspace.model_dir(catalogue.split.name, model) / "checkpoint.safetensors")
    total = 0
    for stage, note in list(zip(checkpoint.recipe.stages, checkpoint.config["stages"], strict=True))[own]:
        with torch.device("meta"):
            shape = tuple(note["shape"])
            total += count_trainable(
                build(stage.network, input_shape=shape, outputs=note["outputs"], zero_output=False)
            )
    return total


def _published(row: Row) -> dict[str, Any]:
    """The thesis' own figures of a row."""
    return {
        "parameters": row.published_parameters,
        "minutes": row.minutes,
        "loss": row.loss,
        "similar": row.similar,
        "playlists": row.playlists,
    }


def _loss(workspace: Workspace, catalogue: Catalogue, model: str, use: Use) -> float | None:
    """Mean squared error on standardised factors of the tracks with a use."""
    from unheard.training.checkpoint import load_checkpoint
    from unheard.training.predict import load_predictions

    checkpoint = load_checkpoint(workspace.model_dir(catalogue.split.name, model) / "checkpoint.safetensors")
    found = load_predictions(workspace, catalogue.split.name, model)
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    judged = np.flatnonzero(_judged(catalogue, use) & (rows >= 0))
    if not len(judged):
        return None
    scale = checkpoint.scaling.transform
    return _mse(scale(found.factors[rows[judged]]), scale(catalogue.warm.tracks[judged]))


def _mean_loss(catalogue: Catalogue, use: Use) -> float | None:
    """The loss of predicting the train tracks' mean for everything."""
    from unheard.factors.scaling import Scaling

    train, judged = _judged(catalogue, Use.TRAIN), _judged(catalogue, use)
    if not judged.any():
        return None
    scaled = Scaling.fit(catalogue.warm.tracks[train], "standard").transform(catalogue.warm.tracks[judged])
    return _mse(scaled, np.zeros_like(scaled))


def _judged(catalogue: Catalogue, use: Use) -> NDArray[np.bool_]:
    """Tracks with a use, a factor and sound."""
    judged: NDArray[np.bool_] = (catalogue.use == use) & catalogue.warm.known & catalogue.content.known
    return judged


def _mse(predicted: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    return float(((predicted - true) ** 2).mean(dtype=np.float64))


def _about(catalogue: Catalogue, settings: Settings) -> dict[str, Any]:
    uses = {use.name.lower(): int(((catalogue.use == use) & catalogue.warm.known).sum()) for use in Use}
    return {
        "split": catalogue.split.name,
        "seed": settings.seed,
        "fraction": settings.fraction,
        "epochs": settings.epochs,
        "tracks": {name: uses[name] for name in ("train", "val", "test")},
        "playlists": len(catalogue.playlists),
        "factors": catalogue.warm.digest,
    }


class _Clock:
    """One bar for all rows, so that its time left is that of everything, and one for the row at work."""

    def __init__(self, work: Sequence[int], progress: Progress) -> None:
        self._work, self._progress, self._done, self._place = work, progress, 0, 0

    def of_row(self) -> Progress:
        """The progress of the next row's own steps."""

        def report(what: str, done: int, total: int) -> None:
            if what in SHARES and total:
                first, share = SHARES[what]
                part = first + share * done / total
                self._progress("this row, %", round(100 * part), 100)
                self._report(part * self._work[self._place])

        self._progress("this row, %", 0, 100)
        self._report(0)
        return report

    def finish(self) -> None:
        """The row is done."""
        self._done += self._work[self._place]
        self._place += 1
        self._report(0)

    def _report(self, now: float) -> None:
        self._progress("all rows, in patches of row 3", round(self._done + now), sum(self._work))
