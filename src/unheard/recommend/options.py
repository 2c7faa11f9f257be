"""Define the options of a list, one frozen value that the command line, the API and Python pass to the ranking.

Tracks are given by id; the ranking converts ids to rows. In Python `max_per_artist` and `max_per_album` are None for no
cap. On the command line, in the HTTP API and in addresses of pages it is 0; `artist_cap` and `album_cap` convert it.

An album has by default the cap of an artist. That changes nothing for an album of one artist, and it limits a DJ mix or
a compilation, each of whose tracks is by another artist, so that a list is not one album.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, Unpack, get_args

from unheard.errors import UserError
from unheard.recommend.catalogue import Candidates
from unheard.recommend.filters import NO_FILTERS, Filters

NO_CAP = 0  # number that stands for "no cap"
AlbumCap = int | None | Literal["artist"]


def check_is_list(name: str, given: object) -> None:
    """Raise UserError for one text, whose letters would be taken as ids or files."""
    if isinstance(given, str):
        raise UserError(f"{name} {given!r}: expected a list; write [{given!r}]")


@dataclass(frozen=True)
class ListOptions:
    """Options of a list.

    n               maximum number of tracks
    candidates      "cold": test tracks and tracks added after the split; "warm": train tracks with plays; "all".
                    None: "cold" for `recommend`, "all" for `similar`
    max_per_artist  maximum number of tracks of one main artist; None: no cap
    max_per_album   maximum number of tracks of one album; None: no cap; "artist": the same as `max_per_artist`
    exclude         ids of tracks that must not be returned
    diversity       0: rank by score; 1: choose each track as different as possible from those before it (diversify.py)
    filters         conditions on genre, year and duration (filters.py)
    explain         whether each track gets reasons and a confidence, which take additional time

    Raise UserError for an invalid value.
    """

    n: int = 10
    candidates: Candidates | None = None
    max_per_artist: int | None = 2
    max_per_album: AlbumCap = "artist"
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
        if self.max_per_album != "artist" and self.max_per_album is not None and self.max_per_album < 1:
            raise UserError(f"max_per_album {self.max_per_album}: expected at least 1, or None for no cap")
        check_is_list("exclude", self.exclude)
        if not 0 <= self.diversity <= 1:
            raise UserError(f"diversity {self.diversity}: expected 0 (by score) to 1 (as different as possible)")
        object.__setattr__(self, "exclude", frozenset(self.exclude))  # a frozenset can be hashed

    @property
    def n_per_album(self) -> int | None:
        """The maximum number of tracks of one album; None: no cap."""
        return self.max_per_artist if self.max_per_album == "artist" else self.max_per_album

    def changed(self, **changes: Unpack[ListChanges]) -> ListOptions:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)


class ListChanges(TypedDict, total=False):
    """Fields of `ListOptions` as keyword arguments."""

    n: int
    candidates: Candidates | None
    max_per_artist: int | None
    max_per_album: AlbumCap
    exclude: Collection[str]
    diversity: float
    filters: Filters
    explain: bool


DEFAULT_OPTIONS = ListOptions()


def artist_cap(number: int) -> int | None:
    """Return `max_per_artist` for a number from the command line, a request or an address; 0 is no cap."""
    return None if number == NO_CAP else number


def album_cap(number: int | None) -> AlbumCap:
    """Return `max_per_album` for a number from the command line, a request or an address; 0 is no cap, None not set."""
    return "artist" if number is None else artist_cap(number)
