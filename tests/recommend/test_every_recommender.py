"""Tests of the laws that every recommender obeys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unheard.recommend.catalogue import Catalogue
from unheard.recommend.classical import CLASSICAL, COLLABORATIVE, CONTENT, HYBRIDS
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import ORACLE, UNTRAINED, make_recommender
from unheard.recommend.recommenders import FactorRecommender, Recommender
from unheard.splits import Use
from unheard.workspace import Workspace

EVERY = [*UNTRAINED, "toy", ORACLE]


@pytest.fixture(params=EVERY)
def recommender(request: pytest.FixtureRequest, workspace: Workspace, catalogue: Catalogue) -> Recommender:
    return make_recommender(workspace, catalogue, request.param, seed=0)


def test_scores_are_finite_float32_matrices(recommender: Recommender, catalogue: Catalogue) -> None:
    everything, playlists = catalogue.candidates("all", new=True), np.arange(len(catalogue.playlists))
    scores = recommender.scores(playlists, everything)
    similarities = recommender.similarities(everything, everything[:9])
    assert scores.dtype == similarities.dtype == np.float32
    assert scores.shape == (len(playlists), len(everything))
    assert similarities.shape == (len(everything), 9)
    assert np.isfinite(scores).all()
    assert np.isfinite(similarities).all()


def test_the_score_of_a_pair_does_not_depend_on_other_pairs(recommender: Recommender, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(1)
    tracks, playlists = catalogue.candidates("all", new=True), np.arange(len(catalogue.playlists))
    some, order = playlists[3:6], rng.permutation(len(tracks))
    scores, near = recommender.scores(playlists, tracks), recommender.similarities(tracks, tracks)
    np.testing.assert_array_equal(recommender.scores(some, tracks[order]), scores[3:6][:, order])
    np.testing.assert_array_equal(recommender.similarities(tracks[5:6], tracks[order]), near[5:6][:, order])


def test_a_recommender_is_deterministic(recommender: Recommender, workspace: Workspace, catalogue: Catalogue) -> None:
    again = make_recommender(workspace, catalogue, recommender.name, seed=0)
    tracks, playlists = catalogue.candidates("cold", new=True), np.arange(10)
    np.testing.assert_array_equal(again.scores(playlists, tracks), recommender.scores(playlists, tracks))
    np.testing.assert_array_equal(again.similarities(tracks, tracks), recommender.similarities(tracks, tracks))


def test_playlists_without_train_plays_are_fine(recommender: Recommender, catalogue: Catalogue) -> None:
    rows = [catalogue.playlist_row("fresh"), catalogue.playlist_row("lost")]
    assert np.isfinite(recommender.scores(np.array(rows), catalogue.candidates("cold", new=True))).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_recommenders_use_no_play_of_a_test_track(
    name: str, workspace: Workspace, catalogue: Catalogue
) -> None:
    trains_or_tunes = np.isin(catalogue.use, (Use.TRAIN, Use.VAL))
    warm = replace(
        catalogue.warm,
        tracks=catalogue.warm.tracks * trains_or_tunes[:, None],
        known=catalogue.warm.known & trains_or_tunes,
    )
    ignorant = replace(catalogue, warm=warm, plays=catalogue.train_plays, full=None)
    everything, playlists = catalogue.candidates("all", new=True), np.arange(len(catalogue.playlists))
    knowing, innocent = (make_recommender(workspace, known, name) for known in (catalogue, ignorant))
    np.testing.assert_array_equal(knowing.scores(playlists, everything), innocent.scores(playlists, everything))
    np.testing.assert_array_equal(
        knowing.similarities(everything, everything), innocent.similarities(everything, everything)
    )


@pytest.mark.parametrize("name", COLLABORATIVE)
def test_tracks_without_plays_have_equal_scores(name: str, workspace: Workspace, catalogue: Catalogue) -> None:
    cold = catalogue.candidates("cold", new=True)
    scores = make_recommender(workspace, catalogue, name).scores(np.arange(len(catalogue.playlists)), cold)
    np.testing.assert_array_equal(scores, np.repeat(scores[:, :1], len(cold), axis=1))


def mean_gap(recommender: Recommender, catalogue: Catalogue) -> float:
    """How far a playlist's test tracks stand above the other test tracks, in standard deviations."""
    cold, playlists = catalogue.candidates("cold", new=False), playlists_with_tests(catalogue)
    scores = recommender.scores(playlists, cold)
    held = catalogue.plays_of(Use.TEST)[playlists][:, cold].toarray() > 0
    return float((scores[held].mean() - scores[~held].mean()) / max(scores.std(), 1e-9))


def test_quality_floor(workspace: Workspace, catalogue: Catalogue) -> None:
    gaps = {name: mean_gap(make_recommender(workspace, catalogue, name), catalogue) for name in EVERY}
    assert abs(gaps["random"]) < 0.2
    assert gaps["content-neighbours"] > 0.5
    assert gaps["ridge"] > 0.5
    assert gaps["toy"] > 0.5
    assert min(gaps[name] for name in (CONTENT, *HYBRIDS, "profile-mean", "profile-neighbours")) > 0.5
    assert gaps["oracle"] > max(value for name, value in gaps.items() if name != "oracle")


def test_random_scores_of_two_seeds_are_uncorrelated(workspace: Workspace, catalogue: Catalogue) -> None:
    tracks, playlists = catalogue.candidates("all", new=True), np.arange(80)
    one, other = (make_recommender(workspace, catalogue, "random", seed=seed) for seed in (0, 1))
    pairs = [one.scores(playlists, tracks), other.scores(playlists, tracks), one.similarities(playlists, tracks)]
    correlations = np.corrcoef([pair.ravel() for pair in pairs])
    assert np.abs(correlations - np.eye(3)).max() < 0.05
    assert 0 <= pairs[0].min() < pairs[0].max() < 1


def test_rough_similarities_are_those_in_single_precision(catalogue: Catalogue, workspace: Workspace) -> None:
    ridge = make_recommender(workspace, catalogue, "ridge")
    assert isinstance(ridge, FactorRecommender)
    rows, some = np.arange(12), catalogue.candidates("warm", new=False)[::3]
    np.testing.assert_allclose(ridge.roughly_similar(rows, some), ridge.similarities(rows, some), atol=1e-6)


def test_candidates_are_shared_and_cannot_be_changed(catalogue: Catalogue) -> None:
    rows = catalogue.candidates("cold", new=True)
    assert catalogue.candidates("cold", new=True) is rows
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 0
