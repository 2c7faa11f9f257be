"""Convert the times that tables and exports hold to seconds since 1970 (UTC unless a text names its zone).

Numbers are seconds, milliseconds (above 1e11), microseconds (above 1e14) or nanoseconds (above 6e17) since 1970, or the
digits of a date: YYYYMMDD, YYYYMMDDhhmm or YYYYMMDDhhmmss. Texts are ISO 8601, 29-01-2021 07:01, 1/29/2021 7:01 PM or
29 Jan 2021, 07:01. A time outside 1970 to 2099 is no time. The time 0 stands for "unknown" in several exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from unheard.arrays import Doubles

END_S = 4_102_444_800.0  # 2100-01-01
EXPECTED = "expected seconds since 1970 or a date from 1970 to 2099"
EARLY_S = 1e8  # March 1973: earlier times are seldom seconds since 1970
EXCEL_1970, EXCEL_DAYS = 25_569.0, (32_874.0, 73_050.0)  # days of Excel: 1970-01-01; 1990 to 2099
MAX_CHARACTERS = 100  # of a time
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
NUMERIC_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:,?[ T]+(.+))?")
CLOCK = ("%H:%M", "%H:%M:%S", "%H.%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
NAMED_MONTH = [
    f"{day}{separator}{clock}".strip()
    for day in ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y")
    for separator, clock in (("", ""), *((" ", clock) for clock in CLOCK))
]


def seconds_of(numbers: Doubles) -> Doubles:
    """Return seconds since 1970 of numbers in any of the units above; NaN for what is no time."""
    with np.errstate(invalid="ignore", over="ignore"):
        seconds = np.where(numbers > 1e11, numbers / 1e3, numbers)
        seconds = np.where(numbers > 1e14, numbers / 1e6, seconds)
        seconds = np.where(numbers > 6e17, numbers / 1e9, seconds)
        for digits in COMPACT:
            first, last = 19 * 10.0 ** (digits - 2), 21 * 10.0 ** (digits - 2)
            compact = np.flatnonzero((numbers >= first) & (numbers < last) & (numbers == np.floor(numbers)))
            if len(compact):
                distinct, which = np.unique(numbers[compact], return_inverse=True)
                dates = np.array([_compact(str(int(number))) for number in distinct])[which]
                seconds[compact] = dates if digits == 8 else np.where(np.isnan(dates), seconds[compact], dates)
        return np.where((seconds >= 0) & (seconds < END_S), seconds, np.nan)


def parse_time(text: str, *, month_first: bool = False) -> float | None:
    """Return seconds since 1970 of a number or a date; None if it is neither. `month_first`: 1/29/2021."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        return None
    if NUMBER.fullmatch(text):
        seconds = float(seconds_of(np.array([float(text)]))[0])
        return None if np.isnan(seconds) else seconds
    moment = _moment(re.sub(r"\s*(?:UTC|GMT)$", "", text), month_first=month_first)
    if moment is None:
        return None
    try:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None
    return seconds if 0 <= seconds < END_S else None


def month_first(texts: Iterable[str]) -> bool:
    """Return whether the dates of a column have the month first: one of them only makes sense so, and none the other
    way round."""
    found = [match for text in texts if (match := NUMERIC_DATE.fullmatch(text.strip()))]
    dates = [(int(match[1]), int(match[3])) for match in found if len(match[4]) in (2, 4) and len(match[1]) <= 2]
    return any(second > 12 for _, second in dates) and not any(first > 12 for first, _ in dates)


def plausible(seconds: Doubles) -> tuple[Doubles, str]:
    """Return the times of one file, NaN where unknown, and a note about times before March 1973; empty if none are.

    If all times are days since 1900 by the count of Excel, they are converted. Among later times, early ones are no
    times: they become unknown. If all are early they may count from any start; they stay, because their order matters.
    """
    early = seconds < EARLY_S
    if not early.any():
        return seconds, ""
    known = ~np.isnan(seconds)
    if (known & ~early).any():
        n = int(early.sum())
        return np.where(early, np.nan, seconds), f"{n} times before March 1973 among later ones are taken as unknown"
    first, last = EXCEL_DAYS
    if bool(((seconds[known] >= first) & (seconds[known] < last)).all()):
        return (seconds - EXCEL_1970) * 86_400, "the times are taken as days since 1900, as Excel counts them"
    return seconds, f"{int(early.sum())} times are before March 1973; are they seconds since 1970?"


def _compact(digits: str) -> float:
    if not digits.startswith(("19", "20")):
        return np.nan
    try:
        return datetime.strptime(digits, COMPACT[len(digits)]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return np.nan


def _moment(text: str, *, month_first: bool) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if match := NUMERIC_DATE.fullmatch(text):
        first, _, second, third, clock = match.groups()
        if len(first) == 4:
            day = f"{first}-{second}-{third}"
        elif len(third) in (2, 4):
            year = third if len(third) == 4 else f"{'20' if int(third) < 70 else '19'}{third}"
            day = f"{year}-{first}-{second}" if month_first else f"{year}-{second}-{first}"
        else:
            return None
        if not clock:
            return _strptime(day, ["%Y-%m-%d"])
        return _strptime(f"{day} {clock.strip().upper()}", [f"%Y-%m-%d {form}" for form in CLOCK])
    words = re.sub(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", "", text, flags=re.IGNORECASE).replace(",", " ")
    return _strptime(" ".join(words.split()), NAMED_MONTH) if any(c.isalpha() for c in words) else None


def _strptime(text: str, forms: Iterable[str]) -> datetime | None:
    for form in forms:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    return None
