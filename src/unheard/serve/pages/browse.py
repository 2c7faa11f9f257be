"""The start page, search, and the lists of tracks, artists and playlists."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from unheard.errors import MissingStageError, UserError
from unheard.recommend.track_status import NAMES, Status, name_of_cold
from unheard.serve import own_lists, queries
from unheard.serve.http_caching import REUSABLE
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.map import has_map
from unheard.serve.pages.media import stored_spectrogram
from unheard.serve.pages.pagination import Pagination
from unheard.serve.pages.text import address
from unheard.serve.pages.views import ResultView, results, show, show_row
from unheard.serve.schema import ListParameters, Shown
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import server_state

router = APIRouter()
Words = Annotated[str, Query(max_length=1000)]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=10**6)]

TRACKS_A_PAGE = 40
NAMES_A_PAGE = 90
N_SHOWCASE = 9
N_KNOWN = 3
FIRST_FOUND = 8
N_NEXT = 10
PLURALS: dict[Status, str] = {
    "new": "New",
    "known": "Known",
    "test": "Test tracks",
    "validation": "Validation tracks",
    "gone": "Gone",
}


@router.get("/")
def home(request: Request) -> Response:
    """Show some new tracks, which change every day, and links to the other pages; before there are any, the start."""
    try:
        snapshot = server_state(request).snapshot()
    except MissingStageError:
        return RedirectResponse("/start", 303)
    today, mapped = dt.datetime.now(tz=dt.UTC).date().toordinal(), has_map(snapshot)
    return snapshot.cached(("home", today, mapped), lambda: _home(request, snapshot, today, mapped=mapped))


def _home(request: Request, snapshot: Snapshot, today: int, *, mapped: bool) -> Response:
    index = snapshot.browse_index
    offered: tuple[Status, Status] = ("new", "test")
    shown = next((status for status in offered if status in index.statuses_present), None)
    rows = np.flatnonzero(index.has_status(shown)) if shown else np.arange(len(snapshot.catalogue))
    warm = snapshot.catalogue.candidates("warm", new=False)
    rng = np.random.default_rng(today)
    showcase = [show_row(snapshot, row) for row in rows[rng.permutation(len(rows))[:N_SHOWCASE]]]
    sampled = (int(row) for row in warm[rng.permutation(len(warm))[:N_SHOWCASE]])
    with_audio = next((row for row in sampled if stored_spectrogram(snapshot, row, max_frames=1) is not None), None)
    return page(
        request,
        "home.html",
        showcase=showcase,
        known=[show_row(snapshot, row) for row in warm[rng.permutation(len(warm))[:N_KNOWN]]],
        has_map=mapped,
        shown=shown,
        mel="" if with_audio is None else address("/pictures/mel", id=snapshot.catalogue.tracks.ids[with_audio]),
        n_tracks=len(snapshot.catalogue),
        n_new=int(index.has_status("new").sum()),
        n_test=int(index.has_status("test").sum()),
        n_playlists=len(snapshot.catalogue.playlists),
    )


@router.get("/search")
def search(request: Request, snapshot: CurrentSnapshot, q: Words = "") -> Response:
    """Show the first tracks, artists and playlists that match a few words."""
    tracks = queries.search(snapshot, q, limit=FIRST_FOUND)
    return page(
        request,
        "search.html",
        q=q,
        found=tracks,
        tracks=show(tracks.items),
        artists=queries.artists(snapshot, q, limit=FIRST_FOUND),
        playlists=queries.playlists(snapshot, q, limit=FIRST_FOUND),
    )


@router.get("/tracks", dependencies=[REUSABLE])
def tracks(
    request: Request,
    snapshot: CurrentSnapshot,
    q: Words = "",
    artist: Words = "",
    kind: Shown = "all",
    number: PageNumber = 1,
) -> Response:
    """List all tracks, or those that match."""
    found = queries.search(
        snapshot, q, which=kind, artist=artist, offset=(number - 1) * TRACKS_A_PAGE, limit=TRACKS_A_PAGE
    )
    query = {"q": q, "artist": artist, "kind": None if kind == "all" else kind}
    pagination = Pagination(number, TRACKS_A_PAGE, found.total, "/tracks", query)
    if pagination.is_past_the_end:
        return RedirectResponse(pagination.link(pagination.n_pages), 303)
    present = snapshot.browse_index.statuses_present
    return page(
        request,
        "tracks.html",
        q=q,
        artist=artist,
        kind=kind,
        kinds=[("all", "All"), *((one, PLURALS[one]) for one in NAMES if one in present or one == kind)],
        pagination=pagination,
        tracks=show(found.items),
    )


@router.get("/artists", dependencies=[REUSABLE])
def artists(request: Request, snapshot: CurrentSnapshot, q: Words = "", number: PageNumber = 1) -> Response:
    """List all artists, or those that match."""
    found = queries.artists(snapshot, q, offset=(number - 1) * NAMES_A_PAGE, limit=NAMES_A_PAGE)
    pagination = Pagination(number, NAMES_A_PAGE, found.total, "/artists", {"q": q})
    if pagination.is_past_the_end:
        return RedirectResponse(pagination.link(pagination.n_pages), 303)
    return page(request, "artists.html", q=q, pagination=pagination, artists=found.items)


@router.get("/playlists", dependencies=[REUSABLE])
def playlists(request: Request, snapshot: CurrentSnapshot, q: Words = "", number: PageNumber = 1) -> Response:
    """List all playlists, or those that match."""
    found = queries.playlists(snapshot, q, offset=(number - 1) * NAMES_A_PAGE, limit=NAMES_A_PAGE)
    saved = [one for one in own_lists.all_saved(snapshot).items if q.casefold() in one.name.casefold()]
    pagination = Pagination(number, NAMES_A_PAGE, found.total, "/playlists", {"q": q})
    if pagination.is_past_the_end:
        return RedirectResponse(pagination.link(pagination.n_pages), 303)
    return page(request, "playlists.html", q=q, pagination=pagination, playlists=found.items, saved=saved)


@router.get("/playlist", dependencies=[REUSABLE])
def playlist(request: Request, snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002 - in the address
    """Show a playlist, and new tracks (of an experiment: test tracks) recommended for it."""
    found = queries.playlist(snapshot, id)
    return page(
        request,
        "playlist.html",
        playlist=found,
        tracks=show(found.items[:TRACKS_A_PAGE]),
        found=recommended(snapshot, id),
        offered=name_of_cold(snapshot.catalogue),
    )


def recommended(snapshot: Snapshot, playlist_id: str) -> list[ResultView]:
    """Return cold tracks for a playlist; none if it contains no track of the library."""
    try:
        return results(queries.for_playlist(snapshot, playlist_id, ListParameters(n=N_NEXT)))
    except UserError:
        return []
