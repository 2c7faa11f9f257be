"""Test times in the forms that exports have."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.plays.readers.times import month_first, parse_time, plausible, seconds_of

MORNING = datetime(2021, 1, 29, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("1611903660", "1611903660.0", "1.61190366E9", "1611903660000", "1.61190366E+12", "1611903660000000"),
        *("1611903660000000000", "202101290701", "20210129070100"),
        *("2021-01-29 07:01", "2021-01-29T07:01:00Z", "2021-01-29 07:01:00 UTC", "2021-01-29T08:01:00+01:00"),
        *("29-01-2021 07:01", "29/01/2021 07:01", "29.01.2021 07:01:00", "29/1/21, 7:01 AM", "2021/01/29 07:01"),
        *("29 Jan 2021, 07:01", "29 Jan 2021 07:01", "29 January 2021, 7:01 AM", "Jan 29, 2021 07:01"),
        *("Fri, 29 Jan 2021 07:01:00 GMT", "Friday 29 January 2021, 7:01 am"),
    ],
)
def test_one_morning(text: str) -> None:
    assert parse_time(text) == MORNING.timestamp()


@pytest.mark.parametrize("text", ["20210129", "2021-01-29", "29.01.2021", "29 Jan 2021", "29-Jan-2021"])
def test_a_day(text: str) -> None:
    assert parse_time(text) == MORNING.replace(hour=0, minute=0).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "nan", "inf", "-1", "1969-12-31", "2100-01-01", "4102444800", "20211301", "19990230"),
        *("31.02.2021", "1/29/2021", "Smarch 3, 2021", "0001-01-01", "9e99", "130000000000000000"),
    ],
)
def test_no_time(text: str) -> None:
    assert parse_time(text) is None


def test_the_month_may_be_first() -> None:
    assert month_first(["1/29/2021 7:01 AM", "2/3/2021"])
    assert not month_first(["29/1/2021", "2/3/2021"])
    assert not month_first(["29/1/2021", "1/29/2021"])
    assert not month_first(["2/3/2021", "", "no date"])
    assert parse_time("1/29/2021 7:01 AM", month_first=True) == MORNING.timestamp()


def test_early_times_are_not_taken_for_seconds_in_silence() -> None:
    excel = np.array([44_927.0, 44_927.5, np.nan])  # 2023-01-01
    times, note = plausible(excel)
    np.testing.assert_array_equal(times, [1_672_531_200, 1_672_574_400, np.nan])
    assert "Excel" in note
    times, note = plausible(np.array([44_927.0, 1_672_531_200.0, np.nan]))
    np.testing.assert_array_equal(times, [np.nan, 1_672_531_200, np.nan])
    assert note.startswith("1 times before March 1973")
    times, note = plausible(np.array([5.0, 90_000.0]))
    assert (times.tolist(), note) == ([5.0, 90_000.0], "2 times are before March 1973; are they seconds since 1970?")
    assert plausible(np.array([np.nan, 1e9]))[1] == ""


@given(st.datetimes(datetime(1977, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001
def test_every_unit_and_every_form_is_the_same_time(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = int(moment.timestamp())
    numbers = np.array([seconds, seconds * 1e3, seconds * 1e6, float(moment.strftime("%Y%m%d%H%M%S"))])
    np.testing.assert_allclose(seconds_of(numbers), seconds, atol=1e-6)
    for form in ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d %b %Y, %H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%SZ"):
        assert parse_time(moment.strftime(form)) == seconds
    assert parse_time(moment.strftime("%m/%d/%Y %I:%M:%S %p"), month_first=True) == seconds


@given(st.text(max_size=30) | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_a_time_of_these_centuries_or_none(text: str) -> None:
    seconds = parse_time(text)
    assert seconds is None or 0 <= seconds < datetime(2100, 1, 1, tzinfo=UTC).timestamp()
