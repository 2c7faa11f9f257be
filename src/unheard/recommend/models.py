"""From the name of a model to a recommender: baselines, background systems, the oracle, and what a split trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.errors import MissingStageError, UserError
from unheard.ids import IdMap, Rows
from unheard.models import baselines
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.classical import CLASSICAL, make_classical
from unheard.recommend.predicted import content_neighbours, from_predictions, or_mean, ridge, true_factors
from unheard.recommend.recommenders import (
    EmbeddingRecommender,
    FactorRecommender,
    OracleRecommender,
    PopularityRecommender,
    RandomRecommender,
    Recommender,
)
from unheard.recommend.scales import beside_warm, load_scale
from unheard.splits import USE_SPLITS, Use, default_split, load_splits
from unheard.workspace import Workspace

BASELINES = ("random", "popularity", "artist-mean", "content-neighbours", "ridge")
UNTRAINED = (*BASELINES, *CLASSICAL)  # made from the catalogue alone, whenever they are asked for
ORACLE = "oracle"
FACTORS = ":factors"  # behind a recipe's name: rank by the warm factors that it predicts

Floats = NDArray[np.float32]


def trained_models(workspace: Workspace, split: str) -> list[str]:
    """Names of the models trained on a split whose predictions are stored, ordered.

    A name is a recipe's, for seed 0, or `<name>@<seed>`.
    """
    return sorted(path.parent.name for path in workspace.model_dir(split, "*").parent.glob("*/predictions.safetensors"))


def split_for_use(workspace: Workspace) -> str:
    """Return the split to recommend under when none is named.

    `live` if a model is trained on it or no model is trained at all; else the first split in the order of
    `USE_SPLITS` on which one is trained. A split that the workspace lacks is passed over.
    """
    there = load_splits(workspace)
    for name in (*USE_SPLITS, *sorted(set(there) - set(USE_SPLITS))):
        if name in there and trained_models(workspace, name):
            return name
    return default_split(there, USE_SPLITS)


def trained_elsewhere(workspace: Workspace, split: str) -> str:
    """Return ", only on 'x': names" for messages about a split without the model; empty if no other split has one."""
    others = {name: trained_models(workspace, name) for name in load_splits(workspace) if name != split}
    told = [f"on {name!r}: {', '.join(models)}" for name, models in sorted(others.items()) if models]
    return f", only {'; '.join(told)}" if told else ""


def make_recommender(workspace: Workspace, catalogue: Catalogue, model: str, *, seed: int = 0) -> Recommender:
    """The recommender called `model`; UserError lists the known names.

    `seed` is that of `random`. `oracle` needs a catalogue with the full factors.
    """
    warm, train = catalogue.warm, catalogue.use == Use.TRAIN
    match model:
        case "random":
            return RandomRecommender(seed)
        case "popularity":
            return PopularityRecommender.of(catalogue.train_plays)
        case "artist-mean":
            known = np.flatnonzero(train & warm.known)
            return from_predictions(catalogue, model, baselines.artist_mean(warm.tracks, known, catalogue.main_artist))
        case "content-neighbours":
            return from_predictions(catalogue, model, content_neighbours(catalogue))
        case "ridge":
            return from_predictions(catalogue, model, ridge(catalogue))
        case "oracle":
            return _oracle(workspace, catalogue)
    if model in CLASSICAL:
        return make_classical(workspace, catalogue, model)
    return _trained(workspace, catalogue, model)


def _oracle(workspace: Workspace, catalogue: Catalogue) -> OracleRecommender:
    if catalogue.full is None:
        raise MissingStageError("the oracle needs the full factors", f"unheard factors -w {workspace.root}")
    return OracleRecommender(true_factors(catalogue.warm, ORACLE), true_factors(catalogue.full, ORACLE))


def without_part(model: str) -> str:
    """The trained model that a name is about: `blend:factors@1` is the factors that `blend@1` predicts."""
    recipe, part, rest = model.partition(FACTORS)
    return recipe + rest if part and "@" not in recipe else model


def factors_of(model: str) -> str:
    """What `without_part` undoes: `blend@1` predicts the factors `blend:factors@1`."""
    recipe, at, seed = model.partition("@")
    return f"{recipe}{FACTORS}{at}{seed}"


def _trained(workspace: Workspace, catalogue: Catalogue, wanted: str) -> FactorRecommender | EmbeddingRecommender:
    from unheard.inference.predictions import load_predictions

    split, model = catalogue.split.name, without_part(wanted)
    trained = trained_models(workspace, split)
    if model not in trained:
        if any(model in trained_models(workspace, other) for other in load_splits(workspace)):
            raise MissingStageError(
                f"model {model!r} is not trained on split {split!r}{trained_elsewhere(workspace, split)}",
                f"unheard train -w {workspace.root} --split {split} {_asked_for(model)}",
            )
        known = (
            f"baselines: {', '.join(BASELINES)}, {ORACLE}; background: {', '.join(CLASSICAL)}; "
            f"trained on {split!r}: {', '.join(trained) or 'none yet'}"
        )
        raise UserError(f"no model {model!r}; choose one of these ({known}) or train it")
    found = load_predictions(workspace, split, model)
    space = catalogue.full if found.targets == "full" else catalogue.warm
    if space is None:
        raise MissingStageError(f"model {model!r} needs the full factors", f"unheard factors -w {workspace.root}")
    if found.factors.shape[1] != space.dim or (found.space and space.digest and found.space != space.digest):
        raise MissingStageError(
            f"model {model!r} predicts other factors than those of {split!r}, which were computed again since",
            f"unheard train -w {workspace.root} --split {split} {_asked_for(model)}",
        )
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    predicted = or_mean(space, found.factors[rows[rows >= 0]], rows >= 0)
    factors = from_predictions(catalogue, wanted, predicted, space)
    embeddings, playlists, playlist_ids = found.track_embeddings, found.playlist_embeddings, found.playlist_ids
    if embeddings is None or playlists is None or playlist_ids is None or wanted != model:
        return factors
    scale = load_scale(workspace, split, model, found.fingerprint)
    return EmbeddingRecommender(
        model,
        _placed(catalogue, embeddings, rows, playlists, playlist_ids),
        factors,
        None if scale is None else beside_warm(catalogue, scale),
    )


def _asked_for(model: str) -> str:
    """The recipe and options that `train` makes a model of this name from."""
    recipe, _, seed = model.partition("@")
    full = " --targets full" if recipe.endswith("-full") else ""
    return f"{recipe.removesuffix('-full')}{f' --seed {seed}' if seed else ''}{full}"


def _placed(
    catalogue: Catalogue, places: Floats, rows: Rows, playlists: Floats, playlist_ids: IdMap
) -> FactorRecommender:
    """Places in the order of the catalogue; tracks that nobody described stand at the mean of the train tracks."""
    there, of_playlists = rows >= 0, playlist_ids.rows(catalogue.playlists, missing=-1)
    train = there & (catalogue.use == Use.TRAIN)
    train = train if train.any() else there
    centre = places[rows[train]].mean(axis=0, dtype=np.float64).astype(np.float32)
    tracks = np.where(there[:, None], places[rows], centre).astype(np.float32)
    known = np.where((of_playlists >= 0)[:, None], playlists[of_playlists], np.float32(0))
    return FactorRecommender("places", tracks, known, centre)
