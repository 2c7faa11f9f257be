"""Reference predictors from features alone, against scikit-learn and loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler

from unheard.recommend.catalogue import Catalogue, Content
from unheard.recommend.content_profiles import make_content_profile
from unheard.recommend.sound import MAX_DEVIATIONS, N_NEAREST
from unheard.splits import Use


@pytest.fixture
def standardised(catalogue: Catalogue) -> np.ndarray:
    """Features of all tracks, 0 for those without."""
    known, values = catalogue.content.known, catalogue.content.values.astype(np.float64)
    scaled = np.zeros_like(values)
    scaled[known] = np.clip(StandardScaler().fit_transform(values[known]), -MAX_DEVIATIONS, MAX_DEVIATIONS)
    return scaled


def test_the_mean_profile_against_scikit_learn(catalogue: Catalogue, standardised: np.ndarray) -> None:
    candidates, playlists = catalogue.candidates("cold", new=True), np.arange(20)
    profiles = [standardised[catalogue.train_plays[[row]].indices].sum(axis=0) for row in playlists]
    scores = make_content_profile(catalogue, "profile-mean").scores(playlists, candidates)
    np.testing.assert_allclose(scores, cosine_similarity(profiles, standardised[candidates]), atol=1e-5)


def test_the_nearest_tracks_against_a_loop(catalogue: Catalogue, standardised: np.ndarray) -> None:
    candidates, playlists = catalogue.candidates("cold", new=True)[:15], np.arange(12)
    scores = make_content_profile(catalogue, "profile-neighbours").scores(playlists, candidates)
    for row in playlists:
        own = catalogue.train_plays[[row]].indices
        if not len(own):
            np.testing.assert_array_equal(scores[row], 0)
            continue
        near = np.sort(cosine_similarity(standardised[candidates], standardised[own]), axis=1)[:, -N_NEAREST:]
        np.testing.assert_allclose(scores[row], near.mean(axis=1), atol=1e-5)


def test_popularity_is_predicted_and_is_nobodys_taste(catalogue: Catalogue) -> None:
    """Where a feature is the log of a track's plays, the ranking of all tracks is that of their plays."""
    plays = catalogue.plays.getnnz(axis=0)
    feature = np.log1p(plays).astype(np.float32)[:, None]
    noise = np.random.default_rng(0).normal(size=(len(catalogue), 3)).astype(np.float32)
    content = Content(np.concatenate([noise, feature], axis=1), np.ones(len(catalogue), np.bool_))
    recommender = make_content_profile(replace(catalogue, content=content), "predicted-popularity")
    cold = catalogue.candidates("cold", new=False)
    scores = recommender.scores(np.arange(10), cold)
    np.testing.assert_array_equal(scores, np.repeat(scores[:1], 10, axis=0))
    assert spearmanr(scores[0], plays[cold]).statistic > 0.95


def test_popularity_does_not_read_the_plays_of_test_tracks(catalogue: Catalogue) -> None:
    rows = np.arange(len(catalogue))
    hidden = replace(catalogue, plays=catalogue.train_plays)
    seen, unseen = (make_content_profile(c, "predicted-popularity").scores(rows[:1], rows) for c in (catalogue, hidden))
    np.testing.assert_array_equal(seen, unseen)
    without = make_content_profile(catalogue, "predicted-popularity").scores(rows[:1], rows[~catalogue.content.known])
    train = (catalogue.use == Use.TRAIN) & catalogue.warm.known & catalogue.content.known
    np.testing.assert_allclose(without, np.log1p(catalogue.train_plays.getnnz(axis=0)[train]).mean(), rtol=1e-6)
