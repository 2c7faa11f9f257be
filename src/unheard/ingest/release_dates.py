"""Normalise the dates of tags and tables to the start of an ISO date, so that they can be filtered by year.

20210304   2021-03-04T12:00   2021/3/4                      2021-03-04
04.03.2021   4/3/2021   (day first)   03/25/2021            2021-03-04   2021-03-04   2021-03-25
202103   2021-03   2021-03-00   2021-13-45                  2021-03   2021-03   2021-03   2021
4 March 2021   Mar 4, 2021   March 2021                     2021-03-04   2021-03-04   2021-03
2021   (C) 2021   1969-1972                                 2021   2021   1969
0000   99   junk                                            empty
"""

from __future__ import annotations

import re
from datetime import date

FIRST_YEAR, LAST_YEAR = 1000, 2100
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_SEPARATED = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)0*(\d{1,2})[-/. ]+(\d{1,2})[-/. ]+(\d{4})(?!\d)")  # mutagen fills up to 0004-03-2021
_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(?:(\d{2})(?:t?\d{4}(?:\d{2})?z?)?)?(?!\d)")
_MONTH_NAME = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th|\.)?\s+)?\b([a-z]{3})[a-z]*\.?\s+(?:(\d{1,2})(?:st|nd|rd|th)?,?\s+)?(\d{4})\b"
)
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")


def iso_date(text: str) -> str:
    """Return YYYY-MM-DD, YYYY-MM or YYYY, as far as `text` says it; empty for text without a year."""
    text = text.strip().lower()
    if found := _YEAR_LAST.search(text):
        first, second, year = (int(part) for part in found.groups())
        day, month = (second, first) if second > 12 >= first else (first, second)
        if shown := _shown(year, month, day):
            return shown
    if (found := _MONTH_NAME.search(text)) and found[2] in MONTHS:
        return _shown(int(found[4]), MONTHS.index(found[2]) + 1, int(found[1] or found[3] or 0))
    for pattern in (_SEPARATED, _COMPACT):
        if (found := pattern.search(text)) and (shown := _shown(*(int(part or 0) for part in found.groups()))):
            return shown
    years = (_shown(int(year), 0, 0) for year in _YEAR.findall(text))
    return next((year for year in years if year), "")


def _shown(year: int, month: int, day: int) -> str:
    """Return the valid start of a date; empty if the year is not one of music."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return ""
    if not 1 <= month <= 12:
        return f"{year:04}"
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return f"{year:04}-{month:02}"
