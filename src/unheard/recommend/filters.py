"""Wishes about what is recommended: genres, years, lengths.

A wish is about a field of the track. A track that lacks the field is left out when it is asked about, because nobody
knows whether it fits, and kept when it is not. Wishes are applied after the ranking: what remains is the same list
with the same scores, and what does not fit is skipped.

Genres are compared loosely (case, accents and punctuation do not count) and whole: "rock" does not ask for "Post-Rock".
A track has every genre of a tag such as "Ambient; Drone / Noise", and the tag as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.splits.groups import loose

BETWEEN_GENRES = re.compile(r"[;,/|\0]")
YEAR = re.compile(r"\s*(\d{4})(?!\d)")


def _ascending(what: str, least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise UserError(f"{what} from {least} to {most} hold nothing; swap the two")


@dataclass(frozen=True)
class Where:
    """What a track must be to be recommended; the empty wish fits every track.

    genres                       any of these; none: any genre
    year_from, year_to           of the release, both included
    min_duration_s, max_duration_s  both included

    UserError for a wish that no track can fulfil.
    """

    genres: frozenset[str] = frozenset()
    year_from: int | None = None
    year_to: int | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None

    def __post_init__(self) -> None:
        for genre in self.genres:
            if not loose(genre):
                raise UserError(f"genre {genre!r}: expected a name; leave it out to take any genre")
        _ascending("years", self.year_from, self.year_to)
        for name, value in (("shortest", self.min_duration_s), ("longest", self.max_duration_s)):
            if value is not None and not 0 <= value < np.inf:
                raise UserError(f"{name} duration {value}: expected seconds, at least 0")
        _ascending("durations", self.min_duration_s, self.max_duration_s)

    @property
    def asks_nothing(self) -> bool:
        return self == ANYTHING


ANYTHING = Where()


def rows_that_fit(where: Where, tracks: Tracks) -> NDArray[np.bool_]:
    """Which tracks fulfil every wish, (n,) bool."""
    if where.asks_nothing:
        return np.ones(len(tracks), np.bool_)
    wanted = frozenset(map(loose, where.genres))
    return np.array([_fits(where, wanted, track) for track in tracks.items], np.bool_)


def genres_of(track: Track) -> frozenset[str]:
    """The genres of a track as they are compared; empty where its tags name none."""
    parts = (loose(part) for part in (*BETWEEN_GENRES.split(track.genre), track.genre))
    return frozenset(part for part in parts if part)


def first_genre(track: Track) -> str:
    """The first genre that the tags name, as it is compared; empty where they name none."""
    return next((name for part in BETWEEN_GENRES.split(track.genre) if (name := loose(part))), "")


def year_of(track: Track) -> int | None:
    """The year of a release date such as "1999", "1999-05" or "1999-05-31"; None for anything else."""
    match = YEAR.match(track.release_date)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _fits(where: Where, wanted: frozenset[str], track: Track) -> bool:
    if wanted and not wanted & genres_of(track):
        return False
    return _within(year_of(track), where.year_from, where.year_to) and _within(
        track.duration_s if track.duration_s > 0 else None, where.min_duration_s, where.max_duration_s
    )


def _within(value: float | None, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)
