"""The query of the playlist maker, read from the address and written to it.

The address contains every choice, so that a list can be shared as a link and the browser's back button works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from starlette.datastructures import QueryParams

from unheard.errors import UserError
from unheard.recommend.options import NO_CAP
from unheard.serve.pages.text import address
from unheard.serve.schema import MAX_RESULTS, Likes, Which

PATH = "/make"
MAX_SEEDS = 100
MAX_TRACKS = 50  # on one page
SECONDS_A_MINUTE = 60


@dataclass(frozen=True)
class PlaylistQuery:
    """The seeds and options of a playlist. A limit of None is not set.

    max_per_artist  0: no limit
    max_per_album   0: no limit; None: as max_per_artist
    order           ids of tracks that come first, in this order
    """

    seeds: tuple[str, ...] = ()
    which: Which = "cold"
    n: int = 20
    max_per_artist: int = 2
    max_per_album: int | None = None
    diversity: float = 0.0
    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    min_minutes: float | None = None
    max_minutes: float | None = None
    exclude: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    model: str = ""

    @property
    def query(self) -> dict[str, object]:
        """The parameters of the address; options with their default value are left out."""
        default = PlaylistQuery()
        values: dict[str, object] = {
            "which": self.which,
            "n": self.n,
            "per_artist": self.max_per_artist,
            "per_album": self.max_per_album,
            "diversity": self.diversity,
            "year_from": self.year_from,
            "year_to": self.year_to,
            "min_minutes": self.min_minutes,
            "max_minutes": self.max_minutes,
            "model": self.model,
        }
        defaults = {
            "which": default.which,
            "n": default.n,
            "per_artist": default.max_per_artist,
            "diversity": default.diversity,
        }
        changed = {name: value for name, value in values.items() if value != defaults.get(name)}
        return {"seed": self.seeds, **changed, "genre": self.genres, "exclude": self.exclude, "order": self.order}

    @property
    def link(self) -> str:
        return address(PATH, self.query)

    def likes(self) -> Likes:
        """Return the same query as a request of the API."""
        return Likes(
            likes=self.seeds,
            n=self.n,
            candidates=self.which,
            max_per_artist=self.max_per_artist,
            max_per_album=self.max_per_album,
            diversity=self.diversity,
            genre=self.genres,
            year_from=self.year_from,
            year_to=self.year_to,
            min_duration_s=None if self.min_minutes is None else SECONDS_A_MINUTE * self.min_minutes,
            max_duration_s=None if self.max_minutes is None else SECONDS_A_MINUTE * self.max_minutes,
            exclude=self.exclude,
            model=self.model or None,
        )


def read_query(values: QueryParams) -> PlaylistQuery:
    """Parse an address or a form, where an empty field is not set; UserError names an invalid field.

    `unseed` and `allow` are buttons of the form: they remove a seed, or an exclusion.
    """
    which = values.get("which") or "cold"
    if which not in get_args(Which):
        raise UserError(f"which: expected one of {', '.join(get_args(Which))}, found {which!r:.40}")
    year_from, year_to = _number(values, "year_from", 0, 9999), _number(values, "year_to", 0, 9999)
    n = _number(values, "n", 1, MAX_TRACKS)
    cap = _number(values, "per_artist", NO_CAP, MAX_RESULTS)
    of_album = _number(values, "per_album", NO_CAP, MAX_RESULTS)
    return PlaylistQuery(
        seeds=_without(_names(values, "seed"), _names(values, "unseed"))[:MAX_SEEDS],
        which=cast("Which", which),
        n=20 if n is None else int(n),
        max_per_artist=2 if cap is None else int(cap),
        max_per_album=None if of_album is None else int(of_album),
        diversity=_number(values, "diversity", 0, 1) or 0.0,
        genres=_names(values, "genre")[:50],
        year_from=None if year_from is None else int(year_from),
        year_to=None if year_to is None else int(year_to),
        min_minutes=_number(values, "min_minutes", 0, 1e4),
        max_minutes=_number(values, "max_minutes", 0, 1e4),
        exclude=_without(_names(values, "exclude"), _names(values, "allow")),
        order=_names(values, "order"),
        model=values.get("model", "")[:200],
    )


def _names(values: QueryParams, name: str) -> tuple[str, ...]:
    """Return the distinct values of a field."""
    return tuple(dict.fromkeys(value for value in values.getlist(name) if value.strip()))


def _without(names: tuple[str, ...], dropped: tuple[str, ...]) -> tuple[str, ...]:
    left_out = set(dropped)  # an address may have thousands of both
    return tuple(name for name in names if name not in left_out)


def _number(values: QueryParams, name: str, low: float, high: float) -> float | None:
    text = values.get(name, "").strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UserError(f"{name.replace('_', ' ')}: expected a number from {low:g} to {high:g}, found {text!r:.40}")
    return value


def in_order(ids: Sequence[str], order: Sequence[str]) -> list[str]:
    """Return `ids` with those of `order` first, in that order."""
    known = set(ids)
    first = {name: None for name in order if name in known}
    return [*first, *(name for name in ids if name not in first)]
