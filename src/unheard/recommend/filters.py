"""Filter lists by conditions on the genre, year and duration of tracks.

A condition leaves out tracks without the field. Filters are applied after the ranking: the remaining tracks keep their
order and their scores.

Genres are compared without case, accents and punctuation, and as a whole: "rock" does not match "Post-Rock". A track
has each genre of a tag such as "Ambient; Drone / Noise", and the whole tag.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.artist_names import loose
from unheard.errors import UserError
from unheard.library import Track

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
ALL = slice(None)


@dataclass(frozen=True)
class FilterColumns:
    """The fields of all tracks that conditions read; equal texts are read once.

    genre, genres    (n,) number of each track's genre tag, and the genres of each tag
    year             (n,) 0: unknown
    duration_s       (n,) 0: unknown
    """

    genre: NDArray[np.int32]
    genres: tuple[frozenset[str], ...]
    year: NDArray[np.int32]
    duration_s: NDArray[np.float64]

    @staticmethod
    def of(tracks: Iterable[Track]) -> FilterColumns:
        """Read the fields of tracks."""
        tags: dict[str, int] = {}
        years: dict[str, int] = {}
        genre, year, duration_s = array("i"), array("i"), array("d")
        for track in tracks:
            genre.append(tags.setdefault(track.genre, len(tags)))
            if track.release_date not in years:
                years[track.release_date] = year_of(track) or 0
            year.append(years[track.release_date])
            duration_s.append(track.duration_s)
        genres = tuple(_genres_in(tag) for tag in tags)
        return FilterColumns(np.array(genre, np.int32), genres, np.array(year, np.int32), np.array(duration_s))


def rows_that_fit(filters: Filters, columns: FilterColumns, rows: Rows | slice = ALL) -> NDArray[np.bool_]:
    """Return whether each track of `rows` meets every condition, (row,) bool."""
    fits = np.ones(len(columns.genre[rows]), np.bool_)
    if filters.genres:
        wanted = frozenset(map(loose, filters.genres))
        fits &= np.array([bool(wanted & genres) for genres in columns.genres], np.bool_)[columns.genre[rows]]
    _require(fits, columns.year[rows], filters.year_from, filters.year_to)
    _require(fits, columns.duration_s[rows], filters.min_duration_s, filters.max_duration_s)
    return fits


def genres_of(track: Track) -> frozenset[str]:
    """Return the genres of a track in the form in which they are compared; empty without a genre tag."""
    return _genres_in(track.genre)


def first_genre(track: Track) -> str:
    """Return the first genre of a track in the form in which it is compared; empty without a genre tag."""
    return next((name for part in BETWEEN_GENRES.split(track.genre) if (name := loose(part))), "")


def year_of(track: Track) -> int | None:
    """Return the year of a release date such as "1999", "1999-05" or "1999-05-31"; None for other text."""
    match = YEAR.match(track.release_date)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _genres_in(tag: str) -> frozenset[str]:
    parts = (loose(part) for part in (*BETWEEN_GENRES.split(tag), tag))
    return frozenset(part for part in parts if part)


def _require(fits: NDArray[np.bool_], values: NDArray[Any], low: float | None, high: float | None) -> None:
    """Set `fits` to False for values out of bounds, and for unknown ones (0 or less) if there is a bound."""
    if low is None and high is None:
        return
    fits &= values > 0
    if low is not None:
        fits &= values >= low
    if high is not None:
        fits &= values <= high
