"""What may be asked of a list: one frozen value, passed whole from the command line, the API and Python to the ranking.

Ids are strings here; the ranking converts them to rows. In Python "no artist cap" is `max_per_artist=None`. On the
command line, in the HTTP API and in addresses of pages it is 0, converted by `artist_cap`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack, get_args

from unheard.errors import UserError
from unheard.recommend.catalogue import Candidates
from unheard.recommend.filters import NO_FILTERS, Filters

NO_CAP = 0  # how `max_per_artist` is written where it is a number


@dataclass(frozen=True)
class ListOptions:
    """Options of every list.

    n               at most this many tracks
    candidates      "cold": test tracks and tracks that are new since the split; "warm": train tracks with plays; "all".
                    None: "cold" for `recommend`, "all" for `similar`
    max_per_artist  at most this many by one main artist; None: no cap
    exclude         ids of tracks that must not be returned
    diversity       0: by score alone; 1: each as unlike those before it as possible (diversify.py)
    filters         conditions on genre, year and duration (filters.py)
    explain         whether each track gets its reasons and its confidence, which take time

    UserError for a value that makes no sense.
    """

    n: int = 10
    candidates: Candidates | None = None
    max_per_artist: int | None = 2
    exclude: Collection[str] = frozenset()
    diversity: float = 0.0
    filters: Filters = NO_FILTERS
    explain: bool = True

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError(f"n {self.n}: expected a number of tracks, at least 1")
        if self.candidates is not None and self.candidates not in get_args(Candidates):
            raise UserError(f"candidates {self.candidates!r}: expected one of {', '.join(get_args(Candidates))}")
        if self.max_per_artist is not None and self.max_per_artist < 1:
            raise UserError(f"max_per_artist {self.max_per_artist}: expected at least 1, or None for no cap")
        if isinstance(self.exclude, str):
            raise UserError(f"exclude {self.exclude!r}: expected a list of track ids; write [{self.exclude!r}]")
        if not 0 <= self.diversity <= 1:
            raise UserError(f"diversity {self.diversity}: expected 0 (by score alone) to 1 (as unlike as possible)")
        object.__setattr__(self, "exclude", frozenset(self.exclude))  # hashable, whatever collection was given

    def changed(self, **changes: Unpack[ListChanges]) -> ListOptions:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)


class ListChanges(TypedDict, total=False):
    """Fields of `ListOptions` as keyword arguments."""

    n: int
    candidates: Candidates | None
    max_per_artist: int | None
    exclude: Collection[str]
    diversity: float
    filters: Filters
    explain: bool


DEFAULT_OPTIONS = ListOptions()


def artist_cap(number: int) -> int | None:
    """Return the `max_per_artist` of a number given on the command line, in a request or in an address: 0 is no cap."""
    return None if number == NO_CAP else number
