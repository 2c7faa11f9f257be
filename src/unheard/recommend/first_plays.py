"""Rank played tracks in production by an estimate of prediction, artist and all their plays, also the newest plays.

Under the split `live` the factor of every track with plays is the estimate of cold_to_warm.py: the predicted factor,
shrunk towards the mean of the artist's other tracks, plus an offset from the track's plays. This makes a track that is
played for the first time move from content to plays, without new factors and without a new training. Tracks without
plays are predicted as before. On hidden plays of real playlists the estimate ranks better than the ALS factor at all
numbers of plays, so there is no number from which the ALS factor is used (docs/decisions/0017-first-plays.md).

Playlists that changed after the factors were computed are brought up to date too (changed_playlists.py).

    models/live/<name>/estimates.safetensors

holds the two kappas, which are chosen on validation tracks after a training, and the estimates at that time with a hash
of what each was computed from. A session computes only those anew whose prior, plays or playlists have changed; it
writes nothing. (All others would differ a little too, because X'X contains the changed playlists.)

Evaluation and calibration make recommenders without this step, and splits that hold plays out are not changed by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unheard import artefacts
from unheard.arrays import Floats, Indices, Mask, Rows
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.inference.predictions import KIND as PREDICTIONS
from unheard.inference.predictions import predictions_path
from unheard.plays.playlist_digests import id_hashes, playlist_digests, sums_of_rows
from unheard.ranking import mix
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.changed_playlists import fold_in_changed, mapped_embeddings
from unheard.recommend.cold_to_warm import KAPPAS, choose_kappas, estimates_of, with_plays
from unheard.recommend.models import without_part
from unheard.recommend.predicted import ridge
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Recommender, WarmColdScorer
from unheard.recommend.revealed_plays import MAX_VALIDATION_PLAYLISTS, METRICS, Queries, reveal_plays
from unheard.splits import Use
from unheard.workspace import Workspace

KIND = "estimates"
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


@dataclass(frozen=True)
class StoredEstimates:
    """Estimates of a model's tracks with plays, as they were after its training.

    factors  (k, d) of the tracks `ids`
    digests  (k,) hashes of the prior and the plays of each track
    """

    kappas: Kappas
    ids: IdMap
    factors: Floats
    digests: Indices


def with_first_plays(workspace: Workspace, catalogue: Catalogue, recommender: Recommender) -> Recommender:
    """Return the recommender for production: tracks with plays ranked and compared by estimates, playlists current.

    Recommenders without predicted factors are returned as they are, and all under splits other than `live`.
    """
    factors = recommender.factors if isinstance(recommender, EmbeddingRecommender) else recommender
    if not isinstance(factors, FactorRecommender) or factors.predicted is None or factors.full:
        return recommender
    if not catalogue.is_live or not catalogue.played.any():
        return recommender
    stored = load_estimates(workspace, catalogue.split.name, without_part(recommender.name))
    current = current_factors(catalogue, factors.predicted, stored.kappas if stored else Kappas(), stored)
    factors = replace(factors, tracks=current.tracks, playlists=current.playlists)
    if not isinstance(recommender, EmbeddingRecommender):
        return factors
    ranking, warm_cold = recommender.ranking, recommender.warm_cold
    embeddings = mapped_embeddings(
        ranking.playlists,
        catalogue.changed_playlists,
        factors.playlists,
        ranking.tracks,
        before=catalogue.train_plays,
        now=catalogue.plays,
    )
    if warm_cold is not None:
        warm_cold = WarmColdScorer(factors, ~catalogue.played, warm_cold.scale)
    pairs = None if recommender.pairs is None else replace(recommender.pairs, plays=catalogue.plays)
    ranking = replace(ranking, playlists=embeddings)
    return replace(recommender, ranking=ranking, factors=factors, warm_cold=warm_cold, pairs=pairs)


def refitted_estimates(refit: Catalogue, kappas: Kappas) -> Floats:
    """Return estimates (n, d) of the train tracks of a catalogue with refitted factors (holdout.py).

    Predictions of a model are in the space of the factors that it was trained on, so the prior is that of ridge
    regression, or the mean factor without content.
    """
    warm = refit.warm
    try:
        found = ridge(refit)
    except UserError:
        found = np.repeat(warm.centre[None, :], len(refit), axis=0)
    rows = np.unique(refit.train_plays.indices)
    prior = estimates_of(refit, found, rows).prior(kappas.artist)
    shown = refit.train_plays[:, rows]
    found[rows] = with_plays(prior, warm.playlists, shown, kappa=kappas.plays, alpha=warm.als.alpha)
    return found


@dataclass(frozen=True)
class CurrentFactors:
    """Factors by all plays of a catalogue.

    tracks     (n, d) estimates of tracks with plays, predicted factors of the others
    playlists  (m, d)
    rows       (k,) tracks with plays
    digests    (k,) hashes of what their estimates were computed from
    computed   (k,) which of them were computed; the others were stored
    """

    tracks: Floats
    playlists: Floats
    rows: Rows
    digests: Indices
    computed: Mask


def current_factors(
    catalogue: Catalogue, predicted: Floats, kappas: Kappas, stored: StoredEstimates | None = None
) -> CurrentFactors:
    """Return the factors by all plays, from predicted factors (n, d); estimates that are still true are `stored`."""
    warm, rows = catalogue.warm, np.flatnonzero(catalogue.played)
    prior = estimates_of(catalogue, predicted, rows).prior(kappas.artist)
    first = ~warm.known[rows]  # played for the first time after the factors were computed
    fixed = warm.tracks.copy()
    fixed[rows[first]] = prior[first]
    playlists = fold_in_changed(warm.playlists, catalogue.changed_playlists, fixed, catalogue.plays, warm.als)
    digests, tracks = _digests(catalogue, rows, prior), predicted.copy()
    todo = np.ones(len(rows), np.bool_)
    if stored is not None and stored.factors.shape[1] == warm.dim:
        of_stored = stored.ids.rows(catalogue.tracks.ids.take(rows), missing=-1)
        todo = (of_stored < 0) | (stored.digests[of_stored] != digests) if len(stored.ids) else todo
        tracks[rows[~todo]] = stored.factors[of_stored[~todo]]
    shown = catalogue.plays[:, rows[todo]]
    tracks[rows[todo]] = with_plays(prior[todo], playlists, shown, kappa=kappas.plays, alpha=warm.als.alpha)
    return CurrentFactors(tracks, playlists, rows, digests, todo)


def _digests(catalogue: Catalogue, rows: Rows, prior: Floats) -> Indices:
    """Return a hash for each of `rows` (k,) of its prior (k, d) and its playlists, with all tracks of those."""
    contents = playlist_digests(catalogue.plays, catalogue.tracks.ids).view(np.uint64)
    of_playlist = mix(id_hashes(catalogue.playlists) ^ contents)
    by_track = catalogue.plays.T.tocsr()
    of_plays = sums_of_rows(of_playlist[by_track.indices], by_track.indptr)[rows]
    odd = mix(np.arange(prior.shape[1], dtype=np.uint64)) | np.uint64(1)
    of_prior = np.zeros(len(rows), np.uint64)
    for column, factor in enumerate(odd):
        of_prior += np.ascontiguousarray(prior[:, column]).view(np.uint32).astype(np.uint64) * factor
    digests: Indices = mix(of_plays ^ mix(of_prior)).view(np.int64)
    return digests


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


def store_estimates(workspace: Workspace, catalogue: Catalogue, recommender: FactorRecommender) -> Kappas | None:
    """Choose the kappas of a trained model under `live`, and write them with the estimates; return them.

    None, and nothing is written, for a model without predicted factors in the space of the warm ones.
    """
    if recommender.predicted is None or recommender.full:
        return None
    kappas = chosen_kappas(catalogue, recommender.predicted)
    current = current_factors(catalogue, recommender.predicted, kappas)
    split, model = catalogue.split.name, without_part(recommender.name)
    values = {name: value if np.isfinite(value) else None for name, value in vars(kappas).items()}
    artefacts.save(
        estimates_path(workspace, split, model),
        KIND,
        config={"fingerprint": _fingerprint(workspace, split, model), **values},
        arrays={"factors": current.tracks[current.rows], "digests": current.digests},
        ids={"track": IdMap(catalogue.tracks.ids.take(current.rows))},
    )
    return kappas


def load_estimates(workspace: Workspace, split: str, model: str) -> StoredEstimates | None:
    """Return the stored estimates of a model; None if none were stored since its training. UserError if damaged."""
    path = estimates_path(workspace, split, model)
    if not path.is_file():
        return None
    try:
        found = artefacts.load(path, KIND)
        values = [np.inf if found.config[name] is None else float(found.config[name]) for name in ("artist", "plays")]
        stored = StoredEstimates(Kappas(*values), found.ids["track"], found.arrays["factors"], found.arrays["digests"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run `unheard train` again") from error
    usable = stored.kappas.artist >= 0 and 0 <= stored.kappas.plays < np.inf
    usable = usable and len(stored.factors) == len(stored.digests) == len(stored.ids)
    current = found.config.get("fingerprint") == _fingerprint(workspace, split, model)
    return stored if usable and current else None


def estimates_path(workspace: Workspace, split: str, model: str) -> Path:
    """Return the path of a model's estimates."""
    return workspace.model_dir(split, model) / "estimates.safetensors"


def _fingerprint(workspace: Workspace, split: str, model: str) -> str:
    config = artefacts.read_config(predictions_path(workspace, split, model), PREDICTIONS)
    return str(config.get("fingerprint", ""))
