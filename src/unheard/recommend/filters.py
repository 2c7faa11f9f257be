"""Filter lists by conditions on the genre, year and duration of tracks.

A condition leaves out tracks without the field. Filters are applied after the ranking: the remaining tracks keep their
order and their scores.

Genres are compared without case, accents and punctuation, and as a whole: "rock" does not match "Post-Rock". A track
has each genre of a tag such as "Ambient; Drone / Noise", and the whole tag.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.splits.groups import loose

BETWEEN_GENRES = re.compile(r"[;,/|\0]")
YEAR = re.compile(r"\s*(\d{4})(?!\d)")


def _check_order(what: str, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise UserError(f"{what} from {low} to {high}: expected the smaller number first; swap them")


@dataclass(frozen=True)
class Filters:
    """Conditions that a track must meet to be listed; without conditions, every track is listed.

    genres                          any of these; empty: any genre
    year_from, year_to              of the release, both included
    min_duration_s, max_duration_s  both included

    Raise UserError for conditions that no track can meet.
    """

    genres: Collection[str] = frozenset()
    year_from: int | None = None
    year_to: int | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.genres, str):
            raise UserError(f"genres {self.genres!r}: expected a list of names; write [{self.genres!r}]")
        object.__setattr__(self, "genres", frozenset(self.genres))  # a frozenset can be hashed
        for genre in self.genres:
            if not loose(genre):
                raise UserError(f"genre {genre!r}: expected a name; leave it out to take any genre")
        _check_order("years", self.year_from, self.year_to)
        for name, value in (("shortest", self.min_duration_s), ("longest", self.max_duration_s)):
            if value is not None and not 0 <= value < np.inf:
                raise UserError(f"{name} duration {value}: expected seconds, at least 0")
        _check_order("durations", self.min_duration_s, self.max_duration_s)


NO_FILTERS = Filters()


def rows_that_fit(filters: Filters, tracks: Tracks) -> NDArray[np.bool_]:
    """Return whether each track meets every condition, (n,) bool."""
    if filters == NO_FILTERS:
        return np.ones(len(tracks), np.bool_)
    wanted = frozenset(map(loose, filters.genres))
    return np.array([_fits(filters, wanted, track) for track in tracks.items], np.bool_)


def genres_of(track: Track) -> frozenset[str]:
    """Return the genres of a track in the form in which they are compared; empty without a genre tag."""
    parts = (loose(part) for part in (*BETWEEN_GENRES.split(track.genre), track.genre))
    return frozenset(part for part in parts if part)


def first_genre(track: Track) -> str:
    """Return the first genre of a track in the form in which it is compared; empty without a genre tag."""
    return next((name for part in BETWEEN_GENRES.split(track.genre) if (name := loose(part))), "")


def year_of(track: Track) -> int | None:
    """Return the year of a release date such as "1999", "1999-05" or "1999-05-31"; None for other text."""
    match = YEAR.match(track.release_date)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _fits(filters: Filters, wanted: frozenset[str], track: Track) -> bool:
    if wanted and not wanted & genres_of(track):
        return False
    return _within(year_of(track), filters.year_from, filters.year_to) and _within(
        track.duration_s if track.duration_s > 0 else None, filters.min_duration_s, filters.max_duration_s
    )


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)
