"""Measure how much of the best result of the thesis target leakage can explain.

The published number of weights of row 22 fits an input of 384 numbers: the embeddings of a song, of a positive and of a
negative. Positives were chosen by the true factors, for test songs too; a new track has no true factors. Here the same
regression is trained on the same embeddings (row 21) with different inputs; everything else is equal:

    own                       128 numbers, the embedding of the track, which a new track has too
    own, positive, negative   384 numbers, as published
    positive, negative        256 numbers, without the embedding of the track itself
    nearest                   the same two with the nearest track as the positive

Positives and negatives come, as published, from the 20 nearest and 500 farthest tracks by the factors of all plays, and
so do the targets. A score without the embedding of the track is due to leakage alone. 20 of the 53,202 songs of the
thesis are much nearer than 20 of a small collection; the nearest track is used for that. As in the thesis, everything
is measured with the factors of all plays: playlist factors include the test plays, which raises all scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.errors import MissingStageError, quoted
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.result_tables import Table
from unheard.evaluate.results import recipe_and_seed
from unheard.experiments.experiment import Experiment, Findings, Seed
from unheard.experiments.thesis.measures import figures_of, interval, lift
from unheard.experiments.thesis.rows import LEAK as ROW
from unheard.experiments.thesis.rows import ROWS
from unheard.library import open_library
from unheard.models.recipe import TripletOffline
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue, Space, load_catalogue
from unheard.recommend.models import ORACLE, make_recommender, trained_models
from unheard.recommend.predicted import from_predictions
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

MODEL = ROWS[ROW - 1].recipe
INPUTS: dict[str, tuple[str, ...]] = {
    "own embedding": ("own",),
    "own, positive, negative (as published)": ("own", "positive", "negative"),
    "positive, negative (own embedding left out)": ("positive", "negative"),
    "own, nearest, negative": ("own", "nearest", "negative"),
    "nearest, negative (own embedding left out)": ("nearest", "negative"),
}
FIGURES = {
    "neighbours, top 10": "similar/cold/overlap/10",
    "playlists, top 10": "playlist-overlap/cold/overlap/10",
    "R2": "factors/cold/r2/None",
    "recall@20": "recommend/cold/recall/20",
}


@dataclass(frozen=True)
class LeakData:
    """Tracks with audio and a factor of all plays: catalogue rows, embeddings (n, 128) and factors (n, d)."""

    rows: Rows
    embeddings: Floats
    factors: Floats
    config: TripletOffline


@dataclass(frozen=True)
class Options:
    """Options of the experiment."""

    seed: Seed = 0


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Train the regression on each input and measure it; MissingStageError unless rows 21 and 22 are trained."""
    seed = options.seed
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS, need_full=True)
    space = catalogue.full
    assert space is not None
    embedded = _embedded(workspace, catalogue, space, seed)
    parts = _parts(embedded, space.centre, seed)
    tasks = prepare(catalogue, seed=seed)
    found: dict[str, Any] = {}
    for done, (name, taken) in enumerate(INPUTS.items()):
        progress("regressions", done, len(INPUTS))
        predicted, weights = _regress(
            catalogue, embedded, np.concatenate([parts[part] for part in taken], axis=1), seed
        )
        everyone = np.repeat(space.centre[None, :], len(catalogue), axis=0)
        everyone[embedded.rows] = predicted
        recommender = from_predictions(catalogue, name, everyone, space)
        found[name] = {"weights": weights, "figures": figures_of(measure(tasks, recommender))}
    progress("regressions", len(INPUTS), len(INPUTS))
    ceiling = figures_of(measure(tasks, make_recommender(workspace, catalogue, ORACLE, seed=seed)))
    return {"split": catalogue.split.name, "seed": seed, "inputs": found, "oracle": ceiling}


def tables(findings: Findings) -> list[Table]:
    """Return a table with a row per input, between chance and the oracle, and the figures of the thesis last."""
    oracle = findings["oracle"]
    rows = [["chance", "", *(_with_lift(oracle.get(key), "chance") for key in FIGURES.values())]]
    for name, found in findings["inputs"].items():
        cells = [_with_lift(found["figures"].get(key), "value") for key in FIGURES.values()]
        rows.append([name, f"{found['weights']:,}", *cells])
    rows.append([ORACLE, "", *(_with_lift(oracle.get(key), "value") for key in FIGURES.values())])
    row = ROWS[ROW - 1]
    assert row.similar is not None
    assert row.playlists is not None
    published = [f"{row.similar[0] / 100:.4f}", f"{row.playlists[0] / 100:.4f}", "", ""]
    rows.append(["thesis (other music)", f"{row.published_parameters:,}", *published])
    return [Table("Target leakage: one regression on different inputs", ["input", "weights", *FIGURES], rows)]


def summary(findings: Findings) -> str:
    """Explain the inputs, and compare the result with and without the embedding of the track."""
    key = FIGURES["playlists, top 10"]
    values = [found["figures"].get(key, {}).get("value") for found in findings["inputs"].values()]
    result = ""
    if None not in values:
        own, published, left_out, _, nearest = values
        chance = findings["oracle"][key]["chance"]
        result = (
            f" Here the overlap of playlists at 10 is {own:.3f} with the embedding of the track, and {published:.3f} "
            f"with the published input. Without the embedding of the track it is {left_out:.3f} with one of the 20 "
            f"nearest tracks as the positive and {nearest:.3f} with the nearest; chance is {chance:.3f}."
        )
    return (
        "The thesis reports 48.5 % for its triplet regression, whose published number of weights fits an input of "
        "three embeddings: of the song, of a positive and of a negative. Positives are chosen by the true factors, "
        "which are the targets, so the input of a test song contains its true neighbours; a new track has none. As in "
        "the thesis, playlist factors and targets include all plays, which raises the scores of all inputs." + result
    )


def _with_lift(found: dict[str, Any] | None, what: str) -> str:
    if what == "chance":
        return "-" if not found or found["chance"] is None else f"{found['chance']:.3f}"
    times = lift(found)
    return f"{interval(found)} {times}".strip()


def _embedded(workspace: Workspace, catalogue: Catalogue, space: Space, seed: int) -> LeakData:
    from unheard.inference.load import load_network_encoder
    from unheard.spectrograms.store import open_store

    fits = [
        name
        for name in trained_models(workspace, catalogue.split.name)
        if recipe_and_seed(name)[1] == seed and recipe_and_seed(name)[0].startswith(MODEL)
    ]
    if not fits:
        command = f"unheard experiment thesis -w {quoted(workspace.root)} --split {catalogue.split.name} --rows 21,22"
        raise MissingStageError("the leak needs the embeddings of rows 21 and 22", command)
    predictor = load_network_encoder(workspace, catalogue.split.name, fits[0])  # as published, if it was trained so
    config = predictor.recipe.stages[0].loss
    assert isinstance(config, TripletOffline)
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    in_store = store.ids.rows(catalogue.tracks.ids, missing=-1)
    rows = np.flatnonzero(space.known & (in_store >= 0) & (catalogue.use != Use.NEW))
    embeddings = predictor.embed_store(store, in_store[rows])
    return LeakData(rows, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), space.tracks[rows], config)


def _parts(embedded: LeakData, centre: Floats, seed: int) -> dict[str, Floats]:
    """Return embeddings (n, 128) of each track, its nearest, one of its 20 nearest and one of its farthest."""
    from unheard.training.networks.triplets import neighbourhoods

    config = embedded.config
    near = neighbourhoods(embedded.factors, centre, nearest=config.nearest, buffer=0, farthest=config.farthest)
    rng, everyone = np.random.default_rng([seed, ROW]), np.arange(len(embedded.rows))
    positive = near.nearest[everyone, rng.integers(near.nearest.shape[1], size=len(everyone))]
    negative = near.farthest[everyone, rng.integers(near.farthest.shape[1], size=len(everyone))]
    others = {"positive": positive, "nearest": near.nearest[:, 0], "negative": negative}
    return {"own": embedded.embeddings, **{part: embedded.embeddings[rows] for part, rows in others.items()}}


def _regress(catalogue: Catalogue, embedded: LeakData, inputs: Floats, seed: int) -> tuple[Floats, int]:
    """Train the regression of row 22 on inputs (n, width); return predicted factors (n, d) and number of weights."""
    import torch

    from unheard.factors.scaling import Scaling
    from unheard.ids import IdMap
    from unheard.inference.input_sources import VectorSource
    from unheard.inference.patch_outputs import mean_outputs
    from unheard.models.networks import count_trainable
    from unheard.models.recipe import load_recipe
    from unheard.training.dataset import TrainingData
    from unheard.training.networks.assemble import assemble
    from unheard.training.networks.loop import Loop, Setup
    from unheard.training.networks.losses import objective

    stage, device = load_recipe(MODEL).stages[-1], torch.device("cpu")
    use = catalogue.use[embedded.rows]
    train, val = np.flatnonzero(use == Use.TRAIN), np.flatnonzero(use == Use.VAL)
    val = val if len(val) else train
    scaling = Scaling.fit(embedded.factors[train], stage.scaling)
    source = VectorSource(IdMap(str(row) for row in embedded.rows), inputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = assemble(stage, source, train, outputs=embedded.factors.shape[1])
        data = TrainingData.of_factors(embedded.factors[train], embedded.factors[val])
        loss = objective(stage.loss, data, scaling, device, width=embedded.factors.shape[1])
        loop = Loop(Setup(stage, 2, seed, network, source, train, val, loss, device))
        loop.run(save=lambda _: None, checkpoint_s=float("inf"))
    outputs = mean_outputs(network, source, np.arange(len(inputs)), device=device, precision=stage.precision)
    return scaling.inverse(outputs), count_trainable(network)


LEAK = Experiment(
    name="leak",
    title="Target leakage in the thesis",
    help="Measure target leakage in the best result of the thesis. Train rows 21 and 22 first.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
)
