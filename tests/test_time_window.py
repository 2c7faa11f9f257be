"""A daily window of time: by hand, and a law over all minutes of a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from unheard.errors import UserError
from unheard.time_window import TimeWindow

MIDNIGHT = datetime(2026, 3, 1)  # noqa: DTZ001 - the machine's own time


def at(text: str) -> datetime:
    hour, _, minute = text.partition(":")
    return MIDNIGHT + timedelta(hours=int(hour), minutes=int(minute))


@pytest.mark.parametrize(
    ("window", "now", "inside"),
    [
        ("01:00-06:00", "0:59", False),
        ("01:00-06:00", "1:00", True),
        ("01:00-06:00", "5:59", True),
        ("01:00-06:00", "6:00", False),
        ("22:00 - 6:00", "23:00", True),
        ("22:00-06:00", "0:00", True),
        ("22:00-06:00", "6:00", False),
        ("22:00-00:00", "23:59", True),
    ],
)
def test_by_hand(window: str, now: str, inside: bool) -> None:
    assert TimeWindow.parse(window).contains(at(now)) == inside


@pytest.mark.parametrize("window", ["01:00-06:00", "22:00-06:00", "22:00-00:00", "00:00-23:59"])
def test_a_window_ends_where_it_no_longer_contains_the_time(window: str) -> None:
    parsed = TimeWindow.parse(window)
    for minute in range(24 * 60):
        now = MIDNIGHT + timedelta(minutes=minute)
        if parsed.contains(now):
            end = parsed.end_after(now)
            assert now < end <= now + timedelta(days=1)
            assert not parsed.contains(end)
            assert parsed.contains(end - timedelta(minutes=1))


def test_it_stays_closed_on_the_next_day() -> None:
    times = iter([at("2:00"), at("3:00"), at("6:00"), at("26:00")])
    closed = TimeWindow.parse("01:00-06:00").closed(lambda: next(times))
    assert [closed() for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("text", ["", "1-6", "01:00", "25:00-26:00", "01:00-01:00", "01:60-02:00", "01:00-06:00x"])
def test_mistakes(text: str) -> None:
    with pytest.raises(UserError, match="--between"):
        TimeWindow.parse(text)
