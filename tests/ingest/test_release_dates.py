"""Test dates of tags against a hand-written table, and that what is returned is stable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.ingest.release_dates import iso_date

DATES = {
    "2021-03-04": "20210304 | 2021-03-04 | 2021-03-04T12:00:00Z | 2021/3/4 | 2021.03.04 | 04.03.2021 | 4/3/2021 | "
    "04-03-2021 | 0004-03-2021 | 20210304T120000Z | 20210304120000 | 4 March 2021 | Mar 4, 2021 | Thu, 04 Mar 2021",
    "2021-03-25": "25.03.2021 | 03/25/2021 | 25/03/2021",
    "2021-03": "202103 | 2021-03 | 2021-03-00 | March 2021",
    "2021-02": "2021-02-30",
    "2021": "2021 | 2021-13-45 | 20211345 | (C) 2021 | 2021-00-00 | 00-00-2021 | 1 maggio 2021 | vinyl, 2021",
    "1969": "1969-1972 | c. 1969 | 1969?",
    "": "0000 | 99 | 0 | junk | 1614816000 | 04.03.21 | 9999 | - ",
}


@pytest.mark.parametrize(("text", "expected"), [(t, date) for date, line in DATES.items() for t in line.split(" | ")])
def test_dates(text: str, expected: str) -> None:
    assert iso_date(text) == expected


@given(st.text(st.sampled_from("0123456789-/. TZ:"), max_size=24))
def test_any_text_gives_a_stable_start_of_an_iso_date(text: str) -> None:
    found = iso_date(text)
    assert re.fullmatch(r"(\d{4}(-\d\d(-\d\d)?)?)?", found)
    assert iso_date(found) == found


@given(st.dates())
def test_iso_dates_are_kept(date: object) -> None:
    year = int(str(date)[:4])
    assert iso_date(str(date)) == (str(date) if 1000 <= year <= 2100 else "")
