"""The thesis in one command: train every row that is missing, measure all, write tables 6.1 to 6.7.

Rows are recipes, so a trained row is not trained again, a killed one goes on where it was, and `evaluate`, `recommend`
and the report know them like any other model. What was measured is written after every row.

Losses are those of the thesis: mean squared error of a track's mean prediction on standardised factors, here against
the fold-ins of tracks whose plays the targets never saw. Predicting the train tracks' mean for everything ("chance") is
the line to beat; it is not 1, because fold-ins are shorter than train factors.
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
from unheard.evaluate.evaluate import Tasks, measure, prepare
from unheard.evaluate.intervals import percentile_interval
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.results import number
from unheard.experiments.rows import EPOCHS, LEAK, PAIR, ROWS, Row, recipe_of, trainable_parameters
from unheard.experiments.triplet_loss import triplet_losses
from unheard.progress import Progress, silent
from unheard.recommend.build import BASELINES, ORACLE, make_recommender
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "thesis"
REFERENCES = tuple(name for name in BASELINES if name != "popularity")  # it says nothing about unplayed tracks
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
    references           the baselines and the oracle: name -> figures
    """

    about: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    references: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"about": self.about, "rows": self.rows, "references": self.references}


def run_thesis(
    workspace: Workspace, split_name: str | None, settings: Settings = Settings(), *, progress: Progress = silent
) -> Findings:
    """Train what is missing and measure everything; writes experiments/thesis.json after every row.

    A row whose pretrained weights are not in the cache is left out and says how to get them.
    """
    catalogue = load_catalogue(workspace, split_name, need_full=True)
    tasks = prepare(catalogue, seed=settings.seed)
    findings = Findings(_about(catalogue, settings))
    for name in (*REFERENCES, ORACLE):
        recommender = make_recommender(workspace, catalogue, name, seed=settings.seed)
        findings.references[name] = figures_of(measure(tasks, recommender))
    findings.references["chance"] = {"loss": [_mean_loss(catalogue, use) for use in (Use.VAL, Use.TEST)]}
    planned = [*settings.rows, *(PAIR if len(settings.rows) == len(ROWS) else ())]
    clock = _Clock([_work(row, settings) for row in planned], progress)
    for row in planned:
        with_row = clock.of_row()
        findings.rows.append(_run_row(workspace, tasks, row, settings, with_row))
        clock.finish()
        write_findings(workspace, findings)
    return findings


def write_findings(workspace: Workspace, findings: Findings) -> None:
    """experiments/thesis.json, with its tables drawn for the report."""
    from unheard.experiments.thesis_tables import about_text, thesis_tables

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


def _run_row(workspace: Workspace, tasks: Tasks, row: Row, settings: Settings, progress: Progress) -> dict[str, Any]:
    """Train a row if need be, then measure it."""
    from unheard.training.train import model_name, train

    recipe = recipe_of(row, fraction=settings.fraction, epochs=settings.epochs)
    catalogue, name = tasks.catalogue, model_name(recipe, settings.seed)
    found: dict[str, Any] = {"row": row.number, "name": row.name, "model": name, "table": row.table, "note": ""}
    found["trainable_parameters"] = trainable_parameters(row)
    try:
        train(
            workspace,
            recipe,
            catalogue.split,
            seed=settings.seed,
            device=settings.device,
            predict_train=False,
            progress=progress,
        )
    except MissingStageError as error:
        return found | {"note": f"not trained: {error}"}
    stages = json.loads((workspace.model_dir(catalogue.split.name, name) / "history.json").read_text())["stages"]
    if row.number == LEAK - 1:
        return found | _effort(stages[:1]) | triplet_losses(workspace, catalogue, name, seed=settings.seed)
    recommender = make_recommender(workspace, catalogue, name, seed=settings.seed)
    losses = [_loss(workspace, catalogue, name, use) for use in (Use.VAL, Use.TEST)]
    spent = _effort(stages[1:] if row.number == LEAK else stages)
    if row in PAIR:  # what it heard, without the vectors of a second stage
        spent["patches"] = _effort(stages[:1])["patches"]
    return found | spent | {"loss": losses, "figures": figures_of(measure(tasks, recommender))}


def _effort(stages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Seconds and patches (or vectors) of some stages of a training."""
    epochs = [epoch for stage in stages for epoch in stage["epochs"]]
    return {
        "seconds": sum(epoch["seconds"] for epoch in epochs),
        "patches": int(sum(epoch.get("patches", 0) for epoch in epochs)),
    }


def _loss(workspace: Workspace, catalogue: Catalogue, model: str, use: Use) -> float | None:
    """Mean squared error on standardised factors of the tracks with a use."""
    from unheard.training.checkpoint import load_checkpoint
    from unheard.training.predict import load_predictions

    checkpoint = load_checkpoint(workspace.model_dir(catalogue.split.name, model) / "checkpoint.safetensors")
    found = load_predictions(workspace, catalogue.split.name, model)
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    judged = np.flatnonzero((catalogue.use == use) & catalogue.warm.known & (rows >= 0))
    if not len(judged):
        return None
    scale = checkpoint.scaling.transform
    return _mse(scale(found.factors[rows[judged]]), scale(catalogue.warm.tracks[judged]))


def _mean_loss(catalogue: Catalogue, use: Use) -> float | None:
    """The loss of predicting the train tracks' mean for everything."""
    from unheard.factors.scaling import Scaling

    train = catalogue.warm.known & (catalogue.use == Use.TRAIN)
    judged = catalogue.warm.known & (catalogue.use == use)
    if not judged.any():
        return None
    scaled = Scaling.fit(catalogue.warm.tracks[train], "standard").transform(catalogue.warm.tracks[judged])
    return _mse(scaled, np.zeros_like(scaled))


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
    }


def _work(row: Row, settings: Settings) -> int:
    """Expected work of a row, in parts of one patch of row 3."""
    stage = recipe_of(row, fraction=settings.fraction, epochs=settings.epochs).stages[0]
    return max(1, round(1000 * row.cost * stage.epochs / EPOCHS))


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

        self._report(0)
        return report

    def finish(self) -> None:
        """The row is done."""
        self._done += self._work[self._place]
        self._place += 1
        self._report(0)

    def _report(self, now: float) -> None:
        self._progress("all rows, in patches of row 3", round(self._done + now), sum(self._work))
