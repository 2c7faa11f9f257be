"""Colours of the points of the map: by known and new, genre, year or playlist; and names of its regions.

A response of /map/colours is JSON: `legend` has the name, colour and number of tracks of each class, the most frequent
first; `classes` is one byte for each track by row, the index into `legend`, in base64.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import BaseModel

from unheard.recommend.filters import year_of
from unheard.recommend.map_regions import genre_names, region_names
from unheard.serve import queries
from unheard.serve.pages.layout import CurrentSnapshot
from unheard.serve.pages.map import current_map, kinds
from unheard.serve.pages.text import short
from unheard.serve.snapshot import Snapshot

router = APIRouter()

By = Literal["kind", "genre", "year", "playlist"]
KNOWN, NEW = "#f2ab66", "#73b5ff"
REST = "#59647a"  # tracks without a class
# Twelve hues that differ in lightness too, on a dark ground.
HUES = (
    "#ff9a5c", "#63b3ff", "#7ddc7a", "#ff7fb0", "#f5e063", "#b79bff", "#4fd8cf", "#ff6b5e", "#c9e6ff", "#c98f4e",
    "#5f8f5a", "#e3b7ff",
)  # fmt: skip
YEAR_COLOURS = ("#4a3f9e", "#3d6fc4", "#35a0b8", "#4cc68a", "#b7dd55", "#ffe45c")  # old to new
MAX_CHARS = 40


class LegendEntry(BaseModel):
    """One class of tracks."""

    name: str
    colour: str
    tracks: int


class Colours(BaseModel):
    """The classes of all tracks."""

    legend: tuple[LegendEntry, ...]
    classes: str


class Region(BaseModel):
    """A name on the map."""

    name: str
    x: float
    y: float
    tracks: int


@router.get("/map/colours")
def colours(
    snapshot: CurrentSnapshot, by: By = "kind", playlist: Annotated[str, Query(max_length=1000)] = ""
) -> Colours:
    """Return the class of each track; `playlist` is the id of a playlist for `by=playlist`."""
    if by == "playlist":
        return _by_playlist(snapshot, playlist)
    make = {"kind": _by_kind, "genre": _by_genre, "year": _by_year}[by]
    return snapshot.cached(("map colours", by), lambda: make(snapshot))


@router.get("/map/regions")
def regions(snapshot: CurrentSnapshot) -> list[Region]:
    """Return names of regions, those with most tracks first."""
    track_map = current_map(snapshot)
    key = ("map regions", track_map.digest, track_map.method)
    found = snapshot.cached(key, lambda: region_names(snapshot.catalogue.tracks.items, track_map.points))
    return [Region(name=short(one.name, MAX_CHARS), x=one.x, y=one.y, tracks=one.n_tracks) for one in found]


def _by_kind(snapshot: Snapshot) -> Colours:
    cold = np.array([kind != "warm" for kind in kinds(snapshot)], np.uint8)
    return _colours(cold, ("known", "new" if snapshot.catalogue.is_live else "test or new"), (KNOWN, NEW))


def _by_genre(snapshot: Snapshot) -> Colours:
    """Colour the most frequent genres; a track with several has the colour of the most frequent one of them."""
    names = genre_names(snapshot.catalogue.tracks.items)
    first = names.first()
    shown = names.names[: len(HUES)]
    classes = np.where((first >= 0) & (first < len(shown)), first, len(shown)).astype(np.uint8)
    other = "other or no genre" if shown else "no genre"
    return _colours(classes, (*shown, other), (*HUES[: len(shown)], REST))


def _by_year(snapshot: Snapshot) -> Colours:
    """Colour groups of years with about as many tracks each."""
    years = np.array([year_of(track) or 0 for track in snapshot.catalogue.tracks.items])
    known = np.unique(years[years > 0])
    if not len(known):
        return _colours(np.zeros(len(years), np.uint8), ("no year",), (REST,))
    steps = np.linspace(0, 1, len(YEAR_COLOURS) + 1)[1:-1]
    edges = np.unique(np.quantile(years[years > 0], steps, method="higher"))
    edges = edges[edges > known[0]]
    group = np.searchsorted(edges, years, side="right")
    names = [_span(years[(group == i) & (years > 0)]) for i in range(len(edges) + 1)]
    chosen = np.linspace(0, len(YEAR_COLOURS) - 1, len(names)).round().astype(int)
    classes = np.where(years > 0, group, len(names)).astype(np.uint8)
    return _colours(classes, (*names, "no year"), (*(YEAR_COLOURS[i] for i in chosen), REST))


def _span(years: NDArray[np.integer]) -> str:
    first, last = int(years.min()), int(years.max())
    return str(first) if first == last else f"{first}-{last}"


def _by_playlist(snapshot: Snapshot, playlist_id: str) -> Colours:
    if playlist_id not in snapshot.catalogue.playlists:
        raise queries.NotFoundError(f"no playlist {playlist_id!r}")
    rows = list(snapshot.browse_index.tracks_of(snapshot.catalogue.playlists.row(playlist_id)))
    classes = np.ones(len(snapshot.catalogue), np.uint8)
    classes[rows] = 0
    return _colours(classes, (playlist_id, "other tracks"), (HUES[4], REST))


def _colours(classes: NDArray[np.uint8], names: Sequence[str], shown: Sequence[str]) -> Colours:
    counts = np.bincount(classes, minlength=len(names))
    legend = tuple(
        LegendEntry(name=short(name, MAX_CHARS), colour=colour, tracks=int(n))
        for name, colour, n in zip(names, shown, counts, strict=True)
    )
    return Colours(legend=legend, classes=base64.b64encode(classes.tobytes()).decode())
