"""Make hybrid recommenders with one factor per track: weighted, learned, switching, feature augmentation.

Burke, Hybrid Recommender Systems: Survey and Experiments (2002). Each combines two factors of a track. The
collaborative factor is the implicit ALS factor of a train track; other tracks have the mean factor. The content factor
is predicted by ridge regression, for train tracks by regressions that were fitted without them (predicted.py).

A score is linear in the factor of the track, so the weighted sum of two scores is the score of the weighted sum of two
factors. Content factors are rescaled for this, once for the whole catalogue: the scores of all train tracks in all
playlists have the same mean and the same deviation for both. Standardising the scores of each list instead would make
the score of a track depend on the other tracks of the list.

    weighted    the mean of both factors
    learned     w = plays / (plays + kappa) of the collaborative factor, the rest content; kappa is chosen on validation
                tracks
    switching   the collaborative factor of tracks with at least MIN_PLAYS train plays, the content factor of others
    feature     the mean factor of the 20 train tracks with the most similar timbre is an additional input of the ridge
                regression; train tracks keep their true factor
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats
from unheard.factors.als import fold_in
from unheard.metrics.accuracy import auc
from unheard.ranking import mid_ranks
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use

WEIGHT = 0.5
MIN_PLAYS = 10
KAPPAS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, np.inf)
DEFAULT_KAPPA = 10.0  # without validation plays
MAX_VALIDATION_PLAYLISTS = 2000


@dataclass(frozen=True)
class HybridFactors:
    """The two factors of each track; rows are those of the catalogue.

    known          (n,) train tracks with plays
    plays          (n,) number of playlists that hold a track, in train plays
    collaborative  (n, d) factors; the mean where not `known`
    content        (n, d) predicted factors, rescaled; the mean for tracks without content
    deviation      of the scores of known tracks by the collaborative factors
    """

    known: NDArray[np.bool_]
    plays: NDArray[np.int64]
    collaborative: Floats
    content: Floats
    deviation: float


def hybrid_factors(catalogue: Catalogue) -> HybridFactors:
    """Return both factors of all tracks; raise UserError if no train track has both features and plays."""
    warm = catalogue.warm
    known = (catalogue.use == Use.TRAIN) & warm.known
    plays = np.bincount(catalogue.train_plays.indices, minlength=len(catalogue))
    collaborative = np.where(known[:, None], warm.tracks, warm.centre).astype(np.float32)
    content = rescaled(catalogue, predicted.cross_fitted_ridge(catalogue))
    return HybridFactors(known, plays, collaborative, content, score_deviation(warm.playlists, collaborative[known]))


def rescaled(catalogue: Catalogue, factors: Floats) -> Floats:
    """Return factors (n, d) scaled so that the scores of train tracks have the mean and deviation of warm factors.

    Tracks without content get the mean.
    """
    warm = catalogue.warm
    train = (catalogue.use == Use.TRAIN) & warm.known & catalogue.content.known
    mean = factors[train].mean(axis=0, dtype=np.float64)
    deviation = score_deviation(warm.playlists, factors[train])
    ratio = score_deviation(warm.playlists, warm.tracks[train]) / deviation if deviation else 0.0
    moved = warm.centre + ratio * (factors - mean)
    return np.where(catalogue.content.known[:, None], moved, warm.centre).astype(np.float32)


def score_deviation(playlists: Floats, tracks: Floats) -> float:
    """Return the deviation of a playlist's scores x . y over tracks (n, d), root mean square over playlists (m, d).

    The mean of x' C x is trace(C X'X) / m, with C the covariance of the tracks, so no score is computed.
    """
    if not len(tracks) or not playlists.any():
        return 0.0
    x, centred = playlists.astype(np.float64), tracks - tracks.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(((x.T @ x) * (centred.T @ centred)).sum() / (len(x) * len(centred))))


def blend(pair: HybridFactors, weight: Doubles | float) -> Floats:
    """Return factors (n, d): `weight` (n,) of the collaborative factor, the rest content."""
    w = np.broadcast_to(weight, len(pair.collaborative))[:, None]
    return (w * pair.collaborative + (1 - w) * pair.content).astype(np.float32)


def weighted(catalogue: Catalogue, name: str) -> FactorRecommender:
    """Return the weighted hybrid."""
    return _by_factors(catalogue, name, blend(hybrid_factors(catalogue), WEIGHT))


def switching(catalogue: Catalogue, name: str) -> FactorRecommender:
    """Return the switching hybrid."""
    pair = hybrid_factors(catalogue)
    enough_plays = pair.known & (pair.plays >= MIN_PLAYS)
    return _by_factors(catalogue, name, blend(pair, enough_plays.astype(np.float64)))


def learned(catalogue: Catalogue, name: str) -> FactorRecommender:
    """Return the hybrid with learned weights."""
    pair = hybrid_factors(catalogue)
    weight = collaborative_weight(pair.plays, choose_kappa(catalogue, pair))
    return _by_factors(catalogue, name, blend(pair, np.where(pair.known, weight, 0)))


def feature_augmentation(catalogue: Catalogue, name: str) -> FactorRecommender:
    """Return the hybrid with collaborative factors of similar tracks as features."""
    found = predicted.ridge(catalogue, extra=predicted.content_neighbours(catalogue))
    return predicted.from_predictions(catalogue, name, found)


def collaborative_weight(plays: NDArray[np.integer], kappa: float) -> Doubles:
    """Return n / (n + kappa) for each number of plays n: 0 without plays, 1/2 at kappa plays."""
    weight: Doubles = np.where(plays > 0, plays / np.maximum(plays + kappa, 1), 0.0)
    return weight


def choose_kappa(catalogue: Catalogue, pair: HybridFactors) -> float:
    """Return the kappa of KAPPAS that ranks validation tracks best.

    A random share of the plays of each validation track, from none to almost all, is revealed, and the collaborative
    factor is folded in from these. Playlists then rank the validation tracks, and their hidden plays are relevant. The
    criterion is the mean AUC over playlists; of equal kappas the smallest is chosen. Train tracks are not used because
    the factors of their playlists depend on all plays.
    """
    plays = catalogue.validation_plays.tocoo()
    tracks, column = np.unique(plays.col, return_inverse=True)
    rng = np.random.default_rng(0)
    revealed = rng.random(plays.nnz) < rng.random(len(tracks))[column]
    shape = (plays.shape[0], len(tracks))
    shown, hidden = (
        csr_matrix((plays.data[keep], (plays.row[keep], column[keep])), shape=shape) for keep in (revealed, ~revealed)
    )
    playlists = np.flatnonzero((np.diff(hidden.indptr) > 0) & catalogue.warm.playlists.any(axis=1))
    if not len(playlists):
        return DEFAULT_KAPPA
    playlists = rng.permutation(playlists)[:MAX_VALIDATION_PLAYLISTS]
    n_shown = np.bincount(shown.indices, minlength=len(tracks))
    folded = fold_in(catalogue.warm.playlists, shown.T.tocsr(), catalogue.warm.als)
    folded = np.where((n_shown > 0)[:, None], folded, catalogue.warm.centre).astype(np.float32)
    validation = HybridFactors(n_shown > 0, n_shown, folded, pair.content[tracks], pair.deviation)
    x = catalogue.warm.playlists[playlists].astype(np.float64)
    aucs = []
    for kappa in KAPPAS:
        factors = blend(validation, collaborative_weight(n_shown, kappa)).astype(np.float64)
        aucs.append(_mean_auc(x @ factors.T, hidden[playlists], shown[playlists]))
    return KAPPAS[int(np.argmax(aucs))]


def _mean_auc(scores: Doubles, hidden: csr_matrix, shown: csr_matrix) -> float:
    """Return the mean AUC over rows of `scores`: hidden entries are relevant, shown entries are no candidates.

    Rows without a relevant or without another candidate do not count; 0.5 if no row counts.
    """
    relevant, left_out = hidden.tocoo(), shown.toarray() > 0
    order = np.lexsort((relevant.col, relevant.row))
    rows, columns = relevant.row[order].astype(np.int64), relevant.col[order]
    candidates = np.where(left_out, -np.inf, scores.astype(np.float32))
    values = auc(rows, mid_ranks(candidates, rows, columns), (~left_out).sum(axis=1))
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.5


def _by_factors(catalogue: Catalogue, name: str, tracks: Floats) -> FactorRecommender:
    return FactorRecommender(name, tracks, catalogue.warm.playlists, catalogue.warm.centre)
