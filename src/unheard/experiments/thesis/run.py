"""Replicate the thesis: train every row that is not trained yet, measure all, and make tables 6.1 to 6.7.

Rows are recipes, so a trained row is not trained again, a row that was killed continues, and `evaluate`, `recommend`
and the report handle them like other models. Findings are saved after every row, together with the rows that an earlier
run measured with the same options.

Losses are mean squared errors on standardised factors, as in the thesis, but of the mean prediction of a track (the
thesis averages over patches, which is never less), and against the fold-ins of tracks whose plays are not in the
targets. The baseline predicts the mean of the train tracks for every track; its loss is not 1, because fold-ins are
shorter than train factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from unheard.arrays import Floats, Mask
from unheard.checksums import read_sealed
from unheard.errors import MissingStageError
from unheard.evaluate.evaluate import Tasks, check_measurable, measure, prepare
from unheard.experiments.experiment import Device, Experiment, Findings, Option, Seed, load, save
from unheard.experiments.thesis.measures import MEAN, REFERENCES, figures_of
from unheard.experiments.thesis.rows import (
    LEAK,
    OURS,
    PAIR,
    ROWS,
    Row,
    even,
    listing,
    parse_rows,
    recipe_of,
    trainable_parameters,
)
from unheard.experiments.thesis.thesis_tables import summary, tables
from unheard.experiments.thesis.triplet_loss import triplet_losses
from unheard.inference.predictions import NETWORK_FILE, load_predictions
from unheard.library import open_library
from unheard.models.recipe import Recipe, Stage, TripletOffline
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import ORACLE, make_recommender
from unheard.recommend.predicted import from_predictions
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

# The share of the time of a row at which each of its steps begins, and the share that the step takes.
SHARES = {"training stage 1": (0.0, 0.8), "training stage 2": (0.8, 0.1), "predicting tracks": (0.9, 0.1)}


@dataclass(frozen=True)
class Options:
    """Options of the experiment; None: as published.

    published  whether tables have the figures of the thesis too
    """

    rows: Annotated[str, Option("Which of the 22 rows, such as 1-4,11.")] = "1-22"
    fraction: Annotated[
        float | None, Option("Share of the train patches. Default: 0.1, as published.", above=0, maximum=1)
    ] = None
    epochs: Annotated[int | None, Option("Epochs of most rows. Default: 5, as published.", minimum=1)] = None
    seed: Seed = 0
    device: Device = "auto"
    published: Annotated[bool, Option("Add the figures of the thesis to the tables.")] = False


@dataclass(frozen=True)
class Planned:
    """A row with its recipe, the tracks that it reads in an epoch, and its expected work."""

    row: Row
    recipe: Recipe
    tracks: dict[str, Any]
    work: int


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure the rows of the options; with all 22 rows, also those that the thesis does not have."""
    rows = parse_rows(options.rows)
    return measure_rows(workspace, split_name, [*rows, *(OURS if len(rows) == len(ROWS) else ())], options, progress)


def measure_rows(
    workspace: Workspace, split_name: str | None, rows: Sequence[Row], options: Options, progress: Progress
) -> Findings:
    """Train the rows that are not trained yet and measure all; saves the findings after every row.

    A row whose pretrained weights are not in the cache is left out, with a note on how to get them. Findings:

        about         the run: an earlier run with the same values is added to
        published     as in the options
        rows          one dict per row; figures: "<task>/<candidates>/<metric>/<k>" -> value, low, high, chance, n
        references    the baselines, the oracle and the mean factor of the train tracks: name -> figures (and losses)
    """
    from unheard.inference.device import pick_device

    pick_device(options.device)
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS, need_full=True)
    check_measurable(catalogue)
    plans = _plan(workspace, catalogue, rows, options)
    tasks = prepare(catalogue, seed=options.seed)
    findings: Findings = {"about": _about(catalogue, options), "published": options.published}
    findings["references"] = _references(workspace, tasks, options.seed)
    earlier = _earlier(workspace, findings)
    clock = _Clock([plan.work for plan in plans], progress)
    for plan in plans:
        earlier[plan.row.name] = _run_row(workspace, tasks, plan, options, clock.of_row())
        findings["rows"] = [earlier[row.name] for row in (*ROWS, *OURS) if row.name in earlier]
        clock.finish()
        save(THESIS, workspace, findings)
    return findings


def _references(workspace: Workspace, tasks: Tasks, seed: int) -> dict[str, dict[str, Any]]:
    """Measure the baselines, the oracle and the mean factor."""
    catalogue = tasks.catalogue
    found = {}
    for name in (*REFERENCES, ORACLE):
        found[name] = figures_of(measure(tasks, make_recommender(workspace, catalogue, name, seed=seed)))
    constant = np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0)
    found[MEAN] = figures_of(measure(tasks, from_predictions(catalogue, MEAN, constant)))
    found[MEAN]["loss"] = [_mean_loss(catalogue, use) for use in (Use.VAL, Use.TEST)]
    return found


def _plan(workspace: Workspace, catalogue: Catalogue, rows: Sequence[Row], options: Options) -> list[Planned]:
    """Return rows with their recipes and expected work."""
    from unheard.training.networks.network_inputs import load_network_inputs
    from unheard.training.networks.workload import workload

    plans = []
    with open_library(workspace.library_path) as library:
        for row in rows:
            recipe = recipe_of(row, fraction=options.fraction, epochs=options.epochs)
            inputs = load_network_inputs(workspace, library, recipe, catalogue.split, "warm")
            load = workload(inputs, recipe, options.seed, workspace.settings)
            if row in PAIR and len(recipe.stages) == 2:
                recipe = even(recipe, items=load.items, tracks=load.tracks)
            stage = recipe.stages[0]
            work = row.cost * stage.epochs * (load.items * _patches_an_item(stage) + len(inputs.validation))
            tracks = {"tracks": load.tracks, "too_short": load.too_short}
            plans.append(Planned(row, recipe, tracks, max(1, round(work))))
    return plans


def _earlier(workspace: Workspace, findings: Findings) -> dict[str, dict[str, Any]]:
    """Return the rows that an earlier run measured on the same tracks with the same options, by name."""
    before = load(THESIS, workspace)
    try:
        same = all(before[key] == findings[key] for key in ("about", "references"))
        return {entry["name"]: entry for entry in before["rows"]} if same else {}
    except (KeyError, TypeError):
        return {}  # no earlier run, or not a file of ours


def _run_row(workspace: Workspace, tasks: Tasks, plan: Planned, options: Options, progress: Progress) -> dict[str, Any]:
    """Train a row if it is not trained yet, then measure it."""
    from unheard.training.networks.train_network import model_name, train_network

    row, catalogue, name = plan.row, tasks.catalogue, model_name(plan.recipe, options.seed)
    found: dict[str, Any] = {
        "row": row.number, "name": row.name, "model": name, "table": row.table, "note": "", **plan.tracks
    }  # fmt: skip
    found["trainable_parameters"], found["published"] = trainable_parameters(row), _published(row)
    try:
        train_network(
            workspace,
            plan.recipe,
            catalogue.split,
            seed=options.seed,
            device=options.device,
            predict_train=False,
            progress=progress,
        )
    except MissingStageError as error:
        return found | {"note": f"not trained: {error}"}
    stages = read_sealed(workspace.model_dir(catalogue.split.name, name) / "history.json")["stages"]
    own = {LEAK - 1: slice(0, 1), LEAK: slice(1, 2)}.get(row.number, slice(None))
    found |= _effort(plan.recipe, stages, own)
    found["parameters"] = _trained_parameters(workspace, catalogue, name, own)
    if row.number == LEAK - 1:
        return found | triplet_losses(workspace, catalogue, name, seed=options.seed)
    recommender = make_recommender(workspace, catalogue, name, seed=options.seed)
    losses = [_loss(workspace, catalogue, name, use) for use in (Use.VAL, Use.TEST)]
    return found | {"loss": losses, "figures": figures_of(measure(tasks, recommender))}


def _effort(recipe: Recipe, stages: Sequence[dict[str, Any]], own: slice) -> dict[str, Any]:
    """Return seconds, steps and patches (or vectors) of some stages of a training."""
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
    """Return 3 for offline triplets, which add a positive and a negative to each anchor."""
    return 3 if isinstance(stage.loss, TripletOffline) else 1


def _trained_parameters(workspace: Workspace, catalogue: Catalogue, model: str, own: slice) -> int:
    """Return the number of trainable weights, with the factors of this workspace."""
    import torch

    from unheard.inference.checkpoint import load_checkpoint
    from unheard.models.networks import build, count_trainable

    checkpoint = load_checkpoint(workspace.model_dir(catalogue.split.name, model) / NETWORK_FILE)
    total = 0
    for stage, note in list(zip(checkpoint.recipe.stages, checkpoint.config["stages"], strict=True))[own]:
        with torch.device("meta"):
            shape = tuple(note["shape"])
            total += count_trainable(
                build(stage.network, input_shape=shape, outputs=note["outputs"], zero_output=False)
            )
    return total


def _published(row: Row) -> dict[str, Any]:
    """Return the published figures of a row."""
    return {
        "parameters": row.published_parameters,
        "minutes": row.minutes,
        "loss": row.loss,
        "similar": row.similar,
        "playlists": row.playlists,
    }


def _loss(workspace: Workspace, catalogue: Catalogue, model: str, use: Use) -> float | None:
    """Return the mean squared error on standardised factors of the tracks with a use."""
    from unheard.inference.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(workspace.model_dir(catalogue.split.name, model) / NETWORK_FILE)
    found = load_predictions(workspace, catalogue.split.name, model)
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    measured = np.flatnonzero(_measured(catalogue, use) & (rows >= 0))
    if not len(measured):
        return None
    scale = checkpoint.scaling.transform
    return _mse(scale(found.factors[rows[measured]]), scale(catalogue.warm.tracks[measured]))


def _mean_loss(catalogue: Catalogue, use: Use) -> float | None:
    """Return the loss of predicting the mean of the train tracks for every track."""
    from unheard.factors.scaling import Scaling

    train, measured = _measured(catalogue, Use.TRAIN), _measured(catalogue, use)
    if not measured.any():
        return None
    scaled = Scaling.fit(catalogue.warm.tracks[train], "standard").transform(catalogue.warm.tracks[measured])
    return _mse(scaled, np.zeros_like(scaled))


def _measured(catalogue: Catalogue, use: Use) -> Mask:
    """Return the mask of tracks with a use, a factor and audio."""
    measured: Mask = (catalogue.use == use) & catalogue.warm.known & catalogue.content.known
    return measured


def _mse(predicted: Floats, true: Floats) -> float:
    return float(((predicted - true) ** 2).mean(dtype=np.float64))


def _about(catalogue: Catalogue, options: Options) -> dict[str, Any]:
    uses = {use.name.lower(): int(((catalogue.use == use) & catalogue.warm.known).sum()) for use in Use}
    return {
        "split": catalogue.split.name,
        "seed": options.seed,
        "fraction": options.fraction,
        "epochs": options.epochs,
        "tracks": {name: uses[name] for name in ("train", "val", "test")},
        "playlists": len(catalogue.playlists),
        "factors": catalogue.warm.digest,
    }


class _Clock:
    """Progress with one bar for all rows, weighted by their work, and one for the current row."""

    def __init__(self, work: Sequence[int], progress: Progress) -> None:
        self._work, self._progress, self._done, self._row = work, progress, 0, 0

    def of_row(self) -> Progress:
        """Return the progress of the steps of the next row."""

        def report(what: str, done: int, total: int) -> None:
            if what in SHARES and total:
                first, share = SHARES[what]
                part = first + share * done / total
                self._progress("this row, %", round(100 * part), 100)
                self._report(part * self._work[self._row])

        self._progress("this row, %", 0, 100)
        self._report(0)
        return report

    def finish(self) -> None:
        """Count the row as done."""
        self._done += self._work[self._row]
        self._row += 1
        self._report(0)

    def _report(self, now: float) -> None:
        self._progress("all rows, in patches of row 3", round(self._done + now), sum(self._work))


THESIS = Experiment(
    name="thesis",
    title="The thesis, row by row",
    help="Train and measure the models of the thesis. Trained rows are kept, and a killed run continues.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
    plan=lambda options: listing(parse_rows(options.rows)),
)
