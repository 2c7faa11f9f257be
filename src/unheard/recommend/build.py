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
    return from_predictions(catalogue, model, _trained(workspace, catalogue, model))


def from_predictions(catalogue: Catalogue, name: str, predicted: Floats) -> FactorRecommender:
    """Train tracks get their true warm factor, every other track its predicted one (n, d)."""
    true = catalogue.warm.known & (catalogue.use == Use.TRAIN)
    tracks = np.where(true[:, None], catalogue.warm.tracks, predicted).astype(np.float32)
    return FactorRecommender(name, tracks, catalogue.warm.playlists, catalogue.warm.centre)


def true_factors(space: Space, name: str) -> FactorRecommender:
    """A space as it is; tracks without a factor stand at the mean."""
    tracks = np.where(space.known[:, None], space.tracks, space.centre).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre)


def _oracle(workspace: Workspace, catalogue: Catalogue) -> OracleRecommender:
    if catalogue.full is None:
        raise MissingStageError("the oracle needs the full factors", f"unheard factors -w {workspace.root}")
    return OracleRecommender(true_factors(catalogue.warm, ORACLE), true_factors(catalogue.full, ORACLE))


def _trained(workspace: Workspace, catalogue: Catalogue, model: str) -> Floats:
    from unheard.training.predict import predictions

    split = catalogue.split.name
    trained = trained_models(workspace, split)
    if model not in trained:
        known = f"baselines: {', '.join(BASELINES)}, {ORACLE}; trained on {split!r}: {', '.join(trained) or 'none yet'}"
        raise UserError(f"no model {model!r}; choose one of these ({known}) or train it")
    ids, found = predictions(workspace, split, model)
    if found.shape[1] != catalogue.warm.dim:
        raise UserError(
            f"model {model!r} predicts {found.shape[1]} factors, the factors of {split!r} have {catalogue.warm.dim}: "
            f"they were computed again since; run `unheard train -w {workspace.root} --split {split}` again"
        )
    rows = ids.rows(catalogue.tracks.ids, missing=-1)
    return _or_mean(catalogue, found[rows[rows >= 0]], rows >= 0)


def _content_neighbours(catalogue: Catalogue) -> Floats:
    content, (heard, train, _) = catalogue.timbre, _heard(catalogue, catalogue.timbre)
    found = baselines.content_neighbours(content.values[heard], catalogue.warm.tracks[heard], train)
    return _or_mean(catalogue, found, content.known)


def _ridge(catalogue: Catalogue) -> Floats:
    content, (heard, train, val) = catalogue.content, _heard(catalogue, catalogue.content)
    found = baselines.ridge(content.values[heard], catalogue.warm.tracks[heard], train, val)
    return _or_mean(catalogue, found, content.known)


def _heard(catalogue: Catalogue, content: Content) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rows with content, and which of those train and validate (places among them)."""
    heard = np.flatnonzero(content.known)
    use, known = catalogue.use[heard], catalogue.warm.known[heard]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    if not len(train):
        raise UserError("no train track has both sound and plays; scan the played tracks' files, or import vectors")
    return heard, train, val


def _or_mean(catalogue: Catalogue, found: Floats, known: NDArray[np.bool_]) -> Floats:
    """Predictions of all tracks: those without sound are taken for average, which ranks them in the middle."""
    out = np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0)
    out[known] = found
    return out
