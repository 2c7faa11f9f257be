"""Tests of lists: candidates, order, and reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import Recommendation, recommend, similar
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.seeds import NewTrack
from unheard.splits import Use
from unheard.workspace import Workspace

ROUNDING = 1e-6  # of similarities in single precision


def ids(found: list[Recommendation]) -> list[str]:
    return [item.track_id for item in found]


def test_without_options_it_is_the_ranking_by_score(catalogue: Catalogue, toy: FactorRecommender) -> None:
    playlist = catalogue.playlist_row("p03")
    found = recommend(catalogue, toy, playlist=playlist, options=ListOptions(n=12, max_per_artist=None))
    cold = catalogue.candidates("cold", new=True)
    own = set(catalogue.plays[playlist].indices)
    scores = toy.tracks[cold].astype(np.float64) @ catalogue.warm.playlists[playlist]
    expected = [catalogue.tracks.ids[int(cold[i])] for i in np.argsort(-scores) if cold[i] not in own][:12]
    assert ids(found) == expected
    assert [item.rank for item in found] == list(range(1, 13))
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert found[0].label == catalogue.tracks[found[0].row].label


@pytest.mark.parametrize("candidates", ["cold", "warm", "all"])
def test_own_and_excluded_tracks_and_a_third_song_of_an_artist_are_left_out(
    catalogue: Catalogue, toy: FactorRecommender, candidates: Candidates
) -> None:
    playlist = catalogue.playlist_row("p07")
    options = ListOptions(candidates=candidates, n=400)
    first = recommend(catalogue, toy, playlist=playlist, options=options)
    banned = {first[0].track_id, first[4].track_id}
    found = recommend(catalogue, toy, playlist=playlist, options=options.changed(exclude=banned))
    rows = {item.row for item in found}
    assert not rows & set(catalogue.plays[playlist].indices)
    assert not set(ids(found)) & banned
    assert rows <= set(catalogue.candidates(candidates, new=True))
    assert max(Counter(catalogue.main_artist[list(rows)]).values()) == 2


@pytest.mark.parametrize(("options", "at_most"), [({}, 2), ({"max_per_album": 1}, 1), ({"max_per_album": None}, 30)])
def test_a_mix_by_many_artists_does_not_fill_a_list(
    catalogue: Catalogue, toy: FactorRecommender, options: dict[str, int | None], at_most: int
) -> None:
    """Thirty tracks by thirty artists become one album of a folder."""
    mix = {row for row, track in enumerate(catalogue.tracks.items) if track.track_id.endswith("-0")}
    assert len(mix) >= 30
    tracks = tuple(
        replace(track, path=f"/mix/{row}.mp3", album="Super Mix") if row in mix else track
        for row, track in enumerate(catalogue.tracks.items)
    )
    mixed = replace(catalogue, tracks=Tracks(tracks))
    asked = ListOptions(candidates="all", n=30, **options)  # type: ignore[arg-type]
    for found in (
        similar(mixed, toy, mixed.track_row("t00-0"), options=asked),
        recommend(mixed, toy, likes=[mixed.track_row("t00-0")], options=asked),
        recommend(mixed, toy, playlist=mixed.playlist_row("p07"), options=asked.changed(diversity=0.5)),
    ):
        n_of_mix = sum(item.row in mix for item in found)
        assert len(found) == 30
        assert 0 < n_of_mix <= at_most
        assert at_most < 30 or n_of_mix > 2  # without the cap there would be more


def test_reasons_of_a_playlist_are_its_own_warm_tracks_that_are_near(
    catalogue: Catalogue, toy: FactorRecommender
) -> None:
    """Near: a cosine above 0, and at most a tenth of the candidates are nearer."""
    playlist = catalogue.playlist_row("p03")
    own = catalogue.plays[playlist].indices
    cold = catalogue.candidates("cold", new=True)
    found = recommend(catalogue, toy, playlist=playlist, options=ListOptions(n=5))
    assert sum(len(item.reasons) for item in found) >= 3
    for item in found:
        assert len(item.reasons) <= 3
        for reason in item.reasons:
            row = catalogue.track_row(reason.track_id)
            assert row in own
            assert catalogue.use[row] == Use.TRAIN
            near = toy.similarities(np.array([item.row]), np.array([row]))[0, 0]
            assert near > 0
            assert reason.similarity == pytest.approx(near, abs=1e-5)
            assert (toy.similarities(np.array([row]), cold)[0] > near + 1e-6).sum() <= 0.1 * len(cold) + 0.5
        assert item.why == (f"near {', '.join(one.label for one in item.reasons)}" if item.reasons else "")


def test_likes_are_fused_by_reciprocal_ranks(catalogue: Catalogue, toy: FactorRecommender) -> None:
    seeds = [catalogue.track_row(name) for name in ("t00-0", "t11-3", "t25-5")]
    cold = catalogue.candidates("cold", new=True)
    found = recommend(catalogue, toy, likes=seeds, options=ListOptions(n=8, max_per_artist=None))
    ranks = (-toy.similarities(np.array(seeds), cold)).argsort(axis=1).argsort(axis=1) + 1  # ties are at the mean
    votes = dict(zip(cold.tolist(), (1 / (60 + ranks)).sum(axis=0), strict=True))
    best = sorted(votes.values(), reverse=True)[:8]
    np.testing.assert_allclose([item.score for item in found], best, rtol=1e-4)
    place = {int(row): column for column, row in enumerate(cold)}
    assert round(0.1 * len(cold)) == 6
    for item in found:  # a seed is near the tracks in the first tenth of its list
        agrees = ranks[:, place[item.row]] <= 6
        assert item.agreeing_seeds == (agrees.sum(), 3)
        count = f"near {agrees.sum()} of 3 seeds" if agrees.any() else "not near any of the 3 seeds"
        assert item.why.startswith(count)
        ids = {catalogue.tracks.ids[row] for row, yes in zip(seeds, agrees, strict=True) if yes}
        assert {reason.track_id for reason in item.reasons} == ids


def test_two_moderate_ranks_beat_one_first_rank(catalogue: Catalogue) -> None:
    """For two opposite seeds, a track at rank 2 of both beats the first track of one seed."""
    angles = {"t08-0": 0.0, "t08-1": np.pi, "t09-1": np.pi / 2}
    tracks = np.zeros((len(catalogue), 2), np.float32)
    tracks[:] = [0, -1]
    for name, angle in angles.items():
        tracks[catalogue.track_row(name)] = [np.cos(angle), np.sin(angle)]
    left, right = catalogue.track_row("t00-0"), catalogue.track_row("t01-0")
    tracks[left], tracks[right] = [1, 0.3], [-1, 0.3]
    geometry = FactorRecommender("hand", tracks, np.zeros((1, 2), np.float32), np.zeros(2, np.float32))
    found = recommend(catalogue, geometry, likes=[left, right], options=ListOptions(n=3))
    # Ranks are (1, last), (last, 1) and (2, 2): 2/62 = .0323 against 1/61 + 1/(60 + about 114) = .0221.
    assert ids(found)[0] == "t09-1"
    assert found[0].score == pytest.approx(2 / 62)


def test_seeds_and_their_other_recordings_are_left_out(catalogue: Catalogue, toy: FactorRecommender) -> None:
    items = list(catalogue.tracks.items)
    names = ("t08-0", "t08-1", "t08-2", "t08-3")
    for name, title in zip(names, ("Sun", "Sun (Live)", "Sun - 2011 Remaster", "Sunday"), strict=True):
        row = catalogue.track_row(name)
        items[row] = replace(items[row], title=title)
    retitled = replace(catalogue, tracks=Tracks(tuple(items)))
    seed = retitled.track_row("t08-0")
    for found in (
        recommend(retitled, toy, likes=[seed], options=ListOptions(n=400, max_per_artist=None)),
        similar(retitled, toy, seed, options=ListOptions(n=400, max_per_artist=None)),
    ):
        assert not set(ids(found)) & {"t08-0", "t08-1", "t08-2"}
        assert "t08-3" in ids(found)
    # and of two recordings of one song, one is enough
    playlist = next(p for p in range(5, 80) if not set(retitled.plays[p].indices) & {seed, seed + 1, seed + 2})
    found = recommend(retitled, toy, playlist=playlist, options=ListOptions(n=400, max_per_artist=None))
    assert len(set(ids(found)) & {"t08-0", "t08-1", "t08-2"}) == 1


def test_tracks_of_a_cold_playlist_are_taken_as_likes(catalogue: Catalogue, toy: FactorRecommender) -> None:
    fresh = catalogue.playlist_row("fresh")
    rows = [int(row) for row in catalogue.plays[fresh].indices]
    found = recommend(catalogue, toy, playlist=fresh, options=ListOptions(n=6))
    assert ids(found) == ids(recommend(catalogue, toy, likes=rows, options=ListOptions(n=6)))
    assert not {item.row for item in found} & set(rows)


def test_similar_ranks_by_centred_cosine_and_names_tracks_near_both(
    catalogue: Catalogue, toy: FactorRecommender
) -> None:
    query = catalogue.track_row("t18-2")
    found = similar(catalogue, toy, query, options=ListOptions(candidates="cold", n=6, max_per_artist=None))
    cold = catalogue.candidates("cold", new=True)
    near = np.sort(toy.similarities(np.array([query]), cold[cold != query])[0])[::-1]
    np.testing.assert_array_equal([item.score for item in found], near[:6])
    warm = catalogue.candidates("warm", new=False)
    both = toy.similarities(np.array([query, found[0].row]), warm).min(axis=0)
    assert found[0].reasons[0].track_id == catalogue.tracks.ids[int(warm[both.argmax()])]


@pytest.mark.parametrize("n_candidates", [4, 12])
def test_reasons_are_those_of_all_warm_tracks_though_few_are_compared(
    catalogue: Catalogue, toy: FactorRecommender, monkeypatch: pytest.MonkeyPatch, n_candidates: int
) -> None:
    warm = catalogue.candidates("warm", new=False)
    outside = [NewTrack(Track(""), toy.tracks[row]) for row in (1, 17)]
    queries: list[int | NewTrack] = [0, 3, 40, *outside]
    n_reasons = 0
    for query in queries:
        monkeypatch.setattr("unheard.recommend.reasons.MAX_REASON_CANDIDATES", len(warm))
        whole = similar(catalogue, toy, query, options=ListOptions(n=20))
        monkeypatch.setattr("unheard.recommend.reasons.MAX_REASON_CANDIDATES", n_candidates)
        quick = similar(catalogue, toy, query, options=ListOptions(n=20))
        for some, every in zip(quick, whole, strict=True):
            assert_equal_reasons(some, every)
        n_reasons += sum(len(item.reasons) for item in quick)
    assert n_reasons > 100


def assert_equal_reasons(item: Recommendation, expected: Recommendation) -> None:
    """Fail unless both have the same reasons; equally near ones, in single precision, may be swapped."""
    assert [one.similarity for one in item.reasons] == pytest.approx(
        [one.similarity for one in expected.reasons], abs=ROUNDING
    )
    similarity = {one.track_id: one.similarity for one in (*item.reasons, *expected.reasons)}
    for one, other in zip(item.reasons, expected.reasons, strict=True):
        if one.track_id != other.track_id:
            assert similarity[one.track_id] == pytest.approx(similarity[other.track_id], abs=ROUNDING)


def test_a_track_from_outside_finds_what_the_same_track_inside_finds(
    catalogue: Catalogue, toy: FactorRecommender
) -> None:
    row = catalogue.track_row("t18-2")
    inside = catalogue.tracks[row]
    new = NewTrack(Track("", title="Song 2 (Live)", artists=inside.artists), toy.tracks[row])
    nine = ListOptions(n=9)
    assert ids(similar(catalogue, toy, new, options=nine)) == ids(similar(catalogue, toy, row, options=nine))
    other = NewTrack(Track("", title="Song 2", artists=("Somebody Else",)), toy.tracks[row])
    assert ids(similar(catalogue, toy, other, options=nine))[0] == "t18-2"
    mixed = recommend(catalogue, toy, likes=[new, catalogue.track_row("t00-0")], options=ListOptions(n=3))
    assert {reason.label for reason in mixed[0].reasons} == {"Artist 18 - Song 2 (Live)", "Artist 0 - Song 0"}


def test_recommenders_without_vectors_give_no_reasons(workspace: Workspace, catalogue: Catalogue) -> None:
    for name in ("random", "popularity"):
        found = recommend(catalogue, make_recommender(workspace, catalogue, name), playlist=4, options=ListOptions(n=3))
        assert len(found) == 3
        assert [item.why for item in found] == [""] * 3


def test_the_seed_breaks_ties(workspace: Workspace, catalogue: Catalogue) -> None:
    popularity = make_recommender(workspace, catalogue, "popularity")
    nine = ListOptions(n=9)
    lists = [ids(recommend(catalogue, popularity, playlist=4, options=nine, seed=seed)) for seed in (0, 0, 1)]
    assert lists[0] == lists[1] != lists[2]


def test_invalid_queries_raise(workspace: Workspace, catalogue: Catalogue, toy: FactorRecommender) -> None:
    with pytest.raises(UserError, match="got both or neither"):
        recommend(catalogue, toy)
    with pytest.raises(UserError, match="got both or neither"):
        recommend(catalogue, toy, playlist=0, likes=[1])
    with pytest.raises(UserError, match="'lost' has no track of the library"):
        recommend(catalogue, toy, playlist=catalogue.playlist_row("lost"))
    new = NewTrack(Track(""), toy.tracks[0])
    with pytest.raises(UserError, match="random cannot rank a track from outside"):
        similar(catalogue, make_recommender(workspace, catalogue, "random"), new)


def test_no_candidates_give_an_empty_list(catalogue: Catalogue, toy: FactorRecommender) -> None:
    nothing_cold = replace(catalogue, use=np.zeros_like(catalogue.use))
    assert recommend(nothing_cold, toy, playlist=0) == []
    assert recommend(nothing_cold, toy, likes=[0, 1]) == []
    assert similar(nothing_cold, toy, 0, options=ListOptions(candidates="cold")) == []
