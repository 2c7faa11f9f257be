"""Home, search, and the lists of tracks, artists and playlists."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from unheard.errors import UserError
from unheard.serve import answers
from unheard.serve.caching import REUSABLE
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.leaf import Leaf
from unheard.serve.pages.media import heard
from unheard.serve.pages.sky import has_map
from unheard.serve.pages.text import address
from unheard.serve.pages.views import ShownResult, results, show, show_row
from unheard.serve.schema import Options, Which
from unheard.serve.state import Loaded

router = APIRouter()
Words = Annotated[str, Query(max_length=1000)]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=10**6)]

TRACKS_A_PAGE = 40
NAMES_A_PAGE = 90
IN_SKY = 9
IN_DOOR = 3
FIRST_FOUND = 8
N_NEXT = 10


@router.get("/")
def home(request: Request, now: Now) -> Response:
    """What this is, and unheard records to begin with; others every day."""
    today, mapped = dt.datetime.now(tz=dt.UTC).date().toordinal(), has_map(now)
    return now.once(("home", today, mapped), lambda: _home(request, now, today, mapped=mapped))


def _home(request: Request, now: Loaded, today: int, *, mapped: bool) -> Response:
    cold = now.catalogue.candidates("cold", new=True)
    rows = cold if len(cold) else np.arange(len(now.catalogue))
    warm = now.catalogue.candidates("warm", new=False)
    rng = np.random.default_rng(today)
    sky = [show_row(now, row) for row in rows[rng.permutation(len(rows))[:IN_SKY]]]
    tried = (int(row) for row in warm[rng.permutation(len(warm))[:IN_SKY]])
    drawn = next((row for row in tried if heard(now, row, most_frames=1) is not None), None)
    return page(
        request,
        "home.html",
        sky=sky,
        known=[show_row(now, row) for row in warm[rng.permutation(len(warm))[:IN_DOOR]]],
        has_map=mapped,
        kept_back=now.shelves.unheard_were_played,
        mel="" if drawn is None else address("/pictures/mel", id=now.catalogue.tracks.ids[drawn]),
        n_tracks=len(now.catalogue),
        n_cold=len(cold),
        n_playlists=len(now.catalogue.playlists),
    )


@router.get("/search")
def search(request: Request, now: Now, q: Words = "") -> Response:
    """The first tracks, artists and playlists that fit a few words."""
    tracks = answers.search(now, q, limit=FIRST_FOUND)
    return page(
        request,
        "search.html",
        q=q,
        found=tracks,
        tracks=show(tracks.items),
        artists=answers.artists(now, q, limit=FIRST_FOUND),
        playlists=answers.playlists(now, q, limit=FIRST_FOUND),
    )


@router.get("/tracks", dependencies=[REUSABLE])
def tracks(
    request: Request, now: Now, q: Words = "", artist: Words = "", kind: Which = "all", number: PageNumber = 1
) -> Response:
    """All tracks, or those that fit."""
    found = answers.search(now, q, which=kind, artist=artist, offset=(number - 1) * TRACKS_A_PAGE, limit=TRACKS_A_PAGE)
    query = {"q": q, "artist": artist, "kind": None if kind == "all" else kind}
    leaf = Leaf(number, TRACKS_A_PAGE, found.total, "/tracks", query)
    if leaf.is_beyond:
        return RedirectResponse(leaf.link(leaf.n_pages), 303)
    return page(request, "tracks.html", q=q, artist=artist, kind=kind, leaf=leaf, tracks=show(found.items))


@router.get("/artists", dependencies=[REUSABLE])
def artists(request: Request, now: Now, q: Words = "", number: PageNumber = 1) -> Response:
    """All artists, or those that fit."""
    found = answers.artists(now, q, offset=(number - 1) * NAMES_A_PAGE, limit=NAMES_A_PAGE)
    leaf = Leaf(number, NAMES_A_PAGE, found.total, "/artists", {"q": q})
    if leaf.is_beyond:
        return RedirectResponse(leaf.link(leaf.n_pages), 303)
    return page(request, "artists.html", q=q, leaf=leaf, artists=found.items)


@router.get("/playlists", dependencies=[REUSABLE])
def playlists(request: Request, now: Now, q: Words = "", number: PageNumber = 1) -> Response:
    """All playlists, or those that fit."""
    found = answers.playlists(now, q, offset=(number - 1) * NAMES_A_PAGE, limit=NAMES_A_PAGE)
    leaf = Leaf(number, NAMES_A_PAGE, found.total, "/playlists", {"q": q})
    if leaf.is_beyond:
        return RedirectResponse(leaf.link(leaf.n_pages), 303)
    return page(request, "playlists.html", q=q, leaf=leaf, playlists=found.items)


@router.get("/playlist", dependencies=[REUSABLE])
def playlist(request: Request, now: Now, id: str) -> Response:  # noqa: A002 - in the address
    """One playlist, and unheard tracks that would suit it."""
    found = answers.playlist(now, id)
    return page(
        request,
        "playlist.html",
        playlist=found,
        tracks=show(found.items[:TRACKS_A_PAGE]),
        found=suited(now, id),
    )


def suited(now: Loaded, playlist_id: str) -> list[ShownResult]:
    """Unheard tracks for a playlist; none for one that holds no track of the library."""
    try:
        return results(answers.for_playlist(now, playlist_id, Options(n=N_NEXT)))
    except UserError:
        return []
