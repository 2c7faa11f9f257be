"""How much of the thesis' best result can a leak explain?

The published count of row 22 fits an input of 384 numbers: the embeddings of a song, of a positive and of a negative
side by side. Positives were picked with the true factors, for test songs too; a new track has none. Here the same
regression is trained on the same embeddings (row 21) with different inputs, and everything else is equal:

    own                       128 numbers, what a new track has
    own, positive, negative   384 numbers, as published
    positive, negative        256 numbers: the track itself is not heard at all
    nearest                   the same two with the nearest track for a positive

Positives and negatives come, as published, from the 20 nearest and 500 farthest in the factors of all plays; so do the
targets. Whatever the lines without the track's own sound score is leak alone. 20 of the thesis' 53,202 songs are much
nearer than 20 of a small collection; the nearest track stands for that. As in the thesis, everything is measured with
the factors of all plays: playlists know the test plays too, which flatters every line, "own embedding" included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.errors import MissingStageError
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.results import recipe_and_seed
from unheard.evaluate.table import Table
from unheard.experiments.thesis.rows import LEAK, ROWS
from unheard.experiments.thesis.run import figures_of
from unheard.experiments.thesis.tables import interval, lift
from unheard.library import open_library
from unheard.models.recipe import TripletOffline
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, make_recommender, trained_models
from unheard.recommend.catalogue import Catalogue, Space, load_catalogue
from unheard.recommend.predicted import from_predictions
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "leak"
MODEL = ROWS[LEAK - 1].recipe
INPUTS: dict[str, tuple[str, ...]] = {
    "own embedding": ("own",),
    "own, positive, negative (as published)": ("own", "positive", "negative"),
    "positive, negative (own sound unheard)": ("positive", "negative"),
    "own, nearest, negative": ("own", "nearest", "negative"),
    "nearest, negative (own sound unheard)": ("nearest", "negative"),
}
FIGURES = {
    "neighbours, top 10": "similar/cold/overlap/10",
    "playlists, top 10": "playlist-overlap/cold/overlap/10",
    "R2": "factors/cold/r2/None",
    "recall@20": "recommend/cold/recall/20",
}
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Heard:
    """Tracks that have sound and a factor of all plays: catalogue rows, embeddings (n, 128) and factors (n, d)."""

    rows: Rows
    embeddings: Floats
    factors: Floats
    config: TripletOffline


def run_leak(
    workspace: Workspace, split_name: str | None, *, seed: int = 0, progress: Progress = silent
) -> dict[str, Any]:
    """Train the regression on each input and measure it; writes experiments/leak.json.

    MissingStageError unless rows 21 and 22 are trained.
    """
    catalogue = load_catalogue(workspace, split_name, need_full=True)
    space = catalogue.full
    assert space is not None
    heard = _heard(workspace, catalogue, space, seed)
    parts = _parts(heard, space.centre, seed)
    tasks = prepare(catalogue, seed=seed)
    found: dict[str, Any] = {}
    for done, (name, taken) in enumerate(INPUTS.items()):
        progress("regressions", done, len(INPUTS))
        predicted, weights = _regress(catalogue, heard, np.concatenate([parts[part] for part in taken], axis=1), seed)
        everyone = np.repeat(space.centre[None, :], len(catalogue), axis=0)
        everyone[heard.rows] = predicted
        recommender = from_predictions(catalogue, name, everyone, space)
        found[name] = {"weights": weights, "figures": figures_of(measure(tasks, recommender))}
    progress("regressions", len(INPUTS), len(INPUTS))
    ceiling = figures_of(measure(tasks, make_recommender(workspace, catalogue, ORACLE, seed=seed)))
    findings = {"split": catalogue.split.name, "seed": seed, "inputs": found, "oracle": ceiling}
    head = {"title": "The leak", "about": about_text(findings), "tables": [vars(leak_table(findings))]}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings}, indent=1)
    return findings


def leak_table(findings: dict[str, Any]) -> Table:
    """A line per input, between chance and the oracle, with the thesis' own figures last."""
    oracle = findings["oracle"]
    rows = [["chance", "", *(_with_lift(oracle.get(key), "chance") for key in FIGURES.values())]]
    for name, found in findings["inputs"].items():
        cells = [_with_lift(found["figures"].get(key), "value") for key in FIGURES.values()]
        rows.append([name, f"{found['weights']:,}", *cells])
    rows.append([ORACLE, "", *(_with_lift(oracle.get(key), "value") for key in FIGURES.values())])
    row = ROWS[LEAK - 1]
    assert row.similar is not None
    assert row.playlists is not None
    theirs = [f"{row.similar[0] / 100:.4f}", f"{row.playlists[0] / 100:.4f}", "", ""]
    rows.append(["thesis (other music)", f"{row.published_parameters:,}", *theirs])
    return Table("The leak: one regression on different inputs", ["input", "weights", *FIGURES], rows)


def about_text(findings: dict[str, Any]) -> str:
    """What the lines differ in, and what to conclude."""
    key = FIGURES["playlists, top 10"]
    values = [found["figures"].get(key, {}).get("value") for found in findings["inputs"].values()]
    verdict = ""
    if None not in values:
        own, published, unheard, _, nearest = values
        chance = findings["oracle"][key]["chance"]
        verdict = (
            f" Here the playlists' overlap at 10 is {own:.3f} from a track's own sound, {published:.3f} with the "
            f"published input, and without hearing the track at all {unheard:.3f} from a positive of the 20 nearest "
            f"and {nearest:.3f} from the nearest one, where chance is {chance:.3f}."
        )
    return (
        "The thesis reports 48.5 % for its triplet regression, whose published number of weights fits an input of "
        "three embeddings: the song's, a positive's and a negative's. Positives are picked by the true factors that "
        "are to be predicted, so a test song's input names its true neighbours; a new track has none to name. As in "
        "the thesis, playlists and targets know all plays here, which flatters every line." + verdict
    )


def _with_lift(found: dict[str, Any] | None, what: str) -> str:
    if what == "chance":
        return "-" if not found or found["chance"] is None else f"{found['chance']:.3f}"
    times = lift(found)
    return f"{interval(found)} {times}".strip()


def _heard(workspace: Workspace, catalogue: Catalogue, space: Space, seed: int) -> Heard:
    from unheard.spectrograms.store import open_store
    from unheard.training.predict import load_predictor

    fits = [
        name
        for name in trained_models(workspace, catalogue.split.name)
        if recipe_and_seed(name)[1] == seed and recipe_and_seed(name)[0].startswith(MODEL)
    ]
    if not fits:
        command = f"unheard experiment thesis -w {workspace.root} --split {catalogue.split.name} --rows 21,22"
        raise MissingStageError("the leak needs the embeddings of rows 21 and 22", command)
    predictor = load_predictor(workspace, catalogue.split.name, fits[0])  # as published, if it was trained so
    config = predictor.recipe.stages[0].loss
    assert isinstance(config, TripletOffline)
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    in_store = store.ids.rows(catalogue.tracks.ids, missing=-1)
    rows = np.flatnonzero(space.known & (in_store >= 0) & (catalogue.use != Use.NEW))
    embeddings = predictor.embed_store(store, in_store[rows])
    return Heard(rows, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), space.tracks[rows], config)


def _parts(heard: Heard, centre: Floats, seed: int) -> dict[str, Floats]:
    """Embeddings of each track, of its nearest, of one of its 20 nearest and of one of its farthest, (n, 128) each."""
    from unheard.training.triplets import neighbourhoods

    config = heard.config
    near = neighbourhoods(heard.factors, centre, nearest=config.nearest, buffer=0, farthest=config.farthest)
    rng, everyone = np.random.default_rng([seed, LEAK]), np.arange(len(heard.rows))
    positive = near.nearest[everyone, rng.integers(near.nearest.shape[1], size=len(everyone))]
    negative = near.farthest[everyone, rng.integers(near.farthest.shape[1], size=len(everyone))]
    others = {"positive": positive, "nearest": near.nearest[:, 0], "negative": negative}
    return {"own": heard.embeddings, **{part: heard.embeddings[rows] for part, rows in others.items()}}


def _regress(catalogue: Catalogue, heard: Heard, inputs: Floats, seed: int) -> tuple[Floats, int]:
    """Row 22's regression on some inputs (n, width): predicted factors (n, d), and its number of weights."""
    import torch

    from unheard.factors.scaling import Scaling
    from unheard.ids import IdMap
    from unheard.models.networks import count_trainable
    from unheard.models.recipe import load_recipe
    from unheard.training.assemble import assemble
    from unheard.training.inference import mean_outputs
    from unheard.training.loop import Loop, Setup
    from unheard.training.losses import objective
    from unheard.training.sources import VectorSource
    from unheard.training.targets import Targets

    stage, device = load_recipe(MODEL).stages[-1], torch.device("cpu")
    use = catalogue.use[heard.rows]
    train, val = np.flatnonzero(use == Use.TRAIN), np.flatnonzero(use == Use.VAL)
    val = val if len(val) else train
    scaling = Scaling.fit(heard.factors[train], stage.scaling)
    source = VectorSource(IdMap(str(row) for row in heard.rows), inputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = assemble(stage, source, train, outputs=heard.factors.shape[1])
        targets = Targets(heard.factors[train], heard.factors[val], scaling)
        judge = objective(stage.loss, targets, device, width=heard.factors.shape[1])
        loop = Loop(Setup(stage, 2, seed, network, source, train, val, judge, device))
        loop.run(save=lambda _: None, checkpoint_s=float("inf"))
    outputs = mean_outputs(network, source, np.arange(len(inputs)), device=device, precision=stage.precision)
    return scaling.inverse(outputs), count_trainable(network)
