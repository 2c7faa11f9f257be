"""Tests of shortlists: lists by a scan and by an index against the lists that score every candidate."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders.large_catalogue import by_factors, by_members, large_catalogue
from unheard.index.row_vectors import Vectors
from unheard.index.stored_index import Index
from unheard.library import Tracks
from unheard.recommend import list_query, shortlist, votes
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.filters import Filters
from unheard.recommend.index_files import IndexFiles
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import Recommendation, recommend, similar
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, RandomRecommender
from unheard.recommend.seeds import NewTrack
from unheard.recommend.shortlist import IndexName, RowGroups, Shortlists, shortlists
from unheard.workspace import Workspace

N, M, D = 6000, 40, 24
Model = FactorRecommender | EmbeddingRecommender
OPTIONS = [
    ListOptions(n=10),
    ListOptions(n=10, filters=Filters(genres={"Rock", "Jazz"}, year_from=1990)),
    ListOptions(n=10, filters=Filters(year_from=2019, year_to=2019), max_per_artist=None),
    ListOptions(n=5, diversity=0.5, max_per_artist=1),
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortlists in the same proportion to 6,000 tracks as the real ones to 200,000, or a little longer."""
    monkeypatch.setattr(list_query, "SHORTLIST", 60)
    monkeypatch.setattr(shortlist, "FEW", 150)
    monkeypatch.setattr(shortlist, "MIN_OF_EACH", 100)


@pytest.fixture(scope="module")
def large() -> Catalogue:
    return large_catalogue(N, M, D, np.random.default_rng(0))


@pytest.fixture(scope="module", params=["factors", "members", "combined"])
def model(request: pytest.FixtureRequest, large: Catalogue) -> Model:
    rng = np.random.default_rng(1)
    if request.param == "factors":
        return by_factors(large, rng)
    return by_members(large, rng, combined=request.param == "combined")


def no_index(_: IndexName, __: Vectors) -> Index | None:
    return None


def by_scan(catalogue: Catalogue, model: Model) -> Shortlists:
    found = shortlists(catalogue, model, no_index)
    assert found is not None
    return found


def by_index(catalogue: Catalogue, model: Model, root: Path) -> Shortlists:
    files = IndexFiles(Workspace.init(root), catalogue, model.name)
    found = shortlists(catalogue, model, files.open)
    assert found is not None
    n = len(files.make(found, seed=0))
    assert n == (2 if isinstance(model, FactorRecommender) else 3)
    assert not files.make(found, seed=0)  # they are up to date
    found.open_all()
    assert found.is_indexed
    return found


def ids(found: list[Recommendation]) -> list[str]:
    return [item.track_id for item in found]


@pytest.mark.parametrize("which", ["cold", "warm", "all"])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_list_by_a_scan_is_the_exact_list(
    large: Catalogue, model: Model, which: Candidates, options: ListOptions
) -> None:
    lists, options = by_scan(large, model), options.changed(candidates=which)
    same = []
    for number in range(4):
        exact = recommend(large, model, playlist=number, options=options)
        found = recommend(large, model, playlist=number, options=options, shortlists=lists)
        combined = isinstance(model, EmbeddingRecommender) and model.pairs is not None
        if not combined:  # what a combiner adds to the sum of the members may bring up a track from far behind
            assert ids(found) == ids(exact)
        same.append(len(set(ids(found)) & set(ids(exact))) / len(exact))
        agree(found, exact, tolerance=0.03)
        exact = similar(large, model, 17 * number, options=options)
        found = similar(large, model, 17 * number, options=options, shortlists=lists)
        assert ids(found) == ids(exact)
        agree(found, exact, tolerance=0.03)
    assert np.mean(same) >= 0.95


def agree(found: list[Recommendation], exact: list[Recommendation], *, tolerance: float) -> None:
    """Tracks of both lists have equal scores, and the same match but for what is estimated from a sample."""
    of_id = {item.track_id: item for item in exact}
    for item in found:
        other = of_id.get(item.track_id)
        if other is not None:
            assert item.score == other.score
            assert (item.match is None) == (other.match is None)
            assert item.match is None or item.match == pytest.approx(other.match, abs=tolerance)


@pytest.mark.parametrize("which", ["cold", "all"])
def test_lists_by_an_index_hold_98_percent_of_the_exact_ones(
    large: Catalogue, model: Model, which: Candidates, tmp_path: Path
) -> None:
    lists, shares = by_index(large, model, tmp_path / "w"), []
    for options in (one.changed(candidates=which) for one in OPTIONS[:3]):
        for number in range(15):
            exact = recommend(large, model, playlist=number, options=options)
            found = recommend(large, model, playlist=number, options=options, shortlists=lists)
            agree(found, exact, tolerance=0.03)
            shares.append(len(set(ids(found)) & set(ids(exact))) / len(exact))
            exact = similar(large, model, number, options=options)
            found = similar(large, model, number, options=options, shortlists=lists)
            shares.append(len(set(ids(found)) & set(ids(exact))) / len(exact))
    assert np.mean(shares) >= 0.98


def test_liked_tracks_get_nearly_the_exact_list(large: Catalogue, model: Model) -> None:
    """Ranks beyond a seed's own shortlist are estimated, so scores differ in the last digits."""
    lists, shares = by_scan(large, model), []
    for first in range(10):
        likes = [first, first + 300, first + 2000]
        exact = recommend(large, model, likes=likes)
        found = recommend(large, model, likes=likes, shortlists=lists)
        assert ids(exact)[0] in ids(found)[:3]  # each of three seeds has a first one
        shares.append(len(set(ids(found)) & set(ids(exact))) / len(exact))
        for one in found:
            assert one.agreeing_seeds is not None
            assert one.track_id not in [large.tracks.ids[row] for row in likes]
    assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("by_shortlist", [False, True])
def test_many_liked_tracks_get_the_same_list_in_blocks_of_any_size(
    large: Catalogue, model: Model, by_shortlist: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    likes = [*range(0, 600, 30), NewTrack(large.tracks[5], model.space.tracks[5] + np.float32(0.01))]
    lists = by_scan(large, model) if by_shortlist else None
    whole = recommend(large, model, likes=likes, shortlists=lists)
    for n_votes in (1, 40_000):  # a seed at a time, and some
        monkeypatch.setattr(votes, "BLOCK_VOTES", n_votes)
        assert recommend(large, model, likes=likes, shortlists=lists) == whole


def test_memory_does_not_grow_with_the_number_of_liked_tracks(
    large: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = by_factors(large, np.random.default_rng(1))
    monkeypatch.setattr(votes, "BLOCK_VOTES", 10 * len(large.candidates("cold", new=True)))

    def peak(n_likes: int) -> int:
        likes = list(range(0, 10 * n_likes, 10))
        recommend(large, model, likes=likes[:2])  # caches of the catalogue
        tracemalloc.start()
        recommend(large, model, likes=likes)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(100) < 1.2 * peak(20)


def test_a_track_from_outside_the_library_is_a_seed_too(large: Catalogue, model: Model) -> None:
    seed = NewTrack(large.tracks[5], model.space.tracks[5] + np.float32(0.01))
    lists = by_scan(large, model)
    assert ids(similar(large, model, seed, shortlists=lists)) == ids(similar(large, model, seed))


def test_a_cap_that_uses_a_shortlist_up_gets_the_exact_list_from_a_longer_one(large: Catalogue, model: Model) -> None:
    """The nearest thousand tracks of a playlist are by one artist."""
    space = model if isinstance(model, FactorRecommender) else model.ranking
    best = np.argsort(-(space.tracks @ space.playlists[3]))[:1000]
    items = list(large.tracks.items)
    for row in best:
        items[row] = replace(items[row], artists=("One",), album="Only")
    crowded = replace(large, tracks=Tracks(tuple(items)))
    if isinstance(model, EmbeddingRecommender) and model.pairs is not None:
        model = replace(model, pairs=replace(model.pairs, artist=crowded.main_artist))
    exact = recommend(crowded, model, playlist=3)
    found = recommend(crowded, model, playlist=3, shortlists=by_scan(crowded, model))
    assert len(found) == 10
    assert len(set(ids(found)) & set(ids(exact))) >= 9


def test_excluded_tracks_are_left_out_and_reasons_are_near(large: Catalogue, model: Model) -> None:
    lists = by_scan(large, model)
    first = similar(large, model, 8, shortlists=lists)
    left_out = ListOptions(exclude=frozenset(ids(first)[:3]))
    found = similar(large, model, 8, options=left_out, shortlists=lists)
    assert ids(found) == ids(similar(large, model, 8, options=left_out))
    assert [one.reasons for one in found] == [one.reasons for one in similar(large, model, 8, options=left_out)]


def test_without_files_a_search_is_a_scan(large: Catalogue, model: Model) -> None:
    assert not by_scan(large, model).is_indexed


def test_models_without_vectors_have_no_shortlists(large: Catalogue) -> None:
    assert shortlists(large, RandomRecommender(0), no_index) is None


def test_rows_of_groups() -> None:
    groups = RowGroups.of(np.array([2, 0, 2, 1]))
    assert groups.rows_of(np.array([2, 1, 2])).tolist() == [3, 0, 2]
    assert groups.rows_of(np.zeros(0, np.int64)).tolist() == []
