"""The split `time`."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.splits import Split, Use, time_split
from unheard.splits.newest import track_dates


def seconds(*date: int) -> float:
    return datetime(date[0], date[1], date[2], tzinfo=UTC).timestamp()


def released(*dates: str) -> Tracks:
    return Tracks(tuple(Track(f"t{n:03d}", release_date=date) for n, date in enumerate(dates)))


def split_of(tracks: Tracks, after: str | None, first_played: dict[str, float] | None = None) -> Split:
    return time_split(tracks, first_played=first_played or {}, after=after, rng=np.random.default_rng(0))


def newest_of(split: Split) -> list[str]:
    return [track for track, fold in split.fold.items() if fold in split.use["test"]]


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ("2019", ["t003", "t004"]),
        ("2019-06", ["t002", "t003", "t004"]),
        ("2019-06-29", ["t001", "t002", "t003", "t004"]),
        ("2019-06-30", ["t002", "t003", "t004"]),
        ("20190630", ["t002", "t003", "t004"]),
        ("2019-12-31T10:00:00", ["t003", "t004"]),
    ],
)
def test_test_tracks_are_released_after_the_given_date(after: str, wanted: list[str]) -> None:
    tracks = released("2019", "2019-06-30", "2019-07", "2020", "2021-05-05", "", "not a date", "2019-13-01")
    split = split_of(tracks, after)
    assert newest_of(split) == wanted
    assert split.cutoff_timestamp is None  # nothing in this library has a time of playing
    assert split.fold["t005"] == split.fold["t006"] == split.fold["t007"] == 0  # no date: train


def test_the_first_play_dates_a_track_and_cuts_the_plays() -> None:
    tracks = released("1970", "1970", "2020", "1971", "1972")
    first_played = {"t000": seconds(2019, 1, 1), "t001": seconds(2021, 1, 1), "t002": seconds(2019, 5, 1)}
    split = split_of(tracks, "2019", first_played)
    assert newest_of(split) == ["t001"]
    assert split.cutoff_timestamp == seconds(2020, 1, 1)


def test_the_newest_tenth_of_the_rest_validates() -> None:
    tracks = released(*(f"{year}" for year in range(1900, 2000)))
    split = split_of(tracks, "1989")
    assert newest_of(split) == [f"t{n:03d}" for n in range(90, 100)]
    assert [t for t, fold in split.fold.items() if fold in split.use["val"]] == [f"t{n:03d}" for n in range(81, 90)]


def test_without_a_date_the_newest_fifteen_percent_are_tested() -> None:
    years = np.random.default_rng(3).permutation(np.arange(1900, 2000))
    split = split_of(released(*(str(year) for year in years)), None)
    assert sorted(newest_of(split)) == sorted(f"t{n:03d}" for n in np.flatnonzero(years >= 1985))


def test_ties_stay_on_one_side_of_the_date() -> None:
    split = split_of(released(*["1990"] * 60, *["2000"] * 30, *["2010"] * 10), None)
    assert len(newest_of(split)) == 10  # 10 % is nearer to 15 % than 40 %


@pytest.mark.parametrize(
    ("dates", "after", "message"),
    [
        (["2001", "2002"], "soon", "--after 'soon': expected a date like 2019-06-30"),
        (["2001", "2002"], "2019-02-30", "--after '2019-02-30': expected a date"),
        (["2001", "2002"], "2002", r"no track after 2002 \(2 of 2 tracks have a date\); choose an earlier date"),
        (["2001", "2002"], "1990", "no track up to 1990; choose a later date"),
        (["2001", "2002", "", "", ""], None, "2 of 5 have one"),
        (["2001", "2001"], None, "all have the same one"),
    ],
)
def test_what_cannot_be_split_is_refused(dates: list[str], after: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_of(released(*dates), after)


def test_unknown_months_and_days_of_tags_count_as_the_first() -> None:
    dates = track_dates(released("2001-00-00", "2001", "2001.03", "2001/03/04", "1001", "0000"), {})
    assert dates[:4].tolist() == [seconds(2001, 1, 1), seconds(2001, 1, 1), seconds(2001, 3, 1), seconds(2001, 3, 4)]
    assert np.isnan(dates[5])


def test_two_tracks_are_enough() -> None:
    assert split_of(released("2001", "2002"), "2001").uses(released("", "").ids).tolist() == [Use.TRAIN, Use.TEST]
