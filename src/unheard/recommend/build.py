"""From the name of a model to a recommender: baselines, the oracle, and whatever has been trained on a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.errors import MissingStageError, UserError
from unheard.models import baselines
from unheard.recommend.catalogue import Catalogue, Content, Space
from unheard.recommend.recommenders import (
    FactorRecommender,
    OracleRecommender,
    PopularityRecommender,
    RandomRecommender,
    Recommender,
)
from unheard.splits import Use
from unheard.workspace import Workspace

Floats = NDArray[np.float32]

BASELINES = ("random", "popularity", "artist-mean", "content-neighbours", "ridge")
ORACLE = "oracle"


def trained_models(workspace: Workspace, split: str) -> list[str]:
    """Names of the models trained on a split whose predictions are stored, ordered.

    A name is a recipe's, for seed 0, or `<name>@<seed>`.
    """
    return sorted(path.parent.name for path in workspace.model_dir(split, "*").parent.glob("*/predictions.safetensors"))


def make_recommender(workspace: Workspace, catalogue: Catalogue, model: str, *, seed: int = 0) -> Recommender:
    """The recommender called `model`; UserError lists the known names.

    `seed` is that of `random`. `oracle` needs a catalogue with the full factors.
    """
    warm, train = catalogue.warm, catalogue.use == Use.TRAIN
    match model:
        case "random":
            return RandomRecommender(seed)
        case "popularity":
            return PopularityRecommender.of(catalogue.trained)
        case "artist-mean":
            known = np.flatnonzero(train & warm.known)
            return from_predictions(catalogue, model, baselines.artist_mean(warm.tracks, known, catalogue.main_artist))
        case "content-neighbours":
            return from_predictions(catalogue, model, _content_neighbours(catalogue))
        case "ridge":
            return from_predictions(catalogue, model, _ridge(catalogue))
        case "oracle":
            return _oracle(workspace, catalogue)
    return _trained(workspace, catalogue, model)


def from_predictions(
    catalogue: Catalogue, name: str, predicted: Floats, space: Space | None = None
) -> FactorRecommender:
    """Train tracks get their true factor, every other track its predicted one (n, d); `space` is warm if not said."""
    space = space or catalogue.warm
    true = space.known & (catalogue.use == Use.TRAIN)
    tracks = np.where(true[:, None], space.tracks, predicted).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre)


def true_factors(space: Space, name: str) -> FactorRecommender:
    """A space as it is; tracks without a factor stand at the mean."""
    tracks = np.where(space.known[:, None], space.tracks, space.centre).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre)


def _oracle(workspace: Workspace, catalogue: Catalogue) -> OracleRecommender:
    if catalogue.full is None:
        raise MissingStageError("the oracle needs the full factors", f"unheard factors -w {workspace.root}")
    return OracleRecommender(true_factors(catalogue.warm, ORACLE), true_factors(catalogue.full, ORACLE))


def _trained(workspace: Workspace, catalogue: Catalogue, model: str) -> FactorRecommender:
    from unheard.training.predict import load_predictions

    split = catalogue.split.name
    trained = trained_models(workspace, split)
    if model not in trained:
        known = f"baselines: {', '.join(BASELINES)}, {ORACLE}; trained on {split!r}: {', '.join(trained) or 'none yet'}"
        raise UserError(f"no model {model!r}; choose one of these ({known}) or train it")
    found = load_predictions(workspace, split, model)
    space = catalogue.full if found.targets == "full" else catalogue.warm
    if space is None:
        raise MissingStageError(f"model {model!r} needs the full factors", f"unheard factors -w {workspace.root}")
    if found.factors.shape[1] != space.dim or (found.space and space.digest and found.space != space.digest):
        raise MissingStageError(
            f"model {model!r} predicts other factors than those of {split!r}, which were computed again since",
            f"unheard train -w {workspace.root} --split {split} {model.partition('@')[0].removesuffix('-full')}",
        )
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    predicted = _or_mean(space, found.factors[rows[rows >= 0]], rows >= 0)
    return from_predictions(catalogue, model, predicted, space)


def _content_neighbours(catalogue: Catalogue) -> Floats:
    content, (heard, train, _) = catalogue.timbre, _heard(catalogue, catalogue.timbre)
    found = baselines.content_neighbours(content.values[heard], catalogue.warm.tracks[heard], train)
    return _or_mean(catalogue.warm, found, content.known)


def _ridge(catalogue: Catalogue) -> Floats:
    content, (heard, train, val) = catalogue.content, _heard(catalogue, catalogue.content)
    found = baselines.ridge(content.values[heard], catalogue.warm.tracks[heard], train, val)
    return _or_mean(catalogue.warm, found, content.known)


def _heard(catalogue: Catalogue, content: Content) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rows with content, and which of those train and validate (places among them)."""
    heard = np.flatnonzero(content.known)
    use, known = catalogue.use[heard], catalogue.warm.known[heard]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    if not len(train):
        raise UserError("no train track has both sound and plays; scan the played tracks' files, or import vectors")
    return heard, train, val


def _or_mean(space: Space, found: Floats, known: NDArray[np.bool_]) -> Floats:
    """Predictions of all tracks: those without sound are taken for average, which ranks them in the middle."""
    out = np.repeat(space.centre[None, :], len(known), axis=0)
    out[known] = found
    return out
