"""Tests of hub corrections against the formulas, the laws of recommenders, and that hubs are reduced."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from scipy.stats import norm

from unheard.errors import UserError
from unheard.metrics.diversity import occurrences, skewness
from unheard.ranking import top_k
from unheard.recommend import hubness
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.hubness import Correction, HubCorrected, Profile, corrected, hub_corrected
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.seeds import NewTrack
from unheard.workspace import Workspace

EVERY: tuple[Correction, ...] = get_args(Correction)


def slowly(s: float, x: list[float], y: list[float], how: Correction, exponent: float) -> float:
    """The formulas of one pair, from the reference scores of its query and of its candidate."""
    k = hubness.K
    match how:
        case "centring":
            return s - float(np.mean(y))
        case "csls":
            return 2 * s - float(np.mean(sorted(x)[-k:])) - float(np.mean(sorted(y)[-k:]))
        case "mutual-proximity":
            return float(norm.logcdf(s, np.mean(x), np.std(x)) + norm.logcdf(s, np.mean(y), np.std(y)))
        case "popularity":
            return float(s / np.sqrt(np.mean(np.square(y))) ** exponent)


@pytest.mark.parametrize("how", EVERY)
def test_the_formulas(workspace: Workspace, catalogue: Catalogue, how: Correction) -> None:
    toy = make_recommender(workspace, catalogue, "toy")
    found = hub_corrected(catalogue, toy, how, exponent=0.7)
    playlists, tracks = np.array([3, 40]), catalogue.candidates("all", new=True)[::29]
    reference = np.flatnonzero(np.diff(catalogue.train_plays.indptr))
    warm = catalogue.candidates("warm", new=False)
    np.testing.assert_array_equal(found.playlists, reference)
    scores, mine = toy.scores(playlists, tracks), found.scores(playlists, tracks)
    near, closer = toy.similarities(tracks, tracks), found.similarities(tracks, tracks)
    for c, track in enumerate(tracks):
        of_track = toy.scores(reference, tracks[c : c + 1])[:, 0].astype(float).tolist()
        for q in range(2):
            of_playlist = toy.scores(playlists[q : q + 1], warm)[0].astype(float).tolist()
            expected = slowly(float(scores[q, c]), of_playlist, of_track, how, 0.7)
            assert mine[q, c] == pytest.approx(expected, rel=1e-3, abs=1e-5)
        others = [
            toy.similarities(np.array([t]), warm[warm != t])[0].astype(float).tolist() for t in (tracks[0], track)
        ]
        expected = slowly(float(near[0, c]), others[0], others[1], how, 0.7)
        assert closer[0, c] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("name", ["toy", "ridge", "popularity", "user-knn-cosine", "oracle"])
def test_the_laws_of_every_recommender(workspace: Workspace, catalogue: Catalogue, how: Correction, name: str) -> None:
    found = hub_corrected(catalogue, make_recommender(workspace, catalogue, name), how)
    again = hub_corrected(catalogue, make_recommender(workspace, catalogue, name), how)
    rng = np.random.default_rng(1)
    tracks, playlists = catalogue.candidates("all", new=True), np.arange(len(catalogue.playlists))
    order = rng.permutation(len(tracks))
    scores, near = found.scores(playlists, tracks), found.similarities(tracks, tracks)
    assert scores.dtype == near.dtype == np.float32
    assert np.isfinite(scores).all()
    assert np.isfinite(near).all()
    np.testing.assert_array_equal(found.scores(playlists[3:6], tracks[order]), scores[3:6][:, order])
    np.testing.assert_array_equal(found.similarities(tracks[5:6], tracks[order]), near[5:6][:, order])
    np.testing.assert_array_equal(again.scores(playlists, tracks), scores)
    assert found.name == name


def hubby(catalogue: Catalogue) -> FactorRecommender:
    """Tracks in many dimensions, some pushed towards the middle of the playlists."""
    rng = np.random.default_rng(2)
    tracks = rng.standard_normal((len(catalogue), 40)).astype(np.float32)
    playlists = (rng.standard_normal((len(catalogue.playlists), 40)) + 1).astype(np.float32)
    tracks[::9] += 0.6
    return FactorRecommender("hubby", tracks, playlists, np.zeros(40, np.float32))


@pytest.mark.parametrize(("how", "most"), [("centring", 0.6), ("csls", 0.9), ("mutual-proximity", 0.6)])
def test_corrections_reduce_hubs(catalogue: Catalogue, how: Correction, most: float) -> None:
    """CSLS is made for cosines: of a dot product, 2 s - r_y leaves half of what a track's size adds."""
    plain, tracks = hubby(catalogue), catalogue.candidates("all", new=True)
    playlists = np.flatnonzero(np.diff(catalogue.train_plays.indptr))

    def skew(recommender: FactorRecommender | HubCorrected) -> float:
        scores = recommender.scores(playlists, tracks)
        return skewness(occurrences(top_k(scores, 10, seed=0, queries=playlists, candidates=tracks), len(tracks)))

    assert skew(hub_corrected(catalogue, plain, how)) < most * skew(plain)


def test_exponents_of_popularity(catalogue: Catalogue) -> None:
    plain, tracks = hubby(catalogue), catalogue.candidates("all", new=True)
    playlists = np.arange(5)
    untouched = hub_corrected(catalogue, plain, "popularity", exponent=0).scores(playlists, tracks)
    np.testing.assert_array_equal(untouched, plain.scores(playlists, tracks))
    sizes = np.sqrt(
        np.mean(
            hub_corrected(catalogue, plain, "popularity").scores(
                np.flatnonzero(np.diff(catalogue.train_plays.indptr)), tracks
            )
            ** 2,
            axis=0,
        )
    )
    np.testing.assert_allclose(sizes, 1, rtol=1e-5)


def test_a_track_without_a_profile_has_finite_scores() -> None:
    flat = Profile.of(np.zeros((1, 5)))
    for how in EVERY:
        assert np.isfinite(corrected(np.zeros((1, 1), np.float32), flat, flat, how)).all()
    assert Profile.of(np.array([[1.0, np.nan, 3.0]])).mean[0] == 2


def test_lists_reasons_and_files_still_work(workspace: Workspace, catalogue: Catalogue) -> None:
    toy = make_recommender(workspace, catalogue, "toy")
    assert isinstance(toy, FactorRecommender)
    found = hub_corrected(catalogue, toy, "csls")
    assert recommend(catalogue, found, playlist=3, options=ListOptions(n=3, diversity=0.5))[0].reasons
    row = catalogue.track_row("t18-2")
    inside = similar(catalogue, found, row, options=ListOptions(n=5))
    outside = similar(catalogue, found, NewTrack(catalogue.tracks[row], toy.tracks[row]), options=ListOptions(n=5))
    assert {i.track_id for i in inside} & {o.track_id for o in outside}
    popular = hub_corrected(catalogue, make_recommender(workspace, catalogue, "popularity"), "csls")
    with pytest.raises(UserError, match="cannot rank a track from outside"):
        popular.vector_similarities(toy.tracks[:1], np.array([0]))


def test_a_sample_stands_for_a_large_reference(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubness, "MAX_REFERENCE", 30)
    found = hub_corrected(catalogue, hubby(catalogue), "csls")
    assert len(found.playlists) == len(found.tracks) == 30
    assert (np.diff(found.tracks) > 0).all()
