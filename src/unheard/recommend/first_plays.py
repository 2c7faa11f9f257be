"""Rank played tracks in production by an estimate of prediction, artist and all their plays, also the newest plays.

Under the split `live` the factor of every track with plays is the estimate of cold_to_warm.py: the predicted factor,
shrunk towards the mean of the artist's other tracks, plus an offset from the track's plays. This makes a track that is
played for the first time move from content to plays, without new factors and without a new training. Tracks without
plays are predicted as before. On hidden plays of real playlists the estimate ranks better than the ALS factor at all
numbers of plays, so there is no number from which the ALS factor is used (docs/decisions/0017-first-plays.md).

Playlists that changed after the factors were computed are brought up to date too (changed_playlists.py). All is
computed from the plays as they are when a session opens; nothing is stored but the two kappas, which are chosen on
validation tracks after a training. Evaluation and calibration make recommenders without this step, and splits that hold
plays out are not changed by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats
from unheard.artefacts import read_config, write_json
from unheard.errors import UserError
from unheard.inference.predictions import KIND, predictions_path
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.changed_playlists import fold_in_changed, mapped_embeddings
from unheard.recommend.cold_to_warm import KAPPAS, choose_kappas, estimates_of, with_plays
from unheard.recommend.models import without_part
from unheard.recommend.predicted import ridge
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Recommender, WarmColdScorer
from unheard.recommend.revealed_plays import MAX_VALIDATION_PLAYLISTS, METRICS, Queries, reveal_plays
from unheard.splits import Use
from unheard.workspace import Workspace

LEVELS = (0, 1, 2, 5, 10, 50)  # numbers of revealed plays for which the kappas are chosen
MIN_TRACKS, MIN_PLAYLISTS = 30, 20  # with fewer validation tracks or queries, the default kappas are used
MAX_TRACKS = 5000  # validation tracks


@dataclass(frozen=True)
class Kappas:
    """Weights of the predicted factor (in tracks of the artist) and of the prior (in mean eigenvalues of X'X).

    The weight of the prior is finite: otherwise plays would have no effect. The defaults are those chosen most often
    on real playlists.
    """

    artist: float = 3.0
    plays: float = 3.0


def with_first_plays(workspace: Workspace, catalogue: Catalogue, recommender: Recommender) -> Recommender:
    """Return the recommender for production: tracks with plays ranked and compared by estimates, playlists current.

    Recommenders without predicted factors are returned as they are, and all under splits other than `live`.
    """
    factors = recommender.factors if isinstance(recommender, EmbeddingRecommender) else recommender
    if not isinstance(factors, FactorRecommender) or factors.predicted is None or factors.full:
        return recommender
    if not catalogue.is_live or not catalogue.played.any():
        return recommender
    kappas = load_kappas(workspace, catalogue.split.name, without_part(recommender.name)) or Kappas()
    current = _current(catalogue, factors, factors.predicted, kappas)
    if not isinstance(recommender, EmbeddingRecommender):
        return current
    ranking, warm_cold = recommender.ranking, recommender.warm_cold
    embeddings = mapped_embeddings(
        ranking.playlists,
        catalogue.changed_playlists,
        current.playlists,
        ranking.tracks,
        before=catalogue.train_plays,
        now=catalogue.plays,
    )
    if warm_cold is not None:
        warm_cold = WarmColdScorer(current, ~catalogue.played, warm_cold.scale)
    return replace(recommender, ranking=replace(ranking, playlists=embeddings), factors=current, warm_cold=warm_cold)


def estimates(catalogue: Catalogue, predicted: Floats, playlists: Floats, plays: csr_matrix, kappas: Kappas) -> Floats:
    """Return the predicted factors (n, d) with those of tracks with `plays` (m, n) replaced by their estimates."""
    rows = np.unique(plays.indices)
    prior = estimates_of(catalogue, predicted, rows).prior(kappas.artist)
    found = predicted.copy()
    found[rows] = with_plays(prior, playlists, plays[:, rows], kappa=kappas.plays, alpha=catalogue.warm.als.alpha)
    return found


def refitted_estimates(refit: Catalogue, kappas: Kappas) -> Floats:
    """Return estimates (n, d) of the train tracks of a catalogue with refitted factors (holdout.py).

    Predictions of a model are in the space of the factors that it was trained on, so the prior is that of ridge
    regression, or the mean factor without content.
    """
    warm = refit.warm
    try:
        predicted = ridge(refit)
    except UserError:
        predicted = np.repeat(warm.centre[None, :], len(refit), axis=0)
    return estimates(refit, predicted, warm.playlists, refit.train_plays, kappas)


def _current(catalogue: Catalogue, factors: FactorRecommender, predicted: Floats, kappas: Kappas) -> FactorRecommender:
    warm, plays = catalogue.warm, catalogue.plays
    playlists = warm.playlists
    if catalogue.changed_playlists.any():
        fresh = np.flatnonzero(catalogue.played & ~warm.known)  # first played after the factors were computed
        fixed = warm.tracks.copy()
        fixed[fresh] = estimates_of(catalogue, predicted, fresh).prior(kappas.artist)
        playlists = fold_in_changed(playlists, catalogue.changed_playlists, fixed, plays, warm.als)
    return replace(factors, tracks=estimates(catalogue, predicted, playlists, plays, kappas), playlists=playlists)


# ------------------------------------------------------------------------------------------------------------ kappas


def chosen_kappas(catalogue: Catalogue, predicted: Floats, *, seed: int = 0) -> Kappas:
    """Return the kappas that rank validation tracks best by nDCG@20; the defaults if there are too few to choose.

    predicted  (n, d) predicted factors of all tracks
    """
    has_plays = np.any(catalogue.warm.playlists, axis=1)
    reveal = reveal_plays(catalogue, catalogue.validation_plays, Use.VAL, has_plays, seed, at_most=MAX_TRACKS)
    if len(reveal.tracks) < MIN_TRACKS:
        return Kappas()
    queries = Queries.of(catalogue, reveal, seed=seed, at_most=MAX_VALIDATION_PLAYLISTS)
    if len(queries.playlists) < MIN_PLAYLISTS:
        return Kappas()

    def quality(factors: Floats) -> float:
        return float(np.nanmean(queries.figures(factors)[METRICS[1]]))

    found = estimates_of(catalogue, predicted, reveal.tracks)
    finite = [kappa for kappa in KAPPAS if np.isfinite(kappa)]
    alpha = catalogue.warm.als.alpha
    return Kappas(*choose_kappas(catalogue, found, reveal, quality, alpha=alpha, levels=LEVELS, kappas=finite))


def kappas_path(workspace: Workspace, split: str, model: str) -> Path:
    """Return the path of a model's kappas."""
    return workspace.model_dir(split, model) / "kappas.json"


def save_kappas(workspace: Workspace, split: str, model: str, kappas: Kappas) -> None:
    """Write the kappas of a model, with the fingerprint of its training."""
    values = {name: value if np.isfinite(value) else None for name, value in vars(kappas).items()}
    fingerprint = _fingerprint(workspace, split, model)
    write_json(kappas_path(workspace, split, model), {"fingerprint": fingerprint, **values}, indent=1)


def load_kappas(workspace: Workspace, split: str, model: str) -> Kappas | None:
    """Return the kappas of a model; None if none were chosen since the training, or if the file is damaged."""
    try:
        found = json.loads(kappas_path(workspace, split, model).read_text(encoding="utf-8"))
        values = [np.inf if found[name] is None else float(found[name]) for name in ("artist", "plays")]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usable = values[0] >= 0 and 0 <= values[1] < np.inf
    return Kappas(*values) if usable and found.get("fingerprint") == _fingerprint(workspace, split, model) else None


def _fingerprint(workspace: Workspace, split: str, model: str) -> str:
    return str(read_config(predictions_path(workspace, split, model), KIND).get("fingerprint", ""))
