"""Tests of hybrids against dense matrices, loops and the definitions of their papers."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.models import baselines
from unheard.recommend import hybrid_lists, hybrids, predicted
from unheard.recommend.catalogue import Catalogue, Content
from unheard.recommend.content_boosted import content_boosted
from unheard.recommend.hybrids import (
    DEFAULT_KAPPA,
    KAPPAS,
    MIN_PLAYS,
    HybridFactors,
    choose_kappa,
    collaborative_weight,
    hybrid_factors,
)
from unheard.recommend.models import make_recommender
from unheard.splits import Use
from unheard.workspace import Workspace

ALS = AlsConfig(dim=6, iterations=8)
FIRST_PLAYLISTS = np.arange(40)


@pytest.fixture(scope="module")
def pair(catalogue: Catalogue) -> HybridFactors:
    return hybrid_factors(catalogue)


def dense_scores(catalogue: Catalogue, tracks: NDArray[np.float32]) -> NDArray[np.float64]:
    return catalogue.warm.playlists.astype(np.float64) @ tracks.astype(np.float64).T


def train_with_content(catalogue: Catalogue) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (catalogue.use == Use.TRAIN) & catalogue.warm.known & catalogue.content.known
    return found


def test_both_factors_score_train_tracks_with_the_same_mean_and_deviation(
    catalogue: Catalogue, pair: HybridFactors
) -> None:
    train = train_with_content(catalogue)
    collaborative, content = (
        dense_scores(catalogue, factors)[:, train] for factors in (pair.collaborative, pair.content)
    )
    np.testing.assert_allclose(collaborative.mean(axis=1), content.mean(axis=1), atol=0.02)
    assert content.std(axis=1).max() > 0.1
    spread = [np.sqrt((scores - scores.mean(axis=1, keepdims=True)).var()) for scores in (collaborative, content)]
    assert spread[0] == pytest.approx(spread[1], rel=1e-3)
    assert pair.deviation == pytest.approx(spread[0], rel=1e-2)


def test_tracks_without_plays_or_content_have_the_mean_factor(catalogue: Catalogue, pair: HybridFactors) -> None:
    cold = catalogue.candidates("cold", new=True)
    np.testing.assert_array_equal(
        pair.collaborative[cold], np.repeat(catalogue.warm.centre[None, :], len(cold), axis=0)
    )
    np.testing.assert_array_equal(pair.content[catalogue.track_row("silent")], catalogue.warm.centre)


def test_weighted_is_half_of_each_standard_score(
    workspace: Workspace, catalogue: Catalogue, pair: HybridFactors
) -> None:
    rows = np.arange(len(catalogue))
    centre = dense_scores(catalogue, catalogue.warm.centre[None, :])
    collaborative, content = (dense_scores(catalogue, f) - centre for f in (pair.collaborative, pair.content))
    found = make_recommender(workspace, catalogue, "hybrid-weighted").scores(np.arange(len(centre)), rows)
    np.testing.assert_allclose(found - centre, (collaborative + content) / 2, atol=1e-4)


@pytest.mark.parametrize("name", ["hybrid-weighted", "hybrid-learned", "hybrid-switching", "hybrid-mixed"])
def test_new_tracks_are_ranked_as_by_content(name: str, workspace: Workspace, catalogue: Catalogue) -> None:
    cold = catalogue.candidates("cold", new=True)
    cold = cold[catalogue.content.known[cold]]
    found, content = (make_recommender(workspace, catalogue, n).scores(FIRST_PLAYLISTS, cold) for n in (name, "ridge"))
    for ours, theirs in zip(found, content, strict=True):
        order = np.argsort(-theirs, kind="stable")
        assert (np.diff(ours[order]) <= 1e-5).all()


def test_switching_goes_by_the_number_of_plays(workspace: Workspace, catalogue: Catalogue, pair: HybridFactors) -> None:
    counts = np.asarray((catalogue.train_plays > 0).sum(axis=0)).reshape(-1)
    np.testing.assert_array_equal(pair.plays, counts)
    found = hybrids.switching(catalogue, "hybrid-switching")
    enough = pair.known & (counts >= MIN_PLAYS)
    assert 0 < enough.sum() < pair.known.sum()
    np.testing.assert_array_equal(found.tracks[enough], catalogue.warm.tracks[enough])
    np.testing.assert_array_equal(found.tracks[~enough], pair.content[~enough])


def test_the_collaborative_weight_grows_with_plays() -> None:
    np.testing.assert_allclose(collaborative_weight(np.array([0, 5, 10, 30]), 10), [0, 1 / 3, 1 / 2, 3 / 4])
    np.testing.assert_array_equal(collaborative_weight(np.array([0, 5]), 0.0), [0, 1])
    np.testing.assert_array_equal(collaborative_weight(np.array([0, 5]), np.inf), [0, 0])


def test_kappa_is_high_for_accurate_content_and_low_for_noise(catalogue: Catalogue, pair: HybridFactors) -> None:
    """Accurate content gets the weight of many plays, noise that of none."""
    accurate = replace(pair, content=catalogue.warm.tracks)
    assert choose_kappa(catalogue, accurate) >= 30
    noise = 0.3 * np.random.default_rng(0).standard_normal(pair.content.shape)
    assert choose_kappa(catalogue, replace(pair, content=noise.astype(np.float32))) <= 1
    no_plays = replace(catalogue, validation_plays=csr_matrix(catalogue.validation_plays.shape, dtype=np.float32))
    assert choose_kappa(no_plays, pair) == DEFAULT_KAPPA
    assert choose_kappa(catalogue, pair) in KAPPAS


def test_mean_auc_is_the_share_of_ordered_pairs() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (6, 9)).astype(np.float64)
    state = rng.integers(0, 3, (6, 9))  # 0 neither, 1 hidden, 2 shown
    state[:, 0], state[5] = 1, 1
    expected = []
    for line, what in zip(scores, state, strict=True):
        pairs = [(a > b) + (a == b) / 2 for a in line[what == 1] for b in line[what == 0]]
        expected += [np.mean(pairs)] if pairs else []
    found = hybrids._mean_auc(scores, csr_matrix(state == 1), csr_matrix(state == 2))
    assert found == pytest.approx(np.mean(expected))


def test_feature_augmentation_adds_the_factors_of_neighbours_to_the_content(catalogue: Catalogue) -> None:
    rows = np.flatnonzero(catalogue.content.known)
    use, warm = catalogue.use[rows], catalogue.warm.tracks[rows]
    train, val = (np.flatnonzero((use == which) & catalogue.warm.known[rows]) for which in (Use.TRAIN, Use.VAL))
    near = baselines.content_neighbours(catalogue.timbre.values[rows], warm, train)
    both = np.concatenate([catalogue.content.values[rows], near], axis=1)
    found = hybrids.feature_augmentation(catalogue, "hybrid-feature").tracks[rows]
    cold = use == Use.TEST
    np.testing.assert_allclose(found[cold], baselines.ridge(both, warm, train, val)[cold], atol=1e-6)


def test_a_cross_fitted_prediction_does_not_use_its_own_artist(catalogue: Catalogue) -> None:
    """A change of an artist's factors changes its predictions only by the mean."""
    train = train_with_content(catalogue)
    artist = catalogue.main_artist[np.flatnonzero(train)[0]]
    own = train & (catalogue.main_artist == artist)
    changed = catalogue.warm.tracks.copy()
    changed[own] += 5
    other = replace(catalogue, warm=replace(catalogue.warm, tracks=changed))
    moved = {}
    for predict in (predicted.ridge, predicted.cross_fitted_ridge):
        before, after = (predict(c)[own] - c.warm.tracks[train].mean(axis=0) for c in (catalogue, other))
        moved[predict] = float(np.abs(after - before).max())
    assert moved[predicted.cross_fitted_ridge] < 1e-4
    assert moved[predicted.ridge] > 0.02


def test_cross_fitting_a_single_artist_is_plain_ridge(catalogue: Catalogue) -> None:
    alone = replace(catalogue)
    alone.__dict__["main_artist"] = np.zeros(len(catalogue), np.int32)
    np.testing.assert_array_equal(predicted.cross_fitted_ridge(alone), predicted.ridge(catalogue))


def interleaved(first: list[int], second: list[int]) -> list[int]:
    both = [track for pair in zip_longest(first, second) for track in pair if track is not None]
    return list(dict.fromkeys(both))


def test_mixed_alternates_between_two_lists(catalogue: Catalogue, pair: HybridFactors) -> None:
    found = hybrid_lists.mixed(catalogue, "hybrid-mixed")
    rows = np.arange(len(catalogue))
    for playlist in (2, 33):  # no two tracks tie in either of their lists
        own = set(catalogue.train_plays[[playlist]].indices.tolist())
        lists = []
        for factors, listed in ((pair.collaborative, pair.known), (pair.content, catalogue.content.known)):
            scores = dense_scores(catalogue, factors)[playlist].astype(np.float32)
            lists.append([int(t) for t in np.argsort(-scores) if listed[t] and int(t) not in own])
        scores = found.scores(np.array([playlist]), rows)[0]
        order = [int(t) for t in np.argsort(-scores, kind="stable") if int(t) not in own]
        silent = catalogue.track_row("silent")
        expected = [t for t in interleaved(*lists) if t != silent]
        assert [t for t in order if t != silent] == expected
        assert scores[silent] == 0


def test_cascade_orders_the_selected_tracks(catalogue: Catalogue, pair: HybridFactors) -> None:
    found = hybrid_lists.cascade(catalogue, "hybrid-cascade")
    alike = hybrids.rescaled(catalogue, predicted.content_neighbours(catalogue))
    everybody = np.arange(len(catalogue))
    for playlist in (2, 7, 33):
        own = np.isin(everybody, catalogue.train_plays[[playlist]].indices)
        scores = found.scores(np.array([playlist]), everybody)[0]
        stages = (
            (pair.known, pair.collaborative, pair.content),
            (~pair.known, pair.content, alike),
        )
        for members, coarse, fine in stages:
            listed = np.flatnonzero(members & ~own)
            first, second = (dense_scores(catalogue, f)[playlist].astype(np.float32) for f in (coarse, fine))
            taken = listed[np.argsort(-first[listed])][: hybrid_lists.N_SELECTED]
            assert set(taken) == set(listed[scores[listed] > 0])
            assert (np.diff(second[taken[np.argsort(-scores[taken])]]) <= 1e-6).all()
            left = np.setdiff1d(listed, taken)
            assert (np.diff(first[left[np.argsort(-scores[left])]]) <= 1e-6).all()
        assert (scores[own] == -2).all()


def test_content_boosted_is_the_paper_on_a_dense_matrix(catalogue: Catalogue) -> None:
    content = predicted.cross_fitted_ridge(catalogue).astype(np.float64)
    known = np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)
    c = catalogue.warm.playlists.astype(np.float64) @ content.T  # (m, n)
    held = catalogue.train_plays.toarray() > 0
    v = np.where(held, 1.0, c)
    mean = v[:, known].mean(axis=1)
    centred = v[:, known] - mean[:, None]
    plays = held.sum(axis=1)
    enough = np.minimum(plays, 50) / 50
    k = 5
    expected = np.zeros(v.shape)
    for a in range(len(v)):
        if not plays[a]:
            continue
        near = []
        for u in range(len(v)):
            if u != a and plays[u]:
                p = centred[a] @ centred[u] / np.linalg.norm(centred[a]) / np.linalg.norm(centred[u])
                shared = (held[a] & held[u]).sum()
                near.append((p, 2 * enough[a] * enough[u] / (enough[a] + enough[u]) + min(shared, 50) / 50, u))
        near = [entry for entry in sorted(near, reverse=True)[:k] if entry[0] > 0]
        own = 2 * enough[a]
        above = own * (c[a] - mean[a]) + sum(hw * p * (v[u] - mean[u]) for p, hw, u in near)
        expected[a] = mean[a] + above / (own + sum(hw * p for p, hw, _ in near))
    found = content_boosted(catalogue, "content-boosted", k=k).scores(np.arange(len(v)), np.arange(v.shape[1]))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_hybrids_need_features(workspace: Workspace, catalogue: Catalogue) -> None:
    nothing = Content(np.zeros((len(catalogue), 0), np.float32), np.zeros(len(catalogue), np.bool_))
    deaf = replace(catalogue, content=nothing, timbre=nothing)
    for name in ("hybrid-weighted", "hybrid-mixed", "content-boosted", "content-based"):
        with pytest.raises(UserError, match="no train track has both features and plays"):
            make_recommender(workspace, deaf, name)


def test_one_play_is_enough_to_rank(workspace: Workspace, catalogue: Catalogue) -> None:
    """Constant content has no deviation; nothing divides by zero."""
    same = Content(np.ones((len(catalogue), 3), np.float32), np.ones(len(catalogue), np.bool_))
    dull = replace(catalogue, content=same, timbre=same)
    for name in ("hybrid-weighted", "hybrid-cascade", "hybrid-mixed", "content-boosted"):
        scores = make_recommender(workspace, dull, name).scores(FIRST_PLAYLISTS, np.arange(len(catalogue)))
        assert np.isfinite(scores).all()
