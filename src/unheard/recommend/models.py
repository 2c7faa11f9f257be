"""Make the recommender of a model name: a baseline, a classical recommender, the oracle, or a trained model."""

from __future__ import annotations

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.artefacts import read_config
from unheard.errors import MissingStageError, UserError, quoted
from unheard.factors.store import load_factors
from unheard.ids import IdMap
from unheard.models import baselines
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.classical import CLASSICAL, make_classical
from unheard.recommend.combined import PairScorer
from unheard.recommend.predicted import content_neighbours, from_predictions, ridge, true_factors, with_mean
from unheard.recommend.recommenders import (
    EmbeddingRecommender,
    FactorRecommender,
    OracleRecommender,
    PopularityRecommender,
    RandomRecommender,
    Recommender,
)
from unheard.recommend.scales import load_scale, warm_cold_scorer
from unheard.recommend.sound import MIN_TO_COMPARE, SOUND, sound_recommender, too_few_playlists, usable_playlists
from unheard.splits import USE_SPLITS, Use, default_split, load_splits
from unheard.workspace import Workspace

BASELINES = ("random", "popularity", "artist-mean", "content-neighbours", "ridge")
UNTRAINED = (*BASELINES, SOUND, *CLASSICAL)  # need no training: made from the catalogue
ORACLE = "oracle"
DEFAULT_MODELS = ("blend", "triplet", "triplet-content")
FACTORS = ":factors"  # suffix of a recipe's name: rank by the warm factors that it predicts


def trained_models(workspace: Workspace, split: str) -> list[str]:
    """Return the names of the models with predictions that are trained on a split, sorted.

    The name is that of the recipe for seed 0, and `<recipe>@<seed>` for another seed.
    """
    return sorted(path.parent.name for path in workspace.model_dir(split, "*").parent.glob("*/predictions.safetensors"))


def trained_on_other_factors(workspace: Workspace, split: str, model: str) -> bool:
    """Return whether the factors of a split were computed again after a model was trained on them."""
    from unheard.inference.predictions import KIND, predictions_path

    about = read_config(predictions_path(workspace, split, model), KIND)
    factors = load_factors(workspace, "full" if about.get("targets") == "full" else split)
    space, digest = about.get("space"), factors.config.get("digest")
    return bool(space and digest) and space != digest


def split_for_use(workspace: Workspace) -> str:
    """Return the split to recommend under when none is named.

    `live` if a model is trained on it or if no model is trained; else the first split, in the order of `USE_SPLITS`,
    on which a model is trained. Splits that the workspace does not have are skipped.
    """
    splits = load_splits(workspace)
    for name in (*USE_SPLITS, *sorted(set(splits) - set(USE_SPLITS))):
        check_predictions(workspace, name)
        if name in splits and trained_models(workspace, name):
            return name
    return default_split(splits, USE_SPLITS)


def check_predictions(workspace: Workspace, split: str) -> None:
    """Raise MissingStageError if the predictions of a trained model are lost, so that another one would be chosen."""
    from unheard.inference.predictions import has_lost_predictions, not_trained, predictions_file

    for folder in sorted(workspace.model_dir(split, "*").parent.glob("*")):
        if has_lost_predictions(folder):
            raise not_trained(workspace, split, folder.name, predictions_file(folder))


def trained_elsewhere(workspace: Workspace, split: str) -> str:
    """Return ", only on 'x': names" for a message about `split`; empty if no model is trained on another split."""
    others = {name: trained_models(workspace, name) for name in load_splits(workspace) if name != split}
    parts = [f"on {name!r}: {', '.join(models)}" for name, models in sorted(others.items()) if models]
    return f", only {'; '.join(parts)}" if parts else ""


def choose_model(workspace: Workspace, catalogue: Catalogue, wanted: str | None) -> tuple[str, str]:
    """Return the name of the model to use, and a sentence about it for people, which may be empty.

    `wanted` if it is given; else the default recipe's model or another trained one; else, with too few playlists to
    learn from, `sound`. With a single playlist, for which a fitted model scores all tracks alike, `sound` replaces
    every model that is fitted to plays. Factors that were imported without playlists are enough to use a model. Raise
    MissingStageError if no model is trained and there are enough playlists.
    """
    n, split = usable_playlists(catalogue.plays), catalogue.split.name
    imported = not catalogue.plays.nnz and catalogue.warm.known.any()  # factors, without any playlist
    too_few = "" if imported else too_few_playlists(n)
    if n < MIN_TO_COMPARE and not imported and wanted not in (SOUND, "random", "popularity", ORACLE):
        return SOUND, too_few
    if wanted is not None:
        return wanted, ""
    check_predictions(workspace, split)
    trained = trained_models(workspace, split)
    for name in (*DEFAULT_MODELS, *trained):
        if name in trained and not (too_few and _is_stale(workspace, catalogue, name)):
            return name, ""
    if too_few:
        return SOUND, too_few
    raise MissingStageError(
        f"no model is trained on split {split!r}{trained_elsewhere(workspace, split)}",
        f"unheard train -w {quoted(workspace.root)} --split {split}",
    )


def _is_stale(workspace: Workspace, catalogue: Catalogue, model: str) -> bool:
    """Return whether the factors were computed again after a model was trained on them."""
    try:
        _trained(workspace, catalogue, model)
    except MissingStageError:
        return True
    return False


def make_recommender(workspace: Workspace, catalogue: Catalogue, model: str, *, seed: int = 0) -> Recommender:
    """Return the recommender with the name `model`.

    `seed` is the seed of `random`. `oracle` needs a catalogue with the full factors.

    Raise UserError, with the known names, for an unknown name; MissingStageError, with the command to run, for a model
    that is not trained on the split of the catalogue or whose factors were computed again.
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
        case "sound":
            return sound_recommender(catalogue)
        case "oracle":
            return _oracle(workspace, catalogue)
    if model in CLASSICAL:
        return make_classical(catalogue, model)
    return _trained(workspace, catalogue, model)


def _oracle(workspace: Workspace, catalogue: Catalogue) -> OracleRecommender:
    if catalogue.full is None:
        raise MissingStageError("the oracle needs the full factors", f"unheard factors -w {quoted(workspace.root)}")
    return OracleRecommender(true_factors(catalogue.warm, ORACLE), true_factors(catalogue.full, ORACLE))


def without_part(model: str) -> str:
    """Return the trained model of a name: `blend@1` for `blend:factors@1`, which ranks by the factors it predicts."""
    recipe, part, rest = model.partition(FACTORS)
    return recipe + rest if part and "@" not in recipe else model


def factors_of(model: str) -> str:
    """Return the name that ranks by the predicted factors of a model: `blend:factors@1` for `blend@1`."""
    recipe, at, seed = model.partition("@")
    return f"{recipe}{FACTORS}{at}{seed}"


def _trained(workspace: Workspace, catalogue: Catalogue, wanted: str) -> FactorRecommender | EmbeddingRecommender:
    from unheard.inference.predictions import load_predictions, train_command

    split, model = catalogue.split.name, without_part(wanted)
    trained = trained_models(workspace, split)
    if model not in trained:
        if any(model in trained_models(workspace, other) for other in load_splits(workspace)):
            raise MissingStageError(
                f"model {model!r} is not trained on split {split!r}{trained_elsewhere(workspace, split)}",
                train_command(workspace, split, model),
            )
        known = (
            f"baselines: {', '.join(BASELINES)}, {ORACLE}; classical: {', '.join(CLASSICAL)}; "
            f"trained on {split!r}: {', '.join(trained) or 'none yet'}"
        )
        raise UserError(f"no model {model!r}; choose one of these ({known}) or train it")
    found = load_predictions(workspace, split, model)
    space = catalogue.full if found.targets == "full" else catalogue.warm
    if space is None:
        raise MissingStageError(
            f"model {model!r} needs the full factors", f"unheard factors -w {quoted(workspace.root)}"
        )
    if found.factors.shape[1] != space.dim or (found.space and space.digest and found.space != space.digest):
        raise MissingStageError(
            f"the factors of split {split!r} were computed again after model {model!r} was trained on them",
            train_command(workspace, split, model),
        )
    rows = found.ids.rows(catalogue.tracks.ids, missing=-1)
    predicted = with_mean(space, found.factors[rows[rows >= 0]], rows >= 0)
    factors = from_predictions(catalogue, wanted, predicted, space)
    embeddings, playlists, playlist_ids = found.track_embeddings, found.playlist_embeddings, found.playlist_ids
    if embeddings is None or playlists is None or playlist_ids is None or wanted != model:
        return factors
    pairs = None
    if found.combiner is not None:
        pairs = PairScorer(found.combiner, catalogue.train_plays, catalogue.main_artist)
    scale = load_scale(workspace, split, model, found.fingerprint)
    return EmbeddingRecommender(
        model,
        _by_embeddings(catalogue, embeddings, rows, playlists, playlist_ids),
        factors,
        None if scale is None else warm_cold_scorer(catalogue, scale),
        pairs,
    )


def _by_embeddings(
    catalogue: Catalogue, embeddings: Floats, rows: Rows, playlists: Floats, playlist_ids: IdMap
) -> FactorRecommender:
    """Return a recommender that ranks by embeddings; tracks without one get the mean of the train tracks.

    rows  (n,) rows of `embeddings`, -1 for tracks without one
    """
    known, playlist_rows = rows >= 0, playlist_ids.rows(catalogue.playlists, missing=-1)
    train = known & (catalogue.use == Use.TRAIN)
    train = train if train.any() else known
    centre = embeddings[rows[train]].mean(axis=0, dtype=np.float64).astype(np.float32)
    tracks = np.where(known[:, None], embeddings[rows], centre).astype(np.float32)
    aligned = np.where((playlist_rows >= 0)[:, None], playlists[playlist_rows], np.float32(0))
    return FactorRecommender("embeddings", tracks, aligned, centre)
