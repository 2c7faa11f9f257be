"""Predict factors from content without a network, and make recommenders of predicted or true factors.

A content model that was fitted on a track's own factor contains the plays of that track. For hybrids, which combine
content with collaborative filtering, `cross_fitted_ridge` predicts each train track from other tracks. Predictions of
train tracks and of new tracks then have the same accuracy and the same scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.errors import UserError
from unheard.models import baselines
from unheard.recommend.catalogue import Catalogue, Content, Space
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use

FOLDS = 5  # of the cross-fitting


def from_predictions(
    catalogue: Catalogue, name: str, predicted: Floats, space: Space | None = None
) -> FactorRecommender:
    """Return a recommender by the true factors of train tracks and the `predicted` (n, d) ones of all other tracks.

    `space` holds the true factors; None: the warm ones.
    """
    space = space or catalogue.warm
    true = space.known & (catalogue.use == Use.TRAIN)
    tracks = np.where(true[:, None], space.tracks, predicted).astype(np.float32)
    return FactorRecommender(
        name,
        tracks,
        space.playlists,
        space.centre,
        full=space is catalogue.full,
        predicted=predicted.astype(np.float32, copy=False),
    )


def true_factors(space: Space, name: str) -> FactorRecommender:
    """Return a recommender by the factors of a space; tracks without a factor get the mean."""
    tracks = np.where(space.known[:, None], space.tracks, space.centre).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre)


def content_neighbours(catalogue: Catalogue) -> Floats:
    """Return the mean factor of the train tracks with the most similar timbre, (n, d), never the track itself."""
    content, (rows, train, _) = catalogue.timbre, _rows_with(catalogue, catalogue.timbre)
    found = baselines.content_neighbours(content.values[rows], catalogue.warm.tracks[rows], train)
    return with_mean(catalogue.warm, found, content.known)


def ridge(catalogue: Catalogue, *, extra: Floats | None = None) -> Floats:
    """Return factors (n, d) by ridge regression on the content, and on `extra` features (n, f)."""
    rows, train, val = _rows_with(catalogue, catalogue.content)
    features = catalogue.content.values[rows]
    if extra is not None:
        features = np.concatenate([features, extra[rows]], axis=1)
    found = baselines.ridge(features, catalogue.warm.tracks[rows], train, val)
    return with_mean(catalogue.warm, found, catalogue.content.known)


def predicted_popularity(catalogue: Catalogue) -> Floats:
    """Return log(1 + number of playlists) of each track (n,) by ridge regression on the content."""
    rows, train, val = _rows_with(catalogue, catalogue.content)
    plays = (catalogue.train_plays + catalogue.validation_plays).getnnz(axis=0)
    target = np.log1p(plays[rows, None].astype(np.float32))
    popularity = np.full(len(catalogue), target[train].mean(dtype=np.float64), np.float32)
    popularity[rows] = baselines.ridge(catalogue.content.values[rows], target, train, val)[:, 0]
    return popularity


def cross_fitted_ridge(catalogue: Catalogue) -> Floats:
    """Return factors (n, d) as `ridge`, but those of train tracks by regressions without their fifth of the artists.

    Folds hold whole main artists, because tracks of the same album are almost equal. The mean factor is that of all
    train tracks in every fold: the mean of the other folds moves away from the fold that is left out, and for weak
    content most of the differences between predictions would be this shift. With a single artist the predictions are
    those of `ridge`.
    """
    rows, train, val = _rows_with(catalogue, catalogue.content)
    features, targets = catalogue.content.values[rows], catalogue.warm.tracks[rows]
    found = baselines.ridge(features, targets, train, val)
    fold = np.unique(catalogue.main_artist[rows[train]], return_inverse=True)[1].reshape(-1) % FOLDS
    for left_out in np.unique(fold):
        rest, own = train[fold != left_out], train[fold == left_out]
        if len(rest):
            shift = targets[train].mean(axis=0, dtype=np.float64) - targets[rest].mean(axis=0, dtype=np.float64)
            found[own] = baselines.ridge(features, targets, rest, val)[own] + shift
    return with_mean(catalogue.warm, found, catalogue.content.known)


def with_mean(space: Space, found: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return predictions of all tracks (n, d): `found` where `known` (n,), the mean of the space elsewhere."""
    out = np.repeat(space.centre[None, :], len(known), axis=0)
    out[known] = found
    return out


def _rows_with(catalogue: Catalogue, content: Content) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows with content, and the indices among them of train and of validation tracks with factors.

    Raise UserError if there is no such train track.
    """
    rows = np.flatnonzero(content.known)
    use, known = catalogue.use[rows], catalogue.warm.known[rows]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    if not len(train):
        raise UserError(
            "no train track has both features and plays; scan the files of played tracks, or import vectors"
        )
    return rows, train, val
