"""Hybrids that give each track one factor: weighted, learned, switching, feature augmentation.

Burke, Hybrid Recommender Systems: Survey and Experiments (2002). Two pair are combined. Taste is collaborative: the
implicit ALS factor of a train track; of other tracks it knows nothing and says average. Sound is the content model:
factors predicted by ridge regression, those of train tracks by regressions that did not see them (predicted.py).

A score is linear in the track's factor, so weighing two scores is weighing two factors. For that both pair are put
on one scale once, for the whole catalogue: their scores of all train tracks in all playlists have the same mean and
the same deviation. Standardising inside a list instead would make a track's score depend on its company.

    weighted    half of each, always
    learned     w = plays / (plays + kappa) of taste, the rest sound; kappa is chosen on validation tracks
    switching   taste for tracks with at least MIN_PLAYS train plays, sound for the others
    feature     what the first technique found is an input of the second: the mean factor of a track's 20 sound-alikes
                stands beside its content in the ridge regression (train tracks keep their true factor)
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.factors.als import AlsConfig, fold_in
from unheard.factors.store import load_factors
from unheard.metrics.accuracy import auc
from unheard.ranking import mid_ranks
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use
from unheard.workspace import Workspace

Floats = NDArray[np.float32]
Vector = NDArray[np.float64]

WEIGHT = 0.5
MIN_PLAYS = 10
KAPPAS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, np.inf)
KAPPA_UNTAUGHT = 10.0  # without validation tracks to learn from
MAX_JUDGES = 2000  # playlists that choose kappa


@dataclass(frozen=True)
class FactorPair:
    """What is combined; rows are those of the catalogue.

    known     (n,) tracks that have a taste: train tracks with plays
    plays     (n,) playlists that hold a track, train plays alone
    taste     (n, d) factors; the mean where not `known`
    sound     (n, d) predicted factors, on the scale of taste; the mean where a track was not heard
    deviation of the scores of known tracks
    """

    known: NDArray[np.bool_]
    plays: NDArray[np.int64]
    taste: Floats
    sound: Floats
    deviation: float


def factor_pair(catalogue: Catalogue) -> FactorPair:
    """UserError if no train track has both sound and plays."""
    warm = catalogue.warm
    known = (catalogue.use == Use.TRAIN) & warm.known
    plays = np.bincount(catalogue.train_plays.indices, minlength=len(catalogue))
    taste = np.where(known[:, None], warm.tracks, warm.centre).astype(np.float32)
    sound = on_scale_of_taste(catalogue, predicted.cross_fitted_ridge(catalogue))
    return FactorPair(known, plays, taste, sound, score_deviation(warm.playlists, taste[known]))


def on_scale_of_taste(catalogue: Catalogue, factors: Floats) -> Floats:
    """Factors (n, d) moved and stretched so that the scores of train tracks have the mean and deviation of taste.

    Tracks that were not heard are put at the mean.
    """
    warm = catalogue.warm
    train = (catalogue.use == Use.TRAIN) & warm.known & catalogue.content.known
    mean = factors[train].mean(axis=0, dtype=np.float64)
    theirs = score_deviation(warm.playlists, factors[train])
    stretch = score_deviation(warm.playlists, warm.tracks[train]) / theirs if theirs else 0.0
    moved = warm.centre + stretch * (factors - mean)
    return np.where(catalogue.content.known[:, None], moved, warm.centre).astype(np.float32)


def score_deviation(playlists: Floats, tracks: Floats) -> float:
    """Standard deviation of a playlist's scores x . y over tracks (n, d), root mean square over playlists (m, d).

    mean of x' C x = trace(C X'X) / m with C the covariance of the tracks, so that no score is computed.
    """
    if not len(tracks) or not playlists.any():
        return 0.0
    x, centred = playlists.astype(np.float64), tracks - tracks.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(((x.T @ x) * (centred.T @ centred)).sum() / (len(x) * len(centred))))


def blend(pair: FactorPair, weight: Vector | float) -> Floats:
    """Factors (n, d): `weight` (n,) of taste, the rest sound."""
    w = np.broadcast_to(weight, len(pair.taste))[:, None]
    return (w * pair.taste + (1 - w) * pair.sound).astype(np.float32)


def weighted(catalogue: Catalogue, name: str) -> FactorRecommender:
    return _ranking_by(catalogue, name, blend(factor_pair(catalogue), WEIGHT))


def switching(catalogue: Catalogue, name: str) -> FactorRecommender:
    pair = factor_pair(catalogue)
    sure = pair.known & (pair.plays >= MIN_PLAYS)
    return _ranking_by(catalogue, name, blend(pair, sure.astype(np.float64)))


def learned(catalogue: Catalogue, name: str, als: AlsConfig) -> FactorRecommender:
    """`als`: how the warm factors were made, to fold validation tracks in."""
    pair = factor_pair(catalogue)
    weight = trust(pair.plays, learn_kappa(catalogue, pair, als))
    return _ranking_by(catalogue, name, blend(pair, np.where(pair.known, weight, 0)))


def feature(catalogue: Catalogue, name: str) -> FactorRecommender:
    found = predicted.ridge(catalogue, beside=predicted.content_neighbours(catalogue))
    return predicted.from_predictions(catalogue, name, found)


def als_config(workspace: Workspace, split: str) -> AlsConfig:
    """How the warm factors of a split were fitted, or, if they were imported, how playlists were folded in."""

    found = load_factors(workspace, split).config
    return AlsConfig(**{field.name: found[field.name] for field in fields(AlsConfig) if field.name in found})


def trust(plays: NDArray[np.integer], kappa: float) -> Vector:
    """w = n / (n + kappa), the weight of taste: 0 without plays, 1/2 at kappa plays."""
    weight: Vector = np.where(plays > 0, plays / np.maximum(plays + kappa, 1), 0.0)
    return weight


def learn_kappa(catalogue: Catalogue, pair: FactorPair, als: AlsConfig) -> float:
    """The kappa of KAPPAS that ranks validation tracks best.

    Of each validation track a random share of its plays is revealed, none to nearly all, and its taste folded in from
    those. Playlists then rank the validation tracks; the hidden plays should come first. The judge is the mean AUC over
    playlists (a grid, because it has no gradient; the smallest kappa wins a tie). Train tracks cannot be asked: their
    playlists' factors have seen every play.
    """
    tuning = catalogue.validation_plays.tocoo()
    tracks, column = np.unique(tuning.col, return_inverse=True)
    rng = np.random.default_rng(0)
    revealed = rng.random(tuning.nnz) < rng.random(len(tracks))[column]
    shape = (tuning.shape[0], len(tracks))
    shown, hidden = (
        csr_matrix((tuning.data[keep], (tuning.row[keep], column[keep])), shape=shape) for keep in (revealed, ~revealed)
    )
    judges = np.flatnonzero((np.diff(hidden.indptr) > 0) & catalogue.warm.playlists.any(axis=1))
    if not len(judges):
        return KAPPA_UNTAUGHT
    judges = rng.permutation(judges)[:MAX_JUDGES]
    n_shown = np.bincount(shown.indices, minlength=len(tracks))
    folded = fold_in(catalogue.warm.playlists, shown.T.tocsr(), replace(als, dim=catalogue.warm.dim))
    taste = np.where((n_shown > 0)[:, None], folded, catalogue.warm.centre)
    of_tracks = FactorPair(n_shown > 0, n_shown, taste.astype(np.float32), pair.sound[tracks], pair.deviation)
    x = catalogue.warm.playlists[judges].astype(np.float64)
    aucs = [
        _mean_auc(x @ blend(of_tracks, trust(n_shown, kappa)).astype(np.float64).T, hidden[judges], shown[judges])
        for kappa in KAPPAS
    ]
    return KAPPAS[int(np.argmax(aucs))]


def _mean_auc(scores: Vector, hidden: csr_matrix, shown: csr_matrix) -> float:
    """Mean AUC over rows of `scores`: hidden entries are relevant, shown ones are no candidates.

    Rows without a relevant candidate or without another one do not count; 0.5 if none does.
    """
    relevant, left_out = hidden.tocoo(), shown.toarray() > 0
    order = np.lexsort((relevant.col, relevant.row))
    rows, columns = relevant.row[order].astype(np.int64), relevant.col[order]
    candidates = np.where(left_out, -np.inf, scores.astype(np.float32))
    values = auc(rows, mid_ranks(candidates, rows, columns), (~left_out).sum(axis=1))
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.5


def _ranking_by(catalogue: Catalogue, name: str, tracks: Floats) -> FactorRecommender:
    return FactorRecommender(name, tracks, catalogue.warm.playlists, catalogue.warm.centre)
