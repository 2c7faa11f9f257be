"""Factors predicted from sound without a network, and recommenders that rank by predicted or by true factors.

A content model that was fitted on a track's own factor has seen the plays of that track. Where its opinion is to stand
beside collaborative filtering as a second one, `cross_fitted_ridge` predicts every train track from the others: its
predictions of train tracks and of new ones are then equally good, and one scale fits both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.models import baselines
from unheard.recommend.catalogue import Catalogue, Content, Space
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use

Floats = NDArray[np.float32]

FOLDS = 5  # of the cross-fitting


def from_predictions(
    catalogue: Catalogue, name: str, predicted: Floats, space: Space | None = None
) -> FactorRecommender:
    """Train tracks get their true factor, every other track its predicted one (n, d); `space` is warm if not said."""
    space = space or catalogue.warm
    true = space.known & (catalogue.use == Use.TRAIN)
    tracks = np.where(true[:, None], space.tracks, predicted).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre, full=space is catalogue.full)


def true_factors(space: Space, name: str) -> FactorRecommender:
    """A space as it is; tracks without a factor stand at the mean."""
    tracks = np.where(space.known[:, None], space.tracks, space.centre).astype(np.float32)
    return FactorRecommender(name, tracks, space.playlists, space.centre)


def content_neighbours(catalogue: Catalogue) -> Floats:
    """(n, d) mean factor of the train tracks that sound most alike; a train track is not its own neighbour."""
    content, (heard, train, _) = catalogue.timbre, _heard(catalogue, catalogue.timbre)
    found = baselines.content_neighbours(content.values[heard], catalogue.warm.tracks[heard], train)
    return or_mean(catalogue.warm, found, content.known)


def ridge(catalogue: Catalogue, *, beside: Floats | None = None) -> Floats:
    """(n, d) ridge regression of the factors on the content, and on further features `beside` it (n, f)."""
    heard, train, val = _heard(catalogue, catalogue.content)
    found = baselines.ridge(_features(catalogue, heard, beside), catalogue.warm.tracks[heard], train, val)
    return or_mean(catalogue.warm, found, catalogue.content.known)


def cross_fitted_ridge(catalogue: Catalogue) -> Floats:
    """(n, d) as `ridge`, but train tracks are predicted by regressions that leave their fifth of the artists out.

    Whole main artists are left out, because a track's album-mates would give it away. The mean factor alone is that of
    all train tracks everywhere: leaving a fifth of them out moves the mean of the rest the other way, and where sound
    says little, that would be most of what the predictions differ in. With a single artist there is nothing to leave
    out, and the predictions are those of `ridge`.
    """
    heard, train, val = _heard(catalogue, catalogue.content)
    features, targets = _features(catalogue, heard, None), catalogue.warm.tracks[heard]
    found = baselines.ridge(features, targets, train, val)
    fold = np.unique(catalogue.main_artist[heard[train]], return_inverse=True)[1].reshape(-1) % FOLDS
    for left_out in np.unique(fold):
        rest, own = train[fold != left_out], train[fold == left_out]
        if len(rest):
            moved = targets[train].mean(axis=0, dtype=np.float64) - targets[rest].mean(axis=0, dtype=np.float64)
            found[own] = baselines.ridge(features, targets, rest, val)[own] + moved
    return or_mean(catalogue.warm, found, catalogue.content.known)


def or_mean(space: Space, found: Floats, known: NDArray[np.bool_]) -> Floats:
    """Predictions of all tracks: those without sound are taken for average, which ranks them in the middle."""
    out = np.repeat(space.centre[None, :], len(known), axis=0)
    out[known] = found
    return out


def _features(catalogue: Catalogue, heard: NDArray[np.intp], beside: Floats | None) -> Floats:
    values = catalogue.content.values[heard]
    return values if beside is None else np.concatenate([values, beside[heard]], axis=1)


def _heard(catalogue: Catalogue, content: Content) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rows with content, and which of those train and validate (places among them)."""
    heard = np.flatnonzero(content.known)
    use, known = catalogue.use[heard], catalogue.warm.known[heard]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    if not len(train):
        raise UserError("no train track has both sound and plays; scan the played tracks' files, or import vectors")
    return heard, train, val
