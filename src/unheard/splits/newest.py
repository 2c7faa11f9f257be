"""Make the split `time`: the newest tracks are test tracks, and only earlier plays train.

A track's date is its first play or, where plays have no time, its release date. Dates are UTC; a release date of only a
year or a month means its first day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from unheard.arrays import Doubles
from unheard.errors import UserError
from unheard.library import Tracks
from unheard.splits.split import Split, UseName

FOLDS: dict[UseName, tuple[int, ...]] = {"train": (0,), "val": (1,), "test": (2,)}
TEST_SHARE = 0.15
VAL_SHARE = 0.10
MIN_DATED_SHARE = 0.5

_DATE = re.compile(r"(\d{4})(?:[-./]?(\d{2})(?:[-./]?(\d{2}))?)?(?:[T ].*)?")


def time_split(
    tracks: Tracks, *, first_played: Mapping[str, float], after: str | None, rng: np.random.Generator
) -> Split:
    """Return the split `time`: test = tracks newer than `after`, val = the newest tenth of the others, train = rest.

    after   an ISO date, month or year: the last one whose tracks train. None chooses the date that makes the newest
            15 % of the dated tracks test tracks; it needs a date for at least half of the tracks.

    Tracks without a date train. Raise UserError if `after` is not a date, or train or test would be empty.
    """
    dates = track_dates(tracks, first_played)  # (n,) seconds, NaN = unknown
    cutoff = _default_cutoff(dates) if after is None else _period_end(after)
    test = dates >= cutoff
    if not test.any():
        dated = f"{(~np.isnan(dates)).sum()} of {len(dates)} tracks have a date"
        raise UserError(f"the split 'time' has no track after {after} ({dated}); choose an earlier date with --after")
    if test.all():
        raise UserError(f"the split 'time' has no track up to {after}; choose a later date with --after")
    fold = np.where(test, FOLDS["test"][0], FOLDS["train"][0])
    older = np.flatnonzero(~test & ~np.isnan(dates))
    n_val = max(1, round(VAL_SHARE * len(older))) if (~test).sum() > 1 and len(older) else 0
    older = rng.permutation(older)  # so that tracks of the same day are chosen at random
    fold[older[np.argsort(-dates[older], kind="stable")[:n_val]]] = FOLDS["val"][0]
    return Split(
        "time",
        dict(zip(tracks.ids, fold.tolist(), strict=True)),
        FOLDS,
        cutoff_timestamp=cutoff if first_played else None,
    )


def track_dates(tracks: Tracks, first_played: Mapping[str, float]) -> Doubles:
    """Return each track's first play or release, (n_tracks,) seconds since 1970; NaN where neither is known."""
    return np.array(
        [first_played.get(track.track_id, _period(track.release_date)[0]) for track in tracks.items], np.float64
    )


def _default_cutoff(dates: Doubles) -> float:
    known = np.sort(dates[~np.isnan(dates)])
    if len(known) < MIN_DATED_SHARE * len(dates) or len(known) < 2:
        raise UserError(
            f"the split 'time' needs a release date or a first play for half of the tracks, {len(known)} of "
            f"{len(dates)} have one; add release dates to tracks.csv or timestamps to playlists.csv, or use --after"
        )
    candidates, starts = np.unique(known, return_index=True)
    if len(candidates) < 2:
        raise UserError("the split 'time' needs tracks of different dates, all have the same one; use another split")
    share = 1 - starts[1:] / len(known)  # of tracks from each candidate on
    return float(candidates[1:][np.argmin(np.abs(share - TEST_SHARE))])


def _period_end(after: str) -> float:
    end = _period(after)[1]
    if np.isnan(end):
        raise UserError(f"--after {after!r}: expected a date like 2019-06-30, a month like 2019-06 or a year like 2019")
    return end


def _period(text: str) -> tuple[float, float]:
    """Return the first second of a date, month or year, and the first second after it; NaN if `text` is none."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return np.nan, np.nan
    year, month, day = (int(part) if part else 0 for part in match.groups())
    month, day = (month, day) if month else (0, 0)  # tags write unknown months and days as 00
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day:
            end = start.timestamp() + 24 * 60 * 60
        elif month:
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()
        else:
            end = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()
    except ValueError:
        return np.nan, np.nan
    return start.timestamp(), end
