"""Tests of filters: the tracks that meet conditions, and conditions that no track can meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.filters import NO_FILTERS, FilterColumns, Filters, genres_of, rows_that_fit, year_of
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.workspace import Workspace

SHELF = Tracks(
    (
        Track("a", genre="Rock", release_date="1999", duration_s=100.0),
        Track("b", genre="Ambient; Drone / Noise", release_date="1999-12-31", duration_s=600.0),
        Track("c", genre="Post-Rock", release_date="2000-01", duration_s=300.0),
        Track("d", genre="", release_date="", duration_s=0.0),
        Track("e", genre="ROCK", release_date="someday", duration_s=300.5),
    )
)
COLUMNS = FilterColumns.of(SHELF.items)


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        (Filters(), "abcde"),
        (Filters(genres=frozenset({"rock"})), "ae"),
        (Filters(genres=frozenset({"Rock", "drone"})), "abe"),
        (Filters(genres=frozenset({"post rock"})), "c"),
        (Filters(year_from=1999, year_to=1999), "ab"),
        (Filters(year_from=2000), "c"),
        (Filters(year_to=1999), "ab"),
        (Filters(min_duration_s=300), "bce"),
        (Filters(max_duration_s=300), "ac"),
        (Filters(min_duration_s=100, max_duration_s=300), "ac"),
        (Filters(genres=frozenset({"rock"}), max_duration_s=200), "a"),
        (Filters(min_duration_s=0), "abce"),  # asked about, so the track of unknown length is out
    ],
)
def test_the_tracks_that_meet_each_condition(filters: Filters, fits: str) -> None:
    assert "".join(SHELF.ids.take(np.flatnonzero(rows_that_fit(filters, COLUMNS)))) == fits


@given(
    st.sets(st.sampled_from(["rock", "drone", "jazz"])),
    st.none() | st.integers(1990, 2005),
    st.none() | st.floats(0, 700),
)
def test_a_further_condition_never_adds_a_track(genres: set[str], year: int | None, shortest: float | None) -> None:
    both = rows_that_fit(Filters(frozenset(genres), year_from=year, min_duration_s=shortest), COLUMNS)
    alone = [Filters(frozenset(genres)), Filters(year_from=year), Filters(min_duration_s=shortest)]
    np.testing.assert_array_equal(both, np.all([rows_that_fit(filters, COLUMNS) for filters in alone], axis=0))


def test_years_and_genres_as_tags_write_them() -> None:
    dates = {"1999": 1999, " 2001-05": 2001, "1987-05-01T00:00:00": 1987, "19999": None, "0000": None, "May 1999": None}
    assert {date: year_of(Track("", release_date=date)) for date in dates} == dates
    assert genres_of(Track("", genre="R&B, Soul | R&B")) >= {"soul"}
    assert genres_of(Track("", genre=" ")) == frozenset()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"genres": frozenset({"  "})}, "expected a name"),
        ({"genres": "jazz"}, r"expected a list of names; write \['jazz'\]"),
        ({"year_from": 2001, "year_to": 2000}, "years from 2001 to 2000: expected the smaller"),
        ({"min_duration_s": -1.0}, "shortest duration -1.0: expected seconds"),
        ({"max_duration_s": float("nan")}, "longest duration nan"),
        ({"min_duration_s": 10.0, "max_duration_s": 5.0}, "durations from 10.0 to 5.0: expected the smaller"),
    ],
)
def test_conditions_that_no_track_can_meet(bad: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Filters(**bad)  # type: ignore[arg-type]


def test_a_filtered_list_is_the_same_list_with_tracks_left_out(workspace: Workspace, catalogue: Catalogue) -> None:
    items = [
        replace(t, genre="Jazz" if row % 3 else "", release_date="1999") for row, t in enumerate(catalogue.tracks.items)
    ]
    tagged = replace(catalogue, tracks=Tracks(tuple(items)))
    toy = make_recommender(workspace, tagged, "toy")
    filters = Filters(frozenset({"jazz"}), year_to=1999)
    seeds = [tagged.track_row("t00-0"), tagged.track_row("t11-3")]
    for asked in ({"playlist": 3}, {"likes": seeds}):
        everything = recommend(tagged, toy, options=ListOptions(n=999, max_per_artist=None), **asked)
        found = recommend(tagged, toy, options=ListOptions(n=999, max_per_artist=None, filters=filters), **asked)
        kept = [item for item in everything if item.row % 3]
        assert [(item.row, item.score) for item in found] == [(item.row, item.score) for item in kept]
    assert not recommend(tagged, toy, playlist=3, options=ListOptions(filters=Filters(year_from=2000)))
    near = similar(tagged, toy, seeds[0], options=ListOptions(n=999, filters=filters))
    assert {item.row % 3 for item in near} == {1, 2}
    assert Filters(genres=[]) == NO_FILTERS
